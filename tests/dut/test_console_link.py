"""The console link against the virtual bench's RFC 2217 server: stamps, bytes, reset, its end."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.clock import WallClock
from rig.dut.console_link import ConsoleLink
from rig.errors import BenchError
from tests.links import LATENCY_S, Links, connected

BYTE_NS = 10 * 1_000_000_000 // 115200
READY = "bms: ready"


def _texts(links: Links) -> list[str]:
    return [line.text for line in links.console.lines()]


def test_a_start_is_heard_from_its_first_line_to_ready(links: Links) -> None:
    links.restart()
    links.pass_s(2.0)

    texts = _texts(links)
    assert any("rst:0x1 (POWERON_RESET)" in text for text in texts)
    assert any(READY in text for text in texts)
    assert not any("\r" in text or "\n" in text for text in texts)


@pytest.mark.parametrize("listens", [True, False], ids=["listening", "looking afterwards"])
def test_a_line_is_stamped_late_by_no_more_than_it_says(links: Links, *, listens: bool) -> None:
    links.restart()
    links.console.poll()
    if listens:
        links.pass_s(1.2)
    else:
        links.clock.sleep_until(links.clock.now_ns() + 1_200_000_000)
        links.console.poll()

    line = next(line for line in links.console.lines() if READY in line.text)
    said = [e for e in links.bench.truth(do="events") if e["name"] == "ready"][-1]
    ended_ns = said["t_ns"] + (len(line.text) + 2) * BYTE_NS
    assert line.time_ns - line.late_ns <= ended_ns + BYTE_NS
    assert ended_ns - BYTE_NS <= line.time_ns
    if listens:
        assert line.late_ns == round(LATENCY_S * 1e9)


def test_no_byte_is_lost_in_a_minute(links: Links) -> None:
    links.pass_s(60.0)

    stamps_ms = [
        int(match[1])
        for text in _texts(links)
        if (
            match := re.fullmatch(
                r"I \((\d+)\) bms: state=\w+ v=[^ ]+ i=[^ ]+ t=[^ ]+ soc=.*", text
            )
        )
    ]
    assert len(stamps_ms) in (59, 60)
    assert {b - a for a, b in pairwise(stamps_ms)} <= {999, 1000, 1001}


def test_what_is_typed_is_answered(links: Links) -> None:
    links.console.type("version")
    links.pass_s(0.1)
    links.console.type("open the pod bay doors")
    links.pass_s(0.1)

    texts = _texts(links)
    assert texts.index("esp32-4s 1.0.0") < texts.index("ERR unknown command")


def test_begin_forgets_lines_but_not_half_a_line(links: Links) -> None:
    links.console.type("version")
    links.clock.sleep_until(links.clock.now_ns() + 9 * BYTE_NS)
    links.console.begin()
    links.pass_s(0.1)

    assert "esp32-4s 1.0.0" in _texts(links)


def test_a_reset_by_rts_starts_it_again(links: Links) -> None:
    links.console.reset()
    links.pass_s(1.5)

    texts = _texts(links)
    assert any("POWERON_RESET" in t or "RESET" in t for t in texts)
    assert any(READY in text for text in texts)


def test_the_end_tells_how_much_was_heard(links: Links) -> None:
    links.pass_s(3.0)

    lines, link = links.console.end()

    assert link.alive
    assert (link.received, link.dropped) == (len(lines), 0)
    assert 2 <= len(lines) <= 4


def test_nobody_there_is_an_error_of_the_bench() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"rfc2217://127.0.0.1:{server.getsockname()[1]}"

    with pytest.raises(BenchError, match="it can't be opened"):
        ConsoleLink(WallClock(), url, 115200, LATENCY_S)


def test_a_far_end_that_goes_is_noticed_though_it_said_nothing() -> None:
    with connected() as links:
        links.console.close()  # a server may take one client only
        console = ConsoleLink(WallClock(), links.bench.addresses["console"], 115200, LATENCY_S)
        links.bench.end()
        console._port._thread.join(5.0)  # pyserial's reader sees the end of the stream

        with pytest.raises(BenchError, match="console rfc2217"):
            console.poll()
        console.close()


def test_the_same_seed_gives_the_same_lines_and_frames_to_the_nanosecond() -> None:
    heard = []
    for _ in range(2):
        with connected(seed=7) as links:
            links.can.begin()
            links.console.begin()
            for _ in range(5):
                links.can.send(0x305, bytes(8))
                links.console.type("status")
                links.pass_s(0.2)
            frames, _ = links.can.end()
            lines, _ = links.console.end()
            heard.append((frames.time_ns.tobytes(), frames.data.tobytes(), lines))

    assert heard[0] == heard[1]


# ---- without a bench: bytes and looks on the wall -----------------------------------------------
def _loop() -> ConsoleLink:
    return ConsoleLink(WallClock(), "loop://", 115200, LATENCY_S)


@given(
    texts=st.lists(st.text(st.characters(codec="ascii", categories=("L", "N", "P"))), max_size=8),
    cuts=st.lists(st.integers(1, 7), max_size=20),
)
def test_lines_come_whole_however_the_bytes_are_cut(texts: list[str], cuts: list[int]) -> None:
    console = _loop()
    data = "".join(f"{text}\r\n" for text in texts).encode()

    for size in [*cuts, len(data)]:
        piece, data = data[:size], data[size:]
        console._port.write(piece)
        console.poll()

    assert [line.text for line in console.lines()] == texts
    console.close()


def test_what_is_no_utf8_is_shown_and_never_stops_the_listening() -> None:
    console = _loop()
    console._port.write(b"\xff\xfeboot\n")
    console._port.write(b"next\n")

    console.poll()

    assert [line.text for line in console.lines()] == ["\ufffd\ufffdboot", "next"]
    console.close()


def test_on_the_wall_a_look_is_late_by_what_has_passed_since_the_last() -> None:
    console = _loop()
    console.poll()
    console._port.write(b"line\n")
    clock = WallClock()
    clock.sleep_until(clock.now_ns() + 3_000_000)

    console.poll(prompt=True)

    (line,) = console.lines()
    assert line.late_ns >= 3_000_000 + round(LATENCY_S * 1e9)
    console.close()


class MeanwhileClock(WallClock):
    """A wall clock during whose reading something happens."""

    def __init__(self) -> None:
        super().__init__()
        self.then: list[Callable[[], object]] = []

    def now_ns(self) -> int:
        now_ns = super().now_ns()
        if self.then:
            self.then.pop(0)()
        return now_ns


def test_a_line_that_comes_while_the_link_looks_is_not_stamped_before_it_came() -> None:
    clock = MeanwhileClock()
    console = ConsoleLink(clock, "loop://", 115200, LATENCY_S)
    came_ns: list[int] = []

    def comes() -> None:
        came_ns.append(time.perf_counter_ns())
        console._port.write(b"line\n")

    clock.then = [comes]
    console.poll(prompt=True)

    (line,) = console.lines()
    assert line.time_ns - line.late_ns <= came_ns[0] <= line.time_ns
    console.close()


def test_a_line_that_a_reader_thread_brings_late_came_after_the_look_before_the_last() -> None:
    """Rig and reader stood still together; the rig looked first, and saw nothing."""
    clock = WallClock()
    console = ConsoleLink(clock, "loop://", 115200, LATENCY_S)
    console.poll(prompt=True)
    came_ns = clock.now_ns()
    clock.sleep_until(came_ns + 5_000_000)
    console.poll(prompt=True)
    console._port.write(b"line\n")

    console.poll(prompt=True)

    (line,) = console.lines()
    assert line.time_ns - line.late_ns <= came_ns
    console.close()
