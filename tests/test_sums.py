"""A BMS that protects modules and the whole stack: provoked, passed where good, found where wrong.

The reference BMS watches neither, so a build and a profile of the tests' own do.
"""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from rig.bench.description import load_bench
from rig.case import Case
from rig.description import BrokenDescriptionError
from rig.dut.profile import Profile, find_described, load_profile
from rig.judge.verdict import Verdict
from rig.lanes import Lane, LaneSetup
from rig.plan.expand import expand
from rig.plan.model import parse_plan
from rig.plan.stimulus import acting, beyond, far_beyond, normal_ends, stimuli
from rig.plan.writing import plan_text, written_out

HERE = Path(__file__).parent / "sums"
SUMS = {"pack overvoltage", "module overvoltage"}
FAMILIES = (
    *("trip", "hold", "pulse", "dip", "threshold", "recovery threshold", "recovery"),
    *("hysteresis", "start with fault", "fault while starting", "in turn", "with current"),
    *("bounce", "chatter", "flags", "events"),
)


@pytest.fixture(scope="module")
def profile_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The reference BMS's profile, with modules of two cells and a protection of each sum."""
    folder = tmp_path_factory.mktemp("duts") / "esp32-4s"
    shutil.copytree(find_described("esp32-4s", "duts", "profile.yaml").parent, folder)
    file = folder / "profile.yaml"
    text = file.read_text(encoding="utf-8")
    added = (HERE / "protections.yaml").read_text(encoding="utf-8")
    for old, new in (
        ("cells: {count: 4,", "cells: {count: 4, modules: 2,"),
        ("    OVP2: 19\n", "    OVP2: 19\n    POV: 20\n    MOV: 21\n"),
        ("channel of: [OVP,", "channel of: [MOV, OVP,"),
        ("\nprotections:\n", f"\nprotections:\n{added}"),
    ):
        assert text.count(old) == 1
        text = text.replace(old, new)
    file.write_text(text, encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def profile(profile_file: Path) -> Profile:
    return load_profile(profile_file)


def cases_of(profile: Profile, families: Sequence[str]) -> list[Case]:
    entries = "".join(f"- {{family: {f}, protections: {sorted(SUMS)}}}\n" for f in families)
    cases = expand(parse_plan(f"plan: sums\ncases:\n{entries}", "sums.yaml"), profile, 1)
    return [case for case in cases if case.protection in SUMS]


def verdicts(profile: Profile, cases: Sequence[Case], *builds: str) -> dict[str, tuple[str, str]]:
    """Drive and judge cases; verdict and sentence by the case's id."""
    variant = "+".join(f"{HERE / 'builds.py'}:{name}" for name in ("sums", *builds))
    bench = load_bench("virtual-esp32-4s")
    with Lane(LaneSetup(bench=bench, profile=profile, seed=1, variant=variant)) as lane:
        judged = {case.id: lane.run(case)[0] for case in cases}
    return {name: (found.verdict.value, found.sentence) for name, found in judged.items()}


# ---- the profile and its stimuli ----------------------------------------------------------------
def test_each_sum_is_watched_by_its_own_name(profile: Profile) -> None:
    watched = {name: profile.protections[name].quantities(profile) for name in SUMS}

    assert watched == {
        "pack overvoltage": ("stack",),
        "module overvoltage": ("module 1", "module 2"),
    }
    assert profile.allowed("stack").high == pytest.approx(4 * profile.allowed("cell 1").high)
    assert profile.nominal_of("module 2") == pytest.approx(2 * 3.3)


@pytest.mark.parametrize("name", ["pack overvoltage", "module overvoltage", "cell overvoltage"])
def test_what_provokes_a_sum_or_a_part_of_it_opens_nothing_by_another(
    profile: Profile, name: str
) -> None:
    for stimulus in stimuli(profile, name):
        acts = acting(profile, stimulus.values)  # a spread warns, too
        assert {n for n, protection in acts.items() if protection.opens} == {name}


def test_a_sum_stays_short_of_what_its_parts_and_other_sums_trip_at(profile: Profile) -> None:
    stack, module = (profile.protections[f"{kind} overvoltage"] for kind in ("pack", "module"))

    # Stages of the stack: a module's 7.15 V in each, and a cell's 3.65 V in each.
    assert stack.level < beyond(profile, "pack overvoltage") < 2 * module.level
    assert far_beyond(profile, "pack overvoltage") == pytest.approx(2 * (7.15 - 1.5 * 0.02))
    assert far_beyond(profile, "module overvoltage") == pytest.approx(2 * (3.65 - 1.5 * 0.01))
    low, high = normal_ends(profile, stack)
    assert low == pytest.approx(4 * (2.50 + 1.5 * 0.01))
    assert high == pytest.approx(14.0 - 1.5 * 0.04)


def test_modules_must_be_equal_and_there_to_be_watched(profile_file: Path, tmp_path: Path) -> None:
    text = profile_file.read_text(encoding="utf-8")
    shutil.copytree(profile_file.parent, tmp_path / "esp32-4s")
    copy = tmp_path / "esp32-4s" / "profile.yaml"

    copy.write_text(text.replace("modules: 2", "modules: 3"), encoding="utf-8")
    with pytest.raises(BrokenDescriptionError, match="4 cells are no 3 modules of equally many"):
        load_profile(copy)
    copy.write_text(text.replace(" modules: 2,", ""), encoding="utf-8")
    with pytest.raises(BrokenDescriptionError, match='nothing that "module voltage" could be'):
        load_profile(copy)


# ---- on the bench -------------------------------------------------------------------------------
def test_every_family_that_provokes_them_passes_on_the_good_build(profile: Profile) -> None:
    cases = cases_of(profile, FAMILIES)

    assert Counter(case.family for case in cases).keys() == set(FAMILIES)
    bad = {n: found for n, found in verdicts(profile, cases).items() if found[0] != "pass"}
    assert not bad


@pytest.mark.parametrize(
    ("build", "found_by", "said"),
    [
        ("last-cell-left-out", {"trip[POV-stack]", "threshold[POV-stack]"}, "did not open"),
        ("mean-for-a-limit", {"threshold[POV-stack]"}, r"stack = \(14\.09"),
        ("first-module-twice", {"trip[MOV-module2]", "threshold[MOV-module2]"}, "did not open"),
        ("module-late", {"trip[MOV-module1]", "trip[MOV-module2]"}, "did not open"),
    ],
)
def test_a_defect_of_a_sum_is_found_by_the_cases_of_that_sum(
    profile: Profile, build: str, found_by: set[str], said: str
) -> None:
    wrong = build.split("-")[0] in ("first", "module")
    found = verdicts(profile, cases_of(profile, ("trip", "threshold")), build)

    failed = {name: sentence for name, (verdict, sentence) in found.items() if verdict == "fail"}
    assert found_by <= failed.keys()
    assert all(re.search(said, failed[name]) for name in found_by)
    assert all(("MOV" in name) == wrong for name in failed)


def test_the_released_build_has_neither_and_so_fails(profile: Profile) -> None:
    cases, bench = cases_of(profile, ("trip",)), load_bench("virtual-esp32-4s")

    with Lane(LaneSetup(bench=bench, profile=profile, seed=1)) as lane:
        assert {lane.run(case)[0].verdict for case in cases} == {Verdict.FAIL}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_case_of_a_sum_reads_back_as_it_was(profile: Profile, family: str) -> None:
    case = cases_of(profile, (family,))[0]
    text = plan_text("again", "esp32-4s", [written_out(case, "the case", profile)])

    again = expand(parse_plan(text, "again.yaml"), profile, 1)[0]

    assert [_rounded(again.steps), _rounded(again.expectations)] == [
        _rounded(case.steps),
        _rounded(case.expectations),
    ]


def _rounded(parts: object) -> str:
    return re.sub(r"\d+\.\d{12,}", lambda m: f"{float(m[0]):.12g}", repr(parts))
