"""How frames reach the program: a filter, a receive FIFO that can run over, the host's protection.

The controller's FIFO is emptied by the main task; a frame bears the tick at which it came. Must not
decide what a lost host leads to: that is `HostWatch` and the rules.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from rig.virtual.guests.reference.can_telemetry import HOST_ALIVE_ID, e2e_p01_crc

Received = tuple[int, bytes]  # tick in ms, data


@dataclass(frozen=True, slots=True, kw_only=True)
class HostImage:
    """What the host's message must be like."""

    can_id: int = HOST_ALIVE_ID
    data_id: int = HOST_ALIVE_ID
    length: int = 8
    counter_last: int = 14
    max_delta: int = 2  # one frame may be lost
    fifo_frames: int = 64
    every_ticks: int = 2  # of the main task: 200 frames back to back take 48 ms


class Receiver:
    """The controller's receive side: accepts one identifier, keeps some frames."""

    def __init__(self, image: HostImage) -> None:
        self.image = image
        self._fifo: deque[Received] = deque()
        self._has_overrun = False
        self.overruns = 0

    def interrupt(self, now_ms: int, can_id: int, data: bytes, *, extended: bool) -> None:
        """Store a frame. Once the FIFO has run over, nothing is stored until that is cleared."""
        if can_id != self.image.can_id or extended:
            return
        if self._has_overrun or len(self._fifo) >= self.image.fifo_frames:
            self._has_overrun = True
            return
        self._fifo.append((now_ms, data))

    def take(self) -> list[Received]:
        """Empty the FIFO."""
        frames = list(self._fifo)
        self._fifo.clear()
        if self._has_overrun:
            self.clear_overrun()
        return frames

    def clear_overrun(self) -> None:
        """Let the FIFO store frames again."""
        self._has_overrun = False
        self.overruns += 1


class HostCheck:
    """Whether a frame is the host's, whole and new."""

    def __init__(self, image: HostImage) -> None:
        self.image = image
        self._last: int | None = None  # counter of the newest frame; None: any will do
        self.refused = 0

    def accepts(self, data: bytes) -> bool:
        """Take one frame; whatever is wrong with it, it is no sign of life."""
        padded = data.ljust(self.image.length, b"\0")  # as it lies in the driver's buffer
        good = self.is_whole(len(data)) and self.is_intact(data) and self.is_next(padded[1] & 0xF)
        self.refused += not good
        return good

    def forget(self) -> None:
        """Begin anew with whatever counter comes next: the host was away for long."""
        self._last = None

    def is_whole(self, length: int) -> bool:
        """Tell whether a frame has the length of the host's message."""
        return length == self.image.length

    def is_intact(self, data: bytes) -> bool:
        """Tell whether the checksum of a frame is right."""
        return data[:1] == bytes((e2e_p01_crc(self.image.data_id, data),))

    def is_next(self, counter: int) -> bool:
        """Hold a counter against the last; one that is out of order is where it goes on from."""
        last, self._last = self._last, counter
        modulus = self.image.counter_last + 1
        if counter >= modulus:
            return False
        return last is None or 1 <= (counter - last) % modulus <= self.image.max_delta
