"""The step `bus load`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from rig import bounds
from rig.description import Description, mistake_error
from rig.quantity import Ratio, Seconds, bounded, exact
from rig.steps.driver import Driver, Foresight
from rig.steps.resolver import Resolver
from rig.steps.step import Step
from rig.wording import quantity

# A standard frame of 8 bytes with its intermission (ISO 11898-1), without stuff bits, which make
# each a little longer, so the adapter's queue never runs dry within a burst.
FRAME_BITS = 111
_SLOT_S = 10e-3  # handed over at once: more than a scheduler's hiccup, less than a driver's queue
_DATA = bytes((0x55,)) * 7
_TAIL_S = 0.05  # at most, until the last frame is out


class BusLoad(Description):
    """Foreign frames on the BMS's bus, in bursts."""

    share: Annotated[Ratio, Field(gt=0, le=1, description="of the bus's time, pauses included")]
    burst_s: Annotated[Seconds, bounded(bounds.STEP_TIME), Field(alias="burst", gt=0)]
    bursts: Annotated[int, Field(alias="times", ge=1, le=10_000)] = 1
    first_id: Annotated[int, Field(alias="from", ge=0, lt=1 << 11)]
    last_id: Annotated[int, Field(alias="to", ge=0, lt=1 << 11)]

    @model_validator(mode="after")
    def _in_order(self) -> BusLoad:
        if self.first_id > self.last_id:
            raise mistake_error("no identifier lies between from and to", "lowest first")
        return self


@dataclass(frozen=True, slots=True)
class Slot:
    """Frames to hand over at once, and how long they keep the bus busy."""

    frames: tuple[tuple[int, bytes], ...]
    duration_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Load(Step):
    """Load the BMS's bus with foreign frames, in bursts; the case goes on when it is over.

    Within a burst nothing less urgent gets through; pauses make it `share` on the whole.
    """

    words: ClassVar[Mapping[str, Any]] = {"bus load": BusLoad}

    share: float  # of the bus's time, pauses included
    burst_s: float
    bursts: int
    first_id: int  # standard identifiers, taken in turn
    last_id: int
    kind: Literal["bus load"] = "bus load"

    def check(self, names: Resolver) -> None:
        names.has_can()
        names.at_least_one("bursts", self.bursts)

    def written(self) -> tuple[str, Any]:
        return "bus load", {
            "share": f"{(Decimal(repr(self.share)) * 100).normalize():f} %",
            "burst": exact(self.burst_s, "s"),
            "times": self.bursts,
            "from": self.first_id,
            "to": self.last_id,
        }

    def sentence(self) -> str:
        bursts = f"{self.bursts} bursts" if self.bursts > 1 else "a burst"
        ids = f"0x{self.first_id:X} to 0x{self.last_id:X}"
        each = quantity(self.burst_s, "s")
        return f"Load the bus to {self.share * 100:g} % by {bursts} of {each}, {ids}"

    def longest_s(self) -> float:
        return self.bursts * self.burst_s / self.share + _TAIL_S

    def expected_s(self, foresight: Foresight) -> float:
        return self.longest_s()

    def do(self, driver: Driver) -> None:
        can = driver.can("loads the bus", "bus load")
        for slot in self.slots(driver.bitrate):
            for can_id, data in slot.frames:
                can.post(can_id, data)
            driver.sleep_ns(slot.duration_ns)

    def slots(self, bitrate: float) -> Iterator[Slot]:
        """Split it into slots; the last of each burst is followed by the pause.

        Parameters
        ----------
        bitrate : float
            Of the bus, in bit/s.
        """
        frame_s = FRAME_BITS / bitrate
        per_burst = max(1, round(self.burst_s / frame_s))
        per_slot = max(1, round(_SLOT_S / frame_s))
        pause_ns = round(self.burst_s * (1.0 / self.share - 1.0) * 1e9)
        sent = 0
        for _ in range(self.bursts):
            left = per_burst
            while left:
                count = min(per_slot, left)
                yield Slot(self._frames(sent, count), round(count * frame_s * 1e9))
                sent, left = sent + count, left - count
            yield Slot((), pause_ns)

    def _frames(self, sent: int, count: int) -> tuple[tuple[int, bytes], ...]:
        ids = self.last_id - self.first_id + 1
        return tuple(
            (self.first_id + n % ids, _DATA + bytes((n & 0xFF,))) for n in range(sent, sent + count)
        )
