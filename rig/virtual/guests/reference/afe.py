"""The driver of the analog front end: from its registers to readings, or to none.

Reads the chip over its bus, checks each reply, and never hands out a value that is older than its
limit. Must not judge a reading, but for whether there is one.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from rig.virtual.carrier import afe_map as chip
from rig.virtual.carrier.afe_map import OF_READ, OF_WRITE, crc8
from rig.virtual.carrier.pins import BusTimeoutError, I2c, NoAnswerError
from rig.virtual.guests.esp32 import ticks_since

KELVIN = 273.15
_HEAD = struct.Struct(">Bxh")
_STANDING = (b"\x00\x00", b"\xff\xff")  # the last two bytes over a line without contact


@dataclass(frozen=True, slots=True, kw_only=True)
class Thermistor:
    """The sensor that the firmware believes in, against 10 kohm to the reference."""

    r25_ohm: float = 10_000.0
    beta_k: float = 3435.0
    pull_up_ohm: float = 10_000.0
    open_ohm: float = 600_000.0  # colder than -55 degC: no such cell, a broken lead
    short_ohm: float = 200.0  # hotter than 150 degC: a short

    def ohm(self, raw: int) -> float:
        """Resistance of a converted ratio; infinity where nothing pulls the input down."""
        left = chip.RATIO_FULL - raw
        return self.pull_up_ohm * raw / left if left > 0 else math.inf

    def degc(self, ohm: float) -> float:
        """Temperature by the sensor's B equation, 1/T = 1/298.15 K + ln(R/R25) / B."""
        inverse = 1.0 / (25.0 + KELVIN) + math.log(ohm / self.r25_ohm) / self.beta_k
        return 1.0 / inverse - KELVIN


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontEndImage:
    """How the chip is set, and how long it may be silent."""

    control: int = chip.CONVERTER_ON | chip.WIDE_RANGE
    hard_overvoltage_v: float = 3.90
    hard_delay_ms: int = 42  # with up to 20 ms until the main task sees it, 50 ms +- 15 ms
    tries: int = 3
    timeout_ms: int = 5
    # Readings older than this are none, and the chip is lost: from 220 ms (the last scan was a
    # period old) to 280 ms (the main task comes a period later) after the last word.
    fresh_ms: int = 270


@dataclass(slots=True)
class Readings:
    """The newest values; NaN means that there is none."""

    cells_v: list[float]
    temperatures_degc: list[float]
    sensors_open: list[float]  # 1.0 or 0.0 each, as the protections compare numbers
    sensors_short: list[float]
    pack_v: float = math.nan
    current_a: float = math.nan  # charge positive
    scans: int = 0  # of cells and sensors since power-up
    wires_open: list[float] = field(default_factory=list)
    hard_overvoltage: float = 0.0  # 1.0: the chip's own comparator has seen it

    def invalidate(self) -> None:
        """Let no value stand, as nothing new was heard for too long."""
        self.cells_v = [math.nan] * len(self.cells_v)
        self.temperatures_degc = [math.nan] * len(self.temperatures_degc)
        self.pack_v = self.current_a = math.nan


class FrontEnd:
    """What the firmware's tasks know of the chip, from one start of the controller to the next.

    Parameters
    ----------
    ticks_ms
        Reads the controller's tick counter.

    Attributes
    ----------
    bus, image
        The bus to the chip, and what was compiled in.
    sensors : int
        How many there are.
    offset_v : float
        The factory's trim of the cells' offset.
    errors : int
        Replies that did not come or had a wrong CRC; counts on and on.
    resets : int
        How often the chip reported that it lost its settings.
    """

    def __init__(  # noqa: PLR0913  (what it is made for)
        self,
        bus: I2c,
        image: FrontEndImage,
        *,
        cells: int,
        sensors: int,
        thermistor: Thermistor,
        ticks_ms: Callable[[], int],
    ) -> None:
        self.bus, self.image, self._thermistor = bus, image, thermistor
        self._cells, self.sensors, self._ticks_ms = cells, sensors, ticks_ms
        self._scanned = struct.Struct(f">{2 + cells + sensors}H")
        self._polled_ms = self._scanned_ms = ticks_ms()
        self._busy_since_ms: int | None = None  # while a line is waited for that stays low
        self._is_set = False  # the chip is known to have its settings, and we its trims
        self._gain, self.offset_v, self._current_gain = 1.0, 0.0, 1.0
        self.errors = self.resets = 0

    def fresh(self) -> Readings:
        """Return readings before the first sample: invalid, never a plausible value."""
        return Readings(
            cells_v=[math.nan] * self._cells,
            temperatures_degc=[math.nan] * self.sensors,
            sensors_open=[0.0] * self.sensors,
            sensors_short=[0.0] * self.sensors,
            wires_open=[0.0] * self._cells,
        )

    # ---- tasks -----------------------------------------------------------------------------------
    def poll(self, into: Readings) -> None:
        """Look at the chip's status, and sample the current."""
        if not self._is_set and not self.set_up():
            return
        reply = self.read(chip.STATUS, _HEAD.size)
        if reply is None:
            return
        status, raw = _HEAD.unpack(reply)
        if self.has_reset(status):
            self.resets += 1
            self._is_set = self.set_up()
            return
        if raw == chip.NO_CURRENT:
            return
        self._polled_ms = self._ticks_ms()
        into.current_a = self.amps(raw)
        self.take_flags(status, into)

    def scan(self, into: Readings) -> None:
        """Read cells, pack and temperature sensors."""
        if not self._is_set:
            return
        reply = self.read(chip.PACK, self._scanned.size)
        if reply is None:
            return
        pack, wires, *values = self._scanned.unpack(reply)
        if pack == chip.NO_VALUE:
            return
        self._scanned_ms = self._ticks_ms()
        into.pack_v = pack * chip.PACK_LSB_V
        self.take_cells(values[: self._cells], wires, into)
        for index, raw in enumerate(values[self._cells :]):
            self.take_sensor(index, raw, into)
        into.scans += 1

    def is_lost(self, into: Readings) -> bool:
        """Tell whether the chip has been silent for too long; then no reading stands."""
        now_ms = self._ticks_ms()
        lost = self.is_old(now_ms, self._polled_ms) or self.is_old(now_ms, self._scanned_ms)
        if lost:
            into.invalidate()
        return lost

    def is_old(self, now_ms: int, then_ms: int) -> bool:
        """Tell whether a tick in ms is too long ago for what was read then to stand."""
        return ticks_since(now_ms, then_ms) > self.image.fresh_ms

    # ---- settings --------------------------------------------------------------------------------
    def set_up(self) -> bool:
        """Read the trims, write the settings that the chip has not, and go back to measuring.

        What the comparator saw before, while nobody was there to read it, is no reason to trip: if
        it still holds, the chip says so anew.
        """
        trims = self.read(chip.CELL_GAIN, 3)
        if trims is None or not self.write(chip.CONTROL, self._control(chip.SETTINGS_MODE)):
            return False
        self.take_trims(trims)
        self._is_set = (
            self._write_settings()
            and self.write(chip.CONTROL, self._control(0))
            and self.write(chip.STATUS, bytes((chip.POWER_ON | chip.OVERVOLTAGE,)))
        )
        return self._is_set

    def _control(self, mode: int) -> bytes:
        return bytes((self.image.control | mode,))

    def _write_settings(self) -> bool:
        """Write those that differ: a register wears no more than a controller's start does."""
        return all(
            self.read(register, len(wanted)) == wanted or self.write(register, wanted)
            for register, wanted in self.settings()
        )

    def settings(self) -> Sequence[tuple[int, bytes]]:
        """Give the registers that are to be set, each with its content."""
        limit = round(self.image.hard_overvoltage_v / chip.CELL_LSB_V)
        return (
            (chip.OV_LIMIT, struct.pack(">HB", limit, self.image.hard_delay_ms)),
            (chip.NTC_ON, bytes(((1 << self.sensors) - 1,))),
        )

    def take_trims(self, trims: bytes) -> None:
        """Take what the factory measured, from the chip's three trim registers."""
        gain, offset, current = struct.unpack(">bbB", trims)
        self._gain = 1.0 + gain * chip.TRIM_LSB
        self.offset_v = offset * chip.OFFSET_LSB_V
        self._current_gain = 1.0 + current * chip.TRIM_LSB

    def has_reset(self, status: int) -> bool:
        """Tell by the chip's status whether it lost its settings."""
        return status & chip.POWER_ON != 0

    # ---- conversions -----------------------------------------------------------------------------
    def amps(self, raw: int) -> float:
        """Reckon the current in A from its register, charge positive."""
        return raw * chip.CURRENT_LSB_A * self._current_gain

    def volts(self, raw: int) -> float:
        """Reckon a cell's voltage from its register."""
        return raw * chip.CELL_LSB_V * self._gain + self.offset_v

    def decidegrees(self, index: int, ohm: float) -> float:  # noqa: ARG002  (a table for each)
        """Reckon a sensor's temperature in 0.1 degC; `index` counts from 0."""
        return 10.0 * self._thermistor.degc(ohm)

    def take_flags(self, status: int, into: Readings) -> None:
        """Take what the comparator saw, and let it say so anew if it still holds."""
        into.hard_overvoltage = float(status & chip.OVERVOLTAGE != 0)
        if into.hard_overvoltage:
            self.write(chip.STATUS, bytes((chip.OVERVOLTAGE,)))

    def take_cells(self, raw: Sequence[int], wires: int, into: Readings) -> None:
        """Take the cells; one whose wire is open has no voltage, whatever was converted."""
        into.wires_open = [float(wires >> n & 1) for n in range(self._cells)]
        into.cells_v = [
            math.nan if is_open else self.volts(value)
            for value, is_open in zip(raw, into.wires_open, strict=True)
        ]

    def take_sensor(self, index: int, raw: int, into: Readings) -> None:
        """Take one sensor's ratio; broken or shorted, it has no temperature."""
        ohm = self._thermistor.ohm(raw)
        is_open, is_short = self.is_open(ohm), self.is_short(ohm)
        into.sensors_open[index] = float(is_open)
        into.sensors_short[index] = float(is_short)
        degc = math.nan if is_open or is_short else self.decidegrees(index, ohm) / 10.0
        into.temperatures_degc[index] = degc

    def is_open(self, ohm: float) -> bool:
        """Tell whether a resistance is that of a broken lead."""
        return ohm >= self._thermistor.open_ohm

    def is_short(self, ohm: float) -> bool:
        """Tell whether a resistance is that of a short."""
        return ohm < self._thermistor.short_ohm

    # ---- bus -------------------------------------------------------------------------------------
    def read(self, register: int, count: int) -> bytes | None:
        """Read registers, again where the reply is broken; None: it can't be had now."""
        for _ in range(self.image.tries):
            if self._busy_since_ms is not None and self._is_waiting(self._busy_since_ms):
                return None
            try:
                reply = self.bus.read(register, count)
            except NoAnswerError:
                self.errors += 1
                continue
            except BusTimeoutError:
                self._free()
                continue
            if self.is_whole(register, reply):
                return reply[:-1]
            self.errors += 1
        return None

    def write(self, register: int, data: bytes) -> bool:
        """Write registers; tell whether the chip acknowledged it."""
        whole = data + bytes((crc8(data, OF_WRITE[register]),))
        if self._busy_since_ms is not None and self._is_waiting(self._busy_since_ms):
            return False
        try:
            self.bus.write(register, whole)
        except NoAnswerError:
            self.errors += 1
            return False
        except BusTimeoutError:
            self._free()
            return False
        return True

    def is_whole(self, register: int, reply: bytes) -> bool:
        """Tell whether a reply came to its end unhurt.

        A line that loses contact stands high or low from there on, and of what it then looks like
        the CRC takes one in 500 for right. So a long reply that ends as such a line does is read
        again; a short one of settings may rightly end so for ever.
        """
        if crc8(reply, OF_READ[register]) != 0:
            return False
        return register != chip.PACK or reply[-2:] not in _STANDING

    def _free(self) -> None:
        """Count a line that stayed low, and clock the chip through whatever it was sending."""
        self.errors += 1
        self._busy_since_ms = self._ticks_ms()
        self.bus.recover()

    def _is_waiting(self, since_ms: int) -> bool:
        """Tell whether the transaction before is still waiting for its line."""
        if ticks_since(self._ticks_ms(), since_ms) < self.image.timeout_ms:
            return True
        self._busy_since_ms = None
        return False


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
