"""An output that closes and opens again some times: how often, for how long, how far apart.

Judged from the digitizer's record alone: a meter would miss a cycle. Must not know contactors.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from rig.expectations.recording import Recording
from rig.expectations.words import SECONDS, Both, Limits, Spanned
from rig.judge.observed import Observed
from rig.judge.outputs import Recorded, must_cover
from rig.judge.rules import judged_duration, worst
from rig.judge.timing import At, edge_at, elapsed, index_at, window_ns
from rig.judge.verdict import Finding, Verdict
from rig.judge.wording import show, show_range
from rig.quantity import TimeWindow
from rig.trace.model import Trace


class CyclesWords(Spanned):
    """An output that closes just so often."""

    leads = ("closes",)
    asks: ClassVar[Mapping[str, tuple[str, str]]] = {
        "each": ("for how long each time?", "add for example each: 1.9 s to 2.1 s")
    }

    count: Annotated[int, Field(alias="closes", ge=0)]
    each: Annotated[Limits, Field(description="how long it is closed each time")]
    pauses: Annotated[
        TimeWindow | None,
        Field(description="how long it is open between"),
        SECONDS,
        Both("pause_low_s", "pause_high_s"),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cycles(Recording):
    """`output` closes just `count` times between two marks, and opens again each time.

    Each time it is closed for low_s to high_s, and between two of them open for pause_low_s to
    pause_high_s.
    """

    count: int
    low_s: float
    high_s: float
    pause_low_s: float
    pause_high_s: float
    kind: Literal["cycles"] = "cycles"
    words = CyclesWords

    def sentence(self) -> str:
        for_s = show_range(self.low_s, self.high_s, "s")
        said = f"{self.output} closes {self.count} times for {for_s}"
        if self.count > 1:
            said += f" with pauses of {show_range(self.pause_low_s, self.pause_high_s, 's')}"
        return f"{said}, {self.span}"

    def judge(self, observed: Observed) -> Finding:
        """Judge the number of cycles, then each closed time and each pause; the worst answers."""
        span_ns = window_ns(observed.trace, self.begin, self.end)
        recorded = self.record(observed, "readings now and then miss a cycle")
        must_cover(recorded, *span_ns)
        edges = _edges(recorded, span_ns)
        closings = [edge for edge in edges if edge.closing]
        if len(closings) != self.count:
            return self.question.answer(Verdict.FAIL, _counted(self, closings, observed.trace))
        if not edges:
            return self.question.answer(Verdict.PASS, f"{self.output} did not close")
        if not edges[0].closing or edges[-1].closing:
            state = "at the end" if edges[-1].closing else "at the start"
            sentence = f"{self.output} was closed {state} of the span; it had to open each time"
            return self.question.answer(Verdict.FAIL, sentence)
        findings = list(_durations(self, edges))
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


def _durations(wanted: Cycles, edges: list[_Change]) -> Iterator[Finding]:
    closed_s, pause_s = (wanted.low_s, wanted.high_s), (wanted.pause_low_s, wanted.pause_high_s)
    for cause, effect in pairwise(edges):
        limits_s = closed_s if cause.closing else pause_s
        what = (effect.at.said, "it closed" if cause.closing else "it opened")
        yield judged_duration(wanted.question, elapsed(effect.at, cause.at), limits_s, what)


def _counted(wanted: Cycles, closings: list[_Change], trace: Trace) -> str:
    times = ", ".join(show((c.at.time_ns - trace.begin_ns) * 1e-9, "s") for c in closings[:5])
    seen = f"{len(closings)} times (at {times}{' …' if len(closings) > 5 else ''})"
    often = seen if closings else "never"
    return f"{wanted.output} closed {often}; it had to close {wanted.count} times"
