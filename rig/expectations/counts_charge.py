"""The expectation `counts charge`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class CountsCharge:
    """Between two marks a CAN signal changes by the charge that flowed, by the bench's meter.

    Allowed is `accuracy_a` of the mean current, `relative` of the charge that passed either way,
    and `resolution_ah`. Every current but 0 must have been read while it flowed.
    """

    quantity: str  # the profile's word for it: "soc", "remaining capacity"
    message: str
    signal: str
    ah_per_unit: float
    accuracy_a: float
    relative: float
    resolution_ah: float
    begin: str
    end: str
    kind: Literal["counts charge"] = "counts charge"
