"""A CAN signal, or that of each of many cells, keeps its value in every frame of a span."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from rig.can_address import SignalAddress
from rig.dut.profile import Profile
from rig.expectations.answering import reported
from rig.expectations.expectation import Around, Expectation
from rig.expectations.subjects import SIGNAL, Subject
from rig.expectations.words import Number, Spanned, Words, span_words
from rig.judge.can_signals import equal, first_broken, frames_between, silence, unlike
from rig.judge.elements import PASS, answered, code_of, worst_of
from rig.judge.observed import Observed
from rig.judge.verdict import Finding, Verdict
from rig.judge.wording import said_span
from rig.quantities import each, number_of, numbered, together
from rig.quantity import unitless
from rig.steps.resolver import Resolver


class SignalStaysWords(Spanned):
    """A signal that stays at a value."""

    leads: ClassVar[tuple[str, ...]] = ("stays",)

    stays: Number
    at_place: Annotated[
        str | None, Field(alias="of", description="cells 1 to 4: their numbers for {n}")
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalStays(Expectation):
    """A CAN signal has `value` in every frame between two marks, and frames did arrive.

    With `of` ("cells 1 to 16") it is the signals of many: {n} stands for the number of each.
    """

    signal: SignalAddress
    value: float
    of: str | None = None
    begin: str | None = None
    end: str | None = None
    kind: Literal["signal stays"] = "signal stays"
    means: ClassVar[str] = "CAN"
    subject: ClassVar[Subject] = SIGNAL
    words: ClassVar[type[Words]] = SignalStaysWords

    @classmethod
    def read(cls, name: str, content: SignalStaysWords, names: Resolver) -> Iterator[Expectation]:
        yield cls(
            signal=SignalAddress(name),
            value=content.stays,
            of=content.at_place and together(names.all_of(content.at_place)),
            begin=content.begin,
            end=content.end,
        )

    def written(self, profile: Profile) -> tuple[str, dict[str, Any]]:
        stays = {"stays": unitless(self.value)} | ({"of": self.of} if self.of else {})
        return str(self.signal), stays | span_words(self.begin, self.end)

    def check(self, names: Resolver) -> None:
        Expectation.check(self, names)
        for name in each(self.of) if self.of else ():
            names.at("of").known(name, names.profile.settable, "quantity")
        if (self.of is not None) != ("{n" in self.signal):
            names.refuse("{n} stands for the numbers of some cells", "write of: cells, or no {n}")

    def answers(self, around: Around) -> Iterator[str]:
        said, rules = self.signal, around.profile.balancing
        first = self.alone(each(self.of)[0]).signal if self.of else said
        if rules and self.value and rules.signal_for(1) == first:
            yield "balancing/signal"
        yield from reported(around, said, self.value, "never")

    def signals_named(self) -> Iterator[tuple[str, float | None]]:
        for one in self._alone():
            yield one.signal, self.value

    def sentence(self) -> str:
        span, of = said_span(self.begin, self.end), f" of {self.of}" if self.of else ""
        return f"{self.signal}{of} stays {self.value:g} {span}"

    def alone(self, name: str) -> SignalStays:
        """Give what is expected of one of them."""
        signal = SignalAddress(numbered(self.signal, number_of(name) or 0))
        return replace(self, signal=signal, of=None)

    def _alone(self) -> list[SignalStays]:
        return [self.alone(name) for name in each(self.of)] if self.of else [self]

    def judge(self, observed: Observed) -> Finding:
        """Judge that each signal has one value in every frame; the worst stands for all."""
        if self.of is None:
            return self._judged(observed)
        ones = self._alone()
        odd = unlike(observed, ones, self.value)
        looked = {
            at: answered(one.question, lambda one=one: one._judged(observed))  # type: ignore[misc]
            for at, one in enumerate(ones)
            if odd[at] or not at
        }
        codes = np.full(len(ones), PASS)
        codes[list(looked)] = [code_of(found.verdict) for found in looked.values()]
        order = -np.arange(len(ones), dtype=np.float64)
        return worst_of(self.question, self.of, codes, order, looked.__getitem__)

    def _judged(self, observed: Observed) -> Finding:
        """Judge that the signal has one value in every frame, and that frames came all the time."""
        seen, trace, question = frames_between(observed, self), observed.trace, self.question
        wrong = ~equal(seen.values, self.value)
        broke = first_broken(trace, question, seen, wrong) or silence(trace, question, seen)
        kept = f"{seen.signal} was {self.value:g} {seen.span()}"
        return broke or question.answer(Verdict.PASS, kept)
