"""An output opens in time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from rig.expectations.expectation import Expectation, Needs, crossed
from rig.instants import Instant
from rig.judge.observed import Observed
from rig.judge.reactions import Due, judge_reaction
from rig.judge.verdict import Finding
from rig.judge.wording import said_window


@dataclass(frozen=True, slots=True, kw_only=True)
class Trips(Expectation):
    """`output` opens between low_s and high_s after `since`."""

    output: str
    since: Instant
    low_s: float
    high_s: float
    kind: Literal["trips"] = "trips"
    means: ClassVar[str] = "output"

    def sentence(self) -> str:
        """Return it in words."""
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
