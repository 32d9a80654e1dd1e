"""A CAN signal moves only one way in a span."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from rig.can_address import SignalAddress
from rig.dut.profile import Profile
from rig.expectations.expectation import Expectation, SignalInSpan
from rig.expectations.words import Number, Spanned
from rig.judge.can_signals import SAME, first_broken, frames_between, silence
from rig.judge.observed import Observed
from rig.judge.verdict import Finding
from rig.quantity import unitless
from rig.steps.resolver import Resolver


class SignalOrderedWords(Spanned):
    """A signal that moves only one way."""

    leads = ("only rises but for", "only falls but for")

    only_rises_but_for: Annotated[Number | None, Field(ge=0)] = None
    only_falls_but_for: Annotated[Number | None, Field(ge=0)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalOrdered(SignalInSpan):
    """A CAN signal only rises (or falls) between two marks: it never comes back by over `slack`."""

    rising: bool
    slack: float  # in the signal's unit: noise and rounding
    kind: Literal["signal ordered"] = "signal ordered"
    words = SignalOrderedWords

    @classmethod
    def read(cls, name: str, content: SignalOrderedWords, names: Resolver) -> Iterator[Expectation]:
        rises, falls = content.only_rises_but_for, content.only_falls_but_for
        yield cls(
            signal=SignalAddress(name),
            rising=rises is not None,
            slack=(falls if rises is None else rises) or 0.0,
            begin=content.begin,
            end=content.end,
        )

    def written(self, profile: Profile) -> tuple[str, dict[str, Any]]:
        only = {f"only {'rises' if self.rising else 'falls'} but for": unitless(self.slack)}
        return str(self.signal), only | Spanned.of(self)

    def sentence(self) -> str:
        way = "rises" if self.rising else "falls"
        return f"{self.signal} only {way} (but for {self.slack:g}) {self.span}"

    def judge(self, observed: Observed) -> Finding:
        """Judge that the signal never comes back from the furthest it has been."""
        seen, trace, question = frames_between(observed, self), observed.trace, self.question
        way = seen.values if self.rising else -seen.values
        back = np.maximum.accumulate(way) - way if way.size else way
        broke = first_broken(trace, question, seen, back > self.slack + SAME)
        if broke := broke or silence(trace, question, seen):
            return broke
        only = "rose" if self.rising else "fell"
        from_to = f"from {seen.values[0]:g} to {seen.values[-1]:g}"
        back_by = f"back by {back.max():g} at most"
        sentence = f"{seen.signal} only {only}, {from_to} ({back_by}) {seen.span()}"
        return question.passed(sentence)
