"""An output closes again in time, and stays so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from rig.dut.profile import Profile
from rig.expectations.expectation import Around, Expectation, Needs, crossed
from rig.expectations.subjects import OUTPUT, Subject
from rig.expectations.words import Caused, Words, after_words, seconds
from rig.instants import Instant
from rig.judge.instants import find_instant
from rig.judge.observed import Observed
from rig.judge.outputs import watch
from rig.judge.reactions import Due, judge_reaction, reaction
from rig.judge.rules import Question
from rig.judge.verdict import Finding, Verdict
from rig.judge.wording import said_window, show
from rig.quantity import Promise
from rig.steps.conditions import Condition, OutputState
from rig.steps.resolver import Resolver


class RecoversWords(Caused):
    """An output that closes within a time."""

    leads: ClassVar[tuple[str, ...]] = ("closes within",)

    closes_within: Promise
    lasts: Annotated[bool, Field(description="false where it may open again uncommanded")] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovers(Expectation):
    """`output` closes again (and stays so) between low_s and high_s after `since`."""

    output: str
    since: Instant
    low_s: float
    high_s: float
    lasts: bool = True  # it stays closed until something else is commanded
    kind: Literal["recovers"] = "recovers"
    means: ClassVar[str] = "output"
    subject: ClassVar[Subject] = OUTPUT
    words: ClassVar[type[Words]] = RecoversWords

    @classmethod
    def read(cls, name: str, content: RecoversWords, names: Resolver) -> Iterator[Expectation]:
        within = content.closes_within
        yield cls(
            output=name,
            since=content.after,
            low_s=within.low,
            high_s=within.high,
            lasts=content.lasts,
        )

    def written(self, profile: Profile) -> tuple[str, dict[str, Any]]:
        within: dict[str, Any] = {"closes within": seconds(self.low_s, self.high_s)}
        lasts = {} if self.lasts else {"lasts": False}
        return self.output, within | lasts | after_words(self.since)

    def comes_s(self, until: Condition) -> float | None:
        is_it = isinstance(until, OutputState) and until == OutputState(
            output=self.output, is_open=False
        )
        return (self.low_s + self.high_s) / 2 if is_it else None

    def answers(self, around: Around) -> Iterator[str]:
        yield from around.of_protection("recovers")

    def sentence(self) -> str:
        return f"{self.output} closes {said_window(self.low_s, self.high_s, self.since)}"

    def needs(self) -> Needs:
        """Record the output, and what its cause crosses."""
        return Needs((self.output,), crossed(self.since), self.high_s - self.low_s)

    def judge(self, observed: Observed) -> Finding:
        """Judge that the output closes in time, and stays so until something is commanded."""
        due = Due(
            output=self.output,
            since=self.since,
            low_s=self.low_s,
            high_s=self.high_s,
            closing=True,
        )
        finding = judge_reaction(observed, due, self.question)
        if finding.verdict is not Verdict.PASS or not self.lasts:
            return finding
        return _judge_lasting(observed, due, finding)


def _judge_lasting(observed: Observed, due: Due, finding: Finding) -> Finding:
    """Take a pass back where the output opened again though nothing was commanded."""
    cause = find_instant(observed, due.since)
    change = reaction(observed, due, cause).change
    if change is None:
        return finding
    again = watch(observed, due.output, change.at.time_ns + 1.0, closing=False).change
    # The cause's own command is nothing else, though the change may be shown before it.
    after_ns = max(change.at.time_ns, cause.earliest_ns)
    later = (c.before_ns for c in observed.trace.commands if c.before_ns > after_ns)
    if again is None or again.at.time_ns >= min(later, default=observed.trace.end_ns):
        return finding
    held_s = (again.at.time_ns - change.at.time_ns) * 1e-9
    question = Question(expectation=finding.expectation, means=finding.means)
    sentence = f"{finding.sentence}; but it opened again {show(held_s, 's')} later, uncommanded"
    return question.answer(Verdict.FAIL, sentence, finding.marks)
