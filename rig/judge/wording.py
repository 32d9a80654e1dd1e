"""Numbers and instants as people read them in a verdict's sentence. Must not judge."""

from __future__ import annotations

import math
from collections.abc import Mapping

from rig.judge.measurement import Measurement
from rig.quantities import unit_of
from rig.time_reference import Crossing, TimeReference

# Scale, symbol and decimals of a plain value, by the least magnitude that takes them.
_SCALES: dict[str, tuple[tuple[float, float, str, int], ...]] = {
    "s": ((0.5, 1.0, "s", 3), (1e-3, 1e3, "ms", 1), (0.0, 1e6, "µs", 0)),
    "V": ((0.1, 1.0, "V", 3), (1e-3, 1e3, "mV", 1), (0.0, 1e6, "µV", 0)),
    "A": ((0.1, 1.0, "A", 2), (0.0, 1e3, "mA", 1)),
    "Ω": ((1e3, 1e-3, "kΩ", 3), (0.0, 1.0, "Ω", 1)),
}


def _scale(magnitude: float, unit: str) -> tuple[float, str, int]:
    for least, factor, symbol, decimals in _SCALES.get(unit, ()):
        if magnitude >= least * (1.0 - 1e-9):
            return factor, symbol, decimals
    return 1.0, unit, 2


def _joined(number: str, symbol: str) -> str:
    return f"{number} {symbol}" if symbol else number


def show(value: float, unit: str) -> str:
    """Return a plain value: "3.650 V", "160.0 ms", "200 µs"."""
    factor, symbol, decimals = _scale(abs(value), unit) if value else (1.0, unit, 0)
    number = round(value * factor, decimals) + 0.0  # no "-0"
    return _joined(f"{number:.{decimals}f}", symbol)


def show_range(low: float, high: float, unit: str) -> str:
    """Return limits in one unit: "0.900 s to 1.100 s"; a bound of minus infinity is not said."""
    factor, symbol, decimals = _scale(max(abs(x) for x in (low, high) if math.isfinite(x)), unit)
    low_text, high_text = (f"{x * factor:.{decimals}f}" for x in (low, high))
    if low <= 0.0 and unit == "s":
        return f"at most {_joined(high_text, symbol)}"
    return f"{_joined(low_text, symbol)} to {_joined(high_text, symbol)}"


def show_measured(measured: Measurement) -> str:
    """Return value and U at two digits of U, in one unit: "(1.03120 ± 0.00041) s"."""
    magnitude = max(abs(measured.value), measured.expanded)
    factor, symbol, _ = _scale(magnitude, measured.unit) if magnitude else (1.0, measured.unit, 0)
    value, expanded = measured.value * factor, measured.expanded * factor
    places = two_digits(expanded) if expanded else 6
    texts = (f"{round(x, places):.{max(places, 0)}f}" for x in (value, expanded))
    return _joined(f"({' ± '.join(texts)})", symbol)


def two_digits(expanded: float) -> int:
    """Return the decimal places that show two significant digits of U (JCGM 100:2008, 7.2.6)."""
    return 1 - math.floor(math.log10(expanded))


# ---- instants and spans -------------------------------------------------------------------------
def said_instant(since: TimeReference) -> str:
    """Return an instant in words: "cell 3 rises above 3.650 V"."""
    if not isinstance(since, Crossing):
        return f"{since.mark!r}"
    verb = "rises above" if since.rising else "falls below"
    return f"{since.quantity} {verb} {show(since.level, unit_of(since.quantity))}"


def said_crossing(since: Crossing) -> str:
    """Return a crossing that happened: "cell 3 rose above 3.650 V"."""
    verb = "rose above" if since.rising else "fell below"
    return f"{since.quantity} {verb} {show(since.level, unit_of(since.quantity))}"


def said_window(low_s: float, high_s: float, since: TimeReference) -> str:
    """Return a time limit: "0.900 s to 1.100 s after 'applied'"."""
    return f"{show_range(low_s, high_s, 's')} after {said_instant(since)}"


def said_span(begin: str | None, end: str | None, *, once: str = "") -> str:
    """Return a span between two marks: "from 'hot' to the end"; `once` goes before its begin."""
    return (
        f"from {once}{repr(begin) if begin else 'the start'} to {repr(end) if end else 'the end'}"
    )


def said_message(message: str, where: Mapping[str, float]) -> str:
    """Return a message and the values it is looked for with: "BMS_Event (Code 1, Set 1)"."""
    values = ", ".join(f"{signal} {value:g}" for signal, value in where.items())
    return f"{message} ({values})" if values else message
