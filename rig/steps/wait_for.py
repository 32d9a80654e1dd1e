"""The step `wait for`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from rig.quantity import exact
from rig.steps.conditions import (
    Condition,
    ConsoleLine,
    Waiting,
    condition,
)
from rig.steps.driver import Driver
from rig.steps.foresight import Foresight
from rig.steps.resolver import Resolver
from rig.steps.step import MOST_COMMAND_S, Step
from rig.wording import quantity

_MOVES = 0.5  # part of a wait for an output or a signal of which nothing is expected
_SAYS = 0.1  # part of a wait for a line of the console


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitFor(Step):
    """Wait for an `OutputState`, `SignalValue` or `ConsoleLine`, and go on either way."""

    words: ClassVar[Mapping[str, Any]] = {"wait for": Waiting}

    until: Condition
    within_s: float
    kind: Literal["wait for"] = "wait for"

    @classmethod
    def read(cls, word: str, content: Mapping[str, Any], names: Resolver) -> Step:
        return cls(until=condition(content), within_s=content["within"])

    def check(self, names: Resolver) -> None:
        self.until.check(names)

    def written(self) -> tuple[str, Any]:
        return "wait for", self.until.written() | {"within": exact(self.within_s, "s")}

    def sentence(self) -> str:
        return f"Wait until {self.until.sentence()}, at most {quantity(self.within_s, 's')}"

    def longest_s(self) -> float:
        return self.within_s + MOST_COMMAND_S

    def expected_s(self, foresight: Foresight) -> float:
        comes_s = foresight.comes_s(self.until)
        if comes_s is None:
            return self.within_s * (_SAYS if isinstance(self.until, ConsoleLine) else _MOVES)
        return min(comes_s, self.within_s)

    def reads(self) -> Iterator[str]:
        return self.until.outputs()

    def signals_named(self) -> Iterator[tuple[str, float]]:
        return self.until.signals_named()

    def do(self, driver: Driver) -> None:
        driver.wait_for(self.until, self.within_s)
