"""Which cases look first."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import accumulate
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from rig.case import Case
from rig.dut.profile import Profile
from rig.mutants.order import cheap_first, killers_first
from rig.plan.expand import expand
from rig.plan.model import load_plan
from tests.mutants.factories import FAIL, PASS, a_result
from tests.plan.test_families import ORIGIN


def a_case(family: str, number: int, duration_s: float, protection: str | None = None) -> Case:
    return replace(
        ORIGIN,
        id=f"{family}[{number}]",
        family=family,
        duration_s=duration_s,
        protection=protection,
    )


def test_cheap_families_come_before_one_long_case() -> None:
    long, *short = [a_case("hold", 0, 60.0), *(a_case(f, 0, 1.0) for f in ("trip", "dip"))]

    assert cheap_first([long, *short]) == [*short, long]


def test_within_a_family_the_protections_take_turns() -> None:
    cases = [a_case("trip", n, 1.0 + n, "OVP" if n < 3 else "UVP") for n in range(5)]

    assert [case.id for case in cheap_first(cases)][:3] == ["trip[0]", "trip[3]", "trip[1]"]


def test_what_speaks_of_what_is_to_be_shown_comes_first(esp32: Profile) -> None:
    cases = expand(load_plan(Path("testplans/nightly.yaml")), esp32, 1)

    first = cheap_first(cases, r"CVL")[0]
    assert "CVL" in repr(first.expectations)
    first = cheap_first(cases, r"BMS_Status.UT[CD]")[0]
    assert any(f"BMS_Status.{word}'" in repr(first.expectations) for word in ("UTC", "UTD"))


def test_words_that_no_case_expects_change_nothing() -> None:
    cases = [a_case("trip", n, 1.0 + n) for n in range(5)]

    assert cheap_first(cases, r"\bnever\b|[xy]{2,}|(?i)\d+ zebras?") == cheap_first(cases)


@settings(deadline=None)
@given(st.from_regex(r"[\[\]()|.*\\\w?{},^$+-]{0,30}", fullmatch=True))
def test_whatever_the_pattern_is_every_case_comes_once(shows: str) -> None:
    cases = [a_case(family, n, 1.0 + n) for n in range(4) for family in ("trip", "hold")]

    assert Counter(c.id for c in cheap_first(cases, shows)) == Counter(c.id for c in cases)


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0.1, 300.0)), max_size=40))
def test_every_case_comes_once_and_the_first_of_a_family_does_not_wait_for_anothers_tenth(
    drawn: list[tuple[str, float]],
) -> None:
    cases = [a_case(family, n, duration_s) for n, (family, duration_s) in enumerate(drawn)]
    ordered = cheap_first(cases)

    assert sorted(c.id for c in ordered) == sorted(c.id for c in cases)
    turns: Counter[str] = Counter()
    weights: list[float] = []
    for case in ordered:
        turns[case.family] += 1
        weight = (case.duration_s + 2.0) * turns[case.family] ** 2
        if turns[case.family] == 1:
            assert all(before <= weight for before in weights)
        weights.append(weight)


def test_all_families_of_the_nightly_plan_look_within_its_first_tenth(esp32: Profile) -> None:
    cases = expand(load_plan(Path("testplans/nightly.yaml")), esp32, 1)
    ordered = cheap_first(cases)

    part_s = 0.1 * sum(case.duration_s for case in cases)
    used_s = list(accumulate(case.duration_s for case in ordered))
    early = {case.family for case, used in zip(ordered, used_s, strict=True) if used < part_s}
    cheap = {case.family for case in cases if case.duration_s < 10.0}
    assert cheap <= early


def test_what_found_this_variant_before_comes_first_then_what_found_most() -> None:
    earlier = a_result(
        {
            "x": {"a": PASS, "b": FAIL, "c": PASS},
            "y": {"a": FAIL, "b": PASS, "c": FAIL},
            "z": {"a": FAIL, "b": PASS, "c": PASS},
        }
    )

    assert killers_first(["c", "b", "d", "a"], earlier, "x") == ["b", "a", "c", "d"]
