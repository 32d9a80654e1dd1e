"""What allure-pytest writes of a session of cases, with the glue as fixtures/plugin.py uses it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

COUNT = 80
ROOT = Path(__file__).parents[2]

Result = dict[str, Any]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Play a session of 80 cases and return the folder of its Allure results."""
    folder = tmp_path_factory.mktemp("allure")
    (folder / "a.night").write_text(str(COUNT))
    plugins = ["-p", "allure_pytest.plugin", "-p", "tests.reports.night_plugin"]
    options = ["-q", "-p", "no:cacheprovider", "--alluredir", "results"]
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *plugins, *options, "a.night"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    return folder / "results"


@pytest.fixture(scope="module")
def reported(results: Path) -> list[Result]:
    """All results."""
    return [json.loads(p.read_text(encoding="utf-8")) for p in results.glob("*-result.json")]


def of_status(reported: list[Result], status: str) -> Result:
    return next(r for r in reported if r["status"] == status)


def labels(result: Result) -> dict[str, str]:
    return {label["name"]: label["value"] for label in result["labels"]}


def test_every_verdict_keeps_a_status_of_its_own(reported: list[Result]) -> None:
    counts = Counter(result["status"] for result in reported)

    assert counts["failed"] == 3
    assert counts["unknown"] == 3  # inconclusive
    assert counts["broken"] == 1  # the bench
    assert counts["skipped"] == 1
    assert sum(counts.values()) == COUNT


def test_no_two_cases_share_a_history(reported: list[Result]) -> None:
    assert len({result["historyId"] for result in reported}) == COUNT
    assert len({result["testCaseId"] for result in reported}) == COUNT


def test_a_skipped_case_has_the_names_that_it_has_when_it_runs(reported: list[Result]) -> None:
    skipped, failed = of_status(reported, "skipped"), of_status(reported, "failed")

    assert skipped["name"] == "Cell voltages reported on CAN are true (repeat 5)"
    names = [p["name"] for p in skipped["parameters"]]
    assert names == [p["name"] for p in failed["parameters"]]
    assert labels(skipped)["suite"] == "telemetry"


def test_bench_is_in_the_history_and_seed_is_not(reported: list[Result]) -> None:
    parameters = {p["name"]: p for p in reported[0]["parameters"]}

    assert parameters["bench"]["value"] == "lab"
    assert not parameters["bench"].get("excluded")
    assert parameters["seed"]["excluded"]


def test_steps_are_the_plans_and_then_each_expectation(reported: list[Result]) -> None:
    steps = of_status(reported, "failed")["steps"]

    assert [s["status"] for s in steps[:5]] == ["passed"] * 5
    assert any(s["name"].startswith("Set cells 1 to 4 to 3.300 V") for s in steps)
    expected = [s for s in steps if s["name"].startswith("Expected: ")]
    assert len(expected) == 2
    assert expected[0]["status"] == "failed"
    assert all(s["start"] <= s["stop"] for s in steps)


def test_requirement_severity_and_behaviour_are_labelled(reported: list[Result]) -> None:
    failed = of_status(reported, "failed")

    assert {"type": "tms", "url": "SRS-001", "name": "SRS-001"} in failed["links"] or failed[
        "links"
    ]
    found = labels(failed)
    assert found["severity"] == "blocker"
    assert (found["epic"], found["story"]) == ("Protections", "trip")
    assert found["parentSuite"] == "nightly"


def test_waveform_measurements_and_transcripts_are_attached(
    results: Path, reported: list[Result]
) -> None:
    attached = {a["name"]: a for a in of_status(reported, "unknown")["attachments"]}

    assert {"Waveform", "Measurements", "Console", "SCPI transcript"} <= set(attached)
    assert attached["Waveform"]["type"] == "image/svg+xml"
    table = (results / attached["Measurements"]["source"]).read_text(encoding="utf-8")
    assert table.startswith("expectation,means,value,U,k,unit,low,high,verdict\n")


def test_environment_categories_and_configuration_lie_beside_the_results(results: Path) -> None:
    environment = (results / "environment.properties").read_text(encoding="utf-8")
    configuration = json.loads((results / "allurerc.json").read_text(encoding="utf-8"))

    assert "Firmware=esp32-4s 1.0.0\n" in environment
    assert "Verdicts=80 planned: " in environment
    assert "NO (" in configuration["name"]
    statuses = [c["matchers"][0]["statuses"] for c in configuration["categories"]]
    assert statuses == [["failed"], ["unknown"], ["broken"], ["skipped"]]
    assert (results / "categories.json").is_file()


def test_without_alluredir_the_glue_does_nothing(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from types import SimpleNamespace as N\n"
        "from reports import allure_glue as g\n"
        "g.configure(N(getoption=lambda *_: None))\n"
        "g.finish(N()); g.settle(N())\n"
        "assert 'allure_commons' not in sys.modules\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == []
