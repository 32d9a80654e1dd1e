"""What `stays` and `cycles` share: an output that is recorded between two marks."""

from __future__ import annotations

from dataclasses import dataclass

from rig.expectations.expectation import InSpan, Needs
from rig.expectations.subjects import OUTPUT
from rig.judge.observed import Observed
from rig.judge.outputs import Recorded, recorded_output
from rig.judge.rules import NoEvidence


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
        """Give the record of the output, which is needed because `why`; NoEvidence without one."""
        recorded = recorded_output(observed, self.output)
        if recorded is None:
            raise NoEvidence(f"no record of {self.output}: {why}")
        return recorded
