"""The expectation `threshold`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdIs:
    """The level at which `output` reacted lies within tolerance of `level` (a Staircase)."""

    quantity: str
    output: str
    is_open: bool  # the reaction looked for: opened (trip threshold) or closed (recovery)
    level: float
    tolerance: float
    unit: str
    delay_s: float  # the BMS's longest delay: a reaction belongs to the level that long before
    kind: Literal["threshold"] = "threshold"
