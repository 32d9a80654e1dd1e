"""The step `stop periodic`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from rig.steps.driver import Driver
from rig.steps.resolver import Resolver
from rig.steps.step import Step


@dataclass(frozen=True, slots=True, kw_only=True)
class StopPeriodic(Step):
    """End the background traffic of a message."""

    words: ClassVar[Mapping[str, Any]] = {
        "stop periodic": Annotated[str, Field(description="a message whose traffic ends")]
    }

    message: str
    kind: Literal["stop periodic"] = "stop periodic"

    @classmethod
    def read(cls, word: str, content: str, names: Resolver) -> Step:
        return cls(message=content)

    def check(self, names: Resolver) -> None:
        names.received(self.message)

    def written(self) -> tuple[str, Any]:
        return "stop periodic", self.message

    def sentence(self) -> str:
        return f"Stop sending {self.message}"

    def do(self, driver: Driver) -> None:
        driver.rest_bus(self.message).end(self.message)
