"""How a CAN signal moves in a span: only one way, in small steps, hardly at all."""

from __future__ import annotations

import numpy as np

from rig.case import Case
from rig.expectations.signal_ordered import SignalOrdered
from rig.expectations.signal_steady import SignalSteady
from rig.judge.can_signals import SAME, Seen, Values, first_broken, frames_between, silence
from rig.judge.decoder import Decoder
from rig.judge.rules import Question
from rig.judge.verdict import Finding, Verdict
from rig.trace.model import Trace


def judge_signal_ordered(
    case: Case, trace: Trace, wanted: SignalOrdered, question: Question, decode: Decoder
) -> Finding:
    """Judge that a signal never comes back from the furthest it has been."""
    seen = frames_between(case, trace, wanted, decode)
    way = seen.values if wanted.rising else -seen.values
    back = np.maximum.accumulate(way) - way if way.size else way
    broke = first_broken(trace, question, seen, back > wanted.slack + SAME)
    if broke := broke or silence(trace, question, seen):
        return broke
    only = "rose" if wanted.rising else "fell"
    from_to = f"from {seen.values[0]:g} to {seen.values[-1]:g}"
    back_by = f"back by {back.max():g} at most"
    sentence = f"{seen.name} only {only}, {from_to} ({back_by}) {seen.span()}"
    return question.answer(Verdict.PASS, sentence)


def judge_signal_steady(
    case: Case, trace: Trace, wanted: SignalSteady, question: Question, decode: Decoder
) -> Finding:
    """Judge how far a signal moved, from frame to frame and altogether."""
    seen = frames_between(case, trace, wanted, decode)
    steps = np.abs(np.diff(seen.values, prepend=seen.values[:1]))
    spans = _spans(seen)
    wrong = np.zeros(seen.values.size, np.bool_)
    for moved, most in ((steps, wanted.most_step), (spans, wanted.most_span)):
        if most is not None:
            wrong |= moved > most + SAME
    broke = first_broken(trace, question, seen, wrong)
    if broke is not None:
        before = f"; it was {seen.values[0]:g} at first, allowed: {question.expectation}"
        return question.answer(broke.verdict, broke.sentence + before, broke.marks)
    if broke := silence(trace, question, seen):
        return broke
    furthest = f"{steps.max():g} from frame to frame, {spans[-1]:g} altogether"
    return question.answer(Verdict.PASS, f"{seen.name} moved by at most {furthest} {seen.span()}")


def _spans(seen: Seen) -> Values:
    """Return how far it has moved altogether, up to each frame."""
    if not seen.values.size:
        return seen.values
    span: Values = np.maximum.accumulate(seen.values) - np.minimum.accumulate(seen.values)
    return span
