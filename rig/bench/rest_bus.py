"""Rest-bus simulation: what the BMS hears from others, single frames and periodic ones.

Counters and checksums that the profile names are made right, or wrong in the one way that a case
asks for. In stepped time, traffic is sent by whoever lets time pass (`rig.drive.waiting`, and the
bench between two instruments), so that a run repeats to the byte. In real time a thread sends it:
an instrument that is slow to answer must not silence the host, or a good BMS opens its paths.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from rig.clock import Clock
from rig.dut.can_link import CanLink
from rig.dut.can_messages import Messages
from rig.dut.received_messages import ReceivedMessage
from rig.steps.frame_fault import FrameFault
from rig.steps.send import Send
from rig.steps.start_periodic import StartPeriodic

__all__ = ["Outgoing", "RestBusSimulation", "Sender"]

_FLIP = 0xFF


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One frame as it goes onto the bus."""

    can_id: int
    data: bytes
    extended: bool


class Sender:
    """Makes the frames of one message, one after the other; remembers its counter."""

    def __init__(self, messages: Messages, message: str, claim: ReceivedMessage | None) -> None:
        self._messages, self._message = messages, message
        self._claim = claim or ReceivedMessage.model_construct(period_s=0.0)
        self._counter = -1  # of the newest frame

    def frames(
        self, signals: Mapping[str, float], frame_fault: FrameFault | None
    ) -> Iterator[Outgoing]:
        """Give frames without end; each is made when it is asked for."""
        number = 0
        while True:
            is_wrong = frame_fault is not None and _is_its_turn(frame_fault, number)
            if frame_fault is None or not is_wrong:
                yield self._frame(signals, self._next())
            elif frame_fault.what == "swapped":
                first = self._next()
                yield self._frame(signals, self._next())
                yield self._frame(signals, first)
                number += 1
            else:
                yield self._spoilt(signals, frame_fault, number)
            number += 1

    def _next(self, skip: int = 0) -> int:
        self._counter = (self._counter + 1 + skip) % (self._claim.counter_last + 1)
        return self._counter

    def _frame(
        self,
        signals: Mapping[str, float],
        counter: int,
        data_id: int = 0,
        length: int | None = None,
    ) -> Outgoing:
        claim, values = self._claim, dict(signals)
        if claim.counter is not None:
            values.setdefault(claim.counter, counter)
        can_id, data, extended = self._messages.encode(self._message, values)
        data = data[:length].ljust(length or 0, b"\0")
        if claim.crc is not None:
            its_id = claim.crc_data_id + data_id & 0xFFFF
            data = self._messages.seal(self._message, data, claim.crc, its_id, claim.crc_kind)
        return Outgoing(can_id, data, extended)

    def _spoilt(
        self, signals: Mapping[str, float], frame_fault: FrameFault, number: int
    ) -> Outgoing:
        frame = self._made_wrong(signals, frame_fault)
        if frame_fault.what == "identifier":
            return replace(frame, can_id=frame.can_id + (frame_fault.by or 1))
        if frame_fault.what == "crc":
            return replace(frame, data=self._flipped_crc(frame.data))
        if frame_fault.what == "bit":
            return replace(frame, data=_bit_flipped(frame.data, frame_fault.by + number))
        return frame

    def _made_wrong(self, signals: Mapping[str, float], frame_fault: FrameFault) -> Outgoing:
        """Make a frame whose checksum is right for what is wrong in it."""
        if frame_fault.what == "counter stands":
            return self._frame(signals, max(self._counter, 0))
        if frame_fault.what == "counter skips":
            return self._frame(signals, self._next(frame_fault.by))
        if frame_fault.what == "length":
            return self._frame(signals, self._next(), length=frame_fault.by)
        if frame_fault.what == "data id":
            return self._frame(signals, self._next(), data_id=frame_fault.by or 1)
        return self._frame(signals, self._next())

    def _flipped_crc(self, data: bytes) -> bytes:
        signal = self._claim.crc
        if signal is None:
            return data
        at = int(self._messages.signal(self._message, signal).start) // 8
        return data[:at] + bytes((data[at] ^ _FLIP,)) + data[at + 1 :]


def _is_its_turn(frame_fault: FrameFault, number: int) -> bool:
    return number % frame_fault.every == frame_fault.every - 1 if frame_fault.every else number == 0


def _bit_flipped(data: bytes, bit: int) -> bytes:
    bit %= 8 * len(data)
    spoilt = bytearray(data)
    spoilt[bit // 8] ^= 1 << bit % 8
    return bytes(spoilt)


@dataclass(slots=True)
class _Stream:
    """One message's traffic: its frames, its slot on the period's grid and the next instant."""

    periodic: StartPeriodic
    frames: Iterator[Outgoing]
    slot_ns: int
    due_ns: int


class RestBusSimulation:
    """All that the rig sends on the BMS's bus.

    Parameters
    ----------
    in_background
        Let a thread send the traffic, as real time asks for; else `pump` does.

    Attributes
    ----------
    random
        Draws the jitter; a case puts its own seeded one here.
    """

    def __init__(
        self,
        clock: Clock,
        can: CanLink,
        messages: Messages,
        receives: Mapping[str, ReceivedMessage],
        *,
        in_background: bool = False,
    ) -> None:
        self.clock, self.can, self.messages, self.receives = clock, can, messages, receives
        self.random = random.Random(0)  # noqa: S311
        self._senders: dict[str, Sender] = {}
        self._streams: dict[str, _Stream] = {}
        self._lock = threading.RLock()  # of all that is above
        self._failure: Exception | None = None  # of the thread, for whoever looks next
        self._changed, self._is_closed = threading.Event(), False
        self._thread: threading.Thread | None = None
        if in_background:
            self._thread = threading.Thread(target=self._serve, name="partner", daemon=True)
            self._thread.start()

    def reset(self) -> None:
        """Be as a host that was just switched on and is silent."""
        with self._lock:
            self._streams.clear()
            self._senders.clear()
        self._tell_failure()

    def frames(self, step: Send) -> Iterator[Outgoing]:
        """Give the frames of a step, without end."""
        frames = self._sender(step.message).frames(step.signals, step.frame_fault)
        while True:
            with self._lock:  # traffic of the same message has the same counter
                frame = next(frames)
            yield frame

    def begin(self, periodic: StartPeriodic) -> None:
        """Start (or change) a message's traffic; its first frame leaves at once, jitter apart."""
        with self._lock:
            frames = self._sender(periodic.message).frames(periodic.signals, periodic.frame_fault)
            now_ns = self.clock.now_ns()
            stream = _Stream(periodic, frames, slot_ns=now_ns, due_ns=now_ns)
            stream.due_ns += self._jitter_ns(periodic)
            self._streams[periodic.message] = stream
            self._send_due()
        self._changed.set()
        self._tell_failure()

    def end(self, message: str) -> None:
        """End a message's traffic."""
        with self._lock:
            self._streams.pop(message, None)
        self._tell_failure()

    @property
    def due_ns(self) -> int | None:
        """When `pump` has to be called next; None: there is nothing for it to send."""
        return None if self._thread is not None else self._next_due_ns()

    def pump(self) -> None:
        """Send what has fallen due; what is late by whole periods is left out, not made up for."""
        if self._thread is None:
            self._send_due()
        self._tell_failure()

    def close(self) -> None:
        """End the thread, where there is one."""
        self._is_closed = True
        self._changed.set()
        if self._thread is not None:
            self._thread.join()

    # ---- private ---------------------------------------------------------------------------------
    def _serve(self) -> None:
        """Send what falls due until `close`; waits poll, so that all systems keep time alike."""
        while not self._is_closed:
            self._changed.clear()
            due_ns = self._next_due_ns()
            if due_ns is None:
                self._changed.wait()
            elif not self.clock.wait(self._changed.is_set, due_ns):
                self._try_to_send()

    def _try_to_send(self) -> None:
        with self._lock:
            try:
                self._send_due()
            except Exception as error:  # noqa: BLE001  whatever it is must end the case, in its thread
                self._failure = error
                self._streams.clear()

    def _tell_failure(self) -> None:
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def _next_due_ns(self) -> int | None:
        with self._lock:
            return min((stream.due_ns for stream in self._streams.values()), default=None)

    def _send_due(self) -> None:
        if not self._streams:
            return
        now_ns = self.clock.now_ns()
        for stream in self._streams.values():
            if stream.due_ns <= now_ns:
                frame = next(stream.frames)
                self.can.post(frame.can_id, frame.data, extended=frame.extended)
                self._plan_next(stream, now_ns)

    def _plan_next(self, stream: _Stream, now_ns: int) -> None:
        period_ns = max(1, round(stream.periodic.period_s * 1e9))
        missed = max(0, (now_ns - stream.slot_ns) // period_ns)
        stream.slot_ns += (missed + 1) * period_ns
        stream.due_ns = stream.slot_ns + self._jitter_ns(stream.periodic)

    def _jitter_ns(self, periodic: StartPeriodic) -> int:
        return round(self.random.uniform(0.0, periodic.jitter_s) * 1e9) if periodic.jitter_s else 0

    def _sender(self, message: str) -> Sender:
        if message not in self._senders:
            claim = self.receives.get(message)
            self._senders[message] = Sender(self.messages, message, claim)
        return self._senders[message]
