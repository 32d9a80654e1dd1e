"""Readings made wrongly of what the front end says (docs/known-defects.md, chapters 1, 5 and 9)."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence

from rig.virtual.carrier import afe_map as chip
from rig.virtual.guests.reference.afe import FrontEnd, FrontEndImage, Readings, Thermistor
from rig.virtual.guests.reference.bms import Bms, bleed_of
from rig.virtual.guests.reference.image import Build
from rig.virtual.guests.reference.quantities import Quantities
from rig.virtual.guests.variants import variant


# ---- current ------------------------------------------------------------------------------------
class _UnsignedCurrent(FrontEnd):
    """The register is taken for a uint16_t."""

    def amps(self, raw: int) -> float:
        return super().amps(raw & 0xFFFF)


@variant(
    "discharge-shown-as-charge",
    "D01",
    "S1",
    "the current's register is read as unsigned",
    shows=r"BMS_Pack\.Current|/ i=|\bOC[CD]\d",
)
def discharge_shown_as_charge(build: Build) -> Build:
    """Build it."""
    return build.patch(front_end=_UnsignedCurrent)


class _ShortMilliamperes(FrontEnd):
    """Milliamperes are kept in an int16_t."""

    def amps(self, raw: int) -> float:
        milliamperes = round(super().amps(raw) * 1000.0)
        return min(max(milliamperes, -0x8000), 0x7FFF) / 1000.0


@variant(
    "current-stops-at-32-a",
    "D04",
    "S1",
    "the current is kept in mA in 16 bits",
    shows=r"BMS_Pack\.Current|/ i=|\bOC[CD]2",
)
def current_stops_at_32_a(build: Build) -> Build:
    """Build it."""
    return build.patch(front_end=_ShortMilliamperes)


class _DefaultGain(FrontEnd):
    """The formula takes the data sheet's default for what the factory has trimmed."""

    def amps(self, raw: int) -> float:
        return raw * chip.CURRENT_LSB_A


@variant(
    "current-gain-not-applied",
    "D11",
    "S3",
    "the shunt's trim is never applied",
    shows=r"BMS_Pack\.Current|/ i=|threshold\[OC|changed by",
)
def current_gain_not_applied(build: Build) -> Build:
    """Build it."""
    return build.patch(front_end=_DefaultGain)


class _ZeroesOnce(Bms):
    """The zero of what is reported is found once, at rest, which is asked for as it begins only."""

    _FIRST, _COUNT = 110, 128  # samples after the start, 10 ms apart
    _REST_A = 0.5
    _sampled = 0
    _is_zeroing = False
    _sum_a = _zero_a = 0.0

    def sample_current(self) -> None:
        super().sample_current()
        amps = self.readings.current_a
        self._sampled += 1
        if self._sampled == self._FIRST:
            self._is_zeroing = abs(amps) < self._REST_A
        if self._is_zeroing and not math.isnan(amps):
            self._sum_a += amps
        if self._is_zeroing and self._sampled == self._FIRST + self._COUNT:
            self._is_zeroing, self._zero_a = False, self._sum_a / self._COUNT

    def send_pack(self) -> None:
        kept_a = self.readings.current_a
        self.readings.current_a = kept_a - self._zero_a
        super().send_pack()
        self.readings.current_a = kept_a


@variant(
    "zero-found-under-load",
    "D27",
    "S3",
    "a zero is found over 1.3 s after a start, though a load comes meanwhile",
    shows=r"BMS_Pack\.Current",
)
def zero_found_under_load(build: Build) -> Build:
    """Build it."""
    return build.patch(program=_ZeroesOnce)


# ---- cells --------------------------------------------------------------------------------------
class _ShortProduct(FrontEnd):
    """Sixteenths of a millivolt in a uint16_t: room for 4.096 V."""

    def volts(self, raw: int) -> float:
        sixteenths = round(super().volts(raw) * 16_000.0)
        return (sixteenths & 0xFFFF) / 16_000.0


@variant(
    "cell-voltage-wraps",
    "D06",
    "S1",
    "a product of 16 bits wraps above 4.096 V",
    shows=r"Cell\d*_V|/ v=|CellSum|OVP",
)
def cell_voltage_wraps(build: Build) -> Build:
    """Build it."""
    return build.patch(front_end=_ShortProduct)


@variant(
    "cells-read-3-3-v-at-most",
    "D64",
    "S1",
    "the input's divider is not switched on",
    shows=r"Cell\d*_V|/ v=|CellSum|OVP",
)
def cells_read_3_3_v_at_most(build: Build) -> Build:
    """Build it."""
    return build.configure(front_end=FrontEndImage(control=chip.CONVERTER_ON))


class _UnsignedOffset(FrontEnd):
    """The factory's offset is read as a uint8_t."""

    def take_trims(self, trims: bytes) -> None:
        super().take_trims(trims)
        _, offset, _ = struct.unpack(">bBB", trims)
        self.offset_v = offset * chip.OFFSET_LSB_V


@variant(
    "offset-read-as-unsigned",
    "1.6.2",
    "S1",
    "the signed ADC offset is read as unsigned",
    shows=r"Cell\d*_V|/ v=|CellSum|threshold\[[OU]VP",
)
def offset_read_as_unsigned(build: Build) -> Build:
    """Build it."""
    return build.patch(front_end=_UnsignedOffset)


class _NoOpenWireTest(FrontEnd):
    """The open-wire register is never looked at: what floats is taken for a voltage."""

    def take_cells(self, raw: Sequence[int], wires: int, into: Readings) -> None:  # noqa: ARG002
        super().take_cells(raw, 0, into)


@variant(
    "open-tap-not-noticed",
    "D92",
    "S1",
    "no open-wire test: a floating tap is a voltage",
    shows=r"\bOW\b|OpenWire",
)
def open_tap_not_noticed(build: Build) -> Build:
    """Build it."""
    return build.patch(front_end=_NoOpenWireTest)


class _BleedsOn(Bms):
    """The bleeds are not switched off while the cells are converted."""

    def pause_bleeding(self) -> None:
        wanted = self.balancer.wanted
        if not any(wanted):
            super().pause_bleeding()
            return
        for index, on in enumerate(self.bleeding):
            if on and not wanted[index]:
                self.chip.pins.drive(bleed_of(index), False)  # noqa: FBT003
                self.bleeding[index] = False


@variant(
    "measured-while-bleeding",
    "D93",
    "S3",
    "the cells are measured while bleed current flows",
    shows=r"(bleed|balancing).*(Cell\d*_V|/ v=)",
)
def measured_while_bleeding(build: Build) -> Build:
    """Build it."""
    return build.patch(program=_BleedsOn)


class _FrozenWhileBleeding(Bms):
    """What is read while a cell bleeds is wrong anyway, so it is not read."""

    def scan(self) -> None:
        kept_v = self.readings.cells_v if self.balancer.active else None
        super().scan()
        if kept_v is not None:
            self.readings.cells_v = kept_v


@variant(
    "readings-frozen-while-bleeding",
    "1.6.6",
    "S1",
    "no new readings while a cell bleeds",
    shows=r"(bleed|balancing).*(Cell\d*_V|/ v=|path|\.[OU]V|prot:)",
)
def readings_frozen_while_bleeding(build: Build) -> Build:
    """Build it."""
    return build.patch(program=_FrozenWhileBleeding)


class _DropCorrected(Bms):
    """The line adds what the bleed current drops in the leads, which no scan meets any more."""

    _DROP_V = 0.012

    def print_status(self) -> None:
        kept_v = self.readings.cells_v
        wanted = self.balancer.wanted
        self.readings.cells_v = [
            volts + self._DROP_V * on for volts, on in zip(kept_v, wanted, strict=True)
        ]
        super().print_status()
        self.readings.cells_v = kept_v


@variant(
    "console-corrects-for-the-bleed",
    "D93",
    "S3",
    "the status line still adds the drop of a bleed that pauses meanwhile",
    shows=r"reports_while_bleeding.*/ v=",
)
def console_corrects_for_the_bleed(build: Build) -> Build:
    """Build it."""
    return build.patch(program=_DropCorrected)


def _mean_of(count: int) -> type:
    """Make a filter over the last scans, behind which the protections lie."""

    class Filtered(Quantities):
        def cells(self, r: Readings) -> Sequence[float]:
            past = self.__dict__.setdefault("_past", [])
            if not past or past[-1] is not r.cells_v:
                past.append(r.cells_v)
                del past[:-count]
            return [sum(values) / len(past) for values in zip(*past, strict=True)]

    return Filtered


@variant(
    "late-by-its-filter",
    "D63",
    "S2",
    "protections see the mean of the last 10 scans",
    shows=r"(OVP|UVP|VIM).*(after|at) cell \d",
)
def late_by_its_filter(build: Build) -> Build:
    """Build it."""
    return build.patch(quantities=_mean_of(10))


class _FlagsMasked(FrontEnd):
    """The mask of the flags to look at names the bit beside the comparator's."""

    def take_flags(self, status: int, into: Readings) -> None:
        super().take_flags(status & ~chip.OVERVOLTAGE, into)


@variant(
    "hard-overvoltage-ignored", "D71", "S1", "the comparator's flag is masked away", shows=r"OVP2"
)
def hard_overvoltage_ignored(build: Build) -> Build:
    """Build it."""
    return build.patch(front_end=_FlagsMasked)


# ---- temperatures -------------------------------------------------------------------------------
class _UnsignedDecidegrees(FrontEnd):
    """Tenths of a degree are kept in a uint16_t."""

    def decidegrees(self, index: int, ohm: float) -> float:
        return round(super().decidegrees(index, ohm)) & 0xFFFF


@variant(
    "frost-read-as-fire",
    "D03",
    "S1",
    "temperatures are kept as unsigned",
    shows=r"Temp|/ t=|\b[OU]T[CD]",
)
def frost_read_as_fire(build: Build) -> Build:
    """Build it."""
    return build.patch(front_end=_UnsignedDecidegrees)


class _WholeDegrees(FrontEnd):
    """The table of the second type of sensor holds degrees, not tenths."""

    def decidegrees(self, index: int, ohm: float) -> float:
        decidegrees = super().decidegrees(index, ohm)
        return decidegrees / 10.0 if index == 1 else decidegrees


@variant(
    "sensor-type-in-whole-degrees",
    "D08",
    "S1",
    "a sensor's table is in degrees, not tenths",
    shows=r"Temp2|temperature ?2",
)
def sensor_type_in_whole_degrees(build: Build) -> Build:
    """Build it."""
    return build.patch(front_end=_WholeDegrees)


class _OneSensorShort(FrontEnd):
    """The loop ends one sensor early."""

    def take_sensor(self, index: int, raw: int, into: Readings) -> None:
        if index < self.sensors - 1:
            super().take_sensor(index, raw, into)


@variant(
    "last-sensor-never-read",
    "D32",
    "S1",
    "the loop over the sensors ends one too early",
    shows=r"Temp2|temperature ?2",
)
def last_sensor_never_read(build: Build) -> Build:
    """Build it."""
    return build.patch(front_end=_OneSensorShort)


class _SensorRegister(FrontEnd):
    """The register that the second sensor is read from is written to switch it on."""

    def settings(self) -> Sequence[tuple[int, bytes]]:
        limits, (_, sensors) = super().settings()
        return limits, (chip.CELLS, sensors)


@variant(
    "second-sensor-never-configured",
    "D95",
    "S1",
    "a read address is used to configure",
    shows=r"Temp2|temperature ?2",
)
def second_sensor_never_configured(build: Build) -> Build:
    """Build it."""
    return build.patch(front_end=_SensorRegister)


class _Saturates(Thermistor):
    """The formula saturates at either end, and nothing looks whether there is a sensor."""

    def degc(self, ohm: float) -> float:
        if math.isinf(ohm) or ohm < 1.0:
            return -273.15
        return max(super().degc(ohm), -273.15)


@variant(
    "broken-sensor-reads-cold",
    "D91",
    "S1",
    "no range check: open or short, it is just cold",
    shows=r"\bTS[OS]\b",
)
def broken_sensor_reads_cold(build: Build) -> Build:
    """Build it."""
    thermistor = _Saturates(open_ohm=math.inf, short_ohm=-1.0)
    return build.configure(thermistor=thermistor).patch(front_end=_NoRangeCheck)


class _NoRangeCheck(FrontEnd):
    """Infinity is no resistance that an integer could hold either."""

    def is_open(self, ohm: float) -> bool:  # noqa: ARG002
        return False


class _HeldAfterJumps(FrontEnd):
    """A cell that jumped too often has a loose wire, and is held; the jumps are never set back."""

    _JUMP_V, _MOST = 0.050, 40

    def scan(self, into: Readings) -> None:
        before = list(into.cells_v)
        super().scan(into)
        jumps = self._jumps(len(before))
        for cell, (old_v, new_v) in enumerate(zip(before, into.cells_v, strict=True)):
            jumps[cell] += abs(new_v - old_v) > self._JUMP_V
            if jumps[cell] > self._MOST:
                into.cells_v[cell] = old_v

    def _jumps(self, cells: int) -> list[int]:
        jumps: list[int] = self.__dict__.setdefault("_jumps_of_cells", [0] * cells)
        return jumps


@variant(
    "held-after-forty-jumps",
    "D15",
    "S1",
    "a filter counts a cell's jumps for ever, and at the 41st holds its value for good",
    shows=r"(OVP|UVP|VIM).*(did not|was open|was 1|was closed|was 0)",
)
def held_after_forty_jumps(build: Build) -> Build:
    """Build it."""
    return build.patch(front_end=_HeldAfterJumps)
