"""The step `set`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Set:
    """Command several quantities at once; done when every instrument has confirmed."""

    values: Mapping[str, float]
    mark: str | None = None
    kind: Literal["set"] = "set"
