"""Two causes that overlap: both reactions, both told, and each lets go for itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from rig.dut.profile import Profile, Protection
from rig.expectations import Expectation
from rig.expectations.recovers import Recovers
from rig.expectations.stays import Stays
from rig.expectations.trips import Trips
from rig.plan.families.choosing import (
    chosen,
    delay_of,
    look_s,
    recovers_by_itself,
    recovery_time_of,
)
from rig.plan.families.cycle import numbered
from rig.plan.families.draft import AFTER_S, Draft, Options, draft_of, phase_s, whose
from rig.plan.families.expecting import said_within_s, says, unsays, until_said_s
from rig.plan.families.recovery import holds_on, release_of
from rig.plan.stimulus import REMOVED, Stimulus, acting, opened, paths, stimuli
from rig.steps.hold import Hold
from rig.steps.random_phase import RandomPhase

_AGAIN_S = 2.0  # a current that is still demanded flows again once its protection lets go
_COMMAND_S = 0.35  # instruments are commanded one after the other
_FIRST, _SECOND = " first", " second"
_BOTH, _STILL, _LEFT = "both tripped", "both still", "one left"
_STILL_S = 0.5  # both are watched for so long
_GAPS = ("at once", "half a delay later", "after it tripped")
_APART = ("host", "console", "link")  # without its front end it sees nothing else
_BROKEN = ("sense wire", "sensor open", "sensor short")  # what they hide can't be seen to recover


@dataclass(frozen=True, slots=True, kw_only=True)
class _One:
    """One of the two: the protection, and how it is provoked in this case."""

    stimulus: Stimulus
    protection: Protection
    nth: str

    @property
    def removed(self) -> str:
        return REMOVED + self.nth

    def is_current(self) -> bool:
        return self.protection.unit == "A"


def pairs(profile: Profile, options: Options) -> Iterator[Draft]:
    """Let every two protections overlap: the reaction is the union, and none holds the other.

    Which comes first, and how long before the other (at once, half its delay, after its trip),
    goes round from pair to pair.
    """
    wanted = {name for name, _ in chosen(profile, options, _can_overlap)}
    # Counted over all, so that a pair is the same case whatever else is chosen.
    every = [name for name, _ in chosen(profile, Options(), _can_overlap)]
    for turn, pair in enumerate(combinations(every, 2)):
        if wanted.issuperset(pair) and (ordered := _in_order(profile, *pair, turn)):
            yield _draft(profile, *ordered)


def _can_overlap(protection: Protection) -> bool:
    quick = protection.unit == "A" and delay_of(protection).low < AFTER_S
    return (
        recovers_by_itself(protection) and not quick and not protection.watches.startswith(_APART)
    )


def _in_order(profile: Profile, a: str, b: str, turn: int) -> tuple[_One, _One, str] | None:
    """Decide which of the two is first and the gap; None where one would make the other."""
    first, second = (a, b) if turn % 2 == 0 else (b, a)
    gap = _GAPS[turn % len(_GAPS)]
    p, q = profile.protections[first], profile.protections[second]
    if q.watches in _BROKEN or (q.unit == "A" and p.unit != "A"):
        first, second, p, q = second, first, q, p
    if p.unit == "A":
        gap = _GAPS[2]  # a current ends with the path that it flows through
    s, t = stimuli(profile, first)[-1], stimuli(profile, second)[0]
    parts = (set(profile.hierarchy.parts(target)) for target in (s.target, t.target))
    if set.intersection(*parts) or set(p.says) & set(q.says):
        return None
    if first in acting(profile, t.values) or second in acting(profile, s.values):
        return None
    if q.unit == "A" and set(p.opens) & set(q.opens):
        return None
    if p.unit == "A" and delay_of(q).high > recovery_time_of(p).low - _AGAIN_S:
        return None
    one = _One(stimulus=numbered(s, _FIRST), protection=p, nth=_FIRST)
    other = _One(stimulus=numbered(t, _SECOND), protection=q, nth=_SECOND)
    return one, other, gap


def _draft(profile: Profile, first: _One, second: _One, gap: str) -> Draft:
    p, q = first.protection, second.protection
    gap_s = _gap_s(first, gap)
    said_s = max(said_within_s(p), said_within_s(q)) + AFTER_S
    both_s = max(delay_of(q).high, delay_of(p).high - gap_s) + said_s
    names = [whose(one.protection.short, one.stimulus.target) for one in (first, second)]
    return draft_of(
        f"{names[1]} {gap} {'as' if gap == _GAPS[0] else 'than'} {names[0]}: both act and let go"
        if gap != _GAPS[2]
        else f"{names[1]} while {names[0]} is tripped: both act and let go",
        first.stimulus,
        p,
        parameters={"with": q.short, "with at": second.stimulus.target},
        steps=[
            RandomPhase(span_s=phase_s(profile)),
            *first.stimulus.apply,
            *([Hold(duration_s=gap_s)] if gap_s else []),
            *second.stimulus.apply,
            Hold(duration_s=both_s, mark=_BOTH),
            Hold(duration_s=look_s(profile, _STILL_S, profile.messages), mark=_STILL),
            *first.stimulus.remove,
            Hold(duration_s=recovery_time_of(p).high + said_s, mark=_LEFT),
            *second.stimulus.remove,
            Hold(duration_s=recovery_time_of(q).high + said_s),
        ],
        expectations=[
            *_union(profile, first, second, gap_s),
            *says(first.stimulus, p),
            *says(second.stimulus, q),
            *_held(first, _STILL),
            *_held(second, _LEFT),
            *_alone(profile, first, {*q.opens, *opened(profile, second.stimulus.values)}),
            *_alone(profile, second, set()),
        ],
    )


def _gap_s(first: _One, gap: str) -> float:
    delay = delay_of(first.protection)
    if gap == _GAPS[0]:
        return 0.0
    if gap == _GAPS[1]:
        return 0.5 * (delay.low or delay.high)
    return until_said_s(first.protection, delay)


def _union(profile: Profile, first: _One, second: _One, gap_s: float) -> Iterator[Expectation]:
    """Each output opens at the earlier of the reactions that open it; the others stay."""
    p, q = delay_of(first.protection), delay_of(second.protection)
    values = {**first.stimulus.values, **second.stimulus.values}
    already = opened(profile, first.stimulus.values)  # by another that the first sets off, too
    for output in paths(profile):
        by_first, by_second = (output in one.protection.opens for one in (first, second))
        if by_second and not by_first and output in already:
            continue  # nothing would be seen of the second
        low_s, high_s = (p.low, p.high) if by_first else (q.low, q.high)
        if by_first and by_second:
            low_s = min(p.low, gap_s + q.low)
            high_s = min(p.high, gap_s + _COMMAND_S + q.high)
        if by_first or by_second:
            since = (first if by_first else second).stimulus.since
            yield Trips(output=output, since=since, low_s=low_s, high_s=high_s)
        elif output not in opened(profile, values):
            yield Stays(output=output, is_open=False)


def _held(one: _One, until: str) -> Iterator[Expectation]:
    """Its flag stands and what it opens stays open as long as its cause is there."""
    if not one.is_current():  # whose cause goes with its own trip
        yield from holds_on(one.protection, _BOTH, until)


def _alone(profile: Profile, one: _One, kept_open: set[str]) -> Iterator[Expectation]:
    """It lets go in its own time, but for outputs that the other still keeps open."""
    release = release_of(profile, one.stimulus, one.protection, one.nth, _BOTH)
    low_s, high_s = release.time.low, release.time.high
    for output in one.protection.opens:
        if output not in kept_open:
            yield Recovers(output=output, since=release.since, low_s=low_s, high_s=high_s)
    yield from unsays(one.protection, release.said_since, release.said_time)
