"""An output stays as it is, on a record that covers the whole span."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from rig.expectations.expectation import Around
from rig.expectations.recording import Recording
from rig.expectations.words import IsOpen, Spanned
from rig.judge.observed import Observed
from rig.judge.outputs import Recorded, must_cover
from rig.judge.rules import NoEvidence
from rig.judge.timing import clock_u_s, index_at, window_ns
from rig.judge.verdict import EventMark, Finding, Verdict
from rig.judge.wording import show
from rig.trace.model import Trace


class StaysWords(Spanned):
    """An output that stays open or closed."""

    leads = ("stays",)

    is_open: Annotated[IsOpen, Field(alias="stays")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stays(Recording):
    """`output` is open (or closed) all the time between two marks (None: start / end of case)."""

    is_open: bool
    kind: Literal["stays"] = "stays"
    words = StaysWords

    @property
    def state(self) -> str:
        """The state that it keeps."""
        return "open" if self.is_open else "closed"

    def answers(self, around: Around) -> Iterator[str]:
        if not self.is_open:
            yield from around.of_protection(f"keeps/{self.output}")

    def sentence(self) -> str:
        return f"{self.output} stays {self.state} {self.span}"

    def judge(self, observed: Observed) -> Finding:
        """Judge that the output keeps its state, on a record that covers the whole span."""
        span_ns = window_ns(observed.trace, self.begin, self.end)
        recorded = self.record(observed, "readings now and then prove no absence")
        if self.begin is None:
            span_ns = (_record_begin_ns(observed.trace, recorded, span_ns[0]), span_ns[1])
        must_cover(recorded, *span_ns)
        first, last = (index_at(recorded.waveform, t) for t in span_ns)
        if first >= last:
            raise NoEvidence(
                f"no sample of {self.output} lies in the span: it is"
                f" {show(_length_s(span_ns), 's')} long, the record has one each"
                f" {show(recorded.waveform.interval_s, 's')}"
            )
        broken = _broken(recorded, first, last, is_open=self.is_open)
        if broken.size:
            return _broken_finding(observed.trace, recorded, self, broken, span_ns)
        covered = f"{show(_length_s(span_ns), 's')}, {last - first} samples"
        sentence = f"{self.output} was {self.state} all the time ({covered}){_caveat(recorded)}"
        return self.question.answer(Verdict.PASS, sentence)


def _length_s(span_ns: tuple[int, int]) -> float:
    return (span_ns[1] - span_ns[0]) * 1e-9


def _record_begin_ns(trace: Trace, recorded: Recorded, begin_ns: int) -> int:
    """Return where the case begins: with its record, if that was before anything was commanded."""
    start_ns = recorded.waveform.start_ns
    first_ns = min((command.before_ns for command in trace.commands), default=start_ns)
    return max(begin_ns, start_ns) if first_ns >= start_ns else begin_ns


def _caveat(recorded: Recorded) -> str:
    """Say so where the tap never showed the output closed.

    No more than that: a contactor that nobody asks for is open for the whole of a case that is
    right, and only another case of the plan, which closes it, proves the tap.
    """
    if recorded.runs.starts.size:
        return ""
    return "; it was never closed in this record"


def _broken(recorded: Recorded, first: int, last: int, *, is_open: bool) -> NDArray[np.int64]:
    """Return the samples (one for each run) at which the output was not in its state."""
    level, channel = recorded.output.closed_above, recorded.channel
    if not is_open:
        low = np.flatnonzero(channel.values[first:last] <= level)
        return (low + first).astype(np.int64)
    starts, ends = recorded.runs.starts, recorded.runs.ends
    # A lamp that lights up near the span's end may have blinked until after it.
    hit = (starts + _steady_samples(recorded) < last) & (ends > first)
    return np.maximum(starts[hit], first).astype(np.int64)


def _steady_samples(recorded: Recorded) -> int:
    return int(recorded.output.steady_s / recorded.waveform.interval_s)


def _broken_finding(
    trace: Trace,
    recorded: Recorded,
    wanted: Stays,
    broken: NDArray[np.int64],
    span_ns: tuple[int, int],
) -> Finding:
    """Judge a change of state: surely inside the span, or only within the uncertainty."""
    begin_ns, end_ns = span_ns
    sure = np.flatnonzero(_surely(recorded, broken, (begin_ns, end_ns), is_open=wanted.is_open))
    at = int(broken[sure[0] if sure.size else 0])
    after_s = max(recorded.time_ns(at) - begin_ns, 0.0) * 1e-9
    other = "closed" if wanted.is_open else "open"
    volts = show(float(recorded.channel.values[at]), recorded.channel.unit)
    sentence = (
        f"{wanted.output} was {other} ({volts}) {show(after_s, 's')} after"
        f" {wanted.begin or 'the start'}; it had to stay {wanted.state} until"
        f" {wanted.end or 'the end'}"
    )
    mark = EventMark(
        label=f"{wanted.output} {other}",
        channel=wanted.output,
        time_s=(recorded.time_ns(at) - trace.begin_ns) * 1e-9,
        level=recorded.output.closed_above,
    )
    if sure.size:
        return wanted.question.answer(Verdict.FAIL, sentence, (mark,))
    edge_s = min(after_s, max(end_ns - recorded.time_ns(at), 0.0) * 1e-9)
    return wanted.question.answer(
        Verdict.INCONCLUSIVE,
        f"{sentence}, within the uncertainty of its level or of the span's ends"
        f" (needs U <= {show(edge_s, 's')} there)",
        (mark,),
    )


def _surely(
    recorded: Recorded, broken: NDArray[np.int64], span_ns: tuple[float, float], *, is_open: bool
) -> NDArray[np.bool_]:
    """Tell which breaches lie inside the span, and off the level, by more than the uncertainty."""
    margin_ns = 1e9 * clock_u_s(recorded.waveform, span_ns[1])
    proven = last = broken
    if is_open:  # a closed run that ends within the margin may have ended before the span
        runs = recorded.runs
        its = np.searchsorted(runs.starts, broken, side="right") - 1
        proven, last = runs.starts[its] + _steady_samples(recorded), runs.ends[its] - 1
    start_ns, step_ns = recorded.waveform.start_ns, recorded.waveform.interval_s * 1e9
    inside = (start_ns + proven * step_ns < span_ns[1] - margin_ns) & (
        start_ns + last * step_ns > span_ns[0] + margin_ns
    )
    off = np.abs(recorded.channel.values[broken] - recorded.output.closed_above)
    return np.asarray(inside & (off > recorded.channel.accuracy))
