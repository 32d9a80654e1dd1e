"""Families about letting go: in time, not too early, or only by the named means."""

from __future__ import annotations

from collections.abc import Iterator

from rig.dut.profile import Profile
from rig.plan.case import (
    Dither,
    Hold,
    Instant,
    Mark,
    Power,
    Recovers,
    Set,
    SignalStays,
    Stays,
    Step,
    Type,
)
from rig.plan.families.choosing import (
    delay_of,
    each_stimulus,
    recovers_by_level,
    recovers_in_time,
    recovery_time_of,
)
from rig.plan.families.draft import AFTER_S, DITHER_S, Draft, Options, draft_of
from rig.plan.families.expecting import keeps, release_of, signals_of, unsays
from rig.quantity import format


def recovery(profile: Profile, options: Options) -> Iterator[Draft]:
    """Take the cause away: the output closes again, in its time, and the flag goes."""
    for stimulus, protection in each_stimulus(profile, options, only=recovers_in_time):
        after = recovery_time_of(protection)
        since = release_of(stimulus, protection)
        wait_s = after.high + protection.says_within_s + AFTER_S
        if protection.recovers is not None and protection.recovers.when == "rebooted":
            wait_s += (profile.start.ready_within_s or 0.0) + (profile.start.closed_within_s or 0.0)
        yield draft_of(
            f"{protection.short} at {stimulus.target} lets go after {after}",
            stimulus,
            protection,
            steps=[
                Dither(span_s=DITHER_S),
                *stimulus.apply,
                Hold(duration_s=delay_of(protection).high + 0.1, mark="tripped"),
                *stimulus.remove,
                Hold(duration_s=wait_s),
            ],
            expectations=[
                *(
                    Recovers(output=o, since=since, low_s=after.low, high_s=after.high)
                    for o in protection.opens
                ),
                *keeps(profile, stimulus, protection),
                *unsays(protection, since, after.high),
            ],
        )


def hysteresis(profile: Profile, options: Options) -> Iterator[Draft]:
    """Come back between threshold and recovery level: the protection must not let go."""
    for stimulus, protection in each_stimulus(profile, options, only=recovers_by_level):
        level = protection.recovery_level
        if level is None or protection.threshold is None:
            continue
        between = round(0.5 * (level + protection.level), 6)
        wait_s = 3.0 * max(recovery_time_of(protection).high, delay_of(protection).high)
        yield draft_of(
            f"{protection.short} at {stimulus.target} holds at {format(between, protection.unit)}",
            stimulus,
            protection,
            steps=[
                Dither(span_s=DITHER_S),
                *stimulus.apply,
                Hold(duration_s=delay_of(protection).high + AFTER_S, mark="tripped"),
                Set(values={stimulus.target: between}, mark="between"),
                Hold(duration_s=wait_s, mark="waited"),
            ],
            expectations=[
                *(
                    Stays(output=o, is_open=True, begin="tripped", end="waited")
                    for o in protection.opens
                ),
                *(
                    SignalStays(message=m, signal=s, value=float(v), begin="between", end="waited")
                    for m, s, v in signals_of(protection)
                ),
            ],
        )


def latch(profile: Profile, options: Options) -> Iterator[Draft]:
    """A latched protection stays, cause gone or not, until it is cleared by the named means."""
    for stimulus, protection in each_stimulus(
        profile, options, only=lambda p: p.latched is not None
    ):
        for means in protection.latched.cleared_by if protection.latched else ():
            clear, since, high_s = _clear(profile, means)
            yield draft_of(
                f"{protection.short} stays latched until {means}",
                stimulus,
                protection,
                parameters={"cleared by": means},
                steps=[
                    *stimulus.apply,
                    Hold(duration_s=delay_of(protection).high + AFTER_S, mark="tripped"),
                    *stimulus.remove,
                    Hold(duration_s=10.0, mark="waited"),
                    *clear,
                    Hold(duration_s=high_s + AFTER_S),
                ],
                expectations=[
                    *(
                        Stays(output=o, is_open=True, begin="tripped", end="waited")
                        for o in protection.opens
                    ),
                    *(
                        Recovers(output=o, since=since, low_s=0.0, high_s=high_s)
                        for o in protection.opens
                    ),
                ],
            )


def _clear(profile: Profile, means: str) -> tuple[list[Step], Instant, float]:
    """Steps that clear a latch, since when it counts, and the longest it may take."""
    start_s = (profile.start.ready_within_s or 0.0) + (profile.start.closed_within_s or 0.0)
    if means == "power cycle":
        off: list[Step] = [Power(on=False), Hold(duration_s=0.5), Power(on=True, mark="cleared")]
        return off, Mark(mark="cleared"), start_s
    line = profile.console.commands[means] if profile.console else means
    return [Type(line=line, mark="cleared")], Mark(mark="cleared"), 1.0
