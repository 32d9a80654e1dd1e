"""May I ship this? Yes only if every planned case passed and the evidence is whole."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from reports.answer import answer
from reports.run_page import run_page
from rig.dut.profile import find_described
from rig.evidence import Run, RunCase, load_run
from rig.evidence.left_out import FILE, LeftOut, LeftOutCase, stored
from rig.judge.verdict import Judgement, Verdict
from tests.evidence.factories import a_case
from tests.reports.synthetic import write_night

LETTERS = {v.value[0]: v for v in Verdict}  # p f i e s


PLAN = "plan: some\nfor: esp32-4s\n{}\ncases: [{{family: power up}}]\n"


def _frozen(path: Path, *, leaves_out: str = "", profile: str | None = None) -> Path:
    """Freeze a plan and a profile as a run's inputs."""
    plans = path / "inputs" / "plans"
    plans.mkdir(parents=True)
    (plans / "some.yaml").write_text(PLAN.format(leaves_out), encoding="utf-8")
    source = find_described("esp32-4s", "duts", "profile.yaml")
    text = source.read_text(encoding="utf-8") if profile is None else profile
    (path / "inputs" / "profile.yaml").write_text(text, encoding="utf-8")
    return path


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


def test_yes_only_when_all_planned_cases_passed_and_all_promises_are_spoken_of(
    night: Run, tmp_path: Path
) -> None:
    path = _frozen(tmp_path, leaves_out='leaves out: {"*": made up}')

    reported = str(answer(a_run(night, "ppp", path=path)))

    assert reported.startswith("YES: all 3 cases passed; the plan leaves out ")
    assert answer(a_run(night, "ppp", path=path)).left_out["start: says ready"] == "made up"


def test_promises_that_nobody_looked_at_make_no_yes_and_are_named(
    night: Run, tmp_path: Path
) -> None:
    found = answer(a_run(night, "ppp", path=_frozen(tmp_path)))

    count = len(found.not_looked_at)
    assert re.fullmatch(rf"NOTHING FAILED, {count} of \d+ claims not looked at", found.word)
    assert "cell overvoltage: recovery level" in found.not_looked_at
    assert "cell overvoltage: delay" not in found.not_looked_at  # the made-up cases ask it
    assert found.why.startswith("cell overvoltage (")
    assert len(found.why) < 600


def test_a_case_that_was_not_decided_looked_at_nothing(night: Run, tmp_path: Path) -> None:
    found = answer(a_run(night, "ii", path=_frozen(tmp_path)))

    assert found.word == "NOT PROVEN"
    assert "cell overvoltage: delay" in found.not_looked_at


def test_a_profile_that_cannot_be_read_makes_no_yes(night: Run, tmp_path: Path) -> None:
    found = answer(a_run(night, "ppp", path=_frozen(tmp_path, profile="name: [")))

    assert found.word == "NOTHING FAILED"
    assert "inputs/profile.yaml" in found.why


def test_one_failure_is_a_no_whatever_else_there_is(night: Run) -> None:
    reported = str(answer(a_run(night, "pfie")))

    assert reported.startswith("NO: 1 of 4 cases failed: cell overvoltage (1).")
    assert "1 in error (the bench) and 1 inconclusive" in reported


def test_undecided_skipped_or_not_run_cases_prove_nothing(night: Run) -> None:
    for letter in "iesn":
        assert answer(a_run(night, "pp" + letter)).word == "NOT PROVEN"


def test_what_the_bms_kept_from_its_stimulus_is_counted_apart(night: Run) -> None:
    run = a_run(night, "ppii")
    undecided = _judged("i")
    assert undecided is not None
    kept = replace(undecided, sentence="not reached: it was open")
    run = replace(run, cases=(*run.cases[:3], replace(run.cases[3], judgement=kept)))

    assert "1 inconclusive and 1 not reached (the BMS kept them from" in str(answer(run))
    page = run_page(run)
    assert "<b>2</b> inconclusive (1 not reached)" in page
    assert "Not reached: the BMS kept the case from its own stimulus" in page


def test_a_run_in_which_nothing_ran_is_never_a_yes(night: Run) -> None:
    assert answer(a_run(night, "")).word == "NOT PROVEN"
    assert answer(a_run(night, "nnn")).word == "NOT PROVEN"


def test_damaged_evidence_proves_nothing(night: Run) -> None:
    assert answer(a_run(night, "ppp", problems=("changed",))).word == "NOT PROVEN"


def test_a_good_night_on_the_disk_is_a_yes(tmp_path: Path) -> None:
    run = load_run(write_night(tmp_path, 14, bad=False))

    assert answer(run).word == "YES"


def test_what_a_budget_left_out_is_told_beside_the_answer(night: Run, tmp_path: Path) -> None:
    path = _frozen(tmp_path, leaves_out='leaves out: {"*": made up}')
    left = tuple(LeftOutCase(id=f"c{n}", title="a case", expected_s=60.0) for n in range(5))
    (path / "inputs" / FILE).write_bytes(stored(LeftOut(budget_s=2700.0, cases=left)))

    found = answer(a_run(night, "ppp", path=path))

    assert found.word == "YES"
    assert found.why.endswith("5 of 8 cases left out for the budget of 45 min.")
    assert found.no_time is not None
