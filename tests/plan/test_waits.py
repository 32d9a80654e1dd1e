"""A case waits for the slowest report that it looks at, and begins at any phase of the BMS."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest

from rig.can_address import MessageAddress, SignalAddress
from rig.case import Case
from rig.dut.profile import Profile, load_profile
from rig.expectations import Expectation
from rig.expectations.follows_cells import FollowsCells
from rig.expectations.message_sound import MessageSound
from rig.expectations.message_timing import MessageTiming
from rig.expectations.signal_ordered import SignalOrdered
from rig.expectations.signal_stays import SignalStays
from rig.expectations.signal_steady import SignalSteady
from rig.expectations.signal_within import SignalWithin
from rig.expectations.telemetry_agrees import TelemetryAgrees
from rig.plan.expand import expand_family
from rig.plan.families import Options, families
from rig.steps import Step
from rig.steps.fault import Fault
from rig.steps.hold import Hold
from rig.steps.power import Power
from rig.steps.ramp import Ramp
from rig.steps.random_phase import RandomPhase
from rig.steps.read import Read
from rig.steps.reset import Reset
from rig.steps.sequence import PlaySequence
from rig.steps.set import Set
from tests.plan.test_families import ORIGIN

_CHANGES = Set | Power | Fault | PlaySequence | Ramp | Reset
_PERIODS = 1.5  # in which one report surely comes
_IN_A_SPAN = (
    SignalStays | SignalWithin | SignalOrdered | SignalSteady | MessageSound | MessageTiming
)
_NAMES = ("esp32-4s", "esp32-16s", "pbmslsuite-o")


def slowed(profile: Profile, times: float) -> Profile:
    """Give the same BMS, which reports so many times as rarely."""
    messages = {
        name: claim.model_copy(
            update={"period": replace(claim.period, value=times * claim.period.value)}
        )
        for name, claim in profile.messages.items()
    }
    console = profile.console
    if console is not None and console.every_s is not None:
        console = console.model_copy(update={"every_s": times * console.every_s})
    return profile.model_copy(update={"messages": messages, "console": console})


def cases_of(profile: Profile) -> Iterator[Case]:
    for family in families():
        yield from expand_family(family, Options(), profile, ORIGIN, 1)


def period_s(profile: Profile, wanted: TelemetryAgrees | FollowsCells) -> float:
    if wanted.signal is not None:
        sent = {SignalAddress(named).message for named, _ in wanted.signals_named()}
        return max(profile.messages[name].period.value for name in sent)
    return (profile.console.every_s or 0.0) if profile.console else 0.0


def still_s(case: Case, index: int) -> float:
    """How long nothing is changed around the step: what holds before and after it give."""
    before_s = after_s = 0.0
    for step in reversed(case.steps[:index]):
        if isinstance(step, _CHANGES):
            break
        before_s += step.duration_s if isinstance(step, Hold) else 0.0
    for step in case.steps[index:]:
        if isinstance(step, _CHANGES):
            break
        after_s += step.duration_s if isinstance(step, Hold) else 0.0
    return before_s + after_s


def asked_for(case: Case, index: int, commands: Mapping[str, str]) -> bool:
    """Whether the BMS is asked to print right after the reading."""
    after = case.steps[index + 1 : index + 2]
    return any(getattr(step, "line", None) == commands.get("status", "") for step in after)


@pytest.mark.parametrize("times", [1.0, 4.0])
@pytest.mark.parametrize("name", _NAMES)
def test_around_each_reading_nothing_changes_until_its_slowest_report_has_come(
    name: str, times: float
) -> None:
    profile = slowed(load_profile(name), times)
    commands = profile.console.commands if profile.console else {}

    short = {
        f"{case.id}: {quantity} needs {needed_s:g} s"
        for case in cases_of(profile)
        for wanted in case.expectations
        if isinstance(wanted, TelemetryAgrees | FollowsCells)
        for quantity in wanted.looks_at()
        for index, step in enumerate(case.steps)
        if isinstance(step, Read) and quantity in step.quantities
        if not (wanted.signal is None and asked_for(case, index, commands))
        if still_s(case, index)
        < (needed_s := wanted.settle_s + _PERIODS * period_s(profile, wanted)) - 1e-9
    }

    assert not sorted(short)


@pytest.mark.parametrize("times", [1.0, 4.0])
@pytest.mark.parametrize("name", _NAMES)
def test_a_random_phase_spans_the_longest_period_that_the_profile_states(
    name: str, times: float
) -> None:
    profile = slowed(load_profile(name), times)
    periods = [claim.period.value for claim in profile.messages.values()]
    longest_s = max([*periods, (profile.console and profile.console.every_s) or 0.0])

    begun = [
        next(step for step in case.steps if isinstance(step, RandomPhase))
        for case in cases_of(profile)
        if case.family in {"trip", "recovery", "power up", "flags", "reset", "settings"}
        if any(isinstance(step, RandomPhase) for step in case.steps)
    ]

    assert begun
    assert {step.span_s for step in begun if step.span_s < longest_s} == set()


def message_of(wanted: Expectation) -> MessageAddress:
    signal: SignalAddress | None = getattr(wanted, "signal", None)
    message: MessageAddress = signal.message if signal else getattr(wanted, "message")  # noqa: B009
    return message


def watched_s(case: Case, wanted: Expectation) -> float:
    """How long the holds between the marks of a span last, at the least."""
    marks = [step.mark for step in case.steps]
    begin, end = getattr(wanted, "begin", None), getattr(wanted, "end", None)
    first = marks.index(begin) + 1 if begin else 0
    last = marks.index(end) + 1 if end else len(marks)
    return sum(_least_s(step) for step in case.steps[first:last])


def _least_s(step: Step) -> float:
    if isinstance(step, PlaySequence):
        return len(step.values) * step.times * step.interval_s
    return step.duration_s if isinstance(step, Hold) else 0.0


@pytest.mark.parametrize("times", [1.0, 4.0])
@pytest.mark.parametrize("name", _NAMES)
def test_a_span_in_which_a_message_is_looked_at_holds_a_frame_of_it(
    name: str, times: float
) -> None:
    profile = slowed(load_profile(name), times)

    short = {
        f"{case.id}: {message} from {wanted.begin} to {wanted.end}"
        for case in cases_of(profile)
        for wanted in case.expectations
        if isinstance(wanted, _IN_A_SPAN)
        if (message := message_of(wanted)) in profile.messages
        if watched_s(case, wanted) < _PERIODS * profile.messages[message].period.value - 1e-9
    }

    assert not sorted(short)
