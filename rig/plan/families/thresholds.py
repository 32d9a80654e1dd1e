"""Families that find a level by a ramp from its safe side."""

from __future__ import annotations

from collections.abc import Iterator

from rig.dut.profile import Profile
from rig.expectations import Expectation
from rig.expectations.threshold import ThresholdIs
from rig.plan.families.applicable import is_findable, recovers_at_an_output
from rig.plan.families.brackets import brackets
from rig.plan.families.draft import Draft, Options, family
from rig.plan.families.provoked import Provoked, each
from rig.plan.families.timing import AFTER_S, DWELL_SPARE_S
from rig.quantity import Interval, Toleranced
from rig.steps import Step
from rig.steps.conditions import OutputState
from rig.steps.hold import Hold
from rig.steps.ramp import Ramp
from rig.steps.set import Set

_SPAN = 2.5  # tolerances, from the safe side to a level, and beyond it


@family("threshold")
def threshold(profile: Profile, options: Options) -> Iterator[Draft]:
    """Find each threshold by a ramp from the safe side, or hold it in a bracket."""
    for it in each(profile, options, only=is_findable(profile)):
        level = it.protection.threshold
        if level is None:
            continue
        at = Toleranced(it.protection.level, level.tolerance, level.unit)
        steps, found = _walk(it, at, at.tolerance / 5.0, it.delay, opens=True)
        yield it.draft(f"threshold of {it.at_place} is {level}", steps, [found])
    yield from brackets(profile, options)


@family("recovery threshold")
def recovery_threshold(profile: Profile, options: Options) -> Iterator[Draft]:
    """Find the level at which each protection lets go, by a ramp from the tripped side."""
    for it in each(profile, options, only=recovers_at_an_output):
        level = it.protection.recovers.level if it.protection.recovers else None
        if level is None:
            continue
        at = Toleranced(it.protection.sign * level.value, level.tolerance, level.unit)
        steps, found = _walk(it, at, at.tolerance / 2.5, it.recovery, opens=False)
        tripped = Hold(duration_s=it.delay.high + AFTER_S, mark="tripped")
        yield it.draft(
            f"{it.at_place} lets go at {level}", [*it.stimulus.apply, tripped, *steps], [found]
        )


def _walk(
    it: Provoked, at: Toleranced, step: float, time: Interval, *, opens: bool
) -> tuple[list[Step], Expectation]:
    """Walk over a level, the way on which the output opens, or closes."""
    up = 1.0 if it.protection.rising == opens else -1.0
    span, output = up * _SPAN * at.tolerance, it.opens[0]
    start, stop = round(at.value - span, 6), round(at.value + span, 6)
    stairs = Ramp(
        quantity=it.target,
        start=start,
        stop=stop,
        step=up * step,
        dwell_s=time.high + DWELL_SPARE_S,
        until=OutputState(output=output, is_open=opens),
        mark="found",
    )
    found = ThresholdIs(
        quantity=it.target,
        output=output,
        is_open=opens,
        level=at.value,
        tolerance=at.tolerance,
        unit=it.protection.unit,
        delay_s=time.high,
    )
    return [Set(values={it.target: start}), stairs], found
