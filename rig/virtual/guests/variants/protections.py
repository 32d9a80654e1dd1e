"""Thresholds, flags and paths of the protections got wrong (docs/known-defects.md, 3 and 5)."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rig.virtual.guests.reference.afe import Readings
from rig.virtual.guests.reference.bms import Bms
from rig.virtual.guests.reference.image import Build, S
from rig.virtual.guests.reference.protections import Detector, Event, Protections, Rule
from rig.virtual.guests.reference.quantities import Quantities
from rig.virtual.guests.variants import BOTH, variant


@variant(
    "empty-cell-ignored",
    "D30",
    "S1",
    "undervoltage looks at the highest cell",
    shows=r"(UVP|cell \d falls below).*(did not|was closed|was 0)",
    duts=BOTH,
)
def empty_cell_ignored(build: Build) -> Build:
    """Build it."""
    return build.with_rule("UVP", reads="highest cell")


class _ElseIf(Quantities):
    """The minimum is looked for only where the value is no new maximum."""

    def coldest(self, r: Readings) -> Sequence[float]:
        hottest, coldest = -math.inf, math.inf
        for degc in r.temperatures_degc:
            if degc > hottest:
                hottest = degc
            elif degc < coldest:
                coldest = degc
        return [coldest]


@variant(
    "cold-first-sensor-ignored",
    "D34",
    "S1",
    "else-if between the tests for max and min",
    shows=r"UT[CD].*(did not|was closed|was 0)",
    duts=BOTH,
)
def cold_first_sensor_ignored(build: Build) -> Build:
    """Build it."""
    return build.patch(quantities=_ElseIf)


@variant(
    "undervoltage-forbids-charging",
    "D59",
    "S2",
    "undervoltage opens both paths: a deadlock",
    shows=r"UVP.*(\bcharge path (was open|opened|did not close)|\bChargePath|CCL)",
)
def undervoltage_forbids_charging(build: Build) -> Build:
    """Build it."""
    return build.with_rule("UVP", opens_charge=True)


@variant(
    "cold-discharge-says-overtemperature",
    "D65",
    "S2",
    "the branch for heat was copied for the cold, and its flag with it",
    shows=r"BMS_Status\.(UTD|OTD)|prot: (UTD|OTD)|UTD.*BMS_Event",
)
def cold_discharge_says_overtemperature(build: Build) -> Build:
    """Build it."""
    return build.with_rule("UTD", flag="OTD")


@variant(
    "cold-recovers-by-the-wrong-level",
    "D65",
    "S2",
    "charge's recovery level used for discharge",
    shows=r"UTD.*(path (closed|did not close|was closed)|BMS_Status\.UTD|UTD cleared)",
)
def cold_recovers_by_the_wrong_level(build: Build) -> Build:
    """Build it."""
    release = next(rule.release for rule in build.image.rules if rule.short == "UTC")
    return build.with_rule("UTD", release=release)


@variant(
    "overvoltage-opens-the-discharge-path",
    "D67",
    "S1",
    "a copy of the undervoltage branch",
    shows=r"OVP.*(charge path (opened|did not open|was)|(Disc|\bC)hargePath)",
)
def overvoltage_opens_the_discharge_path(build: Build) -> Build:
    """Build it."""
    return build.with_rule("OVP", opens_charge=False, opens_discharge=True)


class _OneFaultVariable(Protections):
    """Holds the fault that came first; the others wait."""

    def tripped_rules(self) -> list[Rule]:
        tripped = super().tripped_rules()
        return tripped[:1]


@variant(
    "one-fault-hides-another",
    "D66",
    "S1",
    "one variable for the fault: the first match wins",
    shows=r"(pairs|two_faults).*(did not|was 0|was closed|opened|became 1)",
)
def one_fault_hides_another(build: Build) -> Build:
    """Build it."""
    return build.patch(protections=_OneFaultVariable)


class _BusyWithOne(Protections):
    """While something is tripped nothing else is counted."""

    def counting(self) -> list[Detector]:
        counting = super().counting()
        return [d for d in counting if d.tripped] or counting


@variant(
    "blind-while-tripped",
    "D66",
    "S1",
    "in the fault state the other rules are not looked at",
    shows=r"(pairs|two_faults).*(did not|was 0|was closed|opened|became 1)",
)
def blind_while_tripped(build: Build) -> Build:
    """Build it."""
    return build.patch(protections=_BusyWithOne)


class _OnePathPerFault(Protections):
    """if charge: ... elif discharge: ..., so a fault of both opens the first."""

    def opens_discharge(self, rule: Rule) -> bool:
        return rule.opens_discharge and not rule.opens_charge


@variant(
    "both-paths-fault-opens-one",
    "D75",
    "S1",
    "only the first path of a fault of both opens",
    shows=r"discharge path (did not open|was closed)|DischargePath was 1|DCL",
)
def both_paths_fault_opens_one(build: Build) -> Build:
    """Build it."""
    return build.patch(protections=_OnePathPerFault)


class _PolledGates(Bms):
    """The gates follow the protections in a task of 250 ms."""

    def drive_paths(self) -> None:
        if self.ticks % 25 == 0:
            super().drive_paths()


@variant(
    "turn-off-by-a-slow-poll",
    "1.6.8",
    "S2",
    "the FETs are turned off by a task of 250 ms",
    shows=r"path (opened|did not open|closed|was closed)",
)
def turn_off_by_a_slow_poll(build: Build) -> Build:
    """Build it."""
    return build.patch(program=_PolledGates)


class _ClosesFirst(Protections):
    """At a start the paths are closed before anybody asks what is pending."""

    def pends_on_charge(self) -> bool:
        return False

    def pends_on_discharge(self) -> bool:
        return False


@variant(
    "closes-onto-a-pending-fault",
    "D18",
    "S2",
    "a start closes the paths while a violation lasts",
    shows=r"(start|reset|power).*path (was closed|closed)",
)
def closes_onto_a_pending_fault(build: Build) -> Build:
    """Build it."""
    return build.patch(protections=_ClosesFirst)


class _LimitInAByte(Detector):
    """An alert compares a cell's byte of 25 mV with the limit's: passed half a step behind it."""

    _STEPS_PER_V = 40

    def are_bad(self, values: Sequence[float]) -> list[bool]:
        if self.rule.reads == "cells":
            values = [v if v != v else self._byte(v) / self._STEPS_PER_V for v in values]  # noqa: PLR0124
        return super().are_bad(values)

    def _byte(self, volts: float) -> int:
        return round(volts * self._STEPS_PER_V)


@variant(
    "limits-in-steps-of-25-mv",
    "D10",
    "S2",
    "an alert compares bytes of 25 mV: half a step too late",
    shows=r"threshold\[(OVP|UVP)-",
)
def limits_in_steps_of_25_mv(build: Build) -> Build:
    """Build it."""
    return build.patch(detector=_LimitInAByte)


class _LeavesByTheBound(Detector):
    """The search for a bad value is left by setting its bound, which is never set back."""

    _count: int | None = None

    def look(self, values: Sequence[float], release_values: Sequence[float]) -> None:
        super().look(values, release_values)
        if self._count is not None:
            behind = len(self.bad) - self._count
            self.bad = self.bad[: self._count] + [False] * behind

    def tick(self) -> Event | None:
        event = super().tick()
        if event is not None and event.tripped:
            self._count = event.channel + 1
        return event


@variant(
    "blind-behind-the-one-that-tripped",
    "D35",
    "S1",
    "the loop over the cells is left by shortening it, for good",
    shows=r"in_turn.*(did not|was closed|was 0)",
)
def blind_behind_the_one_that_tripped(build: Build) -> Build:
    """Build it."""
    return build.patch(detector=_LeavesByTheBound)


class _SmallerFuse(Bms):
    """The fuse's heat is reckoned, to open before it melts; the fuse is that of a smaller pack."""

    _RATED_A, _MELTS_A2S = 25.0, 10_000.0
    _heat_a2s = 0.0

    def sample_current(self) -> None:
        super().sample_current()
        current_a = self.readings.current_a
        if current_a == current_a:  # noqa: PLR0124  there is one
            heats = (current_a**2 - self._RATED_A**2) * self.image.current_ns / S
            self._heat_a2s = max(0.0, self._heat_a2s + heats)

    def allows_discharge(self) -> bool:
        return super().allows_discharge() and self._heat_a2s < self._MELTS_A2S


@variant(
    "fuse-of-a-smaller-pack",
    "4.14",
    "S2",
    "the model of the fuse's heat has another pack's rating: it opens below the limit",
    shows=r"OCD1.*discharge path (opened|was open)",
)
def fuse_of_a_smaller_pack(build: Build) -> Build:
    """Build it."""
    return build.patch(program=_SmallerFuse)
