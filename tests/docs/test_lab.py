"""The folder that `rig new lab` copies: well as it is, and runs outside the clone."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from rig.check import check
from rig.cli import main
from rig.evidence.run import load_run
from tests.warm import ran


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lab's folder, just made, and being in it."""
    folder = tmp_path / "our lab"  # with a space, as people have them
    assert main(["new", "lab", str(folder)]) == 0
    monkeypatch.chdir(folder)
    return folder


def test_every_description_of_a_new_lab_is_well(lab: Path) -> None:
    files = [p.relative_to(lab) for p in lab.rglob("*.yaml")]

    report = check(files)

    assert len(files) == 3
    assert report.ok, report.text()


def test_a_new_lab_takes_nothing_from_the_rigs_own_folders(lab: Path) -> None:
    (lab / "benches" / "virtual-my-bms.yaml").unlink()

    report = check([Path("testplans/first.yaml")])

    assert "my-bms" in report.text()
    assert "on virtual-my-bms" not in report.text()


def test_the_first_plan_of_a_new_lab_passes_at_once(lab: Path) -> None:
    ended = _run_first_plan(lab)

    run = load_run(lab / "out/runs/virtual-my-bms-0001")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "warning" not in ended.stdout
    assert "YES: all" in ended.stdout
    assert run.counts["pass"] == len(run.cases) > 11
    assert (lab / "out/reports/virtual-my-bms-0001/index.html").is_file()
    assert {p.name for p in lab.iterdir()} >= {"README.md", ".gitignore", "pytest.ini"}


def _run_first_plan(lab: Path) -> subprocess.CompletedProcess[str]:
    return ran("-m", "rig.cli", "run", "testplans/first.yaml", cwd=lab)


@pytest.mark.parametrize("wrong", ["3.75 V", "3.55 V"])
def test_a_threshold_that_is_100_mv_off_is_found_by_the_first_plan(lab: Path, wrong: str) -> None:
    profile = lab / "duts/my-bms/profile.yaml"
    text = profile.read_text(encoding="utf-8")
    profile.write_text(text.replace("3.65 V ± 10 mV", f"{wrong} ± 10 mV"), encoding="utf-8")

    ended = _run_first_plan(lab)

    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "NO: " in ended.stdout
    assert "threshold[OVP" in ended.stdout


def test_a_lab_is_not_made_where_something_lies(
    lab: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["new", "lab", str(lab)]) == 2

    assert "not empty" in capsys.readouterr().err
