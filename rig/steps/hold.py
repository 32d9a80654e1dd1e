"""The step `hold`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Literal

from rig import bounds
from rig.quantity import Seconds, bounded, exact
from rig.steps.driver import Driver, Foresight
from rig.steps.resolver import Resolver
from rig.steps.step import Step
from rig.wording import quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold(Step):
    """Let time pass."""

    words: ClassVar[Mapping[str, Any]] = {"hold": Annotated[Seconds, bounded(bounds.STEP_TIME)]}

    duration_s: float
    kind: Literal["hold"] = "hold"

    @classmethod
    def read(cls, word: str, content: float, names: Resolver) -> Step:
        return cls(duration_s=content)

    def written(self) -> tuple[str, Any]:
        return "hold", exact(self.duration_s, "s")

    def sentence(self) -> str:
        return f"Hold for {quantity(self.duration_s, 's')}"

    def longest_s(self) -> float:
        return self.duration_s

    def expected_s(self, foresight: Foresight) -> float:
        return self.duration_s

    def simpler(self) -> Iterator[Step]:
        if self.duration_s > 2.0 * _LEAST_S:
            yield replace(self, duration_s=_rounded(self.duration_s / 2.0))
            yield replace(self, duration_s=_rounded(0.8 * self.duration_s))

    def do(self, driver: Driver) -> None:
        driver.sleep_ns(round(self.duration_s * 1e9))


_LEAST_S = 0.01


def _rounded(seconds: float) -> float:
    """Two digits are enough for a time that somebody is to read."""
    return float(f"{seconds:.2g}")
