"""The console says a line in time."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from rig.console_name import OWN_CONSOLE
from rig.description import Pattern
from rig.expectations.answering import answered
from rig.expectations.expectation import Around, InTime
from rig.expectations.subjects import CONSOLE
from rig.expectations.words import Timed
from rig.judge.console import line_instant, line_mark, must_have_spoken
from rig.judge.listening import must_have_listened
from rig.judge.observed import Observed
from rig.judge.rules import judged_duration
from rig.judge.timing import At, elapsed, find_instant, search_start_ns
from rig.judge.verdict import Finding, Verdict
from rig.judge.wording import show, show_range
from rig.steps.conditions import Condition, ConsoleLine
from rig.trace.model import Line, Trace


class ConsoleSaysWords(Timed):
    """The console says a line in time."""

    leads = ("says",)

    pattern: Annotated[Pattern, Field(alias="says")]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleSays(InTime):
    """A line matching `pattern` appears between low_s and high_s after `since`."""

    pattern: str
    console: str = OWN_CONSOLE
    kind: Literal["console says"] = "console says"
    means = "console"
    subject = CONSOLE
    words = ConsoleSaysWords

    def awaited(self) -> Condition | None:
        return ConsoleLine(pattern=self.pattern, console=self.console)

    def answers(self, around: Around) -> Iterator[str]:
        if self.console == OWN_CONSOLE:
            yield from answered(around, self.pattern, self.since)

    def sentence(self) -> str:
        return f"{self.console} says /{self.pattern}/ {self.when}"

    def judge(self, observed: Observed) -> Finding:
        """Judge when the line first came."""
        trace = observed.trace
        must_have_listened(trace, self.console)
        cause = find_instant(observed, self.since)
        start_ns = search_start_ns(observed, self.since)
        pattern = re.compile(self.pattern)
        lines = trace.said_on(self.console)
        later = (line for line in lines if line.time_ns >= start_ns)
        line = next((line for line in later if line.search(pattern)), None)
        if line is None:
            return self._never_said(trace, lines, cause)
        mark = line_mark(trace, line)
        what = (f"{self.console} said {line.plain!r}", cause.said)
        limits_s, passed = (self.low_s, self.high_s), elapsed(line_instant(line), cause)
        return judged_duration(self.question, passed, limits_s, what, marks=(mark,))

    def _never_said(self, trace: Trace, lines: Sequence[Line], cause: At) -> Finding:
        """Judge that no such line came, on proof that others did."""
        watched_s = (trace.end_ns - cause.time_ns) * 1e-9
        others = sum(line.time_ns > cause.time_ns for line in lines)
        sentence = (
            f"{self.console} did not say /{self.pattern}/ within {show(watched_s, 's')} after"
            f" {cause.said}; allowed {show_range(self.low_s, self.high_s, 's')}"
            f" ({others} other lines came)"
        )
        must_have_spoken(lines, self.console)
        if watched_s - elapsed(At(time_ns=trace.end_ns), cause)[1].expanded > self.high_s:
            return self.question.answer(Verdict.FAIL, sentence)
        return self.question.answer(
            Verdict.INCONCLUSIVE, f"{sentence}; the case ended before the latest time allowed"
        )
