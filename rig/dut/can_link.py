"""The BMS's CAN bus: hears everything, sends what a plan asks for. Must not decode or judge.

Frames are stamped by the adapter. Its clock has an offset and a drift against the rig's, found by
listening: a frame with stamp s that the rig held in its hand at r gives r - s >= offset, and the
least of several comes within the adapter's latency of it. One such point at the beginning and one
at the end of a case are joined by a line; nothing is sent for it, so a silent bus stays silent.
"""

from __future__ import annotations

import logging
import select
import socket
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import can
import numpy as np
from numpy.typing import NDArray

from rig.can_address import OWN_BUS
from rig.clock import Clock
from rig.errors import BenchError
from rig.trace import candump
from rig.trace.log import Log
from rig.trace.model import Frames, Link
from rig.trace.texts import plain_name
from rig.trace.unfinished import Offset

# Its client logs a warning for every frame that TCP cut in two, and then reads it rightly.
# What is an error to it reaches us as an exception.
logging.getLogger("can.interfaces.socketcand").setLevel(logging.CRITICAL)

_SYNC_FRAMES = 2  # the lesser of two lags counts
_SYNC_WAIT_NS = 500_000_000
_ECHO_WAIT_NS = 500_000_000  # for a frame to leave; on an idle bus of 500 kbit/s 0.3 ms
ANSWERS_WITHIN_S = 5.0  # wall time, for each word of a network gateway


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockPoint:
    """The adapter's stamp and the rig's time of one instant, as well as the rig could tell."""

    stamp_ns: int
    rig_ns: int  # in the rig's hand ...
    late_ns: int  # ... and on the bus at most so long before

    @property
    def likely_ns(self) -> int:
        """Rig time at which it was most likely on the bus."""
        return self.rig_ns - self.late_ns // 2

    @property
    def time_u_s(self) -> float:
        """Standard uncertainty of that."""
        return self.late_ns / 1e9 / 12**0.5


class CanLink:
    """One CAN bus, by python-can.

    Parameters
    ----------
    name : str
        Of the bus on its bench.
    clock : Clock
        The rig's time.
    open_bus : callable
        Opens a connection to the bus; called once to listen, and once more when first sending, so
        that the listening one hears the rig's own frames with the adapter's stamp.
    latency_s : float
        Longest time from a frame's end to the rig's hand (adapter, driver, network).
    answers_within_s : float
        Wall time that a network gateway may take for a word, or to take one in.
    """

    _points: list[ClockPoint]
    _newest: ClockPoint | None  # of the newest frame, when it was taken in

    def __init__(
        self,
        clock: Clock,
        open_bus: Callable[[], can.BusABC],
        latency_s: float,
        *,
        name: str = OWN_BUS,
        answers_within_s: float = ANSWERS_WITHIN_S,
    ) -> None:
        self.name = name
        self._clock, self._open, self._latency_ns = clock, open_bus, round(latency_s * 1e9)
        self._within_s = answers_within_s
        self._ear = self._connect()
        self._mouth: can.BusABC | None = None
        self._heard = 0
        self._handed_before = clock.handed_over(self.name)
        self._sent = 0
        self._forget()
        self._posted: Counter[tuple[int, bytes]] = Counter()  # sent, and not heard yet
        # A thread of the rest-bus may post, while ours takes in what came.
        self._sending, self._counting = threading.Lock(), threading.Lock()
        self._looks_ns = (clock.now_ns(),) * 2  # the last look at the bus, and the one before

    def poll(self) -> None:
        """Take in every frame that has arrived."""
        if not self._clock.wakes_at_arrival:
            self._looks_ns = self._clock.now_ns(), self._looks_ns[0]
        due, heard = self._clock.handed_over(self.name) - self._handed_before, self._heard
        while True:
            before = self._heard
            while (frame := self._receive(self._ear, 0.0)) is not None:
                self._keep(frame)
            if self._heard >= due:
                break
            if self._heard == before:
                self._await_more()
        if self._heard != heard:
            self._newest = self._newest_point()
        self._drain_mouth()

    def _drain_mouth(self) -> None:
        """Read what the sending connection hears of the bus too; unread, it would fill up."""
        if self._mouth is not None:
            while self._receive(self._mouth, 0.0) is not None:
                pass

    def renew(self) -> None:
        """Know nothing any more: bench and time have begun anew, and the connections are the same.

        What was handed over before is taken in, so that the counts stay right.
        """
        self._fall_silent()
        self.poll()
        self._forget()
        self._posted.clear()
        self._looks_ns = (self._clock.now_ns(),) * 2

    def begin(self) -> Log[can.Message]:
        """Forget what was heard before and find the adapter's clock; give what will be heard."""
        self.poll()
        self._forget()
        self._synchronise()
        return self._frames

    def end(self) -> tuple[Frames, Link]:
        """Everything heard since `begin`, on the rig's time base."""
        self._synchronise()
        self.poll()
        if not self._points and self._newest is not None:
            self._points.append(self._newest)  # a bus that was silent at both ends of the case
        link = Link(
            name=self.name,
            alive=self._is_alive(),
            received=len(self._frames) - self._errors,
            dropped=0,
            unanswered=self.owed,
        )
        self._fall_silent()
        return self._as_frames(), link

    def offset(self) -> Offset | None:
        """How the adapter's clock stands to the rig's, as far as it is known by now."""
        point = self._points[0] if self._points else self._newest
        if point is None:
            return None
        return Offset(ns=point.likely_ns - point.stamp_ns, time_u_s=point.time_u_s)

    def newest(self, can_id: int, *, since: int = 0) -> can.Message | None:
        """Newest frame with this identifier since `begin`, but for its first so many, or None."""
        self.poll()
        number, frame = self._newest_of.get(can_id, (-1, None))
        return frame if number >= since else None

    def count(self) -> int:
        """Number of frames heard since `begin`."""
        self.poll()
        return len(self._frames)

    @property
    def owed(self) -> int:
        """Number of the rig's frames that have not been seen to leave: nobody acknowledged them."""
        self.poll()
        with self._counting:
            return self._posted.total()

    def forget_owed(self) -> None:
        """Wait no more for frames that were lost: an adapter in bus-off drops what it is given."""
        with self._counting:
            self._posted.clear()

    def post(self, can_id: int, data: bytes, *, extended: bool = False) -> None:
        """Hand a frame to the adapter and return: when it leaves, if it does, the trace shows.

        Raises
        ------
        BenchError
            The connection is lost, or the adapter does not take it.
        """
        message = can.Message(arbitration_id=can_id, data=data, is_extended_id=extended)
        with self._sending:
            if not self._is_alive():  # python-can would try to connect a second time for 10 s
                raise self._lost("the connection was closed by its far end")
            mouth = self._mouth = self._mouth or self._connect()
            with self._counting:
                self._posted[can_id, data] += 1
            try:
                mouth.send(message)
            except Exception as error:  # as in `_receive`
                raise self._lost(f"sending 0x{can_id:X} failed: {_cause(error)}") from error
            self._sent += 1
            self._clock.expect(self.name, self._sent)

    def send(self, can_id: int, data: bytes, *, extended: bool = False) -> None:
        """Send a frame and return when it has left: a bare `send` returns long before that.

        Raises
        ------
        BenchError
            It did not leave within 0.5 s (nobody acknowledged it), or the connection is lost.
        """
        self.poll()
        already = len(self._frames)
        self.post(can_id, data, extended=extended)
        deadline_ns = self._clock.now_ns() + _ECHO_WAIT_NS

        def echoed() -> bool:
            self.poll()
            return any(
                frame.arbitration_id == can_id and bytes(frame.data) == data
                for frame in self._frames.since(already)
            )

        if not self._clock.wait(echoed, deadline_ns, (self.name,)):
            what = f"0x{can_id:X} did not leave within {_ECHO_WAIT_NS / 1e6:g} ms"
            raise self._lost(f"{what}: no other node acknowledges, or the bus is off")
        if not self._points:  # nobody else speaks: the own frame is all that shows the clocks
            self._points.append(self._newest_point())

    def close(self) -> None:
        """Close both connections; nobody is left to be told of one that was broken."""
        for bus in (self._ear, self._mouth):
            if bus is not None:
                _shut_down(bus)

    def _forget(self) -> None:
        bus = plain_name(self.name)
        self._frames = Log(f"{bus}.log", partial(candump.of_message, bus))
        self._errors, self._is_fd = 0, False
        self._newest_of: dict[int, tuple[int, can.Message]] = {}  # by identifier, with its number
        self._points, self._newest = [], None

    def _fall_silent(self) -> None:
        """Close the sending connection: it hears the whole bus again, which costs as much again."""
        with self._sending:
            if self._mouth is not None:
                _shut_down(self._mouth)
                self._mouth = None

    def _synchronise(self) -> None:
        self.poll()
        best: ClockPoint | None = None
        deadline_ns = self._clock.now_ns() + _SYNC_WAIT_NS
        for _ in range(_SYNC_FRAMES):
            seen = len(self._frames)
            more = partial(self._holds_more_than, seen)
            if not self._clock.wait(more, deadline_ns, (self.name,)):
                break
            point = self._newest_point()
            if best is None or point.rig_ns - point.stamp_ns < best.rig_ns - best.stamp_ns:
                best = point
        if best is not None:
            self._points.append(best)

    def _newest_point(self) -> ClockPoint:
        """Point of the newest frame: in hand now, and not there yet at the look before the last."""
        now_ns = self._clock.now_ns()
        unseen_ns = 0 if self._clock.wakes_at_arrival else now_ns - self._looks_ns[1]
        return ClockPoint(
            stamp_ns=_stamp_ns(self._frames.newest[-1]),
            rig_ns=now_ns,
            late_ns=self._latency_ns + unseen_ns,
        )

    def _holds_more_than(self, count: int) -> bool:
        return self.count() > count

    def _as_frames(self) -> Frames:
        if not len(self._frames) or not self._points:
            return Frames.none(self.name)
        frames = Frames.room(
            len(self._frames),
            is_fd=self._is_fd,
            bus=self.name,
            time_u_s=max(point.time_u_s for point in self._points),
            memory=self._frames.room,
        )
        at = 0
        for lines in self._frames.texts():
            heard = candump.parsed(lines)
            frames.put(at, replace(heard, time_ns=self._to_rig(heard.time_ns)))
            at += heard.time_ns.size
        return frames

    def _to_rig(self, stamps_ns: NDArray[np.int64]) -> NDArray[np.int64]:
        """Line through the clock points, each less half of what it may be late."""
        first, last = self._points[0], self._points[-1]
        first_ns, last_ns = first.likely_ns, last.likely_ns
        since = stamps_ns - first.stamp_ns
        if last.stamp_ns == first.stamp_ns:
            return since + first_ns
        rate = (last_ns - first_ns) / (last.stamp_ns - first.stamp_ns)
        drift: NDArray[np.int64] = np.rint(since * (rate - 1.0)).astype(np.int64)
        return first_ns + since + drift

    def _connect(self) -> can.BusABC:
        # python-can's socketcand waits without a deadline for the gateway's words, in opening and
        # in sending; a socket that is made meanwhile has this one.
        before = socket.getdefaulttimeout()
        socket.setdefaulttimeout(self._within_s)
        try:
            return self._open()
        except Exception as error:  # as in `_receive`
            raise self._lost(f"the bus can't be opened: {_cause(error)}") from error
        finally:
            socket.setdefaulttimeout(before)

    def _receive(self, bus: can.BusABC, timeout_s: float) -> can.Message | None:
        try:
            return bus.recv(timeout_s)
        except Exception as error:  # a backend of others raises what it likes
            raise self._lost(f"receiving failed: {_cause(error)}") from error

    def _await_more(self) -> None:
        """The bench says that it handed over more frames than have come: they are on their way."""
        if not self._is_alive():
            raise self._lost("the connection was closed by its far end")
        frame = self._receive(self._ear, 5.0)
        if frame is None:
            raise self._lost("frames that the bench handed over did not arrive within 5 s")
        self._keep(frame)

    def _keep(self, frame: can.Message) -> None:
        """Keep a frame; one of the rig's own comes back as the adapter sent it."""
        sent = frame.arbitration_id, bytes(frame.data)
        with self._counting:
            if is_own := sent in self._posted:
                self._posted[sent] -= 1
                if not self._posted[sent]:
                    del self._posted[sent]
        frame.is_rx = not is_own
        self._newest_of[frame.arbitration_id] = len(self._frames), frame
        self._frames.append(frame)
        self._errors += frame.is_error_frame
        self._is_fd = self._is_fd or frame.is_fd
        self._heard += 1

    def _is_alive(self) -> bool:
        """Whether the far end still holds the connection.

        python-can 4.6's socketcand client says "no frame" for ever when the server has gone, so
        its socket is looked at here; other backends raise by themselves.
        """
        link: socket.socket | None = getattr(self._ear, "_SocketCanDaemonBus__socket", None)
        if link is None:
            return True
        if not select.select([link], [], [], 0)[0]:
            return True
        try:
            return bool(link.recv(1, socket.MSG_PEEK))
        except OSError:
            return False

    def _lost(self, what: str) -> BenchError:
        where = "CAN" if self.name == OWN_BUS else f"CAN bus {self.name}"
        return BenchError(what, where, "check the adapter, its bit rate and the wiring, then rerun")


def _shut_down(bus: can.BusABC) -> None:
    """Close a connection; one that is broken is let go of, or it would try again when collected."""
    try:
        bus.shutdown()
    except Exception:  # noqa: BLE001  a backend of others raises what it likes
        can.BusABC.shutdown(bus)


def _cause(error: BaseException) -> BaseException:
    """What happened: python-can's socketcand puts a whole traceback into its own message."""
    return error.__cause__ or error


def _stamp_ns(frame: can.Message) -> int:
    # float64 at 1.7e9 s has steps of 0.24 us, so microseconds are all that a stamp holds.
    return round(frame.timestamp * 1e6) * 1000
