"""Families about acting: in time, not without cause, and counting from the last crossing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rig.dut.profile import Profile, Protection
from rig.expectations import Expectation
from rig.expectations.console_never_says import ConsoleNeverSays
from rig.expectations.stays import Stays
from rig.expectations.trips import Trips
from rig.instants import Crossing
from rig.plan.families.choosing import delay_of, each_stimulus, has_threshold, is_slow
from rig.plan.families.draft import (
    AFTER_S,
    Draft,
    Options,
    after,
    draft_of,
    phase_s,
    setting,
    whose,
)
from rig.plan.families.expecting import (
    all_stay,
    keeps,
    says,
    shown_in,
    stays_silent,
    trips,
    until_said_s,
)
from rig.plan.stimulus import APPLIED, acting, home, just_inside, paths, value_at
from rig.quantity import format, parse
from rig.steps import Step
from rig.steps.hold import Hold
from rig.steps.random_phase import RandomPhase
from rig.steps.set import Set

# A hold test lasts ten times the delay and a minute at least ...
_HOLD_DELAYS, _HOLD_S = 10.0, 60.0
# ... but where a slower stage of the same path acts at that value, only until it is due; and where
# that is too soon for a command, for so long, with that stage acting.
_BRIEFEST_S, _HOLD_CUT_SHORT_S = 0.1, 2.0
_DIP_S = 0.3  # longer than any scan that somebody states; a plan may ask for less ("dip: 50 ms")


def trip(profile: Profile, options: Options) -> Iterator[Draft]:
    """Provoke each protection at each cell or sensor: it acts in its time, and says so."""
    for stimulus, protection in each_stimulus(profile, options):
        delay = delay_of(protection)
        yield draft_of(
            f"{whose(stimulus.protection, stimulus.target)} acts {after(delay)}",
            stimulus,
            protection,
            steps=[
                RandomPhase(span_s=phase_s(profile)),
                *stimulus.apply,
                Hold(duration_s=until_said_s(protection, delay)),
            ],
            expectations=[
                *trips(stimulus, protection),
                *keeps(profile, stimulus, protection),
                *says(stimulus, protection),
            ],
        )


def hold(profile: Profile, options: Options) -> Iterator[Draft]:
    """Hold just inside each threshold for long: nothing acts, nothing is said."""
    for stimulus, protection in each_stimulus(profile, options, only=has_threshold):
        inside = value_at(profile, protection, just_inside(protection))
        values = {stimulus.target: inside}
        hold_s = _hold_s(profile, protection, values)
        meanwhile = [p for p in acting(profile, values).values() if delay_of(p).low <= hold_s]
        shown = format(inside, protection.unit)
        yield draft_of(
            f"{stimulus.target} held at {shown}, just inside, does not trip {protection.short}",
            stimulus,
            protection,
            steps=[
                Set(values=values, mark=APPLIED),
                Hold(duration_s=hold_s, mark="held"),
            ],
            expectations=[
                *_only_opens(profile, meanwhile, "held"),
                *shown_in(profile, hold_s, stays_silent(protection, None, "held", meanwhile)),
                *_never_says(profile, protection, hold_s),
            ],
        )


def _hold_s(profile: Profile, protection: Protection, values: Mapping[str, float]) -> float:
    """How long to hold: shorter than a slower stage of the same path that acts there."""
    earlier = [delay_of(p).low for p in _in_the_way(profile, protection, values)]
    own_s = delay_of(protection).high
    if not earlier:
        return max(_HOLD_S, _HOLD_DELAYS * own_s)
    # Half of that stage's delay leaves the other half for the command's own time.
    before_s = 0.5 * min(earlier)
    return before_s if before_s >= max(_BRIEFEST_S, 2.0 * own_s) else _HOLD_CUT_SHORT_S


def _in_the_way(
    profile: Profile, protection: Protection, values: Mapping[str, float]
) -> list[Protection]:
    """Protections that act at these values upon the same outputs."""
    there = acting(profile, values).values()
    return [p for p in there if p != protection and set(p.opens) & set(protection.opens)]


def _only_opens(
    profile: Profile, meanwhile: Sequence[Protection], end: str
) -> Iterator[Expectation]:
    """All outputs stay closed but those that these protections open."""
    opens = {output for p in meanwhile for output in p.opens}
    for output in paths(profile):
        if output not in opens:
            yield Stays(output=output, is_open=False, end=end)


def _never_says(profile: Profile, protection: Protection, hold_s: float) -> Iterator[Expectation]:
    """No line of it, where the console is known to say something else in that time."""
    every_s = profile.console.every_s if profile.console else None
    pattern = protection.console_for(None)
    if pattern is None or every_s is None or hold_s < 2.0 * every_s:
        return
    yield ConsoleNeverSays(pattern=pattern, end="held")


def pulse(profile: Profile, options: Options) -> Iterator[Draft]:
    """Go beyond the threshold for less than the delay, again and again: nothing acts."""
    for stimulus, protection in each_stimulus(profile, options, only=is_slow):
        once: list[Step] = [
            *stimulus.apply,
            Hold(duration_s=0.5 * delay_of(protection).low),
            *stimulus.remove,
            Hold(duration_s=2.0 * _DIP_S),
        ]
        yield draft_of(
            f"{stimulus.target} beyond {protection.short} for half its delay, 3 times: no trip",
            stimulus,
            protection,
            steps=[RandomPhase(span_s=phase_s(profile)), *once, *once, *once, Hold(duration_s=0.5)],
            expectations=[
                *all_stay(profile, {}, None, None),
                *stays_silent(protection, None, None),
            ],
        )


def dip(profile: Profile, options: Options) -> Iterator[Draft]:
    """Dip back while a trip is pending: the delay starts again from the last crossing."""
    for stimulus, protection in each_stimulus(profile, options, only=is_slow):
        delay, dip_s = delay_of(protection), _dip_s(options)
        again: list[Step] = [
            Set(values={stimulus.target: home(profile, stimulus.target)}, mark="dip"),
            Hold(duration_s=dip_s),
            Set(values=stimulus.values, mark="again"),
        ]
        since = Crossing(
            quantity=stimulus.target,
            level=protection.level,
            rising=protection.rising,
            after="dip",
        )
        yield draft_of(
            f"a dip of {stimulus.target} starts the delay of {protection.short} again",
            stimulus,
            protection,
            steps=[
                RandomPhase(span_s=phase_s(profile)),
                *stimulus.apply,
                Hold(duration_s=0.6 * delay.low),
                *again,
                Hold(duration_s=delay.high + AFTER_S),
            ],
            expectations=[
                *all_stay(profile, {}, None, "again"),
                *(
                    Trips(output=o, since=since, low_s=delay.low, high_s=delay.high)
                    for o in protection.opens
                ),
                *keeps(profile, stimulus, protection),
            ],
        )


def _dip_s(options: Options) -> float:
    return setting(options, "dip", _DIP_S, lambda given: parse(given, "s"))
