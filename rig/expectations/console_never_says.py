"""The console never says a line, while it says others."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from rig.console_name import OWN_CONSOLE
from rig.description import Pattern
from rig.expectations.expectation import InSpan
from rig.expectations.subjects import CONSOLE
from rig.expectations.words import Spanned
from rig.judge.console import line_mark, must_have_spoken
from rig.judge.listening import must_have_listened
from rig.judge.observed import Observed
from rig.judge.rules import NoEvidence
from rig.judge.timing import window_ns
from rig.judge.verdict import Finding, Verdict
from rig.judge.wording import show
from rig.trace.model import Line, Trace

_SILENCE = 2.0  # this many pauses without a line are a silence


class ConsoleNeverSaysWords(Spanned):
    """The console never says a line."""

    leads = ("never says",)

    pattern: Annotated[Pattern, Field(alias="never says")]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleNeverSays(InSpan):
    """No line matching `pattern` appears between two marks; other lines do."""

    pattern: str
    console: str = OWN_CONSOLE
    kind: Literal["console never says"] = "console never says"
    means = "console"
    subject = CONSOLE
    words = ConsoleNeverSaysWords

    def sentence(self) -> str:
        return f"{self.console} never says /{self.pattern}/ {self.span}"

    def judge(self, observed: Observed) -> Finding:
        """Judge that no such line came between two marks, on proof that others did."""
        trace = observed.trace
        must_have_listened(trace, self.console)
        begin_ns, end_ns = window_ns(trace, self.begin, self.end)
        pattern = re.compile(self.pattern)
        # A line counts where it may have ended inside the span, and surely where it must have.
        lines = trace.said_on(self.console)
        touching = [ln for ln in lines if ln.time_ns >= begin_ns and _early(ln) <= end_ns]
        matching = [line for line in touching if line.search(pattern)]
        if matching:
            return self._said(trace, matching, begin_ns, end_ns)
        must_have_spoken(lines, self.console)
        if not touching:
            promised_s = observed.dut.prints_every_s if self.console == OWN_CONSOLE else None
            usual_s = promised_s or _usual_s(lines, begin_ns, end_ns)
            _must_be_too_short_for_one(self.console, usual_s, begin_ns, end_ns)
        sentence = (
            f"no such line in {show((end_ns - begin_ns) * 1e-9, 's')}; {len(touching)} others came"
            f" ({len(lines)} in the whole case)"
        )
        return self.question.answer(Verdict.PASS, sentence)

    def _said(self, trace: Trace, matching: list[Line], begin_ns: int, end_ns: int) -> Finding:
        sure = [line for line in matching if _early(line) >= begin_ns and line.time_ns <= end_ns]
        line = (sure or matching)[0]
        passed = show((line.time_ns - begin_ns) * 1e-9, "s")
        sentence = f"{self.console} said {line.plain!r} {passed} on"
        mark = line_mark(trace, line)
        if sure:
            return self.question.answer(Verdict.FAIL, sentence, (mark,))
        return self.question.answer(
            Verdict.INCONCLUSIVE,
            f"{sentence}, which may be just outside the span (stamp late by up to"
            f" {show(line.late_ns * 1e-9, 's')})",
            (mark,),
        )


def _must_be_too_short_for_one(
    console: str, usual_s: float | None, begin_ns: int, end_ns: int
) -> None:
    """Refuse a span in which nothing was heard though lines were due."""
    span = show((end_ns - begin_ns) * 1e-9, "s")
    if usual_s is None:
        raise NoEvidence(
            f"the {console} said nothing for {span}, and nothing says how often it speaks: no proof"
            " that it was alive"
        )
    if (end_ns - begin_ns) * 1e-9 > _SILENCE * usual_s:
        raise NoEvidence(
            f"the {console} said nothing for {span}, where a line comes every {show(usual_s, 's')}:"
            " no proof that it was alive"
        )


def _usual_s(lines: Sequence[Line], begin_ns: int, end_ns: int) -> float | None:
    """Return the pause between lines in which most of the time outside a span passed.

    The median of the pauses would be that within a burst of lines.
    """
    times = np.array([line.time_ns for line in lines], np.int64)
    outside = (times[1:] <= begin_ns) | (times[:-1] >= end_ns)
    pauses = np.sort(np.diff(times)[outside])
    if not pauses.size:
        return None
    passed = np.cumsum(pauses)
    return float(pauses[np.searchsorted(passed, 0.5 * passed[-1])]) * 1e-9


def _early(line: Line) -> int:
    return line.time_ns - line.late_ns
