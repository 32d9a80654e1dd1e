"""What the BMS said on CAN: a signal's value in time, a signal that stays, a message's timing.

The end of a frame is what counts: the promise is about the frame, so the sender's period is no
uncertainty of the measurement. Must not know a DBC file; a Decoder is handed in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rig.case import Case
from rig.expectations.message_comes import MessageComes
from rig.expectations.message_sound import MessageSound
from rig.expectations.message_timing import MessageTiming
from rig.expectations.signal_becomes import SignalBecomes
from rig.expectations.signal_stays import SignalStays
from rig.expectations.signal_within import SignalWithin
from rig.judge.budget import Budget, Row, normal
from rig.judge.decoder import Decoder
from rig.judge.expectations import said_instant, said_message
from rig.judge.instants import At, elapsed, find_instant, search_start_ns, window_ns
from rig.judge.listening import must_have_listened
from rig.judge.rules import (
    NoEvidence,
    NotReached,
    Question,
    judge_within,
    judged_duration,
    measurement,
    why_undecided,
    worst,
)
from rig.judge.verdict import EventMark, Finding, Verdict
from rig.judge.wording import show, show_measured, show_range
from rig.trace.model import SENT, Frames, Trace

SILENCE = 3.0  # this many periods without the message are a silence, no longer jitter
SAME = 1e-9  # relative: a decoded value is raw * factor, in floats

Times = NDArray[np.int64]
Values = NDArray[np.float64]


def _equal(values: Values, wanted: float) -> NDArray[np.bool_]:
    return np.asarray(np.abs(values - wanted) <= SAME * max(1.0, abs(wanted)))


def adapter_row(frames: Frames) -> Row:
    """Return the uncertainty of a frame's stamp on the rig's clock."""
    return normal("CAN adapter clock", frames.time_u_s, "adapter's clock against the rig's")


# ---- a signal takes a value -------------------------------------------------------------------
def judge_signal_becomes(
    case: Case, trace: Trace, wanted: SignalBecomes, question: Question, decode: Decoder
) -> Finding:
    """Judge when a signal first takes a value, by the end of the frame that says so."""
    name = f"{wanted.message}.{wanted.signal}"
    must_have_listened(trace, "can")
    cause = find_instant(case, trace, wanted.since)
    start_ns = search_start_ns(case, trace, wanted.since)
    times, values = decode(trace.frames, wanted.message, wanted.signal)
    found_ns = _first_taken(times, _equal(values, wanted.value), start_ns, cause.time_ns)
    if found_ns is None:
        return _never_became(trace, wanted, question, cause, times, values)
    effect = At(time_ns=found_ns, rows=(adapter_row(trace.frames),), said=f"{name} became")
    mark = EventMark(
        label=f"{name} = {wanted.value:g}", channel="CAN", time_s=(found_ns - trace.begin_ns) * 1e-9
    )
    what = (f"{name} became {wanted.value:g}", cause.said)
    limits_s = wanted.low_s, wanted.high_s
    found = judged_duration(question, elapsed(effect, cause), limits_s, what, marks=(mark,))
    if found.verdict is Verdict.PASS:
        period_ns = due_every_ns(case, trace, wanted.message, times, decode)
        _must_have_changed(wanted, times, values, found_ns, period_ns)
    return found


def _must_have_changed(
    wanted: SignalBecomes, times: Times, values: Values, found_ns: float, period_ns: float | None
) -> None:
    """Refuse a value that was told all along: a signal that is stuck at it shows no effect.

    No fail, as with an output that was open already: what came before the cause is not judged here.
    After a silence the BMS may have started anew, so that what it told before says nothing.
    """
    before = int(np.searchsorted(times, found_ns)) - 1
    if before < 0 or not _equal(values[before : before + 1], wanted.value).all():
        return
    if period_ns is not None and found_ns - times[before] > SILENCE * period_ns:
        return
    raise NotReached(
        f"{wanted.message}.{wanted.signal} was {wanted.value:g} already before"
        f" {said_instant(wanted.since)}: whether it would become so can't be seen"
    )


def _first_taken(
    times: Times, taken: NDArray[np.bool_], start_ns: float, cause_ns: float
) -> float | None:
    """Return when the value that holds after the cause was first sent, from `start_ns` on.

    A value that came and went before the cause is not its effect; one that was there before the
    cause and still is came too early, and is returned as it was.
    """
    later = np.flatnonzero(taken & (times >= start_ns))
    if not later.size:
        return None
    after = later[times[later] >= cause_ns]
    if not after.size:
        return None
    first = int(after[0])
    gone = np.flatnonzero(~taken[:first] & (times[:first] >= start_ns))
    held_from = int(gone[-1]) + 1 if gone.size else int(later[0])
    return float(times[held_from])


def _never_became(  # noqa: PLR0913, PLR0917
    trace: Trace,
    wanted: SignalBecomes,
    question: Question,
    cause: At,
    times: Times,
    values: Values,
) -> Finding:
    """Judge that the value never came, on proof that its message or others did."""
    name = f"{wanted.message}.{wanted.signal}"
    after = times > cause.time_ns
    until = At(time_ns=trace.end_ns, rows=(adapter_row(trace.frames),))
    watched_s, budget = elapsed(until, cause)
    if after.any():
        sentence = (
            f"{name} did not become {wanted.value:g}: {int(after.sum())} frames in"
            f" {show(watched_s, 's')} after {cause.said}, the last with {values[-1]:g};"
            f" allowed {show_range(wanted.low_s, wanted.high_s, 's')}"
        )
        found = question.answer(Verdict.FAIL, sentence)
    else:
        found = _silent(trace, wanted.message, question, int(cause.time_ns), trace.end_ns)
    if watched_s - budget.expanded > wanted.high_s:
        return found
    return question.answer(
        Verdict.INCONCLUSIVE, f"{found.sentence}; the case ended before the latest time allowed"
    )


def _silent(trace: Trace, message: str, question: Question, begin_ns: int, end_ns: int) -> Finding:
    """Judge that a message never came: the BMS's fault only if the bus was alive."""
    frames = trace.frames
    inside = (frames.time_ns > begin_ns) & (frames.time_ns < end_ns)
    others = int((inside & (frames.flags & SENT == 0)).sum())
    span = show((end_ns - begin_ns) * 1e-9, "s")
    if not others and (unanswered := _unanswered(trace)):
        sentence = (
            f"no {message} in {span}, and nobody acknowledged {unanswered} of the rig's frames"
        )
        return question.answer(Verdict.FAIL, sentence)
    if not others:
        heard = int((frames.flags & SENT == 0).sum())
        raise NoEvidence(
            f"nothing at all came on CAN for {span} ({heard} frames in the whole case): no proof"
            " that the bus was connected and the BMS powered"
        )
    sentence = f"no {message} in {span}; the bus was alive ({others} other frames, none dropped)"
    return question.answer(Verdict.FAIL, sentence)


def _must_outlast(message: str, count: int, span_ns: float, least_ns: float) -> None:
    """Refuse to blame a BMS for a span so short that one that is right may send as little in it."""
    if span_ns > least_ns:
        return
    seen = f"only one {message}" if count else f"no {message}"
    span, least = show(span_ns * 1e-9, "s"), show(least_ns * 1e-9, "s")
    raise NoEvidence(
        f"{seen} in {span} proves nothing, as rarely as it is due: look for longer than {least}"
    )


# ---- a signal keeps a value, or stays in a range ---------------------------------------------
def judge_signal_stays(
    case: Case, trace: Trace, wanted: SignalStays, question: Question, decode: Decoder
) -> Finding:
    """Judge that a signal has one value in every frame, and that frames came all the time."""
    seen = frames_between(case, trace, wanted, decode)
    wrong = ~_equal(seen.values, wanted.value)
    broke = first_broken(trace, question, seen, wrong) or silence(trace, question, seen)
    return broke or question.answer(Verdict.PASS, f"{seen.name} was {wanted.value:g} {seen.span()}")


def judge_signal_within(
    case: Case, trace: Trace, wanted: SignalWithin, question: Question, decode: Decoder
) -> Finding:
    """Judge that a signal lies in a range in every frame, and that frames came all the time."""
    seen = frames_between(case, trace, wanted, decode)
    slack = SAME * max(1.0, abs(wanted.low), abs(wanted.high))
    outside = (seen.values < wanted.low - slack) | (seen.values > wanted.high + slack)
    if wanted.or_says is not None:
        outside &= ~_equal(seen.values, wanted.or_says)
    broke = first_broken(trace, question, seen, outside, wanted.unit)
    if broke := broke or silence(trace, question, seen):
        return broke
    low, high = (f"{v:g}" for v in (seen.values.min(), seen.values.max()))
    unit = f" {wanted.unit}" if wanted.unit else ""
    sentence = f"{seen.name} was {low} to {high}{unit} {seen.span()}"
    return question.answer(Verdict.PASS, sentence)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What one signal was in a span of the case."""

    message: str
    name: str
    times: Times
    values: Values
    begin_ns: int
    end_ns: int
    period_ns: float | None  # of the message; None: nothing says how often it is due

    def span(self) -> str:
        """Say how many frames of what time these are."""
        length = show((self.end_ns - self.begin_ns) * 1e-9, "s")
        return f"in all {self.times.size} frames of {length}; none dropped"


class InSpan(Protocol):
    """What names a signal and a span between two marks."""

    @property
    def message(self) -> str: ...  # noqa: D102
    @property
    def signal(self) -> str: ...  # noqa: D102
    @property
    def begin(self) -> str | None: ...  # noqa: D102
    @property
    def end(self) -> str | None: ...  # noqa: D102


def frames_between(case: Case, trace: Trace, wanted: InSpan, decode: Decoder) -> Seen:
    """Return what a signal was between two marks, on proof that something listened."""
    must_have_listened(trace, "can")
    begin_ns, end_ns = window_ns(trace, wanted.begin, wanted.end)
    times, values = decode(trace.frames, wanted.message, wanted.signal)
    inside = (times >= begin_ns) & (times <= end_ns)
    if isinstance(wanted, SignalWithin) and wanted.once_sent and inside.any():
        begin_ns = int(times[inside][0])
    return Seen(
        message=wanted.message,
        name=f"{wanted.message}.{wanted.signal}",
        times=times[inside],
        values=values[inside],
        begin_ns=begin_ns,
        end_ns=end_ns,
        period_ns=due_every_ns(case, trace, wanted.message, times, decode),
    )


def first_broken(
    trace: Trace, question: Question, seen: Seen, broken: NDArray[np.bool_], unit: str = ""
) -> Finding | None:
    """Judge the first wrong value; next to the span's ends the adapter's clock decides nothing."""
    if not broken.any():
        return None
    margin_ns = 1e9 * Budget.of((adapter_row(trace.frames),)).expanded
    inside_ns = np.minimum(seen.times - seen.begin_ns, seen.end_ns - seen.times)
    sure = np.flatnonzero(broken & (inside_ns >= margin_ns))
    at = int(sure[0] if sure.size else np.flatnonzero(broken)[0])
    since_s = (int(seen.times[at]) - seen.begin_ns) * 1e-9
    value = f"{seen.values[at]:g}" + (f" {unit}" if unit else "")
    sentence = f"{seen.name} was {value} {show(since_s, 's')} after the span began"
    mark = EventMark(
        label=f"{seen.name} = {value}",
        channel="CAN",
        time_s=(int(seen.times[at]) - trace.begin_ns) * 1e-9,
    )
    if not sure.size:
        needed = show(float(inside_ns[at]) * 1e-9, "s")
        return question.answer(
            Verdict.INCONCLUSIVE,
            f"{sentence}, which may be just outside it; needs U <= {needed}",
            (mark,),
        )
    return question.answer(Verdict.FAIL, sentence, (mark,))


def silence(trace: Trace, question: Question, seen: Seen) -> Finding | None:
    """Judge a span in which the message was missing while others came.

    Raises
    ------
    NoEvidence
        Nothing came at all; or no frame of it in so short a span that none was surely due; or
        frames came, but nothing says how often they were due.
    """
    gap_ns, gap_from_ns = _longest_gap(seen.times, seen.begin_ns, seen.end_ns)
    allowed_ns = SILENCE * (seen.period_ns or 0.0)
    if not seen.times.size:
        _must_outlast(seen.message, 0, gap_ns, allowed_ns)
    elif seen.period_ns is None:
        raise NoEvidence(
            f"one {seen.message} came in the whole case and none is promised at intervals: no proof"
            f" of what it would have said for {show(gap_ns * 1e-9, 's')}"
        )
    elif gap_ns <= allowed_ns:
        return None
    elif not _others_came(trace, gap_from_ns, gap_from_ns + gap_ns):
        raise NoEvidence(f"nothing came on CAN for {show(gap_ns * 1e-9, 's')} of the span")
    return _silent(trace, seen.message, question, gap_from_ns, gap_from_ns + gap_ns)


def _longest_gap(times: Times, begin_ns: int, end_ns: int) -> tuple[int, int]:
    """Return the longest stretch without a frame, and where it began."""
    points = np.concatenate([[begin_ns], times, [end_ns]])
    gaps = np.diff(points)
    longest = int(np.argmax(gaps))
    return int(gaps[longest]), int(points[longest])


def due_every_ns(
    case: Case, trace: Trace, message: str, times: Times, decode: Decoder
) -> float | None:
    """Return how often a signal is due: as its message is promised, else as it usually came."""
    promised_s = case.periods.get(message)
    # A multiplexed signal is not in every frame of its message.
    if promised_s is not None and decode.rows(trace.frames, message).size == times.size:
        return promised_s * 1e9
    return float(np.median(np.diff(times))) if times.size > 1 else None


def _others_came(trace: Trace, begin_ns: int, end_ns: int) -> bool:
    frames = trace.frames
    inside = (frames.time_ns > begin_ns) & (frames.time_ns < end_ns)
    return bool((inside & (frames.flags & SENT == 0)).any())


# ---- a message comes --------------------------------------------------------------------------
def judge_message_comes(
    case: Case, trace: Trace, wanted: MessageComes, question: Question, decode: Decoder
) -> Finding:
    """Judge how often a message came with these values; a stamp near a limit may count or not."""
    must_have_listened(trace, "can")
    cause = find_instant(case, trace, wanted.since)
    times = _times_where(trace, wanted, decode)
    _, budget = elapsed(At(time_ns=trace.end_ns, rows=(adapter_row(trace.frames),)), cause)
    u_ns = 1e9 * budget.expanded
    low_ns, high_ns = (cause.time_ns + 1e9 * limit_s for limit_s in (wanted.low_s, wanted.high_s))
    surely = int(((times > low_ns + u_ns) & (times < high_ns - u_ns)).sum())
    perhaps = times[(times > low_ns - u_ns) & (times < high_ns + u_ns)]
    marks = [
        EventMark(label=wanted.message, channel="CAN", time_s=(int(t) - trace.begin_ns) * 1e-9)
        for t in perhaps[:1]
    ]
    verdict, sentence = _judge_count(surely, perhaps.size, wanted), _counted(wanted, perhaps, cause)
    if trace.end_ns < high_ns and not _settled(surely, wanted):
        verdict = Verdict.INCONCLUSIVE
        missing = show((high_ns - trace.end_ns) * 1e-9, "s")
        sentence += f"; the case ended {missing} before the latest time allowed"
    if not perhaps.size:
        _bus_was_alive(trace, int(low_ns), int(high_ns))
    return question.answer(verdict, sentence, marks)


def _times_where(trace: Trace, wanted: MessageComes, decode: Decoder) -> Times:
    """Return the times of the frames that hold the wanted values."""
    times = trace.frames.time_ns[decode.rows(trace.frames, wanted.message)]
    right = np.ones(times.size, np.bool_)
    for signal, value in wanted.where.items():
        of_signal, values = decode(trace.frames, wanted.message, signal)
        hits = _equal(values, value)
        # A multiplexed signal is not in every frame of its message.
        right &= hits if hits.size == times.size else np.isin(times, of_signal[hits])
    return times[right]


def _judge_count(surely: int, perhaps: int, wanted: MessageComes) -> Verdict:
    most = perhaps if wanted.at_most is None else wanted.at_most
    if perhaps < wanted.at_least or surely > most:
        return Verdict.FAIL
    return Verdict.PASS if wanted.at_least <= surely and perhaps <= most else Verdict.INCONCLUSIVE


def _settled(surely: int, wanted: MessageComes) -> bool:
    """Tell whether no message that may still come can change the verdict."""
    if wanted.at_most is None:
        return surely >= wanted.at_least
    return surely > wanted.at_most


def _counted(wanted: MessageComes, times: Times, cause: At) -> str:
    """Return how often it came, and when first."""
    what = said_message(wanted.message, wanted.where)
    limits = show_range(wanted.low_s, wanted.high_s, "s")
    if not times.size:
        return f"{what} did not come {limits} after {cause.said}"
    first = show((int(times[0]) - cause.time_ns) * 1e-9, "s")
    often = "once" if times.size == 1 else f"{times.size} times"
    return f"{what} came {often} {limits} after {cause.said}, first after {first}"


def _unanswered(trace: Trace) -> int:
    """Frames that the rig sent for nothing: its adapter was there, and no BMS to acknowledge."""
    link = trace.links.get("can")
    return link.unanswered if link else 0


def _bus_was_alive(trace: Trace, begin_ns: int, end_ns: int) -> None:
    """Raise unless something came, or a frame of the rig's own left: somebody acknowledged that."""
    times = trace.frames.time_ns
    something_left = ((times > begin_ns) & (times < end_ns)).any()
    if not something_left and not _unanswered(trace):
        raise NoEvidence(
            "nothing at all came on CAN in that time: no proof that the bus was connected"
        )


# ---- a message's timing -----------------------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class _Received:
    """The frames of one message in the span."""

    rows: NDArray[np.intp]
    times: Times

    @property
    def intervals_s(self) -> Values:
        """Shape (n - 1,)."""
        return np.diff(self.times) * 1e-9


def judge_message_timing(
    case: Case, trace: Trace, wanted: MessageTiming, question: Question, decode: Decoder
) -> Finding:
    """Judge every interval, length, counter and checksum of a message.

    Two frames are surely due only within two of the longest intervals allowed.
    """
    del case
    must_have_listened(trace, "can")
    begin_ns, end_ns = window_ns(trace, wanted.begin, wanted.end)
    rows = decode.rows(trace.frames, wanted.message)
    times = trace.frames.time_ns[rows]
    inside = (times >= begin_ns) & (times <= end_ns)
    received = _Received(rows=rows[inside], times=times[inside])
    if received.times.size < 2:
        least_ns = 2e9 * (wanted.period_s + wanted.tolerance_s)
        _must_outlast(wanted.message, received.times.size, end_ns - begin_ns, least_ns)
    if received.times.size == 1:
        span = show((end_ns - begin_ns) * 1e-9, "s")
        return question.answer(Verdict.FAIL, f"only one {wanted.message} in {span}")
    if not received.times.size:
        return _silent(trace, wanted.message, question, begin_ns, end_ns)
    faults = _content_faults(trace, wanted, decode, received, inside)
    return _timing_finding(trace, wanted, question, received, faults, (begin_ns, end_ns))


def judge_message_sound(
    case: Case, trace: Trace, wanted: MessageSound, question: Question, decode: Decoder
) -> Finding:
    """Judge length, counter and checksum of every frame of a message, whenever it came."""
    must_have_listened(trace, "can")
    begin_ns, end_ns = window_ns(trace, wanted.begin, wanted.end)
    rows = decode.rows(trace.frames, wanted.message)
    times = trace.frames.time_ns[rows]
    inside = (times >= begin_ns) & (times <= end_ns)
    received = _Received(rows=rows[inside], times=times[inside])
    if not received.times.size:
        allowed_ns = SILENCE * case.periods.get(wanted.message, 0.0) * 1e9
        _must_outlast(wanted.message, 0, end_ns - begin_ns, allowed_ns)
        return _silent(trace, wanted.message, question, begin_ns, end_ns)
    faults = _content_faults(trace, wanted, decode, received, inside)
    if faults:
        return question.answer(Verdict.FAIL, f"{wanted.message}: {'; '.join(faults)}")
    sentence = f"all {received.times.size} frames of {wanted.message} were right"
    return question.answer(Verdict.PASS, sentence)


def _timing_finding(  # noqa: PLR0913, PLR0917
    trace: Trace,
    wanted: MessageTiming,
    question: Question,
    received: _Received,
    faults: list[str],
    span_ns: tuple[int, int],
) -> Finding:
    """Return the finding on the interval that is furthest from the period, and all faults."""
    intervals = _with_overdue(received, wanted, span_ns)
    # Both stamps come from one adapter, but its jitter is what its clock's u mostly is: two draws.
    budget = Budget.of(
        normal(name, trace.frames.time_u_s, "CAN adapter: jitter of one stamp")
        for name in ("stamp of the earlier frame", "stamp of the later frame")
    )
    limits = wanted.period_s - wanted.tolerance_s, wanted.period_s + wanted.tolerance_s
    at = int(np.argmax(np.abs(intervals - wanted.period_s)))
    measured = measurement(float(intervals[at]), budget, "s")
    timing = judge_within(measured, *limits)
    verdict = worst((timing, Verdict.FAIL)) if faults else timing
    own = received.intervals_s
    sentence = (
        f"{received.times.size} frames, {own.min() * 1e3:.1f} ms to {own.max() * 1e3:.1f} ms apart"
        f" (± {show(measured.expanded, 's')}, mean {own.mean() * 1e3:.1f} ms);"
        f" allowed {show_range(*limits, 's')}"
    )
    if timing is Verdict.FAIL:
        faults = [f"an interval of {show_measured(measured)}", *faults]
    if faults:
        sentence = f"{'; '.join(faults)}; {sentence}"
    elif verdict is Verdict.INCONCLUSIVE:
        sentence += f"; {why_undecided(measured, budget, *limits)}"
    at_ns = int(received.times[min(at, received.times.size - 1)])
    mark = EventMark(label="worst interval", channel="CAN", time_s=(at_ns - trace.begin_ns) * 1e-9)
    return question.measured(verdict, sentence, (measured, budget), limits, (mark,))


def _with_overdue(received: _Received, wanted: MessageTiming, span_ns: tuple[int, int]) -> Values:
    """Return the intervals, and the wait at either end of the span where it was too long."""
    begin_ns, end_ns = span_ns
    ends = np.array([received.times[0] - begin_ns, end_ns - received.times[-1]]) * 1e-9
    overdue = ends[ends > wanted.period_s + wanted.tolerance_s]
    return np.concatenate([received.intervals_s, overdue])


def _content_faults(
    trace: Trace,
    wanted: MessageTiming | MessageSound,
    decode: Decoder,
    received: _Received,
    inside: NDArray[np.bool_],
) -> list[str]:
    """Return what is wrong with length, counter, checksum and spare bits, one clause each."""
    faults = []
    lengths = trace.frames.length[received.rows]
    if np.any(lengths != wanted.length):
        odd = int(lengths[lengths != wanted.length][0])
        count = int((lengths != wanted.length).sum())
        faults.append(f"{count} frames of {odd} bytes, not {wanted.length}")
    if wanted.counter is not None:
        faults += _counter_faults(trace, wanted, decode, received)
    if wanted.crc is not None:
        right = decode.check_crc(
            trace.frames, wanted.message, wanted.crc, wanted.crc_data_id, wanted.crc_kind
        )
        wrong = np.flatnonzero(~right[inside])
        if wrong.size:
            at_s = (int(received.times[wrong[0]]) - trace.begin_ns) * 1e-9
            faults.append(f"{wrong.size} wrong checksums, the first at {show(at_s, 's')}")
    if wanted.spare_zero:
        clean = decode.spare_is_zero(trace.frames, wanted.message)[inside]
        if not clean.all():
            at_s = (int(received.times[~clean][0]) - trace.begin_ns) * 1e-9
            count = int((~clean).sum())
            faults.append(f"{count} frames with spare bits set, the first at {show(at_s, 's')}")
    return faults


def _counter_faults(
    trace: Trace, wanted: MessageTiming | MessageSound, decode: Decoder, received: _Received
) -> list[str]:
    """Return a clause if the counter ever fails to go up by one (after its last value: to 0)."""
    times, counter = decode(trace.frames, wanted.message, wanted.counter or "")
    kept = np.isin(times, received.times)
    times, counter = times[kept], counter[kept]
    due = np.where(counter[:-1] == wanted.counter_last, 0.0, counter[:-1] + 1.0)
    wrong = np.flatnonzero(counter[1:] != due)
    if not wrong.size:
        return []
    i = int(wrong[0])
    at_s = (int(times[i + 1]) - trace.begin_ns) * 1e-9
    return [
        f"counter {wanted.counter} went from {counter[i]:g} to {counter[i + 1]:g} at"
        f" {show(at_s, 's')} ({wrong.size} times out of order)"
    ]
