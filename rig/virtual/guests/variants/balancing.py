"""Balancing got wrong (docs/known-defects.md, chapter 9)."""

from __future__ import annotations

from dataclasses import replace

from rig.virtual.guests.reference.balancing import Balancer
from rig.virtual.guests.reference.bms import Bms
from rig.virtual.guests.reference.image import Build
from rig.virtual.guests.variants import variant


class _ChargeOnly(Balancer):
    """Discharge current is negative, and so never above the limit."""

    def is_disturbed(self, current_a: float) -> bool:
        return current_a >= self.limits.rest_current_a


@variant(
    "bleeds-while-discharging",
    "D94",
    "S2",
    "only charge current counts as no rest",
    shows=r"discharging.*(cell \d bleeds|Bal\d was 1)",
)
def bleeds_while_discharging(build: Build) -> Build:
    """Build it."""
    return build.patch(balancer=_ChargeOnly)


class _NoTarget(Balancer):
    """A cell that is being bled is held against the lowest voltage alone."""

    def keeps(self, on: bool, volts: float, above_v: float) -> bool:  # noqa: FBT001
        if on:
            return volts >= self.limits.stop_v
        return super().keeps(on, volts, above_v)


@variant(
    "bleeds-past-the-target",
    "D94",
    "S2",
    "bleeding does not stop where the cells are level",
    shows=r"level.*(cell \d bleeds|Bal\d was 1)",
)
def bleeds_past_the_target(build: Build) -> Build:
    """Build it."""
    return build.patch(balancer=_NoTarget)


class _NoHysteresis(Balancer):
    """A cell that is being bled must still be where bleeding begins."""

    def keeps(self, on: bool, volts: float, above_v: float) -> bool:  # noqa: FBT001
        del on
        return super().keeps(False, volts, above_v)  # noqa: FBT003


@variant(
    "bleeding-chatters",
    "D94",
    "S2",
    "bleeding ends where it begins: no hysteresis",
    shows=r"does not bleed|Bal\d (was|became) 0",
)
def bleeding_chatters(build: Build) -> Build:
    """Build it."""
    return build.patch(balancer=_NoHysteresis)


class _FirstByte(Balancer):
    """The mask of faults is from when all flags fitted into one byte."""

    def is_forbidden(self, flags: int) -> bool:
        return bool(flags & 0xFF)


@variant(
    "bleeds-in-a-fault",
    "D94",
    "S2",
    "the mask of faults that end bleeding is one byte wide",
    shows=r"fault.*(cell \d bleeds|Bal\d was 1)",
)
def bleeds_in_a_fault(build: Build) -> Build:
    """Build it."""
    return build.patch(balancer=_FirstByte)


@variant(
    "rests-half-the-time",
    "1.6.4",
    "S2",
    "the constant named for 2000 ms is 1000",
    shows=r"Bal\d (became|was) 1|cell \d bleeds",
)
def rests_half_the_time(build: Build) -> Build:
    """Build it."""
    return build.configure(balancing=replace(build.image.balancing, rest_ms=1000))


class _Milliseconds(Balancer):
    """The time of rest is kept in s, and compared with an uptime in ms."""

    def has_rested(self, rest_ms: int) -> bool:
        rest_s = self.limits.rest_ms // 1000
        return rest_ms >= rest_s


@variant(
    "bleeds-at-once",
    "1.6.2",
    "S2",
    "a time of rest in s is compared with ms",
    shows=r"Bal\d (became|was) 1|cell \d bleeds",
)
def bleeds_at_once(build: Build) -> Build:
    """Build it."""
    return build.patch(balancer=_Milliseconds)


class _RowOfTheNeighbour(Bms):
    """The row of cell 3 in the table of bleed pins was copied from that of cell 2."""

    PINS = (0, 1, 1, 3)

    def drive_bleed(self, index: int, *, on: bool) -> None:
        super().drive_bleed(self.PINS[index], on=on)


@variant(
    "neighbour-bled-instead",
    "D95",
    "S2",
    "a row of the table of bleed pins is its neighbour's",
    shows=r"balancing.*cell [23] (bleeds|does not bleed)",
)
def neighbour_bled_instead(build: Build) -> Build:
    """Build it."""
    return build.patch(program=_RowOfTheNeighbour)


class _ChargerByItsEdge(Bms):
    """Nothing bleeds while it is charged, but the rest counts from when the charger came."""

    _charging = False

    def sample_current(self) -> None:
        since_ms = self.rest_since_ms
        super().sample_current()
        current_a = self.readings.current_a
        charging = current_a > 0.0 and self.balancer.is_disturbed(current_a)
        if charging and self._charging:
            self.rest_since_ms = since_ms
        self._charging = charging

    def may_balance(self) -> bool:
        return super().may_balance() and not self._charging


@variant(
    "charging-counts-as-rest",
    "D94",
    "S2",
    "the time of rest counts from when the charger came, not from when it went",
    shows=r"\[charging.*Bal\d (became|was) 1",
)
def charging_counts_as_rest(build: Build) -> Build:
    """Build it."""
    return build.patch(program=_ChargerByItsEdge)
