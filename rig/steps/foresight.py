"""What the expectations of a case tell of the time that its steps take."""

from __future__ import annotations

from typing import Protocol

from rig.steps.conditions import Condition


class Foresight(Protocol):
    """The expectations of a case, as its steps need them."""

    def comes_s(self, until: Condition) -> float | None:
        """When the condition is expected to come true; None: nothing says so."""

    def threshold(self, quantity: str) -> tuple[float, float] | None:
        """Level at which an output is expected to react to a ramp, and its delay in s."""
