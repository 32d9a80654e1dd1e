"""The step `random phase`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomPhase:
    """Let a seeded random time in [0, span_s) pass, so that the BMS's task phase is random."""

    span_s: float
    kind: Literal["dither"] = "dither"
    mark: str | None = None
