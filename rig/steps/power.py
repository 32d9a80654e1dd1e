"""The step `power`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from rig.steps.driver import Driver
from rig.steps.resolver import Resolver
from rig.steps.step import Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Power(Step):
    """Switch the BMS's own supply."""

    words: ClassVar[Mapping[str, Any]] = {"power": Literal["on", "off"]}
    acts: ClassVar[bool] = True

    on: bool
    kind: Literal["power"] = "power"

    @classmethod
    def read(cls, word: str, content: str, names: Resolver) -> Step:
        return cls(on=content == "on")

    def check(self, names: Resolver) -> None:
        if "supply" not in names.profile.settable:
            names.refuse("the BMS has no supply that can be switched", "use reset")

    def written(self) -> tuple[str, Any]:
        return "power", "on" if self.on else "off"

    def sentence(self) -> str:
        return f"Switch the BMS's supply {'on' if self.on else 'off'}"

    def do(self, driver: Driver) -> None:
        driver.set({"supply": driver.profile.nominal_values["supply"] if self.on else 0.0})
