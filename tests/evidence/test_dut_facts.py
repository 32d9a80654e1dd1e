"""What is claimed of a BMS whatever the case: stored once a run, and given to each case of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fixtures.rejudge import rejudge
from rig.case import Case
from rig.cli import main
from rig.evidence import RunFolder, load_run
from rig.evidence.forms import CASE, DUT, DUT_NAME
from rig.facts import DutFacts, StartClaims
from rig.judging import judge
from tests.evidence.factories import TickingClock, a_meta, a_trace
from tests.evidence.stored import IDS, edit, output_case

START = StartClaims(
    ready="ready", ready_within_s=1.0, closes=(), closed_within_s=1.0, outputs={}
)  # which no trace here shows
FACTS = DutFacts(cells=4, periods={"BMS_Status": 0.1}, prints_every_s=1.0, start=START)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A finished run whose inputs hold the facts."""
    cases: list[Case] = [replace(output_case(case_id), dut=FACTS) for case_id in IDS]
    inputs = {DUT_NAME: DUT.dump(FACTS)}
    folder = RunFolder.create(tmp_path, "Lab 2", a_meta(), inputs, cases, now=TickingClock())
    for case in cases:
        trace = a_trace()
        folder.case_done(case, trace, judge(case, trace), wall_s=0.0, virtual_s=2.0)
    return folder.finish()


def test_each_case_bears_those_of_its_run(run: Path) -> None:
    assert [(c.case.dut, c.tries[0].case and c.tries[0].case.dut) for c in load_run(run).cases] == [
        (FACTS, FACTS)
    ] * len(IDS)


def test_no_case_stores_them(run: Path) -> None:
    stored = (run / "inputs/cases.jsonl").read_bytes() + next(run.rglob("case.json")).read_bytes()

    assert b"BMS_Status" in (run / "inputs" / DUT_NAME).read_bytes()
    assert b'"periods"' not in stored
    assert b'"dut"' not in stored


def test_where_they_are_not_those_of_then_the_first_judgement_stands(run: Path) -> None:
    before = {c.case.id: c.verdict for c in load_run(run).cases}
    edit(run / "inputs" / DUT_NAME, '"ready_within_s":1.0', '"ready_within_s":9.0')

    again = rejudge(run, "again", None)

    assert not again.run.are_inputs_whole
    assert {name: found.verdict for name, found in again.judgements.items()} == before


def test_a_case_of_an_older_version_bears_its_own() -> None:
    case = output_case(IDS[0])
    older = CASE.dump(case).replace(b"case/5", b"case/3")
    older = older.replace(b'"id":', b'"cells":4,"periods":{"BMS_Status":0.1},"start":null,"id":', 1)

    assert CASE.load(older, "case.json").dut == DutFacts(cells=4, periods={"BMS_Status": 0.1})


def test_a_run_without_them_is_gone_on_with_by_the_rig_that_began_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cases = [output_case(case_id) for case_id in IDS]
    folder = RunFolder.create(tmp_path, "Lab 2", a_meta(), {}, cases, now=TickingClock())
    run = folder.finish("aborted")
    before = (run / "journal.jsonl").read_bytes()

    code = main(["run", "--resume", str(run)])

    said = capsys.readouterr().err
    assert code == 2
    assert f"no inputs/{DUT_NAME}" in said
    assert said.count("the version that began the run") == 1
    assert (run / "journal.jsonl").read_bytes() == before
