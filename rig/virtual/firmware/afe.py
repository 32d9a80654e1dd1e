"""The analog front end of `esp32-4s`: from pins to readings, with this specimen's own errors.

Errors are drawn once from the seed, as a board's are in its making; noise comes from a table made
then, so that an hour of virtual time stays cheap. Must not judge a reading, but for whether there
is one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from rig.virtual.esp32 import Random
from rig.virtual.pins import Pins

NOISE_SAMPLES = 1021  # a prime: channels sampled in turn do not meet the same noise again soon
KELVIN = 273.15


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerances:
    """Bounds of the specimen's errors (uniform) and the noise (standard deviation)."""

    cell_offset_v: float = 1.0e-3
    cell_gain: float = 0.25e-3  # 1 mV at 4 V: with the offset, within +-2 mV
    cell_noise_v: float = 0.2e-3
    current_offset_a: float = 0.05
    current_gain: float = 1.0e-3
    current_noise_a: float = 0.02
    pack_offset_v: float = 8.0e-3
    pack_noise_v: float = 1.0e-3
    temperature_offset_k: float = 0.25
    ratio_noise: float = 40e-6  # of the thermistor divider; 0.01 K at 25 degC
    short_circuit_gain: float = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Thermistor:
    """The sensor that the firmware believes in, against 10 kohm to the reference."""

    r25_ohm: float = 10_000.0
    beta_k: float = 3435.0
    pull_up_ohm: float = 10_000.0
    open_ohm: float = 600_000.0  # colder than -55 degC: no such cell, a broken lead
    short_ohm: float = 200.0  # hotter than 150 degC: a short

    def degc(self, ohm: float) -> float:
        """Temperature by the B equation (measurement.md, 6)."""
        inverse = 1.0 / (25.0 + KELVIN) + math.log(ohm / self.r25_ohm) / self.beta_k
        return 1.0 / inverse - KELVIN


@dataclass(slots=True)
class Readings:
    """The newest values; NaN means that there is none."""

    cells_v: list[float]
    temperatures_degc: list[float]
    sensors_open: list[float]  # 1.0 or 0.0 each, as the protections compare numbers
    sensors_short: list[float]
    pack_v: float = 0.0
    current_a: float = 0.0  # charge positive
    scans: int = 0  # of cells and sensors since power-up
    wires_open: list[float] = field(default_factory=list)


class FrontEnd:
    """Samples the pins when told to."""

    def __init__(  # noqa: PLR0913  (what is soldered on)
        self,
        pins: Pins,
        random: Random,
        *,
        cells: int,
        sensors: int,
        tolerances: Tolerances,
        thermistor: Thermistor,
    ) -> None:
        def within(bound: float) -> float:
            return random.uniform(-bound, bound)

        t = tolerances
        self._analog, self._thermistor, self._tolerances = pins.analog, thermistor, t
        self._cells = [
            (f"cell {n + 1}", 1.0 + within(t.cell_gain), within(t.cell_offset_v))
            for n in range(cells)
        ]
        self._sensors = [(f"ntc {n + 1}", within(t.temperature_offset_k)) for n in range(sensors)]
        self._current = 1.0 + within(t.current_gain), within(t.current_offset_a)
        self._pack_offset_v = within(t.pack_offset_v)
        self.short_circuit_factor = 1.0 + within(t.short_circuit_gain)
        self._noise = [random.gauss(0.0, 1.0) for _ in range(NOISE_SAMPLES)]
        self._turn = 0
        self._known_degc: list[tuple[float, float]] = [(math.nan, math.nan)] * sensors

    def fresh(self) -> Readings:
        """Return readings before the first sample: invalid, never a plausible value."""
        cells, sensors = len(self._cells), len(self._sensors)
        return Readings(
            cells_v=[math.nan] * cells,
            temperatures_degc=[math.nan] * sensors,
            sensors_open=[0.0] * sensors,
            sensors_short=[0.0] * sensors,
            wires_open=[0.0] * cells,
            pack_v=math.nan,
        )

    def sample_current(self) -> float:
        """Current through the shunt, in A."""
        gain, offset_a = self._current
        noise_a = self._draw() * self._tolerances.current_noise_a
        return self._analog("current") * gain + offset_a + noise_a

    def scan(self, into: Readings) -> None:
        """Sample cells, pack and temperature sensors."""
        into.cells_v = cells_v = [self._cell(*cell) for cell in self._cells]
        into.wires_open = [1.0 if v != v else 0.0 for v in cells_v]  # noqa: PLR0124  (NaN)
        noise_v = self._draw() * self._tolerances.pack_noise_v
        into.pack_v = self._analog("pack") + self._pack_offset_v + noise_v
        for index, (name, offset_k) in enumerate(self._sensors):
            self._scan_sensor(index, self._analog(name), offset_k, into)
        into.scans += 1

    def _draw(self) -> float:
        turn = self._turn = (self._turn + 1) % NOISE_SAMPLES
        return self._noise[turn]

    def _cell(self, name: str, gain: float, offset_v: float) -> float:
        noise_v = self._draw() * self._tolerances.cell_noise_v
        # The converter's step is 0.1 mV, as an LTC6804's (protections.md 1.3).
        return round(self._analog(name) * gain + offset_v + noise_v, 4)

    def _scan_sensor(self, index: int, ohm: float, offset_k: float, into: Readings) -> None:
        thermistor = self._thermistor
        is_open = not ohm < thermistor.open_ohm  # also where the simulator offers infinity
        is_short = ohm < thermistor.short_ohm
        into.sensors_open[index] = float(is_open)
        into.sensors_short[index] = float(is_short)
        if is_open or is_short:
            into.temperatures_degc[index] = math.nan
            return
        into.temperatures_degc[index] = self._degc(index, ohm) + offset_k

    def _degc(self, index: int, ohm: float) -> float:
        """Temperature of a resistance, reckoned anew only when it moved, plus noise."""
        known_ohm, degc = self._known_degc[index]
        if ohm != known_ohm:
            degc = self._thermistor.degc(ohm)
            self._known_degc[index] = ohm, degc
        # x = R / (R + Rp), so dT/dx = -T^2/B / (x (1 - x)); about -100 K at 25 degC, B 3435.
        ratio = ohm / (ohm + self._thermistor.pull_up_ohm)
        kelvin = degc + KELVIN
        slope_k = kelvin * kelvin / (self._thermistor.beta_k * ratio * (1.0 - ratio))
        return degc + slope_k * self._tolerances.ratio_noise * self._draw()


def highest(values: Sequence[float]) -> float:
    """Return the highest valid value, NaN if none is."""
    top = max(values)  # which skips a NaN unless it comes first
    if top == top:  # noqa: PLR0124  (not NaN)
        return top
    return max((v for v in values if v == v), default=math.nan)  # noqa: PLR0124


def lowest(values: Sequence[float]) -> float:
    """Return the lowest valid value, NaN if none is."""
    least = min(values)
    if least == least:  # noqa: PLR0124  (not NaN)
        return least
    return min((v for v in values if v == v), default=math.nan)  # noqa: PLR0124
