"""A case written out in a plan's words reads back as the case it was."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rig.case import Case
from rig.dut.profile import find_described, load_profile
from rig.plan.coverage import untested
from rig.plan.expand import expand
from rig.plan.model import load_plan, parse_plan
from rig.plan.writing import plan_text, written_out
from rig.steps.type_line import Type

ROOT = Path(__file__).parents[2]
ESP32 = load_profile(find_described("esp32-4s", "duts", "profile.yaml"))
NIGHTLY = expand(load_plan(ROOT / "testplans" / "nightly.yaml"), ESP32, 1)
# One of each family is enough to meet every kind of step and expectation that families make.
ONE_EACH = list({case.family: case for case in NIGHTLY}.values())
MAY_OPEN_AGAIN = next(case for case in NIGHTLY if case.id == "rest_bus[CTO-HostAlive-again]")


def read_back(case: Case) -> Case:
    text = plan_text(
        "again", "esp32-4s", [written_out(case, "the case", ESP32)], why="found\nby search"
    )
    return expand(parse_plan(text, "again.yaml"), ESP32, 1)[0]


def rounded(parts: tuple[Any, ...]) -> str:
    """Return what a case is made of, its numbers to 12 digits: 0.1 + 0.2 is written 0.3."""
    return re.sub(r"\d+\.\d{12,}", lambda m: f"{float(m[0]):.12g}", repr(parts))


@pytest.mark.parametrize("case", ONE_EACH, ids=lambda case: case.family)
def test_a_case_reads_back_as_it_was(case: Case) -> None:
    again = read_back(case)

    assert rounded(again.steps) == rounded(case.steps)
    assert rounded(again.expectations) == rounded(case.expectations)
    assert (again.protection, again.severity, again.precondition) == (
        case.protection,
        case.severity,
        case.precondition,
    )


@pytest.mark.parametrize("case", ONE_EACH, ids=lambda case: case.family)
def test_a_case_read_back_answers_the_same_claims(case: Case) -> None:
    assert untested(ESP32, [read_back(case)]) == untested(ESP32, [case])


def test_that_an_output_may_open_again_is_read_back() -> None:
    again = read_back(MAY_OPEN_AGAIN)

    assert rounded(again.expectations) == rounded(MAY_OPEN_AGAIN.expectations)


def test_the_reason_stands_at_the_head() -> None:
    text = plan_text(
        "again", "esp32-4s", [written_out(NIGHTLY[0], "a", ESP32)], why="found\nby search"
    )

    assert text.startswith("# found\n# by search\nplan: again\nfor: esp32-4s\n")


@pytest.mark.parametrize("line", ["0E0", "1E5", "12e03", "on", "1_0", "nan"])
def test_a_text_that_looks_like_a_number_is_read_as_a_text(line: str) -> None:
    case = replace(NIGHTLY[0], steps=(Type(line=line), *NIGHTLY[0].steps))

    assert read_back(case).steps == case.steps
