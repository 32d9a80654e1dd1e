"""The step `wait for`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rig.steps.conditions import Condition


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitFor:
    """Wait until the condition holds, at most `within_s`; the case goes on either way."""

    until: Condition
    within_s: float
    mark: str | None = None
    kind: Literal["await"] = "await"
