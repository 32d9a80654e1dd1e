"""The expectation `console never says`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleNeverSays:
    """No line matching `pattern` appears between two marks; other lines do."""

    pattern: str
    begin: str | None = None
    end: str | None = None
    kind: Literal["console never says"] = "console never says"
