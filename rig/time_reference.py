"""Instants of a case: marks of its steps, and levels that a quantity crosses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """The instant at which the step that bears this mark was done (last command confirmed)."""

    mark: str
    kind: Literal["mark"] = "mark"


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """The instant at which a quantity, measured at the BMS's terminals, crossed `level`.

    Looked for after `after`; where the bench records no waveform of the quantity, the instant is
    taken from the recorded command (between its start and its confirmation).
    """

    quantity: str
    level: float
    rising: bool
    after: str | None = None  # a mark; None: from the start of the case
    kind: Literal["crossing"] = "crossing"


TimeReference = Annotated[Mark | Crossing, Field(discriminator="kind")]
