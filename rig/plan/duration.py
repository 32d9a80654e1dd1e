"""How long a case takes, as far as its steps tell before it is driven. Pure.

`Case.duration_s` is the most that it can take; this is what it takes where the BMS does what is
expected of it: a wait ends in the middle of its window, a staircase at its level.
"""

from __future__ import annotations

from dataclasses import dataclass

from rig.case import Case
from rig.dut.profile import Profile
from rig.expectations import Expectation
from rig.expectations.console_says import ConsoleSays
from rig.expectations.recovers import Recovers
from rig.expectations.signal_becomes import SignalBecomes
from rig.expectations.threshold import ThresholdIs
from rig.expectations.trips import Trips
from rig.steps.conditions import Condition, ConsoleLine, OutputState, SignalValue

_OFF_S = 0.5  # bringing everything to nominal, and the supply off for long enough
_STARTS = 0.5  # part of the time that is promised for a start which it takes


def expected_s(case: Case, profile: Profile) -> float:
    """Time that the bench's clock goes on for a case, its start included."""
    foresight = _Expectations(case.expectations)
    return _start_s(case, profile) + sum(step.expected_s(foresight) for step in case.steps)


def _start_s(case: Case, profile: Profile) -> float:
    if case.begins == "off":
        return _OFF_S
    start = profile.start
    return _OFF_S + _STARTS * ((start.ready_within_s or 0.0) + (start.closed_within_s or 0.0))


@dataclass(frozen=True, slots=True)
class _Expectations:
    """What the expectations of a case tell of the time that its steps take."""

    all: tuple[Expectation, ...]

    def comes_s(self, until: Condition) -> float | None:
        """The middle of its window."""
        for expectation in self.all:
            if _answers(expectation, until):
                low_s, high_s = (getattr(expectation, key, 0.0) for key in ("low_s", "high_s"))
                return float(low_s + high_s) / 2
        return None

    def threshold(self, quantity: str) -> tuple[float, float] | None:
        for expectation in self.all:
            if isinstance(expectation, ThresholdIs) and expectation.quantity == quantity:
                return expectation.level, expectation.delay_s
        return None


def _answers(expectation: Expectation, until: Condition) -> bool:
    """Whether the expectation says when the condition comes true."""
    match expectation, until:
        case Trips(), OutputState():
            return until.is_open and expectation.output == until.output
        case Recovers(), OutputState():
            return not until.is_open and expectation.output == until.output
        case SignalBecomes(), SignalValue():
            told = (expectation.message, expectation.signal, expectation.value)
            return told == (until.message, until.signal, until.value)
        case ConsoleSays(), ConsoleLine():
            return expectation.pattern == until.pattern
        case _:
            return False
