"""The step `read`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from rig.description import Names
from rig.quantities import Many
from rig.steps.driver import Driver, Foresight
from rig.steps.resolver import Resolver
from rig.steps.step import MOST_READING_S, READING_S, Step
from rig.wording import joined


@dataclass(frozen=True, slots=True, kw_only=True)
class Read(Step):
    """Read by the meters: cells, sensors, `current`, `stack`, `pack`, outputs, `bleed n`."""

    words: ClassVar[Mapping[str, Any]] = {"read": Names}

    quantities: Many
    kind: Literal["read"] = "read"

    @classmethod
    def read(cls, word: str, content: Sequence[str], names: Resolver) -> Step:
        return cls(quantities=tuple(name for word in content for name in names.all_of(word)))

    def check(self, names: Resolver) -> None:
        for name in self.quantities:
            names.readable(name)

    def written(self) -> tuple[str, Any]:
        return "read", list(self.quantities)

    def sentence(self) -> str:
        return f"Read {joined(self.quantities)} with the meters"

    def longest_s(self) -> float:
        return MOST_READING_S * len(self.quantities)

    def expected_s(self, foresight: Foresight) -> float:
        return READING_S * len(self.quantities)

    def reads(self) -> Iterator[str]:
        return iter(self.quantities)

    def do(self, driver: Driver) -> None:
        driver.read(self.quantities)
