"""Control port, truth port and the loop's stepped time, over real sockets."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from rig.virtual.carrier.board import Board
from rig.virtual.clock import LocalClock
from rig.virtual.control import ControlPort
from rig.virtual.kernel import Kernel
from rig.virtual.loop import Connection, Loop
from rig.virtual.truth import Truth, TruthPort

RIG_NS = 10**10


class ServedLoop:
    """A loop in a thread, with an echo port that answers 2 ms late and a source of frames."""

    def __init__(self, *, real: bool = False) -> None:
        self.kernel = Kernel()
        self.loop = Loop(self.kernel, real=real)
        self.board = Board(self.kernel)
        self.cell = self.board.add("cell 1", "V", 1.0)
        self.truth = Truth(self.kernel)
        self.clock = LocalClock(self.kernel, RIG_NS, 0.0)
        self.due: int | None = None
        self.loop.add_endpoint(self)
        self.listeners = list[Connection]()
        self.echo = self.loop.listen(self._accept_echo)
        self.frames = self.loop.listen(self.listeners.append)
        self.control = ControlPort(self.loop, self.clock).port
        self.truth_port = TruthPort(self.loop, self.truth, self.board, {"rig": self.clock}).port
        self.quit = self.loop.listen(lambda _: self.loop.stop())
        self.thread = threading.Thread(target=self.loop.run, daemon=True)

    def busy(self) -> int | None:
        return self.due

    def _accept_echo(self, connection: Connection) -> None:
        def reply(data: bytes) -> None:
            self.due = None
            connection.send(b"%d:" % self.kernel.now_ns + data)

        def arrive(data: bytes) -> None:
            self.due = self.kernel.now_ns + 2_000_000
            self.kernel.at(self.due, lambda: reply(data))

        connection.on_data = arrive

    def emit(self) -> None:
        for listener in self.listeners:
            listener.send(b"frame")
        self.kernel.wake("can")

    def stop(self) -> None:
        connect(self.quit).close()
        self.thread.join(5.0)
        assert not self.thread.is_alive()


def connect(port: int) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port), timeout=5.0)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client


class Client:
    def __init__(self, port: int) -> None:
        self._socket = connect(port)
        self._lines = self._socket.makefile("rb")

    def ask(self, text: object) -> Any:
        line = text if isinstance(text, bytes) else json.dumps(text).encode()
        self._socket.sendall(line + b"\n")
        return json.loads(self._lines.readline())

    def advance(self, until_ns: int, **more: object) -> Any:
        return self.ask({"do": "advance", "until_ns": RIG_NS + until_ns, **more})

    def close(self) -> None:
        self._lines.close()
        self._socket.close()


@pytest.fixture
def bench() -> Iterator[ServedLoop]:
    bench = ServedLoop()
    bench.kernel.every(100_000_000, bench.emit)
    bench.thread.start()
    yield bench
    bench.stop()


@pytest.fixture
def client(bench: ServedLoop) -> Iterator[Client]:
    with closing(Client(bench.control)) as client:
        yield client


def test_time_stands_still_until_asked(client: Client) -> None:
    first = client.ask({"do": "now"})
    assert first == client.ask({"do": "now"})
    assert first == {"now_ns": RIG_NS, "handed": {"can": 0, "console": 0}}


def test_an_advance_ends_on_its_target(client: Client) -> None:
    answer = client.advance(250_000_000)
    assert answer == {
        "now_ns": RIG_NS + 250_000_000,
        "woken": False,
        "handed": {"can": 2, "console": 0},
    }


def test_an_advance_into_the_past_stays_where_it_is(client: Client) -> None:
    client.advance(1_000)
    assert client.advance(10)["now_ns"] == RIG_NS + 1_000


def test_waking_stops_at_the_first_frame_and_the_frame_is_there(
    bench: ServedLoop, client: Client
) -> None:
    with closing(connect(bench.frames)) as listener:
        answer = client.advance(10**9, wake=["can"])
        assert (answer["now_ns"], answer["woken"]) == (RIG_NS + 100_000_000, True)
        listener.settimeout(0.0)  # handed over before the advance was answered
        assert listener.recv(100) == b"frame"


def test_only_the_links_that_are_named_wake(client: Client) -> None:
    assert client.advance(10**9, wake=["console"])["woken"] is False


def test_a_query_runs_time_up_to_its_reply_and_no_further(
    bench: ServedLoop, client: Client
) -> None:
    with closing(connect(bench.echo)) as instrument:
        for turn in (1, 2):
            instrument.sendall(b"?")
            assert instrument.recv(100) == b"%d:?" % (turn * 2_000_000)
    assert client.ask({"do": "now"})["now_ns"] == RIG_NS + 4_000_000


def test_time_waits_for_what_was_sent(bench: ServedLoop, client: Client) -> None:
    answers = list[Any]()
    asking = threading.Thread(target=lambda: answers.append(client.advance(10**9, sent={"can": 1})))
    bench.kernel.taken["can"] = 0
    asking.start()
    with closing(connect(bench.frames)) as other:
        asking.join(0.05)
        assert not answers
        bench.kernel.take("can")
        other.sendall(b"x")  # the loop looks again
        asking.join(5.0)
    assert answers[0]["now_ns"] == RIG_NS + 10**9


@pytest.mark.parametrize(
    "request_",
    [
        b"no json",
        b"[]",
        b"{}",
        {"do": "dance"},
        {"do": ["now"]},
        {"do": "advance"},
        {"do": "advance", "until_ns": 1.5},
        {"do": "advance", "until_ns": True},
        {"do": "advance", "until_ns": 1, "wake": True},
        {"do": "advance", "until_ns": 1, "wake": ["lin"]},
        {"do": "advance", "until_ns": 1, "sent": {"can": "1"}},
        {"do": "advance", "until_ns": 1, "sent": ["can"]},
        pytest.param(b"[" * 5_000, id="too deep"),
    ],
    ids=str,
)
def test_a_bad_request_is_answered_and_changes_nothing(client: Client, request_: object) -> None:
    assert set(client.ask(request_)) == {"error"}
    assert client.ask({"do": "now"})["now_ns"] == RIG_NS


def test_requests_that_arrive_in_pieces_or_together_are_answered_in_order(
    bench: ServedLoop,
) -> None:
    with closing(connect(bench.control)) as raw:
        raw.sendall(b'{"do":"advance","until_ns":%d}\n{"do":' % (RIG_NS + 5))
        raw.sendall(b'"advance","until_ns":%d}\n' % (RIG_NS + 9))
        lines = raw.makefile("rb")
        times = [json.loads(lines.readline())["now_ns"] - RIG_NS for _ in range(2)]
        lines.close()
    assert times == [5, 9]


def test_a_client_that_goes_leaves_the_others_served(bench: ServedLoop, client: Client) -> None:
    gone = connect(bench.frames)
    client.advance(100_000_000)
    gone.close()
    assert client.advance(10**9)["now_ns"] == RIG_NS + 10**9


def test_a_client_that_does_not_read_stops_nobody(bench: ServedLoop, client: Client) -> None:
    with closing(connect(bench.frames)) as sleeper:
        client.advance(1)  # the sleeper is accepted
        bench.kernel.at(bench.kernel.now_ns, lambda: bench.listeners[0].send(b"x" * (16 << 20)))
        client.advance(10**9)
        assert client.ask({"do": "now"})["now_ns"] == RIG_NS + 10**9
        got = 0
        while got < 16 << 20:
            got += len(sleeper.recv(1 << 20))


def test_the_truth_port_knows_crossings_values_events_and_clocks(
    bench: ServedLoop, client: Client
) -> None:
    bench.kernel.at(500, lambda: bench.cell.jump(2.0))
    bench.kernel.at(700, lambda: bench.truth.note("trip", protection="OVP"))
    client.advance(1_000)
    with closing(Client(bench.truth_port)) as truth:
        crossing = {"do": "crossings", "net": "cell 1", "level": 1.5, "rising": True}
        assert truth.ask(crossing) == {"times_ns": [RIG_NS + 500], "exact": [500]}
        assert truth.ask({**crossing, "since_ns": RIG_NS + 501})["exact"] == []
        assert truth.ask({"do": "value", "net": "cell 1"}) == {"value": 2.0}
        past = truth.ask({"do": "value", "net": "cell 1", "at_ns": RIG_NS + 499})
        assert past == {"value": 1.0}
        assert truth.ask({"do": "events"}) == [
            {"t_ns": RIG_NS + 700, "exact": 700, "name": "trip", "detail": {"protection": "OVP"}}
        ]
        assert truth.ask({"do": "clocks"}) == {"rig": {"offset_ns": RIG_NS, "drift_ppm": 0.0}}
        assert truth.ask({"do": "nets"}) == {"cell 1": "V"}
        assert "error" in truth.ask({"do": "value", "net": "cell 9"})
        assert "error" in truth.ask({**crossing, "level": None})


def _in_real_time(check: Callable[[ServedLoop, Client], None]) -> None:
    bench = ServedLoop(real=True)
    bench.kernel.every(2_000_000, bench.emit)
    bench.thread.start()
    with closing(Client(bench.control)) as client:
        check(bench, client)
    bench.stop()


def test_in_real_time_an_advance_waits() -> None:
    def check(_bench: ServedLoop, client: Client) -> None:
        start_ns = client.ask({"do": "now"})["now_ns"] - RIG_NS
        answer = client.advance(start_ns + 20_000_000)
        assert answer["now_ns"] >= RIG_NS + start_ns + 20_000_000
        assert answer["woken"] is False

    _in_real_time(check)


def test_in_real_time_a_wake_ends_an_advance_early() -> None:
    def check(_bench: ServedLoop, client: Client) -> None:
        assert client.advance(3600 * 10**9, wake=["can"])["woken"] is True

    _in_real_time(check)


def test_in_real_time_a_query_is_answered_by_itself() -> None:
    def check(bench: ServedLoop, _client: Client) -> None:
        with closing(connect(bench.echo)) as instrument:
            instrument.sendall(b"?")
            assert instrument.recv(100).endswith(b":?")

    _in_real_time(check)


# ---- behind the wall clock ----------------------------------------------------------------------
STALL_S = 0.06


def _stand_still() -> None:
    threading.Event().wait(STALL_S)


def _stalled(bench: ServedLoop, client: Client) -> Any:
    """Let the bench's loop stand still once, and ask how far it then was behind."""
    client.ask({"do": "lag"})
    begun = client.ask({"do": "now"})["now_ns"] - RIG_NS
    stall_ns = begun + 20_000_000
    bench.kernel.at(stall_ns, _stand_still)
    client.advance(stall_ns + 30_000_000)
    return client.ask({"do": "lag"})


def test_stepped_time_never_falls_behind(client: Client) -> None:
    client.advance(250_000_000)

    assert client.ask({"do": "lag"}) == {"worst_ns": 0, "late": 0, "over_ns": 20_000_000}


def test_in_real_time_a_loop_that_stood_still_says_how_far_it_fell_behind() -> None:
    def check(bench: ServedLoop, client: Client) -> None:
        reported = _stalled(bench, client)

        assert reported["worst_ns"] >= STALL_S * 1e9
        assert reported["late"] >= 1

    _in_real_time(check)


def test_the_lag_is_counted_from_one_question_to_the_next() -> None:
    def check(bench: ServedLoop, client: Client) -> None:
        worst_ns = _stalled(bench, client)["worst_ns"]

        assert client.ask({"do": "lag"})["worst_ns"] < worst_ns

    _in_real_time(check)


def test_a_nap_until_something_is_due_is_no_lag() -> None:
    bench = ServedLoop(real=True)
    bench.thread.start()
    with closing(Client(bench.control)) as client:
        due_ns = client.ask({"do": "now"})["now_ns"] - RIG_NS + 200_000_000
        bench.kernel.at(due_ns, bench.emit)
        client.ask({"do": "lag"})
        client.advance(due_ns)
        reported = client.ask({"do": "lag"})
    bench.stop()

    assert 0 <= reported["worst_ns"] < 200_000_000
