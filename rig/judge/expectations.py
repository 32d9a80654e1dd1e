"""Expectations in words, as reports show them beside the answer. Must not look at a trace."""

from __future__ import annotations

from collections.abc import Mapping

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
from rig.instants import Crossing, Instant
from rig.judge.rules import Question
from rig.judge.wording import show, show_range
from rig.quantities import unit_of


def question_of(wanted: Expectation) -> Question:
    """Return the expectation as a sentence, and what answers it."""
    return Question(expectation=_said(wanted), means=_means(wanted))


def _means(wanted: Expectation) -> str:  # noqa: PLR0911 - one line for each means
    match wanted:
        case Trips() | Recovers() | Stays() | Cycles():
            return "output"
        case ThresholdIs():
            return "output and meter"
        case FollowsCells() | CountsCharge():
            return "CAN and meter"
        case TelemetryAgrees():
            return "console and meter" if wanted.message is None else "CAN and meter"
        case Balances():
            return "meter"
        case ConsoleSays() | ConsoleNeverSays():
            return "console"
        case _:
            return "CAN"


def _said(wanted: Expectation) -> str:  # noqa: C901, PLR0911, PLR0912 - one line for each kind
    match wanted:
        case Trips():
            return f"{wanted.output} opens {_when(wanted)}"
        case Recovers():
            return f"{wanted.output} closes {_when(wanted)}"
        case Stays():
            state = "open" if wanted.is_open else "closed"
            return f"{wanted.output} stays {state} {_span(wanted)}"
        case Cycles():
            return _said_cycles(wanted)
        case ThresholdIs():
            return _said_threshold(wanted)
        case SignalBecomes():
            return f"{wanted.message}.{wanted.signal} becomes {wanted.value:g} {_when(wanted)}"
        case SignalStays():
            return f"{wanted.message}.{wanted.signal} stays {wanted.value:g} {_span(wanted)}"
        case SignalWithin():
            name, limits = f"{wanted.message}.{wanted.signal}", _said_limits(wanted)
            return f"{name} stays within {limits} {_span(wanted)}"
        case SignalOrdered() | SignalSteady():
            return _said_moves(wanted)
        case FollowsCells():
            return said_follows(wanted)
        case CountsCharge():
            return said_counts(wanted)
        case MessageComes():
            return _said_comes(wanted)
        case MessageTiming():
            return _said_timing(wanted)
        case MessageSound():
            return f"every {wanted.message} has the right {said_content(wanted)} {_span(wanted)}"
        case TelemetryAgrees():
            return _said_telemetry(wanted)
        case Balances():
            cells = ", ".join(map(str, wanted.cells))
            return f"at {wanted.at!r} {f'just cells {cells} bleed' if cells else 'no cell bleeds'}"
        case ConsoleSays():
            return f"console says /{wanted.pattern}/ {_when(wanted)}"
        case ConsoleNeverSays():
            return f"console never says /{wanted.pattern}/ {_span(wanted)}"


def _when(wanted: Trips | Recovers | SignalBecomes | MessageComes | ConsoleSays) -> str:
    limits = show_range(wanted.low_s, wanted.high_s, "s")
    return f"{limits} after {said_instant(wanted.since)}"


def _span(
    wanted: Stays
    | Cycles
    | SignalStays
    | SignalWithin
    | MessageSound
    | SignalOrdered
    | SignalSteady
    | ConsoleNeverSays,
) -> str:
    begin = repr(wanted.begin) if wanted.begin else "the start"
    if isinstance(wanted, SignalWithin) and wanted.once_sent:
        begin = f"its first frame after {begin}"
    end = repr(wanted.end) if wanted.end else "the end"
    return f"from {begin} to {end}"


def _said_moves(wanted: SignalOrdered | SignalSteady) -> str:
    return f"{said_move(wanted)} {_span(wanted)}"


def said_move(wanted: SignalOrdered | SignalSteady) -> str:
    """Return how a signal may move: "m.SoC only rises (but for 0.1)"."""
    name = f"{wanted.message}.{wanted.signal}"
    if isinstance(wanted, SignalOrdered):
        way = "rises" if wanted.rising else "falls"
        return f"{name} only {way} (but for {wanted.slack:g})"
    step, span = wanted.most_step, wanted.most_span
    limits = [f"{step:g} from frame to frame"] if step is not None else []
    limits += [f"{span:g} altogether"] if span is not None else []
    return f"{name} moves by at most {' and '.join(limits) or 'anything'}"


def said_follows(wanted: FollowsCells) -> str:
    """Return what a signal is made of: "m.SoC follows the mean of the cells to ± 0.5 %"."""
    voltages = f", beyond ± {show(wanted.accuracy_v, 'V')} of it" if wanted.accuracy_v else ""
    accuracy = f"{wanted.accuracy:g} {wanted.unit}".rstrip()
    name = f"{wanted.message}.{wanted.signal}"
    return f"{name} follows the mean of the cells to ± {accuracy}{voltages}"


def said_counts(wanted: CountsCharge) -> str:
    """Return what a signal counts, and how well."""
    name, accuracy = f"{wanted.message}.{wanted.signal}", show(wanted.accuracy_a, "A")
    return (
        f"{name} changes by the charge that flows from {wanted.begin!r} to {wanted.end!r}, to"
        f" ± {accuracy} ± {wanted.relative * 100:g} % ± {wanted.resolution_ah:g} Ah"
    )


def _said_limits(wanted: SignalWithin) -> str:
    unit = f" {wanted.unit}" if wanted.unit else ""
    instead = f", or says {wanted.or_says:g}," if wanted.or_says is not None else ""
    return f"{wanted.low:g} to {wanted.high:g}{unit}{instead}"


def said_message(message: str, where: Mapping[str, float]) -> str:
    """Return a message and the values it is looked for with: "BMS_Event (Code 1, Set 1)"."""
    values = ", ".join(f"{signal} {value:g}" for signal, value in where.items())
    return f"{message} ({values})" if values else message


def _said_comes(wanted: MessageComes) -> str:
    return (
        f"{said_message(wanted.message, wanted.where)} comes {said_often(wanted)} {_when(wanted)}"
    )


def said_often(wanted: MessageComes) -> str:
    """Return how often a message is to come: "just once"."""
    least, most = wanted.at_least, wanted.at_most
    if most is None:
        return "at least once" if least <= 1 else f"at least {least} times"
    if most == 0:
        return "never"
    if most > least:
        return f"{least} to {most} times"
    return "just once" if most == 1 else f"just {most} times"


def said_instant(since: Instant) -> str:
    """Return an instant in words: "cell 3 rises above 3.650 V"."""
    if not isinstance(since, Crossing):
        return f"{since.mark!r}"
    verb = "rises above" if since.rising else "falls below"
    return f"{since.quantity} {verb} {show(since.level, unit_of(since.quantity))}"


def said_crossing(since: Crossing) -> str:
    """Return a crossing that happened: "cell 3 rose above 3.650 V"."""
    verb = "rose above" if since.rising else "fell below"
    return f"{since.quantity} {verb} {show(since.level, unit_of(since.quantity))}"


def _said_cycles(wanted: Cycles) -> str:
    for_s = show_range(wanted.low_s, wanted.high_s, "s")
    said = f"{wanted.output} closes {wanted.count} times for {for_s}"
    if wanted.count > 1:
        said += f" with pauses of {show_range(wanted.pause_low_s, wanted.pause_high_s, 's')}"
    return f"{said}, {_span(wanted)}"


def _said_threshold(wanted: ThresholdIs) -> str:
    verb = "opens" if wanted.is_open else "closes"
    level, tolerance = show(wanted.level, wanted.unit), show(wanted.tolerance, wanted.unit)
    return f"{wanted.output} {verb} at {wanted.quantity} = {level} ± {tolerance}"


def _said_timing(wanted: MessageTiming) -> str:
    low_s, high_s = wanted.period_s - wanted.tolerance_s, wanted.period_s + wanted.tolerance_s
    period = show_range(low_s, high_s, "s")
    return f"{wanted.message} comes every {period}, with the right {said_content(wanted)}"


def said_content(wanted: MessageTiming | MessageSound) -> str:
    """Return what of a frame is looked at: "8 bytes, counter, checksum"."""
    checks = [f"{wanted.length} bytes"]
    checks += ["counter"] if wanted.counter else []
    checks += ["checksum"] if wanted.crc else []
    checks += ["spare bits"] if wanted.spare_zero else []
    return ", ".join(checks)


def _said_telemetry(wanted: TelemetryAgrees) -> str:
    source = f"{wanted.message}.{wanted.signal}" if wanted.message else f"/{wanted.pattern}/"
    relative = f" ± {wanted.relative * 100:g} %" if wanted.relative else ""
    accuracy = show(wanted.accuracy, wanted.unit)
    return f"{source} agrees with the meter's {wanted.quantity} to ± {accuracy}{relative}"
