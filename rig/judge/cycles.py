"""An output that closes and opens again some times: how often, for how long, how far apart.

Judged from the digitizer's record alone: a meter would miss a cycle. Must not know contactors.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from rig.case import Case
from rig.expectations.cycles import Cycles
from rig.judge.instants import At, edge_at, elapsed, index_at, window_ns
from rig.judge.outputs import Recorded, must_cover, recorded_output
from rig.judge.rules import NoEvidence, Question, judged_duration, worst
from rig.judge.verdict import Finding, Verdict
from rig.judge.wording import show
from rig.trace.model import Trace


def judge_cycles(case: Case, trace: Trace, wanted: Cycles, question: Question) -> Finding:
    """Judge the number of cycles, then each closed time and each pause; the worst one answers."""
    span_ns = window_ns(trace, wanted.begin, wanted.end)
    recorded = recorded_output(case, trace, wanted.output)
    if recorded is None:
        raise NoEvidence(f"no record of {wanted.output}: readings now and then miss a cycle")
    must_cover(recorded, *span_ns)
    edges = _edges(recorded, span_ns)
    closings = [edge for edge in edges if edge.closing]
    if len(closings) != wanted.count:
        return question.answer(Verdict.FAIL, _counted(wanted, closings, trace))
    if not edges:
        return question.answer(Verdict.PASS, f"{wanted.output} did not close")
    if not edges[0].closing or edges[-1].closing:
        state = "at the end" if edges[-1].closing else "at the start"
        sentence = f"{wanted.output} was closed {state} of the span; it had to open each time"
        return question.answer(Verdict.FAIL, sentence)
    findings = list(_durations(wanted, question, edges))
    verdict = worst(finding.verdict for finding in findings)
    return next(finding for finding in findings if finding.verdict is verdict)


@dataclass(frozen=True, slots=True)
class _Change:
    at: At
    closing: bool


def _edges(recorded: Recorded, span_ns: tuple[int, int]) -> list[_Change]:
    """Find every change of state in the span, in order."""
    first, last = (index_at(recorded.waveform, time_ns) for time_ns in span_ns)
    found = []
    for closing in (True, False):
        for index in recorded.runs.lasting_changes(closing=closing):
            if first < index < last:
                verb = "closed" if closing else "opened"
                edge = recorded.edge(int(index), closing=closing)
                at = edge_at(recorded.waveform, edge, f"{recorded.name} {verb}")
                found.append(_Change(at, closing))
    return sorted(found, key=lambda change: change.at.time_ns)


def _durations(wanted: Cycles, question: Question, edges: list[_Change]) -> Iterator[Finding]:
    closed_s, pause_s = (wanted.low_s, wanted.high_s), (wanted.pause_low_s, wanted.pause_high_s)
    for cause, effect in pairwise(edges):
        limits_s = closed_s if cause.closing else pause_s
        what = (effect.at.said, "it closed" if cause.closing else "it opened")
        yield judged_duration(question, elapsed(effect.at, cause.at), limits_s, what)


def _counted(wanted: Cycles, closings: list[_Change], trace: Trace) -> str:
    times = ", ".join(show((c.at.time_ns - trace.begin_ns) * 1e-9, "s") for c in closings[:5])
    seen = f"{len(closings)} times (at {times}{' …' if len(closings) > 5 else ''})"
    often = seen if closings else "never"
    return f"{wanted.output} closed {often}; it had to close {wanted.count} times"
