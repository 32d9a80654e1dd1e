"""The step `start periodic`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from rig.quantity import exact
from rig.steps.driver import Driver
from rig.steps.resolver import Resolver
from rig.steps.sending import Sending, content
from rig.steps.step import Step
from rig.wording import quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class StartPeriodic(Sending):
    """Send a CAN message periodically from now on, in the background of the steps that follow.

    It ends with `StopPeriodic`, with the case, or where another `StartPeriodic` of the same message
    takes its place. A frame that falls due while an instrument is talked to leaves right after.
    """

    words: ClassVar[Mapping[str, Any]] = {"start periodic": content("start periodic")}
    acts: ClassVar[bool] = True

    period_s: float
    jitter_s: float = 0.0  # each frame is late by a seeded random time in [0, jitter_s)
    kind: Literal["start periodic"] = "start periodic"

    @classmethod
    def read(cls, word: str, content: Mapping[str, Any], names: Resolver) -> Step:
        if "times" in content:
            names.refuse("it goes on until stop periodic", "remove times, or write send:")
        receives = names.profile.can.receives if names.profile.can else {}
        claimed = receives.get(content["message"])
        return cls(
            message=content["message"],
            signals=content["signals"],
            period_s=content.get("every") or (claimed.period_s if claimed else 1.0),
            jitter_s=content.get("jitter", 0.0),
            frame_fault=content.get("frame fault"),
        )

    def check(self, names: Resolver) -> None:
        received = names.at(self.message).received(self.message)
        if received and self.jitter_s > self.period_s:
            names.at("jitter").refuse("its jitter is more than its period", "write less")

    def written(self) -> tuple[str, Any]:
        often = {"every": exact(self.period_s, "s")}
        often |= {"jitter": exact(self.jitter_s, "s")} if self.jitter_s else {}
        return "start periodic", self.behind_word(often)

    def sentence(self) -> str:
        jitter = f" + up to {quantity(self.jitter_s, 's')}" if self.jitter_s else ""
        every = f" every {quantity(self.period_s, 's')}{jitter}"
        return f"Keep sending {self.said(every)}"

    def do(self, driver: Driver) -> None:
        driver.rest_bus(self.message).begin(self)
