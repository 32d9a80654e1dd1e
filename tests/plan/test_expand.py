"""Ids, seeds and what a plan lends to the cases of its families."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.case import CASE_JSON, Case
from rig.description import BrokenDescriptionError
from rig.dut.profile import Profile
from rig.errors import DescriptionError
from rig.plan.expand import case_seed, expand, expand_family
from rig.plan.families import Options
from rig.plan.model import load_plan, parse_plan
from tests.plan.test_families import ORIGIN

ROOT = Path(__file__).parents[2]
OVP_1 = Options(protections=("cell overvoltage",), targets=("cell 1",))


def _plan(tmp_path: Path, cases: str) -> Path:
    path = tmp_path / "plan.yaml"
    path.write_text(f"plan: night\nfor: esp32-4s\ncases:\n{cases}", encoding="utf-8")
    return path


def _expanded(path: Path, profile: Profile, seed: int = 1) -> list[Case]:
    return expand(load_plan(path), profile, seed)


def test_repeats_are_told_apart_by_id_seed_and_parameter(esp32: Profile) -> None:
    cases = list(expand_family("trip", replace(OVP_1, repeats=3), esp32, ORIGIN, seed=1))

    assert [c.id for c in cases] == [f"trip[OVP-cell1-r{n}]" for n in (1, 2, 3)]
    assert [c.parameters["repeat"] for c in cases] == ["1", "2", "3"]
    assert len({c.seed for c in cases}) == 3
    assert all(c.steps == cases[0].steps for c in cases)


def test_one_repeat_is_not_numbered(esp32: Profile) -> None:
    (case,) = expand_family("trip", OVP_1, esp32, ORIGIN, seed=1)

    assert case.id == "trip[OVP-cell1]"
    assert "repeat" not in case.parameters


@given(st.integers(0, 2**32), st.text(max_size=30))
def test_a_seed_is_a_function_of_run_and_case_alone(seed: int, case_id: str) -> None:
    assert case_seed(seed, case_id) == case_seed(seed, case_id)
    assert 0 <= case_seed(seed, case_id) < 2**48
    assert case_seed(seed, case_id) != case_seed(seed + 1, case_id)


def test_seeds_of_recorded_runs_stay_what_they_were() -> None:
    assert case_seed(1, "trip[OVP-cell1]") == 0xDC82_B7B5_9767


def test_a_plan_lends_what_it_says_to_every_case(esp32: Profile, tmp_path: Path) -> None:
    text = (
        "  - {family: trip, protections: [cell overvoltage], cells: [1], severity: minor,"
        " traces to: [SRS-900], tags: [quick]}\n"
    )

    (case,) = _expanded(_plan(tmp_path, text), esp32)

    assert (case.plan, case.severity, case.tags) == ("night", "minor", ("quick",))
    assert case.traces_to == ("SRS-001", "SRS-900")
    assert case.source.endswith("plan.yaml:4")


def test_without_a_word_from_the_plan_the_profiles_severity_holds(
    esp32: Profile, tmp_path: Path
) -> None:
    text = "  - {family: trip, protections: [cell overvoltage], cells: [1]}\n"

    (case,) = _expanded(_plan(tmp_path, text), esp32)

    assert case.severity == "blocker"


def test_the_seed_of_the_run_changes_seeds_and_nothing_else(esp32: Profile, tmp_path: Path) -> None:
    path = _plan(tmp_path, "  - {family: trip}\n")

    first, second = _expanded(path, esp32, seed=1), _expanded(path, esp32, seed=2)

    assert [replace(c, seed=0) for c in first] == [replace(c, seed=0) for c in second]
    assert not {c.seed for c in first} & {c.seed for c in second}


def test_the_same_case_twice_is_refused(esp32: Profile, tmp_path: Path) -> None:
    text = "  - {family: trip, cells: [1]}\n  - {family: trip, cells: [1, 2]}\n"

    with pytest.raises(DescriptionError, match=r"makes the case trip\[OVP-cell1\] again"):
        _expanded(_plan(tmp_path, text), esp32)


@pytest.mark.parametrize(
    ("only", "ids"),
    [
        ("OVP-cell2", ["OVP-cell2-r1", "OVP-cell2-r2"]),
        ("[UVP-*, OVP-cell1]", ["OVP-cell1-r1", "OVP-cell1-r2", "UVP-cell1-r1", "UVP-cell1-r2"]),
    ],
)
def test_a_plan_chooses_by_what_stands_in_brackets(
    esp32: Profile, tmp_path: Path, only: str, ids: list[str]
) -> None:
    text = f"  - {{family: trip, protections: [cell overvoltage, cell undervoltage], only: {only}"

    cases = _expanded(_plan(tmp_path, f"{text}, cells: [1, 2], repeats: 2}}\n"), esp32)

    assert [c.id for c in cases if not c.id.startswith("trip[UVP-cell2")] == [
        f"trip[{inner}]" for inner in ids
    ]


def test_what_a_plan_chooses_has_the_seed_that_it_has_among_all(
    esp32: Profile, tmp_path: Path
) -> None:
    (chosen,) = _expanded(_plan(tmp_path, "  - {family: trip, only: OVP-cell3}\n"), esp32)

    every = _expanded(_plan(tmp_path, "  - {family: trip}\n"), esp32)
    assert chosen in [replace(case, source=chosen.source) for case in every]


def test_a_choice_that_no_case_meets_is_a_mistake_that_names_the_nearest(
    esp32: Profile, tmp_path: Path
) -> None:
    text = "  - {family: trip, only: [OVP-cell1, OPV-cell3]}\n"

    with pytest.raises(
        DescriptionError, match=r'no case "OPV-cell3".*mean "OVP-cell3"'
    ) as reported:
        _expanded(_plan(tmp_path, text), esp32)
    assert "only[2]" in str(reported.value)


@pytest.mark.parametrize("settings", ["{points: many}", "{points: 1}"])
def test_a_setting_that_cannot_be_is_a_mistake_of_the_plan(
    esp32: Profile, tmp_path: Path, settings: str
) -> None:
    text = f"  - {{family: telemetry, settings: {settings}}}\n"

    with pytest.raises(DescriptionError, match="points"):
        _expanded(_plan(tmp_path, text), esp32)


def test_a_duration_without_unit_is_a_mistake_of_the_plan(esp32: Profile, tmp_path: Path) -> None:
    text = "  - {family: dip, settings: {dip: 50}}\n"

    with pytest.raises(DescriptionError, match="dip"):
        _expanded(_plan(tmp_path, text), esp32)


def test_every_case_survives_json(esp32: Profile, tmp_path: Path) -> None:
    for case in _expanded(_plan(tmp_path, "  - {family: trip}\n  - {family: latch}\n"), esp32):
        assert CASE_JSON.validate_json(CASE_JSON.dump_json(case)) == case


def test_titles_and_ids_of_our_families_are_short(esp32: Profile, tmp_path: Path) -> None:
    text = "".join(
        f"  - {{family: {family}}}\n" for family in ("trip", "recovery", "balancing", "threshold")
    )
    titles = {case.id: case.title for case in _expanded(_plan(tmp_path, text), esp32)}

    assert titles["trip[OCC2-current]"] == "charge overcurrent 2 acts after 120 ms to 200 ms"
    assert titles["trip[OW-cell1]"] == "broken sense wire at cell 1 acts after at most 2 s"
    assert titles["trip[WDT-hang]"] == "watchdog reset acts after at most 500 ms"
    assert "balancing[falls-low]" in titles
    assert "balancing[cell3]" in titles
    assert not [title for title in titles.values() if "at current" in title or " 0 s to" in title]
    assert max(map(len, titles)) <= 40


_DIGESTS = """
import hashlib, sys
from pathlib import Path
from rig.dut.profile import load_profile
from rig.case import CASE_JSON
from rig.plan.expand import expand
from rig.plan.model import load_plan, parse_plan
for path, profile in zip(sys.argv[1::2], sys.argv[2::2]):
    for case in expand(load_plan(Path(path)), load_profile(profile), 1):
        print(case.id, hashlib.sha256(CASE_JSON.dump_json(case)).hexdigest())
"""


def test_another_hash_seed_makes_the_same_cases() -> None:
    plans = ["testplans/nightly.yaml", "esp32-4s", "testplans/nightly-16s.yaml", "esp32-16s"]
    expanding = [
        subprocess.Popen(
            [sys.executable, "-c", _DIGESTS, *plans],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
        )
        for seed in ("1", "2")
    ]

    one, other = (process.communicate(timeout=60)[0].splitlines() for process in expanding)

    assert all(process.returncode == 0 for process in expanding)
    assert len(one) > 900
    assert one == other


def test_a_family_with_another_name_keeps_its_seeds_and_tells_the_old_word(esp32: Profile) -> None:
    plan = "plan: p\ncases:\n  - {family: rest bus}\n"

    case = expand(parse_plan(plan, "p.yaml"), esp32, 1)[0]

    assert case.id.startswith("rest_bus[")
    assert case.seed == case_seed(1, case.id.replace("rest_bus", "partner"))
    with pytest.raises(BrokenDescriptionError, match='it is called "rest bus" now'):
        expand(parse_plan(plan.replace("rest bus", "partner"), "p.yaml"), esp32, 1)
