"""The step `reset`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """Pulse the BMS's reset line (EN, by RTS of the console)."""

    mark: str | None = None
    kind: Literal["reset"] = "reset"
