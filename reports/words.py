"""Measured values and their limits in words for people, the same in every report. Pure."""

from __future__ import annotations

import math

from rig.judge.measurement import Measurement
from rig.judge.verdict import Finding
from rig.quantity import duration as duration
from rig.wording import Scale as Scale
from rig.wording import joined as joined
from rig.wording import quantity as quantity
from rig.wording import scale_for as scale_for


def measured(found: Measurement, *limits: float | None) -> str:
    """Value and expanded uncertainty in a unit that suits its limits: "1.0432 ± 0.0061 s".

    Two digits of U, and no more of the value than that supports (JCGM 100:2008, 7.2.6).
    """
    value, u, unit = parted(found, *limits)
    return f"{value} ± {u} {unit}".rstrip()


def value(found: Finding) -> str:
    """What a finding measured, with U; "" where nothing was; of one on many, whose it is."""
    if found.measurement is None:
        return ""
    origin = f"{found.elements.worst}: " if found.elements else ""
    return origin + measured(found.measurement, found.low, found.high)


def allowed(found: Finding) -> str:
    """What a finding's value may be; "" where nothing was measured."""
    return limits(found.low, found.high, found.measurement) if found.measurement else ""


def limits(low: float | None, high: float | None, found: Measurement | None, unit: str = "") -> str:
    """The allowed interval, in the unit of the measured value beside it."""
    unit = found.unit if found else unit
    low = None if high is not None and one_sided(unit, low) else low
    scale = scale_for(unit, found.value if found else None, low, high)
    places = max(_needed(low, scale), _needed(high, scale))
    if found:  # a limit made of a reading's percentage has more digits than it needs
        places = min(places, max(_places(found.expanded / scale.factor), 2) + 1)
    least, most = ("" if x is None else scale.number(x, places) for x in (low, high))
    if least and most:
        return f"{least} to {most} {scale.unit}".rstrip()
    if least or most:
        return f"at {'least' if least else 'most'} {least or most} {scale.unit}".rstrip()
    return ""


def parted(found: Measurement, *limits: float | None) -> tuple[str, str, str]:
    """`measured` in its parts: value, U and unit, for a table with a column for each."""
    scale = scale_for(found.unit, found.value, *limits)
    places = _places(found.expanded / scale.factor)
    return scale.number(found.value, places), scale.number(found.expanded, places), scale.unit


def margin(found: Measurement, low: float | None, high: float | None) -> float | None:
    """Distance from the value to the nearer limit: 0 at the limit, negative beyond it.

    As a part of half the allowed interval (1 in its middle); with an upper limit alone, as a part
    of that limit. None where neither can be said.
    """
    if high is None:
        return None
    if one_sided(found.unit, low):
        return (high - found.value) / high if high > 0 else None
    if low is None or not high > low:
        return None
    return min(found.value - low, high - found.value) / ((high - low) / 2)


def one_sided(unit: str, low: float | None) -> bool:
    """There is no lower limit; of a time, 0 only says that the cause comes before its effect."""
    return low is None or (unit == "s" and low <= 0.0)


def plural(count: int, noun: str, many: str = "") -> str:
    """Count and noun: "1 case", "3 cases"."""
    return f"{count} {noun if count == 1 else many or noun + 's'}"


def _places(expanded: float) -> int:
    return 1 - math.floor(math.log10(expanded)) if expanded > 0 else 4


def _needed(value: float | None, scale: Scale) -> int:
    """Decimal places that show a limit exactly; limits are written by people and are short."""
    if value is None:
        return 0
    number = value / scale.factor
    return next((p for p in range(6) if math.isclose(round(number, p), number, rel_tol=1e-7)), 6)
