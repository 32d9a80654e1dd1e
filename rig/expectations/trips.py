"""The expectation `trips`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rig.instants import Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Trips:
    """`output` opens between low_s and high_s after `since`."""

    output: str
    since: Instant
    low_s: float
    high_s: float
    kind: Literal["trips"] = "trips"
