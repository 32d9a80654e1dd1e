"""A step or an expectation is a file: put in or taken out, no other file of the rig changes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.expectations.test_plugin import CHANGES
from tests.steps.test_plugin import PULSE

ROOT = Path(__file__).parents[1]
ADDED = {"rig/steps/pulse.py": PULSE, "rig/expectations/changes.py": CHANGES}
PAGES = ["docs/schemas/plan.schema.json", "docs/write-tests-in-python.md"]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The rig's own files and the pages that are made from them."""
    leave_out = shutil.ignore_patterns("__pycache__", "virtual")
    shutil.copytree(ROOT / "rig", tmp_path / "rig", ignore=leave_out)
    shutil.copytree(ROOT / "docs/schemas", tmp_path / "docs/schemas")
    shutil.copy(ROOT / PAGES[1], tmp_path / PAGES[1])
    return tmp_path


def test_files_put_in_are_in_schema_and_table_and_gone_when_taken_out(clone: Path) -> None:
    before = _texts(clone)
    for name, text in ADDED.items():
        (clone / name).write_text(text, encoding="utf-8")

    _write_schemas(clone)
    added = _texts(clone)
    for name in ADDED:
        (clone / name).unlink()
    _write_schemas(clone)

    assert [name for name in before if added[name] != before[name]] == PAGES
    assert all(word in added[PAGES[0]] for word in ('"pulse"', '"changes"'))
    assert all(word in added[PAGES[1]] for word in ("`Pulse(", "`Changes("))
    assert _texts(clone) == before


def _write_schemas(clone: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(clone), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "rig.schemas"]
    subprocess.run(command, cwd=clone, env=environment, check=True, timeout=120)


def _texts(clone: Path) -> dict[str, str]:
    files = sorted(path for path in clone.rglob("*") if path.suffix in (".py", ".md", ".json"))
    return {p.relative_to(clone).as_posix(): p.read_text(encoding="utf-8") for p in files}
