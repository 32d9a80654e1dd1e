"""What a BMS claims of charge and health: the section ``energy:`` of its profile.

State of charge itself is reported as ``telemetry: soc:`` says. Must not hold defaults for claims:
what is left out is not claimed.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated

from pydantic import Field, model_validator

from rig import bounds
from rig.can_address import SignalAddress
from rig.description import Description, Location, Pattern, mistake_error
from rig.quantity import AmpHours, Amps, Factor, Ratio, Seconds, Volts, bounded


class OcvPoint(Description):
    """One point of the table of open-circuit voltages."""

    at_v: Annotated[Volts, bounded(bounds.CELL), Field(alias="at")]
    is_soc: Annotated[Ratio, Field(alias="is", ge=0, le=1)]


class Counting(Description):
    """How well charge is counted while a current flows."""

    accuracy_a: Annotated[
        Amps,
        bounded(bounds.SMALL_CURRENT),
        Field(alias="accuracy", description="of the mean current"),
    ]
    relative: Annotated[
        Ratio, bounded(bounds.RELATIVE), Field(description="of the charge that passed")
    ]
    largest_step: Annotated[
        Ratio, Field(gt=0, description="of the state of charge, from one frame to the next")
    ]


class RestCorrection(Description):
    """When the open-circuit voltage corrects the count."""

    below_a: Annotated[Amps, bounded(bounds.SMALL_CURRENT), Field(alias="current below")]
    after_s: Annotated[Seconds, bounded(bounds.REST), Field(alias="after", gt=0)]
    steeper_v: Annotated[
        Volts,
        bounded(bounds.CELL),
        Field(alias="where steeper than", ge=0, description="for each percent of charge"),
    ]


class ChargeClaims(Description):
    """State of charge: from the table at start, by counting, and by the table again at rest."""

    open_circuit: Annotated[
        tuple[OcvPoint, ...], Field(min_length=2, description="of the mean of the cells, at rest")
    ]
    accuracy: Annotated[
        Ratio,
        bounded(bounds.CHARGE_ACCURACY),
        Field(description="at rest, beyond what the cells' accuracy makes of it"),
    ]
    ordered_from_v: Annotated[
        Volts | None,
        bounded(bounds.CELL_DIFFERENCE),
        Field(alias="ordered from", description="cells so far apart are told in their order"),
    ] = None
    counts: Counting
    corrected_at_rest: RestCorrection | None = None
    traces_to: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _rises(self) -> ChargeClaims:
        points = self.open_circuit
        if any(a.at_v >= b.at_v or a.is_soc >= b.is_soc for a, b in pairwise(points)):
            raise mistake_error(
                "the open-circuit voltage must rise with the charge", "put its points in order"
            )
        return self

    @property
    def curve(self) -> tuple[tuple[float, float], ...]:
        """Give the points as (V, state of charge from 0 to 1)."""
        return tuple((point.at_v, point.is_soc) for point in self.open_circuit)


class FullClaims(Description):
    """When the battery counts as full: the state of charge is set to 100 %."""

    above_v: Annotated[Volts, bounded(bounds.CELL_LEVEL), Field(alias="cells above")]
    below_a: Annotated[Amps, bounded(bounds.SMALL_CURRENT), Field(alias="current below")]
    for_s: Annotated[Seconds, bounded(bounds.REST), Field(alias="for", gt=0)]
    within_s: Annotated[
        Seconds,
        bounded(bounds.REPORT_TIME),
        Field(alias="within", gt=0, description="after that time"),
    ]
    console: Pattern | None = None  # said once, until the cells have fallen again
    traces_to: tuple[str, ...] = ()


class HealthClaims(Description):
    """State of health."""

    signal: SignalAddress
    factor: Factor = 0.01
    per_hour: Annotated[Ratio, Field(alias="changes per hour", gt=0)]
    traces_to: tuple[str, ...] = ()


class RemainingClaims(Description):
    """Capacity that may still be drawn, in Ah."""

    signal: SignalAddress
    resolution_ah: Annotated[AmpHours, Field(alias="resolution", gt=0)]
    reserve_ah: Annotated[AmpHours, Field(alias="reserve", ge=0)]
    accuracy_ah: Annotated[
        AmpHours, Field(alias="accuracy", gt=0, description="against the state of charge it sends")
    ]
    traces_to: tuple[str, ...] = ()


class CellSumClaims(Description):
    """Sum of the cells as it reports it."""

    signal: SignalAddress
    accuracy_v: Annotated[Volts, bounded(bounds.PACK_ACCURACY), Field(alias="accuracy")]
    settles_s: Annotated[Seconds, bounded(bounds.REPORT_TIME), Field(alias="settles within")]
    traces_to: tuple[str, ...] = ()


class Energy(Description):
    """All that is claimed of charge and health."""

    state_of_charge: ChargeClaims
    full: FullClaims | None = None
    health: HealthClaims | None = None
    remaining_capacity: RemainingClaims | None = None
    cell_sum: CellSumClaims | None = None

    def signals(self) -> Iterator[tuple[Location, str]]:
        """Give every "Message.Signal" named here, with where it stands in the file."""
        named = {
            "health": self.health,
            "remaining capacity": self.remaining_capacity,
            "cell sum": self.cell_sum,
        }
        for name, claim in named.items():
            if claim is not None:
                yield ("energy", name, "signal"), claim.signal

    def requirements(self) -> Iterator[str]:
        """Give every requirement that a claim here traces to."""
        parts = (self.full, self.health, self.remaining_capacity, self.cell_sum)
        for claim in (self.state_of_charge, *parts):
            if claim is not None:
                yield from claim.traces_to
