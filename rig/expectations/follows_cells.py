"""A CAN signal is what the cells' voltages make of it, at each reading of all cells."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations, pairwise
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from rig.can_address import SignalAddress
from rig.description import Names
from rig.dut.charge import CELL_SUM, REMAINING, claimed, signals_of
from rig.dut.profile import Profile
from rig.expectations.expectation import Around, Expectation, must_be_read
from rig.expectations.words import ENERGY, Figure, Subject, Words, differing, given
from rig.judge.budget import Budget, Row
from rig.judge.measurement import Measurement
from rig.judge.observed import Observed
from rig.judge.rules import NoEvidence, judge_within, measurement, why_undecided, worst
from rig.judge.verdict import Finding, Verdict
from rig.judge.wording import show, show_measured
from rig.quantities import Many
from rig.quantity import Seconds, Volts
from rig.steps.resolver import Resolver
from rig.trace.model import Reading, Trace


class FollowsCellsWords(Words):
    """A reported charge that is what the cells' voltages make of it, at each reading of them."""

    leads: ClassVar[tuple[str, ...]] = ("follows cells",)

    follows_cells: Names
    cells: Annotated[Names | None, Figure(), Field(description="else all")] = None
    curve: Annotated[
        tuple[tuple[float, float], ...] | None,
        Figure(),
        Field(description="V to its unit; this and the next: else as the profile claims"),
    ] = None
    accuracy: Annotated[float | None, Figure()] = None
    accuracy_v: Annotated[Volts | None, Figure("V"), Field(alias="voltage accuracy")] = None
    ordered_from_v: Annotated[
        Volts | Literal["none"] | None, Figure("V"), Field(alias="ordered from")
    ] = None
    settle_s: Annotated[Seconds | None, Figure("s"), Field(alias="settles within")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowsCells(Expectation):
    """At each Read of all cells a CAN signal lies on a curve of their mean voltage.

    `quantity` is the profile's word for it: "soc", "remaining capacity", "cell sum".
    `accuracy` is the signal's, `accuracy_v` that of the voltages it is made from. Two readings
    further apart than `ordered_from_v` must be reported in their order, but for `accuracy`.
    """

    quantity: str
    signal: SignalAddress
    cells: Many
    curve: tuple[tuple[float, float], ...]  # V to the signal's unit, rising, straight between
    accuracy: float
    accuracy_v: float = 0.0
    ordered_from_v: float | None = None  # None: nothing is claimed of it
    unit: str = ""
    settle_s: float = 0.5  # the report must be newer than this after the last change
    kind: Literal["follows cells"] = "follows cells"
    means: ClassVar[str] = "CAN and meter"
    subject: ClassVar[Subject] = ENERGY
    words: ClassVar[type[Words]] = FollowsCellsWords

    @classmethod
    def read(cls, name: str, content: FollowsCellsWords, names: Resolver) -> Iterator[Expectation]:
        for word in content.follows_cells:
            if names.known(word, signals_of(names.profile), "reported charge or health"):
                yield replace(follows(names.profile, word), **given(content))

    def written(self, profile: Profile) -> tuple[str, dict[str, Any]]:
        usual = follows(profile, self.quantity)
        return ENERGY.name, {"follows cells": [self.quantity]} | differing(self.words, self, usual)

    def check(self, names: Resolver) -> None:
        Expectation.check(self, names)
        for cell in self.cells:
            must_be_read(cell, names)

    def answers(self, around: Around) -> Iterator[str]:
        del around
        yield f"energy/{self.quantity}/of the cells"

    def looks_at(self) -> tuple[str, ...]:
        return self.cells

    def sentence(self) -> str:
        voltages = f", beyond ± {show(self.accuracy_v, 'V')} of it" if self.accuracy_v else ""
        accuracy = f"{self.accuracy:g} {self.unit}".rstrip()
        return f"{self.signal} follows the mean of the cells to ± {accuracy}{voltages}"

    def judge(self, observed: Observed) -> Finding:
        """Judge every reading of the cells against the curve, and their order; the worst stands."""
        observed.must_have_listened(self.signal.bus)
        looks = _looks(observed, self)
        findings = [_on_curve(look, self, len(looks)) for look in looks]
        verdict = worst(finding.verdict for finding in findings)
        if verdict is Verdict.PASS and (disorder := _disorder(looks, self)):
            return disorder
        return max((f for f in findings if f.verdict is verdict), key=_share)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """One reading of all cells, and what was reported of it."""

    mean_v: float
    meter_v: float  # half-width
    reported: float


def _looks(observed: Observed, wanted: FollowsCells) -> list[_Look]:
    trace = observed.trace
    times, values = observed.signal(wanted.signal)
    by_cell = [observed.readings(cell) for cell in wanted.cells]
    rounds = list(zip(*by_cell, strict=False))
    if not rounds or len({len(readings) for readings in by_cell}) > 1:
        raise NoEvidence("the cells were not all read by a meter, as often as each other")
    found = []
    for readings in rounds:
        at = _told_meanwhile(trace, readings, times, wanted.settle_s)
        if at is None:
            raise NoEvidence(
                f"no {wanted.signal.message} came while the cells stood still at a reading"
            )
        mean_v = float(np.mean([r.value for r in readings]))
        meter_v = float(np.mean([r.accuracy for r in readings]))
        found.append(_Look(mean_v=mean_v, meter_v=meter_v, reported=float(values[at])))
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


def _on_curve(look: _Look, wanted: FollowsCells, count: int) -> Finding:
    """Judge one reading: both limits follow from the voltage, each with its own uncertainty."""
    due = _curve(wanted, look.mean_v)
    low, high = (_side(look, wanted, due, sign) for sign in (-1, 1))
    verdict = worst((low.verdict, high.verdict))
    near = min((s for s in (low, high) if s.verdict is verdict), key=lambda side: side.room)
    sentence = (
        f"{wanted.signal} was {look.reported:g} {wanted.unit} with the cells at"
        f" {show(look.mean_v, 'V')}, where {due:.2f} {wanted.unit} are due: off by"
        f" {show_measured(near.measured)}, allowed {low.limit:.2f} to {high.limit:.2f}"
        f" {wanted.unit} (the worst of {count} readings)"
    )
    if verdict is Verdict.INCONCLUSIVE:
        sentence += f"; {why_undecided(near.measured, near.budget, low.limit, high.limit)}"
    return wanted.question.measured(
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
    towards = sign if sign * (look.reported - due - limit) > 0.0 else -sign
    moves = abs(_curve(wanted, edge_v + towards * look.meter_v) - edge)
    row = Row(name="meter", half_width=moves, source="its accuracy, through the curve")
    budget = Budget.of((row,))
    measured = measurement(look.reported - due, budget, wanted.unit)
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


def _disorder(looks: list[_Look], wanted: FollowsCells) -> Finding | None:
    """Find two readings that were reported the wrong way round."""
    if wanted.ordered_from_v is None:
        return None
    for low, high in combinations(sorted(looks, key=lambda look: look.mean_v), 2):
        apart_v = high.mean_v - low.mean_v - low.meter_v - high.meter_v
        if apart_v > wanted.ordered_from_v and high.reported < low.reported - wanted.accuracy:
            sentence = (
                f"{wanted.signal} was {low.reported:g} {wanted.unit} at"
                f" {show(low.mean_v, 'V')} and less, {high.reported:g} {wanted.unit}, at"
                f" {show(high.mean_v, 'V')}"
            )
            return wanted.question.failed(sentence)
    return None


# ---- as a profile claims it -------------------------------------------------------------------
def follows(profile: Profile, name: str) -> FollowsCells:
    """Expect that a quantity is what the cells' voltages make of it, at rest after a start."""
    energy, capacity_ah, factor = claimed(profile)
    charge = energy.state_of_charge
    accuracy, accuracy_v = charge.accuracy / factor, _cell_accuracy_v(profile)
    curve = tuple((volts, soc / factor) for volts, soc in charge.curve)
    unit, ordered_from_v, settle_s = "%", charge.ordered_from_v, _SETTLE_S
    if name == REMAINING and energy.remaining_capacity is not None:
        remaining = energy.remaining_capacity
        curve, unit = _above(charge.curve, capacity_ah, remaining.reserve_ah), "Ah"
        accuracy = charge.accuracy * capacity_ah + remaining.accuracy_ah
    elif name == CELL_SUM and energy.cell_sum is not None:
        count, top_v = profile.cells.count, profile.limits.cell_v.high
        curve, unit = ((0.0, 0.0), (top_v, count * top_v)), "V"
        accuracy, accuracy_v, ordered_from_v = energy.cell_sum.accuracy_v, 0.0, None
        settle_s = energy.cell_sum.settles_s
    return FollowsCells(
        quantity=name,
        signal=signals_of(profile)[name],
        cells=profile.cell_names,
        curve=curve,
        accuracy=accuracy,
        accuracy_v=accuracy_v,
        ordered_from_v=ordered_from_v,
        unit=unit,
        settle_s=settle_s,
    )


_SETTLE_S = 0.0  # a start is what settles it: the steps wait for that


def _cell_accuracy_v(profile: Profile) -> float:
    """Accuracy of what the state of charge is made from."""
    report = profile.telemetry.cell_voltage
    return report.accuracy if report and report.accuracy else 0.0


def _above(
    curve: tuple[tuple[float, float], ...], capacity_ah: float, reserve_ah: float
) -> tuple[tuple[float, float], ...]:
    """Turn a curve of the state of charge into one of the charge above a reserve, in Ah."""
    points = [(volts, soc * capacity_ah - reserve_ah) for volts, soc in curve]
    made: list[tuple[float, float]] = []
    for (low_v, low_ah), (high_v, high_ah) in pairwise(points):
        made.append((low_v, max(low_ah, 0.0)))
        if low_ah < 0.0 < high_ah:  # the bend, where the reserve begins
            made.append((low_v - low_ah * (high_v - low_v) / (high_ah - low_ah), 0.0))
    last_v, last_ah = points[-1]
    return (*made, (last_v, max(last_ah, 0.0)))
