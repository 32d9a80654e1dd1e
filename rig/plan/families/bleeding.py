"""How cells are made to bleed, and how that is seen. Must not know a family."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

from rig.can_address import MessageAddress, SignalAddress
from rig.dut.profile import Balancing, Profile
from rig.expectations import Expectation
from rig.expectations.balances import Balances
from rig.plan.families.applicable import look_s
from rig.plan.families.draft import Part
from rig.plan.families.expecting import becomes, stays
from rig.plan.families.timing import REST_SHARE, STILL_S
from rig.quantities import BALANCE, BLEED, CELL, numbered
from rig.quantity import Interval
from rig.steps import Step
from rig.steps.hold import Hold
from rig.steps.read import Read
from rig.steps.set import Set


class Levels:
    """Cell voltages that make cells bleed, and that don't."""

    def __init__(self, profile: Profile, rules: Balancing) -> None:
        self.cells = range(1, profile.cells.count + 1)
        margin = rules.spread_v or 0.05
        room = _room_above(profile, rules.above_v)
        self._high_v = round(rules.above_v + min(4.0 * margin, room), 6)
        self._rest_v = round(rules.above_v + 0.01, 6) if rules.spread_v else profile.nominal.cells_v
        self._margin_v = margin
        self._below_v = round(rules.above_v - 0.05, 6)
        self._stopped_v = round(rules.stops_below_v - 0.02, 6)
        self._equal_v = self._rest_v if rules.spread_v else self._below_v

    def high(self, *high: int) -> dict[str, float]:
        """Give levels at which just these cells bleed."""
        return {CELL.at(n): self._high_v if n in high else self._rest_v for n in self.cells}

    @property
    def equal(self) -> dict[str, float]:
        """Give levels at which no cell is above another."""
        return {CELL.at(n): self._equal_v for n in self.cells}

    @property
    def low(self) -> dict[str, float]:
        """Give levels far apart, all of them too low to bleed at."""
        return self._one_above(2, self._below_v)

    @property
    def emptied(self) -> dict[str, float]:
        """Give levels at which a cell that bled must stop, though it is above the others."""
        return self._one_above(1, self._stopped_v)

    def _one_above(self, high: int, volts: float) -> dict[str, float]:
        lower_v = round(volts - 2.0 * self._margin_v, 6)
        return {CELL.at(n): volts if n == high else lower_v for n in self.cells}


def _room_above(profile: Profile, above_v: float) -> float:
    """Half the way to the lowest level at which a high cell trips something."""
    lowest = [
        p.level - p.threshold.tolerance
        for p in profile.protections.values()
        if p.kind is CELL and p.rising and p.threshold
    ]
    return 0.5 * (min(lowest) - above_v) if lowest else above_v


def bleeds(profile: Profile, rules: Balancing, cell: int, mark: str = "before") -> Part:
    """Let one cell bleed, and see that it does."""
    high, rest_s = Levels(profile, rules).high(cell), rules.at_rest_s + rules.begins_within_s
    steps = [Set(values=high), Hold(duration_s=rest_s)]
    return Part([*steps, *look(profile, mark)], list(bleeding(profile, (cell,), mark)))


def bleed_outputs(profile: Profile) -> tuple[str, ...]:
    """Name of what is read of each cell to see whether it bleeds: its output, else its current."""
    rules = profile.balancing
    return profile.names_of(BALANCE if rules and rules.output else BLEED)


def look(profile: Profile, mark: str) -> list[Step]:
    """Read which cells bleed, and let the BMS say so for a while."""
    rules, count = profile.balancing, profile.cells.count
    reported = _messages(rules.signal, count) if rules and rules.signal else ()
    return [
        Hold(duration_s=0.0, mark=f"{mark} settled"),
        Read(quantities=bleed_outputs(profile), mark=mark),
        Hold(duration_s=look_s(profile, STILL_S, reported), mark=f"{mark} told"),
    ]


def bleeding(profile: Profile, cells: tuple[int, ...], mark: str) -> Iterator[Expectation]:
    """Just these cells bleed at the mark, by what they draw and by what the BMS says."""
    yield Balances(cells=cells, at=mark)
    rules = profile.balancing
    if rules is None or rules.signal is None:
        return
    reported, others = (
        SignalAddress(rules.signal),
        set(range(1, profile.cells.count + 1)) - {*cells},
    )
    for bleeds, some in ((True, cells), (False, sorted(others))):
        if some:
            said = stays(reported, bleeds, f"{mark} settled", f"{mark} told")
            yield replace(said, of=CELL.some(some))


@lru_cache(maxsize=1 << 4)  # asked in case after case
def _messages(signal: str, cells: int) -> tuple[MessageAddress, ...]:
    numbers = range(1, cells + 1)
    return tuple(dict.fromkeys(SignalAddress(numbered(signal, n)).message for n in numbers))


def begins_after_rest(
    rules: Balancing, cell: int, flowing: str, rest: str
) -> Iterator[Expectation]:
    """The BMS reports no bleeding of the cell from one mark to the other, then so in its time.

    Nothing where it does not tell: a meter's readings now and then miss when bleeding began.
    """
    said = rules.signal_for(cell)
    if said is None:
        return
    yield stays(said, 0.0, flowing, rest)
    latest_s = rules.at_rest_s + rules.begins_within_s
    yield becomes(said, 1.0, rest, Interval(REST_SHARE * rules.at_rest_s, latest_s, "s"))
