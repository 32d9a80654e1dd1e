"""The guests: firmware that sees the world through `rig.virtual.pins` alone.

`plug_in` puts one of them into the socket of a board. A variant is a name for one build; a
defective one differs from "released" in one small thing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rig.errors import DescriptionError
from rig.virtual.esp32 import Chip, Random
from rig.virtual.firmware import esp32_4s, pbmslsuite_o
from rig.virtual.kernel import Kernel
from rig.virtual.pins import BoardPins, Pins
from rig.virtual.seeds import stream

if TYPE_CHECKING:
    from rig.virtual.board import Board
    from rig.virtual.can_bus import CanNode
    from rig.virtual.uart import AutoReset, Uart

__all__ = ["DUTS", "Guest", "find_variant", "plug_in"]

RELEASED = "released"
Note = Callable[..., None]
PowerUp = Callable[[Kernel, Pins, Random, Random, Note], Chip]


@dataclass(frozen=True, slots=True)
class Socket:
    """What a board offers the controller: supply levels and what "on" is on each driven net."""

    high: Mapping[str, float]
    power_on_v: float
    power_off_v: float
    variants: Mapping[str, PowerUp]


def _reference(kernel: Kernel, pins: Pins, board: Random, run: Random, note: Note) -> Chip:
    return esp32_4s.power_up(kernel, pins, board_random=board, run_random=run, note=note)


def _educational(image: pbmslsuite_o.Image) -> PowerUp:
    def power_up(kernel: Kernel, pins: Pins, _board: Random, run: Random, note: Note) -> Chip:
        return pbmslsuite_o.power_up(kernel, pins, random=run, image=image, note=note)

    return power_up


DUTS: Mapping[str, Socket] = {
    "esp32-4s": Socket(
        esp32_4s.HIGH, esp32_4s.POWER_ON_V, esp32_4s.POWER_OFF_V, {RELEASED: _reference}
    ),
    "pbmslsuite-o": Socket(
        {},
        pbmslsuite_o.POWER_ON_V,
        pbmslsuite_o.POWER_OFF_V,
        {
            RELEASED: _educational(pbmslsuite_o.Image()),
            "divider": _educational(pbmslsuite_o.Image(divider=True)),
        },
    ),
}


@dataclass(frozen=True, slots=True)
class Guest:
    """A controller in its socket."""

    chip: Chip
    pins: BoardPins


def find_variant(dut: str, variant: str | None) -> tuple[Socket, PowerUp]:
    """Find a build by name; DescriptionError names those that exist."""
    socket = DUTS.get(dut)
    if socket is None:
        what = f"there is no virtual BMS {dut!r}"
        raise DescriptionError(what, "--dut", f"name one of: {', '.join(DUTS)}")
    power_up = socket.variants.get(variant or RELEASED)
    if power_up is None:
        what = f"{dut} has no variant {variant!r}"
        raise DescriptionError(what, "--variant", f"name one of: {', '.join(socket.variants)}")
    return socket, power_up


def plug_in(  # noqa: PLR0913  (one for each plug of the socket)
    dut: str,
    variant: str | None = None,
    *,
    kernel: Kernel,
    board: Board,
    seed: int,
    uart: Uart | None = None,
    auto_reset: AutoReset | None = None,
    can: CanNode | None = None,
    note: Note = lambda *_args, **_detail: None,
) -> Guest:
    """Put a BMS into a board's socket; it starts at once if "aux" is up, else when it comes up.

    Parameters
    ----------
    auto_reset
        The USB adapter's DTR and RTS on IO0 and EN, where it has them.
    note
        Told the ground truth (`note("trip", protection="OVP", …)`); the guest never reads it.
    """
    socket, power_up = find_variant(dut, variant)
    pins = BoardPins(
        kernel,
        board,
        high=dict(socket.high),
        power_on_v=socket.power_on_v,
        power_off_v=socket.power_off_v,
        uart=uart,
        can=can,
    )
    if auto_reset is not None:
        auto_reset.on_reset = pins.set_enable
        auto_reset.on_boot_strap = pins.set_strap
    specimen, run = stream(seed, f"{dut}/specimen"), stream(seed, f"{dut}/run")
    return Guest(power_up(kernel, pins, specimen, run, note), pins)
