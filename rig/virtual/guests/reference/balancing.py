"""Which cells of `esp32-4s` are bled. Decides only; the main program drives the transistors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rig.virtual.guests.reference.afe import lowest
from rig.virtual.guests.reference.protections import BIT


@dataclass(frozen=True, slots=True, kw_only=True)
class BalancingLimits:
    """When a cell is bled, by its own voltage and by its distance from the lowest."""

    start_v: float = 3.40
    stop_v: float = 3.38
    start_above_lowest_v: float = 0.015
    stop_above_lowest_v: float = 0.008
    rest_current_a: float = 1.0
    rest_ms: int = 2_000


class Balancer:
    """Holds which cells are to be bled; each has its own hysteresis.

    Attributes
    ----------
    limits : BalancingLimits
        What was compiled in.
    wanted : list of bool
        Whether each cell is to be bled.
    """

    def __init__(self, limits: BalancingLimits, *, cells: int) -> None:
        self.limits = limits
        self.wanted = [False] * cells

    @property
    def active(self) -> bool:
        """Whether any cell is to be bled."""
        return True in self.wanted

    def stop(self) -> None:
        """Bleed nothing."""
        self.wanted = [False] * len(self.wanted)

    def is_disturbed(self, current_a: float) -> bool:
        """Tell whether this current, in either direction, ends the rest."""
        return abs(current_a) >= self.limits.rest_current_a

    def is_forbidden(self, flags: int) -> bool:
        """Tell whether a fault forbids bleeding."""
        return bool(flags & BIT["AnyFault"])

    def has_rested(self, rest_ms: int) -> bool:
        """Tell whether the battery has been at rest long enough."""
        return rest_ms >= self.limits.rest_ms

    def choose(self, cells_v: Sequence[float]) -> None:
        """Choose anew from a scan taken with the bleeds off; an invalid cell is never bled."""
        least_v = lowest(cells_v)
        pairs = zip(self.wanted, cells_v, strict=True)
        self.wanted = [self.keeps(on, volts, volts - least_v) for on, volts in pairs]

    def keeps(self, on: bool, volts: float, above_v: float) -> bool:  # noqa: FBT001
        """Tell whether a cell is to be bled; `on`: it is already, `above_v`: than the lowest."""
        limits = self.limits
        if on:
            return volts >= limits.stop_v and above_v > limits.stop_above_lowest_v
        return volts > limits.start_v and above_v > limits.start_above_lowest_v
