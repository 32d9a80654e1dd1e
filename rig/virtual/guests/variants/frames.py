"""Frames and flags got wrong on their way out (docs/known-defects.md, chapters 1 to 4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rig.virtual.guests.reference import can_telemetry as can
from rig.virtual.guests.reference.afe import FrontEnd, Readings
from rig.virtual.guests.reference.bms import Bms
from rig.virtual.guests.reference.can_telemetry import Telemetry
from rig.virtual.guests.reference.image import Build
from rig.virtual.guests.reference.limits import SentLimits
from rig.virtual.guests.reference.min_max import MinMax
from rig.virtual.guests.reference.protections import BIT, Event, Protections, Rule
from rig.virtual.guests.reference.timers import SoftTimers
from rig.virtual.guests.reference.transmit import Transmitter
from rig.virtual.guests.variants import variant


# ---- scale, byte order, sign ------------------------------------------------------------------
class _TenthsAsTenths(Telemetry):
    """The field's LSB is 10 mV; the value is put in with the 100 mV of an older layout."""

    def limits(self, limits: SentLimits) -> bytes:
        return super().limits(replace(limits, cvl_v=limits.cvl_v / 10.0))


@variant(
    "charge-voltage-tenfold-low", "D02", "S3", "0.1 V is put into a field of 0.01 V", shows=r"CVL"
)
def charge_voltage_tenfold_low(build: Build) -> Build:
    """Build it."""
    return build.patch(telemetry=_TenthsAsTenths)


class _EventInMilliamps(Bms):
    """The current is read in mA, which nobody divides: the event's LSB is 10 mA."""

    def send_event(self, event: Event) -> None:
        tenfold = 10.0 if event.rule.reads in ("charge", "discharge") else 1.0
        super().send_event(replace(event, value=event.value * tenfold))


@variant(
    "event-value-tenfold",
    "D02",
    "S3",
    "mA are put into an event's field of 10 mA",
    shows=r"BMS_Event.Value",
)
def event_value_tenfold(build: Build) -> Build:
    """Build it."""
    return build.patch(program=_EventInMilliamps)


class _MaxBigEndian(Telemetry):
    """One of the four fields was swapped on the old processor and still is."""

    def min_max(self, min_max: MinMax) -> bytes:
        data = super().min_max(min_max)
        return data[:2] + data[3:4] + data[2:3] + data[4:]


@variant(
    "highest-cell-byte-swapped",
    "D05",
    "S3",
    "one signal goes out in the other byte order",
    shows=r"MaxCell_V",
)
def highest_cell_byte_swapped(build: Build) -> Build:
    """Build it."""
    return build.patch(telemetry=_MaxBigEndian)


class _DischargePositive(Bms):
    """The console was written when discharge still counted as positive."""

    def print_status(self) -> None:
        readings, current_a = self.readings, self.readings.current_a
        readings.current_a = -current_a
        super().print_status()
        readings.current_a = current_a


@variant(
    "console-counts-discharge-positive",
    "D07",
    "S3",
    "two sign conventions in one firmware",
    shows=r"meter's current",
)
def console_counts_discharge_positive(build: Build) -> Build:
    """Build it."""
    return build.patch(program=_DischargePositive)


# ---- sums, lowest and highest -----------------------------------------------------------------
class _SumsTheFirstTwice(FrontEnd):
    """The pack's voltage is the sum of the cells, and the sum begins with the first of them."""

    def scan(self, into: Readings) -> None:
        super().scan(into)
        total_v = into.cells_v[0]
        for cell_v in into.cells_v:
            total_v += cell_v
        into.pack_v = total_v


@variant(
    "pack-one-cell-too-high",
    "D14",
    "S3",
    "the sum of the cells begins with one of them",
    shows=r"PackVoltage|meter's pack",
)
def pack_one_cell_too_high(build: Build) -> Build:
    """Build it."""
    return build.patch(front_end=_SumsTheFirstTwice)


class _BothFromTheHighest(MinMax):
    """Lowest and highest temperature are taken from one and the same register."""

    def of_temperatures(self, degc: Sequence[float]) -> tuple[float, float]:
        _, most = super().of_temperatures(degc)
        return most, most


@variant(
    "lowest-temperature-is-the-highest",
    "D33",
    "S1",
    "both extremes are read from one byte",
    shows=r"MinTemp|\bUT[CD]",
)
def lowest_temperature_is_the_highest(build: Build) -> Build:
    """Build it."""
    build = build.with_rule("UTC", reads="hottest").with_rule("UTD", reads="hottest")
    return build.patch(min_max=_BothFromTheHighest)


class _ElseIf(MinMax):
    """A value that is a new highest is never looked at as the lowest."""

    def least_and_most(self, values: Sequence[float]) -> tuple[float, float]:
        least, most = 6.5535e4, -6.5535e4
        for value in values:
            if value > most:
                most = value
            elif value < least:
                least = value
        return least, most


@variant(
    "lowest-missed-in-rising-order",
    "D34",
    "S1",
    "else-if between the tests of the extremes",
    shows=r"MinCell_V",
)
def lowest_missed_in_rising_order(build: Build) -> Build:
    """Build it."""
    return build.patch(min_max=_ElseIf)


# ---- mailboxes --------------------------------------------------------------------------------
class _OneStagingBuffer(Transmitter):
    """What waits for a mailbox waits as an identifier; all share the buffer with the data."""

    _staged = b""

    def post(self, can_id: int, data: bytes) -> None:
        self._staged = data
        super().post(can_id, data)

    def post_event(self, can_id: int, data: bytes) -> None:
        self._staged = data
        super().post_event(can_id, data)

    def hand_over(self, can_id: int, data: bytes) -> bool:
        return super().hand_over(can_id, self._staged[: len(data)].ljust(len(data), b"\0"))


@variant(
    "data-under-another-identifier",
    "D44",
    "S1",
    "two tasks fill one transmit buffer",
    shows=r"wrong checksums|spare bits set|frames of \d+ bytes",
)
def data_under_another_identifier(build: Build) -> Build:
    """Build it."""
    return build.patch(transmitter=_OneStagingBuffer)


class _EventsDoNotWait(Transmitter):
    """Only periodic frames are queued when no mailbox is free."""

    def post_event(self, can_id: int, data: bytes) -> None:
        if self.has_room(keep=0):
            self.hand_over(can_id, data)


@variant(
    "event-lost-on-a-busy-bus",
    "D45",
    "S2",
    "one-shot frames are dropped, not queued",
    shows=r"BMS_Event",
)
def event_lost_on_a_busy_bus(build: Build) -> Build:
    """Build it."""
    build = build.configure(transmit=replace(build.image.transmit, for_events=0))
    return build.patch(transmitter=_EventsDoNotWait)


@variant(
    "alarm-waits-behind-bulk",
    "D46",
    "S2",
    "transmit buffers are sent in order of filling",
    shows=r"BMS_Event",
)
def alarm_waits_behind_bulk(build: Build) -> Build:
    """Build it."""
    return build.configure(transmit=replace(build.image.transmit, in_order=True))


class _LimitsOneByteShort(Telemetry):
    """The length is that of the layout before the last field was added."""

    def limits(self, limits: SentLimits) -> bytes:
        return super().limits(limits)[:7]


@variant(
    "limits-one-byte-short",
    "D47",
    "S3",
    "seven bytes are sent where eight are claimed",
    shows=r"BMS_Limits",
)
def limits_one_byte_short(build: Build) -> Build:
    """Build it."""
    return build.patch(telemetry=_LimitsOneByteShort)


class _OtherTransceiver(Transmitter):
    """The pin that wakes the transceiver is another on this board; the driver succeeds anyway."""

    def hand_over(self, can_id: int, data: bytes) -> bool:
        del can_id, data
        return True


@variant(
    "silent-transmitter",
    "D53",
    "S4",
    "send calls succeed and nothing is on the wire",
    shows=r"BMS_\w+ did not come",
)
def silent_transmitter(build: Build) -> Build:
    """Build it."""
    return build.patch(transmitter=_OtherTransceiver)


class _PolledPeriods(SoftTimers):
    """A loop of 10 ms asks whether more than the period has passed, and counts on from there."""

    def next_due(self, due_ms: int, period_ms: int) -> int:
        return super().next_due(due_ms, period_ms + _LOOP_MS)


_LOOP_MS = 10


@variant(
    "period-of-one-loop-more",
    "D54",
    "S4",
    "now - last > period, and last set to now",
    shows=r"apart|interval",
)
def period_of_one_loop_more(build: Build) -> Build:
    """Build it."""
    return build.patch(timers=_PolledPeriods)


class _LimitsAtOnce(Bms):
    """That nothing is allowed is sent as a path opens, by the task's function: out of turn."""

    def drive(self, gate: str, on: bool) -> None:  # noqa: FBT001
        super().drive(gate, on)
        if not on:
            self.send_limits()


@variant(
    "limits-out-of-turn",
    "D54",
    "S4",
    "an opened path sends the periodic limits once more",
    shows=r"message_timing.*BMS_(Limits|Extremes)",
)
def limits_out_of_turn(build: Build) -> Build:
    """Build it."""
    return build.patch(program=_LimitsAtOnce)


class _RepeatsFiltered(Bms):
    """A line of the cell that was reported last is left out; "none yet" is 1, which is cell 2."""

    _shown = 1

    def log(self, level: str, tag: str, text: str) -> None:
        if tag != "prot" or " cell " not in text:
            super().log(level, tag, text)
            return
        index = int(text.split(" cell ")[1].split()[0]) - 1
        if index != self._shown:
            super().log(level, tag, text)
        self._shown = index

    def report(self, event: Event) -> None:
        super().report(event)
        if not event.tripped:
            self._shown = -1


@variant(
    "first-line-of-cell-2-missing",
    "D45",
    "S4",
    "the filter of repeated lines begins with a cell as told",
    shows=r"did not say .*cell 2",
)
def first_line_of_cell_2_missing(build: Build) -> Build:
    """Build it."""
    return build.patch(program=_RepeatsFiltered)


# ---- flags ------------------------------------------------------------------------------------
class _TwoBitsOneMask(Protections):
    """The mask of charge overtemperature has two bits, and that of overvoltage none."""

    def bits_of(self, rule: Rule) -> int:
        masks = {"OTC": BIT["OTC"] | BIT["UV"], "OVP": 0}
        return masks.get(rule.short, super().bits_of(rule))


@variant(
    "alarm-bits-mixed-up",
    "D48",
    "S1",
    "one mask has two bits, another none",
    shows=r"BMS_Status.(OV|UV)",
)
def alarm_bits_mixed_up(build: Build) -> Build:
    """Build it."""
    return build.patch(protections=_TwoBitsOneMask)


class _PathsInByte6(Telemetry):
    """The states of the paths go into the second byte of outputs, which nobody reads."""

    def status(self, state: int, flags: int, paths: int, bleeding: Sequence[bool]) -> bytes:
        data = bytearray(super().status(state, flags, 0, bleeding))
        data[6] = paths
        return self.protect(can.STATUS_ID, bytes(data))


@variant(
    "path-bits-in-a-spare-byte",
    "D50",
    "S1",
    "the right bits are written to the wrong byte",
    shows=r"ChargePath|DischargePath|spare bits set",
)
def path_bits_in_a_spare_byte(build: Build) -> Build:
    """Build it."""
    return build.patch(telemetry=_PathsInByte6)


class _SocPlaceholder(Telemetry):
    """The state of charge of the first test is still there."""

    def pack(self, current_a: float, pack_v: float, soc: float) -> bytes:
        del soc
        return super().pack(current_a, pack_v, 1.0)


@variant("soc-always-full", "D51", "S3", "a placeholder was left in", shows=r"SoC")
def soc_always_full(build: Build) -> Build:
    """Build it."""
    return build.patch(telemetry=_SocPlaceholder)


@variant(
    "cold-told-as-hot",
    "D65",
    "S2",
    "overtemperature's names in the branch for the cold",
    shows=r"BMS_Status.(OT|UT)[CD]",
)
def cold_told_as_hot(build: Build) -> Build:
    """Build it."""
    return build.with_rule("UTD", flag="OTD").with_rule("UTC", flag="OTC")


class _MaskOfBothCurrents(Protections):
    """The mask for overcurrent in discharge is 0x0C, which has the bit of charge in it."""

    def bits_of(self, rule: Rule) -> int:
        bits = super().bits_of(rule)
        return bits | BIT["OCC"] if rule.flag == "OCD" else bits


@variant(
    "overcurrent-says-both-ways",
    "D48",
    "S3",
    "the mask of one direction has the bit of the other in it",
    shows=r"BMS_Status\.OCC",
)
def overcurrent_says_both_ways(build: Build) -> Build:
    """Build it."""
    return build.patch(protections=_MaskOfBothCurrents)
