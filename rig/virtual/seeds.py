"""One seed, many independent streams of noise. Must not take entropy from anywhere else."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass
from typing import Protocol

import numpy as np

__all__ = ["Random", "Seeds", "generator", "stream"]


class Random(Protocol):
    """The part of `random.Random` that the boards and guests draw from."""

    def uniform(self, a: float, b: float, /) -> float:
        """Return a number between `a` and `b`."""

    def gauss(self, mu: float, sigma: float, /) -> float:
        """Return a normal deviate."""


def _number(seed: int, name: str) -> int:
    # Python's own hash() differs from process to process; this one never does.
    return int.from_bytes(hashlib.sha256(f"{seed}:{name}".encode()).digest()[:16], "big")


def stream(seed: int, name: str) -> random.Random:
    """Make the generator that belongs to `name`, whatever others were made before it."""
    return random.Random(_number(seed, name))  # noqa: S311 (noise, not secrets)


def generator(seed: int, name: str) -> np.random.Generator:
    """Make a numpy generator that belongs to `name`; not the same numbers as `stream`."""
    return np.random.Generator(np.random.PCG64(_number(seed, f"numpy:{name}")))


@dataclass(frozen=True, slots=True)
class Seeds:
    """The two numbers that everything random on a bench comes from.

    Attributes
    ----------
    run : int
        Makes the specimen and the instruments: gains, offsets, rates of clocks, spread of cells.
    case : int
        Makes the moment: noise, phases, jitter, latencies.
    """

    run: int
    case: int

    def lasting(self, name: str) -> random.Random:
        """Make the generator of what `name` is, in each case of a run."""
        return stream(self.run, name)

    def momentary(self, name: str) -> random.Random:
        """Make the generator of what happens at `name` in this case."""
        return stream(self.case, f"{name}, now")
