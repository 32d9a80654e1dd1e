"""On a stepped bench a case is a pure function of bench, firmware, plan, case and seed.

Compared are all bytes that a case leaves: trace, transcript, judgement, how long it took. Before it
come cases that change everything that a case can change.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from rig.bench.description import load_bench
from rig.case import Case
from rig.dut.profile import Profile, load_profile
from rig.judge.verdict import JUDGEMENT_JSON
from rig.lanes import Lane, LaneSetup
from rig.plan.complete import complete
from rig.plan.expand import expand
from rig.plan.model import load_plan
from rig.steps import Step
from rig.steps.bus_load import Load
from rig.steps.fault import Fault
from rig.steps.hold import Hold
from rig.steps.power import Power
from rig.steps.read import Read
from rig.steps.reset import Reset
from rig.steps.send import Send
from rig.steps.set import Set
from rig.steps.start_periodic import StartPeriodic
from rig.steps.type_line import Type
from rig.trace import files
from tests.plan.test_families import ORIGIN

DUTS = ("esp32-4s", "esp32-16s", "pbmslsuite-o")
PLANS = {"esp32-4s": "nightly", "esp32-16s": "nightly-16s", "pbmslsuite-o": "pbmslsuite-o"}
SAMPLE = {"esp32-4s": 16, "esp32-16s": 6, "pbmslsuite-o": 6}  # families of each BMS, a case of each
LONGEST_S = 40.0  # of a case that is looked at, on the BMS's own clock

Bytes = dict[str, bytes]

# Everything that a case can leave behind, by the BMS that can be left so.
BREAKS: dict[str, tuple[Step, ...]] = {
    "esp32-4s": (
        Type(line="set ovp.trip 3.800"),
        Hold(duration_s=0.1),
        Type(line="save"),
        Hold(duration_s=0.6),
        StartPeriodic(message="HostAlive", period_s=0.1, jitter_s=0.02),
        Load(share=0.5, burst_s=0.01, bursts=20, first_id=0x300, last_id=0x310),
        Set(values={"current": 20.0}),
        Read(quantities=("current", "cell 2", "bleed 1")),
        Set(values={"cell 1": 3.8, "temperature 1": 70.0}),
        Hold(duration_s=1.5),
        Set(values={"current": -30.0}),
        Fault(fault="open", target="cell 3"),
        Fault(fault="short", target="temperature 2"),
        Fault(fault="open", target="afe link"),
        Send(message="HostAlive", count=3, period_s=0.05),
        Fault(fault="short", target="can bus"),
        Hold(duration_s=0.5),
        Type(line="test storage"),
        Hold(duration_s=0.2),
        Reset(),
        Hold(duration_s=0.1),
        Power(on=False),
    ),
    "esp32-16s": (
        Type(line="set ovp.trip 4.200"),
        Hold(duration_s=0.1),
        Type(line="save"),
        Hold(duration_s=0.6),
        Set(values={"current": -10.0, "cell 7": 4.3}),
        Hold(duration_s=1.0),
        Set(values={"current": 0.0}),
        Fault(fault="open", target="cell 16"),
        Fault(fault="open", target="can bus"),
        Type(line="test storage"),
        Hold(duration_s=0.3),
    ),
    "pbmslsuite-o": (
        Set(values={"cell 1": 4.4, "temperature 1": 70.0}),
        Hold(duration_s=2.0),
        Fault(fault="open", target="cell 3"),
        Fault(fault="open", target="temperature 1"),
        Reset(),
        Hold(duration_s=0.4),
    ),
}


def a_lane(dut: str, *, seed: int = 1, variant: str | None = None) -> Lane:
    bench, profile = load_bench(f"virtual-{dut}"), load_profile(dut)
    return Lane(LaneSetup(bench=bench, profile=profile, seed=seed, variant=variant))


def breaking(dut: str) -> Case:
    case = replace(ORIGIN, id="breaks what it can", steps=BREAKS[dut], seed=99)
    return complete(case, load_profile(dut))


def left_by(lane: Lane, case: Case) -> Bytes:
    """All that a case leaves in its folder, and how long it took."""
    judgement, trace = lane.run(case)
    left = {"judgement.json": JUDGEMENT_JSON.dump_json(judgement)}
    left["virtual_s"] = repr(lane.lasted_s).encode()
    if trace is not None:
        with TemporaryDirectory() as folder:
            files.save(trace, Path(folder))
            left |= {path.name: path.read_bytes() for path in sorted(Path(folder).iterdir())}
    return left


def alone(dut: str, case: Case, **lane: object) -> Bytes:
    with a_lane(dut, **lane) as fresh:  # type: ignore[arg-type]
        return left_by(fresh, case)


def differing(one: Bytes, other: Bytes) -> list[str]:
    return [name for name in sorted({*one, *other}) if one.get(name) != other.get(name)]


def sample(dut: str, count: int, seed: int = 5) -> list[Case]:
    """A case of each of so many families, drawn."""
    draw = random.Random(seed)  # noqa: S311 -- a sample, no secret
    profile = load_profile(dut)
    families: dict[str, list[Case]] = {}
    for case in expand(load_plan(Path(f"testplans/{PLANS[dut]}.yaml")), profile, 1):
        if case.duration_s < LONGEST_S:
            families.setdefault(case.family, []).append(case)
    chosen = draw.sample(sorted(families), min(count, len(families)))
    return [draw.choice(families[family]) for family in chosen]


@pytest.mark.parametrize("dut", DUTS)
def test_a_case_leaves_the_same_bytes_alone_second_and_last(dut: str) -> None:
    case, other = sample(dut, 2)

    first = alone(dut, case)
    with a_lane(dut) as lane:
        left_by(lane, other)
        second = left_by(lane, case)
        _, broken = lane.run(breaking(dut))
        last = left_by(lane, case)

    assert broken is not None
    assert broken.error is None
    assert differing(second, first) == []
    assert differing(last, first) == []


@pytest.mark.parametrize("dut", DUTS)
def test_the_cases_of_all_families_are_the_same_in_any_order(dut: str) -> None:
    cases = sample(dut, SAMPLE[dut])
    mixed = random.Random(3).sample(cases, len(cases))  # noqa: S311 -- the same

    def all_of(order: Sequence[Case]) -> dict[str, Bytes]:
        with a_lane(dut) as lane:
            return {case.id: left_by(lane, case) for case in order}

    in_order, in_another = all_of(cases), all_of([breaking(dut), *mixed])

    assert {c.id: differing(in_order[c.id], in_another[c.id]) for c in cases} == {
        case.id: [] for case in cases
    }


def test_what_a_variant_left_in_the_bms_is_gone_in_the_next_case() -> None:
    """A firmware that writes its settings in place loses them in a power cut."""
    plan = expand(load_plan(Path("testplans/nightly.yaml")), load_profile("esp32-4s"), 1)
    cuts = [case for case in plan if case.family in {"power cuts", "storage loss"}][:2]
    case = next(case for case in plan if case.family == "settings kept")

    first = alone("esp32-4s", case, variant="written-in-place")
    with a_lane("esp32-4s", variant="written-in-place") as lane:
        for cut in cuts:
            lane.run(cut)
        last = left_by(lane, case)

    assert differing(last, first) == []


def test_a_case_is_the_same_after_one_that_broke_off_in_the_middle(esp32: Profile) -> None:
    case = sample("esp32-4s", 1)[0]
    cut_off = Fault(fault="open", target="can bus")
    steps = (Set(values={"current": 20.0}), cut_off, Send(message="HostAlive"))
    breaks_off = complete(replace(ORIGIN, id="breaks off", steps=steps, seed=4), esp32)

    first = alone("esp32-4s", case)
    with a_lane("esp32-4s") as lane:
        _, broken = lane.run(breaks_off)
        last = left_by(lane, case)

    assert broken is not None
    assert "did not leave" in str(broken.error)
    assert differing(last, first) == []


def test_a_bms_that_is_never_ready_is_asked_again_in_each_case(esp32: Profile) -> None:
    """Whether a case is driven must not hang on how many before it could not be."""
    console = esp32.console
    assert console is not None
    silent = console.model_copy(update={"ready": "a word that is never said"})
    profile = esp32.model_copy(update={"console": silent})
    setup = LaneSetup(bench=load_bench("virtual-esp32-4s"), profile=profile, seed=1)
    case = next(c for c in expand(load_plan(Path("testplans/smoke.yaml")), profile, 1))

    with Lane(setup, patience=2) as lane:
        left = [left_by(lane, case) for _ in range(4)]

    assert [differing(other, left[0]) for other in left] == [[]] * 4


def test_a_start_that_fails_keeps_what_the_bms_was_fed_with(esp32: Profile) -> None:
    console = esp32.console
    assert console is not None
    silent = console.model_copy(update={"ready": "a word that is never said"})
    profile = esp32.model_copy(update={"console": silent})
    cases = expand(load_plan(Path("testplans/smoke.yaml")), profile, 1)
    case = next(c for c in cases if c.precondition == "ready")

    with Lane(LaneSetup(bench=load_bench("virtual-esp32-4s"), profile=profile, seed=1)) as lane:
        _, trace = lane.run(case)

    assert trace is not None
    assert trace.start is not None
    read = {reading.quantity: reading.value for reading in trace.start.readings}
    assert read.keys() >= {"supply", "cell 1", "cell 4"}
    assert abs(read["cell 4"] - profile.nominal.cells_v) < 0.05


def test_the_runs_seed_makes_the_specimen_and_the_cases_seed_the_moment() -> None:
    """Digitizer and cells err by the run's seed; noise and phases come from the case's."""
    case = sample("esp32-4s", 1)[0]

    with a_lane("esp32-4s") as lane:
        one, another = left_by(lane, case), left_by(lane, replace(case, seed=case.seed + 1))
    specimen = alone("esp32-4s", case, seed=2)

    assert {"can.blf", "signals.parquet"} <= set(differing(one, another))
    assert {"can.blf", "signals.parquet"} <= set(differing(one, specimen))
