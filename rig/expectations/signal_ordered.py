"""The expectation `signal ordered`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalOrdered:
    """A CAN signal only rises (or falls) between two marks: it never comes back by over `slack`."""

    message: str
    signal: str
    rising: bool
    slack: float  # in the signal's unit: noise and rounding
    begin: str | None = None
    end: str | None = None
    kind: Literal["signal ordered"] = "signal ordered"
