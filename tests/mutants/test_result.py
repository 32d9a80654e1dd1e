"""What counts as found, and what a full matrix says of cases and families."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rig.errors import DescriptionError
from rig.judge.verdict import Finding, Judgement, Verdict
from rig.mutants import reverse
from rig.mutants.result import Result, Variant, load_result, save_result
from rig.mutants.text import text_of
from rig.pool import names_it
from tests.mutants.factories import FAIL, PASS, a_control, a_result, a_row, an_outcome

INCONCLUSIVE, ERROR = Verdict.INCONCLUSIVE, Verdict.ERROR


def test_a_fail_for_another_reason_finds_nothing() -> None:
    wrong = replace(an_outcome("trip[a]"), names_it=False)
    right = an_outcome("trip[b]")

    assert a_row("v", wrong).state == "misnamed"
    assert a_row("v", wrong).found_by == {}
    assert a_row("v", wrong).reported is wrong
    assert a_row("v", wrong, right).finding is right


@pytest.mark.parametrize(
    ("shows", "named"),
    [("", True), ("charge path", True), (r"trip\[OVP", True), ("discharge", False)],
)
def test_what_failed_names_what_the_variant_gets_wrong(shows: str, *, named: bool) -> None:
    def finding(verdict: Verdict, what: str) -> Finding:
        return Finding(expectation=what, means="output", verdict=verdict, sentence="seen")

    judgement = Judgement(
        case_id="trip[OVP-cell1]",
        verdict=FAIL,
        sentence="",
        findings=(finding(FAIL, "charge path opens"), finding(PASS, "discharge path stays")),
    )

    assert names_it(judgement, shows) is named


@pytest.mark.parametrize(
    ("verdicts", "state"),
    [
        pytest.param([PASS, FAIL], "found", id="a fail finds"),
        pytest.param([ERROR, INCONCLUSIVE, FAIL], "found", id="a fail among others finds"),
        pytest.param([PASS, PASS], "NOT found", id="all passed"),
        pytest.param([PASS, INCONCLUSIVE], "inconclusive", id="undecided is not found"),
        pytest.param([INCONCLUSIVE, ERROR], "error", id="a bench error proves nothing"),
        pytest.param([], "error", id="nothing ran"),
    ],
)
def test_only_a_fail_finds_a_variant(verdicts: list[Verdict], state: str) -> None:
    row = a_row("x", *(an_outcome(f"trip[{i}]", v) for i, v in enumerate(verdicts)))

    assert row.state == state


def test_the_time_until_found_ends_with_the_first_finding() -> None:
    row = a_row("x", an_outcome("a", PASS), an_outcome("b"), an_outcome("c"))

    assert row.until_found == (1.0, 10.0)


@pytest.mark.parametrize(
    ("result", "code"),
    [
        pytest.param(a_result({"x": {"trip[a]": FAIL}}), 0, id="all found"),
        pytest.param(a_result({"x": {"trip[a]": PASS}}), 1, id="one slipped through"),
        pytest.param(a_result({"x": {"trip[a]": INCONCLUSIVE}}), 1, id="one is undecided"),
        pytest.param(a_result({"x": {"trip[a]": ERROR}}), 3, id="the bench failed"),
        pytest.param(
            a_result({"x": {"trip[a]": FAIL}}, control=a_control(an_outcome("trip[a]"))),
            1,
            id="the good firmware fails",
        ),
        pytest.param(
            a_result({"x": {"trip[a]": FAIL}}, control=a_control(an_outcome("trip[a]", ERROR))),
            3,
            id="the good firmware proves nothing",
        ),
    ],
)
def test_the_exit_code_says_whether_the_plan_can_be_trusted(result: Result, code: int) -> None:
    assert result.exit_code == code


def test_a_good_firmware_that_fails_is_said_loudly() -> None:
    text = text_of(a_result({"x": {"trip[a]": FAIL}}, control=a_control(an_outcome("trip[a]"))))

    assert "*** THE GOOD FIRMWARE DID NOT PASS" in text
    assert "*** fail trip[a]: trip[a] saw it" in text


def test_the_table_names_the_case_that_found_and_what_it_said() -> None:
    text = text_of(a_result({"late": {"trip[a]": FAIL}, "deaf": {"trip[a]": PASS}}))

    found, missed = text.splitlines()[1:3]
    assert found.split()[:5] == ["late", "S1", "D1", "found", "trip[a]"]
    assert "trip[a] saw it" in found
    assert missed.split()[:5] == ["deaf", "S1", "D1", "NOT", "found"]
    assert "1 of 2 variants found; 1 NOT found" in text


def test_a_variant_without_a_row_has_not_passed_but_the_good_firmware_has() -> None:
    missed = replace(a_row("deaf", an_outcome("trip[a]", PASS)), variant=Variant(name="deaf"))

    of_variant, of_good = text_of(a_result({}, rows=(missed,))).splitlines()[1:3]

    assert of_variant.split()[:3] == ["deaf", "NOT", "found"]
    assert of_good.split()[:2] == ["released", "passed"]


# ---- the reverse --------------------------------------------------------------------------------
MATRIX = {
    "x": {"trip[a]": FAIL, "trip[b]": FAIL, "hold[a]": PASS},
    "y": {"trip[a]": PASS, "trip[b]": FAIL, "hold[a]": FAIL},
    "z": {"trip[a]": PASS, "trip[b]": PASS, "hold[a]": PASS},
}


def test_a_family_is_needed_for_what_no_other_family_finds() -> None:
    result = a_result(MATRIX)

    assert reverse.lost_without_family(result) == {"trip": ["x"], "hold": []}
    assert reverse.found_by_family(result) == {"trip": ["x", "y"], "hold": ["y"]}


def test_a_case_that_finds_nothing_alone_could_be_cut() -> None:
    result = a_result({"x": {"trip[a]": FAIL, "hold[a]": PASS}, "y": {"hold[b]": FAIL}})

    assert reverse.lost_without_case(result) == {"trip[a]": ["x"], "hold[b]": ["y"]}
    assert reverse.spare_cases(result) == ["hold[a]"]


@settings(deadline=None)
@given(
    st.dictionaries(
        st.sampled_from("uvwxyz"),
        st.fixed_dictionaries({f"f{i}[c]": st.sampled_from([PASS, FAIL]) for i in range(5)}),
        min_size=1,
    )
)
def test_the_smallest_choice_finds_all_that_the_plan_finds(
    matrix: dict[str, dict[str, Verdict]],
) -> None:
    result = a_result(matrix)
    chosen = set(reverse.smallest_choice(result))

    for row in result.rows:
        assert bool(row.found_by) == bool(chosen & set(row.found_by))
    needed = set(reverse.lost_without_case(result))
    assert needed <= chosen


def test_only_a_full_matrix_tells_the_reverse() -> None:
    full = a_result(MATRIX)

    assert "without this family" in text_of(full)
    assert "without this family" not in text_of(replace(full, until="fail"))


# ---- the file -----------------------------------------------------------------------------------
def test_a_result_reads_back_as_it_was_written(tmp_path: Path) -> None:
    result = a_result(MATRIX, untested=("the profile claims much; no case looks",))
    save_result(result, tmp_path / "new" / "mutants.json")

    assert load_result(tmp_path / "new" / "mutants.json") == result


def test_another_file_is_refused_as_a_result(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{}", encoding="utf-8")

    with pytest.raises(DescriptionError, match="it is no result of rig mutants"):
        load_result(tmp_path / "x.json")


def test_a_control_that_was_interrupted_proves_nothing() -> None:
    control = replace(a_control(), finished=False)
    result = a_result({"v": {"trip[a]": FAIL}}, control=control)

    assert not result.is_control_good
    assert result.exit_code == 3


def test_what_a_family_alone_finds_needs_the_others_cases_and_no_more() -> None:
    matrix = {
        "x": {"trip[a]": FAIL, "hold[a]": PASS, "hold[b]": PASS},  # trip[b] did not run
        "y": {"trip[a]": FAIL, "trip[b]": PASS, "hold[a]": PASS},  # hold[b] did not run
        "z": {"trip[b]": FAIL, "hold[a]": PASS, "hold[b]": FAIL},
    }

    assert reverse.lost_without_family(a_result(matrix, until="each family")) == {
        "trip": ["x"],
        "hold": [],
    }
