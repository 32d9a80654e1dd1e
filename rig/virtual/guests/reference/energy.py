"""What is left and how worn the battery is: remaining capacity, health, sum of the cells.

Reckons as firmware does: whole steps of the frame's own units. Must not decide anything.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from rig.virtual.guests.reference.state_of_charge import EnergyImage

STEPS_PER_AH = 100  # the frame's 0.01 Ah
_STRESS = 2.0  # how much faster it wears when cold or hot [u]
_MILD_DEGC = (10.0, 45.0)


class Health:
    """State of health by throughput; it is kept for the life of the battery."""

    def __init__(self, image: EnergyImage) -> None:
        self.fraction = 1.0
        # A full cycle moves the capacity twice.
        lifetime_as = 2.0 * 3600.0 * image.capacity_ah * image.cycles_to_80
        self._per_as = 0.2 / lifetime_as

    def wear(self, current_a: float, seconds: float, degc: Sequence[float]) -> None:
        """Take the charge of one pass of the slow loop, `seconds` long; NaN counts for none."""
        if math.isnan(current_a):
            return
        factor = _STRESS if self.is_stressed(degc) else 1.0
        self.fraction -= self._per_as * abs(current_a) * seconds * factor

    def is_stressed(self, degc: Sequence[float]) -> bool:
        """Tell whether a sensor is so cold or hot that the battery ages faster."""
        low, high = _MILD_DEGC
        return any(value < low or value > high for value in degc)


class Gauge:
    """Remaining capacity and sum of the cells, in steps of the frame.

    Attributes
    ----------
    reserve : int
        What is kept from the user, in steps of the frame.
    """

    def __init__(self, image: EnergyImage) -> None:
        self.image = image
        self.reserve = round(image.reserve_ah * STEPS_PER_AH)

    def remaining(self, soc: float, soh: float, pack_v: float) -> int:
        """Reckon what may be drawn, in 0.01 Ah: what is in it but for the reserve."""
        return self.above_reserve(self.left(soc, soh, pack_v))

    def left(self, soc: float, soh: float, pack_v: float) -> int:
        """Reckon the charge that is left, in steps of the frame; `soc` and `soh` are 0 to 1."""
        del pack_v  # the charge that is left does not hang on the present voltage
        return round(soc * soh * self.image.capacity_ah * STEPS_PER_AH)

    def above_reserve(self, left: int) -> int:
        """Take the reserve away, in steps of the frame; what is below it is nothing."""
        return left - self.reserve if left > self.reserve else 0

    def cell_sum_v(self, cells_v: Sequence[float]) -> float:
        """Add the cells up; NaN where one is not known."""
        return sum(cells_v)
