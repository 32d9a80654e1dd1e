"""The guests: controllers that see the world through `rig.virtual.carrier.pins` alone.

"released" is the good build of each; the others are its defective variants, and the builds that a
maker also offers. Who puts one on a board is `rig/virtual/plugging.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rig.errors import DescriptionError
from rig.virtual.carrier.pins import Pins
from rig.virtual.guests import pbmslsuite_o
from rig.virtual.guests.esp32 import Chip
from rig.virtual.guests.reference import bms, esp32_4s, esp32_16s
from rig.virtual.guests.variants import named
from rig.virtual.guests.variants.catalogue import variants_of
from rig.virtual.kernel import Kernel
from rig.virtual.seeds import Random

__all__ = ["DUTS", "Guest", "Note", "build_of", "variants_of"]

RELEASED = "released"
Note = Callable[..., None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Guest:
    """A controller: its builds, the boards that they are for, and how one is powered up.

    Attributes
    ----------
    builds : Mapping
        "released", and others that the maker offers.
    carrier : callable
        Names the board that a build is made for.
    flash : callable
        What the maker programs into the flash chip with a build, sector by sector.
    power_up : callable
        Puts a build behind pins. Of the two seeded generators the first makes this specimen's
        errors, the second phases and jitter; `Note` is told what truly happened.
    """

    builds: Mapping[str, Any]
    carrier: Callable[[Any], str]
    power_up: Callable[[Kernel, Pins, Any, Random, Random, Note], Chip]
    flash: Callable[[Any], Sequence[bytes]] = lambda _build: ()


DUTS: Mapping[str, Guest] = {
    "esp32-4s": Guest(
        builds={RELEASED: esp32_4s.RELEASED},
        carrier=lambda _build: "esp32-4s",
        power_up=bms.power_up,
        flash=bms.factory_flash,
    ),
    "esp32-16s": Guest(
        builds={RELEASED: esp32_16s.RELEASED},
        carrier=lambda _build: "esp32-16s",
        power_up=bms.power_up,
        flash=bms.factory_flash,
    ),
    "pbmslsuite-o": Guest(
        builds={RELEASED: pbmslsuite_o.Image(), "divider": pbmslsuite_o.Image(divider=True)},
        carrier=lambda image: "pbmslsuite-o" + " with dividers" * image.divider,
        power_up=pbmslsuite_o.power_up,
    ),
}


def build_of(dut: str, variant: str | None) -> Any:
    """Find a build by name: "divider", a variant, several in one ("a+b"), or a file's ("f.py:a").

    Raises
    ------
    DescriptionError
        There is no such BMS or variant; those that there are get named.
    """
    guest = DUTS.get(dut)
    if guest is None:
        what = f"there is no virtual BMS {dut!r}"
        raise DescriptionError(what, "--dut", f"name one of: {', '.join(DUTS)}")
    first, _, more = (variant or RELEASED).partition("+")
    if first in guest.builds:
        build, wanted = guest.builds[first], more
    else:
        build, wanted = guest.builds[RELEASED], variant or ""
    for each in named(dut, wanted, variants_of(dut), also=guest.builds) if wanted else ():
        build = each.change(build)
    return build
