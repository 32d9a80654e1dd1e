"""The step `reset`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from rig.steps.driver import Driver
from rig.steps.resolver import Resolver
from rig.steps.step import Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset(Step):
    """Pulse the BMS's reset line (EN, by RTS of the console)."""

    words: ClassVar[Mapping[str, Any]] = {"reset": Literal["now"]}
    bare: ClassVar[Mapping[str, Any]] = {"reset": "now"}
    acts: ClassVar[bool] = True

    kind: Literal["reset"] = "reset"

    @classmethod
    def read(cls, word: str, content: str, names: Resolver) -> Step:
        return cls()

    def check(self, names: Resolver) -> None:
        names.has_console()  # its RTS line is the reset

    def written(self) -> tuple[str, Any]:
        return "reset", "now"

    def sentence(self) -> str:
        return "Pulse the BMS's reset line"

    def do(self, driver: Driver) -> None:
        driver.reset()
