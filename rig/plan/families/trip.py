"""Families about acting: in time, not without cause, and counting from the last crossing."""

from __future__ import annotations

from collections.abc import Iterator

from rig.dut.profile import Profile
from rig.plan.case import Crossing, Dither, Hold, Set, Step, Trips
from rig.plan.families.choosing import delay_of, each_stimulus, has_level, is_slow
from rig.plan.families.draft import AFTER_S, DITHER_S, Draft, Options, draft_of
from rig.plan.families.expecting import all_stay, keeps, said_within_s, says, stays_silent, trips
from rig.plan.stimulus import APPLIED, home, just_inside
from rig.quantity import format

_HOLD_DELAYS = 10.0  # protections.md 2, hold test: ten times the nominal delay
_DIP_S = 0.3


def trip(profile: Profile, options: Options) -> Iterator[Draft]:
    """Provoke each protection at each cell or sensor: it acts in its time, and says so."""
    for stimulus, protection in each_stimulus(profile, options):
        delay = delay_of(protection)
        yield draft_of(
            f"{stimulus.protection} at {stimulus.target} acts after {delay}",
            stimulus,
            protection,
            steps=[
                Dither(span_s=DITHER_S),
                *stimulus.apply,
                Hold(duration_s=delay.high + said_within_s(protection) + AFTER_S),
            ],
            expectations=[
                *trips(stimulus, protection),
                *keeps(profile, stimulus, protection),
                *says(stimulus, protection),
            ],
        )


def hold(profile: Profile, options: Options) -> Iterator[Draft]:
    """Hold just inside each threshold for long: nothing acts, nothing is said."""
    for stimulus, protection in each_stimulus(profile, options, only=has_level):
        inside = just_inside(protection)
        shown = format(inside, protection.unit)
        yield draft_of(
            f"{stimulus.target} held at {shown}, just inside, does not trip {protection.short}",
            stimulus,
            protection,
            steps=[
                Set(values={stimulus.target: inside}, mark=APPLIED),
                Hold(duration_s=_HOLD_DELAYS * max(delay_of(protection).high, 0.5), mark="held"),
            ],
            expectations=[
                *all_stay(profile, {stimulus.target: inside}, APPLIED, "held"),
                *stays_silent(protection, APPLIED, "held"),
            ],
        )


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
            steps=[Dither(span_s=DITHER_S), *once, *once, *once, Hold(duration_s=0.5)],
            expectations=[
                *all_stay(profile, {}, None, None),
                *stays_silent(protection, None, None),
            ],
        )


def dip(profile: Profile, options: Options) -> Iterator[Draft]:
    """Dip back while a trip is pending: the delay starts again from the last crossing."""
    for stimulus, protection in each_stimulus(profile, options, only=is_slow):
        delay = delay_of(protection)
        again: list[Step] = [
            Set(values={stimulus.target: home(profile, stimulus.target)}, mark="dip"),
            Hold(duration_s=_DIP_S),
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
                Dither(span_s=DITHER_S),
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
            ],
        )
