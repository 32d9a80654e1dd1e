"""The expectation `cycles`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Cycles:
    """`output` closes just `count` times between two marks, and opens again each time.

    Each time it is closed for low_s to high_s, and between two of them open for pause_low_s to
    pause_high_s.
    """

    output: str
    count: int
    low_s: float
    high_s: float
    pause_low_s: float
    pause_high_s: float
    begin: str | None = None
    end: str | None = None
    kind: Literal["cycles"] = "cycles"
