"""What the outputs did: trips, recoveries, and staying as they are.

Judged from the digitizer's record of the output; a meter's polled readings serve where there is no
record, with the uncertainty that polling has. Must not know instruments or files.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rig.case import Case
from rig.expectations.recovers import Recovers
from rig.expectations.stays import Stays
from rig.expectations.trips import Trips
from rig.facts import Output
from rig.instants import Crossing, Instant
from rig.judge.budget import Row
from rig.judge.edges import Edge, Runs, closed_runs, find_crossing
from rig.judge.instants import (
    At,
    channel_of,
    edge_at,
    elapsed,
    find_instant,
    index_at,
    readings_of,
    recorded_crossing,
    sampling_of,
    search_start_ns,
    window_ns,
)
from rig.judge.listening import must_have_shown_closed
from rig.judge.rules import NoEvidence, NotReached, Question, judged_duration
from rig.judge.verdict import EventMark, Finding, Verdict
from rig.judge.wording import show, show_range
from rig.trace.model import Channel, Reading, Trace, Waveform

_OPENED, _CLOSED = "opened", "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """An output in the record: its samples, and the runs in which it conducts."""

    name: str
    output: Output
    waveform: Waveform
    channel: Channel
    runs: Runs

    def edge(self, index: int, *, closing: bool) -> Edge:
        """Return the exact instant of the change whose first sample is `index`."""
        verb = _CLOSED if closing else _OPENED
        sampling = sampling_of(self.waveform, self.channel)
        edge = find_crossing(
            self.channel.values,
            self.output.closed_above,
            sampling,
            rising=closing,
            first=self._calm_before(index),
            label="output",
        )
        if edge is None or edge.before > index:  # too small or too short to be placed any better
            row = Row(
                name="sampling at output",
                half_width=sampling.interval_s / 2.0,
                source=f"{sampling.source}: {verb} between two samples",
            )
            at_s = (index - 0.5) * sampling.interval_s
            return Edge(time_s=at_s, before=index - 1, after=index, rows=(row,))
        return edge

    def _calm_before(self, index: int) -> int:
        """Return where the samples went over to the near side of this change: no earlier blink."""
        high = self.channel.values[:index] > self.output.closed_above
        far = np.flatnonzero(high != high[index - 1])
        return int(far[-1]) + 1 if far.size else 0

    def time_ns(self, index: int) -> float:
        """Return the rig time of a sample."""
        return self.waveform.start_ns + index * self.waveform.interval_s * 1e9

    @property
    def end_ns(self) -> float:
        """Rig time of the last sample."""
        return self.time_ns(self.channel.values.size - 1)


def recorded_output(case: Case, trace: Trace, name: str) -> Recorded | None:
    """Return the record of an output, None where the bench recorded none."""
    found = channel_of(trace, name)
    if found is None:
        return None
    waveform, channel = found
    output = output_of(case, name)
    steady = int(output.steady_s / waveform.interval_s)
    runs = closed_runs(channel.values, output.closed_above, steady)
    return Recorded(name=name, output=output, waveform=waveform, channel=channel, runs=runs)


def output_of(case: Case, name: str) -> Output:
    """Return how an output shows that it conducts."""
    if name not in case.outputs:
        raise NoEvidence(f"the case does not say at which voltage {name} counts as closed")
    return case.outputs[name]


# ---- the first change after an instant ----------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """An output's reaction: when, and its place in the record (None: read by the meter)."""

    at: At
    index: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What was seen of an output: its change, or that there was none until `until_ns`."""

    change: Change | None
    until_ns: float
    was_ready: bool  # the output was in the opposite state at first, so that it could change
    means: str


def watch(case: Case, trace: Trace, name: str, from_ns: float, *, closing: bool) -> Watched:
    """Look for the first change of an output to closed (or open) from an instant on."""
    recorded = recorded_output(case, trace, name)
    if recorded is not None:
        return _watch_record(recorded, from_ns, closing=closing)
    return _watch_meter(case, trace, name, from_ns, closing=closing)


def _watch_record(recorded: Recorded, from_ns: float, *, closing: bool) -> Watched:
    runs, first = recorded.runs, index_at(recorded.waveform, from_ns)
    changes = runs.lasting_changes(closing=closing)
    later = changes[changes > first]
    ready = runs.is_closed(min(first, runs.size - 1)) is not closing
    if closing and not ready and (change := _still_blinking(recorded, first)) is not None:
        return Watched(change=change, until_ns=recorded.end_ns, was_ready=True, means="output")
    if not later.size:
        return Watched(change=None, until_ns=recorded.end_ns, was_ready=ready, means="output")
    index = int(later[0])
    verb = _CLOSED if closing else _OPENED
    edge = recorded.edge(index, closing=closing)
    if closing:
        edge = _by_its_last_phase(recorded, index, edge)
    at = edge_at(recorded.waveform, edge, f"{recorded.name} {verb}")
    change = Change(at=at, index=index)
    return Watched(change=change, until_ns=recorded.end_ns, was_ready=ready, means="output")


def _by_its_last_phase(recorded: Recorded, index: int, edge: Edge) -> Edge:
    """Place the closing of a lamp that blinked: somewhere in the phase that never ended.

    Where it stayed dark for less long than ever before, its lighting up was the closing itself.
    """
    if recorded.output.steady_s == 0.0:
        return edge
    opened = recorded.runs.ends[recorded.runs.ends <= index]
    first = int(opened[-1]) if opened.size else 0
    lit = closed_runs(recorded.channel.values[first:index], recorded.output.closed_above)
    if not lit.starts.size:
        return edge
    dark = lit.starts[1:] - lit.ends[:-1]
    if dark.size and index - first - int(lit.ends[-1]) < int(dark.min()):
        return edge
    half_s = int((lit.ends - lit.starts).max()) * recorded.waveform.interval_s / 2.0
    source = f"{recorded.channel.instrument}: it may have been lit by blinking when it closed"
    row = Row(name="blinking", half_width=half_s, source=source)
    return replace(edge, time_s=edge.time_s + half_s, rows=(*edge.rows, row))


def _still_blinking(recorded: Recorded, index: int) -> Change | None:
    """Find that a lamp stopped blinking in the middle of a light phase: it never went out again.

    It closed somewhere between this sample and the moment at which it had been lit for steady_s.
    """
    steady_s = recorded.output.steady_s
    lit = recorded.runs.starts[recorded.runs.starts <= index]
    lit_s = (index - int(lit[-1])) * recorded.waveform.interval_s if lit.size else steady_s
    if lit_s >= steady_s or int(lit[-1]) == 0:
        return None
    half_s = (steady_s - lit_s) / 2.0
    source = f"{recorded.channel.instrument}: lit by chance when it closed"
    row = Row(name="blinking", half_width=half_s, source=source)
    at = edge_at(
        recorded.waveform,
        Edge(
            time_s=index * recorded.waveform.interval_s + half_s,
            before=index,
            after=index + 1,
            rows=(row,),
        ),
        f"{recorded.name} {_CLOSED}",
    )
    return Change(at=at, index=index)


def _watch_meter(case: Case, trace: Trace, name: str, from_ns: float, *, closing: bool) -> Watched:
    """Look through polled readings: the change lies between two of them (measurement.md 3.1)."""
    output = output_of(case, name)
    if output.steady_s > 0.0:
        raise NoEvidence(f"{name} may blink, which takes a record of it; the bench made none")
    readings = [r for r in readings_of(trace, name) if r.after_ns >= from_ns]
    if not readings:
        raise NoEvidence(f"{name} was neither recorded nor read by a meter")
    closed = [reading.value > output.closed_above for reading in readings]
    ready = closed[0] is not closing
    for i in range(1, len(readings)):
        if closed[i] is closing and closed[i - 1] is not closing:
            verb = _CLOSED if closing else _OPENED
            at = _between_readings(readings[i - 1], readings[i], f"{name} {verb}")
            change = Change(at=at, index=None)
            return Watched(
                change=change, until_ns=readings[-1].before_ns, was_ready=ready, means="meter"
            )
    return Watched(change=None, until_ns=readings[-1].before_ns, was_ready=ready, means="meter")


def _between_readings(earlier: Reading, later: Reading, said: str) -> At:
    half_s = (later.after_ns - earlier.before_ns) * 0.5e-9
    row = Row(name="polling", half_width=half_s, source=f"{later.instrument}: polled readings")
    return At(time_ns=0.5 * (later.after_ns + earlier.before_ns), rows=(row,), said=said)


# ---- trips and recoveries -----------------------------------------------------------------------
def judge_trips(case: Case, trace: Trace, wanted: Trips, question: Question) -> Finding:
    """Judge that an output opens in time."""
    return _judge_change(case, trace, wanted, question, closing=False)


def judge_recovers(case: Case, trace: Trace, wanted: Recovers, question: Question) -> Finding:
    """Judge that an output closes in time, and stays so until something else is commanded."""
    finding = _judge_change(case, trace, wanted, question, closing=True)
    if finding.verdict is not Verdict.PASS or not wanted.lasts:
        return finding
    return _judge_lasting(case, trace, wanted, finding)


def _judge_change(
    case: Case, trace: Trace, wanted: Trips | Recovers, question: Question, *, closing: bool
) -> Finding:
    try:
        cause = find_instant(case, trace, wanted.since)
    except NoEvidence:
        start_ns = search_start_ns(case, trace, wanted.since)
        seen = watch(case, trace, wanted.output, start_ns, closing=closing)
        question = replace(question, means=seen.means)
        early = _before_the_cause(trace, wanted, seen, question, start_ns)
        if early is None:
            raise
        return early
    seen = _reaction(case, trace, wanted, cause, closing=closing)
    question = replace(question, means=seen.means)
    if seen.change is None:
        return _never_changed(case, trace, wanted, seen, cause, question, closing=closing)
    effect = seen.change.at
    return judged_duration(
        question,
        elapsed(effect, cause),
        (wanted.low_s, wanted.high_s),
        (effect.said, cause.said),
        event_marks(case, trace, wanted, cause, effect),
    )


def _reaction(
    case: Case, trace: Trace, wanted: Trips | Recovers, cause: At, *, closing: bool
) -> Watched:
    """Look for the first change that may be the effect of `cause`."""
    start_ns = search_start_ns(case, trace, wanted.since)
    seen = watch(case, trace, wanted.output, start_ns, closing=closing)
    if not seen.was_ready:
        seen = _shown_early(case, trace, wanted, start_ns, cause, closing=closing) or seen
    seen = _not_undone(case, trace, wanted, seen, cause, closing=closing)
    if seen.change is None:
        seen = watch(case, trace, wanted.output, cause.time_ns, closing=closing)
    return seen


def _shown_early(  # noqa: PLR0913
    case: Case,
    trace: Trace,
    wanted: Trips | Recovers,
    start_ns: float,
    cause: At,
    *,
    closing: bool,
) -> Watched | None:
    """Find a change that stands before the step in the record, but may have come after it.

    Where the record began is known to some milliseconds of the rig's clock, and a console command
    is obeyed in one. Such a change is judged by its time, with all of that uncertainty; one that
    surely came before its cause is none, and the output was so already.
    """
    started = At(time_ns=min(start_ns, cause.time_ns), waveform=trace.waveform)
    apart_ns = 1e9 * elapsed(started, cause)[1].bound
    from_ns = started.time_ns - apart_ns
    seen = watch(case, trace, wanted.output, from_ns, closing=closing)
    if seen.change is None or not seen.was_ready:
        return None
    took_s, budget = elapsed(seen.change.at, cause)
    return seen if took_s + budget.bound >= 0.0 else None


def _not_undone(  # noqa: PLR0913
    case: Case,
    trace: Trace,
    wanted: Trips | Recovers,
    seen: Watched,
    cause: At,
    *,
    closing: bool,
) -> Watched:
    """Pass over a change that came before the cause and was undone before it: not its effect."""
    if seen.change is None or seen.change.at.time_ns >= cause.time_ns:
        return seen
    later = watch(case, trace, wanted.output, cause.time_ns, closing=closing)
    undone = watch(case, trace, wanted.output, seen.change.at.time_ns, closing=not closing).change
    if undone is not None and undone.at.time_ns < cause.time_ns:
        return later
    return seen


def _never_changed(  # noqa: PLR0913, PLR0917
    case: Case,
    trace: Trace,
    wanted: Trips | Recovers,
    seen: Watched,
    cause: At,
    question: Question,
    *,
    closing: bool,
) -> Finding:
    """Judge that nothing happened: a failure only if it was watched, possible and still due."""
    name, verb = wanted.output, "close" if closing else "open"
    if not seen.was_ready:
        state = "closed" if closing else "open"
        what = f"{name} was {state} already before {cause.said}: no telling if it would {verb}"
        if not closing:
            must_have_shown_closed(trace, name, output_of(case, name).closed_above, what)
        raise NotReached(what)
    until = At(time_ns=seen.until_ns, waveform=cause.waveform)
    watched_s, budget = elapsed(until, cause)
    _must_have_held(trace, wanted, cause, watched_s)
    sentence = (
        f"{name} did not {verb}: watched for {show(watched_s, 's')} after {cause.said};"
        f" allowed {show_range(wanted.low_s, wanted.high_s, 's')}"
    )
    if watched_s - budget.expanded > wanted.high_s:
        return question.answer(Verdict.FAIL, sentence, _cause_marks(trace, wanted.since, cause))
    return question.answer(
        Verdict.INCONCLUSIVE, f"{sentence}; the watch ended before the latest time allowed"
    )


def _must_have_held(trace: Trace, wanted: Trips | Recovers, cause: At, watched_s: float) -> None:
    """Refuse to blame the BMS where the stimulus went back before the reaction was due."""
    since = wanted.since
    found = channel_of(trace, since.quantity) if isinstance(since, Crossing) else None
    if found is None or not isinstance(since, Crossing):
        return
    waveform, channel = found
    back = Crossing(quantity=since.quantity, level=since.level, rising=not since.rising)
    at = recorded_crossing(waveform, channel, back, cause.time_ns + waveform.interval_s * 1e9)
    held_s = (at.time_ns - cause.time_ns) * 1e-9 if at else watched_s
    if held_s < min(wanted.high_s, watched_s):
        raise NoEvidence(
            f"{since.quantity} went back over {show(since.level, channel.unit)} after"
            f" {show(held_s, 's')}, before {wanted.output} was due"
            f" ({show_range(wanted.low_s, wanted.high_s, 's')})"
        )


def _before_the_cause(
    trace: Trace, wanted: Trips | Recovers, seen: Watched, question: Question, start_ns: float
) -> Finding | None:
    """Judge a reaction that came so early that it kept the stimulus from reaching its level."""
    since = wanted.since
    if seen.change is None or not isinstance(since, Crossing):
        return None
    sign = 1.0 if since.rising else -1.0
    aimed = [
        c
        for c in trace.commands
        if c.quantity == since.quantity
        and c.after_ns >= start_ns
        and sign * (c.value - since.level) > 0.0
    ]
    found = channel_of(trace, since.quantity)
    if not aimed or found is None:
        return None
    at = seen.change.at
    if at.time_ns >= aimed[0].after_ns + aimed[0].settle_s * 1e9:  # it had all its time
        return None
    waveform, channel = found
    part = channel.values[index_at(waveform, start_ns) : index_at(waveform, at.time_ns)]
    if not part.size or at.time_ns < aimed[0].before_ns:
        return None
    peak = float(part.max() if since.rising else part.min())
    if sign * (peak - since.level) >= 0.0:  # it did reach it, in a record too coarse to say when
        return None
    sentence = (
        f"{at.said} when {since.quantity} had only reached {show(peak, channel.unit)} on its way to"
        f" {show(aimed[0].value, channel.unit)}; nothing allows it before"
        f" {show(since.level, channel.unit)}"
    )
    mark = EventMark(
        label=at.said, channel=wanted.output, time_s=(at.time_ns - trace.begin_ns) * 1e-9
    )
    return question.answer(Verdict.FAIL, sentence, (mark,))


def _judge_lasting(case: Case, trace: Trace, wanted: Recovers, finding: Finding) -> Finding:
    """Take a pass back where the output opened again though nothing was commanded."""
    cause = find_instant(case, trace, wanted.since)
    change = _reaction(case, trace, wanted, cause, closing=True).change
    if change is None:
        return finding
    again = watch(case, trace, wanted.output, change.at.time_ns + 1.0, closing=False).change
    # The cause's own command is nothing else, though the change may be shown before it.
    after_ns = max(change.at.time_ns, cause.earliest_ns)
    next_ns = min(
        (c.before_ns for c in trace.commands if c.before_ns > after_ns), default=trace.end_ns
    )
    if again is None or again.at.time_ns >= next_ns:
        return finding
    held_s = (again.at.time_ns - change.at.time_ns) * 1e-9
    question = Question(expectation=finding.expectation, means=finding.means)
    sentence = f"{finding.sentence}; but it opened again {show(held_s, 's')} later, uncommanded"
    return question.answer(Verdict.FAIL, sentence, finding.marks)


# ---- staying ------------------------------------------------------------------------------------
def judge_stays(case: Case, trace: Trace, wanted: Stays, question: Question) -> Finding:
    """Judge that an output keeps its state, on a record that covers the whole span."""
    span_ns = window_ns(trace, wanted.begin, wanted.end)
    recorded = recorded_output(case, trace, wanted.output)
    if recorded is None:
        raise NoEvidence(f"no record of {wanted.output}: readings now and then prove no absence")
    if wanted.begin is None:
        span_ns = (_record_begin_ns(trace, recorded, span_ns[0]), span_ns[1])
    must_cover(recorded, *span_ns)
    first, last = (index_at(recorded.waveform, t) for t in span_ns)
    if first >= last:
        raise NoEvidence(
            f"no sample of {wanted.output} lies in the span: it is {show(_length_s(span_ns), 's')}"
            f" long, the record has one each {show(recorded.waveform.interval_s, 's')}"
        )
    broken = _broken(recorded, first, last, is_open=wanted.is_open)
    if broken.size:
        return _broken_finding(trace, recorded, wanted, question, broken, span_ns)
    state = "open" if wanted.is_open else "closed"
    covered = f"{show(_length_s(span_ns), 's')}, {last - first} samples"
    return question.answer(
        Verdict.PASS, f"{wanted.output} was {state} all the time ({covered}){_caveat(recorded)}"
    )


def _length_s(span_ns: tuple[int, int]) -> float:
    return (span_ns[1] - span_ns[0]) * 1e-9


def _record_begin_ns(trace: Trace, recorded: Recorded, begin_ns: int) -> int:
    """Return where the case begins: with its record, if that was before anything was commanded."""
    start_ns = recorded.waveform.start_ns
    first_ns = min((command.before_ns for command in trace.commands), default=start_ns)
    return max(begin_ns, start_ns) if first_ns >= start_ns else begin_ns


def must_cover(recorded: Recorded, begin_ns: float, end_ns: float) -> None:
    """Refuse to say anything of a span that the record does not hold."""
    slack_ns = 1.5e9 * recorded.waveform.interval_s + 1e9 * _clock_u_s(recorded.waveform, end_ns)
    start_ns = recorded.waveform.start_ns
    if start_ns > begin_ns + slack_ns or recorded.end_ns < end_ns - slack_ns:
        missing_s = max(start_ns - begin_ns, end_ns - recorded.end_ns) * 1e-9
        raise NoEvidence(
            f"the record of {recorded.name} misses {show(missing_s, 's')} of the span: nothing"
            " proves what it did then"
        )


def _clock_u_s(waveform: Waveform, at_ns: float) -> float:
    """Return U of the record's time against the rig's clock."""
    at = At(time_ns=at_ns, waveform=waveform)
    return elapsed(at, At(time_ns=at_ns))[1].expanded


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


def _broken_finding(  # noqa: PLR0913, PLR0917
    trace: Trace,
    recorded: Recorded,
    wanted: Stays,
    question: Question,
    broken: NDArray[np.int64],
    span_ns: tuple[int, int],
) -> Finding:
    """Judge a change of state: surely inside the span, or only within the uncertainty."""
    begin_ns, end_ns = span_ns
    sure = np.flatnonzero(_surely(recorded, broken, (begin_ns, end_ns), is_open=wanted.is_open))
    at = int(broken[sure[0] if sure.size else 0])
    after_s = max(recorded.time_ns(at) - begin_ns, 0.0) * 1e-9
    other, state = ("closed", "open") if wanted.is_open else ("open", "closed")
    volts = show(float(recorded.channel.values[at]), recorded.channel.unit)
    sentence = (
        f"{wanted.output} was {other} ({volts}) {show(after_s, 's')} after"
        f" {wanted.begin or 'the start'}; it had to stay {state} until {wanted.end or 'the end'}"
    )
    mark = EventMark(
        label=f"{wanted.output} {other}",
        channel=wanted.output,
        time_s=(recorded.time_ns(at) - trace.begin_ns) * 1e-9,
        level=recorded.output.closed_above,
    )
    if sure.size:
        return question.answer(Verdict.FAIL, sentence, (mark,))
    edge_s = min(after_s, max(end_ns - recorded.time_ns(at), 0.0) * 1e-9)
    return question.answer(
        Verdict.INCONCLUSIVE,
        f"{sentence}, within the uncertainty of its level or of the span's ends"
        f" (needs U <= {show(edge_s, 's')} there)",
        (mark,),
    )


def _surely(
    recorded: Recorded, broken: NDArray[np.int64], span_ns: tuple[float, float], *, is_open: bool
) -> NDArray[np.bool_]:
    """Tell which breaches lie inside the span, and off the level, by more than the uncertainty."""
    margin_ns = 1e9 * _clock_u_s(recorded.waveform, span_ns[1])
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


# ---- words and marks ----------------------------------------------------------------------------
def event_marks(
    case: Case, trace: Trace, wanted: Trips | Recovers, cause: At, effect: At
) -> tuple[EventMark, ...]:
    """Return what a report draws: the cause, the reaction, and the limits between them."""
    level = case.outputs[wanted.output].closed_above if wanted.output in case.outputs else None
    at_s = (effect.time_ns - trace.begin_ns) * 1e-9
    cause_s = (cause.time_ns - trace.begin_ns) * 1e-9
    reaction = EventMark(label=effect.said, channel=wanted.output, time_s=at_s, level=level)
    limits = tuple(
        EventMark(label=label, channel=wanted.output, time_s=cause_s + limit_s)
        for label, limit_s in (
            ("earliest allowed", wanted.low_s),
            ("latest allowed", wanted.high_s),
        )
        if limit_s > 0.0
    )
    return (*_cause_marks(trace, wanted.since, cause), reaction, *limits)


def _cause_marks(trace: Trace, since: Instant, cause: At) -> tuple[EventMark, ...]:
    if not isinstance(since, Crossing):
        return ()
    mark = EventMark(
        label=cause.said,
        channel=since.quantity,
        time_s=(cause.time_ns - trace.begin_ns) * 1e-9,
        level=since.level,
    )
    return (mark,)
