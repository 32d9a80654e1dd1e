"""What a BMS must do and say, in short words. Must not know how it is brought about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from rig.can_address import SignalAddress
from rig.dut.profile import Profile, Protection
from rig.expectations import Expectation
from rig.expectations.console_never_says import ConsoleNeverSays
from rig.expectations.console_says import ConsoleSays
from rig.expectations.recovers import Recovers
from rig.expectations.signal_becomes import SignalBecomes
from rig.expectations.signal_stays import SignalStays
from rig.expectations.signal_within import SignalWithin
from rig.expectations.stays import Stays
from rig.plan.families.applicable import slowest_s
from rig.plan.reported import PERIODS
from rig.plan.stimulus import opened, paths
from rig.quantity import Interval
from rig.time_reference import Mark, TimeReference


# ---- outputs ------------------------------------------------------------------------------------
def stay(
    outputs: Iterable[str], begin: str | None = None, end: str | None = None, *, is_open: bool
) -> Iterator[Stays]:
    """These outputs stay open, or closed, between two marks."""
    return (Stays(output=o, is_open=is_open, begin=begin, end=end) for o in outputs)


def all_stay(
    profile: Profile,
    values: Mapping[str, float] | None = None,
    begin: str | None = None,
    end: str | None = None,
) -> Iterator[Stays]:
    """All outputs stay closed that nothing opens at these values."""
    affected = opened(profile, values or {})
    return stay((o for o in paths(profile) if o not in affected), begin, end, is_open=False)


def closes(
    outputs: Iterable[str], since: str, high_s: float, *, claim: str = ""
) -> Iterator[Recovers]:
    """These outputs are closed so long after a mark, and stay so; sooner is as good."""
    for o in outputs:
        claims = (f"{claim}@{o}",) if claim else ()
        yield Recovers(output=o, since=Mark(mark=since), low_s=0.0, high_s=high_s, claims=claims)


# ---- signals ------------------------------------------------------------------------------------
def stays(
    signal: SignalAddress, value: float, begin: str | None = None, end: str | None = None
) -> SignalStays:
    """A signal has this value in every frame between two marks."""
    return SignalStays(signal=signal, value=float(value), begin=begin, end=end)


def becomes(
    signal: SignalAddress, value: float, since: TimeReference | str, time: Interval
) -> SignalBecomes:
    """A signal takes this value within this time after an instant, or a mark."""
    at, low_s, high_s = as_instant(since), time.low, time.high
    return SignalBecomes(signal=signal, value=float(value), since=at, low_s=low_s, high_s=high_s)


def as_instant(since: TimeReference | str) -> TimeReference:
    """Give the instant that is meant, where it is one or the name of a mark."""
    return Mark(mark=since) if isinstance(since, str) else since


def between(
    signal: SignalAddress, values: Interval, begin: str | None = None, end: str | None = None
) -> SignalWithin:
    """A signal lies between two values, in their unit, in every frame between two marks."""
    low, high, unit = values.low, values.high, values.unit
    return SignalWithin(signal=signal, low=low, high=high, unit=unit, begin=begin, end=end)


def flags_stay(protection: Protection, begin: str | None, end: str | None) -> Iterator[SignalStays]:
    """Its flags stay set."""
    return (stays(said, value, begin, end) for said, value in protection.flags.items())


def shown_in(
    profile: Profile, span_s: float, expectations: Iterable[Expectation]
) -> Iterator[Expectation]:
    """Leave out what is reported by messages so rare that the span may hold none of them."""
    for e in expectations:
        told_by = (e.signal.message,) if isinstance(e, SignalStays | SignalWithin) else ()
        if PERIODS * slowest_s(profile, told_by) <= span_s:
            yield e


# ---- the console --------------------------------------------------------------------------------
def says_ready(
    profile: Profile, since: TimeReference | str, high_s: float
) -> Iterator[ConsoleSays]:
    """It says that it is ready, in time after an instant, or a mark; nothing without a console."""
    if profile.console is not None:
        ready, at = profile.console.ready, as_instant(since)
        yield ConsoleSays(pattern=ready, since=at, high_s=high_s)


def never_ready(
    profile: Profile, begin: str | None = None, end: str | None = None
) -> Iterator[ConsoleNeverSays]:
    """It does not start: no line says that it is ready."""
    if profile.console is not None:
        yield ConsoleNeverSays(pattern=profile.console.ready, begin=begin, end=end)
