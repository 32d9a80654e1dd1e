"""A message comes at its period, and each of its frames is right."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import PlainSerializer

from rig.can_address import MessageAddress
from rig.expectations.expectation import Around, Expectation
from rig.expectations.framed import Framed, Received
from rig.expectations.words import Both, Spanned
from rig.judge.budget import Budget, normal
from rig.judge.can_signals import Values, must_outlast, silent
from rig.judge.observed import Observed
from rig.judge.rules import judge_within, measurement, why_undecided, worst
from rig.judge.verdict import EventMark, Finding, Verdict
from rig.judge.wording import show, show_measured, show_range
from rig.quantity import Period, exact
from rig.steps.resolver import Resolver


class MessageTimingWords(Spanned):
    """A message that comes at its period; length, counter and CRC are those of the profile."""

    leads = ("every",)

    every: Annotated[
        Period,
        PlainSerializer(lambda ends: f"{exact(ends[0], 's')} ± {exact(ends[1], 's')}"),
        Both("period_s", "tolerance_s"),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageTiming(Framed):
    """Every interval of a message within period ± tolerance; length, counter and CRC right."""

    period_s: float
    tolerance_s: float
    kind: Literal["message timing"] = "message timing"
    words = MessageTimingWords

    @classmethod
    def read(cls, name: str, content: MessageTimingWords, names: Resolver) -> Iterator[Expectation]:
        claim = names.profile.promise_of(MessageAddress(name))
        if claim is None:
            names.refuse(f"{name} comes once and has no period", "write comes: or is sound:")
            return
        yield cls.claimed(name, claim, **content.fields())

    def answers(self, around: Around) -> Iterator[str]:
        del around
        parts = {"period": True, "counter": self.counter, "crc": self.crc}
        yield from (f"messages/{self.message}/{part}" for part, there in parts.items() if there)

    def sentence(self) -> str:
        period = show_range(*self._limits_s, "s")
        return f"{self.message} comes every {period}, with the right {self.content()}"

    @property
    def _limits_s(self) -> tuple[float, float]:
        return self.period_s - self.tolerance_s, self.period_s + self.tolerance_s

    def judge(self, observed: Observed) -> Finding:
        """Judge every interval, length, counter and checksum of the message.

        Two frames are surely due only within two of the longest intervals allowed.
        """
        frames = self.received(observed)
        count, begin_ns, end_ns = frames.times.size, frames.begin_ns, frames.end_ns
        if count < 2:
            must_outlast(self.message, count, end_ns - begin_ns, 2e9 * self._limits_s[1])
        if count == 1:
            span = show((end_ns - begin_ns) * 1e-9, "s")
            return self.question.answer(Verdict.FAIL, f"only one {self.message} in {span}")
        if not count:
            return silent(observed.trace, self.message, self.question, begin_ns, end_ns)
        return self._finding(observed, frames, list(self.faults(observed, frames)))

    def _finding(self, observed: Observed, frames: Received, faults: list[str]) -> Finding:
        """Return the finding on the interval that is furthest from the period, and all faults."""
        intervals = self._with_overdue(frames)
        # Both stamps come from one adapter, but its clock's u is mostly its jitter: two draws.
        budget = Budget.of(
            normal(name, observed.trace.frames.time_u_s, "CAN adapter: jitter of one stamp")
            for name in ("stamp of the earlier frame", "stamp of the later frame")
        )
        limits = self._limits_s
        at = int(np.argmax(np.abs(intervals - self.period_s)))
        measured = measurement(float(intervals[at]), budget, "s")
        timing = judge_within(measured, *limits)
        verdict = worst((timing, Verdict.FAIL)) if faults else timing
        own = frames.intervals_s
        sentence = (
            f"{frames.times.size} frames, {own.min() * 1e3:.1f} ms to {own.max() * 1e3:.1f} ms"
            f" apart (± {show(measured.expanded, 's')}, mean {own.mean() * 1e3:.1f} ms);"
            f" allowed {show_range(*limits, 's')}"
        )
        if timing is Verdict.FAIL:
            faults = [f"an interval of {show_measured(measured)}", *faults]
        if faults:
            sentence = f"{'; '.join(faults)}; {sentence}"
        elif verdict is Verdict.INCONCLUSIVE:
            sentence += f"; {why_undecided(measured, budget, *limits)}"
        at_ns = int(frames.times[min(at, frames.times.size - 1)])
        mark = EventMark(
            label="worst interval", channel="CAN", time_s=(at_ns - observed.trace.begin_ns) * 1e-9
        )
        return self.question.measured(verdict, sentence, (measured, budget), limits, (mark,))

    def _with_overdue(self, frames: Received) -> Values:
        """Return the intervals, and the wait at either end of the span where it was too long."""
        ends = (
            np.array([frames.times[0] - frames.begin_ns, frames.end_ns - frames.times[-1]]) * 1e-9
        )
        overdue = ends[ends > self.period_s + self.tolerance_s]
        return np.concatenate([frames.intervals_s, overdue])
