"""The step `hold`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Let time pass."""

    duration_s: float
    mark: str | None = None
    kind: Literal["hold"] = "hold"
