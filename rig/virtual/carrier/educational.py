"""The carrier board of `pbmslsuite-o`: an ESP32 DevKit, a thermistor, LEDs, no protection.

================================  ==================================================================
pin                               what it is
================================  ==================================================================
"cell 1", … (converter)           a cell's tap, straight or through a divider; pulled down if open
"ntc 1" (converter)               the thermistor below its pull-up
"led", "balance 1", …             GPIOs
================================  ==================================================================

The converter is the ESP32's own: 12 bits, 3.3 V at full scale.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rig.virtual.carrier.board_pins import BoardPins

if TYPE_CHECKING:
    from rig.virtual.kernel import Kernel
    from rig.virtual.seeds import Random

# The DevKit's 3.3 V regulator from USB: drops out at about 4.4 V, brown-out below 3.6 V. [u]
POWER_ON_V, POWER_OFF_V, COLLAPSE_V = 4.4, 3.6, 1.5
ADC_REFERENCE_V, ADC_TOP = 3.3, 4095
DIVIDER_RATIO = 0.6  # 10 kohm over 15 kohm
NTC_PULL_UP_OHM = 10_000.0
_OPEN_OHM = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class EducationalBoard:
    """How the board is populated.

    Attributes
    ----------
    divider : bool
        The dividers before the converter are there; without them a cell above 3.3 V clips.
    adc_noise_counts : float
        Standard deviation; a real ADC is noisier and not linear.
    """

    cells: int = 4
    divider: bool = False
    adc_noise_counts: float = 0.4
    power_on_v: float = POWER_ON_V
    power_off_v: float = POWER_OFF_V

    @property
    def high(self) -> dict[str, float]:
        """Nothing but GPIOs is driven."""
        return {}

    def populate(
        self,
        kernel: Kernel,  # noqa: ARG002  (the form that a board has)
        pins: BoardPins,
        *,
        specimen: Random,  # noqa: ARG002
        moment: Random,
        flash: Sequence[bytes] = (),  # noqa: ARG002
    ) -> None:
        """Solder everything on, behind a socket; `moment` is the converter's noise."""
        ratio = DIVIDER_RATIO if self.divider else 1.0
        for n in range(self.cells):
            name = f"cell {n + 1}"
            pins.channels[name] = self._channel(_tap(pins, name, ratio), moment)
        pins.channels["ntc 1"] = self._channel(lambda: _thermistor_v(pins), moment)
        pins.when("aux", COLLAPSE_V, rising=False, then=pins.collapse)

    def _channel(self, volts: Callable[[], float], random: Random) -> Callable[[], int]:
        noise_counts = self.adc_noise_counts

        def convert() -> int:
            seen_v = volts()
            if not seen_v > 0.0:  # also an open input, which the 10 kohm potentiometer pulls down
                return 0
            noise = random.gauss(0.0, 1.0) * noise_counts
            counts = round(seen_v / ADC_REFERENCE_V * ADC_TOP + noise)
            return min(max(counts, 0), ADC_TOP)

        return convert


def _tap(pins: BoardPins, net: str, ratio: float) -> Callable[[], float]:
    return lambda: pins.analog(net) * ratio


def _thermistor_v(pins: BoardPins) -> float:
    ohm = pins.analog("ntc 1")
    if not ohm < _OPEN_OHM:
        return ADC_REFERENCE_V
    return ADC_REFERENCE_V * ohm / (ohm + NTC_PULL_UP_OHM)
