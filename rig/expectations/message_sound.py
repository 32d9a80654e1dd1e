"""Every frame of a message is right, whenever it comes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from rig.can_address import MessageAddress
from rig.expectations.expectation import Around, Expectation
from rig.expectations.framed import Framed
from rig.expectations.words import Spanned
from rig.judge.can_signals import SILENCE, must_outlast, silent
from rig.judge.observed import Observed
from rig.judge.verdict import Finding, Verdict
from rig.steps.resolver import Resolver


class MessageSoundWords(Spanned):
    """A message whose frames are right: length, counter, checksum and spare bits of every one."""

    leads = ("is sound",)

    is_sound: Literal[True, "but for its counter"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageSound(Framed):
    """Every frame of a message has the right length, counter and CRC, and some did come."""

    kind: Literal["message sound"] = "message sound"
    words = MessageSoundWords

    @classmethod
    def read(cls, name: str, content: MessageSoundWords, names: Resolver) -> Iterator[Expectation]:
        events = names.profile.events
        of_events = events if events is not None and name == events.message else None
        claim = names.profile.promise_of(MessageAddress(name)) or of_events
        if claim is None:
            names.refuse(f"nothing is claimed of the bytes of {name}", "add it to messages")
        else:
            sound = cls.claimed(name, claim, begin=content.begin, end=content.end)
            yield sound if content.is_sound is True else replace(sound, counter=None)

    @property
    def is_sound(self) -> Literal[True, "but for its counter"]:
        """What of its frames has to be right, in a plan's words."""
        return True if self.counter else "but for its counter"

    def answers(self, around: Around) -> Iterator[str]:
        if around.profile.events and self.message == around.profile.events.message:
            yield "events/bytes"

    def sentence(self) -> str:
        return f"every {self.message} has the right {self.content()} {self.span}"

    def judge(self, observed: Observed) -> Finding:
        """Judge length, counter and checksum of every frame of the message."""
        frames = self.received(observed)
        if not frames.times.size:
            begin_ns, end_ns = frames.begin_ns, frames.end_ns
            allowed_ns = SILENCE * (observed.period_s(self.message) or 0.0) * 1e9
            must_outlast(self.message, 0, end_ns - begin_ns, allowed_ns)
            return silent(observed.trace, self.message, self.question, begin_ns, end_ns)
        if faults := list(self.faults(observed, frames)):
            return self.question.answer(Verdict.FAIL, f"{self.message}: {'; '.join(faults)}")
        sentence = f"all {frames.times.size} frames of {self.message} were right"
        return self.question.answer(Verdict.PASS, sentence)
