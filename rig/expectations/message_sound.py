"""Every frame of a message is right, whenever it comes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from rig.dut.e2e import CrcKind
from rig.expectations.expectation import Expectation
from rig.judge.can_signals import SILENCE, must_outlast, silent
from rig.judge.frames import content_faults, received, said_content
from rig.judge.observed import Observed
from rig.judge.verdict import Finding, Verdict
from rig.judge.wording import said_span


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageSound(Expectation):
    """Every frame of a message has the right length, counter and CRC, and some did come."""

    message: str
    length: int
    counter: str | None = None
    counter_last: int = 14
    crc: str | None = None
    crc_kind: CrcKind = "E2E P01"
    crc_data_id: int = 0
    spare_zero: bool = False
    begin: str | None = None
    end: str | None = None
    kind: Literal["message sound"] = "message sound"
    means: ClassVar[str] = "CAN"

    def sentence(self) -> str:
        """Return it in words."""
        span = said_span(self.begin, self.end)
        return f"every {self.message} has the right {said_content(self)} {span}"

    def judge(self, observed: Observed) -> Finding:
        """Judge length, counter and checksum of every frame of the message."""
        frames = received(observed, self)
        if not frames.times.size:
            begin_ns, end_ns = frames.begin_ns, frames.end_ns
            allowed_ns = SILENCE * observed.periods.get(self.message, 0.0) * 1e9
            must_outlast(self.message, 0, end_ns - begin_ns, allowed_ns)
            return silent(observed.trace, self.message, self.question, begin_ns, end_ns)
        if faults := content_faults(observed, self, frames):
            return self.question.answer(Verdict.FAIL, f"{self.message}: {'; '.join(faults)}")
        sentence = f"all {frames.times.size} frames of {self.message} were right"
        return self.question.answer(Verdict.PASS, sentence)
