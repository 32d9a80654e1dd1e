"""The step `fault`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Insert (or remove) a wiring fault: target is "cell n", "temperature n" or a link."""

    fault: Literal["open", "short"]
    target: str
    present: bool = True
    mark: str | None = None
    kind: Literal["fault"] = "fault"
