"""Evidence is believed only when it is whole: whoever reads it checks what he reads."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from reports.answer import answer
from rig.cli import main
from rig.errors import EvidenceError
from rig.evidence import RunFolder, load_run, verify
from rig.evidence.names import try_folder
from rig.evidence.run import add_judgements
from rig.judge.verdict import Judgement, Verdict
from rig.judging import judge
from tests.evidence.factories import (
    TickingClock,
    a_finding,
    a_judgement,
    a_meta,
    a_trace,
)
from tests.evidence.stored import IDS, a_stored_run, edit, edit_json, of_case, output_case

Meddle = Callable[[Path], object]
DAMAGED = "damaged"


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """A finished run of three cases, all passed."""
    return a_stored_run(tmp_path / "out")


def flip(path: Path, at: int = -100) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 0x10
    path.write_bytes(data)


def removed_lines(path: Path, which: int) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(x for n, x in enumerate(lines) if n != which))


def verdicts_to_fail(run: Path) -> None:
    edit(of_case(run, 2) / "judgement.json", '"pass"', '"fail"')


def judgement_file(run: Path, name: str, text: str) -> None:
    (run / "judgements").mkdir()
    (run / "judgements" / name).write_text(text)


def a_folder_for(path: Path) -> None:
    path.unlink()
    path.mkdir()


def a_link_for(path: Path) -> None:
    target = path.with_suffix(".elsewhere")
    shutil.move(path, target.parents[3] / target.name)
    path.symlink_to(target.parents[3] / target.name)


OF_A_CASE: dict[str, Meddle] = {
    "a console line": lambda run: edit(of_case(run, 2) / "console.txt", "NORMAL", "OVP"),
    "a limit in case.json": lambda run: edit(of_case(run, 2) / "case.json", "1.1", "9.9"),
    "a bit in the signals": lambda run: flip(of_case(run, 2) / "signals.parquet"),
    "a bit in the frames": lambda run: flip(of_case(run, 2) / "can.blf"),
    "a verdict": verdicts_to_fail,
    "a reading": lambda run: edit(of_case(run, 2) / "trace.json", "3.3002", "3.3003"),
    "a file too many": lambda run: (of_case(run, 2) / "note.txt").write_text("fine"),
    "a file too few": lambda run: (of_case(run, 2) / "scpi.txt").unlink(),
    "an empty file": lambda run: (of_case(run, 2) / "trace.json").write_bytes(b""),
    "a folder for a file": lambda run: a_folder_for(of_case(run, 2) / "case.json"),
    "a link for a file": lambda run: a_link_for(of_case(run, 2) / "judgement.json"),
    "no folder": lambda run: shutil.rmtree(of_case(run, 2)),
    "another name": lambda run: of_case(run, 2).rename(of_case(run, 2).with_name("0009-x")),
    "deep JSON": lambda run: (of_case(run, 2) / "case.json").write_bytes(b"[" * 100_000),
    "a lone surrogate": lambda run: edit(of_case(run, 2) / "judgement.json", "charge", "\\ud800"),
}

OF_THE_RUN: dict[str, Meddle] = {
    "a limit among the planned cases": lambda run: edit(run / "inputs/cases.jsonl", "1.1", "9.9"),
    "an input": lambda run: edit(run / "inputs/plan.yaml", "nightly", "smoke"),
    "an input too many": lambda run: (run / "inputs/other.dbc").write_text("BO_"),
    "an input too few": lambda run: (run / "inputs/profile.yaml").unlink(),
    "who ran it": lambda run: edit(run / "run.json", '"seed": 1', '"seed": 2'),
    "a line of the journal": lambda run: edit(run / "journal.jsonl", "2.0", "3.0"),
    "a line too few": lambda run: removed_lines(run / "journal.jsonl", 3),
    "the last line": lambda run: removed_lines(run / "journal.jsonl", -1 + 9),
    "a file too many": lambda run: (run / "notes.txt").write_text("fine, really"),
    "a file too many among cases": lambda run: (run / "cases/x").write_text("fine"),
    "no manifest": lambda run: (run / "manifest.json").unlink(),
    "sizes as text": lambda run: edit(run / "manifest.json", '"size": ', '"size": "1", "was": '),
    "a manifest that is a list": lambda run: (run / "manifest.json").write_text("[]"),
    "junk among judgements": lambda run: judgement_file(run, "good.json", "[1, 2]"),
    "nothing among judgements": lambda run: judgement_file(run, "good.json", "{}"),
    "a text among judgements": lambda run: judgement_file(run, "README", "all passed"),
}


if os.name != "nt":  # which has no such name
    OF_THE_RUN["a name that no terminal takes"] = lambda run: (run / "\x1b[2J\udcff<b>").write_text(
        "x"
    )


def told_by(run: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, tuple[int, str]]:
    """Exit code and output of each command that reads evidence."""
    commands = {
        "verify": ["verify", str(run)],
        "judge": ["judge", str(run), "--name", "again"],
        "report": ["report", str(run), "--out", str(out)],
        "explain": ["explain", str(run)],
        "explain one": ["explain", str(run), IDS[1], "--out", str(out), "--as-recorded"],
    }
    reported = {}
    for name, arguments in commands.items():
        code = main(arguments)
        said = capsys.readouterr()
        reported[name] = code, said.out + said.err
    return reported


@pytest.mark.parametrize("meddle", [*OF_A_CASE.values(), *OF_THE_RUN.values()],
                         ids=[*OF_A_CASE, *(f"run: {name}" for name in OF_THE_RUN)])  # fmt: skip
def test_no_command_calls_damaged_evidence_good(
    stored: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], meddle: Meddle
) -> None:
    meddle(stored)

    reported = told_by(stored, tmp_path / "reports", capsys)

    assert {name: code for name, (code, _) in reported.items() if code == 0} == {}
    assert not answer(load_run(stored)).all_passed
    assert all(said.strip() for _, said in reported.values())


def test_the_same_commands_call_whole_evidence_good(
    stored: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reported = told_by(stored, tmp_path / "reports", capsys)

    assert {name: code for name, (code, _) in reported.items() if code != 0} == {}
    assert answer(load_run(stored)).all_passed
    assert verify(stored) == []


@pytest.mark.parametrize("meddle", OF_A_CASE.values(), ids=OF_A_CASE)
def test_one_damaged_case_is_damaged_and_the_others_are_judged_and_shown(
    stored: Path, capsys: pytest.CaptureFixture[str], meddle: Meddle
) -> None:
    meddle(stored)

    code = main(["judge", str(stored), "--name", "again"])
    run = load_run(stored)

    assert [case.outcome for case in run.cases] == ["pass", DAMAGED, "pass"]
    assert run.cases[1].damage
    assert run.cases[1].case.id == IDS[1]
    assert not run.cases[1].has_trace
    assert code == 3
    assert "2 pass, 1 damaged" in capsys.readouterr().out
    assert set(load_run(stored, judged="again").counts) >= {"pass", DAMAGED}


def test_what_the_journal_said_of_a_damaged_case_is_told_with_it(stored: Path) -> None:
    verdicts_to_fail(stored)

    damage = " ".join(load_run(stored).cases[1].damage)

    assert "judgement.json" in damage
    assert "the journal says pass" in damage


def test_limits_come_from_the_cases_own_file_where_the_planned_ones_were_changed(
    stored: Path,
) -> None:
    edit(stored / "inputs/cases.jsonl", "1.1", "9.9")

    run = load_run(stored)

    assert [case.case for case in run.cases] == [output_case(case_id) for case_id in IDS]
    assert [case.outcome for case in run.cases] == ["pass"] * 3
    assert any(p.startswith("inputs/cases.jsonl: changed") for p in run.problems)
    assert answer(run).word == "NOT PROVEN"


@pytest.mark.parametrize(
    "content",
    [
        b"[]", b"null", b"3", b'"run"', b"{}", b"{", b"\xff\xfe", b"[" * 100_000,
        b'{"schema": "bms-hil-rig/run/1"}',
        b'{"schema": "bms-hil-rig/run/1", "bench": 7, "number": "x", "inputs": [], "meta": null}',
        b'{"schema": ["bms-hil-rig/run/1"]}',
        b'{"schema": "bms-hil-rig/run/99", "bench": "lab"}',
        b'{"schema": "bms-hil-rig/case/1", "bench": "lab"}',
    ],
)  # fmt: skip
def test_facts_of_a_run_that_are_none_are_damaged_and_no_traceback(
    stored: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes
) -> None:
    (stored / "run.json").write_bytes(content)

    reported = told_by(stored, tmp_path / "reports", capsys)

    for code, said in reported.values():
        assert code not in {0, None}
        assert "run.json" in said
        assert "damaged" in said or "unreadable" in said


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param('"started_utc": "2026', '"started_utc": "9999', id="the end of time"),
        pytest.param('"started_utc": "2026-11-25T01:02:03.025000Z"', '"started_utc": null',
                     id="no date"),
        pytest.param('"number": 1', '"number": ' + "9" * 5000, id="a number beyond all numbers"),
        pytest.param('"number": 1', '"number": 1e999', id="infinite"),
        pytest.param('"number": 1', '"number": "one"', id="a word for a number"),
        pytest.param('"bench": "Lab 2"', '"bench": "\\ud800"', id="half a character"),
        pytest.param('"seed": 1', '"seed": {}', id="an object for a seed"),
    ],
)  # fmt: skip
def test_hostile_values_in_a_runs_facts_are_damaged_and_no_traceback(
    stored: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str
) -> None:
    edit(stored / "run.json", old, new)

    reported = told_by(stored, tmp_path / "reports", capsys)

    assert [code for code, _ in reported.values() if code == 0] == []
    assert all("run.json" in said for _, said in reported.values())


@pytest.mark.parametrize("name", ["run.json", "journal.jsonl", "manifest.json"])
@pytest.mark.parametrize("kind", ["folder", "link", "pipe", "nothing"])
def test_what_is_no_file_is_never_read(
    stored: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, kind: str
) -> None:
    if kind == "pipe" and not hasattr(os, "mkfifo"):
        pytest.skip("this system has no named pipes")
    path = stored / name
    if kind == "link":
        a_link_for(path)
    else:
        path.unlink()
        if kind == "folder":
            path.mkdir()
        elif kind == "pipe":
            os.mkfifo(path)

    reported = told_by(stored, tmp_path / "reports", capsys)

    assert [command for command, (code, _) in reported.items() if code == 0] == []
    assert all(name in said for _, said in reported.values())


def rewrite_journal(run: Path, change: Callable[[dict[str, object]], None]) -> None:
    """Write the journal anew with a chain that holds, as somebody who knows how would."""
    from rig.evidence.journal import Journal

    path = run / "journal.jsonl"
    entries = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    path.unlink()
    with Journal(path) as journal:
        for entry in entries:
            change(entry)
            own = {"number", "previous", "kind"}
            content = {k: v for k, v in entry.items() if k not in own}
            journal.write(str(entry["kind"]), content, durable=False)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"files": ["trace.json"]}, id="files as a list"),
        pytest.param({"files": {"../../../run.json": "0" * 64}}, id="a file outside"),
        pytest.param({"verdict": "excellent"}, id="no verdict"),
        pytest.param({"virtual_s": "long"}, id="a word for a time"),
        pytest.param({"virtual_s": 1e300}, id="a time beyond all times"),
        pytest.param({"wall": None}, id="no wall time"),
        pytest.param({"case": 7}, id="a number for a name"),
        pytest.param({"case": "never planned"}, id="of no planned case"),
    ],
)
def test_a_result_that_is_none_damages_and_breaks_nothing(
    stored: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], change: dict[str, object]
) -> None:
    rewrite_journal(stored, lambda e: e.update(change) if e.get("case") == IDS[1]
                    and e["kind"] == "result" else None)  # fmt: skip

    reported = told_by(stored, tmp_path / "reports", capsys)

    assert [command for command, (code, _) in reported.items() if code == 0] == []


@pytest.mark.parametrize(
    "folder", ["../../../etc", "/etc", "0001-trip-cell1/../..", "", ".", "a\\b", "a/b"]
)
def test_a_planned_case_lies_below_cases_and_nowhere_else(stored: Path, folder: str) -> None:
    def outside(entry: dict[str, object]) -> None:
        if entry["kind"] == "planned":
            entry["cases"][1]["folder"] = folder  # type: ignore[index]

    rewrite_journal(stored, outside)

    run = load_run(stored)

    assert run.problems
    assert all(c.folder.parent == stored / "cases" for c in run.cases)


# ---- names ------------------------------------------------------------------------------------
def test_a_renamed_run_folder_is_a_note_with_both_names(
    stored: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archived = stored.rename(stored.with_name("2026-11-customer-x"))

    assert main(["verify", str(archived)]) == 0

    said = capsys.readouterr().out
    assert "2026-11-customer-x" in said
    assert "lab-2-0001" in said
    assert answer(load_run(archived)).all_passed


def test_a_whole_series_renamed_for_an_archive_is_no_error(tmp_path: Path) -> None:
    runs = [a_stored_run(tmp_path) for _ in range(3)]
    moved = [run.rename(run.with_name(f"archive-{run.name}")) for run in runs]

    assert [verify(run) for run in moved] == [[], [], []]


def test_a_copy_beside_its_original_doubles_the_number(tmp_path: Path) -> None:
    run = a_stored_run(tmp_path)
    copy = Path(shutil.copytree(run, run.with_name("lab-2-0002")))

    problems = verify(copy)

    assert len(problems) == 1
    assert "lab-2-0001" in problems[0]
    assert "lab-2-0002" in problems[0]
    assert not answer(load_run(copy)).all_passed
    assert verify(run) == []


def test_a_renamed_run_that_others_of_its_bench_came_after_leaves_a_gap(tmp_path: Path) -> None:
    runs = [a_stored_run(tmp_path) for _ in range(3)]
    moved = runs[1].rename(runs[1].with_name("old"))

    problems = verify(moved)

    assert len(problems) == 1
    assert "gap" in problems[0]


# ---- judgements -------------------------------------------------------------------------------
def test_a_later_judgement_that_was_edited_is_named(
    stored: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["judge", str(stored), "--name", "again"]) == 0
    assert verify(stored) == []
    edit(stored / "judgements/again.json", '"verdict": "pass"', '"verdict": "fail"')

    problems = verify(stored)

    assert any(p.startswith("judgements/again.json") for p in problems)
    with pytest.raises(EvidenceError, match="again"):
        load_run(stored, judged="again")
    capsys.readouterr()


def test_a_later_judgement_of_another_run_is_named(tmp_path: Path) -> None:
    one, two = a_stored_run(tmp_path), a_stored_run(tmp_path)
    main(["judge", str(one), "--name", "again"])
    shutil.copytree(one / "judgements", two / "judgements")

    assert any("lab-2-0001" in p for p in verify(two))


def test_a_later_judgement_of_a_case_that_is_none_is_named(stored: Path) -> None:
    judgement = load_run(stored).cases[0].judgement
    assert judgement is not None
    add_judgements(load_run(stored), "again", {"no such case": judgement})

    assert any("no such case" in p for p in verify(stored))


def test_the_headline_of_damaged_evidence_says_itself_what_is_damaged(stored: Path) -> None:
    (stored / "inputs" / "plan.yaml").write_bytes(b"plan: another\n")
    flip(of_case(stored, 2) / "signals.parquet")

    reported = str(answer(load_run(stored)))

    first = load_run(stored).problems[0]
    assert reported == f"NOT PROVEN: the evidence is damaged: {first}; and 1 more problem."


# ---- kinds and versions -----------------------------------------------------------------------
def test_every_stored_document_names_its_schema_and_version(
    stored: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["judge", str(stored), "--name", "again"])
    capsys.readouterr()
    documents = [
        "run.json", "manifest.json", "judgements/again.json",
        *(str(p.relative_to(stored)) for p in stored.glob("cases/*/*.json")),
    ]  # fmt: skip
    lines = [stored / "inputs/cases.jsonl", stored / "journal.jsonl"]

    named = {name: json.loads((stored / name).read_bytes())["schema"] for name in documents}
    first = [json.loads(p.read_text("utf-8").splitlines()[0])["schema"] for p in lines]

    kinds = {schema.split("/")[1] for schema in [*named.values(), *first]}
    assert kinds == {"run", "manifest", "judgements", "case", "judgement", "trace", "journal"}
    assert all(schema.startswith("bms-hil-rig/") for schema in named.values())


def unknown_kind(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('"kind":"hold"', '"kind":"warp"', 1), encoding="utf-8")


def test_an_unknown_kind_makes_one_case_unreadable_and_not_all(tmp_path: Path) -> None:
    folder = a_stored_run(tmp_path, finished=False)
    (folder / "journal.jsonl").write_bytes(  # the run died before its second case
        b"".join((folder / "journal.jsonl").read_bytes().splitlines(keepends=True)[:4])
    )
    cases = folder / "inputs/cases.jsonl"
    lines = cases.read_text(encoding="utf-8").splitlines(keepends=True)
    lines[1] = lines[1].replace('"kind":"hold"', '"kind":"warp"')
    cases.write_text("".join(lines), encoding="utf-8")

    run = load_run(folder)

    assert [case.outcome for case in run.cases] == ["pass", DAMAGED, "not run"]
    assert "made by a newer rig?" in run.cases[1].damage[0]
    assert "warp" in run.cases[1].damage[0]
    assert run.cases[1].case.id == IDS[1]


@pytest.mark.parametrize("name", ["case.json", "judgement.json", "trace.json"])
def test_a_newer_version_of_one_document_makes_one_case_unreadable(
    stored: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = of_case(stored, 2) / name
    kind = path.stem
    edit_json(path, schema=f"bms-hil-rig/{kind}/99")
    relist(stored, path)

    code = main(["judge", str(stored), "--name", "again"])
    run = load_run(stored)

    assert [case.outcome for case in run.cases] == ["pass", DAMAGED, "pass"]
    assert "made by a newer rig?" in run.cases[1].damage[0]
    assert code == 3
    capsys.readouterr()


@pytest.mark.parametrize(
    ("unreadable", "again_opens_s", "outcome", "code"),
    [(1, 1.53, DAMAGED, 3), (1, 1.9, "fail", 1), (2, 1.53, DAMAGED, 3), (2, 1.9, DAMAGED, 3)],
)
def test_a_try_of_a_newer_version_is_unreadable_and_no_other(  # noqa: PLR0917
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    unreadable: int,
    again_opens_s: float,
    outcome: str,
    code: int,
) -> None:
    time_s = np.arange(2500) * 1e-3
    cell, path = np.where(time_s < 0.5, 3.3, 3.7), np.where(time_s < again_opens_s, 12.0, 0.0)
    run = a_stored_run(tmp_path, finished=False)
    with RunFolder.resume(run) as folder:
        case, again = folder.planned[1], a_trace({"cell 3": cell, "charge path": path})
        folder.case_done(case, again, judge(case, again), wall_s=0.02, virtual_s=2.0)
        folder.finish()
    newer = of_case(run, 2).with_name(try_folder(of_case(run, 2).name, unreadable)) / "case.json"
    edit_json(newer, schema="bms-hil-rig/case/99")
    relist(run, newer)

    reported = main(["judge", str(run), "--name", "again"])

    printed = capsys.readouterr()
    assert [c.outcome for c in load_run(run).cases] == ["pass", outcome, "pass"]
    assert reported == code, printed
    assert {"2 pass", f"1 {outcome}"} == set(printed.out.splitlines()[0].split(", "))
    assert "made by a newer rig?" in printed.err


def relist(run: Path, path: Path) -> None:
    """Make journal and manifest agree with a file that was changed, as its own rig had."""
    from rig.evidence.journal import digest
    from rig.evidence.manifest import write_manifest

    def hashed(entry: dict[str, object]) -> None:
        if entry["kind"] == "result" and entry["folder"] == path.parent.name:
            entry["files"][path.name] = digest(path.read_bytes())  # type: ignore[index]

    rewrite_journal(run, hashed)
    write_manifest(run)


def test_a_run_of_before_documents_named_their_schema_is_still_read() -> None:
    run = load_run(Path(__file__).parent / "golden" / "lab-2-0001")

    assert run.problems == ()
    assert [case.outcome for case in run.cases] == ["pass", "fail"]
    assert run.cases[0].trace().lines[0].text == "I (100) bms: state=NORMAL"
    assert answer(run).word == "NO"


@pytest.mark.parametrize(
    ("meddle", "said"),
    [
        pytest.param(lambda run: edit(run / "inputs/plan.yaml", "nightly", "smoke"),
                     "inputs/plan.yaml: changed", id="a changed input"),
        pytest.param(lambda run: unknown_kind(run / "inputs/cases.jsonl"), "inputs/cases.jsonl",
                     id="changed limits"),
    ],
)  # fmt: skip
def test_a_run_whose_inputs_are_not_its_own_is_not_resumed(
    tmp_path: Path, meddle: Meddle, said: str
) -> None:
    folder = a_stored_run(tmp_path, finished=False)
    meddle(folder)

    with pytest.raises(EvidenceError, match=said):
        RunFolder.resume(folder)


def test_a_fail_that_holds_is_not_hidden_by_a_damaged_try_of_the_same_case(tmp_path: Path) -> None:
    case, good = output_case(IDS[0]), a_trace()
    with RunFolder.create(tmp_path, "Lab 2", a_meta(), {}, [case], now=TickingClock()) as folder:
        failed = a_judgement(case, a_finding(1.3))
        folder.case_done(case, good, failed, wall_s=0.1, virtual_s=2.0)
        again = folder.case_done(case, good, judge(case, good), wall_s=0.1, virtual_s=2.0)
        folder.finish()
    edit(again / "console.txt", "NORMAL", "OVP")

    run = load_run(folder.path)

    assert run.cases[0].outcome == "fail"
    assert run.cases[0].tries[1].damage
    assert run.problems


def test_an_aborted_run_is_no_yes_though_all_that_ran_passed(tmp_path: Path) -> None:
    run = load_run(a_stored_run(tmp_path, finished=False))

    assert run.problems == ()
    assert answer(run).word == "NOT PROVEN"


def test_a_resumed_run_repeats_the_damaged_try_and_not_the_one_that_failed(tmp_path: Path) -> None:
    case, good = output_case(IDS[0]), a_trace()
    passed, failed = judge(case, good), a_judgement(case, a_finding(1.3))
    folder = RunFolder.create(tmp_path, "Lab 2", a_meta(), {}, [case], now=TickingClock())
    first = folder.case_done(case, good, passed, wall_s=0.1, virtual_s=2.0)
    folder.case_done(case, good, failed, wall_s=0.1, virtual_s=2.0)
    folder.finish("aborted")
    edit(first / "console.txt", "NORMAL", "OVP")

    again = RunFolder.resume(folder.path, now=TickingClock())
    again.case_done(case, good, passed, wall_s=0.1, virtual_s=2.0)
    run = load_run(again.finish())

    assert [each.verdict for each in run.cases[0].tries] == ["pass", "fail"]
    assert (run.cases[0].outcome, run.problems) == ("fail", ())


def test_a_case_of_which_nothing_is_recorded_is_not_forgotten_when_the_others_are_judged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cases = [output_case(case_id) for case_id in IDS]
    lost = Judgement(case_id=IDS[1], verdict=Verdict.ERROR, sentence="bench: gone", findings=())
    with RunFolder.create(tmp_path, "Lab 2", a_meta(), {}, cases, now=TickingClock()) as folder:
        good = a_trace()
        folder.case_done(cases[0], good, judge(cases[0], good), wall_s=0.1, virtual_s=2.0)
        folder.case_done(cases[1], None, lost, wall_s=0.1, virtual_s=0.0)

    code = main(["judge", str(folder.path), "--name", "again"])

    assert code == 3
    assert "1 error, 1 pass, 1 not run" in capsys.readouterr().out
