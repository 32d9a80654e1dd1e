"""What follows from a stimulus by the profile: outputs, flags, console lines, in their times."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rig.dut.profile import Profile, Protection
from rig.plan.case import (
    ConsoleSays,
    Crossing,
    Expectation,
    Instant,
    Mark,
    SignalBecomes,
    SignalStays,
    Stays,
    Trips,
)
from rig.plan.families.choosing import delay_of
from rig.plan.stimulus import APPLIED, REMOVED, Stimulus, opened, paths


def trips(stimulus: Stimulus, protection: Protection) -> Iterator[Expectation]:
    """Its outputs open, in its time."""
    delay = delay_of(protection)
    for output in protection.opens:
        yield Trips(output=output, since=stimulus.since, low_s=delay.low, high_s=delay.high)


def keeps(profile: Profile, stimulus: Stimulus, protection: Protection) -> Iterator[Expectation]:
    """The other outputs stay closed all the time."""
    affected = opened(profile, stimulus.values) | set(protection.opens)
    for output in paths(profile):
        if output not in affected:
            yield Stays(output=output, is_open=False)


def all_stay(
    profile: Profile, values: Mapping[str, float], begin: str | None, end: str | None
) -> Iterator[Expectation]:
    """All outputs stay closed that nothing opens at these values."""
    for output in paths(profile):
        if output not in opened(profile, values):
            yield Stays(output=output, is_open=False, begin=begin, end=end)


def signals_of(protection: Protection) -> list[tuple[str, str, int]]:
    """Message, signal and value of each flag that it sets."""
    return [(*said.split(".", 1), value) for said, value in protection.says.items()]  # type: ignore[misc]


def says(stimulus: Stimulus, protection: Protection) -> Iterator[Expectation]:
    """The flag on CAN and the line on the console, neither before the trip is due."""
    delay = delay_of(protection)
    for message, signal, value in signals_of(protection):
        yield SignalBecomes(
            message=message,
            signal=signal,
            value=float(value),
            since=stimulus.since,
            low_s=delay.low,
            high_s=delay.high + protection.says_within_s,
        )
    if protection.console is not None:
        yield ConsoleSays(
            pattern=protection.console,
            since=stimulus.since,
            low_s=delay.low,
            high_s=delay.high + protection.console_within_s,
        )


def said_within_s(protection: Protection) -> float:
    """Longest time after a trip until flag and line have said so."""
    by_console_s = protection.console_within_s if protection.console else 0.0
    return max(protection.says_within_s if protection.says else 0.0, by_console_s)


def unsays(protection: Protection, since: Instant, high_s: float) -> Iterator[Expectation]:
    """Its flags are taken back."""
    for message, signal, value in signals_of(protection):
        yield SignalBecomes(
            message=message,
            signal=signal,
            value=float(1 - value),
            since=since,
            high_s=high_s + protection.says_within_s,
        )


def stays_silent(
    protection: Protection, begin: str | None, end: str | None
) -> Iterator[Expectation]:
    """Its flags stay as they are in health."""
    for message, signal, value in signals_of(protection):
        yield SignalStays(
            message=message, signal=signal, value=float(1 - value), begin=begin, end=end
        )


def release_of(stimulus: Stimulus, protection: Protection) -> Instant:
    """Instant from which a recovery's time counts."""
    level = protection.recovery_level
    if level is not None:
        return Crossing(
            quantity=stimulus.target, level=level, rising=not protection.rising, after="tripped"
        )
    if protection.unit == "A" and protection.recovers is not None:
        # The path opens, so the current is gone with the trip, not with the load.
        rest_a = protection.sign * (protection.recovers.below_a or 0.0)
        return Crossing(
            quantity="current", level=rest_a, rising=not protection.rising, after=APPLIED
        )
    return Mark(mark=REMOVED if stimulus.remove else APPLIED)
