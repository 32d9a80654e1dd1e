"""A CAN signal hardly moves in a span: in small steps, or not far altogether."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from rig.dut.charge import signals_of
from rig.expectations.expectation import Around, SignalInSpan
from rig.expectations.words import Number, Spanned
from rig.judge.can_signals import SAME, Seen, Values, first_broken, frames_between, silence
from rig.judge.observed import Observed
from rig.judge.verdict import Finding


class SignalSteadyWords(Spanned):
    """A signal that hardly moves."""

    leads = ("steps at most", "moves at most")
    together = True

    most_step: Annotated[
        Number | None,
        Field(alias="steps at most", ge=0, description="from one frame to the next"),
    ] = None
    most_span: Annotated[
        Number | None, Field(alias="moves at most", ge=0, description="altogether")
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalSteady(SignalInSpan):
    """Between two marks a CAN signal moves by no more than this, in the signal's unit.

    From one frame to the next by `most_step`, from its least to its greatest value by `most_span`;
    None: by any amount.
    """

    most_step: float | None = None
    most_span: float | None = None
    kind: Literal["signal steady"] = "signal steady"
    words = SignalSteadyWords

    def answers(self, around: Around) -> Iterator[str]:
        part = "steady" if self.most_step is None else "steps"
        for name, signal in signals_of(around.profile).items():
            if signal == self.signal:
                yield f"energy/{name}/{part}"

    def sentence(self) -> str:
        step, span = self.most_step, self.most_span
        limits = [f"{step:g} from frame to frame"] if step is not None else []
        limits += [f"{span:g} altogether"] if span is not None else []
        most = " and ".join(limits) or "anything"
        return f"{self.signal} moves by at most {most} {self.span}"

    def judge(self, observed: Observed) -> Finding:
        """Judge how far the signal moved, from frame to frame and altogether."""
        seen, trace, question = frames_between(observed, self), observed.trace, self.question
        steps = np.abs(np.diff(seen.values, prepend=seen.values[:1]))
        spans = _spans(seen)
        wrong = np.zeros(seen.values.size, np.bool_)
        for moved, most in ((steps, self.most_step), (spans, self.most_span)):
            if most is not None:
                wrong |= moved > most + SAME
        broke = first_broken(trace, question, seen, wrong)
        if broke is not None:
            before = f"; it was {seen.values[0]:g} at first, allowed: {question.expectation}"
            return question.answer(broke.verdict, broke.sentence + before, broke.marks)
        if broke := silence(trace, question, seen):
            return broke
        furthest = f"{steps.max():g} from frame to frame, {spans[-1]:g} altogether"
        return question.passed(f"{seen.signal} moved by at most {furthest} {seen.span()}")


def _spans(seen: Seen) -> Values:
    """Return how far it has moved altogether, up to each frame."""
    if not seen.values.size:
        return seen.values
    span: Values = np.maximum.accumulate(seen.values) - np.minimum.accumulate(seen.values)
    return span
