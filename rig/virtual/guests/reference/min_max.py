"""Lowest and highest of the cells and of the sensors. Must not judge them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rig.virtual.guests.reference.afe import Readings


class MinMax:
    """Lowest and highest of the newest readings; NaN where no value is valid."""

    def __init__(self) -> None:
        self.cells_v = self.temperatures_degc = (math.nan, math.nan)  # lowest, highest

    def look(self, readings: Readings) -> None:
        """Take new readings."""
        self.cells_v = self._of_cells(readings.cells_v)
        self.temperatures_degc = self.of_temperatures(readings.temperatures_degc)

    def _of_cells(self, cells_v: Sequence[float]) -> tuple[float, float]:
        return self.least_and_most(cells_v)

    def of_temperatures(self, degc: Sequence[float]) -> tuple[float, float]:
        """Find the lowest and the highest sensor."""
        return self.least_and_most(degc)

    def least_and_most(self, values: Sequence[float]) -> tuple[float, float]:
        """Find the lowest and the highest valid value, in their unit; NaN for both where none."""
        least, most = math.inf, -math.inf
        for value in values:  # an invalid one is neither below nor above
            if value < least:  # noqa: PLR1730  (as it is written in C)
                least = value
            if value > most:  # noqa: PLR1730
                most = value
        return (least, most) if most > -math.inf else (math.nan, math.nan)
