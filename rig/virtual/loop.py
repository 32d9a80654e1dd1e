"""Sockets and virtual time in one thread. Must not know what is said over a connection.

Stepped, time stands still unless an endpoint owes a reply to a client that waits for it (then it
runs up to that reply and no further) or the control port asks for an advance. In real time the same
kernel is paced by the wall clock.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from rig.virtual.kernel import Kernel

__all__ = ["Advance", "Connection", "Endpoint", "Loop"]

_CHUNK = 1 << 16
_SOCKET_BUFFER = 4 << 20  # room for what is emitted between two looks of a client
_UNREAD_LIMIT = 256 << 20  # a client that never reads is dropped before it eats the machine
_ARRIVAL_NS = 5 * 10**9  # wall clock: how long what a client has sent may take to arrive
_LOOK_AGAIN_S = 0.05  # while waiting for it: how often to look at the deadline
_MAX_NAP_S = 0.05  # real time: how long to sleep at most without looking at the clock
_LATE_NS = 20_000_000  # real time: an event handed over later than this is counted as late


class Endpoint(Protocol):
    """Something that may owe a reply."""

    def busy(self) -> int | None:
        """Tell the kernel time [ns] of the next reply a blocked client waits for, else None."""
        ...


def _ignore(_data: bytes) -> None: ...


def _nothing() -> None: ...


class Connection:
    """One client. `on_data` and `on_close` are set by whoever accepted it.

    What is sent is buffered, and handed to the socket before the loop waits or answers an advance.
    """

    __slots__ = ("_loop", "_out", "alive", "key", "name", "on_close", "on_data", "socket")

    def __init__(self, loop: Loop, sock: socket.socket, key: tuple[int, int], name: str) -> None:
        self._loop, self.socket = loop, sock
        self.key, self.name = key, name  # (listener, accept order): the order of service
        self._out = bytearray()
        self.alive = True
        self.on_data: Callable[[bytes], None] = _ignore
        self.on_close: Callable[[], None] = _nothing

    def send(self, data: bytes) -> None:
        """Queue bytes for the client; after it has gone, they are dropped."""
        if self.alive and data:
            self._out += data
            self._loop.dirty[self.key] = self

    def close(self) -> None:
        """Hand over what is queued, as far as the socket takes it, and hang up."""
        if self.alive:
            self.flush()
        if self.alive:
            self.alive = False
            self._loop.forget(self.socket)
            self.socket.close()
            self.on_close()

    def flush(self) -> bool:
        """Hand over what is queued; False while some of it must wait for the client to read."""
        out = self._out
        try:
            while out:
                del out[: self.socket.send(out)]
        except BlockingIOError:
            if len(out) > _UNREAD_LIMIT:
                self._drop()
        except OSError:
            self._drop()
        return not out

    def receive(self) -> bool:
        """Take in what has arrived; False where there is nothing more to come now."""
        if not self.alive:
            return False
        try:
            data = self.socket.recv(_CHUNK)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if data:
            self.on_data(data)
        else:
            self._drop()
        return bool(data)

    def _drop(self) -> None:
        self._out.clear()
        self.close()


class _Source(NamedTuple):
    """What the selector keeps with a descriptor."""

    key: tuple[int, int]
    readable: Callable[[], object]
    connection: Connection | None


@dataclass(slots=True)
class Advance:
    """A request to let time pass.

    Attributes
    ----------
    until_ns : int
        Kernel time at which it ends at the latest.
    done : callable
        Called with whether it was woken, when it ended.
    failed : callable
        Called instead of `done` when what was announced in `sent` did not arrive.
    wake : tuple of str
        Stop right after the first instant in which something was handed over on one of these links.
    sent : dict
        Time goes on only after so many frames or bytes, in all, have been taken in on each link.
    """

    until_ns: int
    done: Callable[[bool], None]
    failed: Callable[[str], None]
    wake: tuple[str, ...] = ()
    sent: Mapping[str, int] = field(default_factory=dict)
    deadline_ns: int = 0  # wall clock; set by the loop when it first has to wait


@dataclass(slots=True)
class Lag:
    """How long after its due time what happened was handed over, since this was last told."""

    worst_ns: int = 0
    late: int = 0
    over_ns: int = _LATE_NS  # what counts as late

    def note(self, behind_ns: int) -> None:
        """Note one look at the wall clock."""
        self.worst_ns = max(self.worst_ns, behind_ns)
        self.late += behind_ns > self.over_ns


class Loop:
    """Serves every socket of the bench and decides when virtual time passes.

    Parameters
    ----------
    kernel : Kernel
    real : bool
        Pace the kernel by the wall clock; otherwise time is stepped.
    host : str
        The address to listen on.
    """

    def __init__(self, kernel: Kernel, *, real: bool = False, host: str = "127.0.0.1") -> None:
        self.kernel, self.real, self.host = kernel, real, host
        self.dirty: dict[tuple[int, int], Connection] = {}
        self._selector = selectors.DefaultSelector()
        self._listeners: list[socket.socket] = []
        self._endpoints: list[Endpoint] = []
        self._advances: list[Advance] = []
        self._accepted = 0
        self._stopped = False
        self._started_ns = 0
        self._lag = Lag()
        self._owed_ns: int | None = None  # the first event since what happened was handed over

    # What others use

    def listen(
        self, accepted: Callable[[Connection], None], port: int = 0, *, name: str = ""
    ) -> int:
        """Listen on `port` (0: any free one) and return it; `accepted` gets each new client."""
        listener = socket.create_server((self.host, port), backlog=16)
        listener.settimeout(0.0)
        index = len(self._listeners)
        self._listeners.append(listener)

        def accept() -> None:
            connection = self._accept(listener, index, name)
            if connection:
                accepted(connection)

        self._selector.register(listener, selectors.EVENT_READ, _Source((index, -1), accept, None))
        return int(listener.getsockname()[1])

    def run_on(self, kernel: Kernel) -> None:
        """Serve another kernel from now on; what went over the open sockets stays counted."""
        kernel.handed, kernel.taken = self.kernel.handed, self.kernel.taken
        self.kernel = kernel
        waiting, self._advances = self._advances, []
        for request in waiting:
            request.failed("time has begun anew meanwhile: ask what it is now")

    def add_endpoint(self, endpoint: Endpoint) -> None:
        """Ask `endpoint` from now on whether it owes a reply."""
        self._endpoints.append(endpoint)

    def advance(self, request: Advance) -> None:
        """Let time pass; several requests are served in the order in which they came."""
        self._advances.append(request)

    def take_lag(self) -> Lag:
        """Tell how far this fell behind the wall clock, and begin to count anew."""
        reported, self._lag = self._lag, Lag()
        return reported

    def watch(self, source: int | socket.socket, readable: Callable[[], None]) -> None:
        """Call `readable` when a descriptor that is no client is readable or closed."""
        self._selector.register(source, selectors.EVENT_READ, _Source((-1, 0), readable, None))

    def forget(self, source: int | socket.socket) -> None:
        """No longer look at a descriptor."""
        with contextlib.suppress(KeyError):
            self._selector.unregister(source)

    def stop(self) -> None:
        """Leave `run` after the present turn."""
        self._stopped = True

    # The turn

    def run(self) -> None:
        """Serve until `stop`."""
        self._started_ns = time.perf_counter_ns() - self.kernel.now_ns
        turn = self._turn_real if self.real else self._turn_stepped
        while not self._stopped:
            turn()
        self.close()

    def close(self) -> None:
        """Hang up on every client and listen no more."""
        for selected in list(self._selector.get_map().values()):
            source: _Source = selected.data
            if source.connection:
                source.connection.close()
            else:
                self._selector.unregister(selected.fileobj)
        for listener in self._listeners:
            listener.close()
        self._selector.close()

    def _turn_stepped(self) -> None:
        """Take in everything, then do the one thing that is due, or wait for a client."""
        while not self._stopped and self._poll(0.0):
            pass
        owed = [due for endpoint in self._endpoints if (due := endpoint.busy()) is not None]
        if owed:
            self.kernel.run_until(max(min(owed), self.kernel.now_ns))
            self._flush()
        elif self._advances and self._has_arrived(self._advances[0]):
            request = self._advances.pop(0)
            woken = self._step(request)
            self._flush()  # everything is with the clients before the answer is
            request.done(woken)
            self._flush()
        elif not self._stopped:
            self._flush()
            self._poll(_LOOK_AGAIN_S if self._advances else None)

    def _has_arrived(self, request: Advance) -> bool:
        """Tell whether all that was sent before it is here; drop a request that waited too long."""
        missing = {
            link: count - self.kernel.taken.get(link, 0)
            for link, count in request.sent.items()
            if count > self.kernel.taken.get(link, 0)
        }
        if not missing:
            return True
        now_ns = time.perf_counter_ns()
        request.deadline_ns = request.deadline_ns or now_ns + _ARRIVAL_NS
        if now_ns > request.deadline_ns:
            self._advances.remove(request)
            request.failed(f"announced but not arrived within {_ARRIVAL_NS / 1e9:g} s: {missing}")
        return False

    def _step(self, request: Advance) -> bool:
        until_ns = max(request.until_ns, self.kernel.now_ns)
        if request.wake:
            return self.kernel.run_until_woken(until_ns, request.wake)
        self.kernel.run_until(until_ns)
        return False

    def _turn_real(self) -> None:
        """Catch up with the wall clock, answer what is done, sleep until something is due."""
        self._catch_up()
        self._flush()
        if self._owed_ns is not None:
            self._lag.note(self._wall_ns() - self._owed_ns)
            self._owed_ns = None
        due = self.kernel.next_due_ns()
        for request in self._advances:
            due = request.until_ns if due is None else min(due, request.until_ns)
        wait_s = _MAX_NAP_S
        if due is not None:
            wait_s = min(max(due - self._wall_ns(), 0) * 1e-9, _MAX_NAP_S)
        self._poll(wait_s)

    def _wall_ns(self) -> int:
        return time.perf_counter_ns() - self._started_ns

    def _catch_up(self) -> None:
        """Run up to the present, stopping on the way where a request wants to be woken."""
        now = max(self._wall_ns(), self.kernel.now_ns)
        due = self.kernel.next_due_ns()
        if self._owed_ns is None and due is not None and due <= now:
            self._owed_ns = due
        while links := {link for request in self._advances for link in request.wake}:
            before = dict(self.kernel.handed)
            if not self.kernel.run_until_woken(now, links):
                break
            fresh = {link for link in links if self.kernel.handed.get(link) != before.get(link)}
            self._answer(lambda request: not fresh.isdisjoint(request.wake), woken=True)  # noqa: B023
        self.kernel.run_until(now)
        self._answer(lambda request: request.until_ns <= now, woken=False)

    def _answer(self, ready: Callable[[Advance], bool], *, woken: bool) -> None:
        answered = [request for request in self._advances if ready(request)]
        if answered:
            self._flush()
        for request in answered:
            self._advances.remove(request)
            request.done(woken)

    # Sockets

    def _poll(self, timeout_s: float | None) -> bool:
        """Serve what is ready, in an order that no race decides; False if nothing was."""
        ready = self._selector.select(timeout_s)
        if self.real and ready:
            self._catch_up()  # it arrives now, not at the last event's time
        if len(ready) > 1:
            ready.sort(key=lambda entry: entry[0].data.key)
        progress = False
        for selected, mask in ready:
            source: _Source = selected.data
            if mask & selectors.EVENT_WRITE and source.connection:
                self._drain(source.connection)
            if mask & selectors.EVENT_READ:
                progress = True
                source.readable()
        return progress

    def _accept(self, listener: socket.socket, index: int, name: str) -> Connection | None:
        try:
            sock, _ = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):  # the client changed its mind
            return None
        sock.settimeout(0.0)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SOCKET_BUFFER)
        self._accepted += 1
        connection = Connection(self, sock, (index, self._accepted), name)
        data = _Source(connection.key, connection.receive, connection)
        self._selector.register(sock, selectors.EVENT_READ, data)
        return connection

    def _flush(self) -> None:
        """Hand over what is queued, client by client in the order of service."""
        for key in sorted(self.dirty):
            connection = self.dirty.pop(key)
            if connection.alive and not connection.flush() and connection.alive:
                self._listen_for(connection, selectors.EVENT_READ | selectors.EVENT_WRITE)

    def _drain(self, connection: Connection) -> None:
        if connection.alive and connection.flush() and connection.alive:
            self._listen_for(connection, selectors.EVENT_READ)

    def _listen_for(self, connection: Connection, events: int) -> None:
        data = _Source(connection.key, connection.receive, connection)
        self._selector.modify(connection.socket, events, data)
