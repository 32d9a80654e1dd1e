"""A BMS on the desk: board and kernel as on the bench, console and bus at hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from rig.virtual.carrier import Carrier
from rig.virtual.carrier.afe_chip import Tolerances
from rig.virtual.carrier.board import Board
from rig.virtual.carrier.board_pins import BoardPins
from rig.virtual.carrier.educational import EducationalBoard
from rig.virtual.carrier.flash import Flash
from rig.virtual.carrier.reference import ReferenceBoard
from rig.virtual.guests import DUTS, Guest, pbmslsuite_o
from rig.virtual.guests.esp32 import Chip
from rig.virtual.guests.reference import esp32_4s
from rig.virtual.guests.reference.image import Build
from rig.virtual.kernel import Kernel
from rig.virtual.seeds import stream

MS, S = 1_000_000, 1_000_000_000


@dataclass
class QueuedFrame:
    """A frame as the BMS queued it."""

    time_ns: int
    can_id: int
    data: bytes


class DeskPins(BoardPins):
    """Board pins whose UART and CAN lines lead to lists."""

    def __init__(self, kernel: Kernel, board: Board, **levels: Any) -> None:
        self.uart: list[tuple[int, bytes]] = []
        self.frames: list[QueuedFrame] = []
        super().__init__(kernel, board, **levels)

    def uart_write(self, data: bytes) -> None:
        self.uart.append((self._kernel.now_ns, data))

    def can_send(self, can_id: int, data: bytes, *, extended: bool = False) -> bool:
        assert not extended
        self.frames.append(QueuedFrame(self._kernel.now_ns, can_id, data))
        return True


@dataclass
class Desk:
    """Everything a test of one guest needs."""

    kernel: Kernel
    board: Board
    pins: DeskPins
    chip: Chip
    notes: list[tuple[int, str, dict[str, Any]]] = field(default_factory=list)

    @property
    def flash(self) -> Flash:
        """The chip on the board."""
        assert isinstance(self.pins.spi, Flash)
        return self.pins.spi

    def run(self, seconds: float) -> None:
        self.kernel.run_until(self.kernel.now_ns + round(seconds * S))

    def set(self, **nets: float) -> None:
        """Step nets ideally, now: `set(cell_3=3.7)`."""
        for name, value in nets.items():
            self.board.nets[name.replace("_", " ")].jump(value)

    def value(self, net: str) -> float:
        return self.board.nets[net].value()

    def say(self, line: str) -> None:
        """Type a line on the console."""
        self.pins.on_uart(line.encode() + b"\n")

    def console(self, since_ns: int = 0) -> str:
        return b"".join(data for time_ns, data in self.pins.uart if time_ns >= since_ns).decode()

    def times(self, net: str, level: float, *, rising: bool, since_ns: int = 0) -> list[int]:
        return self.board.nets[net].crossings(level, rising=rising, since_ns=since_ns)

    def noted(self, name: str) -> list[dict[str, Any]]:
        return [detail for _, noted, detail in self.notes if noted == name]


def put_on_desk(
    nets: dict[str, tuple[str, float]],
    carrier: Carrier,
    guest: Guest,
    build: Any,
    *,
    seed: int,
) -> Desk:
    """Build the board, then power the guest up on it."""
    kernel = Kernel()
    board = Board(kernel)
    for name, (unit, value) in nets.items():
        board.add(name, unit, value)
    levels = {"power_on_v": carrier.power_on_v, "power_off_v": carrier.power_off_v}
    pins = DeskPins(kernel, board, high=dict(carrier.high), **levels)
    notes: list[tuple[int, str, dict[str, Any]]] = []

    def note(name: str, **detail: Any) -> None:
        notes.append((kernel.now_ns, name, detail))

    specimen, run = stream(seed, "specimen"), stream(seed, "run")
    carrier.populate(kernel, pins, specimen=specimen, moment=run, flash=guest.flash(build))
    return Desk(
        kernel, board, pins, guest.power_up(kernel, pins, build, specimen, run, note), notes
    )


def a_reference(
    seed: int = 1,
    *,
    build: Build = esp32_4s.RELEASED,
    tolerances: Tolerances | None = None,
    ready: bool = True,
    **nets: float,
) -> Desk:
    """Build an `esp32-4s` with healthy cells; `ready`: its paths are closed already."""
    carrier = ReferenceBoard(cells=4, sensors=2, tolerances=tolerances or Tolerances())
    cells = {f"cell {n}": ("V", 3.30) for n in range(1, 5)}
    sensors = {f"ntc {n}": ("ohm", 10_000.0) for n in (1, 2)}
    outputs = {name: ("A" if "bleed" in name else "V", 0.0) for name in carrier.high}
    rest = {
        "current": ("A", 0.0),
        "pack": ("V", 13.2),
        "pack terminal": ("V", 13.2),
        "aux": ("V", 12.0),
    }
    board = {**cells, **sensors, **outputs, **rest}
    board |= {name.replace("_", " "): ("", value) for name, value in nets.items()}
    desk = put_on_desk(board, carrier, DUTS["esp32-4s"], build, seed=seed)
    if ready:
        desk.run(1.5)
    return desk


def an_educational(
    seed: int = 1, *, divider: bool = False, noise_counts: float = 0.0, **nets: float
) -> Desk:
    """Build a `pbmslsuite-o` with all cells at 3.10 V, at 25 degC, just powered up."""
    carrier = EducationalBoard(divider=divider, adc_noise_counts=noise_counts)
    board = {f"cell {n}": ("V", 3.10) for n in range(1, 5)}
    board |= dict.fromkeys(pbmslsuite_o.OUTPUTS, ("V", 0.0))
    board |= {"ntc 1": ("ohm", 10_000.0), "aux": ("V", 5.0)}
    board |= {name.replace("_", " "): ("", value) for name, value in nets.items()}
    image = pbmslsuite_o.Image(divider=divider)
    return put_on_desk(board, carrier, DUTS["pbmslsuite-o"], image, seed=seed)
