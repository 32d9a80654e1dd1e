"""python-can's own client, and plain sockets, against the adapter."""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from itertools import pairwise
from typing import Any

import can
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rig.virtual.can_bits import Frame
from rig.virtual.can_bus import CanBus
from rig.virtual.clock import LocalClock
from rig.virtual.kernel import Kernel
from rig.virtual.loop import Advance, Loop
from rig.virtual.socketcand import SocketcandServer

MS = 1_000_000
EPOCH_NS = 1_767_225_600 * 1_000_000_000  # 2026-01-01
EIGHT = bytes.fromhex("1122334455667788")


class Adapter:
    """A bus with a BMS's node and the adapter, served by a loop in a thread of its own."""

    def __init__(self, clock: LocalClock | None = None) -> None:
        self.kernel = Kernel()
        self.loop = Loop(self.kernel)
        self.bus = CanBus(self.kernel)
        self.bms = self.bus.attach("bms")
        self.heard: list[Frame] = []
        self.bms.on_frame = self.heard.append
        self.server = SocketcandServer(
            self.loop, self.bus, clock or LocalClock(self.kernel, EPOCH_NS), restart_ns=5 * MS
        )
        self._calls: queue.SimpleQueue[Callable[[], object]] = queue.SimpleQueue()
        self._wake, self._woken = socket.socketpair()
        self.loop.watch(self._woken, self._call)
        self._thread = threading.Thread(target=self.loop.run)
        self._thread.start()

    def _call(self) -> None:
        self._woken.recv(1)
        for _ in range(2):
            self._calls.get()()

    def do(self, act: Callable[[], object]) -> None:
        """Have the loop's thread call `act`, and wait until it has."""
        done = threading.Event()
        self._calls.put(act)
        self._calls.put(done.set)
        self._wake.send(b"x")
        assert done.wait(10)

    def advance(self, until_ns: int, *, wake: bool = False, sent: int = 0) -> bool:
        """Let virtual time pass as the control port would, once `sent` frames have arrived."""
        answers: queue.SimpleQueue[bool | str] = queue.SimpleQueue()
        links = ("can",) if wake else ()
        request = Advance(
            until_ns, done=answers.put, failed=answers.put, wake=links, sent={"can": sent}
        )
        self.do(lambda: self.loop.advance(request))
        woken = answers.get(timeout=10)
        assert isinstance(woken, bool)
        return woken

    def close(self) -> None:
        self.do(self.loop.stop)
        self._thread.join(10)
        self._wake.close()
        self._woken.close()

    def client(self) -> can.BusABC:
        return can.Bus(
            interface="socketcand", host="127.0.0.1", port=self.server.port, channel="can0"
        )

    def socket(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.server.port), timeout=10)


@pytest.fixture
def adapter() -> Iterator[Adapter]:
    with closing(Adapter()) as running:
        yield running


@pytest.fixture
def clients() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def opened(adapter: Adapter, clients: ExitStack) -> can.BusABC:
    client = adapter.client()
    clients.callback(client.shutdown)
    return client


def read_until(sock: socket.socket, ending: bytes) -> bytes:
    data = b""
    while not data.endswith(ending):
        data += sock.recv(1)
    return data


def raw(adapter: Adapter, clients: ExitStack) -> socket.socket:
    sock = clients.enter_context(adapter.socket())
    sock.sendall(b"< open can0 >< rawmode >")
    assert read_until(sock, b"< ok >< ok >") == b"< hi >< ok >< ok >"
    return sock


def test_a_frame_of_the_bms_arrives_with_the_adapters_stamp(
    adapter: Adapter, clients: ExitStack
) -> None:
    client = opened(adapter, clients)

    adapter.do(lambda: adapter.bms.send(0x123, EIGHT))
    woken = adapter.advance(10 * MS, wake=True)
    message = client.recv(5)

    assert woken
    assert adapter.kernel.now_ns == 218_000
    assert message is not None
    assert (message.arbitration_id, bytes(message.data)) == (0x123, EIGHT)
    assert message.timestamp == pytest.approx(EPOCH_NS / 1e9 + 218e-6, abs=0.5e-6)
    assert (message.is_extended_id, message.is_rx, message.channel) == (False, True, "can0")


def test_the_stamp_is_the_drifting_clock_cut_to_microseconds(clients: ExitStack) -> None:
    kernel_free = Kernel()
    running = Adapter(LocalClock(kernel_free, EPOCH_NS + 123_456_789))
    clients.callback(running.close)
    sock = raw(running, clients)

    running.do(lambda: running.bms.send(0x123, b"\xab"))
    running.advance(MS)

    assert read_until(sock, b">") == b"< frame 123 1767225600.123456 AB >"


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(Frame(0x100, b""), id="no data"),
        pytest.param(Frame(0x7FF, b"\x00\x0a\xff"), id="three bytes"),
        pytest.param(Frame(0x18FF50E5, EIGHT, extended=True), id="extended"),
        pytest.param(Frame(0x12, b"\x01", extended=True), id="extended with a small identifier"),
    ],
)
def test_a_frame_survives_both_directions(
    adapter: Adapter, clients: ExitStack, sent: Frame
) -> None:
    client = opened(adapter, clients)

    message = can.Message(
        arbitration_id=sent.can_id, data=sent.data, is_extended_id=sent.extended, check=True
    )
    client.send(message)
    adapter.advance(10 * MS)
    adapter.do(lambda: adapter.bms.send(sent.can_id, sent.data, extended=sent.extended))
    adapter.advance(20 * MS)
    received = client.recv(5)

    assert adapter.heard == [sent]
    assert received is not None
    assert received.equals(
        message, timestamp_delta=None, check_direction=False, check_channel=False
    )


def test_the_other_clients_see_a_frame_when_it_has_left_and_its_sender_does_not(
    adapter: Adapter, clients: ExitStack
) -> None:
    sender, other = opened(adapter, clients), raw(adapter, clients)

    sender.send(can.Message(arbitration_id=0x123, data=EIGHT, is_extended_id=False))
    adapter.advance(10 * MS)
    adapter.do(lambda: adapter.bms.send(0x200))
    adapter.advance(20 * MS)

    assert read_until(other, b">") == b"< frame 123 1767225600.000218 1122334455667788 >"
    first = sender.recv(5)
    assert first is not None
    assert first.arbitration_id == 0x200


def test_frames_of_two_clients_are_never_shown_to_their_own_sender(
    adapter: Adapter, clients: ExitStack
) -> None:
    a, b = opened(adapter, clients), opened(adapter, clients)

    for number in range(10):
        a.send(can.Message(arbitration_id=0x100 + number, is_extended_id=False))
        b.send(can.Message(arbitration_id=0x200 + number, is_extended_id=False))
    adapter.advance(100 * MS, sent=20)

    seen_by_a = [message.arbitration_id for _ in range(10) if (message := a.recv(5))]
    seen_by_b = [message.arbitration_id for _ in range(10) if (message := b.recv(5))]
    assert seen_by_a == [0x200 + number for number in range(10)]
    assert seen_by_b == [0x100 + number for number in range(10)]
    assert a.recv(0) is b.recv(0) is None


def test_ok_and_the_frames_behind_it_are_never_read_together(
    adapter: Adapter, clients: ExitStack
) -> None:
    sock = clients.enter_context(adapter.socket())
    assert sock.recv(256) == b"< hi >"
    sock.sendall(b"< open can0 >")
    assert sock.recv(256) == b"< ok >"

    # The worst case: the client sleeps while its `< ok >` and many frames pile up.
    sock.sendall(b"< rawmode >")
    adapter.do(lambda: [adapter.bms.send(0x100 + n) for n in range(50)])
    adapter.advance(100 * MS)

    assert sock.recv(256) == b"< ok >"
    assert sock.recv(256).startswith(b"< frame 100 ")


def test_python_can_opens_on_a_busy_bus(adapter: Adapter, clients: ExitStack) -> None:
    stop = threading.Event()

    def chatter() -> None:
        until_ns = 0
        while not stop.is_set():
            until_ns += MS
            adapter.do(lambda: adapter.bms.send(0x100, EIGHT))
            adapter.advance(until_ns)

    thread = threading.Thread(target=chatter)
    thread.start()
    try:
        for _ in range(20):
            opened(adapter, clients)
    finally:
        stop.set()
        thread.join(10)


def test_error_frames_are_shown_by_class(adapter: Adapter, clients: ExitStack) -> None:
    client = opened(adapter, clients)

    adapter.do(lambda: adapter.bus.fault("bit errors", MS, victim="bms"))
    adapter.do(lambda: adapter.bms.send(0x123))
    adapter.advance(2 * MS)

    message = client.recv(5)
    assert message is not None
    assert (message.is_error_frame, message.arbitration_id) == (True, 0x088)
    # 20 bits to the disturbed one, two flags, delimiter: 40 bits of 2 us.
    assert message.timestamp == pytest.approx(EPOCH_NS / 1e9 + 80e-6, abs=0.5e-6)


def test_an_adapter_in_bus_off_says_so_drops_frames_and_restarts(
    adapter: Adapter, clients: ExitStack
) -> None:
    client, other = raw(adapter, clients), raw(adapter, clients)
    adapter.do(lambda: adapter.bus.fault("short", 50 * MS))

    client.sendall(b"< send 123 0 >")
    adapter.advance(3 * MS)
    client.sendall(b"< send 124 0 >")
    adapter.advance(100 * MS)
    client.sendall(b"< send 125 0 >")
    adapter.advance(110 * MS)

    said = read_until(other, b"  >").decode()
    classes = [part.split()[0] for part in said.split("< error ")[1:]]
    assert classes.count("088") == 32
    assert [c for c in classes if c != "088"] == ["004", "004", "040", "100"]
    assert [frame.can_id for frame in adapter.heard] == [0x125]


def test_unplugging_loses_the_queue_and_keeps_the_order_of_senders(
    adapter: Adapter, clients: ExitStack
) -> None:
    a, b = raw(adapter, clients), raw(adapter, clients)
    a.sendall(b"< send 101 0 >")
    adapter.do(lambda: adapter.server.plug(online=False))
    adapter.do(lambda: adapter.server.plug(online=True))

    b.sendall(b"< send 102 0 >")
    adapter.advance(MS)

    assert read_until(a, b">").startswith(b"< frame 102 ")


def test_a_client_may_leave_while_its_frame_waits(adapter: Adapter, clients: ExitStack) -> None:
    other = raw(adapter, clients)
    with adapter.socket() as leaving:
        leaving.sendall(b"< open can0 >< rawmode >< send 123 1 1 >< echo >")
        read_until(leaving, b"< echo >")

    adapter.advance(MS)

    assert read_until(other, b">").startswith(b"< frame 123 ")


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        pytest.param(b"< echo >", b"< echo >", id="echo"),
        pytest.param(b"< open can7 >", b"< error could not open bus >", id="another interface"),
        pytest.param(b"< send 123 0 >", b"< error unknown command >", id="not in raw mode yet"),
        pytest.param(b"< rawmode >", b"< error unknown command >", id="not open yet"),
        pytest.param(b"<>< echo >", b"< error unknown command >< echo >", id="empty"),
        pytest.param(b"noise< echo >", b"", id="noise before a command"),
    ],
)
def test_the_server_answers_as_the_real_one(
    adapter: Adapter, clients: ExitStack, said: bytes, answer: bytes
) -> None:
    sock = clients.enter_context(adapter.socket())
    read_until(sock, b"< hi >")

    sock.sendall(said + b"< echo >" * (not answer))

    assert read_until(sock, answer or b"< echo >") == (answer or b"< echo >")


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(b"< send 123 2 1 >", id="a byte missing"),
        pytest.param(b"< send 123 1 1 2 >", id="a byte too many"),
        pytest.param(b"< send 123 9 1 2 3 4 5 6 7 8 9 >", id="nine bytes"),
        pytest.param(b"< send 800 0 >", id="identifier too large"),
        pytest.param(b"< send xyz 0 >", id="no identifier"),
        pytest.param(b"< send 123 1 100 >", id="no byte"),
        pytest.param(b"< send >", id="nothing"),
    ],
)
def test_a_malformed_send_is_ignored(adapter: Adapter, clients: ExitStack, command: bytes) -> None:
    sock = raw(adapter, clients)

    sock.sendall(command + b"< send 124 1 7 >< echo >")
    read_until(sock, b"< echo >")
    adapter.advance(MS)

    assert adapter.heard == [Frame(0x124, b"\x07")]


def test_remote_frames_are_sent_and_like_behind_the_real_server_not_shown(
    adapter: Adapter, clients: ExitStack
) -> None:
    sock = raw(adapter, clients)

    sock.sendall(b"< sendrtr 123 4 >")
    adapter.advance(MS)
    adapter.do(lambda: adapter.bms.send(0x124, remote=True, remote_dlc=2))
    adapter.advance(2 * MS)

    assert adapter.heard == [Frame(0x123, b"", remote=True, remote_dlc=4)]
    adapter.do(lambda: adapter.bms.send(0x125))
    adapter.advance(3 * MS)
    assert read_until(sock, b">").startswith(b"< frame 125 ")


class Wire:
    """Stands for a connection: hypothesis would wait long for a thousand real ones."""

    def __init__(self) -> None:
        self.alive = True
        self.said = b""
        self.on_data: Callable[[bytes], None] = lambda _data: None
        self.on_close: Callable[[], None] = lambda: None
        self.socket, self.peer = socket.socketpair()

    def send(self, data: bytes) -> None:
        self.said += data

    def flush(self) -> bool:
        return True

    def close(self) -> None:
        self.alive = False


class Port:
    """Stands for the loop."""

    def __init__(self) -> None:
        self.accept: Callable[[Any], None] = lambda _wire: None

    def listen(self, accepted: Callable[[Any], None], port: int = 0, *, name: str = "") -> int:
        del name
        self.accept = accepted
        return port


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.binary(max_size=12), max_size=8), st.data())
def test_commands_mean_the_same_however_tcp_cuts_them(
    noise: list[bytes], data: st.DataObject
) -> None:
    said = b"< open can0 >< rawmode >" + b">".join(noise) + b">< send 123 2 1 F1 >"
    cuts = data.draw(st.lists(st.integers(0, len(said)), max_size=6).map(sorted))
    answers = []
    for borders in ([], cuts):
        kernel, port, wire = Kernel(), Port(), Wire()
        bus = CanBus(kernel)
        heard: list[Frame] = []
        bus.attach("bms").on_frame = heard.append
        SocketcandServer(port, bus, LocalClock(kernel))  # type: ignore[arg-type]
        port.accept(wire)

        edges = [0, *borders, len(said)]
        for start, end in pairwise(edges):
            wire.on_data(said[start:end])
        kernel.run_until(MS)

        answers.append((wire.said, heard))
        wire.socket.close()
        wire.peer.close()
    assert answers[0] == answers[1]
    assert Frame(0x123, b"\x01\xf1") in answers[0][1]
