"""The step `power`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Power:
    """Switch the BMS's own supply."""

    on: bool
    mark: str | None = None
    kind: Literal["power"] = "power"
