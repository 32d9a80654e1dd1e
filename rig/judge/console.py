"""What the BMS said on its console: a line in time, or never. Must not know a serial port."""

from __future__ import annotations

import re

import numpy as np

from rig.case import Case
from rig.expectations.console_never_says import ConsoleNeverSays
from rig.expectations.console_says import ConsoleSays
from rig.judge.budget import Row
from rig.judge.instants import At, elapsed, find_instant, search_start_ns, window_ns
from rig.judge.listening import must_have_listened
from rig.judge.rules import NoEvidence, Question, judged_duration
from rig.judge.verdict import EventMark, Finding, Verdict
from rig.judge.wording import show, show_range
from rig.trace.model import Line, Trace

_SILENCE = 2.0  # this many pauses without a line are a silence


def line_instant(line: Line) -> At:
    """Return when a line ended: it can only be stamped late (measurement.md 2.1, latency)."""
    half_s = line.late_ns * 0.5e-9
    row = Row(
        name="console latency",
        half_width=half_s,
        source="adapter latency and polling: the stamp is late by 0 to twice this; mean corrected",
    )
    return At(time_ns=line.time_ns - 0.5 * line.late_ns, rows=(row,), said=f"{line.plain!r}")


def judge_console_says(
    case: Case, trace: Trace, wanted: ConsoleSays, question: Question
) -> Finding:
    """Judge when a line first came."""
    must_have_listened(trace, "console")
    cause = find_instant(case, trace, wanted.since)
    start_ns = search_start_ns(case, trace, wanted.since)
    pattern = re.compile(wanted.pattern)
    later = (line for line in trace.lines if line.time_ns >= start_ns)
    line = next((line for line in later if line.search(pattern)), None)
    if line is None:
        return _never_said(trace, wanted, question, cause)
    mark = EventMark(
        label=f"console: {line.plain}",
        channel="console",
        time_s=(line.time_ns - trace.begin_ns) * 1e-9,
    )
    what = (f"console said {line.plain!r}", cause.said)
    limits_s, passed = (wanted.low_s, wanted.high_s), elapsed(line_instant(line), cause)
    return judged_duration(question, passed, limits_s, what, marks=(mark,))


def _never_said(trace: Trace, wanted: ConsoleSays, question: Question, cause: At) -> Finding:
    """Judge that no such line came, on proof that others did."""
    watched_s = (trace.end_ns - cause.time_ns) * 1e-9
    others = sum(line.time_ns > cause.time_ns for line in trace.lines)
    sentence = (
        f"console did not say /{wanted.pattern}/ within {show(watched_s, 's')} after {cause.said};"
        f" allowed {show_range(wanted.low_s, wanted.high_s, 's')} ({others} other lines came)"
    )
    if not trace.lines:
        raise NoEvidence(
            "the console said nothing in the whole case: no proof that it is connected"
        )
    if watched_s - elapsed(At(time_ns=trace.end_ns), cause)[1].expanded > wanted.high_s:
        return question.answer(Verdict.FAIL, sentence)
    return question.answer(
        Verdict.INCONCLUSIVE, f"{sentence}; the case ended before the latest time allowed"
    )


def judge_console_never_says(
    case: Case, trace: Trace, wanted: ConsoleNeverSays, question: Question
) -> Finding:
    """Judge that no such line came between two marks, on proof that others did."""
    must_have_listened(trace, "console")
    begin_ns, end_ns = window_ns(trace, wanted.begin, wanted.end)
    pattern = re.compile(wanted.pattern)
    # A line counts where it may have ended inside the span, and speaks surely where it must have.
    touching = [ln for ln in trace.lines if ln.time_ns >= begin_ns and _early(ln) <= end_ns]
    matching = [line for line in touching if line.search(pattern)]
    if matching:
        return _said(question, trace, matching, begin_ns, end_ns)
    if not trace.lines:
        raise NoEvidence(
            "the console said nothing in the whole case: no proof that it is connected"
        )
    if not touching:
        _must_be_too_short_for_one(case, trace, begin_ns, end_ns)
    sentence = (
        f"no such line in {show((end_ns - begin_ns) * 1e-9, 's')}; {len(touching)} others came"
        f" ({len(trace.lines)} in the whole case)"
    )
    return question.answer(Verdict.PASS, sentence)


def _must_be_too_short_for_one(case: Case, trace: Trace, begin_ns: int, end_ns: int) -> None:
    """Refuse a span in which nothing was heard though lines were due."""
    span = show((end_ns - begin_ns) * 1e-9, "s")
    usual_s = case.prints_every_s or _usual_s(trace, begin_ns, end_ns)
    if usual_s is None:
        raise NoEvidence(
            f"the console said nothing for {span}, and nothing says how often it speaks: no proof"
            " that it was alive"
        )
    if (end_ns - begin_ns) * 1e-9 > _SILENCE * usual_s:
        raise NoEvidence(
            f"the console said nothing for {span}, where a line comes every {show(usual_s, 's')}:"
            " no proof that it was alive"
        )


def _usual_s(trace: Trace, begin_ns: int, end_ns: int) -> float | None:
    """Return the pause between lines in which most of the time outside a span passed.

    The median of the pauses would be that within a burst of lines.
    """
    times = np.array([line.time_ns for line in trace.lines], np.int64)
    outside = (times[1:] <= begin_ns) | (times[:-1] >= end_ns)
    pauses = np.sort(np.diff(times)[outside])
    if not pauses.size:
        return None
    passed = np.cumsum(pauses)
    return float(pauses[np.searchsorted(passed, 0.5 * passed[-1])]) * 1e-9


def _early(line: Line) -> int:
    return line.time_ns - line.late_ns


def _said(
    question: Question, trace: Trace, matching: list[Line], begin_ns: int, end_ns: int
) -> Finding:
    sure = [line for line in matching if _early(line) >= begin_ns and line.time_ns <= end_ns]
    line = (sure or matching)[0]
    sentence = f"console said {line.plain!r} {show((line.time_ns - begin_ns) * 1e-9, 's')} on"
    mark = EventMark(
        label=f"console: {line.plain}",
        channel="console",
        time_s=(line.time_ns - trace.begin_ns) * 1e-9,
    )
    if sure:
        return question.answer(Verdict.FAIL, sentence, (mark,))
    return question.answer(
        Verdict.INCONCLUSIVE,
        f"{sentence}, which may be just outside the span (stamp late by up to"
        f" {show(line.late_ns * 1e-9, 's')})",
        (mark,),
    )
