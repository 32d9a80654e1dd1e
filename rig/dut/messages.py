"""What a BMS claims of the messages that it sends: their bytes, when they come, how soon at all.

Pure description. Which signals they hold stands in the DBC.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field, model_validator

from rig import bounds
from rig.can_address import MessageAddress
from rig.description import Description, Location, Names, mistake_error
from rig.dut.e2e import CrcKind
from rig.quantity import Period, Ratio, Seconds, bounded

__all__ = ["BusDbc", "BusLoad", "Events", "MessageContent", "Modules", "PeriodicMessage"]


class Modules(Description):
    """Several that send by one DBC: module 1 as it says, each of the others at ids of its own."""

    count: Annotated[int, Field(ge=1, le=10_000)]
    id_step: Annotated[
        int,
        Field(alias="id step", ge=1, lt=1 << 29, description="from a module's id to the next's"),
    ]


class BusDbc(Description):
    """By what the frames of a CAN bus are understood."""

    dbc: str
    modules: Annotated[Modules | None, Field(description="of this bus, where it has several")] = (
        None
    )


class MessageContent(Description):
    """What is claimed of each frame, beyond what the DBC says."""

    length: Annotated[int, Field(ge=0, le=64)]
    counter: str | None = None  # a signal that counts up
    counter_last: Annotated[int, Field(ge=1)] = 14
    crc: str | None = None  # a signal, one whole byte
    crc_kind: CrcKind = "E2E P01"  # E2E profile 1 takes the data ID in mode BOTH
    crc_data_id: Annotated[int, Field(ge=0, le=0xFFFF)] = 0
    spare_zero: Annotated[
        bool, Field(description="bits that belong to no signal of the DBC are sent as 0")
    ] = False
    traces_to: Names = ()


class PeriodicMessage(MessageContent):
    """What is claimed of a CAN message that comes periodically."""

    period: Period


class Events(MessageContent):
    """A message that is sent once, at once, for each protection that trips or lets go."""

    message: MessageAddress
    tripped: str  # a signal: 1 for a trip, 0 for a recovery
    code: str  # a signal
    codes: dict[str, Annotated[int, Field(ge=0)]]  # of each protection, by its short name
    channel: Annotated[
        str | None, Field(description="a signal: number of the cell or wire; 0 where not told")
    ] = None
    channel_of: Annotated[
        Names, Field(description="protections, by short name, that tell their cell or sensor")
    ] = ()
    value: str | None = None  # a signal: with which it tripped; 0 where it has none
    value_of: Annotated[
        Names, Field(description="protections, by short name, that tell their value")
    ] = ()
    lsb: Annotated[
        dict[str, Annotated[float, Field(gt=0)]],
        Field(description="of the value, by the unit of the protection"),
    ] = Field(default_factory=dict)
    within_s: Annotated[
        Seconds,
        bounded(bounds.REPORT_TIME),
        Field(alias="within", gt=0, description="of the output"),
    ]

    @model_validator(mode="after")
    def _distinct(self) -> Events:
        if len(set(self.codes.values())) != len(self.codes):
            raise mistake_error("two protections have one code", "give each its own")
        return self

    def signals(self) -> Iterator[tuple[Location, str]]:
        """Give every "Message.Signal" named here, with where it stands in the file."""
        for key in ("tripped", "code", "channel", "value", "counter", "crc"):
            if signal := getattr(self, key):
                yield ("events", key), self.message.signal(signal)


class BusLoad(Description):
    """How much load by others the BMS tolerates, and what it still claims then."""

    share: Annotated[Ratio, Field(gt=0, lt=1, description="of the bus's time")]
    burst_s: Annotated[
        Seconds,
        bounded(bounds.REPORT_TIME),
        Field(alias="burst", gt=0, description="at most, without a gap"),
    ]
    first_id: Annotated[int, Field(alias="from", ge=0, lt=1 << 11)]
    last_id: Annotated[int, Field(alias="to", ge=0, lt=1 << 11)]
    traces_to: Names = ()
