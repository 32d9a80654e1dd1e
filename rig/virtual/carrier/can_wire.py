"""The pair of wires between a BMS and its CAN bus, as the bench's relays break or short it.

Broken, the BMS is alone: nobody acknowledges, and it hears nobody. Shorted, no sender reads back
its own start of frame. Must not know what the nodes do about it.
"""

from __future__ import annotations

from rig.virtual.can_bus import CanBus, CanNode
from rig.virtual.carrier.board import Board

__all__ = ["CanWire"]


class CanWire:
    """Follows the board's link `name`: "healthy", "open" or "short"."""

    def __init__(self, board: Board, name: str, bus: CanBus, node: CanNode) -> None:
        self._board, self._name, self._bus, self._node = board, name, bus, node
        self._stub = CanBus(bus.kernel, bus.bitrate)  # what is left of the wire at the BMS's end
        board.on_link(self._follow)

    def _follow(self, name: str) -> None:
        if name != self._name:
            return
        state = self._board.links[name]
        self._node.move_to(self._stub if state == "open" else self._bus)
        if state == "short":
            self._bus.fault("short")
        else:
            self._bus.clear_fault()
