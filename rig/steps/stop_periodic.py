"""The step `stop periodic`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class StopPeriodic:
    """End the background traffic of a message."""

    message: str
    mark: str | None = None
    kind: Literal["quiet"] = "quiet"
