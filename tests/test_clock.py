"""The rig's time: on the wall, and told by a simulated bench."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from rig.clock import SteppedClock, WallClock
from rig.errors import BenchError
from tests.links import Links

MS = 1_000_000


# ---- on the wall --------------------------------------------------------------------------------
def test_a_wall_clock_never_wakes_early() -> None:
    clock = WallClock()
    until_ns = clock.now_ns() + 3 * MS

    clock.sleep_until(until_ns)

    assert clock.now_ns() >= until_ns


def test_a_wall_clock_returns_at_once_where_the_time_has_passed() -> None:
    clock = WallClock()
    began_ns = clock.now_ns()

    clock.sleep_until(began_ns - 1_000 * MS)

    assert clock.now_ns() - began_ns < 1_000 * MS


def test_a_wait_on_the_wall_ends_when_it_is_ready() -> None:
    clock = WallClock()
    asked: list[int] = []

    def third_time() -> bool:
        asked.append(1)
        return len(asked) == 3

    assert clock.wait(third_time, clock.now_ns() + 10_000 * MS)
    assert len(asked) == 3


def test_a_wait_on_the_wall_says_no_when_its_time_is_up() -> None:
    clock = WallClock()

    assert not clock.wait(lambda: False, clock.now_ns() + MS)
    assert clock.handed_over("can") == 0


# ---- told by a bench ----------------------------------------------------------------------------
def test_stepped_time_stands_still_until_somebody_sleeps(links: Links) -> None:
    assert links.clock.now_ns() == links.clock.now_ns()


@pytest.mark.parametrize("sleep_ns", [1, 999, MS, 1_234_567, 3_000 * MS])
def test_a_stepped_sleep_ends_at_its_nanosecond(links: Links, sleep_ns: int) -> None:
    until_ns = links.clock.now_ns() + sleep_ns

    links.clock.sleep_until(until_ns)

    assert links.clock.now_ns() == until_ns


def test_stepped_time_never_goes_back(links: Links) -> None:
    now_ns = links.clock.now_ns()

    links.clock.sleep_until(now_ns - MS)

    assert links.clock.now_ns() == now_ns


def test_a_stepped_wait_wakes_at_every_arrival_and_ends_on_time(links: Links) -> None:
    until_ns = links.clock.now_ns() + 1_000 * MS
    woken: list[int] = []

    def look() -> bool:
        woken.append(links.can.count())
        return False

    assert not links.clock.wait(look, until_ns, ("can",))
    assert links.clock.now_ns() == until_ns
    assert sorted(set(woken)) == list(range(woken[0], woken[-1] + 1))  # frame by frame


def test_a_stepped_wait_that_is_ready_lets_no_time_pass(links: Links) -> None:
    now_ns = links.clock.now_ns()

    assert links.clock.wait(lambda: True, now_ns + 1_000 * MS)
    assert links.clock.now_ns() == now_ns


def test_no_bench_to_ask_is_an_error_of_the_bench() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    with pytest.raises(BenchError, match="no stepped clock answers") as caught:
        SteppedClock(f"127.0.0.1:{port}")
    assert f"clock 127.0.0.1:{port}" in str(caught.value)


def test_an_address_without_a_port_is_an_error_of_the_bench() -> None:
    with pytest.raises(BenchError, match="no stepped clock answers"):
        SteppedClock("nowhere")


# ---- against a control port that says what the test wants ------------------------------------
@pytest.fixture
def control() -> Iterator[Callable[..., str]]:
    """Serve one client with the given answers, then hang up; the requests are kept."""
    threads: list[threading.Thread] = []

    def serve(answers: list[bytes], asked: list[dict[str, object]]) -> str:
        server = socket.create_server(("127.0.0.1", 0))

        def work() -> None:
            with server, server.accept()[0] as client, client.makefile("rb") as lines:
                for answer in answers:
                    asked.append(json.loads(lines.readline()))
                    client.sendall(answer)

        threads.append(threading.Thread(target=work))
        threads[-1].start()
        return f"127.0.0.1:{server.getsockname()[1]}"

    yield serve
    for thread in threads:
        thread.join(5.0)


NOW = b'{"now_ns": 5, "handed": {"can": 0, "console": 0}}\n'
LATER = b'{"now_ns": 9, "handed": {"can": 3, "console": 17}}\n'


def test_an_advance_says_what_was_sent_and_learns_what_was_handed_over(
    control: Callable[..., str],
) -> None:
    asked: list[dict[str, object]] = []
    clock = SteppedClock(control([NOW, LATER], asked))
    clock.expect("can", 2)

    clock.sleep_until(9)

    assert asked[-1] == {"do": "advance", "until_ns": 9, "wake": [], "sent": {"can": 2}}
    assert (clock.handed_over("can"), clock.handed_over("console")) == (3, 17)
    clock.close()


def test_a_bench_that_refuses_is_quoted(control: Callable[..., str]) -> None:
    clock = SteppedClock(control([NOW, b'{"error": "the CAN frame never came"}\n'], []))

    with pytest.raises(BenchError, match="the CAN frame never came"):
        clock.sleep_until(9)
    clock.close()


@pytest.mark.parametrize("answer", [b"", b"hello?\n", b'{"now_ns": 1}\n', b"[1, 2]\n"])
def test_a_bench_that_talks_nonsense_or_hangs_up_is_an_error_of_the_bench(
    control: Callable[..., str], answer: bytes
) -> None:
    with pytest.raises(BenchError, match="clock 127"):
        SteppedClock(control([answer], []))


def test_a_case_begins_at_the_bench_with_its_seed_when_all_that_was_sent_is_there(
    control: Callable[..., str],
) -> None:
    asked: list[dict[str, object]] = []
    clock = SteppedClock(control([LATER, NOW], asked))
    clock.expect("console", 4)

    begins_anew = clock.begin_case(12)

    assert begins_anew
    assert asked[-1] == {"do": "begin", "seed": 12, "sent": {"console": 4}}
    assert clock.now_ns() == 5
    clock.close()


def test_a_case_that_is_told_of_before_begins_once(control: Callable[..., str]) -> None:
    asked: list[dict[str, object]] = []
    clock = SteppedClock(control([LATER, NOW], asked))

    clock.begin_soon(12)
    clock.begin_soon(13)  # one is enough
    begins_anew = clock.begin_case(12)

    assert begins_anew
    assert [request["do"] for request in asked] == ["now", "begin"]
    assert clock.now_ns() == 5
    clock.close()


def test_a_case_that_comes_instead_of_the_one_told_of_begins_too(
    control: Callable[..., str],
) -> None:
    asked: list[dict[str, object]] = []
    clock = SteppedClock(control([LATER, LATER, NOW], asked))

    clock.begin_soon(12)
    clock.begin_case(13)

    assert [request.get("seed") for request in asked] == [None, 12, 13]
    assert clock.now_ns() == 5
    clock.close()


def test_an_answer_that_is_owed_is_not_taken_for_another(control: Callable[..., str]) -> None:
    clock = SteppedClock(control([NOW, LATER, NOW], []))

    clock.begin_soon(12)
    clock.touched()

    assert clock.now_ns() == 5
    clock.close()


def test_a_bench_that_is_lost_when_it_is_told_of_a_case_is_an_error_of_the_next_who_asks(
    control: Callable[..., str],
) -> None:
    clock = SteppedClock(control([NOW], []))

    clock.begin_soon(12)

    with pytest.raises(BenchError, match="clock 127"):
        clock.begin_case(12)
    clock.close()


def test_on_the_wall_a_case_begins_where_the_one_before_it_ended() -> None:
    clock = WallClock()
    before_ns = clock.now_ns()

    assert not clock.begin_case(12)
    assert clock.now_ns() > before_ns


# ---- behind the clock ---------------------------------------------------------------------------
def _busy_until(time_ns: int) -> None:
    while time.perf_counter_ns() < time_ns:
        pass


def test_a_wall_clock_notes_how_late_the_rig_came_back_from_a_wait() -> None:
    clock = WallClock()
    until_ns = clock.now_ns() + MS

    def busy() -> bool:
        _busy_until(until_ns + 30 * MS)
        return False

    clock.wait(busy, until_ns)
    [lag] = clock.lags()

    assert lag.who == "rig"
    assert lag.worst_ns >= 29 * MS
    assert lag.late >= 1
    assert lag.is_beyond


def test_a_lag_is_told_once() -> None:
    clock = WallClock()
    until_ns = clock.now_ns() + MS

    def busy() -> bool:
        _busy_until(until_ns + 30 * MS)
        return False

    clock.wait(busy, until_ns)

    assert clock.lags()[0].worst_ns >= 29 * MS
    assert clock.lags()[0].worst_ns == 0


def test_a_stepped_clock_is_never_late(links: Links) -> None:
    links.clock.sleep_until(links.clock.now_ns() + MS)

    assert links.clock.lags() == ()


def test_a_wall_clock_asks_the_bench_that_is_played_beside_it(links: Links) -> None:
    played = SteppedClock(links.bench.addresses["clock"])
    clock = WallClock(played)

    rig, bench = clock.lags()
    clock.close()

    assert (rig.who, bench.who) == ("rig", "bench")
    assert (bench.worst_ns, bench.late, bench.is_beyond) == (0, 0, False)


@pytest.mark.parametrize("answer", [b'{"error": "what?"}\n', b'{"worst_ns": 1}\n', b"hm\n"])
def test_a_played_bench_that_does_not_tell_its_lag_is_an_error_of_the_bench(
    control: Callable[..., str], answer: bytes
) -> None:
    clock = WallClock(SteppedClock(control([NOW, answer], [])))

    with pytest.raises(BenchError, match="clock 127"):
        clock.lags()
    clock.close()
