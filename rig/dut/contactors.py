"""What a data sheet says of contactors: who closes them, in which order and time, what opens them.

Must not read a file; which outputs, protections and signals there are is checked by
`rig.dut.consistency` and `rig.check`.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from rig import bounds
from rig.can_address import SignalAddress
from rig.description import Description, Names
from rig.quantity import Amps, Ratio, Seconds, TimeWindow, bounded


class ContactorRequest(Description):
    """The signal by which the host asks; to ask anew, it says something else before."""

    message: str
    signal: str
    none: int
    close: int
    open: int


class PrechargeFailure(Description):
    """What becomes of a link that does not come up."""

    tries: Annotated[int, Field(ge=1, le=100)]
    each: Annotated[
        TimeWindow, bounded(bounds.DELAY), Field(description="time of a try that comes to nothing")
    ]
    pause: Annotated[TimeWindow, bounded(bounds.DELAY), Field(description="between two tries")]
    load_a: Annotated[
        Amps,
        bounded(bounds.SMALL_CURRENT),
        Field(alias="by a load of", description="with which the link can't come up"),
    ]
    flags: dict[SignalAddress, int] = Field(default_factory=dict)
    cleared_by: Annotated[Names, Field(alias="cleared by")]  # latched until then
    traces_to: Names = ()


class ContactorStates(Description):
    """The signal that says what the contactors are doing, and its values."""

    signal: SignalAddress
    open: int
    precharging: int
    closed: int
    fault: int


class Contactors(Description):
    """A main contactor, and one with a resistor that precharges the link behind it."""

    main: str  # outputs
    precharge: str
    request: ContactorRequest
    begins_within_s: Annotated[
        Seconds,
        bounded(bounds.REPORT_TIME),
        Field(alias="begins within", description="from a new request to the precharge"),
    ]
    link: Annotated[Ratio, Field(gt=0, lt=1, description="of the battery's voltage, at least")]
    closed_in: Annotated[
        TimeWindow,
        bounded(bounds.DELAY),
        Field(alias="closed in", description="from a new request, without a load"),
    ]
    overlap: Annotated[
        TimeWindow,
        bounded(bounds.OVERLAP),
        Field(description="from the main contactor to the precharge's end"),
    ]
    opens_within_s: Annotated[
        Seconds,
        bounded(bounds.REPORT_TIME),
        Field(alias="opens within", description="from a request to open, or from a trip"),
    ]
    opened_by: Annotated[Names, Field(alias="opened by")]  # protections, each in its own delay
    failure: Annotated[PrechargeFailure, Field(alias="precharge fails")]
    states: ContactorStates
    traces_to: Names = ()

    @property
    def both(self) -> tuple[str, str]:
        """The outputs."""
        return self.main, self.precharge
