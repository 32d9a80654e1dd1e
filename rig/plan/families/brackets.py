"""Thresholds that no staircase finds: held between a value just inside and one just beyond.

An earlier stage acts on the way to them, or no output shows them. Must not walk a staircase.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from rig.dut.profile import Profile, Protection
from rig.expectations import Expectation
from rig.expectations.signal_stays import SignalStays
from rig.expectations.trips import Trips
from rig.instants import Crossing
from rig.plan.families.choosing import (
    delay_of,
    each_stimulus,
    has_level,
    has_threshold,
    is_findable,
    one_stimulus_each,
    recovery_time_of,
)
from rig.plan.families.draft import AFTER_S, Draft, Options, after, draft_of, phase_s, whose
from rig.plan.families.expecting import (
    keeps,
    says,
    shown_in,
    stays_silent,
    trips,
    unsays,
    until_said_s,
)
from rig.plan.stimulus import (
    APPLIED,
    REMOVED,
    Stimulus,
    acting,
    beyond,
    crossing,
    just_beyond,
    just_inside,
    value_at,
)
from rig.quantity import format
from rig.steps import Step
from rig.steps.hold import Hold
from rig.steps.random_phase import RandomPhase
from rig.steps.set import Set

_LONGER = 1.3  # so many delays are waited for what must not come
_OFF_TOLERANCES = 1.5  # of a recovery level, as of a threshold


def brackets(profile: Profile, options: Options) -> Iterator[Draft]:
    """Go just inside and just beyond each threshold that `threshold` can't walk up to."""
    findable = is_findable(profile)
    for stimulus, protection in each_stimulus(profile, options, only=has_level):
        if protection.opens and not findable(protection):
            yield from _behind_a_stage(profile, stimulus, protection)
    for stimulus, protection in one_stimulus_each(profile, options, only=_only_warns):
        yield _warning(profile, stimulus, protection)


def _only_warns(protection: Protection) -> bool:
    return has_threshold(protection) and not protection.opens and bool(protection.says)


# ---- behind an earlier stage --------------------------------------------------------------------
def _behind_a_stage(
    profile: Profile, stimulus: Stimulus, protection: Protection
) -> Iterator[Draft]:
    """Two cases: inside, the earlier stage opens in its own time; beyond, this one in its own."""
    first = _first_stage(profile, stimulus, protection)
    if first is None or delay_of(first).low <= delay_of(protection).high:
        return  # which of the two has acted could not be told
    yield _inside(profile, stimulus, protection, first)
    yield _beyond(profile, stimulus, protection)


def _first_stage(profile: Profile, stimulus: Stimulus, protection: Protection) -> Protection | None:
    """The quickest of the others that open the same output just inside."""
    there = acting(profile, {stimulus.target: just_inside(protection)}).values()
    stages = [p for p in there if p != protection and protection.opens[0] in p.opens]
    return min(stages, key=lambda p: delay_of(p).low, default=None)


def _inside(
    profile: Profile, stimulus: Stimulus, protection: Protection, first: Protection
) -> Draft:
    values = {stimulus.target: just_inside(protection)}
    delay, output = delay_of(first), protection.opens[0]
    since = Crossing(quantity=stimulus.target, level=first.level, rising=first.rising)
    there, inside_s = acting(profile, values), delay.high + AFTER_S
    shown = format(just_inside(protection), protection.unit)
    return draft_of(
        f"at {shown}, just inside {whose(protection.short, stimulus.target)}, {first.short} acts"
        f" {after(delay)}, and nothing sooner",
        stimulus,
        protection,
        steps=[
            RandomPhase(span_s=phase_s(profile)),
            Set(values=values, mark=APPLIED),
            Hold(duration_s=inside_s),
        ],
        expectations=[
            Trips(
                output=output,
                since=since,
                low_s=delay.low,
                high_s=delay.high,
                claims=(f"protections/{stimulus.protection}/threshold/inside",),
            ),
            *keeps(profile, replace(stimulus, values=values), protection),
            *shown_in(profile, inside_s, stays_silent(protection, None, None, there.values())),
        ],
        parameters={"bracket": "inside"},
    )


def _beyond(profile: Profile, stimulus: Stimulus, protection: Protection) -> Draft:
    value = _nearest_beyond(profile, stimulus, protection)
    nearer = replace(stimulus, values={stimulus.target: value})
    shown, delay = format(value, protection.unit), delay_of(protection)
    return draft_of(
        f"at {shown}, just beyond {whose(protection.short, stimulus.target)}, it acts"
        f" {after(delay)}",
        stimulus,
        protection,
        steps=[
            RandomPhase(span_s=phase_s(profile)),
            Set(values=nearer.values, mark=APPLIED),
            Hold(duration_s=until_said_s(protection, delay)),
        ],
        expectations=[
            *trips(nearer, protection),
            *keeps(profile, nearer, protection),
            *says(nearer, protection),
        ],
        parameters={"bracket": "beyond"},
        claims=[f"protections/{stimulus.protection}/threshold/beyond"],
    )


def _nearest_beyond(profile: Profile, stimulus: Stimulus, protection: Protection) -> float:
    """Just beyond, or where its quantity ends before that."""
    values = just_beyond(protection), beyond(profile, stimulus.protection)
    return min(values, key=lambda value: abs(value - protection.level))


# ---- a warning ----------------------------------------------------------------------------------
def _warning(profile: Profile, stimulus: Stimulus, protection: Protection) -> Draft:
    """Its flag shows both levels: silent inside, raised beyond, kept, and taken back."""
    delay = delay_of(protection)
    over = crossing(profile, stimulus, protection.level, tripping=True, after="inside")
    beyond_it = replace(stimulus, since=over)
    steps: list[Step] = [
        _at(profile, stimulus, protection, just_inside(protection)),
        Hold(duration_s=_LONGER * delay.high, mark="inside"),
        _at(profile, stimulus, protection, just_beyond(protection), APPLIED),
        Hold(duration_s=until_said_s(protection, delay), mark="raised"),
    ]
    expected: list[Expectation] = [
        *stays_silent(protection, None, "inside"),
        *says(beyond_it, protection),
        *keeps(profile, stimulus, protection),
    ]
    of = f"protections/{stimulus.protection}"
    claims, levels = [f"{of}/threshold"], str(protection.threshold)
    level = protection.recovers.level if protection.recovers else None
    if level is not None:
        levels += f" and taken back at {level}"
        back_steps, back = _taken_back(profile, stimulus, protection)
        steps += back_steps
        expected += back
        claims.append(f"{of}/recovers/level")
    return draft_of(
        f"{whose(protection.short, stimulus.target)} is told at {levels}",
        stimulus,
        protection,
        steps=[RandomPhase(span_s=phase_s(profile)), *steps],
        expectations=expected,
        parameters={"bracket": "both"},
        claims=claims,
    )


def _taken_back(
    profile: Profile, stimulus: Stimulus, protection: Protection
) -> tuple[list[Step], list[Expectation]]:
    """Kept short of the recovery level, taken back behind it."""
    level = protection.recovers.level if protection.recovers else None
    assert level is not None  # noqa: S101 -- the caller has looked
    away = _OFF_TOLERANCES * level.tolerance * (1.0 if protection.rising else -1.0)
    time = recovery_time_of(protection)
    since = crossing(profile, stimulus, level.value, tripping=False, after="kept")
    steps: list[Step] = [
        _at(profile, stimulus, protection, level.value + away),
        Hold(duration_s=_LONGER * time.high, mark="kept"),
        _at(profile, stimulus, protection, level.value - away, REMOVED),
        Hold(duration_s=until_said_s(protection, time)),
    ]
    kept = [
        SignalStays(signal=signal, value=float(value), begin="raised", end="kept")
        for signal, value in protection.says.items()
    ]
    return steps, [*kept, *unsays(protection, since, time)]


def _at(
    profile: Profile,
    stimulus: Stimulus,
    protection: Protection,
    level: float,
    mark: str | None = None,
) -> Set:
    value = value_at(profile, protection, level)
    return Set(values={stimulus.target: round(value, 6)}, mark=mark)
