"""A bench whose process dies or freezes: one case is an error, and the next ones are judged."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rig.bench.description import BenchFile, load_bench
from rig.case import Case
from rig.clock import SteppedClock
from rig.dut.can_link import CanLink
from rig.dut.profile import Profile
from rig.errors import BenchError
from rig.instruments.session import Framing, Session
from rig.judge.verdict import Verdict
from rig.lanes import Lane, LaneSetup
from rig.plan.expand import expand
from rig.plan.model import load_plan

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/task").exists(), reason="finds the bench's process in /proc"
)
SHORT_S = 1.0  # of a deadline that a test waits for


def children() -> set[int]:
    tasks = Path(f"/proc/{os.getpid()}/task").iterdir()
    return {int(pid) for task in tasks for pid in (task / "children").read_text().split()}


def a_bench(**start: object) -> BenchFile:
    bench = load_bench("virtual-esp32-4s")
    assert bench.start is not None
    return bench.model_copy(update={"start": bench.start.model_copy(update=start)})


@pytest.fixture
def case(esp32: Profile) -> Case:
    cases = expand(load_plan(Path("testplans/smoke.yaml")), esp32, 1)
    return next(c for c in cases if c.id == "trip[OCC2-current]")


def strikes(number: int, pid: int, after_s: float) -> threading.Timer:
    timer = threading.Timer(after_s, os.kill, (pid, number))
    timer.start()
    return timer


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
@pytest.mark.parametrize("after_s", [0.0, 0.02, 0.05, 0.1])
def test_a_bench_that_dies_or_freezes_costs_one_case(
    esp32: Profile, case: Case, number: int, after_s: float
) -> None:
    bench = a_bench(answers_within_s=SHORT_S)
    others = children()

    with Lane(LaneSetup(bench=bench, profile=esp32, seed=1)) as lane:
        before, _ = lane.run(case)
        [pid] = children() - others
        timer = strikes(number, pid, after_s)
        struck, _ = lane.run(case)
        timer.join()
        after, _ = lane.run(case)
        last, _ = lane.run(case)

    verdicts = [j.verdict for j in (before, struck, after, last)]
    assert verdicts[0] is verdicts[3] is Verdict.PASS
    # Where it was struck after its last word, it is the next case that finds it dead.
    assert sorted(verdicts[1:3]) == sorted([Verdict.ERROR, Verdict.PASS])
    reported = struck.sentence if struck.verdict is Verdict.ERROR else after.sentence
    assert "Traceback" not in reported
    assert children() == others


# ---- every wait has a deadline -----------------------------------------------------------------
@pytest.fixture
def silent() -> Iterator[int]:
    """The port of something that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_clock_that_never_answers_is_given_up(silent: int) -> None:
    began = time.perf_counter()

    with pytest.raises(BenchError, match=r"no answer within 0.2 s"):
        SteppedClock(f"127.0.0.1:{silent}", answers_within_s=0.2)

    assert time.perf_counter() - began < 10.0


def test_a_clock_that_was_given_up_is_not_waited_for_again() -> None:
    server = socket.create_server(("127.0.0.1", 0))

    def once() -> None:
        with server, server.accept()[0] as client, client.makefile("rb") as lines:
            lines.readline()
            client.sendall(b'{"now_ns": 5, "handed": {}}\n')
            lines.readlines()  # and never another

    thread = threading.Thread(target=once)
    thread.start()
    clock = SteppedClock(f"127.0.0.1:{server.getsockname()[1]}", answers_within_s=0.2)
    with pytest.raises(BenchError, match=r"no answer within 0.2 s"):
        clock.sleep_until(9)

    thread.join(10.0)  # its connection is closed
    with pytest.raises(BenchError, match="no answer within"):
        clock.sleep_until(9)
    assert not thread.is_alive()


# python-can 4.6 leaves the socket of a bus that it can't open to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_can_gateway_that_says_nothing_is_given_up(links: object, silent: int) -> None:
    import can

    def open_bus() -> can.BusABC:
        return can.Bus(interface="socketcand", host="127.0.0.1", port=silent, channel="can0")

    with pytest.raises(BenchError, match="can't be opened"):
        CanLink(links.clock, open_bus, 0.001, answers_within_s=0.2)  # type: ignore[attr-defined]


def test_an_instrument_that_says_nothing_is_given_up(silent: int) -> None:
    session = Session("meter", f"TCPIP::127.0.0.1::{silent}::SOCKET", Framing(timeout_s=0.2))

    with pytest.raises(BenchError, match=r"no answer within 0.2 s"):
        session.open()
