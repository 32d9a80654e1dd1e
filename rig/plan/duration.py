"""How long a case takes, as far as its steps tell before it is driven. Pure.

`Case.duration_s` is the most that it can take; this is what it takes where the BMS does what is
expected of it: a wait ends in the middle of its window, a staircase at its level.
"""

from __future__ import annotations

from rig.case import Case
from rig.dut.profile import Profile
from rig.expectations import Expectation
from rig.expectations.console_says import ConsoleSays
from rig.expectations.recovers import Recovers
from rig.expectations.signal_becomes import SignalBecomes
from rig.expectations.threshold import ThresholdIs
from rig.expectations.trips import Trips
from rig.plan.complete import longest_s
from rig.quantities import kind_of
from rig.steps import Step
from rig.steps.bus_load import Load
from rig.steps.conditions import Condition, ConsoleLine, OutputState, SignalValue
from rig.steps.hold import Hold
from rig.steps.play_sequence import PlaySequence
from rig.steps.ramp import Staircase
from rig.steps.random_phase import RandomPhase
from rig.steps.read import Read
from rig.steps.send import Send
from rig.steps.set import Set
from rig.steps.wait_for import WaitFor

_COMMAND_S = 0.03  # of a usual instrument, with its confirmation
_READING_S = 0.02
_MOVES = 0.5  # part of a wait for an output or a signal of which nothing is expected
_SAYS = 0.1  # part of a wait for a line of the console
_OFF_S = 0.5  # bringing everything to nominal, and the supply off for long enough
_STARTS = 0.5  # part of the time that is promised for a start which it takes


def expected_s(case: Case, profile: Profile) -> float:
    """Time that the bench's clock goes on for a case, its start included."""
    return _start_s(case, profile) + sum(_step_s(step, case) for step in case.steps)


def _start_s(case: Case, profile: Profile) -> float:
    if case.begins == "off":
        return _OFF_S
    start = profile.start
    return _OFF_S + _STARTS * ((start.ready_within_s or 0.0) + (start.closed_within_s or 0.0))


def _step_s(step: Step, case: Case) -> float:
    match step:
        case RandomPhase():
            took_s = step.span_s / 2
        case WaitFor():
            took_s = _wait_s(step, case)
        case Staircase():
            took_s = _levels(step, case) * (step.dwell_s + _COMMAND_S + _READING_S)
        case Set():
            took_s = _COMMAND_S * len({kind_of(quantity) for quantity in step.values})
        case Read():
            took_s = _READING_S * len(step.quantities)
        case Hold() | PlaySequence() | Send() | Load():
            took_s = longest_s(step)
        case _:
            took_s = _COMMAND_S
    return took_s


def _wait_s(wait: WaitFor, case: Case) -> float:
    """Time until what is waited for: the middle of its window, or some part of the wait."""
    for expectation in case.expectations:
        if _answers(expectation, wait.until):
            window_s = getattr(expectation, "low_s", 0.0) + getattr(expectation, "high_s", 0.0)
            return min(window_s / 2, wait.within_s)
    return wait.within_s * (_SAYS if isinstance(wait.until, ConsoleLine) else _MOVES)


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


def _levels(step: Staircase, case: Case) -> float:
    """Count the levels up to the one at which the output reacts, late by its delay."""
    most = (step.stop - step.start) / step.step + 1
    for expectation in case.expectations:
        if isinstance(expectation, ThresholdIs) and expectation.quantity == step.quantity:
            until = abs(expectation.level - step.start) / abs(step.step)
            return min(until + expectation.delay_s / step.dwell_s + 1, most)
    return most * _MOVES
