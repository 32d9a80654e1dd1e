"""`rig explain`: expected, seen, when, the waveform as text and SVG, and how to repeat it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from reports.explain import explained, find_case
from reports.terminal import COLUMNS, LABEL, ROWS, _characters
from rig.dut.profile import load_profile
from rig.errors import DescriptionError
from rig.evidence import load_run
from rig.evidence.run import Run
from rig.plan.expand import expand
from rig.plan.model import parse_plan
from rig.shrink import shortest_plan, shrink_recorded
from tests.warm import ran

ROOT = Path(__file__).parents[2]
PLAN = """\
plan: one
for: esp32-4s
cases:
  - {family: trip, protections: [cell overvoltage], cells: [3]}
  - {family: trip, protections: [cell undervoltage], cells: [1]}
"""


def rig(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return ran("-m", "rig.cli", *arguments, cwd=cwd)


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return a run of a firmware that trips on one sample of OVP; of UVP, too."""
    folder = tmp_path_factory.mktemp("explained")
    (folder / "one.yaml").write_text(PLAN, encoding="utf-8")
    done = rig("run", "one.yaml", "--variant", "trips-on-one-sample", cwd=folder)
    assert done.returncode == 1, done.stdout + done.stderr
    return load_run(folder / "out/runs/virtual-esp32-4s-0001")


def test_it_says_what_was_expected_and_what_was_seen(failed: Run) -> None:
    text = "\n".join(explained(failed, find_case(failed, "trip[OVP-cell3]")))

    assert "expected: charge path opens 0.900 s to 1.100 s after cell 3 rises above" in text
    assert "seen:     charge path opened (" in text
    assert "1. Wait a random part" in text


@pytest.mark.parametrize("braille", [True, False])
def test_the_waveform_fits_a_terminal(failed: Run, braille: bool) -> None:  # noqa: FBT001
    lines = list(explained(failed, find_case(failed, "OVP"), braille=braille))
    strips = [line for line in lines if "\u2800" <= line[-1:] <= "\u28ff" or line.endswith("*")]

    assert len(strips) >= 2 * ROWS
    assert max(map(len, strips)) <= LABEL + COLUMNS
    if not braille:
        assert all(line.isascii() for line in strips)


def test_it_ends_with_the_shortest_stimulus_and_the_command_that_repeats_it(failed: Run) -> None:
    home = failed.path.parents[2]

    reported = rig("explain", str(failed.path), "OVP", cwd=home)

    assert reported.returncode == 0, reported.stderr
    *_, command = reported.stdout.strip().splitlines()
    assert command.strip().startswith("rig run out/explain/virtual-esp32-4s-0001-0001/shortest")
    ElementTree.parse(home / "out/explain/virtual-esp32-4s-0001-0001/waveform.svg")  # noqa: S314
    again = rig(*command.split()[1:], cwd=home)
    assert again.returncode == 1, again.stdout
    assert "charge path opened (" in again.stdout


def test_the_plan_with_the_shortest_stimulus_gives_the_very_case_that_was_tried(
    failed: Run,
) -> None:
    found = shrink_recorded(failed, find_case(failed, "OVP"))
    assert found is not None

    profile = load_profile(failed.path / "inputs" / "profile.yaml")
    plan = parse_plan(shortest_plan(failed, found), "shortest.yaml")
    [again] = expand(plan, profile, failed.meta.seed)

    assert (again.steps, again.seed) == (found.case.steps, found.case.seed)


def test_a_case_is_found_by_id_number_or_part(failed: Run) -> None:
    assert find_case(failed, "2").case.id == "trip[UVP-cell1]"
    assert find_case(failed, "UVP").number == 2


@pytest.mark.parametrize("wanted", ["trip", "OCD"], ids=["several", "none"])
def test_a_case_that_is_not_one_is_refused_with_those_that_failed(failed: Run, wanted: str) -> None:
    with pytest.raises(DescriptionError, match=r"trip\[OVP-cell3\]"):
        find_case(failed, wanted)


def test_every_dot_is_in_its_place() -> None:
    dots = np.zeros((4, 4), np.bool_)
    dots[0, 0] = dots[3, 1] = dots[1, 2] = True

    assert list(_characters(dots, braille=True)) == ["\u2881\u2802"]
    assert list(_characters(dots, braille=False)) == ["**"]


@pytest.mark.parametrize("verb", [("report",), ("explain", "OVP")])
def test_a_place_that_can_not_be_written_is_one_message(
    failed: Run, verb: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    name, *case = verb

    reported = rig(name, str(failed.path), *case, "--out", str(tmp_path / "file/out"), cwd=tmp_path)

    assert reported.returncode == 2
    assert "nothing can be written there: Not a directory" in reported.stderr
    assert "Traceback" not in reported.stderr
