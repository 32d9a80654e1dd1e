"""The steps `type`, `type exactly` and `type on`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from rig.console_name import OWN_CONSOLE, ConsoleName
from rig.description import Typed
from rig.steps.driver import Driver
from rig.steps.resolver import Resolver
from rig.steps.step import Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Type(Step):
    """Type a line on the BMS's console (the line end is the profile's), or on another."""

    words: ClassVar[Mapping[str, Any]] = {
        "type": Annotated[Typed, Field(description="a line, or the name of a command")],
        "type exactly": Annotated[str, Field(description="any characters, or none")],
        "type on": Annotated[
            dict[ConsoleName, str],
            Field(min_length=1, max_length=1, examples=["{console of the gateway: reboot}"]),
        ],
    }
    acts: ClassVar[bool] = True

    line: str
    console: str = OWN_CONSOLE
    kind: Literal["type"] = "type"

    @classmethod
    def read(cls, word: str, content: str | dict[str, str], names: Resolver) -> Step:
        if isinstance(content, dict):
            [(name, line)] = content.items()
            return cls(line=line, console=name)
        claimed = names.profile.console
        commands = claimed.commands if claimed and word == "type" else {}
        return cls(line=commands.get(content, content))

    def check(self, names: Resolver) -> None:
        names.has_console(self.console)

    def written(self) -> tuple[str, Any]:
        if self.console != OWN_CONSOLE:
            return "type on", {self.console: self.line}
        is_typed = self.line.isprintable() and self.line.strip()
        return "type" if is_typed else "type exactly", self.line

    def sentence(self) -> str:
        return f"Type “{self.line}” on the {self.console}"

    def do(self, driver: Driver) -> None:
        driver.type_line(self.line, self.console)
