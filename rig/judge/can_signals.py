"""What the BMS said on CAN: a signal in a span of the case, and messages that are missing.

The end of a frame is what counts: the claim is about the frame, so the sender's period is no
uncertainty of the measurement. Must not know a DBC file; a Decoder is handed in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rig.can_address import MessageAddress, SignalAddress, bus_told
from rig.judge.budget import Budget, Row, normal
from rig.judge.observed import Observed
from rig.judge.rules import NoEvidence, Question
from rig.judge.series import Reports
from rig.judge.timing import event_mark, window_ns
from rig.judge.verdict import Finding
from rig.judge.wording import show
from rig.trace.model import SENT, Frames, Trace

SILENCE = 3.0  # this many periods without the message are a silence, no longer jitter
SAME = 1e-9  # relative: a decoded value is raw * factor, in floats

Times = NDArray[np.int64]
Values = NDArray[np.float64]


def equal(values: Values, wanted: float) -> NDArray[np.bool_]:
    """Tell which values (any shape) are the wanted one, but for the rounding of a float."""
    return np.asarray(np.abs(values - wanted) <= SAME * max(1.0, abs(wanted)))


def adapter_row(frames: Frames) -> Row:
    """Return the uncertainty of a frame's stamp on the rig's clock."""
    return normal("CAN adapter clock", frames.time_u_s, "adapter's clock against the rig's")


# ---- what is missing --------------------------------------------------------------------------
def silent(
    trace: Trace, message: MessageAddress, question: Question, begin_ns: int, end_ns: int
) -> Finding:
    """Judge that a message never came: the BMS's fault only if the bus was alive.

    Raises
    ------
    NoEvidence
        Nothing else came on its bus either, and no frame of the rig's stayed unacknowledged.
    """
    frames = trace.frames
    inside = (frames.time_ns > begin_ns) & (frames.time_ns < end_ns)
    others = int((inside & (frames.flags & SENT == 0)).sum())
    span = show((end_ns - begin_ns) * 1e-9, "s")
    if not others and (sent := unanswered(trace, message.bus)):
        sentence = f"no {message} in {span}, and nobody acknowledged {sent} of the rig's frames"
        return question.failed(sentence)
    if not others:
        heard = int((frames.flags & SENT == 0).sum())
        raise NoEvidence(
            f"nothing at all came on {bus_told(message.bus)} for {span} ({heard} frames in the"
            " whole case): no proof that the bus was connected and the BMS powered"
        )
    sentence = f"no {message} in {span}; the bus was alive ({others} other frames, none dropped)"
    return question.failed(sentence)


def must_outlast(message: str, count: int, span_ns: float, least_ns: float) -> None:
    """Refuse to blame a BMS for a span so short that one that is right may send as little in it.

    Raises
    ------
    NoEvidence
        The span is no longer than `least_ns`.
    """
    if span_ns > least_ns:
        return
    seen = f"only one {message}" if count else f"no {message}"
    span, least = show(span_ns * 1e-9, "s"), show(least_ns * 1e-9, "s")
    raise NoEvidence(
        f"{seen} in {span} proves nothing, as rarely as it is due: look for longer than {least}"
    )


def unanswered(trace: Trace, bus: str) -> int:
    """Frames that the rig sent for nothing: its adapter was there, and no BMS to acknowledge."""
    link = trace.links.get(bus)
    return link.unanswered if link else 0


# ---- a signal keeps a value, or stays in a range ---------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What one signal was in a span of the case."""

    signal: SignalAddress
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
    def signal(self) -> SignalAddress: ...  # noqa: D102
    @property
    def begin(self) -> str | None: ...  # noqa: D102
    @property
    def end(self) -> str | None: ...  # noqa: D102


def frames_between(observed: Observed, wanted: InSpan, *, once_sent: bool = False) -> Seen:
    """Return what a signal was between two marks, on proof that something listened.

    With `once_sent` the span begins with its first frame.
    """
    trace = observed.trace
    observed.must_have_listened(wanted.signal.bus)
    begin_ns, end_ns = window_ns(trace, wanted.begin, wanted.end)
    times, values = observed.signal(wanted.signal)
    inside = (times >= begin_ns) & (times <= end_ns)
    if once_sent and inside.any():
        begin_ns = int(times[inside][0])
    return Seen(
        signal=wanted.signal,
        times=times[inside],
        values=values[inside],
        begin_ns=begin_ns,
        end_ns=end_ns,
        period_ns=due_every_ns(observed, wanted.signal, times),
    )


def unlike(observed: Observed, wanted: Sequence[InSpan], value: float) -> NDArray[np.bool_]:
    """Tell which of n signals may not have kept a value in one span, shape (n,).

    Of all others each frame had it, and none was missing.
    """
    observed.must_have_listened("can")
    begin_ns, end_ns = window_ns(observed.trace, wanted[0].begin, wanted[0].end)
    parts = [observed.signal(one.signal) for one in wanted]
    due = [due_every_ns(observed, one.signal, t) for one, (t, _) in zip(wanted, parts, strict=True)]
    all_ = Reports.of(parts)
    inside = (all_.times_ns >= begin_ns) & (all_.times_ns <= end_ns)
    times_ns, which = all_.times_ns[inside], all_.which[inside]
    broken = which[~equal(all_.values[inside], value)]
    starts = np.append(True, np.diff(which) > 0)[: which.size]
    gaps_ns = np.diff(times_ns, prepend=begin_ns)
    gaps_ns[starts] = times_ns[starts] - begin_ns
    longest_ns = np.zeros(len(wanted))
    np.maximum.at(longest_ns, which, gaps_ns)
    last_ns = np.full(len(wanted), begin_ns)
    np.maximum.at(last_ns, which, times_ns)
    longest_ns = np.maximum(longest_ns, end_ns - last_ns)
    allowed_ns = SILENCE * np.array([0.0 if period_ns is None else period_ns for period_ns in due])
    wrong = np.bincount(broken, minlength=len(wanted)) > 0
    return np.asarray(wrong | (longest_ns > allowed_ns))


def first_broken(
    trace: Trace, question: Question, seen: Seen, broken: NDArray[np.bool_], unit: str = ""
) -> Finding | None:
    """Judge the first wrong value; next to the span's ends the adapter's clock decides nothing.

    Parameters
    ----------
    broken : bool, shape (n,)
        For each value of `seen`, whether it is wrong.

    Returns
    -------
    Finding or None
        None where none is wrong.
    """
    if not broken.any():
        return None
    margin_ns = 1e9 * Budget.of((adapter_row(trace.frames),)).expanded
    inside_ns = np.minimum(seen.times - seen.begin_ns, seen.end_ns - seen.times)
    sure = np.flatnonzero(broken & (inside_ns >= margin_ns))
    at = int(sure[0] if sure.size else np.flatnonzero(broken)[0])
    since_s = (int(seen.times[at]) - seen.begin_ns) * 1e-9
    value = f"{seen.values[at]:g}" + (f" {unit}" if unit else "")
    sentence = f"{seen.signal} was {value} {show(since_s, 's')} after the span began"
    mark = event_mark(trace, f"{seen.signal} = {value}", "CAN", int(seen.times[at]))
    if not sure.size:
        needed = show(float(inside_ns[at]) * 1e-9, "s")
        return question.undecided(
            f"{sentence}, which may be just outside it; needs U <= {needed}",
            (mark,),
        )
    return question.failed(sentence, (mark,))


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
        must_outlast(seen.signal.message, 0, gap_ns, allowed_ns)
    elif seen.period_ns is None:
        raise NoEvidence(
            f"one {seen.signal.message} came in the whole case and none is claimed at intervals:"
            f" no proof of what it would have said for {show(gap_ns * 1e-9, 's')}"
        )
    elif gap_ns <= allowed_ns:
        return None
    elif not _others_came(trace, gap_from_ns, gap_from_ns + gap_ns):
        raise NoEvidence(f"nothing came on CAN for {show(gap_ns * 1e-9, 's')} of the span")
    return silent(trace, seen.signal.message, question, gap_from_ns, gap_from_ns + gap_ns)


def _longest_gap(times: Times, begin_ns: int, end_ns: int) -> tuple[int, int]:
    """Return the longest stretch without a frame, and where it began."""
    points = np.concatenate([[begin_ns], times, [end_ns]])
    gaps = np.diff(points)
    longest = int(np.argmax(gaps))
    return int(gaps[longest]), int(points[longest])


def due_every_ns(observed: Observed, signal: SignalAddress, times: Times) -> float | None:
    """Return how often a signal is due: as its message is claimed, else as it usually came."""
    promised_s = observed.period_s(signal.message)
    # A multiplexed signal is not in every frame of its message.
    if promised_s is not None and observed.rows(signal.message).size == times.size:
        return promised_s * 1e9
    return float(np.median(np.diff(times))) if times.size > 1 else None


def _others_came(trace: Trace, begin_ns: int, end_ns: int) -> bool:
    frames = trace.frames
    inside = (frames.time_ns > begin_ns) & (frames.time_ns < end_ns)
    return bool((inside & (frames.flags & SENT == 0)).any())
