"""The step `play sequence`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaySequence:
    """Give a quantity these values, one every `interval_s`, the whole list `times` times.

    A bounce, a slow drift, a ripple as fast as commands go. `noise` is added to each value: uniform
    within ± `noise`, drawn from the case's own seed.
    """

    quantity: str
    values: tuple[float, ...]
    interval_s: float
    times: int = 1
    noise: float = 0.0
    mark: str | None = None
    kind: Literal["play"] = "play"
