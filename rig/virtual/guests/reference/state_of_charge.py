"""State of charge: charge is counted, the open-circuit voltage corrects it at rest, full sets it.

Decides nothing for the paths; who tells the host of it is the main program's business.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from rig.virtual.guests.reference.afe import lowest

PERCENT = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class OcvTable:
    """Open-circuit voltage of a cell over its state of charge; both rise."""

    soc: tuple[float, ...]  # 0 to 1
    volts: tuple[float, ...]

    def fraction(self, volts: float) -> float:
        """Interpolate the state of charge, 0 to 1, from a cell's voltage at rest."""
        if not volts > self.volts[0]:  # an invalid cell counts as empty: the careful side
            return 0.0
        if volts >= self.volts[-1]:
            return 1.0
        index = self._segment(volts)
        low_v, high_v = self.volts[index : index + 2]
        low, high = self.soc[index : index + 2]
        return low + (high - low) * (volts - low_v) / (high_v - low_v)

    def slope_v(self, volts: float) -> float:
        """Tell by how much the voltage rises with one percent of charge."""
        index = self._segment(volts)
        low, high = self.soc[index : index + 2]
        return (self.volts[index + 1] - self.volts[index]) / (high - low) * PERCENT

    def _segment(self, volts: float) -> int:
        last = len(self.volts) - 2
        pairs = enumerate(pairwise(self.volts))
        return next((index for index, (_, high_v) in pairs if volts < high_v), last)


_AXIS = tuple(step / 20 for step in range(21))

# LibreSolar/bms-firmware (Apache-2.0), steps of 5 %.
LFP = OcvTable(
    soc=_AXIS,
    volts=(
        *(2.833, 3.132, 3.177, 3.190, 3.213, 3.226, 3.240, 3.252, 3.262, 3.264, 3.265),
        *(3.268, 3.271, 3.275, 3.283, 3.296, 3.304, 3.308, 3.309, 3.314, 3.392),
    ),
)
NMC = OcvTable(
    soc=_AXIS,
    volts=(
        *(2.800, 3.588, 3.684, 3.702, 3.726, 3.745, 3.764, 3.787, 3.803, 3.819, 3.838),
        *(3.858, 3.883, 3.924, 3.962, 3.993, 4.026, 4.056, 4.089, 4.135, 4.198),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyImage:
    """What is compiled in of charge and health."""

    chemistry: str = "LFP"
    lfp: OcvTable = LFP
    nmc: OcvTable = NMC
    capacity_ah: float = 20.0
    rest_current_a: float = 0.2
    rest_ticks: int = 2000  # runs of the main task: 20 s
    rest_filter_scans: int = 16
    steep_v: float = 2.0e-3  # for each percent: where the front end's 2 mV are 1 %
    full_v: float = 3.50  # every cell, at the charger's last volts
    full_again_v: float = 3.40
    tail_a: float = 1.0  # C/20
    full_scans: int = 610  # 30.5 s: never less than the 30 s of the data sheet
    reserve_ah: float = 0.4
    nominal_v: float = 12.8
    cycles_to_80: float = 3000.0  # full cycles until a fifth of the capacity is gone


class ChargeCounter:
    """Integrates the current; clamps at empty and full.

    The count runs freely from the start of the firmware, charge positive; what the state of
    charge was where it stood at 0 is kept beside it, and moves when the state is known otherwise.

    Attributes
    ----------
    fraction : float
        State of charge, 0 to 1.
    counted_as : float
        The count, in As.
    at_zero : float
        State of charge where the count stood at 0.
    capacity_as, step_s : float
        Capacity in As; what lies between two samples, in s.
    """

    def __init__(self, image: EnergyImage, *, step_s: float) -> None:
        self.step_s, self.capacity_as = step_s, 3600.0 * image.capacity_ah
        self.counted_as = 0.0
        self.at_zero = 0.0
        self.fraction = 0.0

    def correct(self, fraction: float) -> None:
        """Take a state of charge that is known otherwise, and count on from there."""
        self.fraction = fraction
        self.at_zero = fraction - self.counted_as / self.capacity_as

    def count(self, current_a: float) -> None:
        """Take one sample of the current, charge positive."""
        self.counted_as += self.charge_as(current_a)
        fraction = self.at_zero + self.counted_as / self.capacity_as
        if 0.0 <= fraction <= 1.0:
            self.fraction = fraction
        else:
            self.correct(0.0 if fraction < 0.0 else 1.0)

    def charge_as(self, current_a: float) -> float:
        """Reckon the charge of one sample, in As."""
        return current_a * self.step_s


class StateOfCharge:
    """Decides when the count is right, when the table, and when the battery is full."""

    def __init__(self, image: EnergyImage, counter: ChargeCounter) -> None:
        self.image, self.counter = image, counter
        self._table = self.choose_table()
        self._quiet_ticks = self._full_scans = 0
        self._by_table = False  # at rest where the table is steep: nothing is counted
        self._rest_v = 0.0  # filtered, so that noise of one scan does not show
        self.is_full = False  # until the cells fall again

    @property
    def fraction(self) -> float:
        """State of charge, 0 to 1."""
        return self.counter.fraction

    def choose_table(self) -> OcvTable:
        """Choose the table of the cells' chemistry."""
        return self.image.nmc if self.image.chemistry == "NMC" else self.image.lfp

    def start(self, cells_v: Sequence[float]) -> None:
        """Take the first scan: before it nothing flowed that is known of."""
        self.counter.correct(self._table.fraction(_mean(cells_v)))

    def count(self, current_a: float) -> None:
        """Take the newest current, in each run of the main task."""
        if abs(current_a) < self.image.rest_current_a:
            self._quiet_ticks += 1
        else:  # also while it is not known
            self._quiet_ticks, self._by_table = 0, False
        if not self._by_table and current_a == current_a:  # noqa: PLR0124  (not NaN)
            self.counter.count(current_a)

    def look(self, cells_v: Sequence[float], current_a: float) -> bool:
        """Take a scan; tell whether it just made the battery full."""
        mean_v = _mean(cells_v)
        if self._quiet_ticks < self.image.rest_ticks:
            self._rest_v = mean_v
        else:
            self._rest_v += (mean_v - self._rest_v) / self.image.rest_filter_scans
            self._correct_at_rest(self._rest_v)
        return self._look_for_full(lowest(cells_v), current_a)

    def _correct_at_rest(self, mean_v: float) -> None:
        self._by_table = self._table.slope_v(mean_v) >= self.image.steep_v
        if self._by_table:
            self.counter.correct(self._table.fraction(mean_v))

    def _look_for_full(self, lowest_v: float, current_a: float) -> bool:
        image = self.image
        if lowest_v < image.full_again_v:
            self.is_full = False
        ends = lowest_v >= image.full_v and abs(current_a) <= image.tail_a
        self._full_scans = self._full_scans + 1 if ends else 0
        if self.is_full or self._full_scans < image.full_scans:
            return False
        self.set_full()
        return True

    def set_full(self) -> None:
        """Set the state of charge to full, once until the cells fall again."""
        self.counter.correct(1.0)
        self.is_full = True


def _mean(cells_v: Sequence[float]) -> float:
    """Mean of the valid cells; 0 where none is, which counts as empty."""
    valid = [volts for volts in cells_v if volts == volts]  # noqa: PLR0124  (not NaN)
    return sum(valid) / len(valid) if valid else 0.0
