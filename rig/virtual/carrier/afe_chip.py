"""The analog front end chip of the reference BMS: converter, comparator, registers.

Hardware beside the controller, supplied by the cells: it goes on while the controller is in reset,
and loses its settings by itself when the cells sag. A kind of bq769x0 with the finer steps of an
LTC6804 (ADI data sheet 680412fc), for up to 16 cells; its registers are those of `afe_map.py`.
Conversions are so quick against the firmware's tasks that a register always holds the value of the
moment. Must not know what the firmware thinks.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

from rig.virtual.carrier.afe_map import (
    CELL_LSB_V,
    CONTROL,
    CONVERTER_ON,
    CURRENT_LSB_A,
    NO_CURRENT,
    NO_LIMIT,
    NO_VALUE,
    NTC_ON,
    OFFSET_LSB_V,
    OV_LIMIT,
    OVERVOLTAGE,
    PACK,
    PACK_LSB_V,
    POWER_ON,
    RATIO_FULL,
    SETTINGS_MODE,
    STATUS,
    TRIM_LSB,
    UNUSED_NTC,
    WIDE_RANGE,
)
from rig.virtual.carrier.board_pins import BoardPins, Comparator
from rig.virtual.kernel import MS, Kernel
from rig.virtual.seeds import Random

NOISE_SAMPLES = 1021  # a prime: channels sampled in turn do not meet the same noise again soon

NARROW_V, WIDE_V = 3.3, 6.5  # full scale of a cell input without and with its divider
WAKE_NS = 40 * MS  # from power-on to the first conversion
# Of the cells' mean: below the first it loses everything, above the second it starts again.
RESET_CELL_V, START_CELL_V = 1.1, 1.3
FLOATING_V = 1.15  # how far an open tap lets a cell's reading wander, up and down in turn

_HEAD = struct.Struct(">Bxh")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerances:
    """Bounds of the specimen's errors (uniform) and the noise (standard deviation).

    Gain and offset of the trims are what the factory measured, and what the firmware takes away
    again; the other errors are what is left.
    """

    cell_offset_v: float = 1.0e-3
    cell_gain: float = 0.25e-3  # 1 mV at 4 V: with the offset, within +-2 mV
    cell_noise_v: float = 0.2e-3
    current_offset_a: float = 0.05
    current_gain: float = 1.0e-3
    current_noise_a: float = 0.02
    pack_offset_v: float = 8.0e-3
    pack_noise_v: float = 1.0e-3
    pull_up: float = 0.0095  # of the thermistors': 0.25 K at 25 degC, B 3435
    ratio_noise: float = 40e-6  # of the thermistor divider; 0.01 K at 25 degC
    limit_v: float = 10e-3  # of the comparator
    clock: float = 0.05  # of the comparator's delay
    short_circuit_gain: float = 0.02
    cell_gain_trim: tuple[int, int] = (-80, 80)
    cell_offset_trim: tuple[int, int] = (-47, -12)  # mV; this maker's parts read low [u]
    current_gain_trim: tuple[int, int] = (110, 160)  # the shunt with its solder, 1.1 to 1.6 % more


class AfeChip:
    """One chip with this specimen's own errors, drawn once as they are in its making.

    Parameters
    ----------
    random : Random
        Of the specimen: its errors.
    moment : Random, optional
        Its noise; not given, that of the specimen too.
    cells, sensors : int
        How many of its inputs are used.
    pull_up_ohm, lead_ohm : float
        From each thermistor to the reference; in each sense wire, so that a cell that is bled, and
        its neighbours, read wrong meanwhile.
    """

    def __init__(  # noqa: PLR0913  (what is soldered on)
        self,
        kernel: Kernel,
        pins: BoardPins,
        random: Random,
        *,
        moment: Random | None = None,
        cells: int,
        sensors: int,
        tolerances: Tolerances,
        pull_up_ohm: float = 10_000.0,
        lead_ohm: float = 0.05,
    ) -> None:
        self._kernel, self._pins, self._lead_ohm = kernel, pins, lead_ohm
        self._names = [f"cell {n + 1}" for n in range(cells)]
        self._bleeds = [f"bleed {n + 1}" for n in range(cells)]
        self._sensors = [f"ntc {n + 1}" for n in range(sensors)]
        self._scan = struct.Struct(f">{2 + cells + sensors}H")
        self._draw_errors(random, tolerances, pull_up_ohm)
        self._noise = [(moment or random).gauss(0.0, 1.0) for _ in range(NOISE_SAMPLES)]
        self._turn = 0
        self._floats_up = False
        self._since_ns: dict[int, int] = {}  # of the cells above the limit, by index
        self._comparators = [self._watch(n) for n in range(cells)]
        for name in self._names:
            pins.when(name, RESET_CELL_V, rising=False, then=self._sag)
        self._alive = self._supply_v() >= START_CELL_V
        self._power_on()

    def _draw_errors(self, random: Random, t: Tolerances, pull_up_ohm: float) -> None:
        def within(bound: float) -> float:
            return random.uniform(-bound, bound)

        def trim(bounds: tuple[int, int]) -> int:
            return round(random.uniform(*bounds))

        self._tolerances = t
        self._cell_errors = [
            (1.0 + within(t.cell_gain), within(t.cell_offset_v)) for _ in self._names
        ]
        self._pull_ups = [pull_up_ohm * (1.0 + within(t.pull_up)) for _ in self._sensors]
        self._current_error = 1.0 + within(t.current_gain), within(t.current_offset_a)
        self._pack_offset_v = within(t.pack_offset_v)
        self.short_circuit_factor = 1.0 + within(t.short_circuit_gain)
        self._limit_error_v, self._clock = within(t.limit_v), 1.0 + within(t.clock)
        self._trims = trim(t.cell_gain_trim), trim(t.cell_offset_trim), trim(t.current_gain_trim)
        gain, offset, current = self._trims
        self._cell_step_v, self._trim_v = CELL_LSB_V * (1 + gain * TRIM_LSB), offset * OFFSET_LSB_V
        self._current_step_a = CURRENT_LSB_A * (1 + current * TRIM_LSB)

    # ---- supply ----------------------------------------------------------------------------------
    @property
    def answers(self) -> bool:
        """Whether its supply is there; where it was not, the first to ask wakes it."""
        if not self._alive and self._supply_v() >= START_CELL_V:
            self._alive = True
            self._power_on()
        return self._alive

    def _supply_v(self) -> float:
        """Give the mean of the cells; one that is not there adds nothing."""
        volts = (self._pins.analog(name) for name in self._names)
        return sum(v for v in volts if v == v) / len(self._names)  # noqa: PLR0124  (not NaN)

    def _sag(self) -> None:
        """Look at the supply: one cell of several at nothing does not take it away."""
        if self._supply_v() <= RESET_CELL_V:
            self._alive = False

    def _power_on(self) -> None:
        self._woken_ns = self._kernel.now_ns
        self._control, self._status = CONVERTER_ON | WIDE_RANGE, POWER_ON
        self._limit, self._delay_ms, self._ntc_on = NO_LIMIT, 0xFF, 0x01
        self._held_a = NO_CURRENT
        self._set_comparators()

    # ---- registers -------------------------------------------------------------------------------
    def read(self, register: int, count: int) -> bytes:
        """Give the content of `count` registers from `register` on."""
        if register < STATUS:
            return self._settings()[register : register + count]
        first = register - STATUS
        # What is not asked for is not converted: the firmware looks at the head very often.
        live = self._head() if register < PACK else bytes(PACK - STATUS)
        if register + count > PACK:
            live += self._body()
        return live[first : first + count]

    def _settings(self) -> bytes:
        gain, offset, current = self._trims
        settings = struct.pack(
            ">BxHBBxxbbB", self._control, self._limit, self._delay_ms, self._ntc_on,
            gain, offset, current,
        )  # fmt: skip
        return settings.ljust(STATUS, b"\0")

    def _head(self) -> bytes:
        return _HEAD.pack(self._status, self._current())

    def _body(self) -> bytes:
        if not self._is_ready():
            return b"\xff" * self._scan.size
        analog = self._pins.analog
        volts = [analog(name) for name in self._names]
        bled_a = [analog(name) for name in self._bleeds]
        pack = round((analog("pack") + self._pack_error_v()) / PACK_LSB_V)
        return self._scan.pack(
            min(max(pack, 0), NO_VALUE - 1),
            sum((v != v) << n for n, v in enumerate(volts)),  # noqa: PLR0124  (NaN: open)
            *self._cells(self._seen_v(volts, bled_a)),
            *[self._ntc(n) for n in range(len(self._sensors))],
        )

    def write(self, register: int, data: bytes) -> None:
        """Take the content of registers; what can only be read, or not now, stays as it is."""
        if register == STATUS:
            self._clear(data[0])
        elif register == CONTROL:
            self._control = data[0]
        elif register == OV_LIMIT and self._control & SETTINGS_MODE:
            self._limit, self._delay_ms = struct.unpack(">HB", data)
            self._set_comparators()
        elif register == NTC_ON and self._control & SETTINGS_MODE:
            self._ntc_on = data[0]

    def _is_ready(self) -> bool:
        return self._kernel.now_ns - self._woken_ns >= WAKE_NS and self._control & CONVERTER_ON != 0

    # ---- converter -------------------------------------------------------------------------------
    def _draw(self) -> float:
        turn = self._turn = (self._turn + 1) % NOISE_SAMPLES
        return self._noise[turn]

    def _current(self) -> int:
        """Convert the current, unless the settings are being changed: then it stays as it was."""
        if self._control & SETTINGS_MODE or not self._control & CONVERTER_ON:
            return self._held_a
        if self._kernel.now_ns - self._woken_ns < WAKE_NS:
            return NO_CURRENT
        gain, offset_a = self._current_error
        noise_a = self._draw() * self._tolerances.current_noise_a
        amps = self._pins.analog("current") * gain + offset_a + noise_a
        self._held_a = min(max(round(amps / self._current_step_a), -0x7FFF), 0x7FFF)
        return self._held_a

    def _pack_error_v(self) -> float:
        return self._pack_offset_v + self._draw() * self._tolerances.pack_noise_v

    def _seen_v(self, volts: list[float], bled_a: list[float]) -> list[float]:
        """Give the cells' voltages at the chip.

        The wires of a cell carry its own bleed and its neighbours'; an open tap floats.
        """
        if any(bled_a):
            around_a = [0.0, *bled_a, 0.0]
            volts = [
                v - self._lead_ohm * (2.0 * own - below - above)
                for v, below, own, above in zip(
                    volts, around_a, around_a[1:], around_a[2:], strict=False
                )
            ]
        known = [v for v in volts if v == v]  # noqa: PLR0124  (not NaN)
        if len(known) == len(volts):
            return volts
        self._floats_up = not self._floats_up
        wander_v = FLOATING_V if self._floats_up else -FLOATING_V
        floats_at_v = (sum(known) / len(known) if known else 0.0) + wander_v
        return [v if v == v else floats_at_v for v in volts]  # noqa: PLR0124

    def _cells(self, volts: list[float]) -> list[int]:
        full_v = WIDE_V if self._control & WIDE_RANGE else NARROW_V
        noise, noise_v, turn = self._noise, self._tolerances.cell_noise_v, self._turn
        trim_v, step_v = self._trim_v, self._cell_step_v
        raw = []
        for v, (gain, offset_v) in zip(volts, self._cell_errors, strict=True):
            turn = (turn + 1) % NOISE_SAMPLES
            seen_v = v * gain + offset_v + noise[turn] * noise_v
            seen_v = 0.0 if seen_v < 0.0 else full_v if seen_v > full_v else seen_v
            raw.append(round((seen_v - trim_v) / step_v))
        self._turn = turn
        return raw

    def _ntc(self, n: int) -> int:
        """Convert the voltage at a thermistor, as a share of the reference above its pull-up."""
        if not self._ntc_on >> n & 1:
            return UNUSED_NTC
        ohm, pull_up_ohm = self._pins.analog(self._sensors[n]), self._pull_ups[n]
        # The simulator offers infinity for an open circuit.
        ratio = ohm / (ohm + pull_up_ohm) if ohm < 1e12 else 1.0
        noise = self._draw() * self._tolerances.ratio_noise
        return min(max(round((ratio + noise) * RATIO_FULL), 0), RATIO_FULL)

    # ---- comparator ------------------------------------------------------------------------------
    def _watch(self, n: int) -> tuple[Comparator, Comparator]:
        name, far_v = self._names[n], NO_LIMIT * CELL_LSB_V
        rises = self._pins.when(name, far_v, rising=True, then=self._begin(n))
        falls = self._pins.when(name, far_v, rising=False, then=lambda: self._end(n))
        return rises, falls

    def _set_comparators(self) -> None:
        level_v = self._limit * CELL_LSB_V + self._limit_error_v
        for rises, falls in self._comparators:
            falls.move(level_v)
            rises.move(level_v)

    def _begin(self, n: int) -> Callable[[], None]:
        def begin() -> None:
            since_ns = self._since_ns[n] = self._kernel.now_ns
            delay_ns = round(self._delay_ms * MS * self._clock)
            self._kernel.after(delay_ns, lambda: self._last(n, since_ns))

        return begin

    def _end(self, n: int) -> None:
        self._since_ns.pop(n, None)

    def _last(self, n: int, since_ns: int) -> None:
        """The cell was above the limit for the whole delay: say so until the host has read it."""
        if self._since_ns.get(n) == since_ns and self._alive:
            self._status |= OVERVOLTAGE

    def _clear(self, bits: int) -> None:
        """Take bits of the status back; what still holds is set again at once."""
        self._status &= ~bits
        delay_ns = self._delay_ms * MS * self._clock
        held = (self._kernel.now_ns - since_ns for since_ns in self._since_ns.values())
        if any(lasted_ns >= delay_ns for lasted_ns in held):
            self._status |= OVERVOLTAGE
