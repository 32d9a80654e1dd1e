"""Numbers, steps and expectations in words for people, the same in every report. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

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
from rig.quantities import Kind, kind_of, together, unit_of
from rig.quantity import duration as duration
from rig.steps import Step
from rig.steps.bus_load import Load
from rig.steps.conditions import Condition, ConsoleLine, OutputState, SignalValue
from rig.steps.fault import Fault
from rig.steps.frame_fault import FrameFault
from rig.steps.hold import Hold
from rig.steps.play_sequence import PlaySequence
from rig.steps.power import Power
from rig.steps.ramp import Staircase
from rig.steps.random_phase import RandomPhase
from rig.steps.read import Read
from rig.steps.reset import Reset
from rig.steps.send import Send
from rig.steps.set import Set
from rig.steps.start_periodic import StartPeriodic
from rig.steps.stop_periodic import StopPeriodic
from rig.steps.type_line import Type
from rig.steps.wait_for import WaitFor

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


def joined(parts: list[str]) -> str:
    """A list for reading: "a", "a and b", "a, b and c"."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def _played(done: PlaySequence) -> str:
    unit, most = unit_of(done.quantity), 4
    few = [quantity(value, unit) for value in done.values[:most]]
    if len(done.values) > most:
        few = [few[0], "…", quantity(done.values[-1], unit)]
    times = f", {done.times} times" if done.times > 1 else ""
    noise = f", each ± up to {quantity(done.noise, unit)} at random" if done.noise else ""
    every = quantity(done.interval_s, "s")
    return f"Give {done.quantity} {', '.join(few)}, one every {every}{times}{noise}"


# ---- steps --------------------------------------------------------------------------------------
def step(done: Step) -> str:  # noqa: C901, PLR0911, PLR0912 - one line for each kind of step
    """What a step does, as an instruction."""
    match done:
        case Set(values=values):
            return f"Set {_settings(values)}"
        case Hold(duration_s=time):
            return f"Hold for {quantity(time, 's')}"
        case RandomPhase(span_s=span):
            return f"Wait a random part of {quantity(span, 's')}, so that the BMS's phase varies"
        case WaitFor(until=until, within_s=within):
            return f"Wait until {condition(until)}, at most {quantity(within, 's')}"
        case Staircase() as stairs:
            unit = unit_of(stairs.quantity)
            return (
                f"Step {stairs.quantity} from {quantity(stairs.start, unit)} to"
                f" {quantity(stairs.stop, unit)} by {quantity(abs(stairs.step), unit)}, holding"
                f" {quantity(stairs.dwell_s, 's')} each, until {condition(stairs.until)}"
            )
        case PlaySequence() as played:
            return _played(played)
        case Fault(fault=fault, target=target, present=present):
            return f"{'Make' if present else 'Repair'} the {fault} circuit at {target}"
        case Send() as sent:
            every = f", every {quantity(sent.period_s, 's')}" if sent.count > 1 else ""
            times = f" {sent.count} times" if sent.count > 1 else ""
            return f"Send {sent.message}{_signals(sent.signals)}{times}{every}{_wrong(sent.wrong)}"
        case StartPeriodic() as traffic:
            jitter = f" + up to {quantity(traffic.jitter_s, 's')}" if traffic.jitter_s else ""
            every = f"every {quantity(traffic.period_s, 's')}{jitter}"
            sent_so = f"{traffic.message}{_signals(traffic.signals)}"
            return f"Keep sending {sent_so} {every}{_wrong(traffic.wrong)}"
        case StopPeriodic(message=message):
            return f"Stop sending {message}"
        case Load() as load:
            bursts = f"{load.bursts} bursts" if load.bursts > 1 else "a burst"
            ids = f"0x{load.first_id:X} to 0x{load.last_id:X}"
            each = quantity(load.burst_s, "s")
            return f"Load the bus to {load.share * 100:g} % by {bursts} of {each}, {ids}"
        case Type(line=line):
            return f"Type “{line}” on the console"
        case Power(on=on):
            return f"Switch the BMS's supply {'on' if on else 'off'}"
        case Reset():
            return "Pulse the BMS's reset line"
        case Read(quantities=quantities):
            return f"Read {joined(list(quantities))} with the meters"


def _wrong(wrong: FrameFault | None) -> str:
    """In which way frames are wrong: ", each 2nd with the counter of the one before"."""
    if wrong is None:
        return ""
    said = {
        "crc": "a wrong checksum",
        "bit": "one flipped bit",
        "counter stands": "the counter of the one before",
        "counter skips": f"{wrong.by} numbers of the counter left out",
        "length": f"{wrong.by} bytes only",
        "identifier": "another identifier",
        "data id": "the checksum of another message",
        "swapped": "the place of the next one",
    }[wrong.what]
    order = {2: "2nd", 3: "3rd"}.get(wrong.every, f"{wrong.every}th")
    which = {0: "the first", 1: "each"}.get(wrong.every, f"each {order}")
    return f", {which} with {said}"


def condition(until: Condition) -> str:
    """What is waited for."""
    match until:
        case OutputState(output=output, is_open=is_open):
            return f"{output} is {'open' if is_open else 'closed'}"
        case SignalValue(message=message, signal=signal, value=value):
            return f"{message}.{signal} is {value:g}"
        case ConsoleLine(pattern=pattern):
            return f"the console says “{pattern}”"


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


def _settings(values: Mapping[str, float]) -> str:
    """Quantities of one value together: "cells 1, 2 and 4 to 3.300 V and cell 3 to 3.700 V"."""
    groups: dict[tuple[Kind | str, float], list[str]] = {}
    for name, value in values.items():
        groups.setdefault((kind_of(name) or name, value), []).append(name)
    return joined([_setting(names, value) for (_, value), names in groups.items()])


def _setting(names: list[str], value: float) -> str:
    return f"{together(names)} to {quantity(value, unit_of(names[0]))}"


def _signals(signals: Mapping[str, float]) -> str:
    inner = ", ".join(f"{name} = {value:g}" for name, value in signals.items())
    return f" ({inner})" if inner else ""


def _places(expanded: float) -> int:
    return 1 - math.floor(math.log10(expanded)) if expanded > 0 else 4


def _needed(value: float | None, scale: Scale) -> int:
    """Decimal places that show a limit exactly; limits are written by people and are short."""
    if value is None:
        return 0
    number = value / scale.factor
    return next((p for p in range(6) if math.isclose(round(number, p), number, rel_tol=1e-7)), 6)
