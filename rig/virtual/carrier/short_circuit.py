"""The short-circuit comparator: hardware beside the controller, set by its straps alone.

Must not wait for the firmware, nor know what the firmware thinks.
"""

from __future__ import annotations

from dataclasses import dataclass

from rig.virtual.carrier.board_pins import BoardPins
from rig.virtual.kernel import Kernel
from rig.virtual.seeds import Random

US = 1_000
DISCHARGE_GATE = "discharge gate"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortCircuitTrip:
    """What the hardware comparator is strapped to."""

    current_a: float = 80.0
    delay_ns: int = 300 * US
    delay_spread: float = 0.1


class ShortCircuitComparator:
    """Opens the discharge gate by itself and stays latched, whatever the firmware does."""

    def __init__(
        self, kernel: Kernel, pins: BoardPins, trip: ShortCircuitTrip, random: Random, factor: float
    ) -> None:
        self.latched = False
        self._kernel, self._pins = kernel, pins
        self._level_a = -trip.current_a * factor
        spread = trip.delay_spread
        self._delay_ns = round(trip.delay_ns * (1.0 + random.uniform(-spread, spread)))
        self._since_ns: int | None = None
        pins.when("current", self._level_a, rising=False, then=self._begin)
        pins.when("current", self._level_a, rising=True, then=self._end)

    def release(self) -> None:
        """Release the latch (by the controller's line, or the loss of supply)."""
        self.latched = False

    def _begin(self) -> None:
        since_ns = self._since_ns = self._kernel.now_ns

        def last() -> None:
            if self._since_ns == since_ns and self._pins.powered:
                self.latched = True
                self._pins.drive(DISCHARGE_GATE, False)  # noqa: FBT003

        self._kernel.after(self._delay_ns, last)

    def _end(self) -> None:
        self._since_ns = None
