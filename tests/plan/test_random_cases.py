"""Drawn cases: the same for the same seed, within limits, and judged as their families claim."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rig.case import Case
from rig.dut.profile import Profile, load_profile
from rig.expectations.recovers import Recovers
from rig.expectations.signal_within import SignalWithin
from rig.expectations.stays import Stays
from rig.expectations.trips import Trips
from rig.plan.complete import complete
from rig.plan.expand import expand
from rig.plan.model import parse_plan
from rig.plan.random_cases import CaseGenerator, case_generator, ends_nominal, joined
from rig.plan.stimulus import acting
from rig.plan.writing import plan_text, written_out
from rig.steps.hold import Hold
from rig.steps.ramp import Ramp
from rig.steps.set import Set
from rig.time_reference import Crossing
from tests.plan.test_families import ORIGIN

PROFILE = load_profile("esp32-4s")
DRAWER = case_generator(PROFILE, ORIGIN)
NUMBERS = st.integers(0, 10**6)


def made_by(family: str, part: str = "") -> Case:
    return next(c for c in DRAWER.cases if c.family == family and part in c.id)


def marks_of(case: Case) -> set[str]:
    named: set[str | None] = set()
    for e in case.expectations:
        since = getattr(e, "since", None)
        named |= {getattr(since, "mark", None), getattr(since, "after", None)}
        named |= {getattr(e, key, None) for key in ("begin", "end", "at")}
    return {mark for mark in named if mark}


@given(NUMBERS, NUMBERS)
@settings(max_examples=30, deadline=None)
def test_a_drawn_case_is_the_same_for_the_same_seed_and_its_marks_are_there(
    seed: int, number: int
) -> None:
    case = DRAWER.draw(seed, number)

    assert DRAWER.draw(seed, number) == case
    borne = [step.mark for step in case.steps if step.mark]
    assert marks_of(case) <= set(borne)


@given(NUMBERS)
@settings(max_examples=30, deadline=None)
def test_a_drawn_case_stays_within_what_the_profile_allows(number: int) -> None:
    for step in DRAWER.draw(1, number).steps:
        for quantity, value in step.values.items() if isinstance(step, Set) else ():
            assert value in PROFILE.allowed(quantity)


@given(NUMBERS)
@settings(max_examples=20, deadline=None)
def test_a_drawn_case_can_be_written_into_a_plan(number: int) -> None:
    case = DRAWER.draw(1, number)

    text = plan_text("found", "esp32-4s", [written_out(case, "drawn", PROFILE)])
    [again] = expand(parse_plan(text, "found.yaml"), PROFILE, 1)

    assert len(again.steps) == len(case.steps)
    assert len(again.expectations) == len(case.expectations)


def test_a_level_that_the_bms_is_to_tell_stays_as_it_is() -> None:
    case = made_by("events", "OVP")
    assert any(isinstance(e, SignalWithin) for e in case.expectations)
    alone = CaseGenerator(PROFILE, (case,), (made_by("message timing"),))

    for number in range(3):
        drawn = alone.draw(1, number)
        assert _provoking(case)[-1] in _provoking(drawn)
        assert not any(isinstance(step, Set) for step in drawn.steps[:1])


@pytest.mark.parametrize("family", ["trip", "pairs", "dip", "hysteresis"])
def test_a_drawn_level_provokes_what_the_familys_own_provokes(family: str) -> None:
    for case in (c for c in DRAWER.cases if c.family == family):
        alone = CaseGenerator(PROFILE, (case,), (made_by("message timing"),))
        for number in range(3):
            drawn = alone.draw(1, number)
            for before, after in zip(_provoking(case), _provoking(drawn), strict=True):
                assert set(acting(PROFILE, after)) == set(acting(PROFILE, before)), drawn


def _provoking(case: Case) -> list[dict[str, float]]:
    sets = [dict(step.values) for step in case.steps if isinstance(step, Set)]
    return [values for values in sets if acting(PROFILE, values)]


@pytest.mark.parametrize(
    ("family", "part", "is_home"),
    [
        ("pulse", "OVP", True),
        ("recovery", "OVP", True),
        ("latch", "SCD", True),
        ("trip", "OVP", False),
        ("trip", "VIM", False),
        ("hysteresis", "UTC", False),
        ("threshold", "OVP", False),
        ("start with fault", "OVP", False),
        ("trip", "HostAlive", False),
        ("settings restored", "", True),
        ("settings kept", "no", False),
        ("storage loss", "", False),
        ("power cuts", "starting", False),
        ("charge ends", "empty", False),
        ("charge ends", "full", False),
        ("charge ends", "reserve", False),
        ("limits", "full", False),
        ("limits", "charge-follows", True),
        ("full", "peaks", False),
        ("reset", "powercycle-idle", True),
        ("reset", "powercycle-balancing", False),
        ("reset", "panic-balancing", False),
        ("reset", "brown-out-balancing", False),
    ],
)
def test_only_a_case_that_leaves_the_bms_as_it_was_may_come_before_another(
    family: str, part: str, *, is_home: bool
) -> None:
    assert ends_nominal(made_by(family, part), PROFILE) == is_home


def test_two_cases_in_one_keep_their_own_times() -> None:
    both = joined(made_by("recovery", "OVP-cell1"), made_by("trip", "UVP-cell2"), PROFILE)

    first, second = (e for e in both.expectations if isinstance(e, Trips))
    assert isinstance(first.since, Crossing)
    assert isinstance(second.since, Crossing)
    assert (first.since.after, second.since.after) == (None, "then: begun")
    back = next(e for e in both.expectations if isinstance(e, Recovers))
    assert isinstance(back.since, Crossing)
    assert back.since.after == "first: tripped"
    kept = [e for e in both.expectations if isinstance(e, Stays)]
    assert {(e.begin, e.end) for e in kept} == {(None, "first: over"), ("then: begun", None)}


def test_what_the_first_case_moved_is_nominal_before_the_second() -> None:
    both = joined(made_by("pulse", "OVP-cell1"), made_by("trip", "UVP-cell2"), PROFILE)

    values: dict[str, float] = {}
    for step in both.steps:
        if step.mark == "then: begun":
            break
        values |= dict(step.values) if isinstance(step, Set) else {}
    assert values["cell 1"] == PROFILE.nominal.cells_v


def test_a_ramp_never_stands_behind_another_reaction() -> None:
    stair = made_by("threshold", "OVP-cell1")
    alone = CaseGenerator(PROFILE, (stair,), (made_by("recovery", "OVP-cell1"),))

    drawn = [alone.draw(1, number) for number in range(10)]

    assert all(isinstance(step, Ramp) for case in drawn for step in case.steps[-1:])
    assert not any(isinstance(e, Recovers) for case in drawn for e in case.expectations)


def test_the_highest_cell_of_one_case_is_not_held_to_the_readings_of_another() -> None:
    first, second = [c for c in DRAWER.cases if c.family == "min max report"][:2]
    alone = CaseGenerator(PROFILE, (first,), (second,))

    drawn = [alone.draw(1, number) for number in range(10)]

    assert not any(case.title.startswith("after ") for case in drawn)


def test_a_case_without_marks_joins_too(esp32: Profile) -> None:
    plain = complete(replace(ORIGIN, steps=(Hold(duration_s=1.0),)), esp32)
    wanted = Stays(output="charge path", is_open=False, begin=None, end=None)

    both = joined(plain, replace(plain, expectations=(wanted,)), esp32)

    assert both.expectations == (replace(wanted, begin="then: begun"),)
