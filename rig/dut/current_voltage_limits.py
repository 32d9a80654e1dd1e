"""The current and voltage limits that a BMS sends (CVL, CCL, DCL): a section of its profile.

Its limits follow curves; the least of them holds. Must not hold defaults for claims: what is
left out is not claimed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Any

from pydantic import Field, PlainValidator, WithJsonSchema

from rig import bounds
from rig.can_address import SignalAddress
from rig.description import Description, Location, Names, mistake_error
from rig.quantity import (
    Amps,
    Interval,
    Kelvin,
    Ratio,
    Seconds,
    TimeWindow,
    Volts,
    bounded,
    parse,
    reader,
)

__all__ = ["CurrentLimit", "CurrentVoltageLimits", "Curve", "Exceeded", "VoltageLimit"]


@dataclass(frozen=True, slots=True)
class Curve:
    """A polyline through points in order of x, flat beyond its ends."""

    points: tuple[tuple[float, float], ...]

    @property
    def corners(self) -> tuple[float, ...]:
        """Where it bends."""
        return tuple(x for x, _ in self.points)

    def at(self, x: float) -> float:
        """Give its height at `x`, linear between two points, flat beyond the ends."""
        first, last = self.points[0], self.points[-1]
        if x <= first[0] or x >= last[0]:
            return first[1] if x <= first[0] else last[1]
        (x0, y0), (x1, y1) = next(pair for pair in pairwise(self.points) if x < pair[1][0])
        return y0 + (y1 - y0) * (x - x0) / (x1 - x0)

    def around(self, x: float, tolerance: float) -> Interval:
        """Give its least and greatest height where x is known within ± `tolerance` (its unit)."""
        low, high = x - tolerance, x + tolerance
        heights = [self.at(low), self.at(high)]
        heights += [y for at, y in self.points if low < at < high]
        return Interval(min(heights), max(heights), "")


def _reads(x_unit: str, y_unit: str) -> PlainValidator:
    """Read a curve: {3.45 V: 20 A, 3.60 V: 2 A}."""
    read_x, read_y = reader(parse, x_unit), reader(parse, y_unit)

    def read(value: Any) -> Curve:
        if isinstance(value, Curve):
            return value
        if not isinstance(value, dict) or len(value) < 2:
            raise mistake_error("a curve has two points at least", "write {3.45 V: 20 A, …}")
        points = tuple((read_x(x), read_y(y)) for x, y in value.items())
        if any(a[0] >= b[0] for a, b in pairwise(points)):
            raise mistake_error("the points of a curve must rise", "put them in order")
        if any(y < 0.0 for _, y in points):
            raise mistake_error("what is allowed has no sign", "write it as a positive value")
        return Curve(points)

    return PlainValidator(read)


_SCHEMA = WithJsonSchema({"type": "object", "examples": ["{3.45 V: 20 A, 3.60 V: 2 A}"]})
VoltsByVolts = Annotated[Curve, _reads("V", "V"), _SCHEMA]
AmpsByVolts = Annotated[Curve, _reads("V", "A"), _SCHEMA]
AmpsByDegC = Annotated[Curve, _reads("°C", "A"), _SCHEMA]
AmpsByRatio = Annotated[Curve, _reads("1", "A"), _SCHEMA]


class VoltageLimit(Description):
    """The charge voltage of the pack, by its highest cell."""

    signal: SignalAddress
    tolerance_v: Annotated[Volts, Field(alias="tolerance", gt=0)]
    by_cell: Annotated[VoltsByVolts, Field(alias="by highest cell")]


class CurrentLimit(Description):
    """A limit of the current one way: the least of what its curves allow, 0 while its path is open.

    `by_cell` looks at the highest cell for charge and at the lowest for discharge; `by_temperature`
    at every sensor.
    """

    signal: SignalAddress
    allowed: SignalAddress  # a signal: 1 while its path is closed
    path: str  # an output
    tolerance_a: Annotated[Amps, Field(alias="tolerance", gt=0)]
    by_cell: Annotated[AmpsByVolts, Field(alias="by cell voltage")]
    by_temperature: Annotated[AmpsByDegC, Field(alias="by temperature")]
    by_soc: Annotated[AmpsByRatio, Field(alias="by state of charge")]
    end_v: Annotated[
        Volts,
        bounded(bounds.CELL),
        Field(alias="cells at its end", description="at rest: as full, or as empty, as is"),
    ]

    @property
    def most_a(self) -> float:
        """What it is where nothing takes from it."""
        curves: tuple[Curve, ...] = (self.by_cell, self.by_temperature, self.by_soc)
        return min(max(y for _, y in curve.points) for curve in curves)


class Exceeded(Description):
    """The warning that charger or load does not keep to a limit."""

    flag: SignalAddress
    margin_a: Annotated[Amps, Field(alias="margin", ge=0)]
    relative: Annotated[
        Ratio, bounded(bounds.RELATIVE), Field(description="of the limit, added to margin")
    ]
    after: Annotated[
        TimeWindow, bounded(bounds.DELAY)
    ]  # what charger or load has to follow is its minimum
    clears_within_s: Annotated[
        Seconds, bounded(bounds.REPORT_TIME), Field(alias="clears within", gt=0)
    ]


class Inputs(Description):
    """How well the BMS knows what its limits follow from."""

    cell_v: Annotated[Volts, bounded(bounds.VOLT_ACCURACY), Field(alias="cell voltage")]
    temperature_k: Annotated[Kelvin, bounded(bounds.KELVIN_ACCURACY), Field(alias="temperature")]
    soc: Annotated[Ratio, bounded(bounds.CHARGE_ACCURACY), Field(alias="state of charge")]


class CurrentVoltageLimits(Description):
    """All limits that it sends."""

    charge_voltage: VoltageLimit | None = None
    charge_current: CurrentLimit
    discharge_current: CurrentLimit
    input_accuracy: Inputs
    within_s: Annotated[
        Seconds,
        bounded(bounds.REPORT_TIME),
        Field(alias="within", gt=0, description="after what it follows from has settled"),
    ]
    rises_a: Annotated[Amps, Field(alias="rises in 1 s by at most", gt=0)]
    full_within_s: Annotated[
        Seconds,
        bounded(bounds.REPORT_TIME),
        Field(alias="risen within", gt=0, description="from 0 to whatever is allowed"),
    ]
    exceeded: Exceeded | None = None
    traces_to: Names = ()

    @property
    def currents(self) -> dict[str, CurrentLimit]:
        """Give both current limits by their names."""
        return {"charge": self.charge_current, "discharge": self.discharge_current}

    def signals(self) -> Iterator[tuple[Location, str]]:
        """Give every "Message.Signal" named here, with where it stands in the file."""
        if self.charge_voltage is not None:
            yield (
                ("current and voltage limits", "charge voltage", "signal"),
                self.charge_voltage.signal,
            )
        for name, limit in self.currents.items():
            yield ("current and voltage limits", f"{name} current", "signal"), limit.signal
            yield ("current and voltage limits", f"{name} current", "allowed"), limit.allowed
        if self.exceeded is not None:
            yield ("current and voltage limits", "exceeded", "flag"), self.exceeded.flag
