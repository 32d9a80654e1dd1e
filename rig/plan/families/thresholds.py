"""Families that find a level by a staircase from its safe side."""

from __future__ import annotations

from collections.abc import Iterator

from rig.dut.profile import Profile
from rig.expectations.threshold import ThresholdIs
from rig.plan.families.brackets import brackets
from rig.plan.families.choosing import (
    delay_of,
    each_stimulus,
    is_findable,
    recovers_at_an_output,
    recovery_time_of,
)
from rig.plan.families.draft import AFTER_S, Draft, Options, draft_of, whose
from rig.steps.conditions import OutputState
from rig.steps.hold import Hold
from rig.steps.ramp import Staircase
from rig.steps.set import Set


def threshold(profile: Profile, options: Options) -> Iterator[Draft]:
    """Find each threshold by a staircase from the safe side, or hold it in a bracket."""
    for stimulus, protection in each_stimulus(profile, options, only=is_findable(profile)):
        if protection.threshold is None:
            continue
        dwell_s = delay_of(protection).high + 0.2
        span, tolerance = 2.5 * protection.threshold.tolerance, protection.threshold.tolerance
        step = tolerance / 5.0
        up = 1.0 if protection.rising else -1.0
        yield draft_of(
            f"threshold of {whose(protection.short, stimulus.target)} is {protection.threshold}",
            stimulus,
            protection,
            steps=[
                Set(values={stimulus.target: round(protection.level - up * span, 6)}),
                Staircase(
                    quantity=stimulus.target,
                    start=round(protection.level - up * span, 6),
                    stop=round(protection.level + up * span, 6),
                    step=up * step,
                    dwell_s=dwell_s,
                    until=OutputState(output=protection.opens[0], is_open=True),
                    mark="found",
                ),
            ],
            expectations=[
                ThresholdIs(
                    quantity=stimulus.target,
                    output=protection.opens[0],
                    is_open=True,
                    level=protection.level,
                    tolerance=tolerance,
                    unit=protection.unit,
                    delay_s=delay_of(protection).high,
                )
            ],
        )
    yield from brackets(profile, options)


def recovery_threshold(profile: Profile, options: Options) -> Iterator[Draft]:
    """Find the level at which each protection lets go, by a staircase from the tripped side."""
    for stimulus, protection in each_stimulus(profile, options, only=recovers_at_an_output):
        level = protection.recovers.level if protection.recovers else None
        if level is None:
            continue
        after_s = recovery_time_of(protection).high
        up = -1.0 if protection.rising else 1.0
        at = protection.sign * level.value
        span = 2.5 * level.tolerance
        yield draft_of(
            f"{whose(protection.short, stimulus.target)} lets go at {level}",
            stimulus,
            protection,
            steps=[
                *stimulus.apply,
                Hold(duration_s=delay_of(protection).high + AFTER_S, mark="tripped"),
                Set(values={stimulus.target: round(at - up * span, 6)}),
                Staircase(
                    quantity=stimulus.target,
                    start=round(at - up * span, 6),
                    stop=round(at + up * span, 6),
                    step=up * level.tolerance / 2.5,
                    dwell_s=after_s + 0.2,
                    until=OutputState(output=protection.opens[0], is_open=False),
                    mark="found",
                ),
            ],
            expectations=[
                ThresholdIs(
                    quantity=stimulus.target,
                    output=protection.opens[0],
                    is_open=False,
                    level=at,
                    tolerance=level.tolerance,
                    unit=protection.unit,
                    delay_s=after_s,
                )
            ],
        )
