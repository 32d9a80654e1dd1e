"""One bench in one process: cases in, judgements out, whatever bench and BMS do meanwhile."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from rig.bench.connect import connect
from rig.bench.description import load_bench
from rig.case import CASE_JSON, Case
from rig.dut.profile import Profile
from rig.errors import DescriptionError, LimitError
from rig.judge.verdict import Verdict
from rig.lanes import Lane, LaneSetup
from rig.plan.expand import expand
from rig.plan.model import load_plan, parse_plan
from rig.steps.hold import Hold
from rig.steps.set import Set

PLAN = Path("testplans/smoke.yaml")


def a_setup(profile: Profile, **given: str) -> LaneSetup:
    return LaneSetup(bench=load_bench("virtual-esp32-4s"), profile=profile, seed=1, **given)


def named(profile: Profile, case_id: str) -> Case:
    return next(c for c in expand(load_plan(PLAN), profile, 1) if c.id == case_id)


def never_ready(profile: Profile) -> Profile:
    """A data sheet that claims a word which this BMS never says."""
    assert profile.console is not None
    console = profile.console.model_copy(update={"ready": "a word that is never said"})
    return profile.model_copy(update={"console": console})


def test_a_lane_gives_the_judgement_and_the_trace_of_a_case(esp32: Profile) -> None:
    with Lane(a_setup(esp32)) as lane:
        judgement, trace = lane.run(named(esp32, "trip[OCC2-current]"))

    assert judgement.verdict is Verdict.PASS
    assert trace is not None
    assert lane.lasted_s > 1.0


def test_a_bms_that_never_gets_ready_fails_every_case_each_of_them_driven(esp32: Profile) -> None:
    profile = never_ready(esp32)
    other = named(profile, "trip[OCC2-current]")

    with Lane(a_setup(profile), patience=2) as lane:
        ran = [lane.run(other) for _ in range(4)]
        start, _ = lane.run(named(profile, "power_up"))

    for judgement, trace in ran:
        assert judgement.verdict is Verdict.FAIL
        assert "did not say 'a word that is never said'" in judgement.sentence
        assert trace is not None
        assert trace.unready
    assert start.verdict is Verdict.FAIL
    assert "a word that is never said" in start.findings[0].expectation


@pytest.mark.parametrize(
    ("variant", "said"),
    [
        ("closes-unasked", r"(main|precharge) contactor was closed .* nobody had asked"),
        ("closes-upon-an-empty-link", r"path did not close|precharge contactor was open"),
        ("good-host-frames-refused", r"main contactor did not close"),
    ],
)
def test_a_start_that_breaks_its_promise_fails_a_case_about_something_else(
    sixteen: Profile, variant: str, said: str
) -> None:
    plan, wanted = load_plan(Path("testplans/release-16s.yaml")), "CTO-HostAlive-closed"
    [case] = [c for c in expand(plan, sixteen, 1) if wanted in c.id]
    bench = load_bench("virtual-esp32-16s")

    with Lane(LaneSetup(bench=bench, profile=sixteen, seed=1, variant=variant)) as lane:
        judgement, _ = lane.run(case)

    assert judgement.verdict is Verdict.FAIL
    assert re.search(said, judgement.sentence)


def test_a_bench_that_can_not_be_had_is_given_up_after_three_failures(esp32: Profile) -> None:
    bench = load_bench("virtual-esp32-4s")
    assert bench.start is not None
    broken = bench.model_copy(
        update={"start": bench.start.model_copy(update={"command": ("python", "-c", "pass")})}
    )
    case = named(esp32, "power_up")

    with Lane(replace(a_setup(esp32), bench=broken)) as lane:
        sentences = [lane.run(case)[0].sentence for _ in range(4)]

    assert "ended with exit code 0" in sentences[0]
    assert sentences[3].startswith("bench: virtual-esp32-4s: given up after 3 failures in a row")


def test_a_firmware_variant_can_not_be_asked_of_a_lab_bench(esp32: Profile) -> None:
    lab = load_bench("virtual-esp32-4s").model_copy(update={"start": None, "clock": "wall"})

    with pytest.raises(DescriptionError, match="flash the firmware"):
        connect(lab, esp32, variant="late trip").__enter__()


def test_a_variant_that_does_not_exist_is_named(esp32: Profile) -> None:
    with Lane(a_setup(esp32, variant="no such build")) as lane:
        judgement, _ = lane.run(named(esp32, "power_up"))

    assert judgement.verdict is Verdict.ERROR
    assert "no such build" in judgement.sentence


def test_a_case_of_older_evidence_begins_ready(esp32: Profile) -> None:
    case = named(esp32, "trip[OCC2-current]")
    stored = CASE_JSON.dump_json(case).replace(b',"precondition":"ready"', b"")

    assert b"precondition" not in stored
    assert CASE_JSON.validate_json(stored) == case


def test_a_case_written_out_may_begin_with_the_supply_off(esp32: Profile) -> None:
    text = """\
plan: own
cases:
  - name: it starts
    precondition: off
    steps: [{power: on}, {hold: 2 s}]
    expect: [{charge path: stays open}]
"""
    [case] = expand(parse_plan(text, "own.yaml"), esp32, 1)

    assert case.precondition == "off"


def beyond_the_limits(case: Case) -> Case:
    """The same case with a step that no bench may do."""
    return replace(case, steps=(Set(values={"cell 1": 50.0}),))


def test_a_limit_refused_again_and_again_is_no_failure_of_the_bench(esp32: Profile) -> None:
    case = named(esp32, "trip[OCC2-current]")

    with Lane(a_setup(esp32)) as lane:
        for _ in range(4):
            with pytest.raises(LimitError):
                lane.run(beyond_the_limits(case))
        judgement, _ = lane.run(case)

    assert judgement.verdict is Verdict.PASS, judgement.sentence


def test_a_fault_of_ours_is_no_failure_of_the_bench(esp32: Profile) -> None:
    case = named(esp32, "trip[OCC2-current]")
    unknown = replace(case, steps=(Hold(duration_s="long"),))  # type: ignore[arg-type]

    with Lane(a_setup(esp32)) as lane:
        for _ in range(4):
            with pytest.raises(TypeError):
                lane.run(unknown)
        judgement, _ = lane.run(case)

    assert judgement.verdict is Verdict.PASS, judgement.sentence
