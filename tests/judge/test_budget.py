"""Budgets against worked examples of JCGM 100:2008, closed forms, and Monte Carlo."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.judge.budget import COVERAGE, Budget, Row, normal, student_factor, student_quantile


def rectangle(half_width: float, sensitivity: float = 1.0) -> Row:
    return Row(name=f"r{half_width}", half_width=half_width, sensitivity=sensitivity)


@pytest.mark.parametrize(
    ("distribution", "u"),
    [  # JCGM 100:2008, 4.3.7 and 4.3.9; half-width 1
        ("rectangular", 0.577350),
        ("triangular", 0.408248),
        ("u-shaped", 0.707107),
        ("normal", 0.5),
    ],
)
def test_a_half_width_becomes_a_standard_uncertainty(distribution: str, u: float) -> None:
    row = Row(name="x", half_width=1.0, distribution=distribution, sensitivity=-3.0)

    assert row.standard == pytest.approx(3.0 * u, rel=1e-5)
    assert row.shown().standard == row.standard
    assert row.shown().half_width == 1.0


def test_budget_a_of_the_reference() -> None:
    """A digitizer at 100 kS/s, both edges, in µs, by JCGM 100:2008, 5.1.2."""
    rows = [
        rectangle(50.0),  # 50 ppm of 1 s
        Row(name="crossing", half_width=3e-3, sensitivity=1e6 / 500.0),
        rectangle(10.0),
        rectangle(5.0),
        rectangle(5.0),
        rectangle(5.0),
        rectangle(1.0),
        normal("edge noise", 0.0416667, ""),
    ]

    budget = Budget.of(rows)

    assert budget.u_c == pytest.approx(30.0666, abs=1e-4)
    assert 2.0 * budget.u_c == pytest.approx(60.1, abs=0.05)
    assert budget.dominant == rows[0]
    assert 50.0 < budget.expanded < 60.1  # the rectangle covers with less than k = 2


def test_budget_b_of_the_reference() -> None:
    """A CAN flag, send period 10 ms, in ms; Monte Carlo (JCGM 101:2008) gives ± 4.772 for 95 %."""
    rows = [rectangle(a) for a in (5.0, 0.405, 0.1, 0.05)]
    rows += [normal("offset", 0.02, ""), normal("rate", 0.00288675, ""), normal("stamp", 0.03, "")]

    budget = Budget.of(rows)

    assert budget.u_c == pytest.approx(2.89715, abs=1e-5)
    assert 2.0 * budget.u_c == pytest.approx(5.79, abs=0.005)
    assert 4.772 < budget.expanded < 5.0


def test_budget_c_of_the_reference() -> None:
    """Polling every 50 ms, in ms, by JCGM 100:2008, 5.1.2."""
    budget = Budget.of([rectangle(a) for a in (25.0, 6.0, 2.5, 1.0, 1.0)])

    assert budget.u_c == pytest.approx(14.9360, abs=1e-4)
    assert 2.0 * budget.u_c == pytest.approx(29.9, abs=0.05)
    assert 25.8 < budget.expanded < 27.5


def test_the_datasheet_vector_with_a_type_a_row() -> None:
    """Of 4.25 V on a 10 V range, in mV, by JCGM 100:2008, 5.1.2 and G.4.1."""
    budget = Budget.of(
        [
            rectangle(1.0375),
            normal("certificate", 0.1, ""),
            rectangle(0.54),
            rectangle(0.05),
            normal("repeatability", 0.15 / math.sqrt(5.0), "", dof=4),
        ]
    )

    assert budget.u_c == pytest.approx(0.686539, abs=1e-6)
    assert budget.dof == pytest.approx(43_882, abs=1)
    assert 2.0 * budget.u_c == pytest.approx(1.37308, abs=1e-5)


def test_effective_degrees_of_freedom_of_gum_h1() -> None:
    squares = [(25.0, 18.0), (9.7, 25.6), (2.9, 50.0), (16.6, 2.0)]
    budget = Budget.of([normal(f"x{dof}", u, "", dof=dof) for u, dof in squares])

    # The GUM rounds the sum of these squares, 1003.1, to 1002.
    assert budget.dof * (1002.0 / budget.u_c**2) ** 2 == pytest.approx(16.7291, abs=1e-3)


def test_effective_degrees_of_freedom_of_two() -> None:
    budget = Budget.of([normal("a", 1.0, "", dof=4), normal("b", 0.4, "")])

    assert budget.u_c == pytest.approx(1.07703, abs=1e-5)
    assert budget.dof == pytest.approx(5.38240, abs=1e-5)
    assert budget.coverage_factor == pytest.approx(2.64865, abs=1e-5)  # dof 5, 95.45 %


@pytest.mark.parametrize(
    ("p", "dof", "t"),
    [  # JCGM 100:2008, table G.2
        (0.95, 1, 12.7062),
        (0.95, 2, 4.30265),
        (0.95, 3, 3.18245),
        (0.95, 4, 2.77645),
        (0.95, 5, 2.57058),
        (0.95, 9, 2.26216),
        (0.95, 10, 2.22814),
        (0.95, 19, 2.09302),
        (0.95, 30, 2.04227),
        (0.9545, 5, 2.64865),
        (0.9545, 9, 2.31981),
        (0.9545, 10, 2.28368),
        (0.9545, 19, 2.14050),
    ],
)
def test_student_quantiles(p: float, dof: int, t: float) -> None:
    assert student_quantile(p, dof) == pytest.approx(t, abs=1.5e-5)


@pytest.mark.parametrize(
    ("dof", "k"),
    [(5.9, 2.64865), (0.5, 13.9684), (1001.0, 2.0025), (1e9, 2.0), (math.inf, 2.0)],
)
def test_degrees_of_freedom_are_truncated_downward(dof: float, k: float) -> None:
    assert student_factor(dof) == pytest.approx(k, abs=2e-3)


@pytest.mark.parametrize(
    ("rows", "expanded"),
    [
        pytest.param([rectangle(1.0)], 0.9545, id="one rectangle: COVERAGE of its half-width"),
        pytest.param(
            [rectangle(1.0), rectangle(1.0)],
            2.0 - 2.0 * math.sqrt(1.0 - COVERAGE),
            id="two equal: a triangle",
        ),
        pytest.param([normal("n", 1.0, "")], 2.0, id="a normal: k = 2"),
        pytest.param([], 0.0, id="nothing at all"),
        pytest.param([rectangle(0.0)], 0.0, id="a row of zero"),
        pytest.param([rectangle(2.0, sensitivity=-0.5)], 0.9545, id="sensitivity scales"),
    ],
)
def test_closed_forms(rows: list[Row], expanded: float) -> None:
    assert Budget.of(rows).expanded == pytest.approx(expanded, rel=1e-4)


def test_rectangle_and_a_small_normal_as_monte_carlo_found() -> None:
    """By Monte Carlo, rectangle ± 1 with N(0, 0.1): u 0.585947, 95 % within 0.9813."""
    budget = Budget.of([rectangle(1.0), normal("n", 0.1, "")])

    assert budget.u_c == pytest.approx(0.585947, abs=1e-6)
    assert 0.9813 < budget.expanded < 1.0  # 95.45 % is a little more than 95 %


@given(
    rectangles=st.lists(st.floats(0.01, 1.0), max_size=5),
    sigma=st.floats(0.0, 1.0),
    seed=st.integers(0, 2**32 - 1),
)
def test_the_interval_covers_what_it_says_and_no_more(
    rectangles: list[float], sigma: float, seed: int
) -> None:
    rows = [rectangle(a) for a in rectangles] + [normal("n", sigma, "")]
    budget = Budget.of(rows)
    random = np.random.default_rng(seed)
    draws = sum(random.uniform(-a, a, 20_000) for a in rectangles) + random.normal(0, sigma, 20_000)

    covered = float(np.mean(np.abs(draws) <= budget.expanded + 1e-12))

    # 5 sigma of the Monte Carlo is 0.0074; beyond two rectangles the rest is taken as normal.
    assert covered >= COVERAGE - 0.0085
    if budget.u_c > 1e-6:
        assert covered <= COVERAGE + 0.012


@given(rectangles=st.lists(st.floats(1e-6, 1e3), min_size=1, max_size=6))
def test_a_sum_of_bounded_inputs_stays_within_its_bounds(rectangles: list[float]) -> None:
    budget = Budget.of([rectangle(a) for a in rectangles])

    assert 0.0 < budget.expanded <= sum(rectangles) * (1 + 1e-12)
    assert budget.expanded <= 2.0 * budget.u_c * 1.001
    assert budget.coverage_factor * budget.u_c == pytest.approx(budget.expanded)


@given(
    rectangles=st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=4), scale=st.floats(1e-9, 1e9)
)
def test_the_unit_does_not_matter(rectangles: list[float], scale: float) -> None:
    plain = Budget.of([*(rectangle(a) for a in rectangles), normal("n", 0.1, "")])
    scaled = Budget.of([*(rectangle(a * scale) for a in rectangles), normal("n", 0.1 * scale, "")])

    assert scaled.expanded == pytest.approx(plain.expanded * scale, rel=1e-6)


def test_rows_are_shown_largest_first() -> None:
    budget = Budget.of([rectangle(1.0), normal("n", 5.0, "certificate"), rectangle(2.0)])

    assert [row.name for row in budget.shown()] == ["n", "r2.0", "r1.0"]
    assert budget.shown()[0].source == "certificate"


def test_bounds_add_up_and_what_has_none_counts_with_four_standard_uncertainties() -> None:
    budget = Budget.of(
        [
            Row(name="edge", half_width=1e-4),
            Row(name="other edge", half_width=1e-4, sensitivity=-1.0),
            normal("noise", 3e-6, ""),
            normal("more noise", 4e-6, ""),
        ]
    )

    assert budget.bound == pytest.approx(2e-4 + 4.0 * 5e-6)
    assert budget.expanded < budget.bound
