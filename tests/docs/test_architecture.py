"""The case that docs/architecture.md follows from plan to page is what a run leaves today."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.warm import ROOT, ran

PAGE = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
_QUOTED = re.compile(r"`(\w+\.json)`[^`]*(?:`[^`]+`[^`]*)*?```json\n(.*?)```", re.DOTALL)


@pytest.fixture(scope="module")
def case_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out")
    arguments = ("run", "testplans/smoke.yaml", "-k", "trip and OVP", "--out", str(out))
    done = ran("-m", "rig.cli", *arguments, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    (folder,) = out.glob("runs/*/cases/*-trip-ovp-cell1")
    return folder


def test_it_quotes_case_trace_and_judgement() -> None:
    assert [name for name, _ in _QUOTED.findall(PAGE)] == [
        "case.json",
        "trace.json",
        "judgement.json",
    ]


@pytest.mark.parametrize(("name", "quoted"), _QUOTED.findall(PAGE))
def test_what_it_quotes_of_a_case_is_in_the_run_folder(
    name: str, quoted: str, case_folder: Path
) -> None:
    stored = json.loads((case_folder / name).read_text(encoding="utf-8"))
    assert _missing(json.loads(quoted), stored, name) == []


def test_what_it_quotes_of_the_plan_and_the_profile_stands_there() -> None:
    plan = (ROOT / "testplans/smoke.yaml").read_text(encoding="utf-8")
    profile = (ROOT / "fixtures/duts/esp32-4s/profile.yaml").read_text(encoding="utf-8")
    quoted = [
        line
        for block in re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)
        for line in block.splitlines()
    ]
    assert quoted
    assert [line for line in quoted if line.strip() not in plan + profile] == []


def _missing(quoted: Any, stored: Any, where: str) -> list[str]:
    """What is quoted and not stored; of a list its first elements, of an object some members."""
    if isinstance(quoted, dict) and isinstance(stored, dict):
        return [
            line
            for key, value in quoted.items()
            for line in _missing(value, stored.get(key), f"{where}/{key}")
        ]
    if isinstance(quoted, list) and isinstance(stored, list):
        return [
            line
            for at, value in enumerate(quoted)
            for line in _missing(value, stored[at] if at < len(stored) else None, f"{where}/{at}")
        ]
    if isinstance(quoted, float):  # of six digits
        quoted = pytest.approx(quoted, rel=1e-5)
    return [] if quoted == stored else [f"{where}: {quoted!r}, stored {stored!r}"]
