"""`rig campaign`: a search that finds what a small plan does not, and proposes it as a plan."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from rig.check import check
from rig.cli import main
from rig.dut.profile import find_described, load_profile
from rig.judge.verdict import Verdict
from rig.mutants.campaign import Campaign, Find
from rig.mutants.result import Row, Variant, save_result
from rig.plan.expand import expand
from rig.plan.model import load_plan
from rig.pool import Ran, Work
from tests.mutants.factories import PASS, a_result, a_row, an_outcome

DUT = find_described("esp32-4s", "duts", "profile.yaml")
PLAN = "plan: nothing but the start\nfor: esp32-4s\ncases:\n  - {family: power up}\n"


def test_what_finds_a_variant_is_proposed_as_a_plan_that_finds_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan, out = tmp_path / "start.yaml", tmp_path / "out"
    plan.write_text(PLAN, encoding="utf-8")
    options = ["--variants", "trips-on-one-sample", "--seed", "3", "--out", str(out)]

    code = main(["campaign", "--hours", "0.15", "--plan", str(plan), *options])

    said = capsys.readouterr().out
    assert code == 1, said
    assert "1 variants found that the plan does not find" in said
    assert "0 false alarms" in said
    facts = json.loads((out / "campaign.json").read_text(encoding="utf-8"))
    assert [found["variant"] for found in facts["found"]] == ["trips-on-one-sample"]
    proposed = out / "proposed.yaml"
    assert check([proposed]).ok
    again = ["--variants", "trips-on-one-sample", "--out", str(tmp_path / "again")]
    assert main(["mutants", str(proposed), *again]) == 0, capsys.readouterr().out


HELD = """\
plan: what a search might propose
for: esp32-4s
cases:
  - name: {name}
    protection: discharge overcurrent 1
    steps: [{{hold: 10 ms, as: begun}}, {{set: {{current: -33 A}}}}, {{hold: {held}, as: end}}]
    expect: [{{discharge path: {{stays: closed, from: begun, to: end}}}}]
"""


def a_find(folder: Path, variant: str, held: str) -> Find:
    plan = folder / f"{variant}.yaml"
    plan.write_text(HELD.format(name=variant, held=held), encoding="utf-8")
    [case] = expand(load_plan(plan), load_profile(DUT), 7)
    named = Variant(name=variant, row="D1", severity="S1")
    return Find(variant=named, case=case, drawn="drawn[7-13]", sentence="it opened", seed=7)


def test_what_the_good_firmware_does_not_pass_is_not_proposed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("rig.mutants.campaign.PROOFS", (1, 2), raising=False)
    plan, out = tmp_path / "start.yaml", tmp_path / "out"
    plan.write_text(PLAN, encoding="utf-8")
    finds = [a_find(tmp_path, "short", "100 ms"), a_find(tmp_path, "long", "5 s")]
    monkeypatch.setattr(Campaign, "_batch", lambda self, _: self.finds.extend(finds))
    known = an_earlier_result(plan)
    options = ["--missed-of", str(known), "--variants", "trips-on-one-sample", "--hours", "0.01"]

    code = main(["campaign", "--plan", str(plan), *options, "--out", str(out)])

    said = capsys.readouterr().out
    assert code == 1, said
    proposed = load_plan(out / "proposed.yaml")
    assert [case.name for case in proposed.cases] == ["finds short"]
    assert "long is not proposed: the good firmware does not pass it (seed 1, fail: " in said
    facts = json.loads((out / "campaign.json").read_text(encoding="utf-8"))
    assert [(f["variant"], f["proposed"]) for f in facts["found"]] == [
        ("short", True),
        ("long", False),
    ]


def test_a_bench_that_can_not_be_had_ends_the_search(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = tmp_path / "start.yaml"
    plan.write_text(PLAN, encoding="utf-8")
    result = an_earlier_result(plan)

    def no_lane(works: Iterable[Work], _jobs: int | None) -> Iterator[Ran]:
        for work in works:
            for case in work.cases:
                yield replace(A_RUN, work=work.name, case_id=case.id)

    monkeypatch.setattr("rig.mutants.campaign.run_all", no_lane)
    options = ["--missed-of", str(result), "--variants", "trips-on-one-sample"]

    code = main(
        ["campaign", "--hours", "1", "--plan", str(plan), *options, "--out", str(tmp_path / "out")]
    )

    assert code == 3
    assert "no case of the last batch could be driven" in capsys.readouterr().out


def an_earlier_result(of: Path, *rows: Row, **given: object) -> Path:
    """Store a result beside the plan; one variant is unfound where no rows are given."""
    rows = rows or (a_row("trips-on-one-sample", an_outcome("power_up", PASS)),)
    facts = {"plan": of.as_posix(), "dut": "esp32-4s", "rows": rows} | given
    path = of.parent / "mutants.json"
    save_result(a_result({}, **facts), path)
    return path


def test_only_what_the_earlier_result_proves_unfound_is_looked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = tmp_path / "start.yaml"
    plan.write_text(PLAN, encoding="utf-8")
    result = an_earlier_result(
        plan,
        a_row("trips-on-one-sample", an_outcome("power_up", PASS)),
        a_row("undervoltage-at-boot", an_outcome("power_up")),
        a_row("short-violations-add-up", an_outcome("power_up", Verdict.ERROR)),
        a_row("late-first-frame", finished=False),  # none of the bench's, so it is no matter
    )
    options = ["--missed-of", str(result), "--hours", "0", "--out", str(tmp_path / "out")]

    main(["campaign", "--plan", str(plan), *options])

    said = capsys.readouterr().out
    assert "1 variants to find: trips-on-one-sample\n" in said
    assert "did not run to its end on them: short-violations-add-up\n" in said


@pytest.mark.parametrize("given", [{"plan": "night.yaml"}, {"dut": "esp32-16s"}])
def test_a_result_of_another_plan_or_bms_is_refused(
    given: dict[str, object], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = tmp_path / "start.yaml"
    plan.write_text(PLAN, encoding="utf-8")
    result = an_earlier_result(plan, **given)

    code = main(["campaign", "--hours", "0", "--plan", str(plan), "--missed-of", str(result)])

    assert code == 2
    assert f"not of {plan.as_posix()} on esp32-4s" in capsys.readouterr().err


def test_a_ctrl_c_while_the_plan_runs_ends_the_campaign(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = tmp_path / "start.yaml"
    plan.write_text(PLAN, encoding="utf-8")

    def interrupted(_works: Iterable[Work], _jobs: int | None) -> Iterator[Ran]:
        raise KeyboardInterrupt

    monkeypatch.setattr("rig.mutants.hunt.run_all", interrupted)
    out = tmp_path / "out"

    assert main(["campaign", "--hours", "0", "--plan", str(plan), "--out", str(out)]) == 130
    assert "interrupted" in capsys.readouterr().err
    assert not out.exists()


A_RUN = Ran(
    work="",
    case_id="",
    family="drawn",
    verdict=Verdict.ERROR,
    sentence="no bench answers",
    wall_s=0.0,
    virtual_s=0.0,
)
