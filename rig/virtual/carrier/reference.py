"""The carrier board of the reference BMS: what is soldered on, and the socket's lines.

================================  ==================================================================
pin                               what it is
================================  ==================================================================
I²C                               the front end chip (`afe_map.py`), through the link "afe link"
SPI                               a NOR flash (`flash.py`)
"link", "battery" (converter)     either side of the contactors: 32 bits, 100 V at full scale
"load detect" (input)             high while nothing draws on the pack's terminals
"short circuit" (input)           the comparator's latch; its gate is open, whatever is driven
"clear short circuit" (output)    releases that latch
"charge gate", "discharge gate"   gates of the FETs, high is closed
"main contactor", …               coils, where the board has them
"bleed 1", …                      transistors that bleed the cells
================================  ==================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rig.virtual.carrier.afe_chip import AfeChip, Tolerances
from rig.virtual.carrier.board_pins import BoardPins
from rig.virtual.carrier.dc_link import MAIN, PRECHARGE
from rig.virtual.carrier.flash import PAGE, Flash
from rig.virtual.carrier.i2c import I2cBus
from rig.virtual.carrier.short_circuit import (
    DISCHARGE_GATE,
    ShortCircuitComparator,
    ShortCircuitTrip,
)

if TYPE_CHECKING:
    from rig.virtual.kernel import Kernel
    from rig.virtual.seeds import Random

CHARGE_GATE = "charge gate"
AFE_LINK = "afe link"
# The buck converter from 12 V holds the 3.3 V down to 6 V at its input and starts again at 7 V.
POWER_ON_V, POWER_OFF_V, COLLAPSE_V = 7.0, 6.0, 2.0
LOAD_GONE_V = 4.0  # at the load-detect pin, some 20 kohm (TI BQ76922, SLUUCG7)
FLASH_SECTORS = 2
# A converter such as the ADS1262; so fine that what is told of the link never hangs on a count.
ADC_FULL_V, ADC_TOP = 100.0, (1 << 32) - 1
DIVIDER_GAIN = 0.003  # of the two dividers before it, each


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceBoard:
    """How the board is populated.

    Attributes
    ----------
    contactors : bool
        It has coil drivers, and a converter that measures either side of the contactors.
    """

    cells: int
    sensors: int
    contactors: bool = False
    short_circuit: ShortCircuitTrip = field(default_factory=ShortCircuitTrip)
    tolerances: Tolerances = field(default_factory=Tolerances)
    power_on_v: float = POWER_ON_V
    power_off_v: float = POWER_OFF_V

    @property
    def high(self) -> dict[str, float]:
        """What "on" is on each driven net: V at gates and coils, A of a bleed."""
        switches = (CHARGE_GATE, DISCHARGE_GATE, *((MAIN, PRECHARGE) if self.contactors else ()))
        bleeds = (f"bleed {n + 1}" for n in range(self.cells))
        return dict.fromkeys(switches, 12.0) | dict.fromkeys(bleeds, 0.1)

    def populate(
        self,
        kernel: Kernel,
        pins: BoardPins,
        *,
        specimen: Random,
        moment: Random,
        flash: Sequence[bytes] = (),
    ) -> None:
        """Solder everything on, behind a socket.

        Parameters
        ----------
        specimen, moment
            Seeded: the first makes this board's errors, the second its noise.
        flash
            What the maker programmed into each sector.
        """
        afe = AfeChip(
            kernel,
            pins,
            specimen,
            moment=moment,
            cells=self.cells,
            sensors=self.sensors,
            tolerances=self.tolerances,
        )
        pins.i2c = I2cBus(kernel, pins, afe, link=AFE_LINK, random=moment)
        comparator = ShortCircuitComparator(
            kernel, pins, self.short_circuit, specimen, afe.short_circuit_factor
        )
        if self.contactors:
            for name, net in (("link", "pack terminal"), ("battery", "pack")):
                gain = 1.0 + specimen.uniform(-DIVIDER_GAIN, DIVIDER_GAIN)
                pins.channels[name] = _channel(pins, net, gain)
        pins.inputs["load detect"] = lambda: pins.analog("pack terminal") > LOAD_GONE_V
        pins.inputs["short circuit"] = lambda: comparator.latched
        pins.hooks["clear short circuit"] = lambda on: comparator.release() if on else None
        pins.when("aux", COLLAPSE_V, rising=False, then=comparator.release)
        chip = Flash(kernel, pins, sectors=FLASH_SECTORS, lost_below_v=self.power_off_v)
        for sector, content in enumerate(flash):
            chip.pages[sector] = content.ljust(PAGE, b"\xff")
        pins.spi = chip
        pins.when("aux", COLLAPSE_V, rising=False, then=pins.collapse)


def _channel(pins: BoardPins, net: str, gain: float) -> Callable[[], int]:
    """Lead a net to the converter, through a divider whose gain is a little off."""

    def convert() -> int:
        counts = round(pins.analog(net) * gain / ADC_FULL_V * ADC_TOP)
        return min(max(counts, 0), ADC_TOP)

    return convert
