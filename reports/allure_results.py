"""One finished case as allure_commons keeps results: names, keys, steps, status, attachments.

Imports allure_commons, so only `reports.allure_glue` imports this, and only when asked to write.
History keys are made here, since those of allure-pytest 2.16 change when a plan file moves and
collide for swapped values (its `utils.get_history_id`). Must not judge.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import allure
import allure_commons
from allure_commons.model2 import Label, Parameter, StatusDetails, TestStepResult

from reports import svg, words
from reports.differences import SEVERITIES
from rig.case import Case
from rig.errors import RigError
from rig.judge.verdict import Finding, Judgement, Verdict, tries_in_words, worst
from rig.steps.hold import Hold
from rig.trace import files as trace_files
from rig.trace.model import Trace
from rig.trace.text import plain

STATUS = {
    Verdict.PASS: "passed",
    Verdict.FAIL: "failed",
    Verdict.INCONCLUSIVE: "unknown",
    Verdict.ERROR: "broken",
    Verdict.SKIPPED: "skipped",
}
# CommonMark 0.31.2, 2.4: any of these with a backslash before it stands for itself.
_MARKDOWN = re.compile(r"[\\`*_{}\[\]<>#!|~&]")
CASE_LABEL = "case"  # ties a finished result to the case it came from


@dataclass(frozen=True, slots=True)
class ReportedCase:
    """What is known of a case when its item ends."""

    case: Case
    bench: str
    judgement: Judgement | None
    trace: Trace | None


class Results:
    """Completes each result just before allure-pytest's file logger writes it."""

    def __init__(self) -> None:
        self._reported: dict[str, ReportedCase] = {}
        self._tries: defaultdict[str, list[Judgement]] = defaultdict(list)

    def tell(self, reported: ReportedCase) -> None:
        """Take what is known of the item that is ending, and attach its files to it."""
        case = reported.case
        allure.dynamic.label(CASE_LABEL, case.id)  # type: ignore[no-untyped-call]
        for requirement in case.traces_to:  # through the plugin: it knows --allure-link-pattern
            allure.dynamic.link(  # type: ignore[no-untyped-call]
                requirement, link_type="tms", name=requirement
            )
        self._reported[case.id] = reported
        if reported.judgement is not None:
            attach(case, reported.judgement, reported.trace)

    def settle(self, case_id: str, judgement: Judgement) -> None:
        """Take what the item came to; Allure shows the last try, so that one tells the worst."""
        if (reported := self._reported.get(case_id)) is None:
            return
        tries = self._tries[case_id]
        tries.append(judgement)
        verdict = worst(each.verdict for each in tries)
        counts = next(each for each in tries if each.verdict is verdict)
        if said := tries_in_words([each.verdict for each in tries]):
            counts = replace(counts, sentence=f"{said}: {counts.sentence}")
        self._reported[case_id] = replace(reported, judgement=counts)

    @allure_commons.hookimpl(tryfirst=True)
    def report_result(self, result: Any) -> None:
        """Hook of allure_commons: `result` is its TestResult."""
        case_id = next((la.value for la in result.labels if la.name == CASE_LABEL), None)
        reported = self._reported.pop(case_id or "", None)
        if reported is not None:
            complete(result, reported)


# ---- a result -----------------------------------------------------------------------------------
def complete(result: Any, reported: ReportedCase) -> None:
    """Give a result of allure_commons its names, keys, steps and status."""
    case = reported.case
    repeat = case.parameters.get("repeat", "")
    result.name = f"{case.title} (repeat {repeat})" if repeat else case.title
    result.fullName = f"{case.plan}/{case.id}"
    result.titlePath = [case.plan, case.family]
    result.testCaseId = _md5(result.fullName)
    _set_parameters(result, reported)
    result.historyId = _md5(
        json.dumps([result.fullName, reported.bench, dict(sorted(case.parameters.items()))])
    )
    _set_labels(result, reported)
    if reported.judgement is not None:
        _set_outcome(result, reported.judgement)
        _set_times_and_steps(result, reported)


def _set_parameters(result: Any, reported: ReportedCase) -> None:
    named = {**reported.case.parameters, "bench": reported.bench}
    result.parameters = [Parameter(name=k, value=v) for k, v in named.items()]
    # Shown, but no part of the history key: each build would else be a new test.
    result.parameters.append(Parameter(name="seed", value=str(reported.case.seed), excluded=True))


def _set_labels(result: Any, reported: ReportedCase) -> None:
    case = reported.case
    ours = {
        "parentSuite": case.plan,
        "suite": case.family,
        "subSuite": case.protection or "",
        "epic": "Protections" if case.protection else "Behaviour",
        "feature": case.protection or case.family,
        "story": case.family,
        "severity": case.severity if case.severity in SEVERITIES else "normal",
        "bench": reported.bench,
        CASE_LABEL: case.id,
    }
    kept = [la for la in result.labels if la.name not in ours and la.name != "tag"]
    tags = [Label(name="tag", value=tag) for tag in case.tags]
    result.labels = [*kept, *(Label(name=k, value=v) for k, v in ours.items() if v), *tags]


def _set_outcome(result: Any, judgement: Judgement) -> None:
    result.status = STATUS[judgement.verdict]
    found = "\n".join(f"{f.verdict} ({f.means}): {f.sentence}" for f in judgement.findings)
    passed = judgement.verdict is Verdict.PASS
    result.statusDetails = StatusDetails(
        message=plain(judgement.sentence), trace="" if passed else plain(found)
    )
    result.description = description(judgement)


def description(judgement: Judgement) -> str:
    """Return the findings as a Markdown table; what is quoted in them is text and nothing else."""
    rows = [
        f"| {_text(f.expectation)} | {_text(f.means)} | {_measured(f)} | {words.allowed(f)} |"
        f" {f.verdict} |"
        for f in judgement.findings
    ]
    if not rows:
        return _text(judgement.sentence)
    head = "| Expected | Seen by | Measured ± U | Allowed | Verdict |\n|---|---|---|---|---|"
    table, rule = "\n".join([head, *rows]), f"Decision rule: {_text(judgement.rule)}."
    return f"{_text(judgement.sentence)}\n\n{table}\n\n{rule}"


def _set_times_and_steps(result: Any, reported: ReportedCase) -> None:
    """Times of the trace, so that a duration is what the BMS lived through."""
    begin_ms, trace = result.start, reported.trace
    if trace is None:
        return
    result.labels.append(Label(name="wall_s", value=f"{(result.stop - result.start) / 1e3:.3f}"))
    result.stop = begin_ms + (trace.end_ns - trace.begin_ns) // 1_000_000
    result.steps = [
        _step(step.sentence(), "passed", begin_ms + a, begin_ms + b)
        for step, (a, b) in zip(reported.case.steps, _step_ms(reported.case, trace), strict=True)
    ]
    for found in reported.judgement.findings if reported.judgement else ():
        value = f": {_measured(found)}" if found.measurement else ""
        name = f"Expected: {found.expectation} ({found.means}){value}"
        result.steps.append(_step(name, STATUS[found.verdict], result.stop, result.stop, found))


def _step_ms(case: Case, trace: Trace) -> Iterator[tuple[int, int]]:
    """Begin and end of each step: marked ones exactly, those between by what they must last."""
    now_ns = trace.begin_ns
    for step in case.steps:
        marker = trace.markers.get(step.mark or "")
        if marker is not None:
            begin_ns, end_ns = marker.begin_ns, marker.time_ns
        else:
            lasts = step.duration_s if isinstance(step, Hold) else 0.0
            begin_ns, end_ns = now_ns, min(now_ns + round(lasts * 1e9), trace.end_ns)
        yield (begin_ns - trace.begin_ns) // 1_000_000, (end_ns - trace.begin_ns) // 1_000_000
        now_ns = end_ns


def _step(name: str, status: str, start: int, stop: int, found: Finding | None = None) -> Any:
    step = TestStepResult(name=plain(name), status=status, start=start, stop=stop)
    if found is not None:
        step.statusDetails = StatusDetails(message=plain(found.sentence))
        shown = {"measured": _measured(found), "allowed": words.allowed(found)}
        step.parameters = [Parameter(name=k, value=v) for k, v in shown.items() if v]
    return step


# ---- attachments --------------------------------------------------------------------------------
def attach(case: Case, judgement: Judgement, trace: Trace | None) -> None:
    """Attach plots, measurements and transcripts to the item that is ending."""
    kinds = allure.attachment_type
    if trace is not None:
        names = ("Waveform", "The judged interval, enlarged")
        pictures = svg.figures(case, trace, judgement, name="w", standalone=True)
        for name, picture in zip(names, pictures, strict=False):
            allure.attach(picture, name=name, attachment_type=kinds.SVG)
    if any(f.measurement for f in judgement.findings):
        allure.attach(_csv(judgement), name="Measurements", attachment_type=kinds.CSV)
    for title, text in _transcripts(trace):
        # A console's bytes that are no text stand as lone surrogates, which UTF-8 can't hold.
        allure.attach(text.encode("utf-8", "replace"), name=title, attachment_type=kinds.TEXT)


def _transcripts(trace: Trace | None) -> Iterator[tuple[str, str]]:
    if trace is not None and trace.lines:
        yield "Console", trace_files.console_text(trace)
    if trace is not None and trace.transcript:
        yield "SCPI transcript", trace_files.scpi_text(trace)


def _csv(judgement: Judgement) -> str:
    """Measurements and budgets in SI: tens of rows, never the trace (Allure draws every row)."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["expectation", "means", "value", "U", "k", "unit", "low", "high", "verdict"])
    for found in judgement.findings:
        m = found.measurement
        numbers = [m.value, m.expanded, m.coverage_factor, m.unit] if m else ["", "", "", ""]
        limits = ["" if x is None else x for x in (found.low, found.high)]
        table.writerow([found.expectation, found.means, *numbers, *limits, found.verdict.value])
        for row in found.budget:
            name, unit = f"  u: {row.name} ({row.distribution}, {row.source})", m.unit if m else ""
            table.writerow([name, found.means, "", row.standard, 1, unit, "", "", ""])
    return text.getvalue()


def load_trace(folder: Path | None) -> Trace | None:
    """Read a case's trace; None where there is none, or none that can be read."""
    if folder is None or not (folder / "trace.json").is_file():
        return None
    try:
        return trace_files.load(folder)
    except (RigError, OSError, ValueError, KeyError):
        return None  # the run page says so; Allure shows the verdict without a plot


# ---- words ------------------------------------------------------------------------------------
def _measured(found: Finding) -> str:
    value = found.measurement
    return f"{words.value(found)} (k = {value.coverage_factor:.3g})" if value else ""


def _text(text: str) -> str:
    """Escape what would be HTML, a link or an end of a cell: a BMS's console may say anything."""
    return _MARKDOWN.sub(r"\\\g<0>", plain(text).replace("\n", " "))


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
