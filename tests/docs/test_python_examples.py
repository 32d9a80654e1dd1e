"""Every Python example of the page about tests in Python runs on the virtual bench, and passes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rig.evidence import load_run
from rig.expectations import Expectation
from rig.steps import Step
from tests.fixtures.harness import pytest_said

PAGE = Path(__file__).parents[2] / "docs" / "write-tests-in-python.md"
TEXT = PAGE.read_text(encoding="utf-8")
EXAMPLES = "\n".join(re.findall(r"^```python test\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL))
KINDS = [*Step.kinds().values(), *Expectation.kinds().values()]
TABLES = "\n".join(line for line in TEXT.splitlines() if line.startswith("| `"))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_step_or_expectation_stands_in_its_table(kind: type) -> None:
    assert re.search(rf"`{kind.__name__}\b|, `{kind.__name__}\b", TABLES)


def test_every_example_passes_and_together_they_use_each_kind(tmp_path: Path) -> None:
    (tmp_path / "test_examples.py").write_text(EXAMPLES, encoding="utf-8")

    done = pytest_said(tmp_path, "-q", "--dut", "esp32-4s")

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{EXAMPLES.count('def test_')} passed" in done.stdout
    path = tmp_path / "out/runs/virtual-esp32-4s-0001"
    stored = "".join(file.read_text(encoding="utf-8") for file in path.glob("cases/*/case.json"))
    used = set(re.findall(r'"kind": ?"([^"]+)"', stored))
    assert {*Step.kinds(), *Expectation.kinds()} <= used
    assert load_run(path).counts["pass"] == EXAMPLES.count("def test_")
