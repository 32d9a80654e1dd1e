"""What is typed at the `rig` command and can't be done: one line that says so, exit code 2."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from rig.cli import main
from rig.errors import EvidenceError
from rig.evidence.later import later_judgement


def _said(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(arguments) == 2
    err = capsys.readouterr().err
    assert "Traceback" not in err
    assert "to mend:" in err
    return err


@pytest.mark.parametrize("place", ["file/lab", "file", "x" * 300])
def test_a_lab_at_a_place_that_can_not_be_written(
    place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")

    assert "lab" in _said(["new", "lab", str(tmp_path / place)], capsys)


@pytest.mark.parametrize("port", ["99999", "-1", "65530", "x"])
def test_a_port_base_that_is_no_port(port: str) -> None:
    command = [sys.executable, "-m", "rig.cli", "virtual", "--port-base", port]
    ended = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=60, stdin=subprocess.PIPE
    )

    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
    assert "--port-base" in ended.stderr


@pytest.mark.parametrize("name", ["CON", "nul", "Com1", "lpt9", "aux.2", "PRN", "a.", "x" * 300])
def test_a_judgement_has_a_name_that_every_system_can_store(name: str, tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match="is no name for a judgement"):
        later_judgement(tmp_path, name, is_new=True)
