"""One difference for each claim that was not kept, however many cases showed it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reports.differences import differences, of_any, reported
from rig.case import Case
from rig.evidence.meta import RunMeta
from rig.evidence.run import Run, RunCase
from rig.judge.verdict import Finding, Judgement, Verdict

CASE = Case(
    id="trip[OVP-cell1]",
    title="",
    plan="p",
    family="trip",
    protection="cell overvoltage",
    parameters={},
    steps=(),
    expectations=(),
    outputs={},
    capture=None,
    seed=0,
    traces_to=("SRS-001",),
    severity="blocker",
)


def finding(cell: int, verdict: str = "fail", low: str = "0.900 s") -> Finding:
    return Finding(
        expectation=f"charge path opens {low} to 1.100 s after cell {cell} rises above 3.650 V",
        means="output",
        verdict=Verdict(verdict),
        sentence=f"cell {cell} was late",
    )


def a_run(*findings: Finding, **of_case: str) -> Run:
    cases = tuple(
        RunCase(
            number=n,
            case=replace(CASE, id=f"trip[OVP-cell{n}]", **of_case),  # type: ignore[arg-type]
            folder=Path(),
            judgement=Judgement(
                case_id=f"trip[OVP-cell{n}]",
                verdict=found.verdict,
                sentence=found.sentence,
                findings=(found,),
            ),
        )
        for n, found in enumerate(findings, 1)
    )
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return Run(
        path=Path("bench-0001"),
        bench="bench",
        number=1,
        meta=RunMeta(dut="d", plans=("p",), seed=1),
        inputs={},
        started=now,
        ended=now,
        finished=True,
        cases=cases,
        bench_errors=(),
        problems=(),
    )


def test_one_promise_broken_at_three_cells_is_one_difference() -> None:
    [found] = differences(a_run(finding(1), finding(2), finding(3), finding(4, "pass")))

    assert found.claim == ("charge path opens 0.900 s to 1.100 s after cell n rises above 3.650 V")
    assert found.seen == "cell 1 was late"
    assert found.often == "3 of 4 times"
    assert found.traces_to == ("SRS-001",)
    assert len(found.case_ids) == 3


def test_the_same_promise_with_other_limits_of_time_is_the_same_difference() -> None:
    assert len(differences(a_run(finding(1), finding(2, low="0.550 s")))) == 1


@pytest.mark.parametrize("verdict", ["inconclusive", "error", "pass"])
def test_what_did_not_fail_is_no_difference(verdict: str) -> None:
    run = a_run(finding(1, verdict))

    assert differences(run) == []
    assert list(reported(differences(run))) == ["0 differences from what was claimed"]


def test_the_gravest_stands_first() -> None:
    minor = a_run(finding(1), protection="a warning", severity="minor")
    blocker = a_run(finding(2))
    both = replace(minor, cases=(*minor.cases, *blocker.cases))

    assert [d.severity for d in differences(both)] == ["blocker", "minor"]


@pytest.mark.parametrize(
    ("expectation", "any_of"),
    [
        ("BMS_Status.Bal3 stays 0", "BMS_Status.Baln stays 0"),
        ("BMS_CellVoltages.Cell12_V agrees", "BMS_CellVoltages.Celln_V agrees"),
        (r"/\bcell\s*3\b/ agrees with cell 3", r"/\bcell\s*n\b/ agrees with cell n"),
        ("just cells 1, 3 bleed", "just cells n bleed"),
        ("cell 3 rises above 3.650 V", "cell n rises above 3.650 V"),
    ],
)  # fmt: skip
def test_a_promise_is_told_of_any_cell(expectation: str, any_of: str) -> None:
    assert of_any(expectation) == any_of
