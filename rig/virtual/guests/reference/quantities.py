"""What the rules of the reference BMS read: rows of values out of the newest readings.

One method for each; a rule names it ("hottest", "wires open"). Must not compare anything.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rig.virtual.guests.reference.afe import Readings, highest, lowest

# In the order in which they are looked at. "short circuit" and "host lost" are no readings: the
# main task tells them.
BY_SCAN = (
    *("cells", "modules", "stack", "hottest", "coldest", "spread"),
    *("wires open", "sensors open", "sensors short"),
)
BY_CURRENT = ("charge", "discharge", "hard overvoltage")


class Quantities:
    """Picks values; holds none, but where a build filters them."""

    cells_a_module = 2  # of a build that watches modules

    def reader(self, name: str) -> Callable[[Readings], Sequence[float]]:
        """Find the method that reads a quantity: a row of values in V, A or degC, some NaN."""
        found: Callable[[Readings], Sequence[float]] = getattr(self, name.replace(" ", "_"))
        return found

    def cells(self, r: Readings) -> Sequence[float]:
        """Each cell's voltage."""
        return r.cells_v

    def highest_cell(self, r: Readings) -> Sequence[float]:
        """The highest cell alone."""
        return [highest(self.cells(r))]

    def lowest_cell(self, r: Readings) -> Sequence[float]:
        """The lowest cell alone."""
        return [lowest(self.cells(r))]

    def modules(self, r: Readings) -> Sequence[float]:
        """Each module's voltage."""
        cells, each = self.cells(r), self.cells_a_module
        return [sum(cells[at : at + each]) for at in range(0, len(cells), each)]

    def stack(self, r: Readings) -> Sequence[float]:
        """All cells together."""
        return [sum(self.cells(r))]

    def spread(self, r: Readings) -> Sequence[float]:
        """Highest less lowest cell."""
        return [highest(self.cells(r)) - lowest(self.cells(r))]

    def temperatures(self, r: Readings) -> Sequence[float]:
        """Each sensor's temperature."""
        return r.temperatures_degc

    def hottest(self, r: Readings) -> Sequence[float]:
        """The hottest sensor."""
        return [highest(self.temperatures(r))]

    def coldest(self, r: Readings) -> Sequence[float]:
        """The coldest sensor."""
        return [lowest(self.temperatures(r))]

    def wires_open(self, r: Readings) -> Sequence[float]:
        """1 for each cell whose sense wire is broken."""
        return r.wires_open

    def sensors_open(self, r: Readings) -> Sequence[float]:
        """1 for each sensor that is an open circuit."""
        return r.sensors_open

    def sensors_short(self, r: Readings) -> Sequence[float]:
        """1 for each sensor that is a short circuit."""
        return r.sensors_short

    def hard_overvoltage(self, r: Readings) -> Sequence[float]:
        """1 once the front end's own comparator has seen an overvoltage."""
        return [r.hard_overvoltage]

    def charge(self, r: Readings) -> Sequence[float]:
        """Charge current."""
        return [r.current_a]

    def discharge(self, r: Readings) -> Sequence[float]:
        """Discharge current."""
        return [-r.current_a]

    def magnitude(self, r: Readings) -> Sequence[float]:
        """Current, whichever way it flows."""
        return [abs(r.current_a)]
