"""The expectation `message comes`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from rig.instants import Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageComes:
    """A message comes with these values between low_s and high_s after `since`, so many times."""

    message: str
    since: Instant
    high_s: float
    low_s: float = 0.0
    where: Mapping[str, float] = field(default_factory=dict)  # signals to values
    at_least: int = 1
    at_most: int | None = None  # None: any number
    kind: Literal["message comes"] = "message comes"
