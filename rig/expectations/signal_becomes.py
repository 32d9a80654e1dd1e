"""The expectation `signal becomes`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rig.instants import Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalBecomes:
    """A CAN signal takes `value` between low_s and high_s after `since` (end of frame counts)."""

    message: str
    signal: str
    value: float
    since: Instant
    high_s: float
    low_s: float = 0.0
    kind: Literal["signal becomes"] = "signal becomes"
