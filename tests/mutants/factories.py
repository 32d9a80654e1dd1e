"""Results of a hunt, made by hand."""

from __future__ import annotations

from collections.abc import Mapping

from rig.judge.verdict import Verdict
from rig.mutants.result import Outcome, Result, Row, Variant

PASS, FAIL = Verdict.PASS, Verdict.FAIL


def an_outcome(case_id: str, verdict: Verdict = FAIL, *, family: str | None = None) -> Outcome:
    return Outcome(
        case_id=case_id,
        family=family or case_id.partition("[")[0],
        verdict=verdict,
        sentence="" if verdict is PASS else f"{case_id} saw it",
        wall_s=0.5,
        virtual_s=5.0,
    )


def a_row(name: str, *outcomes: Outcome, **given: object) -> Row:
    facts = {"seed": 7, "wall_s": 1.0} | given
    variant = Variant(name=name, row="D1", severity="S1", title=f"{name} is wrong")
    return Row(variant=variant, outcomes=outcomes, **facts)  # type: ignore[arg-type]


def a_control(*outcomes: Outcome) -> Row:
    passed = outcomes or (an_outcome("trip[a]", PASS),)
    return Row(variant=Variant(name="released"), seed=1, outcomes=passed, wall_s=1.0)


def a_result(matrix: Mapping[str, Mapping[str, Verdict]], **given: object) -> Result:
    """Make a full matrix of it: variant -> case -> verdict."""
    cases = {case_id: case_id.partition("[")[0] for row in matrix.values() for case_id in row}
    facts: dict[str, object] = {
        "plan": "night.yaml",
        "dut": "bms",
        "bench": "virtual-bms",
        "seed": 1,
        "until": "end",
        "command": "rig mutants night.yaml",
        "wall_s": 10.0,
        "cases": cases,
        "control": a_control(),
        "rows": tuple(
            a_row(name, *(an_outcome(c, v) for c, v in row.items())) for name, row in matrix.items()
        ),
    }
    return Result(**(facts | given))  # type: ignore[arg-type]
