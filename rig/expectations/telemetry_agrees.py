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
from rig.expectations.words import CONSOLE, TELEMETRY, Figure, Subject, Words, differing, given
from rig.judge.budget import Budget, Row, expanded_of_rectangles
from rig.judge.can_signals import SILENCE, due_every_ns
from rig.judge.elements import FAIL, PASS, Codes, answered, code_of, codes_within, worst_of
from rig.judge.observed import Observed
from rig.judge.rules import NoEvidence, measurement
from rig.judge.series import Readings, Reports
from rig.judge.verdict import Finding
from rig.judge.wording import show, show_measured
from rig.quantities import each, kind_of, number_of, numbered, together
from rig.quantity import Seconds
from rig.steps.resolver import Resolver
from rig.trace.model import SENT, Reading, Trace


class TelemetryAgreesWords(Words):
    """What the BMS reports of quantities, against a meter that a step read: has read."""

    leads: ClassVar[tuple[str, ...]] = ("agrees",)

    agrees: Names
    by: Annotated[
        str | None, Field(description="which report of it: console, or Message.Signal")
    ] = None
    accuracy: Annotated[
        float | None,
        Figure(),
        Field(description="SI; this and the next: else as the profile claims it"),
    ] = None
    relative: Annotated[float | None, Figure()] = None  # a part: 0.01 is 1 %
    factor: Annotated[float | None, Figure()] = None
    settle_s: Annotated[Seconds | None, Figure("s"), Field(alias="settles within")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TelemetryAgrees(Expectation):
    """What the BMS reports of a quantity, or of many, agrees with the meter at every Read of it.

    Source of the report: a CAN `signal` or a console line (`pattern` with one group, a number in
    SI units after multiplying by `factor`). Of many quantities ("cells 1 to 16") these hold {n} for
    the number of each, as in a profile.
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
        for word in content.agrees:
            usual = _reported(together(names.all_of(word)), content.by, names)
            if usual is not None:
                yield replace(usual, **given(content))

    def written(self, profile: Profile) -> tuple[str, dict[str, Any]]:
        words = {"agrees": [self.quantity], "by": self.teller}
        usual = _tellers(profile, self.quantity, self.teller).get(self.teller, self)
        return TELEMETRY.name, words | differing(self.words, self, usual)

    @property
    def teller(self) -> str:
        """Who reports it: "console", or "Message.Signal"."""
        return str(self.signal or CONSOLE.name)

    def check(self, names: Resolver) -> None:
        Expectation.check(self, names)
        for quantity in each(self.quantity):
            must_be_read(quantity, names)

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

    def signals_named(self) -> Iterator[tuple[str, float | None]]:
        for quantity in each(self.quantity):
            yield from Expectation.signals_named(self.of(quantity))

    def looks_at(self) -> tuple[str, ...]:
        return each(self.quantity)

    def of(self, quantity: str) -> TelemetryAgrees:
        """Give what is expected of one of the quantities."""
        number = number_of(quantity)

        if number is None:
            return replace(self, quantity=quantity)
        return replace(
            self,
            quantity=quantity,
            signal=self.signal and SignalAddress(numbered(self.signal, number)),
            pattern=self.pattern and numbered(self.pattern, number),
        )

    def sentence(self) -> str:
        source = self.signal or f"/{self.pattern}/"
        relative = f" ± {self.relative * 100:g} %" if self.relative else ""
        accuracy = show(self.accuracy, self.unit)
        return f"{source} agrees with the meter's {self.quantity} to ± {accuracy}{relative}"

    def judge(self, observed: Observed) -> Finding:
        """Judge every reading of each quantity; the worst stands for all."""
        ones = [self.of(quantity) for quantity in each(self.quantity)]
        reports = _reported_of(observed, ones)
        readings = observed.read([one.quantity for one in ones])
        if not readings.of:
            raise NoEvidence(f"{self.quantity} was never read by a meter, or it gave no number")
        observed.must_have_listened(reports.link)
        looks = _Looks(self, observed, reports, readings)
        rows, codes = looks.deciding(len(ones))
        unsettled = {
            at: found for at in looks.unsettled(codes) if (found := looks.missing(ones[at], at))
        }
        for at, found in unsettled.items():
            codes[at], rows[at] = code_of(found.verdict), -1

        def finding(at: int) -> Finding:
            return unsettled.get(at) or looks.finding(ones[at], int(rows[at]))

        reported = (rows >= 0) & np.isfinite(looks.difference[rows])

        def of(column: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.where(reported, column[rows], np.nan)

        return worst_of(
            self.question,
            self.quantity,
            codes,
            of(looks.share),
            finding,
            label=(lambda at: f"{ones[at].quantity} ({ones[at].teller})") if self.signal else None,
            values=of(looks.difference),
            expanded=of(looks.expanded),
            low=of(-looks.limit),
            high=of(looks.limit),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reported:
    """What the BMS said of the quantities."""

    series: Reports
    link: str
    period_ns: NDArray[np.float64]  # (n,); NaN: nothing says how often one is due


class _Looks:
    """All readings, each beside the report that belongs to it: columns of m readings."""

    def __init__(
        self, wanted: TelemetryAgrees, observed: Observed, reports: _Reported, readings: Readings
    ) -> None:
        self._trace, self._reports, self._readings = observed.trace, reports, readings
        self._unit = wanted.unit or readings.of[0].unit
        self.begin_ns, self.end_ns = _still_around(observed, wanted, reports, readings)
        middle_ns = 0.5 * (readings.before_ns + readings.after_ns).astype(np.float64)
        self.report = reports.series.nearest(  # its row; -1: none came while all stood still
            readings.which, middle_ns, self.begin_ns, self.end_ns
        )
        values = np.append(reports.series.values, np.nan)  # the last one for -1
        self.reported = values[self.report]
        self.difference = self.reported - readings.values
        self.limit = wanted.accuracy + wanted.relative * np.abs(readings.values)
        self.expanded = expanded_of_rectangles(readings.accuracy)
        reach = np.abs(self.difference) + self.expanded
        share = np.divide(reach, self.limit, out=np.full_like(reach, np.inf), where=self.limit > 0)
        self.share = np.where(np.isnan(share), np.inf, share)  # of the limit: 1 is just allowed

    def deciding(self, count: int) -> tuple[NDArray[np.intp], Codes]:
        """Give the worst reading of each quantity, shape (count,), -1 where none; its verdict."""
        has = np.flatnonzero(self.report >= 0)
        which = self._readings.which[has]
        codes = np.full(has.size, FAIL)  # a report that is no number
        reported = np.isfinite(self.difference[has])
        at = has[reported]
        codes[reported] = codes_within(
            self.difference[at], self.expanded[at], -self.limit[at], self.limit[at]
        )
        order = np.lexsort((-self.share[has], codes, which))
        of, first = np.unique(which[order], return_index=True)
        rows, worst = np.full(count, -1), np.full(count, PASS)
        rows[of], worst[of] = has[order][first], codes[order][first]
        return rows, worst

    def unsettled(self, codes: Codes) -> list[int]:
        """Name the quantities of which a report may be missing, and none that came is wrong."""
        which, has = self._readings.which, self.report >= 0
        looked = np.bincount(which[has], minlength=codes.size) > 0
        late = np.bincount(which[self._due], minlength=codes.size) > 0
        return np.flatnonzero((late | ~looked) & (codes != FAIL)).tolist()

    @property
    def _due(self) -> NDArray[np.bool_]:
        """Whether a reading has no report though it stood still for so long that one was due."""
        period_ns = self._reports.period_ns[self._readings.which]
        return (self.report < 0) & (self.end_ns - self.begin_ns >= SILENCE * period_ns)

    def missing(self, one: TelemetryAgrees, at: int) -> Finding | None:
        """Judge reports of a quantity that did not come; None: none was surely due."""
        return answered(one.question, lambda: self._missing(one, at))

    def _missing(self, one: TelemetryAgrees, at: int) -> Finding | None:
        own = self._readings.which == at
        if not own.any():
            raise NoEvidence(f"{one.quantity} was never read by a meter, or it gave no number")
        late = self._late(one, at, np.flatnonzero(own & self._due))
        if late is not None or (self.report[own] >= 0).any():
            return late
        times_ns, _ = self._reports.series.part(at)
        return _no_report(self._trace, one, (self._reports.link, times_ns.size), int(own.sum()))

    def _late(self, one: TelemetryAgrees, at: int, rows: NDArray[np.intp]) -> Finding | None:
        """Judge readings without a report: the BMS's fault if its link was alive."""
        silent, link = 0, self._reports.link
        for row in rows:
            begin_ns, end_ns, reading = self.begin_ns[row], self.end_ns[row], self._readings.of[row]
            if _is_off(self._trace, reading):
                continue
            silent += 1
            if others := _others(self._trace, link, begin_ns, end_ns):
                read, span_s = show(reading.value, reading.unit), (end_ns - begin_ns) * 1e-9
                every = show(self._reports.period_ns[at] * 1e-9, "s")
                sentence = (
                    f"the BMS reported nothing of it in {show(span_s, 's')} around where the meter"
                    f" read {read}, though it reports every {every} ({others} other"
                    f" messages came on its {link} link meanwhile)"
                )
                return one.question.failed(sentence)
        if silent:
            what = f"nothing at all came on the {link} link around {silent} of the readings"
            raise NoEvidence(what)
        return None

    def finding(self, one: TelemetryAgrees, row: int) -> Finding:
        """Return the finding on a quantity, by its worst reading."""
        reading, unit = self._readings.of[row], self._unit
        read = show(reading.value, unit)
        if not math.isfinite(self.reported[row]):
            sentence = f"the BMS reported no number where the meter read {read}"
            return one.question.failed(sentence)
        source = f"{reading.instrument}: data sheet or certificate"
        budget = Budget.of((Row(name="meter", half_width=reading.accuracy, source=source),))
        measured = measurement(float(self.difference[row]), budget, unit)
        most = float(self.limit[row])
        own = self.report[self._readings.which == self._readings.which[row]]
        compared, count = int((own >= 0).sum()), own.size
        of = f"{compared} of {count}" if compared < count else f"{count}"
        sentence = (
            f"the BMS reported {show(float(self.reported[row]), unit)} where the meter read"
            f" {read}: off by {show_measured(measured)},"
            f" allowed ± {show(most, unit)} (the worst of {of} readings)"
        )
        return one.question.within(sentence, (measured, budget), (-most, most))


def _reported_of(observed: Observed, ones: Sequence[TelemetryAgrees]) -> _Reported:
    signals = [one.signal for one in ones if one.signal is not None]
    if signals:
        parts = [observed.signal(signal) for signal in signals]
        reported = zip(signals, parts, strict=True)
        every = (due_every_ns(observed, signal, times) for signal, (times, _) in reported)
        link = signals[0].bus
    else:
        parts = [_printed(observed.trace, one) for one in ones]
        every = (float(np.median(np.diff(t))) if t.size > 1 else None for t, _ in parts)
        link = CONSOLE.name
    series = Reports.of([(times, values * ones[0].factor) for times, values in parts])
    period_ns = np.array([np.nan if ns is None else ns for ns in every])
    return _Reported(series=series, link=link, period_ns=period_ns)


def _printed(trace: Trace, one: TelemetryAgrees) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    if one.pattern is None:
        raise NoEvidence(f"the plan names no signal and no console line for {one.quantity}")
    pattern = re.compile(one.pattern)
    lines = trace.said_on(CONSOLE.name)
    found = [(line.time_ns, m) for line in lines if (m := line.search(pattern))]
    times_ns = np.array([time_ns for time_ns, _ in found], np.int64)
    return times_ns, np.array([_number(match.group(1)) for _, match in found], np.float64)


def _number(text: str) -> float:
    """Read what a console says; a word in place of a number ("nan", "--") is none."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def _still_around(
    observed: Observed, wanted: TelemetryAgrees, reports: _Reported, readings: Readings
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return when all stood still around each reading, and a report would have been its own.

    The end lies before the begin where nothing stood still.
    """
    before_ns, after_ns = readings.before_ns, readings.after_ns
    steady_ns, changed_ns = observed.stillness.around(before_ns, wanted.settle_s)
    silence_ns = SILENCE * reports.period_ns[readings.which]
    silence_ns = np.where(np.isnan(silence_ns), np.inf, silence_ns)
    begin_ns = np.maximum(steady_ns, before_ns - silence_ns)
    end_ns = np.minimum(changed_ns, np.maximum(steady_ns, after_ns) + silence_ns)
    moved = before_ns > changed_ns
    return np.where(moved, steady_ns, begin_ns), np.where(moved, -np.inf, end_ns)


def _is_off(trace: Trace, reading: Reading) -> bool:
    """Tell whether the BMS's own supply was commanded off."""
    given = [c.value for c in trace.commands if c.quantity == "supply"
             and c.before_ns <= reading.after_ns]  # fmt: skip
    return bool(given) and given[-1] == 0.0


def _others(trace: Trace, link: str, begin_ns: float, end_ns: float) -> int:
    """Count what else the BMS said meanwhile."""
    if link == "console":
        return sum(begin_ns <= line.time_ns <= end_ns for line in trace.said_on(link))
    frames = trace.frames
    inside = (frames.time_ns >= begin_ns) & (frames.time_ns <= end_ns)
    return int((inside & (frames.flags & SENT == 0)).sum())


def _no_report(
    trace: Trace, one: TelemetryAgrees, reports: tuple[str, int], readings: int
) -> Finding:
    """Judge that the BMS never reported: its fault if its link was alive."""
    link, count = reports
    received = trace.links[link].received
    if count == 0 and received:
        sentence = (
            f"the BMS reported nothing of it ({received} other messages came on its"
            f" {link} link), with {readings} readings to compare"
        )
        return one.question.failed(sentence)
    if count == 0:
        raise NoEvidence(f"nothing at all came on the {link} link")
    raise NoEvidence(
        f"no report was sent while a reading held still ({count} reports,"
        f" {readings} readings); hold longer around each Read"
    )


# ---- as a profile claims it -------------------------------------------------------------------
def agrees(report: Report, quantity: str) -> list[TelemetryAgrees]:
    """Expect a report to agree with the meter on CAN and console, the profile's own first.

    `quantity` may name many: "cells 1 to 16".
    """
    first = TelemetryAgrees(
        quantity=quantity,
        accuracy=report.accuracy or 0.0,
        relative=report.relative,
        unit=report.unit,
        signal=report.address,
        pattern=report.console,
        factor=report.factor,
        settle_s=report.settles_s,
    ).of(quantity)
    also = report.also_console
    if also is None:
        return [first]
    return [first, replace(first, signal=None, pattern=also, factor=1.0).of(quantity)]


def _reported(quantity: str, by: str | None, names: Resolver) -> TelemetryAgrees | None:
    """Expect what the profile claims of a report: of the one named, else of its own."""
    report = _report(names.profile, quantity, by)
    if report is None:
        what = f'the profile has no report of "{quantity}"'
        known = names.profile.telemetry.reports()
        names.refuse(what, suggest(_name_of(quantity), known, "it reports"))
        return None
    if report.accuracy is None:
        what = f'the profile claims no accuracy of "{quantity}"'
        names.refuse(what, "remove it, or add accuracy to its telemetry")
        return None
    tellers = _tellers(names.profile, quantity, by)
    if by is not None and by not in tellers:
        names.at("by").refuse(f"{quantity} is not told by {by}", suggest(by, tellers))
    return next(iter(tellers.values())) if by is None else tellers.get(by)


def _tellers(profile: Profile, quantity: str, by: str | None) -> dict[str, TelemetryAgrees]:
    """Give what is claimed of a quantity by who reports it, the profile's own first."""
    report = _report(profile, quantity, by)
    return {reported.teller: reported for reported in agrees(report, quantity)} if report else {}


def _report(profile: Profile, quantity: str, by: str | None) -> Report | None:
    """Find the report of a quantity, or of the lowest or highest where that is named."""
    reports, kind = profile.telemetry.reports(), kind_of(quantity)
    word = kind.word if kind else quantity
    min_max = (reports.get(f"{end} {word}") for end in ("lowest", "highest"))
    named = (r for r in min_max if r and by == r.address)
    return next(named, None) or reports.get(_name_of(quantity))


def _name_of(quantity: str) -> str:
    """Name what reports a quantity: "cell 3" by "cell voltage"."""
    kind = kind_of(quantity)
    return kind.name if kind else quantity
