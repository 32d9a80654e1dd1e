"""The expectation `signal stays`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalStays:
    """A CAN signal has `value` in every frame between two marks, and frames did arrive."""

    message: str
    signal: str
    value: float
    begin: str | None = None
    end: str | None = None
    kind: Literal["signal stays"] = "signal stays"
