"""A BMS on the desk: board and kernel as on the bench, console and bus at hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rig.virtual.carrier.afe_chip import Tolerances
from rig.virtual.carrier.board import Board
from rig.virtual.carrier.pins import BoardPins
from rig.virtual.guests import pbmslsuite_o
from rig.virtual.guests.esp32 import Chip
from rig.virtual.guests.reference import bms, esp32_4s
from rig.virtual.guests.reference.image import Build
from rig.virtual.kernel import Kernel
from rig.virtual.seeds import stream

MS, S = 1_000_000, 1_000_000_000


@dataclass
class Frame:
    """A frame as the BMS queued it."""

    time_ns: int
    can_id: int
    data: bytes


class DeskPins(BoardPins):
    """Board pins whose UART and CAN lines lead to lists."""

    def __init__(self, kernel: Kernel, board: Board, **levels: Any) -> None:
        self.uart: list[tuple[int, bytes]] = []
        self.frames: list[Frame] = []
        super().__init__(kernel, board, **levels)

    def uart_write(self, data: bytes) -> None:
        self.uart.append((self._kernel.now_ns, data))

    def can_send(self, can_id: int, data: bytes, *, extended: bool = False) -> bool:
        assert not extended
        self.frames.append(Frame(self._kernel.now_ns, can_id, data))
        return True


@dataclass
class Desk:
    """Everything a test of one guest needs."""

    kernel: Kernel
    board: Board
    pins: DeskPins
    chip: Chip
    notes: list[tuple[int, str, dict[str, Any]]] = field(default_factory=list)

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
    power_up: Callable[[Kernel, DeskPins, Callable[..., None]], Chip],
    **levels: Any,
) -> Desk:
    """Build the board, then power the guest up."""
    kernel = Kernel()
    board = Board(kernel)
    for name, (unit, value) in nets.items():
        board.add(name, unit, value)
    pins = DeskPins(kernel, board, **levels)
    notes: list[tuple[int, str, dict[str, Any]]] = []

    def note(name: str, **detail: Any) -> None:
        notes.append((kernel.now_ns, name, detail))

    return Desk(kernel, board, pins, power_up(kernel, pins, note), notes)


def a_reference(
    seed: int = 1,
    *,
    build: Build = esp32_4s.RELEASED,
    tolerances: Tolerances | None = None,
    ready: bool = True,
    **nets: float,
) -> Desk:
    """Build an `esp32-4s` with healthy cells; `ready`: its paths are closed already."""
    cells = {f"cell {n}": ("V", 3.30) for n in range(1, 5)}
    sensors = {f"ntc {n}": ("ohm", 10_000.0) for n in (1, 2)}
    driven = bms.high_of(esp32_4s.RELEASED.image)
    outputs = {name: ("A" if "bleed" in name else "V", 0.0) for name in driven}
    rest = {
        "current": ("A", 0.0),
        "pack": ("V", 13.2),
        "pack terminal": ("V", 13.2),
        "aux": ("V", 12.0),
    }
    board = {**cells, **sensors, **outputs, **rest}
    board |= {name.replace("_", " "): ("", value) for name, value in nets.items()}

    def power_up(kernel: Kernel, pins: DeskPins, note: Callable[..., None]) -> Chip:
        return bms.power_up(
            kernel,
            pins,
            build,
            board_random=stream(seed, "specimen"),
            run_random=stream(seed, "run"),
            tolerances=tolerances,
            note=note,
        )

    desk = put_on_desk(
        board,
        power_up,
        high=bms.high_of(esp32_4s.RELEASED.image),
        power_on_v=bms.POWER_ON_V,
        power_off_v=bms.POWER_OFF_V,
    )
    if ready:
        desk.run(1.5)
    return desk


def an_educational(
    seed: int = 1, *, divider: bool = False, noise_counts: float = 0.0, **nets: float
) -> Desk:
    """Build a `pbmslsuite-o` with all cells at 3.10 V, at 25 degC, just powered up."""
    image = pbmslsuite_o.Image(divider=divider, adc_noise_counts=noise_counts)
    board = {f"cell {n}": ("V", 3.10) for n in range(1, 5)}
    board |= dict.fromkeys(pbmslsuite_o.OUTPUTS, ("V", 0.0))
    board |= {"ntc 1": ("ohm", 10_000.0), "aux": ("V", 5.0)}
    board |= {name.replace("_", " "): ("", value) for name, value in nets.items()}

    def power_up(kernel: Kernel, pins: DeskPins, note: Callable[..., None]) -> Chip:
        random = stream(seed, "run")
        return pbmslsuite_o.power_up(kernel, pins, random=random, image=image, note=note)

    return put_on_desk(
        board,
        power_up,
        high={},
        power_on_v=pbmslsuite_o.POWER_ON_V,
        power_off_v=pbmslsuite_o.POWER_OFF_V,
    )
