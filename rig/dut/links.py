"""A BMS's own buses, as its data sheet has them, and what can be done to each.

A bench that leads a link through its relays can break it or short its lines. Must not know which
relays these are.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from rig.description import Description
from rig.quantity import Seconds

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
        Field(alias="rides through", description="a break so long neither trips nor shows"),
    ] = 0.0
