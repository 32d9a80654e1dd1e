"""The steps `fault` and `repair`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from pydantic import model_validator

from rig.description import Description, mistake_error
from rig.steps.driver import Driver
from rig.steps.resolver import Resolver
from rig.steps.step import Step


class FaultTarget(Description):
    """Where a wire is broken or shorted."""

    open: str | None = None
    short: str | None = None

    @model_validator(mode="after")
    def _one(self) -> FaultTarget:
        if (self.open is None) == (self.short is None):
            raise mistake_error(
                "a fault is either open or short", "write for example {open: cell 2}"
            )
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault(Step):
    """Break or short a wire: of `cell n`, `temperature n` or a link; `present=False` mends it."""

    words: ClassVar[Mapping[str, Any]] = {"fault": FaultTarget, "repair": FaultTarget}
    acts: ClassVar[bool] = True

    fault: Literal["open", "short"]
    target: str
    present: bool = True
    kind: Literal["fault"] = "fault"

    @classmethod
    def read(cls, word: str, content: FaultTarget, names: Resolver) -> Step:
        fault: Literal["open", "short"] = "short" if content.open is None else "open"
        target = content.open or content.short or ""
        return cls(fault=fault, target=target, present=word == "fault")

    def check(self, names: Resolver) -> None:
        profile = names.profile
        links = (name for name, link in profile.links.items() if self.fault in link.faults)
        cells = profile.cell_names if self.fault == "open" else ()
        known = (*cells, *profile.temperature_names, *links)
        names.at(self.fault).known(self.target, known, f"wire that can be {self.fault}")

    def written(self) -> tuple[str, Any]:
        return "fault" if self.present else "repair", {self.fault: self.target}

    def sentence(self) -> str:
        return f"{'Make' if self.present else 'Repair'} the {self.fault} circuit at {self.target}"

    def do(self, driver: Driver) -> None:
        driver.fault(self.fault, self.target, present=self.present)
