"""The start that every case begins with, held against what the profile claims of it.

A breach is a `fail` in whatever case it happens. Where a dead supply or a broken wire of the bench
would look the same, it is an `error`; and so is a late start in a case in which the bench failed,
unless it was seen then that the bench fed the BMS. Must not know instruments or files.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from rig.facts import StartClaims
from rig.judge.rules import Question
from rig.judge.verdict import OF_START, Finding, Verdict
from rig.judge.wording import show
from rig.quantities import CELL, SUPPLY, kind_of
from rig.trace.model import Reading, Start, Trace

_POWERED = 0.9  # of the nominal voltage of supply and cells, at the least


def judge_start(claimed: StartClaims | None, trace: Trace) -> tuple[Finding, ...]:
    """Return what went wrong in the start; nothing where it kept its claims or none was seen."""
    if claimed is None or trace.start is None:
        return ()
    bench_failed = trace.error is not None and not trace.unready
    seen = _Seen(claimed, trace.start, unready=trace.unready, bench_failed=bench_failed)
    return (*seen.unasked(), *seen.not_ready(), *seen.not_closed(), *seen.out_of_order())


def _volts(reading: Reading) -> str:
    return show(reading.value, reading.unit)


def _question(expectation: str) -> Question:
    return Question(expectation=expectation, means=OF_START)


def _blamed(question: Question, said: str, missing: str) -> Finding:
    """Blame the BMS, unless the bench may be why."""
    if missing:
        return question.answer(Verdict.ERROR, f"{said}, but {missing}")
    return question.answer(Verdict.FAIL, said)


@dataclass(frozen=True, slots=True)
class _Seen:
    """A start, what was claimed of it, and how the case went on."""

    claimed: StartClaims
    start: Start
    unready: bool
    bench_failed: bool

    def readings(self, quantity: str) -> list[Reading]:
        return [r for r in self.start.readings if r.quantity == quantity]

    def is_closed(self, reading: Reading) -> bool:
        return reading.value > self.level(reading) + reading.accuracy

    def is_open(self, reading: Reading) -> bool:
        return reading.value <= self.level(reading) - reading.accuracy

    def level(self, reading: Reading) -> float:
        return self.claimed.outputs[reading.quantity].closed_above

    # ---- before anybody asks ---------------------------------------------------------------------
    def unasked(self) -> Iterator[Finding]:
        asked_ns = math.inf if self.start.asked_ns is None else self.start.asked_ns
        for output in self.claimed.only_asked:
            question = _question(f"{output} stays open until it is asked for")
            early = (r for r in self.readings(output) if r.after_ns <= asked_ns)
            if closed := next(filter(self.is_closed, early), None):
                said = f"{output} was closed ({_volts(closed)}) at the start, and nobody had asked"
                yield question.answer(Verdict.FAIL, said)

    # ---- the word that it is ready ---------------------------------------------------------------
    def not_ready(self) -> Iterator[Finding]:
        claimed, start = self.claimed, self.start
        if claimed.ready is None or start.begun_ns is None:
            return
        within = show(claimed.ready_within_s, "s")
        question = _question(f"console says /{claimed.ready}/ at most {within} after it is started")
        if start.ready is None:
            if self.unready:
                yield self._never_ready(question, within)
            return
        took_s = (start.ready.time_ns - start.ready.late_ns - start.begun_ns) * 1e-9
        if took_s > claimed.ready_within_s:
            said = f"the BMS was ready {show(took_s, 's')} after it was started"
            yield _blamed(question, f"{said}; claimed in {within}", self._not_well())

    def _never_ready(self, question: Question, within: str) -> Finding:
        """Blame the BMS only if it could be heard."""
        ready, heard = self.claimed.ready, self.start.heard
        said = f"the BMS did not say {ready!r} after it was started; claimed in {within}"
        if missing := self._not_fed():
            return _blamed(question, said, missing)
        if not heard:
            missing = "nothing at all came on its console: no proof that it is connected"
            return _blamed(question, said, missing)
        return _blamed(question, f"{said} ({heard} other lines came)", "")

    def _not_well(self) -> str:
        """Say what of the bench would make a good BMS late; "" where nothing is known of it."""
        if missing := self._not_fed():
            return missing
        is_fed = any(kind_of(r.quantity) in (SUPPLY, CELL) for r in self.start.readings)
        if self.bench_failed and not is_fed:
            return "the bench failed in this case, and nothing shows that it fed the BMS until then"
        return ""

    def _not_fed(self) -> str:
        """Name a supply or a cell that is not there: dead, or its wire is broken."""
        nominal_v = {SUPPLY: self.claimed.supply_v or 0.0, CELL: self.claimed.cells_v or 0.0}
        for reading in self.start.readings:
            kind = kind_of(reading.quantity)
            if kind in nominal_v and not reading.value >= _POWERED * nominal_v[kind]:
                return f"its {reading.quantity} reads {_volts(reading)}"
        return ""

    # ---- closing ---------------------------------------------------------------------------------
    def not_closed(self) -> Iterator[Finding]:
        claimed, within = self.claimed, show(self.claimed.closed_within_s, "s")
        for output in claimed.closes:
            since_ns = self._closes_since(output)
            if since_ns is None:
                continue
            due_ns = since_ns + claimed.closed_within_s * 1e9
            late = [r for r in self.readings(output) if r.before_ns > due_ns and self.is_open(r)]
            if not late:
                continue
            after = show((late[-1].before_ns - since_ns) * 1e-9, "s")
            what = "the request" if output in claimed.only_asked else "it was to be ready"
            said = f"{output} did not close: open ({_volts(late[-1])}) {after} after {what}"
            question = _question(f"{output} closes at the start within {within}")
            missing = self._dead_tap(output) or self._not_well()
            yield _blamed(question, f"{said}; claimed in {within}", missing)

    def _closes_since(self, output: str) -> int | None:
        """Return from when on an output is due: asked for, or ready as late as it may be."""
        claimed, start = self.claimed, self.start
        if output in claimed.only_asked:
            return start.asked_ns
        if start.begun_ns is None or (claimed.ready is not None and start.ready is None):
            return None
        ready_ns = start.begun_ns + round(claimed.ready_within_s * 1e9)
        return max(ready_ns, start.ready.time_ns) if start.ready else ready_ns

    def _dead_tap(self, output: str) -> str:
        """Say that a broken tap may be why an output reads open; "" where it showed it closed."""
        ever = any(map(self.is_closed, self.readings(output)))
        if not ever and output in self.start.told_closed:
            return "it says itself that it is closed: the tap may be broken, or the BMS may err"
        return ""

    # ---- precharge, then main --------------------------------------------------------------------
    def out_of_order(self) -> Iterator[Finding]:
        """Look at the instant at which main closes: the other one must be closed then."""
        if len(self.claimed.only_asked) != 2:
            return
        (main, precharge), least_s = self.claimed.only_asked, self.claimed.overlap_s
        beside = {r.before_ns: r for r in self.readings(precharge)}
        for before, now in pairwise(self.readings(main)):
            other = beside.get(now.before_ns)
            if not (self.is_open(before) and self.is_closed(now)) or other is None:
                continue
            apart_s = (now.after_ns - before.before_ns) * 1e-9
            if apart_s < least_s and self.is_open(other):
                longer, apart = show(least_s, "s"), show(apart_s, "s")
                question = _question(f"{precharge} is closed before {main}, and for {longer} more")
                said = f"{precharge} was open ({_volts(other)}) at most {apart} after {main} closed"
                yield _blamed(question, said, self._dead_tap(precharge) or self._not_fed())
            return
