"""The step `ramp`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from rig.steps.conditions import Condition


@dataclass(frozen=True, slots=True, kw_only=True)
class Staircase:
    """Go from `start` to `stop` in steps of `step`, holding each for `dwell_s`; end at `until`.

    Each level is read back by the bench's meter. `step` has the sign of stop - start; the last one
    is shorter where the way is no multiple of it.
    """

    quantity: str
    start: float
    stop: float
    step: float
    dwell_s: float
    until: Condition
    mark: str | None = None
    kind: Literal["staircase"] = "staircase"

    @property
    def steps(self) -> int:
        """How many steps lead from start to stop; a millionth of one is rounding."""
        return math.ceil((self.stop - self.start) / self.step - 1e-6)

    @property
    def levels(self) -> tuple[float, ...]:
        """What is commanded: from start to stop, and nothing beyond."""
        return (*(self.start + i * self.step for i in range(self.steps)), self.stop)
