"""Families about acting: in time, not without cause, and counting from the last crossing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rig.dut.profile import Profile
from rig.plan.families.applicable import delay_of, has_threshold, is_slow
from rig.plan.families.contexts import contexts_of, together
from rig.plan.families.draft import Draft, Options, Part, after, at_place, family, setting
from rig.plan.families.expecting import all_stay, shown_in, stay
from rig.plan.families.provoked import Provoked, each
from rig.plan.families.timing import (
    AFTER_S,
    DIP_S,
    HOLD_BRIEFEST_S,
    HOLD_CUT_SHORT_S,
    HOLD_DELAYS,
    HOLD_S,
)
from rig.plan.stimulus import APPLIED, acting, just_inside, paths, value_at
from rig.quantity import format, parse
from rig.steps import Step
from rig.steps.hold import Hold
from rig.steps.set import Set
from rig.time_reference import Crossing


@family("trip")
def trip(profile: Profile, options: Options) -> Iterator[Draft]:
    """Provoke each protection at each cell or sensor: it acts in its time, and says so."""
    names = contexts_of(options)
    said = " and ".join(names)
    for it in each(profile, options):
        if (context := together(it, names)) is not None:
            part = context + Part([it.random_phase]) + it.trip()
            yield it.draft(
                f"{at_place(it.name, it.target)} acts {after(it.delay)}{said and ' while ' + said}",
                part.steps,
                part.expectations,
                {"while": "-".join(names)} if names else None,
            )


@family("hold")
def hold(profile: Profile, options: Options) -> Iterator[Draft]:
    """Hold just inside each threshold for long: nothing acts, nothing is said."""
    for it in each(profile, options, only=has_threshold):
        inside = value_at(profile, it.protection, just_inside(it.protection))
        values = {it.target: inside}
        hold_s = _hold_s(it, values)
        beside = [p for p in acting(profile, values).values() if delay_of(p).low <= hold_s]
        opens = {output for p in beside for output in p.opens}
        shown = format(inside, it.protection.unit)
        yield it.draft(
            f"{it.target} held at {shown}, just inside, does not trip {it.short}",
            [Set(values=values, mark=APPLIED), Hold(duration_s=hold_s, mark="held")],
            [
                *stay((o for o in paths(profile) if o not in opens), None, "held", is_open=False),
                *shown_in(profile, hold_s, it.stays_silent(None, "held", beside)),
                *it.no_line("held", hold_s),
            ],
        )


def _hold_s(it: Provoked, values: Mapping[str, float]) -> float:
    """How long to hold: shorter than a slower stage of the same path that acts there."""
    there = [p for p in acting(it.profile, values).values() if p != it.protection]
    earlier = [delay_of(p).low for p in there if set(p.opens) & set(it.opens)]
    if not earlier:
        return max(HOLD_S, HOLD_DELAYS * it.delay.high)
    # Half of that stage's delay leaves the other half for the command's own time.
    before_s = 0.5 * min(earlier)
    return before_s if before_s >= max(HOLD_BRIEFEST_S, 2.0 * it.delay.high) else HOLD_CUT_SHORT_S


@family("pulse")
def pulse(profile: Profile, options: Options) -> Iterator[Draft]:
    """Go beyond the threshold for less than the delay, again and again: nothing acts."""
    for it in each(profile, options, only=is_slow):
        once: list[Step] = [
            *it.stimulus.apply,
            Hold(duration_s=0.5 * it.delay.low),
            *it.stimulus.remove,
            Hold(duration_s=2.0 * DIP_S),
        ]
        yield it.draft(
            f"{it.target} beyond {it.short} for half its delay, 3 times: no trip",
            [it.random_phase, *once, *once, *once, Hold(duration_s=0.5)],
            [*all_stay(profile), *it.stays_silent()],
        )


@family("dip")
def dip(profile: Profile, options: Options) -> Iterator[Draft]:
    """Dip back while a trip is pending: the delay starts again from the last crossing."""
    for it in each(profile, options, only=is_slow):
        p, target = it.protection, it.target
        again = Crossing(quantity=target, level=p.level, rising=p.rising, after="dip")
        yield it.draft(
            f"a dip of {target} starts the delay of {it.short} again",
            [
                it.random_phase,
                *it.stimulus.apply,
                Hold(duration_s=0.6 * it.delay.low),
                Set(values={target: profile.nominal_of(target)}, mark="dip"),
                Hold(duration_s=setting(options, "dip", DIP_S, lambda given: parse(given, "s"))),
                Set(values=it.stimulus.values, mark="again"),
                Hold(duration_s=it.delay.high + AFTER_S),
            ],
            [*all_stay(profile, {}, None, "again"), *it.since(again).trips(), *it.keeps()],
        )
