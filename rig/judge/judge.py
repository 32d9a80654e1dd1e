"""A case and its trace become a judgement. Pure: no instrument, no clock, no file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from rig.case import Case
from rig.expectations import Expectation
from rig.judge.balancing import judge_balances
from rig.judge.can_signals import (
    judge_message_comes,
    judge_message_sound,
    judge_message_timing,
    judge_signal_becomes,
    judge_signal_stays,
    judge_signal_within,
)
from rig.judge.console import judge_console_never_says, judge_console_says
from rig.judge.cycles import judge_cycles
from rig.judge.decoder import Decoder, NoMessages
from rig.judge.energy import judge_counts_charge, judge_follows_cells
from rig.judge.expectations import question_of
from rig.judge.lag import fell_behind
from rig.judge.moves import judge_signal_ordered, judge_signal_steady
from rig.judge.outputs import judge_recovers, judge_stays, judge_trips
from rig.judge.rules import NoEvidence, NotReached, Question, worst
from rig.judge.start import judge_start
from rig.judge.telemetry import judge_telemetry
from rig.judge.threshold import judge_threshold
from rig.judge.verdict import NOT_REACHED, Finding, Judgement, Verdict
from rig.trace.model import OWN_BUS, Trace

# Kind of expectation to its judge.
_Judge = Callable[[Case, Trace, Any, Question, Decoder], Finding]
_SimpleJudge = Callable[[Case, Trace, Any, Question], Finding]


def _without_can(simple: _SimpleJudge) -> _Judge:
    """Return a judge that has no use for a decoder."""
    return lambda case, trace, wanted, question, _: simple(case, trace, wanted, question)


JUDGES: Mapping[str, _Judge] = {
    "trips": _without_can(judge_trips),
    "recovers": _without_can(judge_recovers),
    "stays": _without_can(judge_stays),
    "cycles": _without_can(judge_cycles),
    "threshold": _without_can(judge_threshold),
    "balances": _without_can(judge_balances),
    "console says": _without_can(judge_console_says),
    "console never says": _without_can(judge_console_never_says),
    "signal becomes": judge_signal_becomes,
    "signal stays": judge_signal_stays,
    "signal within": judge_signal_within,
    "signal ordered": judge_signal_ordered,
    "signal steady": judge_signal_steady,
    "follows cells": judge_follows_cells,
    "counts charge": judge_counts_charge,
    "message comes": judge_message_comes,
    "message timing": judge_message_timing,
    "message sound": judge_message_sound,
    "telemetry": judge_telemetry,
}


def judge(case: Case, trace: Trace, decode: Decoder | None = None) -> Judgement:
    """Judge every expectation of a case; a failure of the bench is the answer to all of them."""
    # A foreign bus proves nothing of the BMS's, and may bear the same identifiers.
    trace = replace(trace, frames=trace.frames.on(OWN_BUS))
    late = fell_behind(trace)
    if late is not None:  # where the bench broke as well, that is what is told
        broke = None if trace.unready else trace.error
        return Judgement(
            case_id=case.id, verdict=Verdict.ERROR, sentence=broke or late, findings=()
        )
    started = judge_start(case, trace)
    if trace.error is not None:
        return _without_steps(case, trace, started)
    decoder = decode or NoMessages()
    judged = tuple(judge_expectation(case, trace, e, decoder) for e in case.expectations)
    findings = (*judged, *started)
    verdict = worst(finding.verdict for finding in findings)
    return Judgement(
        case_id=case.id,
        verdict=verdict,
        sentence=_sentence(verdict, (*started, *judged)),
        findings=findings,
    )


def _without_steps(case: Case, trace: Trace, started: tuple[Finding, ...]) -> Judgement:
    """Judge a case that was not driven to its end: what its start was, else what kept it."""
    verdict = worst(finding.verdict for finding in started)
    if started and (trace.unready or verdict is Verdict.FAIL):
        sentence = _sentence(verdict, started)
        return Judgement(case_id=case.id, verdict=verdict, sentence=sentence, findings=started)
    reason = trace.error or ""
    if trace.unready and trace.start is not None:
        inconclusive, sentence = Verdict.INCONCLUSIVE, f"{NOT_REACHED}{reason}"
        return Judgement(case_id=case.id, verdict=inconclusive, sentence=sentence, findings=())
    return Judgement(case_id=case.id, verdict=Verdict.ERROR, sentence=reason, findings=())


def judge_expectation(case: Case, trace: Trace, wanted: Expectation, decode: Decoder) -> Finding:
    """Judge one expectation; what the trace can't answer is an `error`, with the reason.

    Unless it was the BMS that kept the case from its stimulus: that is `inconclusive`.
    """
    question = question_of(wanted)
    try:
        return JUDGES[wanted.kind](case, trace, wanted, question, decode)
    except NotReached as reason:
        return question.answer(Verdict.INCONCLUSIVE, f"{NOT_REACHED}{reason}")
    except NoEvidence as reason:
        return question.answer(Verdict.ERROR, f"nothing can be said: {reason}")


def _sentence(verdict: Verdict, findings: tuple[Finding, ...]) -> str:
    """Return the sentence of the finding that decided, and how many more there are of its kind."""
    if not findings:
        return "nothing was expected, so nothing is proven"
    deciding = [finding for finding in findings if finding.verdict is verdict]
    more = len(deciding) - 1
    if verdict is Verdict.PASS:
        return f"{deciding[0].sentence}" + (f" (and {more} more as expected)" if more else "")
    return deciding[0].sentence + (f" (and {more} more)" if more else "")
