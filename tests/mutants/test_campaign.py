"""`rig campaign`: a search that finds what a small plan does not, and proposes it as a plan."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rig.check import check
from rig.cli import main

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
