"""A CAN signal takes a value in time: the end of the frame that says so counts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from rig.can_address import SignalAddress
from rig.expectations.answering import is_full, reported
from rig.expectations.expectation import Around, InTime
from rig.expectations.words import SIGNAL, Number, Timed
from rig.judge.can_signals import (
    SILENCE,
    Times,
    Values,
    adapter_row,
    due_every_ns,
    equal,
    silent,
)
from rig.judge.observed import Observed
from rig.judge.rules import NotReached, judged_duration
from rig.judge.timing import At, elapsed, event_mark, find_instant, search_start_ns
from rig.judge.verdict import Finding, Verdict
from rig.judge.wording import said_instant, show, show_range
from rig.steps.conditions import Condition, SignalValue
from rig.trace.model import Trace


class SignalBecomesWords(Timed):
    """A signal that takes a value in time."""

    leads = ("becomes",)

    value: Annotated[Number, Field(alias="becomes")]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalBecomes(InTime):
    """A CAN signal takes `value` between low_s and high_s after `since` (end of frame counts)."""

    signal: SignalAddress
    value: float
    kind: Literal["signal becomes"] = "signal becomes"
    means = "CAN"
    subject = SIGNAL
    words = SignalBecomesWords

    def awaited(self) -> Condition | None:
        return SignalValue(signal=self.signal, value=self.value)

    def answers(self, around: Around) -> Iterator[str]:
        profile, p, said = around.profile, around.protection, self.signal
        if p is not None and said in p.flags:
            goes = self.value != p.flags[said]
            yield from around.of_protection(f"{'clears' if goes else 'flags'}/{said}")
            if not p.opens:  # a warning: the flag is its whole reaction
                yield from around.of_protection("recovers" if goes else "delay")
        if profile.settings and profile.settings.loss and said in profile.settings.loss.flags:
            yield "settings/loss"
        if is_full(profile, self.signal, self.value):
            yield "energy/full"
        yield from reported(around, said, self.value, "comes")

    def sentence(self) -> str:
        return f"{self.signal} becomes {self.value:g} {self.when}"

    def judge(self, observed: Observed) -> Finding:
        """Judge when the signal first takes the value."""
        name, trace = self.signal, observed.trace
        observed.must_have_listened(self.signal.bus)
        cause = find_instant(observed, self.since)
        start_ns = search_start_ns(observed, self.since)
        times, values = observed.signal(self.signal)
        found_ns = _first_taken(times, equal(values, self.value), start_ns, cause.time_ns)
        if found_ns is None:
            return _never_became(trace, self, cause, times, values)
        effect = At(time_ns=found_ns, rows=(adapter_row(trace.frames),), said=f"{name} became")
        mark = event_mark(trace, f"{name} = {self.value:g}", "CAN", found_ns)
        what = (f"{name} became {self.value:g}", cause.said)
        took, limits_s = elapsed(effect, cause), (self.low_s, self.high_s)
        found = judged_duration(self.question, took, limits_s, what, marks=(mark,))
        if found.verdict is Verdict.PASS:
            period_ns = due_every_ns(observed, self.signal, times)
            _must_have_changed(self, times, values, found_ns, period_ns)
        return found


def _must_have_changed(
    wanted: SignalBecomes, times: Times, values: Values, found_ns: float, period_ns: float | None
) -> None:
    """Refuse a value that was reported all along: a signal that is stuck at it shows no effect.

    No fail, as with an output that was open already: what came before the cause is not judged here.
    After a silence the BMS may have started anew, so that what it reported before says nothing.
    """
    before = int(np.searchsorted(times, found_ns)) - 1
    if before < 0 or not equal(values[before : before + 1], wanted.value).all():
        return
    if period_ns is not None and found_ns - times[before] > SILENCE * period_ns:
        return
    raise NotReached(
        f"{wanted.signal} was {wanted.value:g} already before"
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


def _never_became(
    trace: Trace, wanted: SignalBecomes, cause: At, times: Times, values: Values
) -> Finding:
    """Judge that the value never came, on proof that its message or others did."""
    name = wanted.signal
    after = times > cause.time_ns
    until = At(time_ns=trace.end_ns, rows=(adapter_row(trace.frames),))
    watched_s, budget = elapsed(until, cause)
    if after.any():
        sentence = (
            f"{name} did not become {wanted.value:g}: {int(after.sum())} frames in"
            f" {show(watched_s, 's')} after {cause.said}, the last with {values[-1]:g};"
            f" allowed {show_range(wanted.low_s, wanted.high_s, 's')}"
        )
        found = wanted.question.failed(sentence)
    else:
        found = silent(
            trace, wanted.signal.message, wanted.question, int(cause.time_ns), trace.end_ns
        )
    if watched_s - budget.expanded > wanted.high_s:
        return found
    return wanted.question.undecided(
        f"{found.sentence}; the case ended before the latest time allowed"
    )
