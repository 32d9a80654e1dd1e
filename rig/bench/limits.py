"""What may be commanded at all: the tighter of what the BMS bears and what the bench allows.

Checked before anything is sent. Pure; must not talk to an instrument.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from rig.bench.description import BenchFile
from rig.dut.profile import Profile
from rig.errors import LimitError
from rig.quantities import CELL, CURRENT, SUPPLY, TEMPERATURE, kind_of, unit_of

# By the key of the wire that feeds: which of a quantity's bounds a rating is; the other is free.
_BOUNDS = {"from": (-1.0, 1.0), "charge": (-math.inf, 1.0), "discharge": (-1.0, math.inf)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """The range of a quantity, and who says so."""

    low: float
    high: float
    low_from: str
    high_from: str

    def narrowed(self, low: float, high: float, by: str) -> Allowed:
        """Keep what another source allows too."""
        return Allowed(
            low=max(low, self.low),
            high=min(high, self.high),
            low_from=by if low > self.low else self.low_from,
            high_from=by if high < self.high else self.high_from,
        )


@dataclass(frozen=True, slots=True)
class Limits:
    """Ranges of all quantities that can be set, by their names in a case."""

    ranges: Mapping[str, Allowed]

    def check(self, values: Mapping[str, float], where: str) -> None:
        """Refuse values beyond the limits.

        Raises
        ------
        LimitError
            Naming the first such value, the limit and whose it is; `where` is the step.
        """
        for quantity, value in values.items():
            allowed = self.ranges.get(quantity)
            if allowed is None:
                raise LimitError(
                    f"{quantity} can't be set on this bench; it was not commanded",
                    where,
                    f"this bench sets {', '.join(self.ranges)}",
                )
            if not allowed.low <= value <= allowed.high:  # this way round, NaN is refused too
                raise _beyond(quantity, value, allowed, where)


def limits_of(description: BenchFile, profile: Profile) -> Limits:
    """Limits of a BMS on a bench: profile, bench and, for its sources, each instrument's own."""
    by_profile, by_bench = f"the profile {profile.name}", f"the bench {description.name}"
    bench = description.limits
    spans = {
        CELL.limit: (0.0, bench.cell_v),
        TEMPERATURE.limit: (bench.temperature_degc.low, bench.temperature_degc.high),
        CURRENT.limit: (-bench.current_a, bench.current_a),
        SUPPLY.limit: (0.0, bench.supply_v),
    }
    ranges = {}
    for quantity in profile.fed:
        allowed, kind = profile.allowed(quantity), kind_of(quantity)
        ranges[quantity] = Allowed(
            low=allowed.low, high=allowed.high, low_from=by_profile, high_from=by_profile
        ).narrowed(*spans[kind.limit if kind else None], by_bench)
    return Limits(_with_ratings(ranges, description))


def _with_ratings(ranges: Mapping[str, Allowed], description: BenchFile) -> dict[str, Allowed]:
    """Narrow by the ratings that the bench gives to single instruments."""
    narrowed = dict(ranges)
    for quantity in ranges:
        wires = description.wiring.get(quantity)
        for key, wire in wires.wires() if wires is not None else ():
            ratings = description.instruments[wire.instrument].limits
            most = {"V": ratings.voltage_v, "A": ratings.current_a}.get(unit_of(quantity))
            if most is not None and key in _BOUNDS:
                low, high = (bound * most for bound in _BOUNDS[key])
                by = f"{wire.instrument} (limits in the bench {description.name})"
                narrowed[quantity] = narrowed[quantity].narrowed(low, high, by)
    return narrowed


def _beyond(quantity: str, value: float, allowed: Allowed, where: str) -> LimitError:
    unit = unit_of(quantity)
    is_low = value < allowed.low
    limit, source = (allowed.low, allowed.low_from) if is_low else (allowed.high, allowed.high_from)
    return LimitError(
        f"{quantity} would be set to {value:g} {unit}; {source} allows"
        f" {'no less than' if is_low else 'at most'} {limit:g} {unit}; it was not commanded",
        where,
        "change the step, or the limit if BMS and bench bear it",
    )
