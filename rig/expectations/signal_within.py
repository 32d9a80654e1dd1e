"""The expectation `signal within`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalWithin:
    """A CAN signal lies in [low, high] in every frame between two marks, and frames did arrive.

    `or_says` is a value beside the range that is as good: what it says while it knows nothing. With
    `once_sent` the span begins with its first frame: a BMS that starts has none to send at first.
    """

    message: str
    signal: str
    low: float
    high: float
    unit: str = ""
    or_says: float | None = None
    once_sent: bool = False
    begin: str | None = None
    end: str | None = None
    kind: Literal["signal within"] = "signal within"
