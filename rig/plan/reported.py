"""Time for reports: around each reading nothing changes until its slowest report has come.

So that no family counts on the phase at which a BMS happens to print or send. Must not know a
family.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

from rig.can_address import SignalAddress
from rig.dut.profile import Profile
from rig.expectations import Expectation
from rig.expectations.follows_cells import FollowsCells
from rig.expectations.telemetry_agrees import TelemetryAgrees
from rig.steps import Step
from rig.steps.fault import Fault
from rig.steps.hold import Hold
from rig.steps.power import Power
from rig.steps.ramp import Ramp
from rig.steps.read import Read
from rig.steps.reset import Reset
from rig.steps.sequence import PlaySequence
from rig.steps.set import Set
from rig.steps.type_line import Type

PERIODS = 1.5  # in which one report surely comes, on CAN or console
_Report = TelemetryAgrees | FollowsCells
_CHANGES = (Set, Power, Fault, PlaySequence, Ramp, Reset)


def longest_period_s(profile: Profile) -> float:
    """Longest period that the profile states: of its messages, and of what its console prints."""
    sent = [claim.period.value for claim in profile.messages.values()]
    printed = profile.console.every_s if profile.console else None
    return max([*sent, printed or 0.0])


def with_time_for_reports(
    steps: Sequence[Step], expectations: Iterable[Expectation], profile: Profile
) -> tuple[Step, ...]:
    """Hold longer after each reading whose report might come too late to be held against it."""
    reports = [e for e in expectations if isinstance(e, _Report)]
    timed = list(steps)
    for at in reversed([i for i, step in enumerate(steps) if isinstance(step, Read)]):
        short_s = _needed_s(timed, at, reports, profile) - _still_s(timed, at)
        if short_s > 1e-9:
            timed.insert(at + 1, Hold(duration_s=round(short_s, 6)))
    return tuple(timed)


def _needed_s(
    steps: Sequence[Step], at: int, reports: Iterable[_Report], profile: Profile
) -> float:
    """How long all must stand still around a reading, until its report surely came."""
    read = steps[at]
    quantities = set(read.quantities if isinstance(read, Read) else ())
    asked = _is_asked(steps[at + 1 : at + 2], profile)
    return max(
        (
            report.settle_s + PERIODS * _period_s(report, profile)
            for report in reports
            if not quantities.isdisjoint(report.looks_at())
            if not (asked and report.signal is None)
        ),
        default=0.0,
    )


def _period_s(report: _Report, profile: Profile) -> float:
    if report.signal is not None:
        claims = [profile.messages.get(message) for message in _messages_of(report)]
        return max((p.period.value for p in claims if p is not None), default=0.0)
    return (profile.console.every_s or 0.0) if profile.console else 0.0


@lru_cache(maxsize=1 << 10)  # the same of all cells in case after case
def _messages_of(report: _Report) -> tuple[str, ...]:
    return tuple(dict.fromkeys(SignalAddress(name).message for name, _ in report.signals_named()))


def _is_asked(following: Sequence[Step], profile: Profile) -> bool:
    """Whether the BMS is asked to print at once, so that nobody waits until it does by itself."""
    status = profile.console.commands.get("status") if profile.console else None
    return any(isinstance(step, Type) and step.line == status for step in following)


def _still_s(steps: Sequence[Step], at: int) -> float:
    """How long nothing is changed around a step, by the holds before and after it."""
    return _held_s(reversed(steps[:at])) + _held_s(steps[at:])


def _held_s(steps: Iterable[Step]) -> float:
    held_s = 0.0
    for step in steps:
        if isinstance(step, _CHANGES):
            break
        held_s += step.duration_s if isinstance(step, Hold) else 0.0
    return held_s
