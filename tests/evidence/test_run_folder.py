"""What a run leaves on the disk, also when it is cut short or meddled with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures import outcomes
from rig.case import Case
from rig.errors import EvidenceError, StorageError
from rig.evidence import NOT_RUN, RunFolder, load_run, verify
from rig.evidence.names import LONGEST_SLUG, case_folder
from rig.evidence.run import add_judgements
from rig.judge.verdict import Judgement, Verdict, with_beside
from tests.evidence.factories import TickingClock, a_case, a_finding, a_judgement, a_meta, a_trace

IDS = ["trip[cell overvoltage,cell=3]", "trip[cell overvoltage;cell=3]", "latch[SCD]"]


def some_cases() -> list[Case]:
    return [a_case(case_id) for case_id in IDS]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[RunFolder]:
    """A run with three planned cases, of which none has begun."""
    with a_folder(tmp_path) as open_folder:
        yield open_folder


def a_folder(out: Path, cases: list[Case] | None = None) -> RunFolder:
    return RunFolder.create(
        out,
        "Lab 2",
        a_meta(),
        {"plan.yaml": b"plan: nightly\n"},
        some_cases() if cases is None else cases,
        now=TickingClock(),
    )


def run_one(folder: RunFolder, case: Case, trip_s: float = 1.03) -> Judgement:
    judgement = a_judgement(case, a_finding(trip_s))
    folder.case_started(case)
    folder.case_done(case, a_trace(), judgement, wall_s=0.02, virtual_s=2.0)
    return judgement


def a_finished_run(out: Path) -> Path:
    folder = a_folder(out)
    for case in folder.planned:
        run_one(folder, case)
    return folder.finish()


def test_a_finished_run_reads_back_as_it_was(folder: RunFolder) -> None:
    judgement = run_one(folder, folder.planned[0], trip_s=1.32)
    run_one(folder, folder.planned[1])
    skipped = Judgement(case_id=IDS[2], verdict=Verdict.SKIPPED, sentence="no meter", findings=())
    folder.case_done(folder.planned[2], None, skipped, wall_s=0.0, virtual_s=0.0)

    run = load_run(folder.finish())

    assert run.run_id == "lab-2-0001"
    assert run.finished
    assert run.problems == ()
    assert [c.case for c in run.cases] == some_cases()
    assert [c.outcome for c in run.cases] == ["fail", "pass", "skipped"]
    assert run.cases[0].judgement == judgement
    assert run.meta == a_meta()
    assert run.virtual_s == 4.0
    assert run.wall_s > 0.0
    assert not run.cases[2].has_trace
    assert verify(run.path) == []


def test_the_trace_comes_back_with_the_case(tmp_path: Path) -> None:
    run = load_run(a_finished_run(tmp_path))

    trace = run.cases[0].trace()

    recorded = a_trace()
    np.testing.assert_allclose(
        trace.channels["cell 3"].values,
        recorded.channels["cell 3"].values,
        atol=1e-6,
    )
    assert trace.lines == recorded.lines


def test_every_case_is_named_before_the_first_one_runs(folder: RunFolder) -> None:
    lines = [json.loads(x) for x in (folder.path / "journal.jsonl").read_text().splitlines()]

    assert [line["kind"] for line in lines] == ["run-start", "planned"]
    assert [c["case"] for c in lines[1]["cases"]] == IDS


def test_a_run_that_died_says_which_cases_were_not_run(folder: RunFolder) -> None:
    run_one(folder, folder.planned[0])
    folder.case_started(folder.planned[1])

    run = load_run(folder.path)

    assert run.aborted
    assert [c.outcome for c in run.cases] == ["pass", NOT_RUN, NOT_RUN]
    assert run.counts == {
        "pass": 1,
        "fail": 0,
        "inconclusive": 0,
        "error": 0,
        "skipped": 0,
        NOT_RUN: 2,
        "damaged": 0,
    }
    assert any("aborted" in problem for problem in verify(folder.path))


def test_a_result_is_on_record_before_the_next_case_starts(folder: RunFolder) -> None:
    run_one(folder, folder.planned[0])

    last = json.loads((folder.path / "journal.jsonl").read_text().splitlines()[-1])

    assert last["kind"] == "result"
    assert last["verdict"] == "pass"
    assert set(last["files"]) >= {"case.json", "judgement.json", "trace.json"}


def test_a_resumed_run_repeats_what_has_no_whole_result_and_nothing_else(folder: RunFolder) -> None:
    run_one(folder, folder.planned[0])
    run_one(folder, folder.planned[1])
    folder.finish("aborted")
    (folder.path / "cases" / case_folder(2, IDS[1]) / "trace.json").write_bytes(b"lost power")

    again = RunFolder.resume(folder.path, now=TickingClock())
    assert [case.id for case in again.remaining] == IDS[1:]
    for case in again.remaining:
        run_one(again, case)

    run = load_run(again.finish())
    assert run.finished
    assert [c.outcome for c in run.cases] == ["pass"] * 3
    assert verify(run.path) == []


@pytest.mark.parametrize(
    ("trip_s", "seen", "tries"), [(1.03, "error", 1), (1.53, "fail", 2)], ids=["pass", "fail"]
)
def test_a_case_whose_trace_was_lost_runs_again_and_a_fail_stays_one(
    folder: RunFolder, trip_s: float, seen: str, tries: int
) -> None:
    case = folder.planned[0]
    judged = a_judgement(case, a_finding(trip_s))
    lost = with_beside(judged, [outcomes.not_stored(StorageError("full", "disk", "make room"))])
    folder.case_done(case, None, lost, wall_s=0.02, virtual_s=2.0)
    folder.finish("aborted")
    assert load_run(folder.path).cases[0].outcome == seen

    with RunFolder.resume(folder.path, now=TickingClock()) as again:
        assert [case.id for case in again.remaining] == IDS
        for each in again.remaining:
            run_one(again, each)

    with RunFolder.resume(folder.path, now=TickingClock()) as last:
        assert last.remaining == ()
    run = load_run(folder.path)
    assert [t.verdict for t in run.cases[0].tries] == ["fail", "pass"][-tries:]
    assert run.problems == ()


def test_a_finished_run_is_not_resumed(tmp_path: Path) -> None:
    path = a_finished_run(tmp_path)

    with pytest.raises(EvidenceError, match="start a new run"):
        RunFolder.resume(path)


@pytest.mark.parametrize(
    "name",
    [
        "run.json",
        "inputs/plan.yaml",
        "inputs/cases.jsonl",
        "cases/0001-trip-cell-overvoltage-cell-3/trace.json",
    ],
)
def test_a_file_changed_later_is_named(tmp_path: Path, name: str) -> None:
    path = a_finished_run(tmp_path)
    with (path / name).open("ab") as file:
        file.write(b"\n")

    assert any(problem.startswith(name) for problem in verify(path))


def test_a_file_removed_or_added_later_is_named(tmp_path: Path) -> None:
    path = a_finished_run(tmp_path)
    (path / "inputs" / "plan.yaml").unlink()
    (path / "cases" / "note.txt").write_text("it was fine, really")

    problems = verify(path)

    assert any(p.startswith("inputs/plan.yaml: missing") for p in problems)
    assert any(p.startswith("cases/note.txt: not in the manifest") for p in problems)


def test_a_verdict_changed_with_its_hash_still_differs_from_the_journal(tmp_path: Path) -> None:
    path = a_finished_run(tmp_path)
    judgement = path / "cases" / case_folder(1, IDS[0]) / "judgement.json"
    judgement.write_text(judgement.read_text().replace('"pass"', '"fail"'))

    assert any("judgement.json" in problem for problem in load_run(path).problems)


def test_a_case_that_was_not_planned_is_refused(folder: RunFolder) -> None:
    with pytest.raises(EvidenceError, match="not planned"):
        run_one(folder, a_case("something else"))


def test_two_cases_of_one_name_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match="two planned cases"):
        a_folder(tmp_path, [a_case("same"), a_case("same")])

    assert list(tmp_path.iterdir()) == []


def test_runs_of_a_bench_are_numbered_without_a_gap(tmp_path: Path) -> None:
    names = [a_finished_run(tmp_path).name for _ in range(3)]

    assert names == ["lab-2-0001", "lab-2-0002", "lab-2-0003"]


@pytest.mark.parametrize(
    "other", ["lab-2-divider-0007", "lab-2-7", "lab-2-0007-copy", "my-lab-2-0007"]
)
def test_runs_of_another_bench_are_not_counted(tmp_path: Path, other: str) -> None:
    (tmp_path / "runs" / other).mkdir(parents=True)

    assert a_finished_run(tmp_path).name == "lab-2-0001"


def test_two_runs_of_the_same_cases_leave_the_same_bytes_below_cases(tmp_path: Path) -> None:
    one, two = a_finished_run(tmp_path / "one"), a_finished_run(tmp_path / "two")

    files = sorted(p.relative_to(one) for p in (one / "cases").rglob("*") if p.is_file())

    assert files
    for file in files:
        assert (one / file).read_bytes() == (two / file).read_bytes(), file


def test_what_answered_at_connecting_stands_in_the_runs_facts(folder: RunFolder) -> None:
    instrument = replace(a_meta().instruments[0], serial="SN-777")
    folder.connected([instrument], firmware="2.0.0")
    folder.bench_error("emulator: no answer in 2 s")

    run = load_run(folder.path)

    assert run.meta.instruments == (instrument,)
    assert run.meta.firmware == "2.0.0"
    assert run.bench_errors == ("emulator: no answer in 2 s",)


def test_a_later_judgement_stands_beside_the_first(tmp_path: Path) -> None:
    path = a_finished_run(tmp_path)
    stricter = a_judgement(a_case(IDS[0]), a_finding(1.3))

    add_judgements(load_run(path), "stricter", {IDS[0]: stricter})

    assert load_run(path).cases[0].outcome == "pass"
    assert load_run(path, judged="stricter").cases[0].judgement == stricter
    assert load_run(path, judged="stricter").cases[1].outcome == "pass"
    assert verify(path) == []
    with pytest.raises(EvidenceError, match="another name"):
        add_judgements(load_run(path), "stricter", {})


@pytest.mark.parametrize(
    "name", ["../evil", "/evil", "a/b", "a\\b", "..", ".", "", "C:evil", "a\n"]
)
def test_a_judgement_is_stored_nowhere_else(tmp_path: Path, name: str) -> None:
    path = a_finished_run(tmp_path)
    before = sorted(tmp_path.rglob("*"))

    with pytest.raises(EvidenceError, match="no name for a judgement"):
        add_judgements(load_run(path), name, {})
    with pytest.raises(EvidenceError, match="no name for a judgement"):
        load_run(path, judged=name or "?")

    assert sorted(tmp_path.rglob("*")) == before


def test_a_folder_that_is_no_run_is_refused_with_advice(tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match="name a run folder"):
        load_run(tmp_path)


@given(case_id=st.text(min_size=1, max_size=300), number=st.integers(1, 9999))
def test_any_case_id_gives_a_name_that_windows_takes(case_id: str, number: int) -> None:
    name = case_folder(number, case_id)

    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert name[:4] == f"{number:04d}"
    assert len(name) <= LONGEST_SLUG + 5
    assert not name.endswith("-")
