"""What a step may use: a bench as a running case sees it. `rig.drive` has the one that drives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import TYPE_CHECKING, Literal, Protocol

from rig.dut.profile import Profile
from rig.steps.conditions import Condition

if TYPE_CHECKING:
    from rig.steps.send import Send
    from rig.steps.start_periodic import StartPeriodic


class OutgoingFrame(Protocol):
    """One CAN frame as it goes onto the bus."""

    @property
    def can_id(self) -> int: ...
    @property
    def data(self) -> bytes: ...
    @property
    def extended(self) -> bool: ...


class Bus(Protocol):
    """The BMS's CAN bus."""

    def post(self, can_id: int, data: bytes, *, extended: bool = False) -> None:
        """Hand a frame to the adapter's queue."""

    def send(self, can_id: int, data: bytes, *, extended: bool = False) -> None:
        """Send a frame; return when it was on the bus."""


class RestBus(Protocol):
    """The BMS's partners on the bus, simulated."""

    @property
    def can(self) -> Bus: ...

    def frames(self, step: Send) -> Iterator[OutgoingFrame]:
        """Give the frames of a step, without end; each is made when it is asked for."""

    def begin(self, periodic: StartPeriodic) -> None:
        """Start (or change) a message's periodic frames."""

    def end(self, message: str) -> None:
        """End a message's periodic frames."""


class Driver(Protocol):
    """Everything that a step may do to a bench; what it commands and reads is recorded.

    Where the bench lacks a link, its method raises a BenchError that begins with what the case
    `does` and names what it is about.
    """

    @property
    def profile(self) -> Profile:
        """Of the BMS."""

    @property
    def random(self) -> Random:
        """Draws waits, from the case's own seed."""

    @property
    def noise(self) -> Random:
        """Draws noise: of its own, so that a wait is as long whether there is noise before it."""

    @property
    def bitrate(self) -> float:
        """Of the BMS's bus, in bit/s."""

    def now_ns(self) -> int:
        """Time of the bench's clock."""

    def sleep_ns(self, duration_ns: int) -> None:
        """Let time pass; none where it is 0 or less."""

    def wait_for(self, until: Condition, within_s: float) -> bool:
        """Let time pass until the condition holds, at most `within_s`; return whether it did."""

    def set(self, values: Mapping[str, float]) -> None:
        """Command quantities, each in its unit; return when every instrument has confirmed."""

    def read(self, quantities: Sequence[str]) -> None:
        """Read quantities with the bench's meters."""

    def fault(self, fault: Literal["open", "short"], target: str, *, present: bool) -> None:
        """Make or repair a fault of a wire."""

    def can(self, does: str, what: str) -> Bus:
        """Give the BMS's bus."""

    def rest_bus(self, message: str) -> RestBus:
        """Give what sends a message in place of the BMS's partners."""

    def type_line(self, line: str, console: str) -> None:
        """Type a line on a console; the line end is that console's."""

    def reset(self) -> None:
        """Pulse the BMS's reset line."""
