"""Debounce and filter got wrong (docs/known-defects.md, chapter 5)."""

from __future__ import annotations

from collections.abc import Sequence

from rig.virtual.guests.reference.afe import Readings
from rig.virtual.guests.reference.image import Build
from rig.virtual.guests.reference.protections import Debounce, Detector, Event, Protections, Rule
from rig.virtual.guests.reference.quantities import Quantities
from rig.virtual.guests.variants import variant


class _NeverReset(Debounce):
    """The counter is left as it is when the value is good again."""

    def step(self, *, bad: bool) -> int:
        self.count += bad
        return self.count


@variant(
    "short-violations-add-up",
    "D60",
    "S2",
    "the debounce counter is not reset by a good value",
    shows=r"(opened|was open|became 1|was 1|console said)",
)
def short_violations_add_up(build: Build) -> Build:
    """Build it."""
    return build.patch(debounce=_NeverReset)


@variant(
    "counts-down-instead-of-again",
    "D60",
    "S2",
    "a leaky counter where values in a row are claimed: bad for 60 % of the time trips",
    shows=r"(opened|was open|became 1|was 1|console said)",
)
def counts_down_instead_of_again(build: Build) -> Build:
    """Build it."""
    rules = tuple(rule.short for rule in build.image.rules)
    for short in rules:
        build = build.with_rule(short, leaky=True)
    return build


class _TimerRunsOn(Debounce):
    """The first bad value starts a timer, which nothing stops."""

    def step(self, *, bad: bool) -> int:
        if bad or self.count:
            self.count += 1
        return self.count


@variant(
    "first-violation-trips-in-the-end",
    "D60",
    "S2",
    "a good value does not stop the timer",
    shows=r"(opened|was open|became 1|was 1|console said)",
)
def first_violation_trips_in_the_end(build: Build) -> Build:
    """Build it."""
    return build.patch(debounce=_TimerRunsOn)


class _LocalCounter(Debounce):
    """The counter lives in the function that counts, so that it starts at 0 at every call."""

    def step(self, *, bad: bool) -> int:
        count = 0
        if bad:
            count += 1
        return count


@variant(
    "nothing-lasts",
    "D61",
    "S1",
    "the debounce counter is a local variable",
    shows=r"(did not|was closed|was 0)",
)
def nothing_lasts(build: Build) -> Build:
    """Build it."""
    return build.patch(debounce=_LocalCounter)


class _EightBits(Debounce):
    """A counter of 8 bits starts again at 256 runs of the main task, 2.56 s."""

    def step(self, *, bad: bool) -> int:
        count = super().step(bad=bad)
        self.count = count & 0xFF
        return self.count


@variant(
    "slow-warning-never-comes",
    "D61",
    "S1",
    "a counter of 8 bits for a delay of 498 ticks",
    shows=r"(VIM|Imbalance|\.delay).*(did not|was closed|was 0)",
)
def slow_warning_never_comes(build: Build) -> Build:
    """Build it."""
    return build.patch(debounce=_EightBits)


@variant(
    "trips-on-one-sample",
    "D62",
    "S2",
    "the threshold acts on one raw sample",
    shows=r"(OVP|UVP).*(opened|was open|became 1|was 1|console said)|opened.* cell \d (rose|fell)",
)
def trips_on_one_sample(build: Build) -> Build:
    """Build it."""
    return build.with_rule("OVP", ticks=1).with_rule("UVP", ticks=1)


@variant(
    "charge-overcurrent-at-once",
    "1.6.2",
    "S2",
    "charge over-current ignores its delay: one poll",
    shows=r"OCC.*(opened|was open|became 1|was 1|console said)",
)
def charge_overcurrent_at_once(build: Build) -> Build:
    """Build it."""
    return build.with_rule("OCC1", ticks=1)


class _Smoothed(Quantities):
    """Trips on a smoothed voltage, y += (x - y) / 2 at each scan: a far step passes at once."""

    _smooth: list[float] | None = None
    _of_scan = -1

    def cells(self, r: Readings) -> Sequence[float]:
        if self._smooth is None or any(v != v for v in (*self._smooth, *r.cells_v)):  # noqa: PLR0124
            self._smooth = list(r.cells_v)
        elif r.scans != self._of_scan:
            pairs = zip(self._smooth, r.cells_v, strict=True)
            self._smooth = [old + (new - old) / 2.0 for old, new in pairs]
        self._of_scan = r.scans
        return self._smooth


@variant(
    "late-where-it-is-close",
    "D63",
    "S2",
    "a smoothed value is late where the limit is just passed",
    shows=r"(OVP|UVP|VIM).*(after|at) cell \d",
)
def late_where_it_is_close(build: Build) -> Build:
    """Build it."""
    return build.patch(quantities=_Smoothed)


class _FirstSeenForAll(Protections):
    """One time stamp of "first seen bad" for all rules: each new violation sets it again."""

    def look_at_scan(self, readings: Readings) -> None:
        was = {short for short, d in self.detectors.items() if d.pending}
        super().look_at_scan(readings)
        if any(d.pending and not d.tripped and s not in was for s, d in self.detectors.items()):
            for detector in self.detectors.values():
                detector.counts.clear()


@variant(
    "second-violation-restarts-the-first",
    "D66",
    "S2",
    "one timer for all pending violations",
    shows=r"(pairs|two_faults).*(opened|became 1|console said|did not)",
)
def second_violation_restarts_the_first(build: Build) -> Build:
    """Build it."""
    return build.patch(protections=_FirstSeenForAll)


class _IdleDirection(Protections):
    """While current flows the other way, the counters of a direction freeze."""

    _current_a = 0.0

    def look_at_current(self, readings: Readings) -> None:
        self._current_a = readings.current_a
        super().look_at_current(readings)

    def counting(self) -> list[Detector]:
        counting = super().counting()
        return [d for d in counting if d.tripped or not self._is_idle(d.rule)]

    def _is_idle(self, rule: Rule) -> bool:
        if rule.reads == "cells":
            return False
        if self._current_a > 1.0:
            return rule.opens_discharge and not rule.opens_charge
        return self._current_a < -1.0 and rule.opens_charge and not rule.opens_discharge


@variant(
    "counters-freeze-in-the-other-direction",
    "1.6.9",
    "S2",
    "temperature and current counters of the idle direction freeze while current flows",
    shows=r"(OVP2|[OU]T[CD]|OC[CD]).*(opened|became 1|console said|did not)",
)
def counters_freeze_in_the_other_direction(build: Build) -> Build:
    """Build it."""
    return build.patch(protections=_IdleDirection)


class _ResetFromTheSecond(Detector):
    """The loop that resets the counters of good cells begins at 1, where cells count from 0."""

    def tick_armed(self) -> Event | None:
        kept = self.counts[0].count if self.counts else 0
        event = super().tick_armed()
        if self.rule.reads == "cells" and self.counts and not self.bad[0]:
            self.counts[0].count = kept
        return event


@variant(
    "cell-1-goes-on-counting",
    "D60",
    "S2",
    "the loop that resets the counters leaves the first cell's",
    shows=r"(OVP|UVP).*(opened|was open|became 1|was 1|console said)",
)
def cell_1_goes_on_counting(build: Build) -> Build:
    """Build it."""
    return build.patch(detector=_ResetFromTheSecond)
