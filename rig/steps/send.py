"""The step `send`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

from rig.quantity import exact
from rig.steps.driver import Driver
from rig.steps.foresight import Foresight
from rig.steps.resolver import Resolver
from rig.steps.sending import Sending, content
from rig.steps.step import Step
from rig.wording import quantity

_FRAME_S = 0.01  # more than a frame takes on the slowest bus


@dataclass(frozen=True, slots=True, kw_only=True)
class Send(Sending):
    """Send a CAN message `count` times, `period_s` apart; a `FrameFault` makes it wrong.

    Counter and checksum that the profile names are made right, unless `wrong` says how not.
    """

    words: ClassVar[Mapping[str, Any]] = {"send": content("send")}

    count: int = 1
    period_s: float = 0.0
    kind: Literal["send"] = "send"

    @classmethod
    def read(cls, word: str, content: Mapping[str, Any], names: Resolver) -> Step:
        if "jitter" in content:
            names.refuse("jitter is of traffic in the background", "write start periodic: instead")
        return cls(
            message=content["message"],
            signals=content["signals"],
            count=content.get("times", 1),
            period_s=content.get("every", 0.0),
            frame_fault=content.get("frame fault"),
        )

    def check(self, names: Resolver) -> None:
        names.at(self.message).received(self.message)
        names.at_least_one("count", self.count)

    def written(self) -> tuple[str, Any]:
        often = {"times": self.count} if self.count > 1 else {}
        every = {"every": exact(self.period_s, "s")} if self.period_s else {}
        return "send", self.behind_word(often | every)

    def sentence(self) -> str:
        every = f", every {quantity(self.period_s, 's')}" if self.count > 1 else ""
        times = f" {self.count} times" if self.count > 1 else ""
        return f"Send {self.said(times + every)}"

    def longest_s(self) -> float:
        return self.count * (self.period_s + _FRAME_S)

    def expected_s(self, foresight: Foresight) -> float:
        return self.longest_s()

    def simpler(self) -> Iterator[Step]:
        if self.count > 1:
            yield replace(self, count=self.count // 2)

    def do(self, driver: Driver) -> None:
        bus = driver.rest_bus(self.message)
        frames = bus.frames(self)
        due_ns = driver.now_ns()
        for left in range(self.count, 0, -1):
            driver.sleep_ns(due_ns - driver.now_ns())
            frame = next(frames)
            if left > 1 and not self.period_s:  # back to back: the adapter's queue sees to that
                bus.can.post(frame.can_id, frame.data, extended=frame.extended)
                continue
            bus.can.send(frame.can_id, frame.data, extended=frame.extended)
            due_ns += round(self.period_s * 1e9)
