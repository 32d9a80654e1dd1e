"""The watch over the host got wrong: what counts as a sign of life, since when, and until when."""

from __future__ import annotations

from rig.virtual.guests.reference.bms import Bms
from rig.virtual.guests.reference.can_telemetry import HOST_ALIVE_ID, e2e_p01_crc
from rig.virtual.guests.reference.image import Build
from rig.virtual.guests.reference.protections import HostWatch
from rig.virtual.guests.reference.receive import HostCheck, Receiver
from rig.virtual.guests.variants import BOTH, variant

_MAIN_MS = 10


class _CountsPolls(HostWatch):
    """The time-out is a number of polls, reckoned as if the main task did them."""

    _polls = 0

    def hear(self, now_ms: int) -> None:
        super().hear(now_ms)
        self._polls = 0

    def look(self, now_ms: int) -> bool:
        self._polls += 1
        return super().look(now_ms)

    def is_late(self, now_ms: int, last_ms: int) -> bool:  # noqa: ARG002
        return self._polls * _MAIN_MS > self.timeout_ms


class _PollsInTheScan(Bms):
    def host_is_lost(self) -> bool:
        every = self.image.scan_ns // self.image.main_ns
        return self.host.lost if self.ticks % every else super().host_is_lost()


@variant(
    "host-missed-late",
    "D16",
    "S2",
    "the host's time-out is counted in polls of a slower loop",
    shows=r"(CTO|bus_fault).*(opened|became 1|console said|did not)",
    duts=BOTH,
)
def host_missed_late(build: Build) -> Build:
    """Build it."""
    return build.patch(host=_CountsPolls, program=_PollsInTheScan)


class _StampsTheFirstOnly(HostWatch):
    def hear(self, now_ms: int) -> None:
        first_ms = self.last_ms
        super().hear(now_ms)
        if first_ms is not None:
            self.last_ms = first_ms


@variant(
    "healthy-host-missed",
    "D20",
    "S2",
    "the receive handler arms the time-out, never refreshes it",
    shows=r"CTO.*(opened|was open|became 1|was 1|console said)",
    duts=BOTH,
)
def healthy_host_missed(build: Build) -> Build:
    """Build it."""
    return build.patch(host=_StampsTheFirstOnly)


class _NoWayBack(HostWatch):
    def is_back(self) -> bool:
        return False


@variant(
    "host-missed-for-ever",
    "D21",
    "S2",
    "a time-out of the host has no branch that clears it",
    shows=r"(CTO|bus_fault).*(did not close|did not become 0|did not say|was open|was 1)",
    duts=BOTH,
)
def host_missed_for_ever(build: Build) -> Build:
    """Build it."""
    return build.patch(host=_NoWayBack)


class _TwoKindsOfLoss(Bms):
    """Broken frames have a time-out of their own; its clear branch was forgotten."""

    _refused = 0  # when the last good frame came
    _by_broken_frames = False

    def take_host_frames(self) -> None:
        before_ms = self.host.last_ms
        super().take_host_frames()
        if self.host.last_ms != before_ms and not self._by_broken_frames:
            self._refused = self.host_check.refused

    def host_is_lost(self) -> bool:
        lost = super().host_is_lost()
        if lost and self.host_check.refused > self._refused:
            self._by_broken_frames = True
        return lost or self._by_broken_frames


@variant(
    "broken-frames-never-forgiven",
    "D21",
    "S2",
    "a loss by refused frames is another mode than silence, and only silence clears",
    shows=r"CTO.*(did not close|did not become 0|did not say|was open|was 1)",
    duts=BOTH,
)
def broken_frames_never_forgiven(build: Build) -> Build:
    """Build it."""
    return build.patch(program=_TwoKindsOfLoss)


class _NowReadFirst(Bms):
    """The receive task moves the stamp on while the main task still holds an older "now"."""

    _last_us: int | None = None

    def hear_can(self, can_id: int, data: bytes, extended: bool) -> None:  # noqa: FBT001
        super().hear_can(can_id, data, extended)
        if can_id == HOST_ALIVE_ID:
            self._last_us = self._now_us()

    def host_is_lost(self) -> bool:
        now_us = self._now_us()
        preempted_ns = int(self.chip.random.uniform(20e3, 300e3))
        self.chip.after(preempted_ns, lambda: self._compare(now_us))
        return super().host_is_lost()

    def _compare(self, now_us: int) -> None:
        timeout_us = self.image.host_timeout_ms * 1000
        if self._last_us is not None and now_us - self._last_us & 0xFFFF_FFFF > timeout_us:
            self.host.lost, self.host.back = True, 0

    def _now_us(self) -> int:
        return self.chip.kernel.now_ns // 1000


@variant(
    "host-missed-now-and-then",
    "D22",
    "S2",
    '"now" is read before the stamp that another task moves on; the difference wraps',
    shows=r"(CTO|CommTimeout).*(was open|opened|was 1|became 1|console said)",
    duts=BOTH,
)
def host_missed_now_and_then(build: Build) -> Build:
    """Build it."""
    return build.patch(program=_NowReadFirst)


class _TakesAnyChecksum(HostCheck):
    def is_intact(self, data: bytes) -> bool:  # noqa: ARG002
        return True


@variant(
    "host-checksum-unchecked",
    "D23",
    "S1",
    "the checksum of the host's frames is not checked",
    shows=r"HostAlive-(crc|bit|dataid)|HostErrors",
    duts=BOTH,
)
def host_checksum_unchecked(build: Build) -> Build:
    """Build it."""
    return build.patch(host_check=_TakesAnyChecksum)


class _TakesAnyCounter(HostCheck):
    def is_next(self, counter: int) -> bool:  # noqa: ARG002
        return True


@variant(
    "frozen-host-is-alive",
    "D23",
    "S1",
    "the counter of the host's frames is not checked",
    shows=r"HostAlive-counter|HostErrors",
    duts=BOTH,
)
def frozen_host_is_alive(build: Build) -> Build:
    """Build it."""
    return build.patch(host_check=_TakesAnyCounter)


class _SumsItsOwnByte(HostCheck):
    def is_intact(self, data: bytes) -> bool:
        return e2e_p01_crc(self.image.data_id, b"\0" + data) == data[0]


@variant(
    "good-host-frames-refused",
    "D24",
    "S4",
    "the checksum's own byte is summed in with the data",
    # A BMS with contactors shows it first by heeding no request.
    shows=r"CTO|CommTimeout|HostErrors|main contactor did not close",
    duts=BOTH,
)
def good_host_frames_refused(build: Build) -> Build:
    """Build it."""
    return build.patch(host_check=_SumsItsOwnByte)


class _FillsUpWhatIsMissing(HostCheck):
    def is_whole(self, length: int) -> bool:  # noqa: ARG002
        return True


@variant(
    "short-host-frame-is-healthy",
    "D25",
    "S1",
    "a host's frame that was cut short but summed right is taken with defaults",
    shows=r"HostAlive-length|HostErrors",
    duts=BOTH,
)
def short_host_frame_is_healthy(build: Build) -> Build:
    """Build it."""
    return build.patch(host_check=_FillsUpWhatIsMissing)


class _OneMore(HostWatch):
    def is_back(self) -> bool:
        return self.back > self.frames_to_return


@variant(
    "host-back-one-frame-late",
    "1.6.5",
    "S4",
    "frames of the returning host are compared with >",
    shows=r"CTO.*(path (closed|did not close)|CommTimeout (became|did not become) 0|CTO cleared)",
    duts=BOTH,
)
def host_back_one_frame_late(build: Build) -> Build:
    """Build it."""
    return build.patch(host=_OneMore)


@variant(
    "host-back-one-frame-early",
    "1.6.5",
    "S2",
    "the constant for 3 frames is 2, counted from 0",
    shows=r"CTO.*(charge path closed|CommTimeout became 0|CTO cleared)",
    duts=BOTH,
)
def host_back_one_frame_early(build: Build) -> Build:
    """Build it."""
    return build.configure(host_frames_to_return=build.image.host_frames_to_return - 1)


class _LeavesTheOverrun(Receiver):
    def clear_overrun(self) -> None:
        """Nobody thought of it: the flag stands, and nothing is stored any more."""


@variant(
    "deaf-after-a-burst",
    "D52",
    "S2",
    "an overrun of the receive FIFO is never cleared",
    shows=r"burst.*(was open|was 1|did not|HostErrors)",
    duts=BOTH,
)
def deaf_after_a_burst(build: Build) -> Build:
    """Build it."""
    return build.patch(receiver=_LeavesTheOverrun)


class _ReadsOneByteOn(Receiver):
    """The FIFO's read pointer is not set back with the flag."""

    def interrupt(self, now_ms: int, can_id: int, data: bytes, *, extended: bool) -> None:
        shifted = data[1:] + data[:1] if self.overruns else data
        super().interrupt(now_ms, can_id, shifted, extended=extended)


@variant(
    "shifted-after-a-burst",
    "D52",
    "S2",
    "after an overrun data are read one byte further on",
    shows=r"burst.*(was open|was 1|did not|HostErrors)",
    duts=BOTH,
)
def shifted_after_a_burst(build: Build) -> Build:
    """Build it."""
    return build.patch(receiver=_ReadsOneByteOn)
