"""Why a case did not pass, for the person at the bench: expected, seen, when, and the waveform.

Reads evidence and nothing else; what reproduces a failure is found elsewhere (`rig.shrink`).
"""

from __future__ import annotations

from collections.abc import Iterator

from reports.svg import waveform_svg
from reports.terminal import waveform_text
from rig.errors import DescriptionError
from rig.evidence.run import Run, RunCase
from rig.judge.verdict import Finding, Verdict
from rig.trace.model import Trace
from rig.trace.text import plain

_PAD = 0.25  # of the judged stretch, shown before and after it
_LEAST_SPAN_S = 0.05
_LAST = 5  # lines that are shown of what was last heard


def find_case(run: Run, wanted: str) -> RunCase:
    """Find a case by its id, its number, or a part of its id that no other case has.

    Raises
    ------
    DescriptionError
        None or several fit; they are named.
    """
    exact = [c for c in run.cases if wanted in (c.case.id, str(c.number))]
    fits = exact or [c for c in run.cases if wanted in c.case.id]
    if len(fits) == 1:
        return fits[0]
    bad = [c.case.id for c in (fits or run.cases) if c.verdict is not Verdict.PASS]
    what = f"{len(fits)} cases of {run.run_id} fit {wanted!r}"
    named = bad[:8] or [c.case.id for c in fits[:8]]
    raise DescriptionError(what, "CASE", f"name one, for example {', '.join(named)}")


def explained(run: Run, case: RunCase, *, braille: bool = True) -> Iterator[str]:
    """Yield the explanation of a case, line by line."""
    judgement = case.judgement
    yield f"{case.case.id}: {case.outcome}"
    if case.damage:
        yield from (f"  {plain(why)}" for why in case.damage)
        return
    yield f"  {case.case.title}"
    if case.case.traces_to:
        yield f"  requirement {', '.join(case.case.traces_to)}; run {run.run_id}"
    if judgement is None:
        yield f"  it was planned, but never {'came to its end' if case.unfinished else 'ran'}"
        yield from cut_off(case)
        return
    if not judgement.findings:
        yield f"  {judgement.sentence}"
    for finding in judgement.findings:
        if finding.verdict is not Verdict.PASS or judgement.verdict is Verdict.PASS:
            yield from _reported(finding)
    if case.has_trace and judgement.findings:
        trace = case.trace()
        yield ""
        yield from waveform_text(
            case.case, trace, judgement, span_of(judgement.findings, trace), braille=braille
        )
    yield ""
    yield "what was done:"
    yield from (f"  {n}. {s.sentence()}" for n, s in enumerate(case.case.steps, 1))


def cut_off(case: RunCase) -> Iterator[str]:
    """Yield what was recorded of its tries that were cut off, and what was last heard and done."""
    for left in case.unfinished:
        yield f"  {left.sentence()}"
        if left.damage:
            continue
        trace = left.trace()
        last = [f"console: {line.plain}" for line in trace.lines[-_LAST:]]
        last += [f"bench: {plain(said)}" for said in trace.transcript[-_LAST:]]
        yield from (f"    {each}" for each in last)


def explained_svg(case: RunCase) -> str:
    """Return the waveform around what decided, as a file of its own; "" where none was recorded."""
    if case.judgement is None or not case.has_trace:
        return ""
    trace = case.trace()
    span_s = span_of(case.judgement.findings, trace)
    return waveform_svg(
        case.case, trace, case.judgement, name="explained", span_s=span_s, standalone=True
    )


def span_of(findings: tuple[Finding, ...], trace: Trace) -> tuple[float, float]:
    """Return the stretch around the marks of what did not pass, in s; else the whole case."""
    whole_s = (trace.end_ns - trace.begin_ns) / 1e9
    bad = [f for f in findings if f.verdict is not Verdict.PASS] or list(findings)
    times = [mark.time_s for finding in bad for mark in finding.marks]
    limits = [f.high for f in bad if f.high is not None and f.measurement is not None]
    if not times:
        return 0.0, max(whole_s, _LEAST_SPAN_S)
    begin_s, end_s = min(times), max(times)
    if limits and bad[0].measurement is not None and bad[0].measurement.unit == "s":
        end_s = max(end_s, begin_s + limits[0])
    pad_s = max(_PAD * (end_s - begin_s), _LEAST_SPAN_S)
    return max(begin_s - pad_s, 0.0), min(end_s + pad_s, whole_s)


def _reported(finding: Finding) -> Iterator[str]:
    yield ""
    yield f"  {finding.verdict} ({finding.means})"
    yield f"    expected: {finding.expectation}"
    yield f"    seen:     {finding.sentence}"
    for row in finding.budget[:3]:
        yield f"    u:        {row.name}, {row.half_width:.3g} ({row.distribution}; {row.source})"
