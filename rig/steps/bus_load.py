"""The step `bus load`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Load the BMS's bus with foreign frames, in bursts; the case goes on when it is over.

    Within a burst nothing less urgent gets through; pauses make it `share` on the whole.
    """

    share: float  # of the bus's time, pauses included
    burst_s: float
    bursts: int
    first_id: int  # standard identifiers, taken in turn
    last_id: int
    mark: str | None = None
    kind: Literal["load"] = "load"
