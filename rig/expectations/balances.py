"""The expectation `balances`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Balances:
    """At mark `at` just these cells bleed: by their bleed output, or by the current they draw."""

    cells: tuple[int, ...]
    at: str
    low_a: float = 0.02  # a cell bleeds when it draws more than this
    kind: Literal["balances"] = "balances"
