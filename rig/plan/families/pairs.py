"""Two causes that overlap: both reactions, both reported, and each recovers by itself."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from rig.dut.profile import Profile, Protection
from rig.expectations import Expectation
from rig.expectations.recovers import Recovers
from rig.expectations.stays import Stays
from rig.expectations.trips import Trips
from rig.plan.families.applicable import chosen, delay_of, look_s, recovers_by_itself
from rig.plan.families.draft import Draft, Options, family
from rig.plan.families.provoked import Provoked, at_each
from rig.plan.families.timing import AFTER_S, COMMAND_S, FLOWS_AGAIN_S, STILL_S
from rig.plan.stimulus import acting, opened, paths
from rig.steps.hold import Hold

_BOTH, _STILL, _LEFT = "both tripped", "both still", "one left"
_GAPS = ("at once", "half a delay later", "after it tripped")
_APART = ("host", "console", "link")  # without its front end it sees nothing else
_BROKEN = ("sense wire", "sensor open", "sensor short")  # what they hide can't be seen to recover


@family("pairs")
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
            yield _draft(*ordered)


def _can_overlap(protection: Protection) -> bool:
    quick = protection.unit == "A" and delay_of(protection).low < AFTER_S
    return (
        recovers_by_itself(protection) and not quick and not protection.watches.startswith(_APART)
    )


def _in_order(profile: Profile, a: str, b: str, turn: int) -> tuple[Provoked, Provoked, str] | None:
    """Decide which of the two is first and the gap; None where one would make the other."""
    first, second = (a, b) if turn % 2 == 0 else (b, a)
    gap = _GAPS[turn % len(_GAPS)]
    p, q = profile.protections[first], profile.protections[second]
    if q.watches in _BROKEN or (q.unit == "A" and p.unit != "A"):
        first, second, p, q = second, first, q, p
    if p.unit == "A":
        gap = _GAPS[2]  # a current ends with the path that it flows through
    one, other = at_each(profile, first)[-1], at_each(profile, second)[0]
    parts = (set(profile.hierarchy.parts(it.target)) for it in (one, other))
    if set.intersection(*parts) or set(p.flags) & set(q.flags):
        return None
    one_sets_off_other = second in acting(profile, one.stimulus.values)
    if one_sets_off_other or first in acting(profile, other.stimulus.values):
        return None
    if q.unit == "A" and set(p.opens) & set(q.opens):
        return None
    if p.unit == "A" and other.delay.high > one.recovery.low - FLOWS_AGAIN_S:
        return None
    return one.numbered(" first"), other.numbered(" second"), gap


def _draft(first: Provoked, second: Provoked, gap: str) -> Draft:
    profile, gap_s = first.profile, _gap_s(first, gap)
    said_s = max(first.said_s, second.said_s) + AFTER_S
    both_s = max(second.delay.high, first.delay.high - gap_s) + said_s
    when = f"{gap} {'as' if gap == _GAPS[0] else 'than'} {first.at_place}"
    if gap == _GAPS[2]:
        when = f"while {first.at_place} is tripped"
    return first.draft(
        f"{second.at_place} {when}: both act and let go",
        [
            first.random_phase,
            *first.stimulus.apply,
            *([Hold(duration_s=gap_s)] if gap_s else []),
            *second.stimulus.apply,
            Hold(duration_s=both_s, mark=_BOTH),
            Hold(duration_s=look_s(profile, STILL_S, profile.messages), mark=_STILL),
            *first.stimulus.remove,
            Hold(duration_s=first.recovery.high + said_s, mark=_LEFT),
            *second.stimulus.remove,
            Hold(duration_s=second.recovery.high + said_s),
        ],
        [
            *_union(first, second, gap_s),
            *first.flags_set(),
            *second.flags_set(),
            *_held(first, _STILL),
            *_held(second, _LEFT),
            *_alone(first, {*second.opens, *opened(profile, second.stimulus.values)}),
            *_alone(second, set()),
        ],
        {"with": second.short, "with at": second.target},
    )


def _gap_s(first: Provoked, gap: str) -> float:
    if gap == _GAPS[0]:
        return 0.0
    if gap == _GAPS[1]:
        return 0.5 * (first.delay.low or first.delay.high)
    return first.until_reported_s()


def _union(first: Provoked, second: Provoked, gap_s: float) -> Iterator[Expectation]:
    """Each output opens at the earlier of the reactions that open it; the others stay."""
    profile, p, q = first.profile, first.delay, second.delay
    values = {**first.stimulus.values, **second.stimulus.values}
    already = opened(profile, first.stimulus.values)  # by another that the first sets off, too
    for output in paths(profile):
        by_first, by_second = (output in it.opens for it in (first, second))
        if by_second and not by_first and output in already:
            continue  # nothing would be seen of the second
        low_s, high_s = (p.low, p.high) if by_first else (q.low, q.high)
        if by_first and by_second:
            low_s = min(p.low, gap_s + q.low)
            high_s = min(p.high, gap_s + COMMAND_S + q.high)
        if by_first or by_second:
            since = (first if by_first else second).stimulus.since
            yield Trips(output=output, since=since, low_s=low_s, high_s=high_s)
        elif output not in opened(profile, values):
            yield Stays(output=output, is_open=False)


def _held(it: Provoked, until: str) -> Iterator[Expectation]:
    """Its flag stands and what it opens stays open as long as its cause is there."""
    if it.protection.unit != "A":  # a current's cause goes with its own trip
        yield from it.holds_on(_BOTH, until)


def _alone(it: Provoked, kept_open: set[str]) -> Iterator[Expectation]:
    """It lets go in its own time, but for outputs that the other still keeps open."""
    for let_go in it.lets_go(_BOTH):
        if not (isinstance(let_go, Recovers) and let_go.output in kept_open):
            yield let_go
