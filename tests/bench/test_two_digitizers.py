"""Two digitizers on one bench, each with a clock of its own: what times between them are worth."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from rig.bench.bench import Bench
from rig.bench.description import load_bench
from rig.case import Capture, Case
from rig.drive.drive import drive_case
from rig.dut.profile import load_profile
from rig.expectations.trips import Trips
from rig.judge.verdict import Finding
from rig.judging import judge
from rig.plan.expand import expand
from rig.plan.model import parse_plan
from rig.time_reference import Crossing
from rig.trace import files
from rig.trace.model import Trace
from tests.bench.truth import ServedTruth, witnessed

PLAN = """\
plan: own
for: esp32-4s
cases:
  - family: trip
    protections: [cell overvoltage, discharge overcurrent 1, short circuit]
    cells: [2]
"""


@pytest.fixture(scope="module", params=[3, 8])
def parts(request: pytest.FixtureRequest) -> Iterator[tuple[Bench, ServedTruth]]:
    description = load_bench("virtual-esp32-4s-two-digitizers")
    with witnessed(description, load_profile("esp32-4s"), seed=request.param) as parts:
        yield parts


@pytest.fixture
def bench(parts: tuple[Bench, ServedTruth]) -> Bench:
    bench = parts[0]
    bench.nominal()
    sleep_s(bench, 2.0)  # ready, and both paths closed
    return bench


@pytest.fixture
def truth(parts: tuple[Bench, ServedTruth]) -> ServedTruth:
    return parts[1]


def sleep_s(bench: Bench, seconds: float) -> None:
    bench.clock.sleep_until(bench.clock.now_ns() + round(seconds * 1e9))


def some_cases(bench: Bench) -> list[Case]:
    return expand(parse_plan(PLAN, "own.yaml"), bench.profile, 1)


def test_each_record_has_its_own_start_and_what_was_wired_to_its_digitizer(
    bench: Bench, truth: ServedTruth
) -> None:
    quantities = ("cell 1", "stack", "charge path")
    bench.arm(Capture(quantities=quantities, duration_s=3.0, interval_s=1e-4))
    since_ns = bench.clock.now_ns()
    bench.set({"cell 1": 3.8})
    sleep_s(bench, 1.5)

    cells, paths = bench.collect()

    assert set(cells.channels) == {"cell 1", "cell 2", "cell 3", "cell 4", "stack"}
    assert set(paths.channels) == {"charge path"}
    assert cells.start_ns != paths.start_ns
    for record, name, net, level, rising in (
        (cells, "cell 1", "cell 1", 3.5, True),
        (paths, "charge path", "charge gate", 6.0, False),
    ):
        values = record.channels[name].values
        index = int(np.argmax(values > level if rising else values < level))
        read_ns = record.start_ns + index * record.interval_s * 1e9
        true_ns = truth.crossing_ns(net, level, rising=rising, since_ns=since_ns)
        assert abs(read_ns - true_ns) / 1e9 <= math.sqrt(3.0) * record.start_u_s + 2e-4
        assert record.start_u_s < 10e-3
    assert cells.interval_s == paths.interval_s


def test_both_records_hold_the_whole_case(bench: Bench) -> None:
    for case in some_cases(bench):
        trace = drive_case(case, bench)

        assert trace.error is None
        assert len(trace.waveforms) == 2
        for record in trace.waveforms:
            samples = next(iter(record.channels.values())).values.size
            end_ns = record.start_ns + samples * record.interval_s * 1e9
            assert record.start_ns <= 1e9 * record.start_u_s * 4
            assert end_ns >= max(marker.time_ns for marker in trace.markers.values())


def test_a_trip_between_two_clocks_holds_the_truth(
    bench: Bench, truth: ServedTruth, tmp_path: Path
) -> None:
    cases = some_cases(bench)
    assert {since_of(case).quantity for case in cases} >= {"cell 2", "current"}
    for number, case in enumerate(cases):
        since_ns = bench.clock.now_ns()
        trace = drive_case(case, bench)
        found = judged(case, trace)
        true_s = true_trip_s(case, truth, since_ns)

        # 200 to 500 us of a short circuit are less than the two clocks are known to.
        assert found.verdict == ("inconclusive" if case.protection == "short circuit" else "pass")
        assert found.measurement is not None
        assert abs(found.measurement.value - true_s) <= found.measurement.expanded < 0.025
        assert {"record start (cause)", "record start (effect)"} < {r.name for r in found.budget}
        assert any(record.startswith("signals-2.parquet: ") for record in found.records)

        files.save(trace, tmp_path / str(number))
        assert judged(case, files.load(tmp_path / str(number))) == found


def since_of(case: Case) -> Crossing:
    since = trips_of(case).since
    assert isinstance(since, Crossing)
    return since


def trips_of(case: Case) -> Trips:
    return next(wanted for wanted in case.expectations if isinstance(wanted, Trips))


def judged(case: Case, trace: Trace) -> Finding:
    [found] = [
        finding
        for finding, wanted in zip(judge(case, trace).findings, case.expectations, strict=False)
        if wanted is trips_of(case)
    ]
    return found


def true_trip_s(case: Case, truth: ServedTruth, since_ns: int) -> float:
    since, trips = since_of(case), trips_of(case)
    began_ns, cause = truth.crossing(
        since.quantity, since.level, rising=since.rising, since_ns=since_ns
    )
    gate = trips.output.replace("path", "gate")
    level = case.outputs[trips.output].closed_above
    _, effect = truth.crossing(gate, level, rising=False, since_ns=began_ns)
    return (effect - cause) * 1e-9
