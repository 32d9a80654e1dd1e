"""The guests: firmware that sees the world through `rig.virtual.carrier.pins` alone.

`plug_in` puts one of them into the socket of a board. "released" is the good build; the others
that a BMS has are its defective variants, and the builds that a maker also offers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rig.errors import DescriptionError
from rig.virtual.carrier.pins import BoardPins, Pins
from rig.virtual.guests import pbmslsuite_o
from rig.virtual.guests.esp32 import Chip
from rig.virtual.guests.reference import bms, esp32_4s, esp32_16s
from rig.virtual.guests.variants import named
from rig.virtual.guests.variants.library import variants_of
from rig.virtual.kernel import Kernel
from rig.virtual.seeds import Random, Seeds

if TYPE_CHECKING:
    from rig.virtual.can_bus import CanNode
    from rig.virtual.carrier.board import Board
    from rig.virtual.uart import AutoReset, Uart

__all__ = ["DUTS", "Guest", "build_of", "plug_in", "variants_of"]

RELEASED = "released"
Note = Callable[..., None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Socket:
    """What a board offers the controller, and how a build is put into it."""

    high: Mapping[str, float]  # what "on" is on each driven net
    power_on_v: float
    power_off_v: float
    builds: Mapping[str, Any]  # "released", and others that the maker offers
    power_up: Callable[[Kernel, Pins, Any, Random, Random, Note], Chip]


def _reference(  # noqa: PLR0913, PLR0917  (the form that a socket has)
    kernel: Kernel, pins: Pins, build: Any, board: Random, run: Random, note: Note
) -> Chip:
    return bms.power_up(kernel, pins, build, board_random=board, run_random=run, note=note)


def _educational(  # noqa: PLR0913, PLR0917  (the same)
    kernel: Kernel, pins: Pins, image: Any, board: Random, run: Random, note: Note
) -> Chip:
    return pbmslsuite_o.power_up(kernel, pins, random=run, specimen=board, image=image, note=note)


DUTS: Mapping[str, Socket] = {
    "esp32-4s": Socket(
        high=bms.high_of(esp32_4s.RELEASED.image),
        power_on_v=bms.POWER_ON_V,
        power_off_v=bms.POWER_OFF_V,
        builds={RELEASED: esp32_4s.RELEASED},
        power_up=_reference,
    ),
    "esp32-16s": Socket(
        high=bms.high_of(esp32_16s.RELEASED.image),
        power_on_v=bms.POWER_ON_V,
        power_off_v=bms.POWER_OFF_V,
        builds={RELEASED: esp32_16s.RELEASED},
        power_up=_reference,
    ),
    "pbmslsuite-o": Socket(
        high={},
        power_on_v=pbmslsuite_o.POWER_ON_V,
        power_off_v=pbmslsuite_o.POWER_OFF_V,
        builds={RELEASED: pbmslsuite_o.Image(), "divider": pbmslsuite_o.Image(divider=True)},
        power_up=_educational,
    ),
}


@dataclass(frozen=True, slots=True)
class Guest:
    """A controller in its socket."""

    chip: Chip
    pins: BoardPins


def build_of(dut: str, variant: str | None) -> Any:
    """Find a build by name: "divider", a variant, several in one ("a+b"), or a file's ("f.py:a").

    Raises
    ------
    DescriptionError
        There is no such BMS or variant; those that there are get named.
    """
    socket = DUTS.get(dut)
    if socket is None:
        what = f"there is no virtual BMS {dut!r}"
        raise DescriptionError(what, "--dut", f"name one of: {', '.join(DUTS)}")
    first, _, more = (variant or RELEASED).partition("+")
    if first in socket.builds:
        build, wanted = socket.builds[first], more
    else:
        build, wanted = socket.builds[RELEASED], variant or ""
    for each in named(dut, wanted, variants_of(dut), also=socket.builds) if wanted else ():
        build = each.change(build)
    return build


def plug_in(  # noqa: PLR0913  (one for each plug of the socket)
    dut: str,
    variant: str | None = None,
    *,
    kernel: Kernel,
    board: Board,
    seeds: Seeds,
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
    build, socket = build_of(dut, variant), DUTS[dut]
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
    specimen, run = seeds.lasting(f"{dut}/specimen"), seeds.momentary(f"{dut}/run")
    return Guest(socket.power_up(kernel, pins, build, specimen, run, note), pins)
