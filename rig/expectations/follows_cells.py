"""The expectation `follows cells`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowsCells:
    """At each Read of all cells a CAN signal lies on a curve of their mean voltage.

    `quantity` is the profile's word for it: "soc", "remaining capacity", "cell sum".
    `accuracy` is the signal's, `accuracy_v` that of the voltages it is made from. Two readings
    further apart than `ordered_from_v` must be told in their order, but for `accuracy`.
    """

    quantity: str
    message: str
    signal: str
    cells: tuple[str, ...]
    curve: tuple[tuple[float, float], ...]  # V to the signal's unit, rising, straight between
    accuracy: float
    accuracy_v: float = 0.0
    ordered_from_v: float | None = None  # None: nothing is promised of it
    unit: str = ""
    settle_s: float = 0.5  # the report must be newer than this after the last change
    kind: Literal["follows cells"] = "follows cells"
