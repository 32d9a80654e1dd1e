"""A CAN signal lies in a range in every frame of a span."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from rig.expectations.expectation import Expectation
from rig.judge.can_signals import SAME, equal, first_broken, frames_between, silence
from rig.judge.observed import Observed
from rig.judge.verdict import Finding, Verdict
from rig.judge.wording import said_span


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalWithin(Expectation):
    """A CAN signal lies in [low, high] in every frame between two marks, and frames did arrive.

    `or_says` is a value beside the range that is as good: what it says while it knows nothing. With
    `once_sent` the span begins with its first frame: a BMS that starts has none to send at first.
    """

    message: str
    signal: str
    low: float
    high: float
    unit: str = ""
    or_says: float | None = None
    once_sent: bool = False
    begin: str | None = None
    end: str | None = None
    kind: Literal["signal within"] = "signal within"
    means: ClassVar[str] = "CAN"

    def sentence(self) -> str:
        """Return it in words."""
        unit = f" {self.unit}" if self.unit else ""
        instead = f", or says {self.or_says:g}," if self.or_says is not None else ""
        once = "its first frame after " if self.once_sent else ""
        limits, span = f"{self.low:g} to {self.high:g}", said_span(self.begin, self.end, once=once)
        return f"{self.message}.{self.signal} stays within {limits}{unit}{instead} {span}"

    def judge(self, observed: Observed) -> Finding:
        """Judge that the signal is in range in every frame, and that frames came all the time."""
        seen = frames_between(observed, self, once_sent=self.once_sent)
        slack = SAME * max(1.0, abs(self.low), abs(self.high))
        outside = (seen.values < self.low - slack) | (seen.values > self.high + slack)
        if self.or_says is not None:
            outside &= ~equal(seen.values, self.or_says)
        trace, question = observed.trace, self.question
        broke = first_broken(trace, question, seen, outside, self.unit)
        if broke := broke or silence(trace, question, seen):
            return broke
        low, high = (f"{v:g}" for v in (seen.values.min(), seen.values.max()))
        unit = f" {self.unit}" if self.unit else ""
        return question.answer(Verdict.PASS, f"{seen.name} was {low} to {high}{unit} {seen.span()}")
