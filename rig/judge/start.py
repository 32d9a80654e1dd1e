"""The start that every case begins with, held against what the profile promises of it.

A breach is a `fail` in whatever case it happens. Where a dead supply or a broken wire of the bench
would look the same, it is an `error`; and so is a late start in a case in which the bench failed,
unless it was seen then that the bench fed the BMS. Must not know instruments or files.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

from rig.facts import StartPromise
from rig.judge.rules import Question
from rig.judge.verdict import OF_START, Finding, Verdict
from rig.judge.wording import show
from rig.quantities import CELL, SUPPLY, kind_of
from rig.trace.model import Reading, Start, Trace

_POWERED = 0.9  # of the nominal voltage of supply and cells, at the least


def judge_start(promised: StartPromise | None, trace: Trace) -> tuple[Finding, ...]:
    """Return what went wrong in the start; nothing where it kept its promises or none was seen."""
    start = trace.start
    if promised is None or start is None:
        return ()
    bench_failed = trace.error is not None and not trace.unready
    return (
        *_unasked(promised, start),
        *_not_ready(promised, start, unready=trace.unready, bench_failed=bench_failed),
        *_not_closed(promised, start, bench_failed=bench_failed),
        *_out_of_order(promised, start),
    )


def _readings(start: Start, quantity: str) -> list[Reading]:
    return [r for r in start.readings if r.quantity == quantity]


def _is_closed(promised: StartPromise, reading: Reading) -> bool:
    return reading.value > promised.outputs[reading.quantity].closed_above + reading.accuracy


def _is_open(promised: StartPromise, reading: Reading) -> bool:
    return reading.value <= promised.outputs[reading.quantity].closed_above - reading.accuracy


def _volts(reading: Reading) -> str:
    return show(reading.value, reading.unit)


# ---- before anybody asks -------------------------------------------------------------------------
def _unasked(promised: StartPromise, start: Start) -> Iterator[Finding]:
    asked_ns = math.inf if start.asked_ns is None else start.asked_ns
    for output in promised.only_asked:
        question = Question(
            expectation=f"{output} stays open until it is asked for", means=OF_START
        )
        early = [r for r in _readings(start, output) if r.after_ns <= asked_ns]
        if closed := next((r for r in early if _is_closed(promised, r)), None):
            sentence = f"{output} was closed ({_volts(closed)}) at the start, and nobody had asked"
            yield question.answer(Verdict.FAIL, sentence)


# ---- the word that it is ready -------------------------------------------------------------------
def _not_ready(
    promised: StartPromise, start: Start, *, unready: bool, bench_failed: bool
) -> Iterator[Finding]:
    if promised.ready is None or start.begun_ns is None:
        return
    within = show(promised.ready_within_s, "s")
    question = Question(
        expectation=f"console says /{promised.ready}/ at most {within} after it is started",
        means=OF_START,
    )
    if start.ready is None and unready:
        said = f"the BMS did not say {promised.ready!r} after it was started; promised in {within}"
        if missing := _no_proof(promised, start):
            yield _blamed(question, said, missing)
        else:
            yield question.answer(Verdict.FAIL, f"{said} ({start.heard} other lines came)")
    if start.ready is None:
        return
    took_s = (start.ready.time_ns - start.ready.late_ns - start.begun_ns) * 1e-9
    if took_s > promised.ready_within_s:
        said = f"the BMS was ready {show(took_s, 's')} after it was started; promised in {within}"
        yield _blamed(question, said, _not_well(promised, start, bench_failed=bench_failed))


def _no_proof(promised: StartPromise, start: Start) -> str:
    """Say what of the bench would keep a good BMS from being heard; "" where all of it works."""
    if missing := _not_well(promised, start, bench_failed=False):
        return missing
    if not start.heard:
        return "nothing at all came on its console: no proof that it is connected"
    return ""


def _blamed(question: Question, said: str, missing: str) -> Finding:
    """Blame the BMS, unless the bench may be why."""
    if missing:
        return question.answer(Verdict.ERROR, f"{said}, but {missing}")
    return question.answer(Verdict.FAIL, said)


def _not_well(promised: StartPromise, start: Start, *, bench_failed: bool) -> str:
    """Say what of the bench would make a good BMS late; "" where nothing is known of that kind."""
    if reading := _not_fed(promised, start):
        return f"its {reading.quantity} reads {_volts(reading)}"
    if bench_failed and not any(_is_fed_by(reading) for reading in start.readings):
        return "the bench failed in this case, and nothing shows that it fed the BMS until then"
    return ""


def _is_fed_by(reading: Reading) -> bool:
    return kind_of(reading.quantity) in (SUPPLY, CELL)


def _not_fed(promised: StartPromise, start: Start) -> Reading | None:
    """Find a supply or a cell that is not there: dead, or its wire is broken."""
    nominal_v = {SUPPLY: promised.supply_v or 0.0, CELL: promised.cells_v or 0.0}
    for reading in start.readings:
        kind = kind_of(reading.quantity)
        if kind in nominal_v and not reading.value >= _POWERED * nominal_v[kind]:
            return reading
    return None


# ---- closing -------------------------------------------------------------------------------------
def _not_closed(promised: StartPromise, start: Start, *, bench_failed: bool) -> Iterator[Finding]:
    within = show(promised.closed_within_s, "s")
    for output in promised.closes:
        since_ns = _closes_since(promised, start, output)
        if since_ns is None:
            continue
        due_ns = since_ns + promised.closed_within_s * 1e9
        readings = _readings(start, output)
        late = [r for r in readings if r.before_ns > due_ns and _is_open(promised, r)]
        if not late:
            continue
        question = Question(
            expectation=f"{output} closes at the start within {within}", means=OF_START
        )
        after = show((late[-1].before_ns - since_ns) * 1e-9, "s")
        what = "the request" if output in promised.only_asked else "it was to be ready"
        said = f"{output} did not close: open ({_volts(late[-1])}) {after} after {what}"
        missing = _dead_tap(promised, start, output) or _not_well(
            promised, start, bench_failed=bench_failed
        )
        yield _blamed(question, f"{said}; promised in {within}", missing)


def _closes_since(promised: StartPromise, start: Start, output: str) -> int | None:
    """Return from when on an output is due: asked for, or ready as late as it may be."""
    if output in promised.only_asked:
        return start.asked_ns
    if start.begun_ns is None or (promised.ready is not None and start.ready is None):
        return None
    ready_ns = start.begun_ns + round(promised.ready_within_s * 1e9)
    return max(ready_ns, start.ready.time_ns) if start.ready else ready_ns


def _dead_tap(promised: StartPromise, start: Start, output: str) -> str:
    """Say that a broken tap may be why an output reads open; "" where it showed it closed."""
    ever = any(_is_closed(promised, r) for r in _readings(start, output))
    if not ever and output in start.told_closed:
        return "it says itself that it is closed: the tap may be broken, or the BMS may err"
    return ""


# ---- precharge, then main ------------------------------------------------------------------------
def _out_of_order(promised: StartPromise, start: Start) -> Iterator[Finding]:
    """Look at the instant of the main contactor's closing: the other one must be closed then."""
    if len(promised.only_asked) != 2:
        return
    main, precharge = promised.only_asked
    beside = {r.before_ns: r for r in _readings(start, precharge)}
    for before, now in pairwise(_readings(start, main)):
        other = beside.get(now.before_ns)
        if not (_is_open(promised, before) and _is_closed(promised, now)) or other is None:
            continue
        apart_s = (now.after_ns - before.before_ns) * 1e-9
        if apart_s >= promised.overlap_s or not _is_open(promised, other):
            return
        question = Question(
            expectation=f"{precharge} is closed before {main}, and for"
            f" {show(promised.overlap_s, 's')} more",
            means=OF_START,
        )
        apart = show(apart_s, "s")
        said = f"{precharge} was open ({_volts(other)}) at most {apart} after {main} closed"
        missing = _dead_tap(promised, start, precharge)
        yield _blamed(question, said, missing or _not_well(promised, start, bench_failed=False))
        return
