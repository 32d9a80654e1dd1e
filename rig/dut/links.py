"""A BMS's own buses, as its data sheet has them, and what can be done to each.

A bench that leads a link through its relays can break it or short its lines. Must not know which
relays these are.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from rig.description import Description


class Link(Description):
    """A bus between two parts of the BMS, or between it and others."""

    meaning: str = ""
    faults: Annotated[
        tuple[Literal["open", "short"], ...],
        Field(min_length=1, description="what can be done to it without harm"),
    ]
