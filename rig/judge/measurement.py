"""Measured values with their uncertainty. Must not read a clock or an instrument, nor judge."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """A value with expanded uncertainty U = k * u_c, both in `unit` (JCGM 100:2008, 6.2.1)."""

    value: float
    expanded: float
    unit: str  # SI symbol: "s", "V", "A", "°C"
    coverage_factor: float = 2.0  # k = 2: about 95 % where the result is close to normal

    def __post_init__(self) -> None:
        if not (math.isfinite(self.value) and 0.0 <= self.expanded < math.inf):
            raise ValueError(f"not a measurement: {self.value} ± {self.expanded} {self.unit}")

    def __str__(self) -> str:
        # Two digits of U, and no more of the value than that supports (JCGM 100:2008, 7.2.6).
        places = 1 - math.floor(math.log10(self.expanded)) if self.expanded else 9
        value, u = (f"{round(x, places):.{max(places, 0)}f}" for x in (self.value, self.expanded))
        return f"({value} ± {u}) {self.unit}, k = {self.coverage_factor:g}"
