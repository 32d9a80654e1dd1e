"""An output closes again in time, and stays so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from rig.expectations.expectation import Around
from rig.expectations.reaction import Reaction
from rig.expectations.words import Caused, Limits
from rig.judge.observed import Observed
from rig.judge.outputs import watch
from rig.judge.reactions import Due, reaction
from rig.judge.rules import Question
from rig.judge.timing import find_instant
from rig.judge.verdict import Finding, Verdict
from rig.judge.wording import show


class RecoversWords(Caused):
    """An output that closes within a time."""

    leads = ("closes within",)

    within: Annotated[Limits, Field(alias="closes within")]
    lasts: Annotated[bool, Field(description="false where it may open again uncommanded")] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovers(Reaction):
    """`output` closes again (and stays so) between low_s and high_s after `since`."""

    lasts: bool = True  # it stays closed until something else is commanded
    kind: Literal["recovers"] = "recovers"
    closes = True
    words = RecoversWords

    def answers(self, around: Around) -> Iterator[str]:
        yield from around.of_protection("recovers")

    def judge(self, observed: Observed) -> Finding:
        """Judge that the output closes in time, and stays so until something is commanded."""
        finding = Reaction.judge(self, observed)
        if finding.verdict is not Verdict.PASS or not self.lasts:
            return finding
        return _judge_lasting(observed, self.due, finding)


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
