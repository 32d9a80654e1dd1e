"""Numbers and lists as people read them, the same in sentences and on pages. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

_PREFIXES = {"s": ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")), "V": ((1.0, "V"), (1e-3, "mV"))}
_PREFIXES["A"] = ((1.0, "A"), (1e-3, "mA"))
# A voltage of 80 mV is clearer as 0.080 V beside 3.650 V; a time of 160 ms is not clearer in s.
_KEEP_FROM = {"s": 1.0, "V": 0.1, "A": 0.1}


@dataclass(frozen=True, slots=True)
class Scale:
    """A unit for people: value in SI = number in `unit` times `factor`."""

    factor: float
    unit: str

    def number(self, value: float, places: int) -> str:
        """The value as text, with a true minus sign and no negative zero."""
        # Places below zero round to tens and hundreds.
        text = f"{round(value / self.factor, places):.{max(places, 0)}f}"
        return text.replace("-", "−") if float(text) else text.lstrip("-")


def scale_for(unit: str, *values: float | None) -> Scale:
    """The prefix that suits the largest of these values."""
    largest = max((abs(v) for v in values if v is not None and math.isfinite(v)), default=0.0)
    steps = _PREFIXES.get(unit, ((1.0, unit),))
    if not largest or largest >= _KEEP_FROM.get(unit, 0.0):
        return Scale(*steps[0])
    fits = [step for step in steps[1:] if largest >= step[0]]
    return Scale(*(fits[0] if fits else steps[-1]))


def quantity(value: float, unit: str) -> str:
    """A plain value: "3.650 V", "160 ms", "200 µs", "−20 °C"."""
    scale = scale_for(unit, value)
    number = value / scale.factor
    if unit == "V" and scale.factor == 1.0:
        return f"{scale.number(value, 3)} V"
    places = next((p for p in range(5) if math.isclose(round(number, p), number, rel_tol=1e-6)), 4)
    return f"{scale.number(value, places)} {scale.unit}".rstrip()


def joined(parts: Sequence[str]) -> str:
    """A list for reading: "a", "a and b", "a, b and c"."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
