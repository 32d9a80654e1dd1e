"""Uncertainty budgets: named contributions, combined, expanded. Must not know cases or traces.

Combining follows JCGM 100:2008 (GUM) clauses 4.3, 5.1 and G.4. Expanding follows the shape of the
budget: k = 2 covers 95.45 % of a normal result and overstates a budget that one or two rectangles
dominate (sampling grid, data-sheet limits), so there the coverage interval is computed from the
convolution of the two largest rectangles with a normal for all the rest, in closed form.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from rig.judge.verdict import BudgetRow

COVERAGE = 0.9545  # of a stated interval: what k = 2 covers of a normal distribution

# Half-width over standard uncertainty (JCGM 100:2008, 4.3.7 to 4.3.9; U: JCGM 101:2008, 6.4.6).
DIVISORS = {
    "rectangular": math.sqrt(3.0),
    "triangular": math.sqrt(6.0),
    "u-shaped": math.sqrt(2.0),
    "normal": 2.0,  # a stated U with k = 2
}
BOUNDED = frozenset(DIVISORS) - {"normal"}

# A rectangle below this share of u_c is as good as normal, and its closed form would cancel.
_LEAST_RECTANGLE = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One input of a budget, in its own unit; `sensitivity` turns it into the result's unit."""

    name: str
    half_width: float
    distribution: str = "rectangular"
    sensitivity: float = 1.0
    dof: float = math.inf
    source: str = ""

    @property
    def reach(self) -> float:
        """Half-width in the result's unit."""
        return abs(self.sensitivity) * self.half_width

    @property
    def standard(self) -> float:
        """u_i times |sensitivity|, in the result's unit."""
        return self.reach / DIVISORS[self.distribution]

    def shown(self) -> BudgetRow:
        """Return this row as evidence keeps it."""
        return BudgetRow(
            name=self.name,
            half_width=self.half_width,
            distribution=self.distribution,
            standard=self.standard,
            source=self.source,
        )


def expanded_of_rectangles(half_widths: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give U of many results, shape (n,), each with one rectangle as its budget."""
    return COVERAGE * half_widths


def normal(name: str, standard: float, source: str, *, dof: float = math.inf) -> Row:
    """Return a row for a stated standard uncertainty (half-width shown at k = 2)."""
    return Row(name=name, half_width=2.0 * standard, distribution="normal", dof=dof, source=source)


@dataclass(frozen=True)
class Budget:
    """Rows that together make the uncertainty of one result; independent of each other."""

    rows: tuple[Row, ...]

    @staticmethod
    def of(rows: Iterable[Row]) -> Budget:
        """Return the budget of these rows, without those that contribute nothing."""
        return Budget(tuple(row for row in rows if row.standard > 0.0))

    @cached_property
    def u_c(self) -> float:
        """Combined standard uncertainty (JCGM 100:2008, eq. 10)."""
        return math.sqrt(math.fsum(row.standard**2 for row in self.rows))

    @cached_property
    def dof(self) -> float:
        """Effective degrees of freedom (Welch-Satterthwaite, JCGM 100:2008, G.2b)."""
        share = math.fsum(row.standard**4 / row.dof for row in self.rows)
        return self.u_c**4 / share if share else math.inf

    @property
    def dominant(self) -> Row | None:
        """The row that contributes most, None where there is none."""
        return max(self.rows, key=lambda row: row.standard, default=None)

    @cached_property
    def expanded(self) -> float:
        """Half-width of the interval that covers 95.45 % of the result's distribution."""
        if not self.rows:
            return 0.0
        wide, rest = self._split()
        half = _half_width(wide, rest * student_factor(self.dof) / 2.0)
        # A sum of bounded inputs can't leave the sum of their bounds (JCGM 100:2008, 4.3.7).
        if all(row.distribution in BOUNDED for row in self.rows):
            half = min(half, math.fsum(row.reach for row in self.rows))
        return half

    @cached_property
    def bound(self) -> float:
        """Half-width that the truth doesn't leave: bounds add up, the rest counts with 4 u.

        U leaves out one result in 22 by its meaning; a verdict must not hang on it. Four standard
        uncertainties of a normal distribution leave out one in 16,000.
        """
        bounded = math.fsum(row.reach for row in self.rows if row.distribution in BOUNDED)
        rest = math.fsum(row.standard**2 for row in self.rows if row.distribution not in BOUNDED)
        return bounded + 4.0 * math.sqrt(rest)

    @property
    def coverage_factor(self) -> float:
        """The k that makes U = k u_c."""
        return self.expanded / self.u_c if self.u_c else 2.0

    def shown(self) -> tuple[BudgetRow, ...]:
        """Return the rows as evidence keeps them, largest first."""
        ordered = sorted(self.rows, key=lambda row: -row.standard)
        return tuple(row.shown() for row in ordered)

    def _split(self) -> tuple[list[float], float]:
        """Return the (at most two) largest rectangles' half-widths, and u of all the rest."""
        rectangles = sorted(
            (
                row.reach
                for row in self.rows
                if row.distribution == "rectangular" and row.standard >= _LEAST_RECTANGLE * self.u_c
            ),
            reverse=True,
        )[:2]
        rest = self.u_c**2 - math.fsum(a * a / 3.0 for a in rectangles)
        return rectangles, math.sqrt(max(rest, 0.0))


def _half_width(rectangles: list[float], sigma: float) -> float:
    """Find h with P(|sum of the rectangles + N(0, sigma)| <= h) = COVERAGE."""
    if not rectangles:
        return 2.0 * sigma
    if sigma < 1e-6 * rectangles[0]:  # the bare rectangles
        return _bare_half_width(rectangles)
    a, b = (*rectangles, 0.0)[:2]

    def excess(x: float) -> float:
        inside = _two_rectangles(x, a, b, sigma) if b else _one_rectangle(x, a, sigma)
        return 2.0 * inside - 1.0 - COVERAGE

    return _root(excess, (0.0, -COVERAGE), a + b + 3.0 * sigma)


def _root(excess: Callable[[float], float], low: tuple[float, float], high_x: float) -> float:
    """Find where a rising function is 0, by false position with the Illinois rule.

    Some eight steps to 1e-9 of the interval; bisection took four times as long, which was half of
    a case's judging. Dowell and Jarratt, BIT 11 (1971) 168-174.
    """
    (x0, y0), x1, y1 = low, high_x, excess(high_x)
    for _ in range(60):
        x = x1 - y1 * (x1 - x0) / (y1 - y0)
        y = excess(x)
        if abs(x - x1) <= 1e-9 * high_x or y == 0.0:
            return x
        if y * y1 < 0.0:
            x0, y0 = x1, y1
        else:
            y0 *= 0.5
        x1, y1 = x, y
    return x1


def _bare_half_width(rectangles: list[float]) -> float:
    """Invert the trapezoid of two rectangles (or the one) in closed form."""
    a, b = (*rectangles, 0.0)[:2]
    # Beyond a - b the density falls in a straight line to 0 at a + b.
    tail = math.sqrt(4.0 * a * b * (1.0 - COVERAGE))
    return a + b - tail if tail < 2.0 * b else COVERAGE * a


def _phi(z: float) -> float:
    return math.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)


def _cdf(z: float) -> float:
    return 0.5 * math.erfc(-z / math.sqrt(2.0))


def _one_rectangle(x: float, a: float, sigma: float) -> float:
    """Return P(R(a) + N(0, sigma) <= x): the mean of the normal's CDF over the rectangle."""

    def integral(y: float) -> float:
        z = y / sigma
        return sigma * (z * _cdf(z) + _phi(z))

    return (integral(x + a) - integral(x - a)) / (2.0 * a)


def _two_rectangles(x: float, a: float, b: float, sigma: float) -> float:
    """Return P(R(a) + R(b) + N(0, sigma) <= x), by the normal's CDF integrated twice."""

    def integral(y: float) -> float:
        z = y / sigma
        return 0.5 * sigma**2 * ((z * z + 1.0) * _cdf(z) + z * _phi(z))

    corners = integral(x + a + b) - integral(x + a - b) - integral(x - a + b) + integral(x - a - b)
    return corners / (4.0 * a * b)


# ---- Student's t without scipy ------------------------------------------------------------------
@lru_cache(maxsize=256)
def student_quantile(p_two_sided: float, dof: int) -> float:
    """Return t with P(|T| <= t) = p for whole degrees of freedom (JCGM 100:2008, table G.2)."""
    low, high = 0.0, 1.0
    while _student_two_sided(high, dof) < p_two_sided:
        low, high = high, 2.0 * high
    for _ in range(60):
        middle = 0.5 * (low + high)
        below = _student_two_sided(middle, dof) < p_two_sided
        low, high = (middle, high) if below else (low, middle)
    return high


def student_factor(dof: float) -> float:
    """Return k for COVERAGE, degrees of freedom truncated downward (JCGM 100:2008, G.4.1)."""
    if dof > 1000.0:
        # First term of the expansion in 1/dof (Abramowitz and Stegun 26.7.5), wrong by < 1e-6 here.
        z = 2.0 if COVERAGE == 0.9545 else NormalDist().inv_cdf(0.5 + COVERAGE / 2.0)
        return z + (z**3 + z) / (4.0 * dof) if dof < math.inf else z
    return student_quantile(COVERAGE, max(int(dof), 1))


def _student_two_sided(t: float, dof: int) -> float:
    """Return P(|T| <= t) by the finite series for whole dof (Abramowitz and Stegun 26.7.3, .4)."""
    theta = math.atan(t / math.sqrt(dof))
    cos2 = math.cos(theta) ** 2
    if dof == 1:
        return 2.0 * theta / math.pi
    odd = dof % 2
    term = total = math.cos(theta) if odd else 1.0
    for n in range(2 + odd, dof - 1, 2):
        term *= (n - 1) / n * cos2
        total += term
    if odd:
        return 2.0 / math.pi * (theta + math.sin(theta) * total)
    return math.sin(theta) * total
