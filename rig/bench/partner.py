"""The BMS's partner on the bus, played by the rig: single frames, and traffic in the background.

Counters and checksums that the profile names are made right, or wrong in the one way that a case
asks for. Traffic is sent by whoever lets time pass (`rig.drive.waiting`, and the bench between two
instruments), never by a thread: so a stepped run repeats to the byte, and a frame that falls due
while an instrument is talked to leaves right after, as its stamp in the trace shows.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from rig.clock import Clock
from rig.dut.can_link import CanLink
from rig.dut.can_messages import Messages
from rig.dut.received import Received
from rig.steps.frame_fault import FrameFault
from rig.steps.send import Send
from rig.steps.start_periodic import StartPeriodic

__all__ = ["Outgoing", "Partner", "Sender"]

_FLIP = 0xFF


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One frame as it goes onto the bus."""

    can_id: int
    data: bytes
    extended: bool


class Sender:
    """Makes the frames of one message, one after the other; remembers its counter."""

    def __init__(self, messages: Messages, message: str, promise: Received | None) -> None:
        self._messages, self._message = messages, message
        self._promise = promise or Received.model_construct(period_s=0.0)
        self._counter = -1  # of the newest frame

    def frames(self, signals: Mapping[str, float], wrong: FrameFault | None) -> Iterator[Outgoing]:
        """Give frames without end; each is made when it is asked for."""
        number = 0
        while True:
            is_wrong = wrong is not None and _is_its_turn(wrong, number)
            if wrong is None or not is_wrong:
                yield self._frame(signals, self._next())
            elif wrong.what == "swapped":
                first = self._next()
                yield self._frame(signals, self._next())
                yield self._frame(signals, first)
                number += 1
            else:
                yield self._spoilt(signals, wrong, number)
            number += 1

    def _next(self, skip: int = 0) -> int:
        self._counter = (self._counter + 1 + skip) % (self._promise.counter_last + 1)
        return self._counter

    def _frame(
        self,
        signals: Mapping[str, float],
        counter: int,
        data_id: int = 0,
        length: int | None = None,
    ) -> Outgoing:
        promise, values = self._promise, dict(signals)
        if promise.counter is not None:
            values.setdefault(promise.counter, counter)
        can_id, data, extended = self._messages.encode(self._message, values)
        data = data[:length].ljust(length or 0, b"\0")
        if promise.crc is not None:
            its_id = promise.crc_data_id + data_id & 0xFFFF
            data = self._messages.seal(self._message, data, promise.crc, its_id, promise.crc_kind)
        return Outgoing(can_id, data, extended)

    def _spoilt(self, signals: Mapping[str, float], wrong: FrameFault, number: int) -> Outgoing:
        frame = self._made_wrong(signals, wrong)
        if wrong.what == "identifier":
            return replace(frame, can_id=frame.can_id + (wrong.by or 1))
        if wrong.what == "crc":
            return replace(frame, data=self._flipped_crc(frame.data))
        if wrong.what == "bit":
            return replace(frame, data=_bit_flipped(frame.data, wrong.by + number))
        return frame

    def _made_wrong(self, signals: Mapping[str, float], wrong: FrameFault) -> Outgoing:
        """Make a frame whose checksum is right for what is wrong in it."""
        if wrong.what == "counter stands":
            return self._frame(signals, max(self._counter, 0))
        if wrong.what == "counter skips":
            return self._frame(signals, self._next(wrong.by))
        if wrong.what == "length":
            return self._frame(signals, self._next(), length=wrong.by)
        if wrong.what == "data id":
            return self._frame(signals, self._next(), data_id=wrong.by or 1)
        return self._frame(signals, self._next())

    def _flipped_crc(self, data: bytes) -> bytes:
        signal = self._promise.crc
        if signal is None:
            return data
        at = int(self._messages.signal(self._message, signal).start) // 8
        return data[:at] + bytes((data[at] ^ _FLIP,)) + data[at + 1 :]


def _is_its_turn(wrong: FrameFault, number: int) -> bool:
    return number % wrong.every == wrong.every - 1 if wrong.every else number == 0


def _bit_flipped(data: bytes, bit: int) -> bytes:
    bit %= 8 * len(data)
    spoilt = bytearray(data)
    spoilt[bit // 8] ^= 1 << bit % 8
    return bytes(spoilt)


@dataclass(slots=True)
class _Stream:
    """One message's traffic: its frames, its slot on the period's grid and the next instant."""

    traffic: StartPeriodic
    frames: Iterator[Outgoing]
    slot_ns: int
    due_ns: int


@dataclass(slots=True)
class Partner:
    """All that the rig sends on the BMS's bus.

    Attributes
    ----------
    random
        Draws the jitter; a case puts its own seeded one here.
    """

    clock: Clock
    can: CanLink
    messages: Messages
    receives: Mapping[str, Received]
    random: random.Random = field(default_factory=lambda: random.Random(0))  # noqa: S311
    _senders: dict[str, Sender] = field(default_factory=dict)
    _streams: dict[str, _Stream] = field(default_factory=dict)

    def reset(self) -> None:
        """Be a partner that was just switched on and is silent."""
        self._streams.clear()
        self._senders.clear()

    def frames(self, step: Send) -> Iterator[Outgoing]:
        """Give the frames of a step, without end."""
        return self._sender(step.message).frames(step.signals, step.wrong)

    def begin(self, traffic: StartPeriodic) -> None:
        """Start (or change) a message's traffic; its first frame leaves at once, jitter apart."""
        frames = self._sender(traffic.message).frames(traffic.signals, traffic.wrong)
        now_ns = self.clock.now_ns()
        stream = _Stream(traffic, frames, slot_ns=now_ns, due_ns=now_ns)
        stream.due_ns += self._jitter_ns(traffic)
        self._streams[traffic.message] = stream
        self.pump()

    def end(self, message: str) -> None:
        """End a message's traffic."""
        self._streams.pop(message, None)

    @property
    def due_ns(self) -> int | None:
        """When the next frame falls due; None: nothing is to be sent."""
        return min((stream.due_ns for stream in self._streams.values()), default=None)

    def pump(self) -> None:
        """Send what has fallen due; what is late by whole periods is left out, not made up for."""
        if not self._streams:
            return
        now_ns = self.clock.now_ns()
        for stream in self._streams.values():
            if stream.due_ns <= now_ns:
                frame = next(stream.frames)
                self.can.post(frame.can_id, frame.data, extended=frame.extended)
                self._plan_next(stream, now_ns)

    def _plan_next(self, stream: _Stream, now_ns: int) -> None:
        period_ns = max(1, round(stream.traffic.period_s * 1e9))
        missed = max(0, (now_ns - stream.slot_ns) // period_ns)
        stream.slot_ns += (missed + 1) * period_ns
        stream.due_ns = stream.slot_ns + self._jitter_ns(stream.traffic)

    def _jitter_ns(self, traffic: StartPeriodic) -> int:
        return round(self.random.uniform(0.0, traffic.jitter_s) * 1e9) if traffic.jitter_s else 0

    def _sender(self, message: str) -> Sender:
        if message not in self._senders:
            promise = self.receives.get(message)
            self._senders[message] = Sender(self.messages, message, promise)
        return self._senders[message]
