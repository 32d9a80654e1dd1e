"""What a BMS claims of the CAN messages that it receives: period, protection, what it refuses.

Pure description. Who makes such frames is `rig.bench.rest_bus`; what is done to them is a case's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, model_validator

from rig import bounds
from rig.can_address import SignalAddress
from rig.description import Description, Location, Names, mistake_error
from rig.dut.e2e import CrcKind
from rig.quantity import Seconds, bounded

__all__ = ["ReceivedMessage", "Refused"]

Refused = Literal[
    "wrong crc", "wrong length", "repeated counter", "skipped counter", "other data id"
]
_NEEDS_CRC = {"wrong crc", "other data id"}
_NEEDS_COUNTER = {"repeated counter", "skipped counter"}


class ReceivedMessage(Description):
    """A CAN message that it wants to receive."""

    period_s: Annotated[Seconds, bounded(bounds.PERIOD), Field(alias="period", gt=0)]
    length: Annotated[int, Field(ge=1, le=8, description="its data bytes")] = 8
    counter: str | None = None  # a signal that must count up with each frame
    counter_last: Annotated[int, Field(ge=1)] = 14  # after it comes 0
    max_delta: Annotated[
        int, Field(ge=1, description="greatest step of the counter that is taken")
    ] = 1
    crc: str | None = None  # a signal, one whole byte
    crc_kind: CrcKind = "E2E P01"
    crc_data_id: Annotated[int, Field(ge=0, le=0xFFFF)] = 0
    refuses: tuple[Refused, ...] = ()  # such a frame is no sign of life
    counts_refused: Annotated[
        SignalAddress | None, Field(description="a signal that counts refused frames and wraps")
    ] = None
    traces_to: Names = ()

    def signals(self, name: str) -> Iterator[tuple[Location, str]]:
        """Give every "Message.Signal" named here, with where; `name` is the message's own."""
        where: Location = ("can", "receives", name)
        for key, signal in (("counter", self.counter), ("crc", self.crc)):
            if signal is not None:
                yield (*where, key), f"{name}.{signal}"
        if self.counts_refused is not None:
            yield (*where, "counts refused"), self.counts_refused

    @model_validator(mode="after")
    def _can_tell(self) -> ReceivedMessage:
        """What is refused must be something that the message lets a receiver see."""
        for refused in self.refuses:
            lacks = (refused in _NEEDS_CRC and self.crc is None) or (
                refused in _NEEDS_COUNTER and self.counter is None
            )
            if lacks:
                needed = "crc" if refused in _NEEDS_CRC else "counter"
                raise mistake_error(
                    f'"{refused}" can\'t be seen without a {needed}',
                    f"name the signal: {needed}: …, or remove it from refuses",
                )
        return self
