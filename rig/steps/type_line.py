"""The step `type line`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Type:
    """Type a line on the BMS's console (the line end is the profile's)."""

    line: str
    mark: str | None = None
    kind: Literal["type"] = "type"
