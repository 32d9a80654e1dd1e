"""A CAN adapter behind socketcand's protocol, as python-can 4.6.1's client and others speak it.

After linux-can/socketcand, src/state_raw.c and doc/protocol.md: raw mode, one adapter, any number
of clients. Must not know frames' meaning. Each frame carries the adapter's own clock at its end of
frame, and a frame sent by one client is shown to all others once it has left the bus, as Linux's
loopback does. Bcmmode, controlmode and isotpmode are not offered. In stepped time what was handed
over (frames and error frames, once however many clients) and what arrived is booked in the kernel.

Joined messages
---------------
python-can's client reads the answer to `< rawmode >` with one `recv` and refuses anything but
exactly `< ok >`. TCP keeps no borders, so a frame that follows closely would be read together with
it, and opening fails once in a while. Waiting some milliseconds, as usual, only makes that rare.
Here the `< ok >` is followed by one byte of TCP urgent data: a `recv` never reads across the urgent
mark, and the urgent byte itself is not delivered (without SO_OOBINLINE, which such clients do not
set; those that do see a blank between messages). The border thus holds however late the client
reads. It is set once for each connection, since raw mode is entered once.
"""

from __future__ import annotations

import contextlib
import socket
import string
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from rig.virtual.can_bits import Frame
from rig.virtual.can_bus import BusError, NodeState

if TYPE_CHECKING:
    from rig.virtual.can_bus import CanBus
    from rig.virtual.clock import LocalClock
    from rig.virtual.loop import Connection, Loop

__all__ = ["SocketcandServer"]

# linux/can/error.h: classes in the identifier of an error frame; python-can shows no more of it.
CAN_ERR_CRTL: Final = 0x004
CAN_ERR_PROT: Final = 0x008
CAN_ERR_ACK: Final = 0x020
CAN_ERR_BUSOFF: Final = 0x040
CAN_ERR_BUSERROR: Final = 0x080
CAN_ERR_RESTARTED: Final = 0x100

QUEUE_FRAMES: Final = 1000  # txqueuelen of the interface: Linux sets 10, which no burst fits in
_LONGEST_COMMAND: Final = 200
_HEX: Final = frozenset(string.hexdigits)


class SocketcandServer:
    """The adapter and its TCP port.

    Parameters
    ----------
    loop : Loop
        Where to listen.
    bus : CanBus
        What the adapter is plugged into.
    clock : LocalClock
        The adapter's clock; its offset should hold an epoch, since real stamps are wall clock.
    channel : str
        The interface's name.
    port : int
        0 for any free one; `port` tells which it became.
    restart_ns : int, optional
        Linux's restart-ms: how long after a bus-off the adapter starts its recovery. Not given, it
        stays silent for ever, which is Linux's default.
    """

    def __init__(  # noqa: PLR0913  (an adapter's set-up, each by name)
        self,
        loop: Loop,
        bus: CanBus,
        clock: LocalClock,
        *,
        channel: str = "can0",
        port: int = 0,
        restart_ns: int | None = None,
    ) -> None:
        self.channel = channel
        self._restart_ns = restart_ns
        self._clients: list[_Client] = []  # those in raw mode
        self.plug_into(bus, clock)
        self.port = loop.listen(self._accept, port, name=f"socketcand {channel}")

    def plug_into(self, bus: CanBus, clock: LocalClock) -> None:
        """Be an adapter that was just switched on, on this bus; the clients stay connected."""
        self._kernel, self._clock = bus.kernel, clock
        self._was_bus_off = False
        # Senders of the frames in the node's queue, which is a FIFO.
        self._origins: deque[_Client] = deque()
        self.node = bus.attach(f"adapter {self.channel}", fifo=True)
        self.node.on_frame = self._received
        self.node.on_sent = self._sent
        self.node.on_error = self._saw_error
        self.node.on_state = self._changed_state

    def send(self, origin: _Client, frame: Frame) -> None:
        """Queue a client's frame.

        In bus-off, or with its queue full since nobody acknowledges, it drops it without a word.
        """
        if self.node.takes_part and self.node.pending < QUEUE_FRAMES:
            self._origins.append(origin)
            self.node.send(
                frame.can_id,
                frame.data,
                extended=frame.extended,
                remote=frame.remote,
                remote_dlc=frame.remote_dlc,
            )

    def count_arrival(self) -> None:
        """Book a frame as arrived: what the rig has sent, whatever becomes of it."""
        self._kernel.take("can")

    def plug(self, *, online: bool) -> None:
        """Plug the adapter into the bus or out; what was queued is lost, clients stay connected."""
        self._origins.clear()
        self.node.set_online(online=online)

    def join(self, client: _Client) -> None:
        """Show frames to `client` from now on."""
        if client not in self._clients:
            self._clients.append(client)

    def leave(self, client: _Client) -> None:
        """Show `client` no more; what it has queued still leaves."""
        if client in self._clients:
            self._clients.remove(client)

    def _accept(self, connection: Connection) -> None:
        _Client(self, connection)

    def _received(self, frame: Frame) -> None:
        # Remote frames stay back, as in the real server ("TODO" in its source).
        if self._clients and not frame.remote:
            self._show(self._frame_text(frame), None)

    def _sent(self, frame: Frame) -> None:
        origin = self._origins.popleft()
        audience = len(self._clients) - (origin in self._clients)
        if audience and not frame.remote:
            self._show(self._frame_text(frame), origin)

    def _saw_error(self, error: BusError) -> None:
        kind = CAN_ERR_ACK if error.kind == "ack" else CAN_ERR_PROT
        self._show_error(kind | CAN_ERR_BUSERROR)

    def _changed_state(self, state: NodeState) -> None:
        if state == "bus-off":
            self._origins.clear()
            self._was_bus_off = True
            self._show_error(CAN_ERR_BUSOFF)
            if self._restart_ns is not None:
                self._kernel.after(self._restart_ns, self.node.recover)
        elif self._was_bus_off:
            self._was_bus_off = False
            self._show_error(CAN_ERR_RESTARTED)
        else:
            self._show_error(CAN_ERR_CRTL)

    def _show_error(self, error_class: int) -> None:
        if self._clients:
            self._show(f"< error {error_class:03X} {self._stamp()} >".encode(), None)

    def _frame_text(self, frame: Frame) -> bytes:
        """Write a frame as state_raw.c does: no blanks between data, two before `>` without any."""
        can_id = f"{frame.can_id:08X}" if frame.extended else f"{frame.can_id:03X}"
        return f"< frame {can_id} {self._stamp()} {frame.data.hex().upper()} >".encode()

    def _stamp(self) -> str:
        seconds, micros = divmod(self._clock.now_ns() // 1_000, 1_000_000)
        return f"{seconds}.{micros:06d}"

    def _show(self, text: bytes, origin: _Client | None) -> None:
        for client in self._clients:
            if client is not origin:
                client.connection.send(text)
        self._kernel.wake("can")


class _Client:
    """One connection: splits commands, answers, and sends for its client."""

    def __init__(self, server: SocketcandServer, connection: Connection) -> None:
        self.connection = connection
        self._server = server
        self._buffer = b""
        self._is_open = False
        self._is_raw = False
        connection.on_data = self._take
        connection.on_close = lambda: server.leave(self)
        connection.send(b"< hi >")

    def _take(self, data: bytes) -> None:
        _acknowledge(self.connection.socket)
        *commands, rest = (self._buffer + data).split(b">")
        for command in commands:
            if self.connection.alive:
                self._obey(command.decode("ascii", "replace").strip())
        # What never ends is no command: the real server's buffer is as long.
        self._buffer = rest if len(rest) <= _LONGEST_COMMAND else b""

    def _obey(self, command: str) -> None:
        if not command.startswith("<"):
            return
        words = command[1:].split()
        verb = words[0] if words else ""
        act = self._verbs().get(verb)
        if act is None:
            self._say("error unknown command")
        else:
            act(words[1:])

    def _verbs(self) -> dict[str, Callable[[list[str]], None]]:
        """What may be said now; `echo` always may."""
        verbs: dict[str, Callable[[list[str]], None]] = {"echo": lambda _words: self._say("echo")}
        if self._is_raw:  # sendrtr is in the real one's document, not in its code
            verbs |= {"send": self._send, "sendrtr": self._send_remote}
        if self._is_open:
            verbs["rawmode"] = lambda _words: self._enter_raw()
        else:
            verbs["open"] = self._open
        return verbs

    def _open(self, words: list[str]) -> None:
        if words == [self._server.channel]:
            self._is_open = True
            self._say("ok")
        else:
            self._say("error could not open bus")
            self.connection.close()

    def _enter_raw(self) -> None:
        if self._is_raw:
            self._say("ok")
            return
        self._is_raw = True
        self._say("ok")
        if self.connection.flush() and self.connection.alive:
            _set_border(self.connection.socket)
        self._server.join(self)

    def _send(self, words: list[str]) -> None:
        """`send ID DLC BYTE...`; like the real server, ignore what is malformed."""
        self._server.count_arrival()
        if len(words) >= 2 and words[1].isdecimal() and len(words) == 2 + int(words[1]) <= 10:
            octets = words[2:]
            if all(len(octet) <= 2 and _is_hex(octet) for octet in octets):
                self._queue(words[0], bytes(int(octet, 16) for octet in octets), None)

    def _send_remote(self, words: list[str]) -> None:
        """`sendrtr ID DLC`."""
        self._server.count_arrival()
        if len(words) == 2 and words[1].isdecimal() and int(words[1]) <= 8:
            self._queue(words[0], b"", int(words[1]))

    def _queue(self, name: str, data: bytes, remote_dlc: int | None) -> None:
        extended = len(name) == 8  # as the real one: by the number of digits
        if _is_hex(name) and (can_id := int(name, 16)) < (1 << 29 if extended else 1 << 11):
            remote = remote_dlc is not None
            self._server.send(self, Frame(can_id, data, extended, remote, remote_dlc or 0))

    def _say(self, text: str) -> None:
        self.connection.send(f"< {text} >".encode())


def _is_hex(text: str) -> bool:
    return bool(text) and _HEX.issuperset(text)


def _acknowledge(sock: socket.socket) -> None:
    """Acknowledge now (real server: --quick-ack).

    python-can leaves Nagle's algorithm on unless told `tcp_tune`: its second frame would wait in
    the client for a delayed acknowledgement, up to 40 ms of wall time and, stepped, for ever.
    """
    if hasattr(socket, "TCP_QUICKACK"):
        with contextlib.suppress(OSError):  # not TCP, or gone
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


def _set_border(sock: socket.socket) -> None:
    """Put an urgent byte behind what was sent, so that no `recv` reads across it."""
    with contextlib.suppress(OSError):  # gone; or full, and then the client waits as it always did
        sock.send(b" ", socket.MSG_OOB)
