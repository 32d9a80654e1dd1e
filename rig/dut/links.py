"""A BMS's own buses and its front end, as its data sheet has them, and what can be done to each.

A bench that leads a link through its relays can break it or short its lines. Must not know which
relays these are.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from rig import bounds
from rig.description import Description, Pattern
from rig.quantity import Seconds, Volts, bounded

Carried = Literal["cell voltage", "pack voltage", "current", "temperature", "soc"]


class Link(Description):
    """A bus between two parts of the BMS, or between it and others."""

    meaning: str = ""
    faults: Annotated[
        tuple[Literal["open", "short"], ...],
        Field(min_length=1, description="what can be done to it without harm"),
    ]
    carries: Annotated[
        tuple[Carried, ...], Field(description="reports that hang on it, by their names")
    ] = ()
    rides_through_s: Annotated[
        Seconds,
        bounded(bounds.REPORT_TIME),
        Field(alias="rides through", description="a break so long neither trips nor shows"),
    ] = 0.0


class FrontEnd(Description):
    """The chip that measures the cells, and is supplied by them."""

    dips_to_v: Annotated[
        Volts,
        bounded(bounds.CELL),
        Field(alias="dips to", ge=0, description="of every cell: its supply is gone"),
    ]
    dips_for_s: Annotated[
        Seconds,
        bounded(bounds.REPORT_TIME),
        Field(alias="for at most", description="so long without a trip", gt=0),
    ]
    limits_again_s: Annotated[
        Seconds,
        bounded(bounds.REPORT_TIME),
        Field(alias="limits again within", description="after a dip"),
    ]
    console: Pattern | None = None  # the line that reports it
    traces_to: tuple[str, ...] = ()
