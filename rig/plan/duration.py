"""How long a case takes, as far as its steps tell before it is driven. Pure.

`Case.duration_s` is the most that it can take; this is what it takes where the BMS does what is
expected of it: a wait ends in the middle of its window, a ramp at its level.
"""

from __future__ import annotations

from dataclasses import dataclass

from rig.case import Case
from rig.dut.profile import Profile
from rig.expectations import Expectation
from rig.steps.conditions import Condition

_OFF_S = 0.5  # bringing everything to nominal, and the supply off for long enough
_STARTS = 0.5  # part of the time that is claimed for a start which it takes


def expected_s(case: Case, profile: Profile) -> float:
    """Time that the bench's clock goes on for a case, its start included."""
    foresight = _Expectations(case.expectations)
    return _start_s(case, profile) + sum(step.expected_s(foresight) for step in case.steps)


def _start_s(case: Case, profile: Profile) -> float:
    if case.precondition == "off":
        return _OFF_S
    start = profile.start
    return _OFF_S + _STARTS * ((start.ready_within_s or 0.0) + (start.closed_within_s or 0.0))


@dataclass(frozen=True, slots=True)
class _Expectations:
    """What the expectations of a case tell of the time that its steps take."""

    all: tuple[Expectation, ...]

    def comes_s(self, until: Condition) -> float | None:
        """When the first expectation of it says so."""
        times_s = (expectation.comes_s(until) for expectation in self.all)
        return next((time_s for time_s in times_s if time_s is not None), None)

    def threshold(self, quantity: str) -> tuple[float, float] | None:
        found = (expectation.reacts_at(quantity) for expectation in self.all)
        return next(filter(None, found), None)
