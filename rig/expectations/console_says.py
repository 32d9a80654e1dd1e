"""The expectation `console says`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rig.instants import Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleSays:
    """A line matching `pattern` appears between low_s and high_s after `since`."""

    pattern: str
    since: Instant
    high_s: float
    low_s: float = 0.0
    kind: Literal["console says"] = "console says"
