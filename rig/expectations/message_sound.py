"""Every frame of a message is right, whenever it comes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

from rig.can_address import MessageAddress
from rig.dut.e2e import CrcKind
from rig.dut.messages import MessageContent
from rig.dut.profile import Profile
from rig.expectations.expectation import Around, Expectation
from rig.expectations.subjects import MESSAGE, Subject
from rig.expectations.words import Spanned, Words, span_words
from rig.judge.can_signals import SILENCE, must_outlast, silent
from rig.judge.frames import content_faults, received, said_content
from rig.judge.observed import Observed
from rig.judge.verdict import Finding, Verdict
from rig.judge.wording import said_span
from rig.steps.resolver import Resolver


class MessageSoundWords(Spanned):
    """A message whose frames are right: length, counter, checksum and spare bits of every one."""

    leads: ClassVar[tuple[str, ...]] = ("is sound",)

    is_sound: Literal[True, "but for its counter"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageSound(Expectation):
    """Every frame of a message has the right length, counter and CRC, and some did come."""

    message: MessageAddress
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
    subject: ClassVar[Subject] = MESSAGE
    words: ClassVar[type[Words]] = MessageSoundWords

    @classmethod
    def read(cls, name: str, content: MessageSoundWords, names: Resolver) -> Iterator[Expectation]:
        events = names.profile.events
        of_events = events if events is not None and name == events.message else None
        promise = names.profile.promise_of(MessageAddress(name)) or of_events
        if promise is None:
            names.refuse(f"nothing is promised of the bytes of {name}", "add it to messages")
        else:
            sound = message_sound(name, promise, begin=content.begin, end=content.end)
            yield sound if content.is_sound is True else replace(sound, counter=None)

    def written(self, profile: Profile) -> tuple[str, dict[str, Any]]:
        sound = True if self.counter else "but for its counter"
        return str(self.message), {"is sound": sound} | span_words(self.begin, self.end)

    def answers(self, around: Around) -> Iterator[str]:
        if around.profile.events and self.message == around.profile.events.message:
            yield "events/bytes"

    def sentence(self) -> str:
        span = said_span(self.begin, self.end)
        return f"every {self.message} has the right {said_content(self)} {span}"

    def judge(self, observed: Observed) -> Finding:
        """Judge length, counter and checksum of every frame of the message."""
        frames = received(observed, self)
        if not frames.times.size:
            begin_ns, end_ns = frames.begin_ns, frames.end_ns
            allowed_ns = SILENCE * (observed.period_s(self.message) or 0.0) * 1e9
            must_outlast(self.message, 0, end_ns - begin_ns, allowed_ns)
            return silent(observed.trace, self.message, self.question, begin_ns, end_ns)
        if faults := content_faults(observed, self, frames):
            return self.question.answer(Verdict.FAIL, f"{self.message}: {'; '.join(faults)}")
        sentence = f"all {frames.times.size} frames of {self.message} were right"
        return self.question.answer(Verdict.PASS, sentence)


def message_sound(
    name: str, promise: MessageContent, *, begin: str | None = None, end: str | None = None
) -> MessageSound:
    """Expect every frame of a message to be as promised."""
    return MessageSound(
        message=MessageAddress(name),
        length=promise.length,
        counter=promise.counter,
        counter_last=promise.counter_last,
        crc=promise.crc,
        crc_kind=promise.crc_kind,
        crc_data_id=promise.crc_data_id,
        spare_zero=promise.spare_zero,
        begin=begin,
        end=end,
    )
