"""The boards that a controller sits on: front end, comparators, flash, power path, links, faults.

A board is made of figures (how it is populated) and gives `Pins` (`pins.py`) to whatever sits in
its socket. Must not know what that is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from rig.virtual.carrier.board import Board
from rig.virtual.carrier.board_pins import BoardPins
from rig.virtual.carrier.educational import EducationalBoard
from rig.virtual.carrier.reference import ReferenceBoard
from rig.virtual.carrier.short_circuit import ShortCircuitTrip

if TYPE_CHECKING:
    from rig.virtual.can_bus import CanNode
    from rig.virtual.kernel import Kernel
    from rig.virtual.seeds import Random
    from rig.virtual.uart import Uart

__all__ = ["CARRIERS", "Board", "BoardPins", "Carrier", "socket_on"]


class Carrier(Protocol):
    """A kind of board, with its figures."""

    @property
    def high(self) -> Mapping[str, float]:
        """What "on" is on each driven net, in its unit; a net that is not named is a GPIO."""

    @property
    def power_on_v(self) -> float:
        """Level of the net "aux" at which the controller comes up."""

    @property
    def power_off_v(self) -> float:
        """Level of the net "aux" at which it browns out."""

    def populate(
        self,
        kernel: Kernel,
        pins: BoardPins,
        *,
        specimen: Random,
        moment: Random,
        flash: Sequence[bytes] = (),
    ) -> None:
        """Solder everything on, behind a socket."""


# By name: what a bench's board may be, and what the virtual BMSs are built for.
CARRIERS: Mapping[str, Carrier] = {
    "esp32-4s": ReferenceBoard(cells=4, sensors=2),
    "esp32-16s": ReferenceBoard(
        cells=16, sensors=4, contactors=True, short_circuit=ShortCircuitTrip(current_a=30.0)
    ),
    "pbmslsuite-o": EducationalBoard(),
    "pbmslsuite-o with dividers": EducationalBoard(divider=True),
}


def socket_on(
    carrier: Carrier,
    kernel: Kernel,
    board: Board,
    *,
    uart: Uart | None = None,
    can: CanNode | None = None,
) -> BoardPins:
    """Lay the bare socket of a board over its nets."""
    return BoardPins(
        kernel,
        board,
        high=dict(carrier.high),
        power_on_v=carrier.power_on_v,
        power_off_v=carrier.power_off_v,
        uart=uart,
        can=can,
    )
