"""Whether what the BMS reports of a quantity agrees with the meter. Must not judge times.

The report counts that is nearest to the reading among those that were sent while the quantity stood
still: later than `settle_s` after the last command before the reading, earlier than the next one.
Where it stood still for so long that a report was due, none is a failure; a reading taken while
things moved, or the BMS was off, has none to be held against.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rig.case import Case
from rig.expectations.telemetry_agrees import TelemetryAgrees
from rig.judge.budget import Budget, Row
from rig.judge.can_signals import SILENCE, due_every_ns
from rig.judge.decoder import Decoder
from rig.judge.instants import readings_of
from rig.judge.listening import must_have_listened
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
from rig.trace.model import SENT, Reading, Trace


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reports:
    """What the BMS said of the quantity."""

    times: NDArray[np.int64]  # (n,)
    values: NDArray[np.float64]  # (n,)
    link: str
    period_ns: float | None  # None: nothing says how often one is due


@dataclass(frozen=True, slots=True, kw_only=True)
class _Comparison:
    """One reading beside the report that belongs to it."""

    reading: Reading
    reported: float
    limit: float

    @property
    def difference(self) -> float:
        return self.reported - self.reading.value

    @property
    def budget(self) -> Budget:
        meter = Row(
            name="meter",
            half_width=self.reading.accuracy,
            source=f"{self.reading.instrument}: data sheet or certificate",
        )
        return Budget.of((meter,))

    @property
    def verdict(self) -> Verdict:
        measured = measurement(self.difference, self.budget, self.reading.unit)
        return judge_within(measured, -self.limit, self.limit)

    @property
    def share(self) -> float:
        """How much of the limit is used: 1 is just allowed."""
        return (abs(self.difference) + self.budget.expanded) / self.limit


def judge_telemetry(
    case: Case, trace: Trace, wanted: TelemetryAgrees, question: Question, decode: Decoder
) -> Finding:
    """Judge every reading of the quantity; the worst stands for all."""
    reports = _reports(case, trace, wanted, decode)
    readings = readings_of(trace, wanted.quantity)
    if not readings:
        raise NoEvidence(f"{wanted.quantity} was never read by a meter, or it gave no number")
    must_have_listened(trace, reports.link)
    found = [_compared(trace, wanted, reports, reading) for reading in readings]
    compared = [comparison for comparison in found if comparison is not None]
    finding = _judged(question, wanted, compared, len(readings)) if compared else None
    if finding is not None and finding.verdict is Verdict.FAIL:
        return finding
    unreported = [reading for reading, its in zip(readings, found, strict=True) if its is None]
    missing = _missing(trace, wanted, question, reports, unreported)
    return missing or finding or _no_report(trace, question, reports, readings)


def _judged(
    question: Question, wanted: TelemetryAgrees, compared: list[_Comparison], readings: int
) -> Finding:
    """Return the finding on the worst comparison."""
    for comparison in compared:
        if not math.isfinite(comparison.reported):
            read = show(comparison.reading.value, comparison.reading.unit)
            sentence = f"the BMS reported no number where the meter read {read}"
            return question.answer(Verdict.FAIL, sentence)
    verdict = worst(comparison.verdict for comparison in compared)
    deciding = max(
        (c for c in compared if c.verdict is verdict), key=lambda comparison: comparison.share
    )
    count = f"{len(compared)} of {readings}" if len(compared) < readings else f"{readings}"
    return _finding(question, wanted, deciding, verdict, count)


def _finding(
    question: Question,
    wanted: TelemetryAgrees,
    deciding: _Comparison,
    verdict: Verdict,
    count: str,
) -> Finding:
    unit = wanted.unit or deciding.reading.unit
    budget = deciding.budget
    measured = measurement(deciding.difference, budget, unit)
    low, high = -deciding.limit, deciding.limit
    sentence = (
        f"the BMS reported {show(deciding.reported, unit)} where the meter read"
        f" {show(deciding.reading.value, unit)}: off by {show_measured(measured)},"
        f" allowed ± {show(deciding.limit, unit)} (the worst of {count} readings)"
    )
    if verdict is Verdict.INCONCLUSIVE:
        sentence += f"; {why_undecided(measured, budget, low, high)}"
    return question.measured(verdict, sentence, (measured, budget), (low, high))


def _reports(case: Case, trace: Trace, wanted: TelemetryAgrees, decode: Decoder) -> _Reports:
    if wanted.message is not None and wanted.signal is not None:
        times, values = decode(trace.frames, wanted.message, wanted.signal)
        period_ns = due_every_ns(case, trace, wanted.message, times, decode)
        return _Reports(times=times, values=values * wanted.factor, link="can", period_ns=period_ns)
    if wanted.pattern is None:
        raise NoEvidence(f"the plan names no signal and no console line for {wanted.quantity}")
    pattern = re.compile(wanted.pattern)
    found = [(ln.time_ns, m) for ln in trace.lines if (m := ln.search(pattern))]
    times = np.array([time_ns for time_ns, _ in found], np.int64)
    return _Reports(
        times=times,
        values=np.array([_number(match.group(1)) for _, match in found]) * wanted.factor,
        link="console",
        period_ns=float(np.median(np.diff(times))) if times.size > 1 else None,
    )


def _number(text: str) -> float:
    """Read what a console says; a word in place of a number ("nan", "--") is none."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def _compared(
    trace: Trace, wanted: TelemetryAgrees, reports: _Reports, reading: Reading
) -> _Comparison | None:
    """Return the reading with its report, None where none was sent while all stood still."""
    begin_ns, end_ns = _still_around(trace, wanted, reports, reading)
    usable = np.flatnonzero((reports.times >= begin_ns) & (reports.times <= end_ns))
    if not usable.size:
        return None
    middle_ns = 0.5 * (reading.before_ns + reading.after_ns)
    nearest = usable[np.argmin(np.abs(reports.times[usable] - middle_ns))]
    limit = wanted.accuracy + wanted.relative * abs(reading.value)
    return _Comparison(reading=reading, reported=float(reports.values[nearest]), limit=limit)


def _still_around(
    trace: Trace, wanted: TelemetryAgrees, reports: _Reports, reading: Reading
) -> tuple[float, float]:
    """Return when all stood still around a reading, and a report would have been its own.

    The end lies before the begin where nothing stood still.
    """
    steady_ns = max(
        (c.after_ns + (c.settle_s + wanted.settle_s) * 1e9 for c in trace.commands
         if c.after_ns <= reading.before_ns),
        default=float(trace.begin_ns),
    )  # fmt: skip
    changed_ns = min(
        (c.before_ns for c in trace.commands if c.after_ns > reading.before_ns),
        default=trace.end_ns,
    )
    if reading.before_ns > changed_ns:
        return steady_ns, -math.inf
    if reports.period_ns is None:
        return steady_ns, changed_ns
    silence_ns = SILENCE * reports.period_ns
    return (
        max(steady_ns, reading.before_ns - silence_ns),
        min(changed_ns, max(steady_ns, reading.after_ns) + silence_ns),
    )


def _missing(
    trace: Trace,
    wanted: TelemetryAgrees,
    question: Question,
    reports: _Reports,
    unreported: list[Reading],
) -> Finding | None:
    """Judge readings without a report though it was due: the BMS's fault if its link was alive."""
    period_ns = reports.period_ns
    if period_ns is None:
        return None
    silent: list[Reading] = []
    for reading in unreported:
        begin_ns, end_ns = _still_around(trace, wanted, reports, reading)
        if end_ns - begin_ns < SILENCE * period_ns or _is_off(trace, reading):
            continue
        silent.append(reading)
        if others := _others(trace, reports.link, begin_ns, end_ns):
            read, span_s = show(reading.value, reading.unit), (end_ns - begin_ns) * 1e-9
            sentence = (
                f"the BMS reported nothing of it in {show(span_s, 's')} around where the meter read"
                f" {read}, though it reports every {show(period_ns * 1e-9, 's')} ({others} other"
                f" messages came on its {reports.link} link meanwhile)"
            )
            return question.answer(Verdict.FAIL, sentence)
    if silent:
        raise NoEvidence(
            f"nothing at all came on the {reports.link} link around {len(silent)} of the readings"
        )
    return None


def _is_off(trace: Trace, reading: Reading) -> bool:
    """Tell whether the BMS's own supply was commanded off."""
    given = [c.value for c in trace.commands if c.quantity == "supply"
             and c.before_ns <= reading.after_ns]  # fmt: skip
    return bool(given) and given[-1] == 0.0


def _others(trace: Trace, link: str, begin_ns: float, end_ns: float) -> int:
    """Count what else the BMS said meanwhile."""
    if link == "console":
        return sum(begin_ns <= line.time_ns <= end_ns for line in trace.lines)
    frames = trace.frames
    inside = (frames.time_ns >= begin_ns) & (frames.time_ns <= end_ns)
    return int((inside & (frames.flags & SENT == 0)).sum())


def _no_report(
    trace: Trace, question: Question, reports: _Reports, readings: list[Reading]
) -> Finding:
    """Judge that the BMS never reported: its fault if its link was alive."""
    received = trace.links[reports.link].received
    if reports.times.size == 0 and received:
        sentence = (
            f"the BMS reported nothing of it ({received} other messages came on its"
            f" {reports.link} link), with {len(readings)} readings to compare"
        )
        return question.answer(Verdict.FAIL, sentence)
    if reports.times.size == 0:
        raise NoEvidence(f"nothing at all came on the {reports.link} link")
    raise NoEvidence(
        f"no report was sent while a reading held still ({reports.times.size} reports,"
        f" {len(readings)} readings); hold longer around each Read"
    )
