"""A CAN signal keeps its value in every frame of a span."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from rig.can_address import SignalAddress
from rig.dut.profile import Profile
from rig.expectations.answering import told
from rig.expectations.expectation import Around, Expectation
from rig.expectations.subjects import SIGNAL, Subject
from rig.expectations.words import Number, Spanned, Words, span_words
from rig.judge.can_signals import equal, first_broken, frames_between, silence
from rig.judge.observed import Observed
from rig.judge.verdict import Finding, Verdict
from rig.judge.wording import said_span
from rig.quantity import unitless
from rig.steps.resolver import Resolver


class SignalStaysWords(Spanned):
    """A signal that stays at a value."""

    leads: ClassVar[tuple[str, ...]] = ("stays",)

    stays: Number


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalStays(Expectation):
    """A CAN signal has `value` in every frame between two marks, and frames did arrive."""

    signal: SignalAddress
    value: float
    begin: str | None = None
    end: str | None = None
    kind: Literal["signal stays"] = "signal stays"
    means: ClassVar[str] = "CAN"
    subject: ClassVar[Subject] = SIGNAL
    words: ClassVar[type[Words]] = SignalStaysWords

    @classmethod
    def read(cls, name: str, content: SignalStaysWords, names: Resolver) -> Iterator[Expectation]:
        begin, end = content.begin, content.end
        yield cls(signal=SignalAddress(name), value=content.stays, begin=begin, end=end)

    def written(self, profile: Profile) -> tuple[str, dict[str, Any]]:
        stays = {"stays": unitless(self.value)}
        return str(self.signal), stays | span_words(self.begin, self.end)

    def answers(self, around: Around) -> Iterator[str]:
        said, rules = self.signal, around.profile.balancing
        if rules and self.value and rules.signal_for(1) == said:
            yield "balancing/signal"
        yield from told(around, said, self.value, "never")

    def sentence(self) -> str:
        span = said_span(self.begin, self.end)
        return f"{self.signal} stays {self.value:g} {span}"

    def judge(self, observed: Observed) -> Finding:
        """Judge that the signal has one value in every frame, and that frames came all the time."""
        seen, trace, question = frames_between(observed, self), observed.trace, self.question
        wrong = ~equal(seen.values, self.value)
        broke = first_broken(trace, question, seen, wrong) or silence(trace, question, seen)
        kept = f"{seen.signal} was {self.value:g} {seen.span()}"
        return broke or question.answer(Verdict.PASS, kept)
