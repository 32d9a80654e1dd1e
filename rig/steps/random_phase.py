"""The step `random phase`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from rig import bounds
from rig.quantity import Seconds, bounded, exact
from rig.steps.driver import Driver
from rig.steps.foresight import Foresight
from rig.steps.resolver import Resolver
from rig.steps.step import Step
from rig.wording import quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomPhase(Step):
    """Let a seeded random time in [0, span_s) pass, so that the BMS's task phase is random."""

    words: ClassVar[Mapping[str, Any]] = {
        "random phase": Annotated[Seconds, bounded(bounds.STEP_TIME), Field(gt=0)]
    }

    span_s: float
    kind: Literal["random phase"] = "random phase"

    @classmethod
    def read(cls, word: str, content: float, names: Resolver) -> Step:
        return cls(span_s=content)

    def written(self) -> tuple[str, Any]:
        return "random phase", exact(self.span_s, "s")

    def sentence(self) -> str:
        span = quantity(self.span_s, "s")
        return f"Wait a random part of {span}, so that the BMS's phase varies"

    def longest_s(self) -> float:
        return self.span_s

    def expected_s(self, foresight: Foresight) -> float:
        return self.span_s / 2

    def do(self, driver: Driver) -> None:
        driver.sleep_ns(round(driver.random.uniform(0.0, self.span_s) * 1e9))
