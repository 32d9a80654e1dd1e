"""Puts a controller into the socket of its carrier board: the one place that knows both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rig.virtual import guests
from rig.virtual.carrier import CARRIERS, BoardPins, socket_on
from rig.virtual.guests import Note, build_of
from rig.virtual.guests.esp32 import Chip

if TYPE_CHECKING:
    from rig.virtual.can_bus import CanNode
    from rig.virtual.carrier import Board
    from rig.virtual.kernel import Kernel
    from rig.virtual.seeds import Seeds
    from rig.virtual.uart import AutoReset, Uart

__all__ = ["Plugged", "plug_in"]


@dataclass(frozen=True, slots=True)
class Plugged:
    """A controller in its socket."""

    chip: Chip
    pins: BoardPins


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
) -> Plugged:
    """Put a BMS on its board; it starts at once if "aux" is up, else when it comes up.

    Parameters
    ----------
    board
        The nets, those of the power path included.
    auto_reset
        The USB adapter's DTR and RTS on IO0 and EN, where it has them.
    note
        Told the ground truth (`note("trip", protection="OVP", …)`); the guest never reads it.
    """
    build, guest = build_of(dut, variant), guests.DUTS[dut]
    carrier = CARRIERS[guest.carrier(build)]
    pins = socket_on(carrier, kernel, board, uart=uart, can=can)
    if auto_reset is not None:
        auto_reset.on_reset = pins.set_enable
        auto_reset.on_boot_strap = pins.set_strap
    specimen, run = seeds.lasting(f"{dut}/specimen"), seeds.momentary(f"{dut}/run")
    carrier.populate(kernel, pins, specimen=specimen, moment=run, flash=guest.flash(build))
    return Plugged(guest.power_up(kernel, pins, build, specimen, run, note), pins)
