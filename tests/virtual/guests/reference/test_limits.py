"""CVL, CCL and DCL: derated, ramped up, 0 behind an open path, and held against the current."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.virtual.guests.reference.limits import (
    Limiter,
    LimitsImage,
    LimitWatch,
    SentLimits,
    on_curve,
)
from rig.virtual.guests.reference.min_max import MinMax

IMAGE = LimitsImage()


def a_limiter() -> Limiter:
    return Limiter(IMAGE, LimitWatch)


def settled(
    *, low_v: float = 3.3, high_v: float = 3.3, degc: tuple[float, ...] = (25.0, 25.0),
    soc: float = 0.7, charge: bool = True, discharge: bool = True,
) -> SentLimits:  # fmt: skip
    limiter, min_max = a_limiter(), MinMax()
    min_max.cells_v = low_v, high_v
    for _ in range(100):
        limiter.step(min_max, degc, soc, charge=charge, discharge=discharge)
    return limiter.limits


@pytest.mark.parametrize(
    ("seen", "ccl_a", "dcl_a"),
    [
        ({}, 20.0, 25.0),
        ({"high_v": 3.525}, 11.0, 25.0),
        ({"low_v": 2.90}, 20.0, 15.0),
        ({"degc": (5.0, 25.0)}, 5.0, 25.0),
        ({"degc": (25.0, -5.0)}, 0.0, 17.5),
        ({"degc": (25.0, 55.0)}, 0.0, 12.5),
        ({"soc": 0.985}, 12.5, 25.0),
        ({"soc": 0.0}, 20.0, 5.0),
        ({"charge": False}, 0.0, 25.0),
        ({"discharge": False}, 20.0, 0.0),
        ({"degc": (math.nan, 25.0)}, 0.0, 0.0),
    ],
)
def test_the_most_careful_curve_holds(seen: dict[str, object], ccl_a: float, dcl_a: float) -> None:
    limits = settled(**seen)  # type: ignore[arg-type]

    assert (limits.ccl_a, limits.dcl_a) == pytest.approx((ccl_a, dcl_a))


def test_a_limit_falls_at_once_and_rises_slowly_also_out_of_a_block() -> None:
    limiter, min_max = a_limiter(), MinMax()
    min_max.cells_v = 3.3, 3.3
    reported = []
    for step in range(120):
        blocked = 60 <= step < 70
        limiter.step(min_max, (25.0, 25.0), 0.7, charge=not blocked, discharge=True)
        reported.append(limiter.limits.ccl_a)

    assert reported[59] == pytest.approx(20.0)
    assert reported[60:70] == [0.0] * 10
    rises = [after - before for before, after in itertools.pairwise(reported[69:])]
    assert max(rises) == pytest.approx(0.4)
    assert reported[-1] == pytest.approx(20.0)


@pytest.mark.parametrize(
    ("over_steps", "exceeded"), [(IMAGE.reaction_steps - 1, False), (IMAGE.reaction_steps, True)]
)
def test_the_partner_has_its_time_to_follow(over_steps: int, *, exceeded: bool) -> None:
    watch = LimitWatch(IMAGE)

    for _ in range(over_steps):
        watch.look(15.0, 8.0)

    assert watch.exceeded == exceeded


def test_a_current_within_the_margin_is_no_excess() -> None:
    watch = LimitWatch(IMAGE)

    for _ in range(200):
        watch.look(21.9, 20.0)

    assert not watch.exceeded


def test_an_excess_that_ended_is_forgotten_after_a_second() -> None:
    watch = LimitWatch(IMAGE)
    for _ in range(100):
        watch.look(15.0, 8.0)

    for _ in range(IMAGE.good_steps):
        watch.look(5.0, 8.0)

    assert not watch.exceeded


@given(st.floats(-60.0, 120.0))
def test_a_curve_never_leaves_its_points(x: float) -> None:
    heights = [y for _, y in IMAGE.ccl_by_temperature]

    assert min(heights) <= on_curve(IMAGE.ccl_by_temperature, x) <= max(heights)
