"""Numbers and expectations in words for people, the same in every report. Pure."""

from __future__ import annotations

import math

from rig.expectations import Expectation
from rig.expectations.balances import Balances
from rig.expectations.console_never_says import ConsoleNeverSays
from rig.expectations.console_says import ConsoleSays
from rig.expectations.counts_charge import CountsCharge
from rig.expectations.cycles import Cycles
from rig.expectations.follows_cells import FollowsCells
from rig.expectations.message_comes import MessageComes
from rig.expectations.message_sound import MessageSound
from rig.expectations.message_timing import MessageTiming
from rig.expectations.recovers import Recovers
from rig.expectations.signal_becomes import SignalBecomes
from rig.expectations.signal_ordered import SignalOrdered
from rig.expectations.signal_stays import SignalStays
from rig.expectations.signal_steady import SignalSteady
from rig.expectations.signal_within import SignalWithin
from rig.expectations.stays import Stays
from rig.expectations.telemetry_agrees import TelemetryAgrees
from rig.expectations.threshold import ThresholdIs
from rig.expectations.trips import Trips
from rig.instants import Crossing, Instant, Mark
from rig.judge.expectations import (
    said_content,
    said_counts,
    said_follows,
    said_message,
    said_move,
    said_often,
)
from rig.judge.measurement import Measurement
from rig.quantities import unit_of
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


def instant(since: Instant) -> str:
    """The instant that a time counts from."""
    match since:
        case Mark(mark=mark):
            return f"“{mark}”"
        case Crossing() as crossing:
            verb = "rises above" if crossing.rising else "falls below"
            unit = unit_of(crossing.quantity)
            return f"{crossing.quantity} {verb} {quantity(crossing.level, unit)}"


# ---- expectations -------------------------------------------------------------------------------
def expectation(expected: Expectation) -> str:  # noqa: C901, PLR0911, PLR0912 - one line for each kind
    """What is expected, for a case that has no findings which say it."""
    match expected:
        case Trips(output=output, since=since, low_s=low, high_s=high):
            return f"{output} opens {_between(low, high)} after {instant(since)}"
        case Recovers(output=output, since=since, low_s=low, high_s=high):
            return f"{output} closes again {_between(low, high)} after {instant(since)}"
        case Stays(output=output, is_open=is_open):
            return f"{output} stays {'open' if is_open else 'closed'}{_span(expected)}"
        case Cycles() as cycles:
            closed = _between(cycles.low_s, cycles.high_s)
            return f"{cycles.output} closes {cycles.count} times, {closed} long{_span(expected)}"
        case ThresholdIs() as limit:
            level, tolerance = (
                quantity(limit.level, limit.unit),
                quantity(limit.tolerance, limit.unit),
            )
            verb = "opens" if limit.is_open else "closes"
            return f"{limit.output} {verb} where {limit.quantity} is {level} ± {tolerance}"
        case SignalBecomes() as flag:
            when = f"{_between(flag.low_s, flag.high_s)} after {instant(flag.since)}"
            return f"{flag.message}.{flag.signal} becomes {flag.value:g} {when}"
        case SignalStays(message=message, signal=signal, value=value):
            return f"{message}.{signal} stays {value:g}{_span(expected)}"
        case SignalWithin(message=message, signal=signal, low=low, high=high, unit=unit):
            limits = f"{low:g} to {high:g} {unit}".rstrip()
            if expected.or_says is not None:
                limits += f" or says {expected.or_says:g}"
            return f"{message}.{signal} stays within {limits}{_span(expected)}"
        case SignalOrdered() | SignalSteady():
            return f"{said_move(expected)}{_span(expected)}"
        case FollowsCells():
            return said_follows(expected)
        case CountsCharge():
            return said_counts(expected)
        case MessageComes() as comes:
            when = f"{_between(comes.low_s, comes.high_s)} after {instant(comes.since)}"
            return f"{said_message(comes.message, comes.where)} comes {said_often(comes)} {when}"
        case MessageTiming(message=message, period_s=period, tolerance_s=tolerance):
            return f"{message} comes every {quantity(period, 's')} ± {quantity(tolerance, 's')}"
        case MessageSound() as sound:
            return f"every {sound.message} has the right {said_content(sound)}{_span(sound)}"
        case TelemetryAgrees(quantity=name, accuracy=accuracy, unit=unit):
            within = quantity(accuracy, unit)
            return f"the BMS's report of {name} agrees with the meter within {within}"
        case Balances(cells=cells, at=at):
            which = "cells " + joined([str(n) for n in cells]) if cells else "no cell"
            return f"at “{at}” just {which} bleed" if cells else f"at “{at}” {which} bleeds"
        case ConsoleSays(pattern=pattern, since=since, low_s=low, high_s=high):
            return f"the console says “{pattern}” {_between(low, high)} after {instant(since)}"
        case ConsoleNeverSays(pattern=pattern):
            return f"the console never says “{pattern}”{_span(expected)}"


def _between(low_s: float, high_s: float) -> str:
    if low_s <= 0.0:
        return f"within {quantity(high_s, 's')}"
    scale = scale_for("s", high_s)
    places = max(_needed(low_s, scale), _needed(high_s, scale))
    low, high = scale.number(low_s, places), scale.number(high_s, places)
    return f"between {low} and {high} {scale.unit}"


def _span(
    expected: Stays
    | Cycles
    | SignalStays
    | SignalWithin
    | MessageSound
    | SignalOrdered
    | SignalSteady
    | ConsoleNeverSays,
) -> str:
    begin = f" from “{expected.begin}”" if expected.begin else ""
    if isinstance(expected, SignalWithin) and expected.once_sent:
        begin = f" from its first frame after “{expected.begin}”" if expected.begin else ""
    end = f" to “{expected.end}”" if expected.end else ""
    return begin + end


def _places(expanded: float) -> int:
    return 1 - math.floor(math.log10(expanded)) if expanded > 0 else 4


def _needed(value: float | None, scale: Scale) -> int:
    """Decimal places that show a limit exactly; limits are written by people and are short."""
    if value is None:
        return 0
    number = value / scale.factor
    return next((p for p in range(6) if math.isclose(round(number, p), number, rel_tol=1e-7)), 6)
