"""When an output reacted to its cause: a change that is due within limits after an instant.

Must not know which expectations ask.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from rig.judge.listening import must_have_shown_closed
from rig.judge.observed import Observed
from rig.judge.outputs import Watched, watch
from rig.judge.rules import NoEvidence, NotReached, Question, judged_duration
from rig.judge.timing import (
    At,
    channel_of,
    clock_u_s,
    elapsed,
    find_instant,
    index_at,
    recorded_crossing,
    search_start_ns,
)
from rig.judge.verdict import EventMark, Finding, Verdict
from rig.judge.wording import show, show_range
from rig.time_reference import Crossing, TimeReference
from rig.trace.model import Trace


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A change of an output that is due between low_s and high_s after an instant."""

    output: str
    since: TimeReference
    low_s: float
    high_s: float
    closing: bool


def judge_reaction(observed: Observed, due: Due, question: Question) -> Finding:
    """Judge that an output changes in time."""
    try:
        cause = find_instant(observed, due.since)
    except NoEvidence:
        start_ns = search_start_ns(observed, due.since)
        seen = watch(observed, due.output, start_ns, closing=due.closing)
        question = replace(question, means=seen.means)
        early = _before_the_cause(observed.trace, due, seen, question, start_ns)
        if early is None:
            raise
        return early
    seen = reaction(observed, due, cause)
    question = replace(question, means=seen.means)
    if seen.change is None:
        return _never_changed(observed, due, seen, cause, question)
    effect = seen.change.at
    return judged_duration(
        question,
        elapsed(effect, cause),
        (due.low_s, due.high_s),
        (effect.said, cause.said),
        _marks(observed, due, cause, effect),
    )


def reaction(observed: Observed, due: Due, cause: At) -> Watched:
    """Look for the first change that may be the effect of `cause`."""
    start_ns = search_start_ns(observed, due.since)
    seen = watch(observed, due.output, start_ns, closing=due.closing)
    if not seen.was_ready:
        seen = _shown_early(observed, due, start_ns, cause) or seen
    seen = _not_undone(observed, due, seen, cause)
    if seen.change is None:
        seen = watch(observed, due.output, cause.time_ns, closing=due.closing)
    return seen


def _shown_early(observed: Observed, due: Due, start_ns: float, cause: At) -> Watched | None:
    """Find a change that stands before the step in the record, but may have come after it.

    Where the record began is known to some milliseconds of the rig's clock, and a console command
    is obeyed in one. Such a change is judged by its time, with all of that uncertainty; one that
    surely came before its cause is none, and the output was so already.
    """
    record = observed.trace.record_of(due.output)
    started = At(time_ns=min(start_ns, cause.time_ns), waveform=record)
    apart_ns = 1e9 * elapsed(started, cause)[1].bound
    from_ns = started.time_ns - apart_ns
    seen = watch(observed, due.output, from_ns, closing=due.closing)
    if seen.change is None or not seen.was_ready:
        return None
    took_s, budget = elapsed(seen.change.at, cause)
    return seen if took_s + budget.bound >= 0.0 else None


def _not_undone(observed: Observed, due: Due, seen: Watched, cause: At) -> Watched:
    """Pass over a change that came before the cause and was undone before it: not its effect."""
    if seen.change is None or seen.change.at.time_ns >= cause.time_ns:
        return seen
    later = watch(observed, due.output, cause.time_ns, closing=due.closing)
    undone = watch(observed, due.output, seen.change.at.time_ns, closing=not due.closing).change
    if undone is not None and undone.at.time_ns < cause.time_ns:
        return later
    return seen


def _never_changed(
    observed: Observed, due: Due, seen: Watched, cause: At, question: Question
) -> Finding:
    """Judge that nothing happened: a failure only if it was watched, possible and still due."""
    trace, name, verb = observed.trace, due.output, "close" if due.closing else "open"
    if not seen.was_ready:
        state = "closed" if due.closing else "open"
        what = f"{name} was {state} already before {cause.said}: no telling if it would {verb}"
        if not due.closing:
            must_have_shown_closed(trace, name, observed.output(name).closed_above, what)
        raise NotReached(what)
    watched_s, budget = elapsed(seen.until, cause)
    _must_have_held(trace, due, cause, watched_s)
    sentence = (
        f"{name} did not {verb}: watched for {show(watched_s, 's')} after {cause.said};"
        f" allowed {show_range(due.low_s, due.high_s, 's')}"
    )
    if watched_s - budget.expanded > due.high_s:
        return question.answer(Verdict.FAIL, sentence, _cause_marks(trace, due.since, cause))
    return question.answer(
        Verdict.INCONCLUSIVE, f"{sentence}; the watch ended before the latest time allowed"
    )


def _must_have_held(trace: Trace, due: Due, cause: At, watched_s: float) -> None:
    """Refuse to blame the BMS where the stimulus went back before the reaction was due."""
    since = due.since
    found = channel_of(trace, since.quantity) if isinstance(since, Crossing) else None
    if found is None or not isinstance(since, Crossing):
        return
    waveform, channel = found
    back = Crossing(quantity=since.quantity, level=since.level, rising=not since.rising)
    at = recorded_crossing(waveform, channel, back, cause.time_ns + waveform.interval_s * 1e9)
    held_s = (at.time_ns - cause.time_ns) * 1e-9 if at else watched_s
    if held_s < min(due.high_s, watched_s):
        raise NoEvidence(
            f"{since.quantity} went back over {show(since.level, channel.unit)} after"
            f" {show(held_s, 's')}, before {due.output} was due"
            f" ({show_range(due.low_s, due.high_s, 's')})"
        )


def _before_the_cause(
    trace: Trace, due: Due, seen: Watched, question: Question, start_ns: float
) -> Finding | None:
    """Judge a reaction that came so early that it kept the stimulus from reaching its level."""
    since = due.since
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
    until_ns = at.time_ns
    if at.waveform is not waveform:  # by how much later it may have been in this record
        until_ns += 1e9 * clock_u_s(waveform, at.time_ns, at.waveform)
    part = channel.values[index_at(waveform, start_ns) : index_at(waveform, until_ns)]
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
    mark = EventMark(label=at.said, channel=due.output, time_s=(at.time_ns - trace.begin_ns) * 1e-9)
    return question.answer(Verdict.FAIL, sentence, (mark,))


def _marks(observed: Observed, due: Due, cause: At, effect: At) -> tuple[EventMark, ...]:
    """Return what a report draws: the cause, the reaction, and the limits between them."""
    trace, output = observed.trace, observed.outputs.get(due.output)
    level = output.closed_above if output else None
    at_s = (effect.time_ns - trace.begin_ns) * 1e-9
    cause_s = (cause.time_ns - trace.begin_ns) * 1e-9
    reaction = EventMark(label=effect.said, channel=due.output, time_s=at_s, level=level)
    limits = tuple(
        EventMark(label=label, channel=due.output, time_s=cause_s + limit_s)
        for label, limit_s in (
            ("earliest allowed", due.low_s),
            ("latest allowed", due.high_s),
        )
        if limit_s > 0.0
    )
    return (*_cause_marks(trace, due.since, cause), reaction, *limits)


def _cause_marks(trace: Trace, since: TimeReference, cause: At) -> tuple[EventMark, ...]:
    if not isinstance(since, Crossing):
        return ()
    mark = EventMark(
        label=cause.said,
        channel=since.quantity,
        time_s=(cause.time_ns - trace.begin_ns) * 1e-9,
        level=since.level,
    )
    return (mark,)
