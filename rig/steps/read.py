"""The step `read`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """Read these quantities with the bench's meters, as close together as they can."""

    quantities: tuple[str, ...]
    mark: str | None = None
    kind: Literal["read"] = "read"
