"""Whether what the BMS reports of a quantity agrees with the meter. Must not judge times.

The report counts that is nearest to the reading among those that were sent while the quantity stood
still: later than `settle_s` after the last command before the reading, earlier than the next one.
Where it stood still for so long that a report was due, none is a failure; a reading taken while
things moved, or the BMS was off, has none to be held against.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from rig.can_address import SignalAddress
from rig.description import Names, suggest
from rig.dut.profile import Profile, Report
from rig.expectations.expectation import Around, Expectation, must_be_read
from rig.expectations.subjects import CONSOLE, TELEMETRY, Subject
from rig.expectations.words import Words, differing, given
from rig.judge.budget import Budget, Row
from rig.judge.can_signals import SILENCE, due_every_ns
from rig.judge.listening import must_have_listened
from rig.judge.observed import Observed
from rig.judge.rules import (
    NoEvidence,
    Question,
    judge_within,
    measurement,
    why_undecided,
    worst,
)
from rig.judge.stillness import Stillness
from rig.judge.verdict import Finding, Verdict
from rig.judge.wording import show, show_measured
from rig.quantities import kind_of, number_of
from rig.quantity import Seconds
from rig.steps.resolver import Resolver
from rig.trace.model import SENT, Reading, Trace

# Figures that may differ from the profile's, with their words and units.
_FIGURES = {
    "accuracy": ("accuracy", ""),
    "relative": ("relative", ""),
    "factor": ("factor", ""),
    "settle_s": ("settles within", "s"),
}


class TelemetryAgreesWords(Words):
    """What the BMS reports of quantities, against a meter that a step read: has read."""

    leads: ClassVar[tuple[str, ...]] = ("agrees",)

    agrees: Names
    by: Annotated[
        str | None, Field(description="which report of it: console, or Message.Signal")
    ] = None
    accuracy: Annotated[
        float | None, Field(description="SI; this and the next: else as the profile promises it")
    ] = None
    relative: float | None = None  # a part: 0.01 is 1 %
    factor: float | None = None
    settle_s: Annotated[Seconds | None, Field(alias="settles within")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TelemetryAgrees(Expectation):
    """What the BMS reports of a quantity agrees with the meter, at every Read of it.

    Source of the report: a CAN `signal` or a console line (`pattern` with one
    group, a number in SI units after multiplying by `factor`).
    """

    quantity: str
    accuracy: float
    relative: float = 0.0  # of the reading, added to accuracy
    unit: str = ""
    signal: SignalAddress | None = None
    pattern: str | None = None
    factor: float = 1.0
    settle_s: float = 0.5  # the report must be newer than this after the last change
    kind: Literal["telemetry"] = "telemetry"
    subject: ClassVar[Subject] = TELEMETRY
    words: ClassVar[type[Words]] = TelemetryAgreesWords

    @classmethod
    def read(
        cls, name: str, content: TelemetryAgreesWords, names: Resolver
    ) -> Iterator[Expectation]:
        for quantity in content.agrees:
            usual = _reported(quantity, content.by, names)
            if usual is not None:
                yield replace(usual, **given(content, _FIGURES))

    def written(self, profile: Profile) -> tuple[str, dict[str, Any]]:
        words = {"agrees": [self.quantity], "by": self.teller}
        usual = _tellers(profile, self.quantity, self.teller).get(self.teller, self)
        return TELEMETRY.name, words | differing(self, usual, _FIGURES)

    @property
    def teller(self) -> str:
        """Who reports it: "console", or "Message.Signal"."""
        return str(self.signal or CONSOLE.name)

    def check(self, names: Resolver) -> None:
        Expectation.check(self, names)
        must_be_read(self.quantity, names)

    @property
    def means(self) -> str:
        """How it is looked at."""
        return "console and meter" if self.signal is None else "CAN and meter"

    def answers(self, around: Around) -> Iterator[str]:
        report = _report(around.profile, self.quantity, self.teller)
        reports = around.profile.telemetry.reports()
        name = next((name for name, r in reports.items() if r is report), None)
        also = report is not None and self.pattern is not None and report.console is None
        yield f"telemetry/{name}{'/also on console' if also else ''}@{self.quantity}"

    def sentence(self) -> str:
        source = self.signal or f"/{self.pattern}/"
        relative = f" ± {self.relative * 100:g} %" if self.relative else ""
        accuracy = show(self.accuracy, self.unit)
        return f"{source} agrees with the meter's {self.quantity} to ± {accuracy}{relative}"

    def judge(self, observed: Observed) -> Finding:
        """Judge every reading of the quantity; the worst stands for all."""
        trace = observed.trace
        reports = _reports(observed, self)
        readings = observed.readings(self.quantity)
        if not readings:
            raise NoEvidence(f"{self.quantity} was never read by a meter, or it gave no number")
        must_have_listened(trace, reports.link)
        found = [_compared(observed.stillness, self, reports, reading) for reading in readings]
        compared = [comparison for comparison in found if comparison is not None]
        finding = _judged(self, compared, len(readings)) if compared else None
        if finding is not None and finding.verdict is Verdict.FAIL:
            return finding
        unreported = [reading for reading, its in zip(readings, found, strict=True) if its is None]
        missing = _missing(observed, self, reports, unreported)
        return missing or finding or _no_report(trace, self.question, reports, readings)


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


def _judged(wanted: TelemetryAgrees, compared: list[_Comparison], readings: int) -> Finding:
    """Return the finding on the worst comparison."""
    for comparison in compared:
        if not math.isfinite(comparison.reported):
            read = show(comparison.reading.value, comparison.reading.unit)
            sentence = f"the BMS reported no number where the meter read {read}"
            return wanted.question.answer(Verdict.FAIL, sentence)
    verdict = worst(comparison.verdict for comparison in compared)
    deciding = max(
        (c for c in compared if c.verdict is verdict), key=lambda comparison: comparison.share
    )
    count = f"{len(compared)} of {readings}" if len(compared) < readings else f"{readings}"
    return _finding(wanted, deciding, verdict, count)


def _finding(
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
    return wanted.question.measured(verdict, sentence, (measured, budget), (low, high))


def _reports(observed: Observed, wanted: TelemetryAgrees) -> _Reports:
    if wanted.signal is not None:
        times, values = observed.signal(wanted.signal)
        period_ns = due_every_ns(observed, wanted.signal, times)
        return _Reports(times=times, values=values * wanted.factor, link="can", period_ns=period_ns)
    if wanted.pattern is None:
        raise NoEvidence(f"the plan names no signal and no console line for {wanted.quantity}")
    pattern = re.compile(wanted.pattern)
    found = [(ln.time_ns, m) for ln in observed.trace.lines if (m := ln.search(pattern))]
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
    stillness: Stillness, wanted: TelemetryAgrees, reports: _Reports, reading: Reading
) -> _Comparison | None:
    """Return the reading with its report, None where none was sent while all stood still."""
    begin_ns, end_ns = _still_around(stillness, wanted, reports, reading)
    usable = np.flatnonzero((reports.times >= begin_ns) & (reports.times <= end_ns))
    if not usable.size:
        return None
    middle_ns = 0.5 * (reading.before_ns + reading.after_ns)
    nearest = usable[np.argmin(np.abs(reports.times[usable] - middle_ns))]
    limit = wanted.accuracy + wanted.relative * abs(reading.value)
    return _Comparison(reading=reading, reported=float(reports.values[nearest]), limit=limit)


def _still_around(
    stillness: Stillness, wanted: TelemetryAgrees, reports: _Reports, reading: Reading
) -> tuple[float, float]:
    """Return when all stood still around a reading, and a report would have been its own.

    The end lies before the begin where nothing stood still.
    """
    steady_ns, changed_ns = stillness.around(reading.before_ns, wanted.settle_s)
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
    observed: Observed,
    wanted: TelemetryAgrees,
    reports: _Reports,
    unreported: list[Reading],
) -> Finding | None:
    """Judge readings without a report though it was due: the BMS's fault if its link was alive."""
    trace, period_ns = observed.trace, reports.period_ns
    if period_ns is None:
        return None
    silent: list[Reading] = []
    for reading in unreported:
        begin_ns, end_ns = _still_around(observed.stillness, wanted, reports, reading)
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
            return wanted.question.answer(Verdict.FAIL, sentence)
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
    trace: Trace, question: Question, reports: _Reports, readings: Sequence[Reading]
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


# ---- as a profile promises it -------------------------------------------------------------------
def agrees(report: Report, number: int | None, quantity: str) -> list[TelemetryAgrees]:
    """Expect a report to agree with the meter wherever it is told, the profile's own first."""
    first = TelemetryAgrees(
        quantity=quantity,
        accuracy=report.accuracy or 0.0,
        relative=report.relative,
        unit=report.unit,
        signal=report.signal_for(number),
        pattern=report.pattern_for(number),
        factor=report.factor,
        settle_s=report.settles_s,
    )
    also = report.also_for(number)
    if also is None:
        return [first]
    return [first, replace(first, signal=None, pattern=also, factor=1.0)]


def _reported(quantity: str, by: str | None, names: Resolver) -> TelemetryAgrees | None:
    """Expect what the profile promises of a report: of the one named, else of its own."""
    kind, _ = _report_of(quantity)
    report = _report(names.profile, quantity, by)
    if report is None:
        what = f'the profile has no report of "{quantity}"'
        names.refuse(what, suggest(kind, names.profile.telemetry.reports(), "it reports"))
        return None
    if report.accuracy is None:
        what = f'the profile promises no accuracy of "{quantity}"'
        names.refuse(what, "remove it, or add accuracy to its telemetry")
        return None
    tellers = _tellers(names.profile, quantity, by)
    if by is not None and by not in tellers:
        names.at("by").refuse(f"{quantity} is not told by {by}", suggest(by, tellers))
    return next(iter(tellers.values())) if by is None else tellers.get(by)


def _tellers(profile: Profile, quantity: str, by: str | None) -> dict[str, TelemetryAgrees]:
    """Give what is promised of a quantity by who reports it, the profile's own first."""
    report, (_, number) = _report(profile, quantity, by), _report_of(quantity)
    return {told.teller: told for told in agrees(report, number, quantity)} if report else {}


def _report(profile: Profile, quantity: str, by: str | None) -> Report | None:
    """Find the report of a quantity, or of the lowest or highest where that is named."""
    reports, kind = profile.telemetry.reports(), kind_of(quantity)
    word = kind.word if kind else quantity
    extremes = (reports.get(f"{end} {word}") for end in ("lowest", "highest"))
    named = (r for r in extremes if r and by == r.signal_for())
    return next(named, None) or reports.get(_report_of(quantity)[0])


def _report_of(quantity: str) -> tuple[str, int | None]:
    """Name what reports a quantity: "cell 3" by "cell voltage", 3."""
    kind = kind_of(quantity)
    return kind.name if kind else quantity, number_of(quantity)
