"""What follows from a stimulus by the profile: outputs, flags, console lines, in their times."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from rig.dut.profile import Profile, Protection
from rig.expectations import Expectation
from rig.expectations.console_says import ConsoleSays
from rig.expectations.recovers import Recovers
from rig.expectations.signal_becomes import SignalBecomes
from rig.expectations.signal_stays import SignalStays
from rig.expectations.signal_within import SignalWithin
from rig.expectations.stays import Stays
from rig.expectations.trips import Trips
from rig.instants import Instant, Mark
from rig.plan.families.choosing import delay_of, slowest_s
from rig.plan.families.draft import AFTER_S
from rig.plan.reported import PERIODS
from rig.plan.stimulus import Stimulus, opened, paths
from rig.quantity import Interval

_LINK_RESOLVES_S = 0.05  # what a link's own latency leaves of a time; below, only "in time" counts


def trips(stimulus: Stimulus, protection: Protection) -> Iterator[Expectation]:
    """Its outputs open, in its time."""
    delay = delay_of(protection)
    for output in protection.opens:
        yield Trips(output=output, since=stimulus.since, low_s=delay.low, high_s=delay.high)


def recovers(
    protection: Protection, since: Instant, time: Interval, *, lasts: bool = True
) -> Iterator[Expectation]:
    """Its outputs close again, in this time after an instant."""
    for o in protection.opens:
        yield Recovers(output=o, since=since, low_s=time.low, high_s=time.high, lasts=lasts)


def closes(
    outputs: Iterable[str], since: str, high_s: float, *, claim: str = ""
) -> Iterator[Expectation]:
    """These outputs are closed so long after a mark, and stay so; sooner is as good."""
    for o in outputs:
        claims = (f"{claim}@{o}",) if claim else ()
        yield Recovers(output=o, since=Mark(mark=since), low_s=0.0, high_s=high_s, claims=claims)


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


def says(stimulus: Stimulus, protection: Protection) -> Iterator[Expectation]:
    """The flag on CAN and the line on the console, neither before the trip is due."""
    delay = delay_of(protection)
    for signal, value in protection.says.items():
        yield SignalBecomes(
            signal=signal,
            value=float(value),
            since=stimulus.since,
            low_s=_told(delay.low),
            high_s=delay.high + protection.says_within_s,
        )
    if (pattern := protection.console_for(stimulus.target)) is not None:
        yield ConsoleSays(
            pattern=pattern,
            since=stimulus.since,
            low_s=_told(delay.low),
            high_s=delay.high + protection.console_within_s,
        )


def _told(low_s: float) -> float:
    """Earliest time at which a link may tell; 0 where that is finer than a link can stamp."""
    return low_s if low_s >= _LINK_RESOLVES_S else 0.0


def said_within_s(protection: Protection) -> float:
    """Longest time after a trip until flag and line have said so."""
    by_console_s = protection.console_within_s if protection.console else 0.0
    return max(protection.says_within_s if protection.says else 0.0, by_console_s)


def until_said_s(protection: Protection, time: Interval) -> float:
    """How long to wait until all has been said that follows in this time."""
    return time.high + said_within_s(protection) + AFTER_S


def unsays(protection: Protection, since: Instant, time: Interval) -> Iterator[Expectation]:
    """Its flags are taken back and the console says so, neither before it may let go."""
    for signal, value in protection.says.items():
        yield SignalBecomes(
            signal=signal,
            value=float(1 - value),
            since=since,
            low_s=_told(time.low),
            high_s=time.high + protection.says_within_s,
        )
    if protection.console_clears is not None:
        yield ConsoleSays(
            pattern=protection.console_clears,
            since=since,
            low_s=_told(time.low),
            high_s=time.high + protection.console_within_s,
        )


def shown_in(
    profile: Profile, span_s: float, expectations: Iterable[Expectation]
) -> Iterator[Expectation]:
    """Leave out what is told by messages so rare that the span may hold none of them."""
    for e in expectations:
        told_by = (e.signal.message,) if isinstance(e, SignalStays | SignalWithin) else ()
        if PERIODS * slowest_s(profile, told_by) <= span_s:
            yield e


def stays_silent(
    protection: Protection,
    begin: str | None,
    end: str | None,
    meanwhile: Iterable[Protection] = (),
) -> Iterator[Expectation]:
    """Its flags stay as they are in health, but those that protections set that act meanwhile."""
    others = {said for p in meanwhile for said in p.says}
    for signal, value in protection.says.items():
        if signal not in others:
            yield SignalStays(signal=signal, value=float(1 - value), begin=begin, end=end)
