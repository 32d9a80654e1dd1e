"""State of charge of `esp32-4s`: counts charge, starting from the open-circuit voltage."""

from __future__ import annotations

from collections.abc import Sequence

# LFP, 0 to 100 % in steps of 5 %, in V: LibreSolar/bms-firmware (Apache-2.0), measurement.md 6.
LFP_OCV_V = (
    *(2.833, 3.132, 3.177, 3.190, 3.213, 3.226, 3.240, 3.252, 3.262, 3.264, 3.265),
    *(3.268, 3.271, 3.275, 3.283, 3.296, 3.304, 3.308, 3.309, 3.314, 3.392),
)


def from_open_circuit(volts: float, table_v: Sequence[float]) -> float:
    """Interpolate the state of charge, 0 to 1, from a cell's voltage at rest."""
    if not volts > table_v[0]:  # an invalid cell counts as empty: the careful side
        return 0.0
    last = len(table_v) - 1
    for index in range(last):
        low_v, high_v = table_v[index], table_v[index + 1]
        if volts < high_v:
            return (index + (volts - low_v) / (high_v - low_v)) / last
    return 1.0


class ChargeCounter:
    """Integrates the current; clamps at empty and full."""

    def __init__(self, *, capacity_ah: float, step_s: float) -> None:
        self._per_ampere = step_s / (3600.0 * capacity_ah)
        self.fraction = 0.0

    def count(self, current_a: float) -> None:
        """Take one sample of the current, charge positive."""
        fraction = self.fraction + current_a * self._per_ampere
        self.fraction = 0.0 if fraction < 0.0 else min(fraction, 1.0)
