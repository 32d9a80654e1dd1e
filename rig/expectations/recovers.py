"""The expectation `recovers`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rig.instants import Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovers:
    """`output` closes again (and stays so) between low_s and high_s after `since`."""

    output: str
    since: Instant
    low_s: float
    high_s: float
    lasts: bool = True  # it stays closed until something else is commanded
    kind: Literal["recovers"] = "recovers"
