"""An expectation that a plugin brings in one file is as good as ours; without it all else works."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CHANGES = '''
"""A CAN signal changes so often, of a lab of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from rig.can_address import SignalAddress
from rig.dut.profile import Profile
from rig.expectations.expectation import Expectation
from rig.expectations.subjects import SIGNAL, Subject
from rig.expectations.words import Spanned, Words, span_words
from rig.judge.can_signals import frames_between
from rig.judge.observed import Observed
from rig.judge.verdict import Finding, Verdict
from rig.judge.wording import said_span
from rig.steps.resolver import Resolver


class ChangesWords(Spanned):
    """A signal that changes."""

    leads: ClassVar[tuple[str, ...]] = ("changes",)

    changes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes(Expectation):
    """A CAN signal changes at least so often between two marks."""

    signal: SignalAddress
    least: int
    begin: str | None = None
    end: str | None = None
    kind: Literal["changes"] = "changes"
    means: ClassVar[str] = "CAN"
    subject: ClassVar[Subject] = SIGNAL
    words: ClassVar[type[Words]] = ChangesWords

    @classmethod
    def read(cls, name: str, content: ChangesWords, names: Resolver) -> Iterator[Expectation]:
        span = {"begin": content.begin, "end": content.end}
        yield cls(signal=SignalAddress(name), least=content.changes, **span)

    def written(self, profile: Profile) -> tuple[str, dict[str, Any]]:
        return str(self.signal), {"changes": self.least} | span_words(self.begin, self.end)

    def sentence(self) -> str:
        span = said_span(self.begin, self.end)
        return f"{self.signal} changes {self.least} times at least {span}"

    def judge(self, observed: Observed) -> Finding:
        seen = frames_between(observed, self)
        count = int(np.count_nonzero(np.diff(seen.values)))
        verdict = Verdict.PASS if count >= self.least else Verdict.FAIL
        return self.question.answer(verdict, f"{seen.signal} changed {count} times")
'''
PLAN = """
plan: alive
for: esp32-4s
cases:
  - name: the counter counts
    steps:
      - hold: 2 s
        as: looked
    expect:
      - BMS_Status.Alive: {changes: 10, to: looked}
      - BMS_Status.OV: {changes: 1}
"""
LOOK = """
import json

from rig.dut.profile import load_profile
from rig.evidence import load_run
from rig.plan.expand import expand
from rig.plan.model import parse_plan
from rig.plan.writing import plan_text, written_out
from rig.schemas import page, schemas

EMPTY = "<!-- expectations: x -->\\n| expectation |\\n| --- |\\n"

found = load_run("out/runs/virtual-esp32-4s-0001").cases[0]
case, profile = found.case, load_profile("esp32-4s")
text = plan_text("again", "esp32-4s", [written_out(case, case.title, profile)])
[again] = expand(parse_plan(text, "again.yaml"), profile, 1)
print(json.dumps({
    "again": again.expectations == case.expectations,
    "verdicts": [finding.verdict for finding in found.judgement.of_expectations],
    "schema": "ChangesWords" in json.loads(schemas()["plan.schema.json"])["$defs"],
    "table": "| `Changes(signal, least, begin, end)` | `changes` | A CAN" in page(EMPTY),
}))
"""


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    """A folder with a plan, and beside it a plugin that is installed there."""
    installed = tmp_path / "installed"
    info = installed / "lab_changes-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: lab-changes\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[rig.expectations]\nchanges = lab_changes\n")
    (installed / "lab_changes.py").write_text(CHANGES, encoding="utf-8")
    (tmp_path / "alive.yaml").write_text(PLAN, encoding="utf-8")
    return tmp_path


def _ran(lab: Path, *arguments: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = dict(os.environ) | ({"PYTHONPATH": str(path)} if path else {})
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=lab, env=environment, capture_output=True, text=True, encoding="utf-8", timeout=120,
    )  # fmt: skip


def test_a_plugins_expectation_goes_from_the_plan_to_the_page_and_back(lab: Path) -> None:
    plugin = lab / "installed"
    run = ("-m", "rig.cli", "run", "alive.yaml", "-p", "no:cacheprovider")
    ran = _ran(lab, *run, path=plugin)
    looked = _ran(lab, "-c", LOOK, path=plugin)

    assert ran.returncode == 1, ran.stdout + ran.stderr  # OV does not change
    [html] = lab.glob("out/reports/*/index.html")
    page = html.read_text(encoding="utf-8")
    assert "BMS_Status.OV changes 1 times at least from the start to the end" in page
    assert looked.stdout.splitlines()[-1:] == [
        '{"again": true, "verdicts": ["pass", "fail"], "schema": true, "table": true}'
    ], looked.stderr


def test_without_the_plugin_its_word_is_unknown_and_all_else_as_before(lab: Path) -> None:
    reported = _ran(lab, "-m", "rig.cli", "check", "alive.yaml").stdout

    assert '"changes" is not known here' in reported
    assert "2 mistakes" in reported


def test_a_kind_whose_file_is_gone_is_missed_by_no_one_but_families(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "rig", tmp_path / "rig", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "rig" / "expectations" / "cycles.py").unlink()
    look = (
        "import rig.judging, reports.svg\n"
        "from rig.plan import model, written, writing, complete, duration\n"
        "from rig.expectations import *\n"
        "print(rig.__file__, 'Trips' in globals(), 'Cycles' in globals())"
    )

    ran = _ran(tmp_path, "-c", look, path=tmp_path)

    assert ran.stdout == f"{tmp_path / 'rig' / '__init__.py'} True False\n", ran.stderr
