"""A step that a plugin brings in one file is as good as ours; without it nothing else breaks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PULSE = '''
"""The step `pulse`, of a lab of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from rig.description import Description
from rig.quantity import Seconds, Volts, exact
from rig.steps.driver import Driver
from rig.steps.resolver import Resolver
from rig.steps.step import Step


class Pulsed(Description):
    """A voltage for a while."""

    quantity: str
    high: Volts
    low: Volts
    for_s: Annotated[Seconds, Field(alias="for")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulse(Step):
    """Give a voltage another value for a while."""

    words: ClassVar[Mapping[str, Any]] = {"pulse": Pulsed}
    acts: ClassVar[bool] = True

    quantity: str
    high: float
    low: float
    for_s: float
    mark: str | None = None
    kind: Literal["pulse"] = "pulse"

    @classmethod
    def read(cls, word: str, content: Pulsed, names: Resolver) -> Step:
        return cls(**dict(content))

    def check(self, names: Resolver) -> None:
        names.at("quantity").settable(self.quantity)

    def written(self) -> tuple[str, Any]:
        return "pulse", {
            "quantity": self.quantity,
            "high": exact(self.high, "V"),
            "low": exact(self.low, "V"),
            "for": exact(self.for_s, "s"),
        }

    def sentence(self) -> str:
        return f"Pulse {self.quantity} to {self.high:.3f} V"

    def longest_s(self) -> float:
        return self.for_s + 0.7

    def commanded(self) -> Iterator[tuple[str, float]]:
        yield self.quantity, self.high
        yield self.quantity, self.low

    def do(self, driver: Driver) -> None:
        driver.set({self.quantity: self.high})
        driver.sleep_ns(round(self.for_s * 1e9))
        driver.set({self.quantity: self.low})
'''
PLAN = """
plan: pulses
for: esp32-4s
cases:
  - name: a pulse shorter than the delay
    steps:
      - pulse: {quantity: cell 3, high: 3.70 V, low: 3.30 V, for: 300 ms}
        as: pulsed
      - hold: 2 s
    expect:
      - charge path: stays closed
      - charge path: {stays: closed, from: pulsed}
"""
LOOK = """
import json
from pathlib import Path

from rig.dut.profile import load_profile
from rig.evidence import load_run
from rig.plan.expand import expand
from rig.plan.model import parse_plan
from rig.plan.writing import plan_text, written_out
from rig.schemas import page, schemas

EMPTY = "<!-- steps: x -->\\n| step |\\n| --- |\\n"

case = load_run("out/runs/virtual-esp32-4s-0001").cases[0].case
profile = load_profile("esp32-4s")
text = plan_text("again", "esp32-4s", [written_out(case, case.title, profile)])
[again] = expand(parse_plan(text, "again.yaml"), profile, 1)
step = json.loads(schemas()["plan.schema.json"])["$defs"]["PlanStep"]["anyOf"][-1]
print(json.dumps({
    "again": again.steps == case.steps,
    "kinds": [step.kind for step in again.steps],
    "schema": "pulse" in step["properties"],
    "table": "| `Pulse(quantity, high, low, for_s)` | `pulse` | Give a voltage" in page(EMPTY),
}))
"""


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    """A folder with a plan, and beside it a plugin that is installed there."""
    installed = tmp_path / "installed"
    info = installed / "lab_pulse-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: lab-pulse\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[rig.steps]\npulse = lab_pulse\n")
    (installed / "lab_pulse.py").write_text(PULSE, encoding="utf-8")
    (tmp_path / "pulses.yaml").write_text(PLAN, encoding="utf-8")
    return tmp_path


def _ran(lab: Path, *arguments: str, plugin: bool = True) -> subprocess.CompletedProcess[str]:
    environment = dict(os.environ)
    if plugin:
        environment["PYTHONPATH"] = str(lab / "installed")
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=lab, env=environment, capture_output=True, text=True, encoding="utf-8", timeout=120,
    )  # fmt: skip


def test_a_plugins_step_goes_from_the_plan_to_the_page_and_back(lab: Path) -> None:
    ran = _ran(lab, "-m", "rig.cli", "run", "pulses.yaml", "-p", "no:cacheprovider")
    looked = _ran(lab, "-c", LOOK)

    assert ran.returncode == 0, ran.stdout + ran.stderr
    [html] = lab.glob("out/reports/*/index.html")
    assert "Pulse cell 3 to 3.700 V" in html.read_text(encoding="utf-8")
    assert looked.stdout.splitlines()[-1:] == [
        '{"again": true, "kinds": ["pulse", "hold"], "schema": true, "table": true}'
    ], looked.stderr


def test_its_names_are_held_against_the_profile(lab: Path) -> None:
    plan = lab / "pulses.yaml"
    plan.write_text(PLAN.replace("cell 3", "cell 7"), encoding="utf-8")

    reported = _ran(lab, "-m", "rig.cli", "check", "pulses.yaml").stdout

    assert "pulses.yaml:7:27: cases[1].steps[1].pulse.quantity: there is no quantity" in reported


def test_without_the_plugin_its_word_is_unknown_and_all_else_as_before(lab: Path) -> None:
    reported = _ran(lab, "-m", "rig.cli", "check", "pulses.yaml", plugin=False).stdout

    assert '"pulse" is not known here' in reported
    assert "1 mistake" in reported


@pytest.mark.parametrize(
    "first", ["import lab_pulse", "from rig.steps import *", "import rig.case", "import rig.cli"]
)
def test_it_is_found_whatever_is_imported_first(lab: Path, first: str) -> None:
    look = f"{first}\nimport lab_pulse, rig.steps\nprint(rig.steps.Pulse is lab_pulse.Pulse)"

    assert _ran(lab, "-c", look).stdout == "True\n"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("import not_there", "the plugin 'pulse' can't be loaded: ModuleNotFoundError"),
        ("from rig.steps import Hold", "asks for all kinds of Step while it is imported"),
        (PULSE.replace('"pulse"] = "pulse"', '"hold"] = "hold"'), "there is a kind 'hold' already"),
    ],
    ids=["broken", "asks for kinds", "a name that is taken"],
)
def test_a_plugin_that_is_wrong_is_named(lab: Path, text: str, what: str) -> None:
    (lab / "installed" / "lab_pulse.py").write_text(text, encoding="utf-8")

    ran = _ran(lab, "-c", "import rig.case")

    assert ran.returncode != 0
    assert what in ran.stderr
