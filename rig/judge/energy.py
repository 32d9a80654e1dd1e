"""Charge against the meter: what was counted, and what is made from the cells' voltages.

The current between two commands is what the meter read while it flowed; a command itself takes from
its start to its settling, and in that time the current may be anything between the two levels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from rig.case import Case
from rig.expectations.counts_charge import CountsCharge
from rig.expectations.follows_cells import FollowsCells
from rig.judge.budget import Budget, Row
from rig.judge.can_signals import adapter_row
from rig.judge.decoder import Decoder
from rig.judge.instants import marker_of, readings_of
from rig.judge.listening import must_have_listened
from rig.judge.measurement import Measurement
from rig.judge.rules import (
    NoEvidence,
    Question,
    judge_within,
    measurement,
    why_undecided,
    worst,
)
from rig.judge.verdict import Finding, Verdict
from rig.judge.wording import show, show_measured
from rig.trace.model import Command, Reading, Trace

_HOUR_NS = 3600e9


# ---- charge that flowed -------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class _Stretch:
    """A time in which the current was one value, or moved from one to another."""

    begin_ns: float
    end_ns: float
    amps: float
    meter_a: float = 0.0  # half-width, by the meter
    moving_a: float = 0.0  # half-width, as it moved meanwhile

    @property
    def hours(self) -> float:
        return (self.end_ns - self.begin_ns) / _HOUR_NS


def judge_counts_charge(
    case: Case, trace: Trace, wanted: CountsCharge, question: Question, decode: Decoder
) -> Finding:
    """Judge the change of a signal against the integral of the current."""
    del case
    must_have_listened(trace, "can")
    times, values = decode(trace.frames, wanted.message, wanted.signal)
    ends = [_newest(trace, wanted, times, mark) for mark in (wanted.begin, wanted.end)]
    begin_ns, end_ns = (int(times[at]) for at in ends)
    stretches = _stretches(trace, begin_ns, end_ns)
    counted_ah = float(values[ends[1]] - values[ends[0]]) * wanted.ah_per_unit
    flowed_ah = sum(s.amps * s.hours for s in stretches)
    gross_ah = sum(abs(s.amps) * s.hours for s in stretches)
    hours = (end_ns - begin_ns) / _HOUR_NS
    limit_ah = wanted.accuracy_a * hours + wanted.relative * gross_ah + wanted.resolution_ah
    budget = _budget(trace, stretches)
    measured = measurement(counted_ah - flowed_ah, budget, "Ah")
    verdict = judge_within(measured, -limit_ah, limit_ah)
    sentence = (
        f"{wanted.message}.{wanted.signal} changed by {counted_ah:.4f} Ah where"
        f" {flowed_ah:.4f} Ah flowed in {show(hours * 3600.0, 's')}: off by"
        f" {show_measured(measured)}, allowed ± {limit_ah:.4f} Ah"
    )
    if verdict is Verdict.INCONCLUSIVE:
        sentence += f"; {why_undecided(measured, budget, -limit_ah, limit_ah)}"
    return question.measured(verdict, sentence, (measured, budget), (-limit_ah, limit_ah))


def _newest(trace: Trace, wanted: CountsCharge, times: np.ndarray, mark: str) -> int:
    """Find the newest frame at a mark."""
    before = int(np.searchsorted(times, marker_of(trace, mark).time_ns, side="right")) - 1
    if before < 0:
        raise NoEvidence(f"no {wanted.message} came before {mark!r}")
    return before


def _stretches(trace: Trace, begin_ns: int, end_ns: int) -> list[_Stretch]:
    """Cut the time between two frames where the current was commanded."""
    found: list[_Stretch] = []
    amps = 0.0  # a case starts without current
    since_ns = float(begin_ns)
    for command in trace.commands:
        if command.quantity != "current" or command.before_ns >= end_ns:
            continue
        settled_ns = command.after_ns + command.settle_s * 1e9
        if settled_ns > begin_ns:
            found.append(_held(trace, amps, since_ns, max(float(command.before_ns), since_ns)))
            found.append(_switched(command, amps, found[-1].end_ns, min(settled_ns, end_ns)))
            since_ns = found[-1].end_ns
        amps = command.value
    found.append(_held(trace, amps, since_ns, float(end_ns)))
    return [stretch for stretch in found if stretch.end_ns > stretch.begin_ns]


def _held(trace: Trace, amps: float, begin_ns: float, end_ns: float) -> _Stretch:
    """Take a commanded current as the meter read it; no current was commanded off, and is 0."""
    inside = [
        r for r in readings_of(trace, "current") if begin_ns <= r.before_ns and r.after_ns <= end_ns
    ]
    if amps == 0.0 or end_ns <= begin_ns:
        return _Stretch(begin_ns=begin_ns, end_ns=end_ns, amps=0.0)
    if not inside:
        raise NoEvidence(f"the current was never read while {show(amps, 'A')} were commanded")
    read = [r.value for r in inside]
    spread_a = 0.5 * (max(read) - min(read))
    return _Stretch(
        begin_ns=begin_ns,
        end_ns=end_ns,
        amps=sum(read) / len(read),
        meter_a=max(r.accuracy for r in inside),
        moving_a=spread_a,
    )


def _switched(command: Command, before_a: float, begin_ns: float, end_ns: float) -> _Stretch:
    return _Stretch(
        begin_ns=begin_ns,
        end_ns=max(end_ns, begin_ns),
        amps=0.5 * (before_a + command.value),
        moving_a=0.5 * abs(command.value - before_a),
    )


def _budget(trace: Trace, stretches: list[_Stretch]) -> Budget:
    """Add the parts up: one meter is off the same way all the time."""
    edge_a = max(abs(stretches[0].amps), abs(stretches[-1].amps)) if stretches else 0.0
    stamp = adapter_row(trace.frames)
    return Budget.of(
        (
            Row(
                name="current meter",
                half_width=sum(s.meter_a * s.hours for s in stretches),
                source="meter's accuracy over the time that it stands for",
            ),
            Row(
                name="current between readings",
                half_width=sum(s.moving_a * s.hours for s in stretches),
                source="commands from start to settled; spread of the readings",
            ),
            Row(
                name=stamp.name,
                half_width=stamp.half_width,
                distribution=stamp.distribution,
                sensitivity=edge_a / 3600.0,
                source=stamp.source,
            ),
        )
    )


# ---- what is made from the cells ----------------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """One reading of all cells, and what was told of it."""

    mean_v: float
    meter_v: float  # half-width
    told: float


def judge_follows_cells(
    case: Case, trace: Trace, wanted: FollowsCells, question: Question, decode: Decoder
) -> Finding:
    """Judge every reading of the cells against the curve, and their order; the worst stands."""
    del case
    must_have_listened(trace, "can")
    looks = _looks(trace, wanted, decode)
    findings = [_on_curve(look, wanted, question, len(looks)) for look in looks]
    verdict = worst(finding.verdict for finding in findings)
    if verdict is Verdict.PASS and (disorder := _disorder(looks, wanted, question)):
        return disorder
    return max((f for f in findings if f.verdict is verdict), key=_share)


def _looks(trace: Trace, wanted: FollowsCells, decode: Decoder) -> list[_Look]:
    times, values = decode(trace.frames, wanted.message, wanted.signal)
    by_cell = [readings_of(trace, cell) for cell in wanted.cells]
    rounds = list(zip(*by_cell, strict=False))
    if not rounds or len({len(readings) for readings in by_cell}) > 1:
        raise NoEvidence("the cells were not all read by a meter, as often as each other")
    found = []
    for readings in rounds:
        at = _told_meanwhile(trace, readings, times, wanted.settle_s)
        if at is None:
            raise NoEvidence(f"no {wanted.message} came while the cells stood still at a reading")
        mean_v = float(np.mean([r.value for r in readings]))
        meter_v = float(np.mean([r.accuracy for r in readings]))
        found.append(_Look(mean_v=mean_v, meter_v=meter_v, told=float(values[at])))
    return found


def _told_meanwhile(
    trace: Trace, readings: tuple[Reading, ...], times: np.ndarray, settle_s: float
) -> int | None:
    """Find the frame next to a reading, of those that were sent while nothing changed."""
    first_ns, last_ns = readings[0].before_ns, readings[-1].after_ns
    before = [c for c in trace.commands if c.after_ns <= first_ns]
    after_ns = [c.before_ns for c in trace.commands if c.before_ns >= last_ns]
    steady_ns = max(
        (c.after_ns + (c.settle_s + settle_s) * 1e9 for c in before), default=trace.begin_ns
    )
    changed_ns = min(after_ns, default=trace.end_ns)
    usable = np.flatnonzero((times >= steady_ns) & (times <= changed_ns))
    if not usable.size:
        return None
    return int(usable[np.argmin(np.abs(times[usable] - 0.5 * (first_ns + last_ns)))])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Side:
    """One limit of a reading, and how the reading stands to it."""

    limit: float  # of the difference from what is due
    measured: Measurement  # with the uncertainty that the meter gives this limit
    budget: Budget
    verdict: Verdict

    @property
    def room(self) -> float:
        """What is left to the limit."""
        return abs(self.limit - self.measured.value) - self.measured.expanded


def _on_curve(look: _Look, wanted: FollowsCells, question: Question, count: int) -> Finding:
    """Judge one reading: both limits follow from the voltage, each with its own uncertainty."""
    due = _curve(wanted, look.mean_v)
    low, high = (_side(look, wanted, due, sign) for sign in (-1, 1))
    verdict = worst((low.verdict, high.verdict))
    near = min((s for s in (low, high) if s.verdict is verdict), key=lambda side: side.room)
    sentence = (
        f"{wanted.message}.{wanted.signal} was {look.told:g} {wanted.unit} with the cells at"
        f" {show(look.mean_v, 'V')}, where {due:.2f} {wanted.unit} are due: off by"
        f" {show_measured(near.measured)}, allowed {low.limit:.2f} to {high.limit:.2f}"
        f" {wanted.unit} (the worst of {count} readings)"
    )
    if verdict is Verdict.INCONCLUSIVE:
        sentence += f"; {why_undecided(near.measured, near.budget, low.limit, high.limit)}"
    return question.measured(
        verdict, sentence, (near.measured, near.budget), (low.limit, high.limit)
    )


def _curve(wanted: FollowsCells, at_v: float) -> float:
    volts, values = zip(*wanted.curve, strict=True)
    return float(np.interp(at_v, volts, values))


def _side(look: _Look, wanted: FollowsCells, due: float, sign: int) -> _Side:
    """Hold a reading against one limit: a flat curve beside a steep one makes them unequal."""
    edge_v = look.mean_v + sign * wanted.accuracy_v
    edge = _curve(wanted, edge_v)
    limit = edge + sign * wanted.accuracy - due
    # The limit may lie nearer or further: what is inside asks for the one, what is not the other.
    towards = sign if sign * (look.told - due - limit) > 0.0 else -sign
    moves = abs(_curve(wanted, edge_v + towards * look.meter_v) - edge)
    row = Row(name="meter", half_width=moves, source="its accuracy, through the curve")
    budget = Budget.of((row,))
    measured = measurement(look.told - due, budget, wanted.unit)
    limits = (limit, math.inf) if sign < 0 else (-math.inf, limit)
    verdict = judge_within(measured, *limits)
    return _Side(limit=limit, measured=measured, budget=budget, verdict=verdict)


def _share(finding: Finding) -> float:
    """Return how near a finding is to its limits: 1 is just allowed."""
    measured, low, high = finding.measurement, finding.low, finding.high
    if measured is None or low is None or high is None:
        return 0.0
    middle, half = 0.5 * (low + high), 0.5 * (high - low)
    return (abs(measured.value - middle) + measured.expanded) / half


def _disorder(looks: list[_Look], wanted: FollowsCells, question: Question) -> Finding | None:
    """Find two readings that were told the wrong way round."""
    if wanted.ordered_from_v is None:
        return None
    for low, high in combinations(sorted(looks, key=lambda look: look.mean_v), 2):
        apart_v = high.mean_v - low.mean_v - low.meter_v - high.meter_v
        if apart_v > wanted.ordered_from_v and high.told < low.told - wanted.accuracy:
            sentence = (
                f"{wanted.message}.{wanted.signal} was {low.told:g} {wanted.unit} at"
                f" {show(low.mean_v, 'V')} and less, {high.told:g} {wanted.unit}, at"
                f" {show(high.mean_v, 'V')}"
            )
            return question.answer(Verdict.FAIL, sentence)
    return None
