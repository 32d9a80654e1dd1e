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
from rig.quantity import exact, unit_of_difference, unitless
from rig.steps import Step

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


def written_out(case: Case, name: str) -> dict[str, Any]:
    """Return a case in the words of a plan.

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
    entry["steps"] = [_step(step) for step in case.steps]
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


def _by(wanted: TelemetryAgrees) -> str:
    return f"{wanted.message}.{wanted.signal}" if wanted.message else "console"


# ---- steps --------------------------------------------------------------------------------------
def _step(step: Step) -> Any:
    word, content = step.written()
    if step.bare.get(word) == content and step.mark is None:
        return word
    return {word: content} | ({"as": step.mark} if step.mark else {})


def _seconds(value: float) -> str:
    return exact(value, "s")


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
            takes = {"becomes": unitless(wanted.value), "within": _limits(wanted)}
            return {f"{wanted.message}.{wanted.signal}": takes | _after(wanted.since)}
        case SignalStays():
            stays = {"stays": unitless(wanted.value)} | _span(wanted)
            return {f"{wanted.message}.{wanted.signal}": stays}
        case SignalWithin():
            between: dict[str, Any] = {
                "between": [unitless(wanted.low), unitless(wanted.high)]
            } | _span(wanted)
            if wanted.unit:
                between |= {"unit": wanted.unit}
            if wanted.or_says is not None:
                between |= {"or": unitless(wanted.or_says)}
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
    level = f"{way} {exact(since.level, unit_of(since.quantity))}"
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
    tolerance = exact(wanted.tolerance, unit_of_difference(wanted.unit))
    level = f"{exact(wanted.level, wanted.unit)} ± {tolerance}"
    return {word: level, "reaction": _seconds(wanted.delay_s)}


def _moves(wanted: SignalOrdered | SignalSteady) -> dict[str, Any]:
    if isinstance(wanted, SignalOrdered):
        return {f"only {'rises' if wanted.rising else 'falls'} but for": unitless(wanted.slack)}
    most = {"steps at most": wanted.most_step, "moves at most": wanted.most_span}
    return {word: unitless(value) for word, value in most.items() if value is not None}


def _comes(wanted: MessageComes) -> dict[str, Any]:
    where = {signal: unitless(value) for signal, value in wanted.where.items()}
    often = {} if wanted.at_most is None else {"times": wanted.at_most}
    return {"comes": where, "within": _limits(wanted)} | often | _after(wanted.since)
