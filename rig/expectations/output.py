"""What kinds of an output share: it changes within a time, or it is recorded in a span."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rig.expectations.expectation import InSpan, InTime, Needs, crossed
from rig.expectations.words import OUTPUT
from rig.judge.observed import Observed
from rig.judge.outputs import Recorded, recorded_output
from rig.judge.reactions import Due, judge_reaction
from rig.judge.rules import NoEvidence
from rig.judge.verdict import Finding
from rig.steps.conditions import Condition, OutputState


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaction(InTime):
    """`output` changes between low_s and high_s after `since`."""

    output: str
    closes: ClassVar[bool]  # else it opens
    means = "output"
    subject = OUTPUT

    def awaited(self) -> Condition | None:
        return OutputState(output=self.output, is_open=not self.closes)

    def sentence(self) -> str:
        return f"{self.output} {'closes' if self.closes else 'opens'} {self.when}"

    def needs(self) -> Needs:
        """Record the output, and what its cause crosses."""
        return Needs((self.output,), crossed(self.since), self.high_s - self.low_s)

    @property
    def due(self) -> Due:
        """Give the change that is due."""
        return Due(
            output=self.output,
            since=self.since,
            low_s=self.low_s,
            high_s=self.high_s,
            closing=self.closes,
        )

    def judge(self, observed: Observed) -> Finding:
        """Judge that the output changes in time."""
        return judge_reaction(observed, self.due, self.question)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording(InSpan):
    """`output` does something between two marks, which only a record of it shows."""

    output: str
    means = "output"
    subject = OUTPUT

    def needs(self) -> Needs:
        """Record the output."""
        return Needs((self.output,))

    def record(self, observed: Observed, why: str) -> Recorded:
        """Give the record of the output, which is needed because `why`."""
        recorded = recorded_output(observed, self.output)
        if recorded is None:
            raise NoEvidence(f"no record of {self.output}: {why}")
        return recorded
