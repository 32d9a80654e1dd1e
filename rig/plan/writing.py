"""A case as a plan would write it out: the reverse of `rig.plan.written`.

What a search found, or what is left of a failing case, becomes a case that a person can read,
change and keep. Quantities are written in full, so that reading gives the same case again. Must not
touch a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

from rig.case import Case
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
from rig.instants import Instant, Mark
from rig.quantities import unit_of
from rig.quantity import unit_of_difference
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

__all__ = ["plan_text", "written_out"]


def plan_text(name: str, dut: str, cases: Sequence[dict[str, Any]], *, why: str = "") -> str:
    """Return the text of a plan that holds these written cases.

    Parameters
    ----------
    why
        A comment for its head, one or more lines.
    """
    head = "".join(f"# {line}\n" for line in why.splitlines())
    content = {"plan": name, "for": dut, "cases": list(cases)}
    text = yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
    return head + text


def written_out(case: Case, name: str, steps: Sequence[Step] | None = None) -> dict[str, Any]:
    """Return a case in the words of a plan.

    Parameters
    ----------
    steps
        In place of the case's own, which may begin with some that completing it has put there.

    Raises
    ------
    ValueError
        It holds a step or an expectation that a plan has no words for.
    """
    entry: dict[str, Any] = {"name": name}
    if case.protection is not None:
        entry["protection"] = case.protection
    if case.begins != "ready":
        entry["begins"] = case.begins
    entry["steps"] = [_step(step) for step in (case.steps if steps is None else steps)]
    entry["expect"] = [_expected(wanted) for wanted in case.expectations]
    if case.traces_to:
        entry["traces to"] = list(dict.fromkeys(case.traces_to))
    entry["severity"] = case.severity
    return entry


class _Dumper(yaml.SafeDumper):
    """Lists of plain values in one line, as people write them."""

    def represent_list(self, data: Any) -> yaml.SequenceNode:
        flat = all(isinstance(item, str | int | float) for item in data)
        return self.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=flat)

    def represent_dict(self, data: Any) -> yaml.MappingNode:
        flat = all(isinstance(item, str | int | float) for item in data.values())
        few = 2 <= len(data) <= 3 and flat
        return self.represent_mapping("tag:yaml.org,2002:map", data, flow_style=few)

    def ignore_aliases(self, data: Any) -> bool:
        """Write everything out: nobody reads anchors."""
        del data
        return True


_Dumper.add_representer(list, _Dumper.represent_list)
_Dumper.add_representer(dict, _Dumper.represent_dict)


def _exact(value: float, unit: str) -> str:
    return f"{value:.15g} {unit}"


def _seconds(value: float) -> str:
    return _exact(value, "s")


def _number(value: float) -> float | int:
    return int(value) if float(value).is_integer() else value


# ---- steps --------------------------------------------------------------------------------------
def _step(step: Step) -> Any:
    word, content = _action(step)
    if word == "reset" and step.mark is None:
        return "reset"
    return {word: content} | ({"as": step.mark} if step.mark else {})


def _action(step: Step) -> tuple[str, Any]:  # noqa: C901, PLR0911, PLR0912 - one line for each kind
    match step:
        case Set():
            return "set", {q: _exact(v, unit_of(q)) for q, v in step.values.items()}
        case Hold():
            return "hold", _seconds(step.duration_s)
        case RandomPhase():
            return "dither", _seconds(step.span_s)
        case WaitFor():
            return "wait for", _condition(step.until) | {"within": _seconds(step.within_s)}
        case Staircase():
            return "ramp", _ramp(step)
        case PlaySequence():
            return "play", _played(step)
        case Fault():
            return "fault" if step.present else "repair", {step.fault: step.target}
        case Send():
            return "send", _sending(step)
        case StartPeriodic():
            jitter = {"jitter": _seconds(step.jitter_s)} if step.jitter_s else {}
            return "traffic", _sending(step) | jitter
        case StopPeriodic():
            return "quiet", step.message
        case Load():
            return "load", _load(step)
        case Type():
            return "type", step.line
        case Power():
            return "power", "on" if step.on else "off"
        case Reset():
            return "reset", "now"
        case Read():
            return "read", list(step.quantities)
    raise ValueError(f"a plan has no words for the step {step.kind!r}")


def _condition(until: Condition) -> dict[str, Any]:
    match until:
        case OutputState():
            return {until.output: "open" if until.is_open else "closed"}
        case SignalValue():
            return {f"{until.message}.{until.signal}": _number(until.value)}
        case ConsoleLine():
            return {"console": until.pattern}


def _ramp(step: Staircase) -> dict[str, Any]:
    unit = unit_of(step.quantity)
    return {
        "quantity": step.quantity,
        "from": _exact(step.start, unit),
        "to": _exact(step.stop, unit),
        "step": _exact(abs(step.step), unit_of_difference(unit)),
        "dwell": _seconds(step.dwell_s),
        "until": _condition(step.until),
    }


def _played(step: PlaySequence) -> dict[str, Any]:
    unit = unit_of(step.quantity)
    noise = {"noise": _exact(step.noise, unit_of_difference(unit))} if step.noise else {}
    return {
        "quantity": step.quantity,
        "values": [_exact(value, unit) for value in step.values],
        "every": _seconds(step.interval_s),
        **({"times": step.times} if step.times > 1 else {}),
        **noise,
    }


def _sending(step: Send | StartPeriodic) -> dict[str, Any]:
    signals = {name: _number(value) for name, value in step.signals.items()}
    often = {"times": step.count} if isinstance(step, Send) and step.count > 1 else {}
    every = {"every": _seconds(step.period_s)} if step.period_s else {}
    wrong = {"wrong": _wrong(step.wrong)} if step.wrong else {}
    return {step.message: signals, **often, **every, **wrong}


def _by(wanted: TelemetryAgrees) -> str:
    return f"{wanted.message}.{wanted.signal}" if wanted.message else "console"


def _load(step: Load) -> dict[str, Any]:
    return {
        "share": f"{_tidy_percent(step.share)} %",
        "burst": _seconds(step.burst_s),
        "times": step.bursts,
        "from": step.first_id,
        "to": step.last_id,
    }


def _tidy_percent(share: float) -> str:
    return f"{round(100.0 * share, 9):.15g}"


def _wrong(wrong: FrameFault) -> dict[str, int]:
    often = {"every": wrong.every} if wrong.every != 1 else {}
    return {wrong.what: wrong.by, **often}


# ---- expectations -------------------------------------------------------------------------------
def _expected(wanted: Expectation) -> dict[str, Any]:  # noqa: C901, PLR0911, PLR0912 - as above
    match wanted:
        case Trips():
            return {wanted.output: {"opens within": _limits(wanted)} | _after(wanted.since)}
        case Recovers():
            lasts = {} if wanted.lasts else {"lasts": False}
            closes = {"closes within": _limits(wanted)} | lasts | _after(wanted.since)
            return {wanted.output: closes}
        case Stays():
            state = "open" if wanted.is_open else "closed"
            return {wanted.output: {"stays": state} | _span(wanted)}
        case Cycles():
            return {wanted.output: _cycles(wanted) | _span(wanted)}
        case ThresholdIs():
            return {wanted.output: _threshold(wanted)}
        case SignalBecomes():
            takes = {"becomes": _number(wanted.value), "within": _limits(wanted)}
            return {f"{wanted.message}.{wanted.signal}": takes | _after(wanted.since)}
        case SignalStays():
            stays = {"stays": _number(wanted.value)} | _span(wanted)
            return {f"{wanted.message}.{wanted.signal}": stays}
        case SignalWithin():
            between: dict[str, Any] = {
                "between": [_number(wanted.low), _number(wanted.high)]
            } | _span(wanted)
            if wanted.unit:
                between |= {"unit": wanted.unit}
            if wanted.or_says is not None:
                between |= {"or": _number(wanted.or_says)}
            if wanted.once_sent:
                between |= {"once sent": True}
            return {f"{wanted.message}.{wanted.signal}": between}
        case SignalOrdered() | SignalSteady():
            return {f"{wanted.message}.{wanted.signal}": _moves(wanted) | _span(wanted)}
        case FollowsCells():
            return {"energy": {"follows cells": [wanted.quantity]}}
        case CountsCharge():
            return {"energy": {"counts": [wanted.quantity]} | _span(wanted)}
        case MessageComes():
            return {wanted.message: _comes(wanted)}
        case MessageTiming():
            every = f"{_seconds(wanted.period_s)} ± {_seconds(wanted.tolerance_s)}"
            return {wanted.message: {"every": every} | _span(wanted)}
        case MessageSound():
            sound = True if wanted.counter else "but for its counter"
            return {wanted.message: {"is sound": sound} | _span(wanted)}
        case TelemetryAgrees():
            return {"telemetry": {"agrees": [wanted.quantity], "by": _by(wanted)}}
        case Balances():
            return {"balancing": {"cells": list(wanted.cells), "at": wanted.at}}
        case ConsoleSays():
            says = {"says": wanted.pattern, "within": _limits(wanted)}
            return {"console": says | _after(wanted.since)}
        case ConsoleNeverSays():
            return {"console": {"never says": wanted.pattern} | _span(wanted)}
    raise ValueError(f"a plan has no words for the expectation {wanted.kind!r}")


def _limits(
    wanted: Trips | Recovers | SignalBecomes | MessageComes | ConsoleSays,
) -> str:
    return f"{_seconds(wanted.low_s)} to {_seconds(wanted.high_s)}"


def _after(since: Instant) -> dict[str, Any]:
    if isinstance(since, Mark):
        return {"after": since.mark}
    way = "above" if since.rising else "below"
    level = f"{way} {_exact(since.level, unit_of(since.quantity))}"
    return {"after": {since.quantity: level} | ({"since": since.after} if since.after else {})}


def _span(wanted: Any) -> dict[str, str]:
    ends = {"from": wanted.begin, "to": wanted.end}
    return {word: mark for word, mark in ends.items() if mark is not None}


def _cycles(wanted: Cycles) -> dict[str, Any]:
    closed = f"{_seconds(wanted.low_s)} to {_seconds(wanted.high_s)}"
    entry: dict[str, Any] = {"closes": wanted.count, "each": closed}
    if wanted.pause_high_s > 0.0:
        entry["pauses"] = f"{_seconds(wanted.pause_low_s)} to {_seconds(wanted.pause_high_s)}"
    return entry


def _threshold(wanted: ThresholdIs) -> dict[str, Any]:
    word = "opens at" if wanted.is_open else "closes at"
    tolerance = _exact(wanted.tolerance, unit_of_difference(wanted.unit))
    level = f"{_exact(wanted.level, wanted.unit)} ± {tolerance}"
    return {word: level, "reaction": _seconds(wanted.delay_s)}


def _moves(wanted: SignalOrdered | SignalSteady) -> dict[str, Any]:
    if isinstance(wanted, SignalOrdered):
        return {f"only {'rises' if wanted.rising else 'falls'} but for": _number(wanted.slack)}
    most = {"steps at most": wanted.most_step, "moves at most": wanted.most_span}
    return {word: _number(value) for word, value in most.items() if value is not None}


def _comes(wanted: MessageComes) -> dict[str, Any]:
    where = {signal: _number(value) for signal, value in wanted.where.items()}
    often = {} if wanted.at_most is None else {"times": wanted.at_most}
    return {"comes": where, "within": _limits(wanted)} | often | _after(wanted.since)
