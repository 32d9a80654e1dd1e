"""An output opens in time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from rig.dut.profile import Profile
from rig.expectations.answering import refused
from rig.expectations.expectation import Around, Expectation, Needs, crossed
from rig.expectations.subjects import OUTPUT, Subject
from rig.expectations.words import Caused, Words, after_words, seconds
from rig.instants import Instant
from rig.judge.observed import Observed
from rig.judge.reactions import Due, judge_reaction
from rig.judge.verdict import Finding
from rig.judge.wording import said_window
from rig.quantity import Promise
from rig.steps.conditions import Condition, OutputState
from rig.steps.resolver import Resolver


class TripsWords(Caused):
    """An output that opens within a time."""

    leads: ClassVar[tuple[str, ...]] = ("opens within",)

    opens_within: Promise


@dataclass(frozen=True, slots=True, kw_only=True)
class Trips(Expectation):
    """`output` opens between low_s and high_s after `since`."""

    output: str
    since: Instant
    low_s: float
    high_s: float
    kind: Literal["trips"] = "trips"
    means: ClassVar[str] = "output"
    subject: ClassVar[Subject] = OUTPUT
    words: ClassVar[type[Words]] = TripsWords

    @classmethod
    def read(cls, name: str, content: TripsWords, names: Resolver) -> Iterator[Expectation]:
        within = content.opens_within
        yield cls(
            output=name,
            since=content.after,
            low_s=within.low,
            high_s=within.high,
        )

    def written(self, profile: Profile) -> tuple[str, dict[str, Any]]:
        within = {"opens within": seconds(self.low_s, self.high_s)}
        return self.output, within | after_words(self.since)

    def comes_s(self, until: Condition) -> float | None:
        is_it = isinstance(until, OutputState) and until == OutputState(
            output=self.output, is_open=True
        )
        return (self.low_s + self.high_s) / 2 if is_it else None

    def answers(self, around: Around) -> Iterator[str]:
        p, place = around.protection, around.at or next(iter(crossed(self.since)), None)
        if p is None:
            return
        yield from around.of_protection("acts", f"opens/{self.output}", at=place)
        if p.delay and (self.low_s, self.high_s) == (p.delay.low, p.delay.high):
            yield from around.of_protection("delay", at=place)
        yield from refused(around)

    def sentence(self) -> str:
        return f"{self.output} opens {said_window(self.low_s, self.high_s, self.since)}"

    def needs(self) -> Needs:
        """Record the output, and what its cause crosses."""
        return Needs((self.output,), crossed(self.since), self.high_s - self.low_s)

    def judge(self, observed: Observed) -> Finding:
        """Judge that the output opens in time."""
        due = Due(
            output=self.output,
            since=self.since,
            low_s=self.low_s,
            high_s=self.high_s,
            closing=False,
        )
        return judge_reaction(observed, due, self.question)
