"""What `message timing` and `message sound` share: what is claimed of each frame of a message."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from rig.can_address import MessageAddress
from rig.dut.e2e import CrcKind
from rig.dut.messages import MessageContent
from rig.expectations.expectation import InSpan
from rig.expectations.subjects import MESSAGE
from rig.judge.can_signals import Times, Values
from rig.judge.listening import must_have_listened
from rig.judge.observed import Observed
from rig.judge.timing import window_ns
from rig.judge.wording import show

_PROMISED = ("length", "counter", "counter_last", "crc", "crc_kind", "crc_data_id", "spare_zero")


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """The frames of one message in the span."""

    rows: NDArray[np.intp]
    inside: NDArray[np.bool_]  # which of all frames of the message these are
    times: Times
    begin_ns: int
    end_ns: int

    @property
    def intervals_s(self) -> Values:
        """Shape (n - 1,)."""
        return np.diff(self.times) * 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Framed(InSpan):
    """A message between two marks, and what is claimed of each of its frames."""

    message: MessageAddress
    length: int
    counter: str | None = None  # signal name
    counter_last: int = 14  # the value after which it starts at 0 again
    crc: str | None = None  # signal name
    crc_kind: CrcKind = "E2E P01"
    crc_data_id: int = 0  # of E2E profile 1, mode BOTH
    spare_zero: bool = False  # bits that belong to no signal of the DBC are 0
    means = "CAN"
    subject = MESSAGE

    @classmethod
    def claimed(cls, name: str, claim: MessageContent, **given: Any) -> Self:
        """Expect every frame of a message to be as claimed."""
        content = {part: getattr(claim, part) for part in _PROMISED}
        return cls(message=MessageAddress(name), **content, **given)

    def content(self) -> str:
        """Say what of a frame is looked at: "8 bytes, counter, checksum"."""
        checks = {"counter": self.counter, "checksum": self.crc, "spare bits": self.spare_zero}
        looked_at = (name for name, is_on in checks.items() if is_on)
        return ", ".join((f"{self.length} bytes", *looked_at))

    def received(self, observed: Observed) -> Received:
        """Return the frames between the marks, on proof that something listened."""
        trace = observed.trace
        must_have_listened(trace, self.message.bus)
        begin_ns, end_ns = window_ns(trace, self.begin, self.end)
        rows = observed.rows(self.message)
        times = trace.frames.time_ns[rows]
        inside = (times >= begin_ns) & (times <= end_ns)
        return Received(
            rows=rows[inside], inside=inside, times=times[inside], begin_ns=begin_ns, end_ns=end_ns
        )

    def faults(self, observed: Observed, received: Received) -> Iterator[str]:
        """Tell what is wrong with length, counter, checksum and spare bits, one clause each."""
        frames, decode, inside = observed.trace.frames, observed.decode, received.inside

        def first(wrong: NDArray[np.bool_]) -> str:
            at_s = (int(received.times[wrong][0]) - observed.trace.begin_ns) * 1e-9
            return f"the first at {show(at_s, 's')}"

        lengths = frames.length[received.rows]
        if (odd := lengths[lengths != self.length]).size:
            yield f"{odd.size} frames of {int(odd[0])} bytes, not {self.length}"
        if self.counter is not None:
            yield from self._counter_faults(observed, received, self.counter)
        if self.crc is not None:
            right = decode.check_crc(
                frames, self.message, self.crc, self.crc_data_id, self.crc_kind
            )
            if (wrong := ~right[inside]).any():
                yield f"{wrong.sum()} wrong checksums, {first(wrong)}"
        if self.spare_zero:
            wrong = ~decode.spare_is_zero(frames, self.message)[inside]
            if wrong.any():
                yield f"{wrong.sum()} frames with spare bits set, {first(wrong)}"

    def _counter_faults(self, observed: Observed, received: Received, name: str) -> Iterator[str]:
        """Give a clause if the counter ever fails to go up by one (after its last value: to 0)."""
        times, counter = observed.signal(self.message.signal(name))
        kept = np.isin(times, received.times)
        times, counter = times[kept], counter[kept]
        due = np.where(counter[:-1] == self.counter_last, 0.0, counter[:-1] + 1.0)
        wrong = np.flatnonzero(counter[1:] != due)
        if wrong.size:
            i = int(wrong[0])
            at_s = (int(times[i + 1]) - observed.trace.begin_ns) * 1e-9
            yield (
                f"counter {name} went from {counter[i]:g} to {counter[i + 1]:g} at"
                f" {show(at_s, 's')} ({wrong.size} times out of order)"
            )
