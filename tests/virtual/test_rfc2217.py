"""pyserial's own client and plain sockets against the console; the UART against arithmetic."""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from itertools import pairwise
from typing import Any

import pytest
import serial
from hypothesis import given
from hypothesis import strategies as st

from rig.virtual.kernel import Kernel
from rig.virtual.loop import Advance, Loop
from rig.virtual.rfc2217 import ConsoleServer, TelnetParser
from rig.virtual.uart import EN_RISE_NS, AutoReset, Uart, heard_at

# pyserial 3.5 still calls Thread.setDaemon and setName.
pytestmark = pytest.mark.filterwarnings(
    "ignore:set(Daemon|Name).* is deprecated:DeprecationWarning"
)

MS = 1_000_000
IAC, SB, SE, WILL, WONT, DO, DONT = b"\xff", b"\xfa", b"\xf0", b"\xfb", b"\xfc", b"\xfd", b"\xfe"


class ServedUart:
    """A UART and its server, served by a loop in a thread of its own."""

    def __init__(self) -> None:
        self.kernel = Kernel()
        self.loop = Loop(self.kernel)
        self.uart = Uart(self.kernel)
        self.received: list[tuple[int, bytes]] = []
        self.uart.on_receive = lambda data: self.received.append((self.kernel.now_ns, data))
        self.server = ConsoleServer(self.loop, self.kernel, self.uart)
        self.levels: list[tuple[str, bool]] = []
        self.server.auto_reset.on_reset = lambda low: self.levels.append(("EN low", low))
        self.server.auto_reset.on_boot_strap = lambda high: self.levels.append(("IO0", high))
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
        """Let virtual time pass as the control port would, once `sent` bytes have arrived."""
        answers: queue.SimpleQueue[bool | str] = queue.SimpleQueue()
        links = ("console",) if wake else ()
        request = Advance(until_ns, answers.put, answers.put, wake=links, sent={"console": sent})
        self.do(lambda: self.loop.advance(request))
        woken = answers.get(timeout=10)
        assert isinstance(woken, bool)
        return woken

    def close(self) -> None:
        self.do(self.loop.stop)
        self._thread.join(10)
        self._wake.close()
        self._woken.close()

    def serial(self, **options: Any) -> serial.SerialBase:
        url = f"rfc2217://127.0.0.1:{self.server.port}"
        return serial.serial_for_url(url, baudrate=115_200, timeout=5, **options)

    def socket(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.server.port), timeout=10)


@pytest.fixture
def console() -> Iterator[ServedUart]:
    with closing(ServedUart()) as running:
        yield running


@pytest.fixture
def clients() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def option(command: int, value: bytes) -> bytes:
    return IAC + SB + bytes((44, command)) + value.replace(IAC, IAC + IAC) + IAC + SE


def answer_to(sock: socket.socket, said: bytes, answer: bytes) -> bytes:
    sock.sendall(said)
    data = b""
    while len(data) < len(answer):
        data += sock.recv(len(answer) - len(data))
    return data


def test_pyserial_opens_reads_writes_and_drives_the_lines_without_time_passing(
    console: ServedUart, clients: ExitStack
) -> None:
    port = console.serial()
    clients.callback(port.close)
    console.do(lambda: console.uart.write(b"I (12) bms: ready \xff\n"))
    port.write(b"status\xff\n")
    assert console.kernel.now_ns == 0

    woken = console.advance(100 * MS, wake=True, sent=8)

    # 20 bytes towards the client, 8 towards the controller, 10 bits each at 115200 baud.
    assert woken
    assert console.kernel.now_ns == 20 * 10 * 10**9 // 115_200
    assert port.read(20) == b"I (12) bms: ready \xff\n"
    assert console.received == [(8 * 10 * 10**9 // 115_200, b"status\xff\n")]
    assert console.kernel.handed["console"] == 20
    assert (port.cts, port.dsr, port.cd, port.ri) == (True, True, False, False)


def test_pyserial_resets_the_controller_and_asks_for_the_download_mode(
    console: ServedUart, clients: ExitStack
) -> None:
    port = console.serial()
    clients.callback(port.close)
    assert console.server.auto_reset.dtr
    assert console.server.auto_reset.rts
    console.levels.clear()

    port.dtr = False  # esptool's classic reset
    port.rts = True
    port.dtr = True
    port.rts = False
    console.advance(EN_RISE_NS)
    port.dtr = False

    assert console.levels == [("EN low", True), ("IO0", False), ("EN low", False), ("IO0", True)]


def test_the_last_client_to_leave_releases_the_lines(console: ServedUart) -> None:
    with console.socket() as first:
        with console.socket() as second:
            dtr_on = option(5, b"\x08")
            assert answer_to(second, dtr_on, option(105, b"\x08")) == option(105, b"\x08")
        assert answer_to(first, option(5, b"\x07"), option(105, b"\x08")) == option(105, b"\x08")
    console.advance(MS)  # takes in the hang-up
    with console.socket() as third:
        assert answer_to(third, option(5, b"\x07"), option(105, b"\x09")) == option(105, b"\x09")

    assert console.levels == [("IO0", False), ("IO0", True)]


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        pytest.param(IAC + DO + b"\x2c", IAC + WILL + b"\x2c" + option(107, b"\x30"), id="port"),
        pytest.param(IAC + DO + b"\x01" + IAC + DO + b"\x01", IAC + WILL + b"\x01", id="told once"),
        pytest.param(IAC + WILL + b"\x00", IAC + DO + b"\x00", id="binary"),
        pytest.param(IAC + WILL + b"\x18", IAC + DONT + b"\x18", id="terminal type is refused"),
        pytest.param(IAC + DO + b"\x05", IAC + WONT + b"\x05", id="status is refused"),
        pytest.param(IAC + DONT + b"\x01" + option(7, b""), option(107, b"\x30"), id="never was"),
        pytest.param(option(1, bytes(4)), option(101, (115200).to_bytes(4, "big")), id="baud?"),
        pytest.param(option(1, b"\0\0\xff\xff"), option(101, b"\0\0\xff\xff"), id="baud with IAC"),
        pytest.param(option(2, b"\x00"), option(102, b"\x08"), id="data size?"),
        pytest.param(option(3, b"\x03"), option(103, b"\x03"), id="even parity"),
        pytest.param(option(4, b"\x00"), option(104, b"\x01"), id="stop size?"),
        pytest.param(option(5, b"\x00"), option(105, b"\x01"), id="flow control?"),
        pytest.param(option(5, b"\x04"), option(105, b"\x06"), id="break?"),
        pytest.param(option(5, b"\x07"), option(105, b"\x09"), id="DTR?"),
        pytest.param(option(5, b"\x0a"), option(105, b"\x0c"), id="RTS?"),
        pytest.param(option(5, b"\x03"), option(105, b"\x03"), id="hardware flow control"),
        pytest.param(option(6, b""), option(106, b"\x60"), id="line state"),
        pytest.param(option(10, b"\xff"), option(110, b"\xff"), id="line state mask"),
        pytest.param(option(11, b"\x0f"), option(111, b"\x0f"), id="modem state mask"),
        pytest.param(option(12, b"\x03"), option(112, b"\x03"), id="purge"),
        pytest.param(option(0, b""), option(100, b"BMS rig virtual console"), id="signature"),
        pytest.param(option(99, b"") + option(1, b"\x01") + IAC + SB + IAC + SE + IAC + b"\xf6",
                     b"\r\n[yes]\r\n", id="nonsense, then: are you there"),
    ],
)  # fmt: skip
def test_every_negotiation_is_answered_at_once(
    console: ServedUart, asked: bytes, answer: bytes
) -> None:
    with console.socket() as sock:
        assert answer_to(sock, asked, answer) == answer

    assert console.kernel.now_ns == 0


def test_a_plain_client_sees_text_and_nothing_else(console: ServedUart) -> None:
    with console.socket() as sock:
        sock.sendall(b"status\r\0\n")
        console.advance(MS, sent=8)
        console.do(lambda: console.uart.write(b"I (1) bms: ready\r\n"))
        console.advance(10 * MS)

        assert sock.recv(100) == b"I (1) bms: ready\r\n"
    assert console.received == [
        (8 * 10**10 // 115_200, b"status\r\n"),
    ]


def test_a_client_that_negotiated_sends_zeros_as_they_are(console: ServedUart) -> None:
    agreed = IAC + DO + b"\x2c" + option(107, b"\x30")
    with console.socket() as sock:
        answer_to(sock, IAC + WILL + b"\x2c", agreed)

        sock.sendall(b"\r\0\r\0")
        console.advance(MS, sent=4)

    assert b"".join(data for _, data in console.received) == b"\r\0\r\0"


def test_all_clients_see_the_console(console: ServedUart) -> None:
    with console.socket() as first, console.socket() as second:
        for sock in (first, second):
            answer_to(sock, option(0, b""), option(100, b"BMS rig virtual console"))
        console.do(lambda: console.uart.write(b"a\n"))
        console.advance(MS)

        assert (first.recv(9), second.recv(9)) == (b"a\n", b"a\n")
    assert console.kernel.handed["console"] == 2  # once, however many look


def test_a_suspended_client_gets_everything_later(console: ServedUart) -> None:
    with console.socket() as sock:
        answer_to(sock, option(8, b"") + option(12, b"\x02"), option(112, b"\x02"))
        console.do(lambda: console.uart.write(b"held\n"))
        console.advance(MS)

        assert answer_to(
            sock, option(6, b"") + option(9, b""), option(106, b"\x60") + b"held\n"
        ) == (option(106, b"\x60") + b"held\n")


def test_a_purge_loses_what_the_controller_has_not_received(console: ServedUart) -> None:
    with console.socket() as sock:
        sock.sendall(b"test hang\n")
        answer_to(sock, option(12, b"\x02"), option(112, b"\x02"))
        console.advance(MS)

    assert console.received == []


def test_the_other_baud_rate_gives_garbage_not_silence(console: ServedUart) -> None:
    rate = (9_600).to_bytes(4, "big")
    with console.socket() as sock:
        answer_to(sock, option(1, rate), option(101, rate))
        console.do(lambda: console.uart.write(b"I (1) bms: state=NORMAL v=3.301,3.301\n" * 4))
        console.advance(100 * MS)

        garbage = sock.recv(1000)

    assert garbage
    assert b"bms" not in garbage


# The UART alone


def test_each_line_leaves_when_its_last_byte_has() -> None:
    kernel = Kernel()
    uart = Uart(kernel, 115_200)
    seen: list[tuple[int, bytes]] = []
    uart.on_transmit = lambda data: seen.append((kernel.now_ns, data))

    uart.write(b"one\nthree\nrest")
    kernel.run_until(MS)
    uart.write(b"!\n")
    kernel.run_until(10 * MS)

    byte_ns = 10**10 / 115_200
    assert [data for _, data in seen] == [b"one\n", b"three\n", b"rest", b"!\n"]
    # The line was busy until byte 14 (1.215 ms): what came at 1 ms queues behind it.
    for (at_ns, _), end in zip(seen, (4, 10, 14, 16), strict=True):
        assert at_ns == pytest.approx(end * byte_ns, abs=4)


def test_a_reset_loses_what_was_still_in_the_fifo() -> None:
    kernel = Kernel()
    uart = Uart(kernel, 115_200)
    seen: list[bytes] = []
    uart.on_transmit = seen.append
    uart.write(b"one\nthree\n")
    kernel.run_until(500_000)

    uart.reset()
    uart.write(b"ets\n")
    kernel.run_until(10 * MS)

    assert seen == [b"one\n", b"ets\n"]


@given(st.lists(st.binary(max_size=600), max_size=5))
def test_no_byte_is_lost_and_none_comes_early(writes: list[bytes]) -> None:
    kernel = Kernel()
    uart = Uart(kernel, 1_000_000)  # 10 us a byte
    seen: list[tuple[int, bytes]] = []
    uart.on_transmit = lambda data: seen.append((kernel.now_ns, data))

    for data in writes:
        uart.write(data)
    kernel.run_until(10**10)

    assert b"".join(data for _, data in seen) == b"".join(writes)
    count = 0
    for at_ns, data in seen:
        count += len(data)
        assert at_ns == count * 10_000


@given(st.binary(max_size=40))
def test_equal_rates_read_every_byte_and_a_few_percent_do_not_matter(data: bytes) -> None:
    assert heard_at(data, 115_200, 115_200) == heard_at(data, 115_200, 118_000) == data


@pytest.mark.parametrize(
    ("sent", "sent_baud", "heard_baud", "heard"),
    [
        # Low for 9 slow bits are 18 fast ones: no stop bit in sight; then the line is idle.
        pytest.param(b"\x00", 9_600, 19_200, b"", id="framing error"),
        # Start bit twice as long: 0 0, then eight ones cut to seven.
        pytest.param(b"\xff", 9_600, 19_200, b"\xfe", id="twice as fast"),
        # 0 1 0 1 0 1 0 1 0 1, each doubled: no stop bit at first, then from the seventh on
        # start 0, bits 0 1 1 0 0 1 1 1, stop 1.
        pytest.param(b"\x55", 9_600, 19_200, b"\xe6", id="alternating"),
        # 0 1 1 1 1 0 0 0 0 1: the start bit is over before its middle; from the sixth on
        # start 0, one more 0, and idle.
        pytest.param(b"\x0f", 19_200, 9_600, b"\xfe", id="half as fast"),
    ],
)
def test_a_wrong_rate_reads_what_a_receiver_would(
    sent: bytes, sent_baud: int, heard_baud: int, heard: bytes
) -> None:
    assert heard_at(sent, sent_baud, heard_baud) == heard


# The auto-reset circuit alone


def an_auto_reset() -> tuple[Kernel, AutoReset, list[tuple[int, str, bool]]]:
    kernel = Kernel()
    circuit = AutoReset(kernel, rise_ns=10 * MS)
    seen: list[tuple[int, str, bool]] = []
    circuit.on_reset = lambda low: seen.append((kernel.now_ns, "EN low", low))
    circuit.on_boot_strap = lambda high: seen.append((kernel.now_ns, "IO0", high))
    return kernel, circuit, seen


def test_both_lines_together_do_nothing() -> None:
    kernel, circuit, seen = an_auto_reset()

    circuit.set_lines(dtr=True, rts=True)
    kernel.run_until(100 * MS)
    circuit.set_lines(dtr=False, rts=False)
    kernel.run_until(200 * MS)

    assert seen == []


def test_en_rises_late_and_not_at_all_if_pulled_again() -> None:
    kernel, circuit, seen = an_auto_reset()
    circuit.set_lines(dtr=False, rts=True)
    kernel.run_until(MS)

    circuit.set_lines(dtr=False, rts=False)
    kernel.run_until(6 * MS)
    circuit.set_lines(dtr=False, rts=True)
    kernel.run_until(50 * MS)
    circuit.set_lines(dtr=False, rts=False)
    kernel.run_until(100 * MS)

    assert seen == [(0, "EN low", True), (60 * MS, "EN low", False)]


# The telnet stream alone


def parsed(pieces: list[bytes]) -> list[tuple[str, Any]]:
    """Everything the parser tells, neighbouring data joined."""
    reported: list[tuple[str, Any]] = []

    def data(piece: bytes) -> None:
        if reported and reported[-1][0] == "data":
            reported[-1] = ("data", reported[-1][1] + piece)
        elif piece:
            reported.append(("data", piece))

    parser = TelnetParser(
        on_data=data,
        on_option=lambda verb, number: reported.append(("option", (verb, number))),
        on_subnegotiation=lambda content: reported.append(("subnegotiation", content)),
        on_command=lambda command: reported.append(("command", command)),
    )
    for piece in pieces:
        parser.feed(piece)
    return reported


items = st.one_of(
    st.tuples(st.just("data"), st.binary(min_size=1)),
    st.tuples(st.just("option"), st.tuples(st.integers(251, 254), st.integers(0, 255))),
    st.tuples(st.just("subnegotiation"), st.binary(min_size=1)),
    st.tuples(st.just("command"), st.integers(241, 249)),
)


def written(item: tuple[str, Any]) -> bytes:
    kind, value = item
    if kind == "data":
        return bytes(value).replace(IAC, IAC + IAC)
    if kind == "option":
        return IAC + bytes(value)
    if kind == "subnegotiation":
        return IAC + SB + bytes(value).replace(IAC, IAC + IAC) + IAC + SE
    return IAC + bytes((value,))


@given(st.lists(items, max_size=8), st.lists(st.integers(0, 200), max_size=6))
def test_what_is_written_is_read_back_however_tcp_cuts_it(
    said: list[tuple[str, Any]], cuts: list[int]
) -> None:
    stream = b"".join(map(written, said))
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]

    reported = parsed([stream[start:end] for start, end in pairwise(edges)])

    merged: list[tuple[str, Any]] = []
    for kind, value in said:
        if kind == "data" and merged and merged[-1][0] == "data":
            merged[-1] = ("data", merged[-1][1] + value)
        else:
            merged.append((kind, value))
    assert reported == merged


@given(st.lists(st.binary(), max_size=5))
def test_no_stream_upsets_the_parser(pieces: list[bytes]) -> None:
    parsed(pieces)
