"""A tiny controller, unlike the others: no chip model, no boot, no CAN; it looks and opens.

Written from the board's page (`rig/virtual/carrier/reference.py`) and the front end's data sheet;
it imports no guest. Every 20 ms it reads all cells; where the front end does not answer, or one is
too high, it opens the charge gate for good, and prints why.
"""

from __future__ import annotations

import struct

from rig.virtual.carrier import CARRIERS, Board, BoardPins, socket_on
from rig.virtual.carrier import afe_map as afe
from rig.virtual.carrier.pins import BusError, Pins
from rig.virtual.carrier.reference import ReferenceBoard
from rig.virtual.kernel import MS, Kernel
from rig.virtual.seeds import stream
from rig.virtual.uart import Uart

TOO_HIGH_V = 3.70
PERIOD_NS = 20 * MS


class Tiny:
    """The controller; all that it is given is a kernel to keep time by, and pins."""

    def __init__(self, kernel: Kernel, pins: Pins, *, cells: int) -> None:
        self._pins, self._cells = pins, cells
        self._layout = struct.Struct(f">{cells}H")
        self._opened = False
        pins.drive("charge gate", True)  # noqa: FBT003
        kernel.every(PERIOD_NS, self._look)

    def _look(self) -> None:
        if self._opened or not self._pins.powered:
            return
        try:
            highest_v = max(self._read())
        except BusError:
            self._open("no front end")
            return
        if highest_v > TOO_HIGH_V:
            self._open(f"{highest_v:.3f} V")

    def _read(self) -> list[float]:
        gain, offset = struct.unpack(">bb", self._pins.i2c.read(afe.CELL_GAIN, 2)[:2])
        reply = self._pins.i2c.read(afe.CELLS, self._layout.size)
        if afe.crc8(reply, afe.OF_READ[afe.CELLS]) != 0:
            raise BusError
        step_v = afe.CELL_LSB_V * (1.0 + gain * afe.TRIM_LSB)
        raws = self._layout.unpack(reply[:-1])
        return [raw * step_v + offset * afe.OFFSET_LSB_V for raw in raws]

    def _open(self, why: str) -> None:
        self._opened = True
        self._pins.drive("charge gate", False)  # noqa: FBT003
        self._pins.uart_write(f"open: {why}\n".encode())


def lay_nets(board: Board, name: str = "esp32-4s") -> ReferenceBoard:
    """Lay the nets of a healthy pack and a supply that is up, for a board by name."""
    carrier = CARRIERS[name]
    assert isinstance(carrier, ReferenceBoard)
    for n in range(1, carrier.cells + 1):
        board.add(f"cell {n}", "V", 3.30)
    for n in range(1, carrier.sensors + 1):
        board.add(f"ntc {n}", "ohm", 10_000.0)
    for net in carrier.high:
        board.add(net, "A" if net.startswith("bleed") else "V", 0.0)
    for net, value in (("current", 0.0), ("pack", 13.2), ("pack terminal", 13.2), ("aux", 12.0)):
        board.add(net, "A" if net == "current" else "V", value)
    return carrier


def a_tiny(kernel: Kernel, board: Board, name: str = "esp32-4s") -> tuple[BoardPins, Uart]:
    """Put one into the socket of a board that other guests sit on as it is."""
    carrier = lay_nets(board, name)
    uart = Uart(kernel)
    pins = socket_on(carrier, kernel, board, uart=uart)
    specimen, moment = (stream(1, f"{board.place}{name}") for name in ("specimen", "moment"))
    carrier.populate(kernel, pins, specimen=specimen, moment=moment)
    kernel.run_until(kernel.now_ns + 100 * MS)  # the front end has woken
    Tiny(kernel, pins, cells=carrier.cells)
    kernel.run_until(kernel.now_ns + 100 * MS)
    return pins, uart
