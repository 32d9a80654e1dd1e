"""A CAN signal lies in a range in every frame of a span."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, field_validator

from rig.can_address import SignalAddress
from rig.description import mistake_error
from rig.expectations.expectation import Around, InSpan
from rig.expectations.subjects import SIGNAL
from rig.expectations.words import Both, Number, Spanned
from rig.judge.can_signals import SAME, equal, first_broken, frames_between, silence
from rig.judge.observed import Observed
from rig.judge.verdict import Finding, Verdict
from rig.judge.wording import said_span


class SignalWithinWords(Spanned):
    """A signal that stays between two values."""

    leads = ("between",)

    between: Annotated[
        tuple[Number, Number],
        Field(description="its lowest and highest value"),
        Both("low", "high"),
    ]
    unit: Annotated[str, Field(description="of between, for people")] = ""
    or_says: Annotated[
        Number | None, Field(alias="or", description="a value beside between that is as good")
    ] = None
    once_sent: Annotated[bool, Field(description="from the signal's first frame on")] = False

    @field_validator("between")
    @classmethod
    def _in_order(cls, between: tuple[float, float]) -> tuple[float, float]:
        low, high = between
        if low > high:
            raise mistake_error(f"between {low:g} and {high:g} lies nothing", "lowest first")
        return between


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalWithin(InSpan):
    """A CAN signal lies in [low, high] in every frame between two marks, and frames did arrive.

    `or_says` is a value beside the range that is as good: what it says while it knows nothing. With
    `once_sent` the span begins with its first frame: a BMS that starts has none to send at first.
    """

    signal: SignalAddress
    low: float
    high: float
    unit: str = ""
    or_says: float | None = None
    once_sent: bool = False
    kind: Literal["signal within"] = "signal within"
    means = "CAN"
    subject = SIGNAL
    words = SignalWithinWords

    def answers(self, around: Around) -> Iterator[str]:
        limits, said = around.profile.current_and_voltage_limits, self.signal
        if limits is None:
            return
        for way, limit in limits.currents.items():
            if limit.signal == said and around.name is None:  # else 0, since its path is open
                yield f"current and voltage limits/{way}@{around.at}"
        if limits.charge_voltage and limits.charge_voltage.signal == said:
            yield "current and voltage limits/charge voltage"

    def sentence(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        instead = f", or says {self.or_says:g}," if self.or_says is not None else ""
        once = "its first frame after " if self.once_sent else ""
        limits, span = f"{self.low:g} to {self.high:g}", said_span(self.begin, self.end, once=once)
        return f"{self.signal} stays within {limits}{unit}{instead} {span}"

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
        return question.answer(
            Verdict.PASS, f"{seen.signal} was {low} to {high}{unit} {seen.span()}"
        )
