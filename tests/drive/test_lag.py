"""A case on a bench in real time that is too slow for it."""

from __future__ import annotations

from pathlib import Path

from rig.bench.connect import connect
from rig.bench.description import BenchFile, load_bench
from rig.drive.drive import drive_case
from rig.dut.profile import Profile
from rig.judge.verdict import Verdict
from rig.judging import judge
from rig.plan.expand import expand
from rig.plan.model import parse_plan

SLOW = Path(__file__).parents[1] / "virtual" / "slow_bench.py"
PLAN = """\
plan: own
cases:
  - name: it starts
    precondition: off
    steps: [{power: on}, {hold: 500 ms}]
    expect: [{charge path: stays open}]
"""


def in_real_time(program: str) -> BenchFile:
    bench = load_bench("virtual-esp32-4s")
    assert bench.start is not None
    command = ("python", program, *bench.start.command[3:], "--time", "real")
    start = bench.start.model_copy(update={"command": command})
    return bench.model_copy(update={"start": start, "clock": "wall"})


def test_a_case_on_a_bench_that_fell_behind_is_an_error_of_the_bench(esp32: Profile) -> None:
    [case] = expand(parse_plan(PLAN, "own.yaml"), esp32, 1)

    with connect(in_real_time(str(SLOW)), esp32) as bench:
        bench.settings = "factory"  # so it is not asked for them, which takes some seconds
        trace = drive_case(case, bench)
    judgement = judge(case, trace)

    assert trace.error is None  # it was slow, not broken: the next case is asked of the same one
    assert judgement.verdict is Verdict.ERROR
    assert judgement.sentence.startswith("bench: it fell behind the wall clock by ")
    [lag] = [lag for lag in trace.lags if lag.who == "bench"]
    assert lag.worst_ns >= 50_000_000
    assert lag.late >= 2
    assert trace.lines
    assert all(line.late_ns >= lag.worst_ns for line in trace.lines)
    assert trace.frames.time_u_s * 12**0.5 >= lag.worst_ns * 1e-9
