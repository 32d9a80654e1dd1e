"""The steps `type` and `type exactly`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from rig.description import Typed
from rig.steps.driver import Driver
from rig.steps.resolver import Resolver
from rig.steps.step import Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Type(Step):
    """Type a line on the BMS's console (the line end is the profile's)."""

    words: ClassVar[Mapping[str, Any]] = {
        "type": Annotated[Typed, Field(description="a line, or the name of a command")],
        "type exactly": Annotated[str, Field(description="any characters, or none")],
    }
    acts: ClassVar[bool] = True

    line: str
    kind: Literal["type"] = "type"

    @classmethod
    def read(cls, word: str, content: str, names: Resolver) -> Step:
        console = names.profile.console
        commands = console.commands if console and word == "type" else {}
        return cls(line=commands.get(content, content))

    def check(self, names: Resolver) -> None:
        names.has_console()

    def written(self) -> tuple[str, Any]:
        is_typed = self.line.isprintable() and self.line.strip()
        return "type" if is_typed else "type exactly", self.line

    def sentence(self) -> str:
        return f"Type “{self.line}” on the console"

    def do(self, driver: Driver) -> None:
        driver.type_line(self.line)
