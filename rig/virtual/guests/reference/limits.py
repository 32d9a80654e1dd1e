"""What charger and load are allowed: CVL, CCL and DCL, and whether they keep to it.

Derated by temperature, by cell voltage and at the ends of the state of charge; 0 while the path is
open. Must not open a path: that is the protections' business.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from rig.virtual.guests.reference.min_max import MinMax

Curve = tuple[tuple[float, float], ...]  # points (x, y) in order of x; flat beyond its ends


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsImage:
    """The curves as they are compiled in, and how the limits move. V, A, degC, SoC as 0 to 1."""

    cvl_by_cell: Curve = ((3.50, 14.20), (3.60, 13.60))
    ccl_by_cell: Curve = ((3.45, 20.0), (3.60, 2.0), (3.65, 0.0))
    ccl_by_temperature: Curve = ((0.0, 0.0), (10.0, 10.0), (15.0, 20.0), (38.0, 20.0), (45.0, 0.0))
    ccl_by_soc: Curve = ((0.97, 20.0), (1.00, 5.0))
    dcl_by_cell: Curve = ((2.50, 0.0), (2.80, 5.0), (3.00, 25.0))
    dcl_by_temperature: Curve = (
        *((-20.0, 0.0), (-10.0, 10.0), (0.0, 25.0)),
        *((50.0, 25.0), (60.0, 0.0)),
    )
    dcl_by_soc: Curve = ((0.01, 5.0), (0.04, 25.0))
    rise_a: float = 0.4  # in one step of 100 ms: 4 A a second
    margin_a: float = 1.0
    margin: float = 0.05
    reaction_steps: int = 53  # of 100 ms: charger or load has 5 s to follow
    good_steps: int = 10


def on_curve(curve: Curve, x: float) -> float:
    """Interpolate in the curve's units, flat beyond its ends; 0 where there is no value (NaN)."""
    if not math.isfinite(x):
        return 0.0
    for (x0, y0), (x1, y1) in itertools.pairwise(curve):
        if x < x1:
            return y0 if x <= x0 else y0 + (y1 - y0) * (x - x0) / (x1 - x0)
    return curve[-1][1]


@dataclass(slots=True)
class RateLimit:
    """Follows its target down at once and up by so much a step."""

    rise: float
    value: float = 0.0

    def step(self, target: float) -> float:
        """Go one step towards the target, in A; return where it is then."""
        self.value = min(target, self.value + self.rise)
        return self.value


class LimitWatch:
    """Whether a current keeps to its limit, give or take the time to react of charger or load."""

    def __init__(self, image: LimitsImage) -> None:
        self.image = image
        self._over_steps = self._good_steps = 0
        self.exceeded = False

    def look(self, current_a: float, limit_a: float) -> None:
        """Take a current and the limit that holds for it, both positive."""
        over = self.is_over(current_a, limit_a)
        self._over_steps = self._over_steps + 1 if over else 0
        self._good_steps = 0 if over else self._good_steps + 1
        if self._over_steps >= self.image.reaction_steps:
            self.exceeded = True
        elif self._good_steps >= self.image.good_steps:
            self.exceeded = False

    def is_over(self, current_a: float, limit_a: float) -> bool:
        """Tell whether a current is beyond its limit and the margin, both in A and positive."""
        return current_a > limit_a * (1.0 + self.image.margin) + self.image.margin_a


@dataclass(slots=True)
class SentLimits:
    """What is sent: V, A."""

    cvl_v: float = 0.0
    ccl_a: float = 0.0
    dcl_a: float = 0.0
    charge: bool = False
    discharge: bool = False


@dataclass(slots=True)
class _Inputs:
    """What the limits follow from."""

    cells_v: tuple[float, float]  # lowest, highest
    temperatures_degc: Sequence[float]
    soc: float


class Limiter:
    """Reckons the limits anew every 100 ms."""

    def __init__(self, image: LimitsImage, watch: type[LimitWatch]) -> None:
        self.image = image
        self._charge, self._discharge = RateLimit(image.rise_a), RateLimit(image.rise_a)
        self._watches = watch(image), watch(image)
        self.limits = SentLimits()

    @property
    def exceeded(self) -> bool:
        """Whether charger or load go on beyond their limit."""
        return any(watch.exceeded for watch in self._watches)

    def step(
        self, min_max: MinMax, temperatures_degc: Sequence[float], soc: float, *, charge: bool,
        discharge: bool,
    ) -> SentLimits:  # fmt: skip
        """Reckon the limits; `soc` is 0 to 1, `charge` and `discharge` say which path is closed."""
        seen = _Inputs(min_max.cells_v, self.sensors(temperatures_degc), soc)
        self.limits = SentLimits(
            cvl_v=on_curve(self.image.cvl_by_cell, seen.cells_v[1]),
            ccl_a=self.limited(self._charge, self._may_charge_a(seen), allowed=charge),
            dcl_a=self.limited(self._discharge, self._may_discharge_a(seen), allowed=discharge),
            charge=charge,
            discharge=discharge,
        )
        return self.limits

    def watch(self, current_a: float) -> None:
        """Hold the current (charge positive) against the limits."""
        for watch, amps, limit_a in zip(
            self._watches,
            (current_a, -current_a),
            (self.limits.ccl_a, self.limits.dcl_a),
            strict=True,
        ):
            watch.look(amps, limit_a)

    def sensors(self, degc: Sequence[float]) -> Sequence[float]:
        """Sensors that the limits follow: all sit on cells."""
        return degc

    def _may_charge_a(self, seen: _Inputs) -> float:
        image = self.image
        by_sensor = (on_curve(image.ccl_by_temperature, degc) for degc in seen.temperatures_degc)
        return min(
            on_curve(image.ccl_by_cell, seen.cells_v[1]),
            on_curve(image.ccl_by_soc, seen.soc),
            *by_sensor,
        )

    def _may_discharge_a(self, seen: _Inputs) -> float:
        image = self.image
        by_sensor = (on_curve(image.dcl_by_temperature, degc) for degc in seen.temperatures_degc)
        return min(
            on_curve(image.dcl_by_cell, seen.cells_v[0]),
            on_curve(image.dcl_by_soc, seen.soc),
            *by_sensor,
        )

    def limited(self, ramp: RateLimit, may_a: float, *, allowed: bool) -> float:
        """Grant first, ramp behind it: so that it also rises slowly from a block."""
        return ramp.step(self.granted(may_a, allowed=allowed))

    def granted(self, may_a: float, *, allowed: bool) -> float:
        """Grant what the curves allow, in A, or nothing while the path is open."""
        return may_a if allowed else 0.0
