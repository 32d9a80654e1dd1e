"""A case and its trace become a judgement. Pure: no instrument, no clock, no file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rig.judge.decoder import Decoder, NoMessages
from rig.judge.outputs import judge_recovers, judge_stays, judge_trips
from rig.judge.rules import NoEvidence, worst
from rig.judge.verdict import Finding, Judgement, Verdict
from rig.plan.case import Case, Expectation
from rig.trace.model import Trace

# Kind of expectation to its judge; each takes the case, the trace, the expectation, the decoder.
_Judge = Callable[[Case, Trace, Any, Decoder], Finding]
JUDGES: dict[str, _Judge] = {
    "trips": lambda case, trace, wanted, _: judge_trips(case, trace, wanted),
    "recovers": lambda case, trace, wanted, _: judge_recovers(case, trace, wanted),
    "stays": lambda case, trace, wanted, _: judge_stays(case, trace, wanted),
}


def judge(case: Case, trace: Trace, decode: Decoder | None = None) -> Judgement:
    """Judge every expectation of a case; a failure of the bench is the answer to all of them."""
    if trace.error is not None:
        return Judgement(case_id=case.id, verdict=Verdict.ERROR, sentence=trace.error, findings=())
    decoder = decode or NoMessages()
    findings = tuple(judge_expectation(case, trace, e, decoder) for e in case.expectations)
    verdict = worst(finding.verdict for finding in findings)
    return Judgement(
        case_id=case.id, verdict=verdict, sentence=_sentence(verdict, findings), findings=findings
    )


def judge_expectation(case: Case, trace: Trace, wanted: Expectation, decode: Decoder) -> Finding:
    """Judge one expectation; what the trace can't answer is an `error`, with the reason."""
    try:
        return JUDGES[wanted.kind](case, trace, wanted, decode)
    except NoEvidence as reason:
        return Finding(
            expectation=str(wanted.kind),
            means="none",
            verdict=Verdict.ERROR,
            sentence=f"nothing can be said: {reason}",
        )


def _sentence(verdict: Verdict, findings: tuple[Finding, ...]) -> str:
    """Return the sentence of the finding that decided, and how many more there are of its kind."""
    if not findings:
        return "nothing was expected, so nothing is proven"
    deciding = [finding for finding in findings if finding.verdict is verdict]
    more = len(deciding) - 1
    if verdict is Verdict.PASS:
        return f"{deciding[0].sentence}" + (f" (and {more} more as expected)" if more else "")
    return deciding[0].sentence + (f" (and {more} more)" if more else "")
