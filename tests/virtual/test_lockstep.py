"""A participant in another process: time waits for it, and two runs are alike to the nanosecond."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from rig.virtual.carrier import Board, BoardPins, socket_on
from rig.virtual.carrier import afe_map as afe
from rig.virtual.clock import LocalClock
from rig.virtual.control import ControlPort
from rig.virtual.kernel import MS, Kernel
from rig.virtual.lockstep import Lockstep, ParticipantError, Turn
from rig.virtual.loop import Loop
from rig.virtual.seeds import stream
from tests.virtual.carrier.tiny import lay_nets
from tests.virtual.test_control import RIG_NS, Client

OUTSIDE = Path(__file__).with_name("outside.py")
GATE = "charge gate"
PATIENCE_S = 5.0


@dataclass
class Remote:
    """The near end of the process: its words become turns, and answers go back."""

    lines: Any
    pins: BoardPins
    now_ns: Callable[[], int]
    given: list[object] = field(default_factory=list)
    done: list[tuple[int, object]] = field(default_factory=list)

    def advance(self, until_ns: int) -> None:
        given, self.given = self.given, []
        self._say({"advance": until_ns, "given": given})

    def next(self) -> Turn:
        try:
            message = json.loads(self.lines.readline())
            return Turn(int(message["t"]), self._act_of(message))
        except TimeoutError as error:
            raise ParticipantError("the controller says nothing") from error
        except (ValueError, TypeError, OSError) as error:
            raise ParticipantError(f"the controller can't be understood: {error}") from error

    def _act_of(self, message: dict[str, Any]) -> Callable[[], None] | None:
        match message:
            case {"reached": True}:
                return None
            case {"sample": str()}:
                return self._sample
            case {"drive": str(name), "on": bool(on)}:
                return lambda: self._drive(name, on=on)
            case {"note": given}:
                return lambda: self._note(given)
            case _:
                raise ValueError(message)

    def _sample(self) -> None:
        raw = int.from_bytes(self.pins.i2c.read(afe.CELLS, 2)[:2], "big")
        self._note(raw)
        self._say({"value": raw})

    def _drive(self, name: str, *, on: bool) -> None:
        self._note("drive")
        self.pins.drive(name, on)

    def _note(self, what: object) -> None:
        self.done.append((self.now_ns(), what))

    def _say(self, message: object) -> None:
        try:
            self.lines.write(json.dumps(message) + "\n")
            self.lines.flush()
        except OSError as error:
            raise ParticipantError(f"the controller has hung up: {error}") from error


@dataclass
class SteppedBoard:
    kernel: Kernel
    board: Board
    remote: Remote

    def run_to(self, time_ns: int) -> None:
        self.kernel.run_until(time_ns)

    @property
    def opened_ns(self) -> list[int]:
        return self.board.nets[GATE].crossings(6.0, rising=False)


@contextmanager
def a_process(habit: str, patience_s: float) -> Iterator[Any]:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = str(listener.getsockname()[1])
        with subprocess.Popen([sys.executable, str(OUTSIDE), port, habit]) as process:
            listener.settimeout(PATIENCE_S * 4)
            link, _ = listener.accept()
            link.settimeout(patience_s)
            try:
                with link, link.makefile("rw") as lines:
                    yield lines
            finally:
                process.kill()


@contextmanager
def a_bench(
    habit: str = "good", patience_s: float = PATIENCE_S, **options: int
) -> Iterator[SteppedBoard]:
    kernel = Kernel()
    board = Board(kernel)
    carrier = lay_nets(board)
    pins = socket_on(carrier, kernel, board)
    carrier.populate(kernel, pins, specimen=stream(1, "specimen"), moment=stream(1, "moment"))
    pins.drive(GATE, True)  # noqa: FBT003
    with a_process(habit, patience_s) as lines:
        remote = Remote(lines, pins, lambda: kernel.now_ns)
        Lockstep(kernel, remote, **options)
        yield SteppedBoard(kernel, board, remote)
        assert (habit == "good") == (not kernel.lost), kernel.lost


def test_time_passes_only_as_far_as_the_process_has_got() -> None:
    with a_bench() as bench:
        bench.run_to(10 * MS)

    assert [time_ns for time_ns, _ in bench.remote.done] == list(
        range(250_000, 10_000_001, 250_000)
    )


def test_what_it_drives_moves_at_the_instant_that_it_names() -> None:
    with a_bench() as bench:
        bench.run_to(50 * MS)  # the front end has woken
        cell = bench.board.nets["cell 1"]
        cell.approach(4.0, slew=50.0)
        bench.run_to(80 * MS)

    samples = [(t, raw) for t, raw in bench.remote.done if isinstance(raw, int)]
    first_ns = next(t for t, raw in samples if 36_500 < raw < afe.NO_VALUE)
    (edge_ns,) = [t for t, what in bench.remote.done if what == "drive"]
    assert edge_ns == first_ns + 37_000
    (opened_ns,) = bench.opened_ns
    assert edge_ns < opened_ns <= edge_ns + 50_000  # half of a gate's edge


def test_two_runs_are_alike_however_long_it_thinks() -> None:
    runs = []
    for _ in range(2):
        with a_bench() as bench:
            bench.board.kernel.at(60 * MS, lambda b=bench: b.board.nets["cell 1"].jump(3.9))  # type: ignore[misc]
            for end_ns in range(0, 80 * MS, 777_777):  # as a client asks for time, never in step
                bench.run_to(end_ns)
            runs.append((bench.remote.done, bench.opened_ns))

    assert runs[0] == runs[1]
    assert runs[0][1]


@pytest.mark.parametrize("quantum_ns", [MS, 5 * MS])
def test_what_reaches_it_goes_along_with_its_next_quantum(quantum_ns: int) -> None:
    with a_bench(quantum_ns=quantum_ns) as bench:
        bench.kernel.at(7_300_000, lambda: bench.remote.given.append("a frame"))
        bench.run_to(12 * MS)

    assert ((7_300_000 // quantum_ns + 1) * quantum_ns, "a frame") in bench.remote.done


@pytest.mark.parametrize(
    ("habit", "why"),
    [
        ("dies", "understood"),
        ("says nothing", "says nothing"),
        ("talks nonsense", "understood"),
        ("acts in the past", "acts at 2000000 ns"),
        ("runs ahead", "acts at 53000000 ns"),
        ("stops early", "got to 3000000 ns"),
    ],
)
def test_one_that_goes_wrong_is_told_and_time_goes_on_without_it(habit: str, why: str) -> None:
    with a_bench(habit, patience_s=0.3, quantum_ns=2_500_000) as bench:
        bench.run_to(20 * MS)

    assert why in bench.kernel.lost
    assert bench.kernel.now_ns == 20 * MS
    assert bench.board.nets[GATE].value() == 12.0  # as it left it


def test_an_advance_without_its_participant_is_answered_by_the_reason_until_a_begin() -> None:
    with (
        a_bench("dies", patience_s=0.3) as bench,
        a_loop(bench.kernel) as control,
        closing(Client(control.port)) as client,
    ):
        before, after = client.advance(2 * MS), client.advance(20 * MS)
        begun, anew = client.ask({"do": "begin", "seed": 1}), client.advance(MS)

    assert before["now_ns"] == RIG_NS + 2 * MS
    assert "understood" in after["error"]
    assert begun["now_ns"] == RIG_NS
    assert anew["now_ns"] == RIG_NS + MS


@contextmanager
def a_loop(kernel: Kernel) -> Iterator[ControlPort]:
    loop = Loop(kernel)

    def begin(_seed: int) -> None:
        loop.run_on(Kernel())
        control.clock = LocalClock(loop.kernel, RIG_NS, 0.0)

    control = ControlPort(loop, LocalClock(kernel, RIG_NS, 0.0), begin=begin)
    quit_port = loop.listen(lambda _: loop.stop())
    thread = threading.Thread(target=loop.run, daemon=True)
    thread.start()
    yield control
    socket.create_connection(("127.0.0.1", quit_port)).close()
    thread.join(5.0)


def test_one_that_leaves_is_waited_for_no_more() -> None:
    with a_bench() as bench:
        bench.run_to(0)
    kernel, asked = Kernel(), list[int]()

    class Endless:
        def advance(self, until_ns: int) -> None:
            asked.append(until_ns)

        def next(self) -> Turn:
            return Turn(asked[-1])

    member = Lockstep(kernel, Endless())
    kernel.run_until(3 * MS)

    member.leave()
    kernel.run_until(10 * MS)

    assert asked == [MS, 2 * MS, 3 * MS, 4 * MS]


def test_a_quantum_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="never let time pass"), a_bench(quantum_ns=0):
        pass
