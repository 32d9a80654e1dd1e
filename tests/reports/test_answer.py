"""May I ship this? Yes only if every planned case passed and the evidence is whole."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from reports.answer import answer
from rig.evidence import Run, RunCase, load_run
from rig.judge.verdict import Judgement, Verdict
from tests.evidence.factories import a_case
from tests.reports.synthetic import write_night

LETTERS = {v.value[0]: v for v in Verdict}  # p f i e s


def a_run(night: Run, outcomes: str, **changes: object) -> Run:
    """Make a run of these outcomes: p f i e s, and n for not run."""
    cases = tuple(
        RunCase(number=n, case=a_case(f"case {n}"), folder=Path(), judgement=_judged(letter))
        for n, letter in enumerate(outcomes, 1)
    )
    return replace(night, cases=cases, **{"problems": (), **changes})  # type: ignore[arg-type]


def _judged(letter: str) -> Judgement | None:
    if letter == "n":
        return None
    return Judgement(case_id="x", verdict=LETTERS[letter], sentence="because", findings=())


def test_yes_only_when_all_planned_cases_passed(night: Run) -> None:
    assert str(answer(a_run(night, "ppp"))) == "YES: all 3 cases passed."


def test_one_failure_is_a_no_whatever_else_there_is(night: Run) -> None:
    told = str(answer(a_run(night, "pfie")))

    assert told.startswith("NO: 1 of 4 cases failed: cell overvoltage (1).")
    assert "1 in error (the bench) and 1 inconclusive" in told


def test_undecided_skipped_or_not_run_cases_prove_nothing(night: Run) -> None:
    for letter in "iesn":
        assert answer(a_run(night, "pp" + letter)).word == "NOT PROVEN"


def test_a_run_in_which_nothing_ran_is_never_a_yes(night: Run) -> None:
    assert answer(a_run(night, "")).word == "NOT PROVEN"
    assert answer(a_run(night, "nnn")).word == "NOT PROVEN"


def test_damaged_evidence_proves_nothing(night: Run) -> None:
    assert answer(a_run(night, "ppp", problems=("changed",))).word == "NOT PROVEN"


def test_a_good_night_on_the_disk_is_a_yes(tmp_path: Path) -> None:
    run = load_run(write_night(tmp_path, 14, bad=False))

    assert answer(run).word == "YES"
