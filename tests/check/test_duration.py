"""How long a plan takes: foretold from its steps, held against what recorded runs took."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rig.case import Case
from rig.check import check
from rig.cli import main
from rig.dut.profile import load_profile
from rig.evidence import load_run
from rig.plan.duration import expected_s
from rig.plan.expand import expand
from rig.plan.model import load_plan
from rig.steps.hold import Hold
from tests.evidence.factories import a_case

ROOT = Path(__file__).parents[2]
# Bench time that these plans took, by their runs' virtual_s (seed 1).
RECORDED_S = {"nightly": 9071.2, "nightly-16s": 5457.0, "release": 846.9, "pbmslsuite-o": 2362.9}


def _case(*steps: object, precondition: str = "off") -> Case:
    return a_case(steps=steps, expectations=(), precondition=precondition)


@pytest.mark.parametrize("name", RECORDED_S)
def test_a_plan_takes_as_long_as_foretold_within_a_quarter(name: str) -> None:
    plan = load_plan(ROOT / "testplans" / f"{name}.yaml")
    profile = load_profile(plan.dut or "")

    foretold_s = sum(expected_s(case, profile) for case in expand(plan, profile, 1))

    assert foretold_s == pytest.approx(RECORDED_S[name], rel=0.25)


def test_a_hold_and_the_start_are_counted() -> None:
    profile = load_profile("esp32-4s")

    off, ready = (
        expected_s(_case(Hold(duration_s=60), precondition=b), profile) for b in ("off", "ready")
    )

    assert 60 < off < ready < 64


def test_the_smoke_run_itself_took_as_long_as_foretold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    plan = ROOT / "testplans" / "smoke.yaml"
    cases = check([plan]).cases
    profile = load_profile("esp32-4s")

    assert main(["run", str(plan), "-q", "-p", "no:cacheprovider"]) in (0, 3)

    run = load_run(tmp_path / "out/runs/virtual-esp32-4s-0001")
    foretold_s = sum(expected_s(case, profile) for case in cases)
    assert foretold_s == pytest.approx(run.virtual_s, rel=0.25)


def test_the_check_says_how_long_the_plan_takes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(ROOT / "testplans" / "nightly.yaml")]) == 0

    reported = capsys.readouterr().out
    assert re.search(r"711 cases, about 2 h 3\d min of bench time", reported)
