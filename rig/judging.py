"""A case and its trace become a judgement. Pure: no instrument, no clock, no file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from rig.case import Case
from rig.dut.claims import path_of
from rig.expectations.expectation import Expectation
from rig.judge.decoder import Decoder, NoMessages
from rig.judge.elements import answered
from rig.judge.lag import fell_behind
from rig.judge.observed import Observed
from rig.judge.rules import worst
from rig.judge.start import judge_start
from rig.judge.verdict import NOT_REACHED, Finding, Judgement, Verdict
from rig.trace.model import CAN, CONSOLE, REST, Trace, signals_file

_READINGS, _COMMANDS = f"{REST}: readings, ", f"{REST}: commands, "


def judge(case: Case, trace: Trace, decode: Decoder | None = None) -> Judgement:
    """Judge every expectation of a case; a failure of the bench is the answer to all of them."""
    late = fell_behind(trace)
    if late is not None:  # where the bench broke as well, that is what is reported
        broke = None if trace.unready else trace.error
        return Judgement(
            case_id=case.id, verdict=Verdict.ERROR, sentence=broke or late, findings=()
        )
    started = judge_start(case.start, trace)
    if trace.error is not None:
        return _without_steps(case, trace, started)
    seen = observed(case, trace, decode)
    made_by = _made_by(trace)
    judged = tuple(
        _borne(judge_expectation(wanted, seen), wanted, case, trace, made_by)
        for wanted in case.expectations
    )
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


def observed(case: Case, trace: Trace, decode: Decoder | None = None) -> Observed:
    """Return what judges look at: a trace, and what its case says of the BMS."""
    return Observed(
        trace=trace,
        decode=decode or NoMessages(),
        steps=case.steps,
        outputs=case.outputs,
        dut=case.dut,
    )


def judge_expectation(wanted: Expectation, seen: Observed) -> Finding:
    """Judge one expectation; what the trace can't answer is a finding too, with the reason."""
    return answered(wanted.question, lambda: wanted.judge(seen.on(wanted.bus)))


def _borne(
    found: Finding, wanted: Expectation, case: Case, trace: Trace, made_by: Mapping[str, str]
) -> Finding:
    """Let a finding bear the claims that it answers, and what it was judged by."""
    claims = tuple(dict.fromkeys((*wanted.claims, *case.claims)))
    borne = (r for claim in claims for r in case.requirements.get(path_of(claim), ()))
    made_by = {**made_by, CAN: wanted.bus}
    records = [record for record in _looked_at(found, wanted, trace) if record in made_by]
    return replace(
        found,
        claims=claims,
        requirements=tuple(dict.fromkeys(borne if claims else case.traces_to)),
        instruments=tuple(dict.fromkeys(made_by[record] for record in records)),
        records=tuple(records),
    )


def _looked_at(found: Finding, wanted: Expectation, trace: Trace) -> Iterator[str]:
    """Give the records that an expectation is judged by, as far as they were made."""
    signals = [f"{signals_file(number)}: " for number, _ in enumerate(trace.waveforms)]
    means = found.means.split(" and ")
    parts = [*signals, _COMMANDS, *([_READINGS] if "meter" in means else [])]
    yield from (part + name for name in wanted.looks_at() for part in parts)
    yield from (file for link, file in (("CAN", CAN), ("console", CONSOLE)) if link in means)


def _made_by(trace: Trace) -> dict[str, str]:
    """Give the instrument that made each record of a trace: "trace.json: readings, cell 3"."""
    made = {
        f"{signals_file(number)}: {name}": channel.instrument
        for number, waveform in enumerate(trace.waveforms)
        for name, channel in waveform.channels.items()
    }
    made |= {_READINGS + reading.quantity: reading.instrument for reading in trace.readings}
    made |= {_COMMANDS + command.quantity: command.instrument for command in trace.commands}
    return made | {CONSOLE: "console"}


def _sentence(verdict: Verdict, findings: tuple[Finding, ...]) -> str:
    """Return the sentence of the finding that decided, and how many more there are of its kind."""
    if not findings:
        return "nothing was expected, so nothing is proven"
    deciding = [finding for finding in findings if finding.verdict is verdict]
    more = len(deciding) - 1
    if verdict is Verdict.PASS:
        return f"{deciding[0].sentence}" + (f" (and {more} more as expected)" if more else "")
    return deciding[0].sentence + (f" (and {more} more)" if more else "")
