"""JUnit XML from evidence, with each verdict in the element where CI systems look for it.

pytest's own writer calls every exception of a custom item a failure, a bench error included
(`_pytest/junitxml.py`). Here: fail → failure; inconclusive, error and damaged → error, with the
type saying which; skipped and not run → skipped. Every planned case has a row, also after an abort.
It keeps to the schema that Jenkins' xUnit plugin validates by (junit-10.xsd), which has no room for
the file of a test case. Must not judge.
"""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

from reports import words
from rig.evidence import DAMAGED, NOT_RUN, Run, RunCase
from rig.judge.verdict import Finding, Verdict, origin_of_error
from rig.trace.text import plain

# What XML 1.0 can't hold (section 2.2).
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ELEMENTS = {
    "fail": ("failure", "fail"),
    "inconclusive": ("error", "inconclusive"),
    "error": ("error", "bench"),
    "skipped": ("skipped", ""),
    DAMAGED: ("error", "damaged"),
    NOT_RUN: ("skipped", ""),
}


def junit_xml(run: Run) -> bytes:
    """The run as a JUnit XML document: one suite, a testcase for each planned case."""
    counts = run.counts
    numbers = {
        "tests": len(run.cases),
        "failures": counts["fail"],
        "errors": counts["error"] + counts["inconclusive"] + counts[DAMAGED],
    }
    shared = {**{k: str(v) for k, v in numbers.items()}, "time": f"{run.wall_s:.3f}"}
    root = ElementTree.Element("testsuites", shared)
    stamp = run.started.replace(tzinfo=None).isoformat(timespec="seconds")
    skipped = str(counts["skipped"] + counts[NOT_RUN])
    facts = {"name": _clean(run.run_id), "timestamp": stamp, "skipped": skipped}
    suite = ElementTree.SubElement(root, "testsuite", {**facts, **shared})
    _add_properties(suite, run)
    for case in run.cases:
        _add_case(suite, run, case)
    ElementTree.indent(root, " ")
    text: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return text + b"\n"


def write_junit(run: Run, path: Path) -> Path:
    """Write the document to `path`, making its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(junit_xml(run))
    return path


def _add_properties(suite: ElementTree.Element, run: Run) -> None:
    meta = run.meta
    facts = {
        "run": run.run_id,
        "bench": run.bench,
        "dut": meta.dut,
        "firmware": meta.firmware,
        "seed": str(meta.seed),
        "evidence": str(run.path),
    }
    holder = ElementTree.SubElement(suite, "properties")
    for name, value in facts.items():
        ElementTree.SubElement(holder, "property", {"name": name, "value": _clean(value)})


def _add_case(suite: ElementTree.Element, run: Run, case: RunCase) -> None:
    # GitLab keeps only the first of two rows with one name: the id is unique in the plan.
    facts = {
        "classname": _clean(f"{case.case.plan}.{case.case.family}"),
        "name": _clean(f"{case.case.id} @ {run.bench}"),
        "time": f"{case.wall_s:.3f}",
    }
    row = ElementTree.SubElement(suite, "testcase", facts)
    if case.outcome in _ELEMENTS:
        element, kind = _ELEMENTS[case.outcome]
        sentence = case.sentence if case.judgement else _why_not(run, case)
        if case.verdict is Verdict.ERROR and case.judgement:
            kind = origin_of_error(case.judgement.sentence) or kind
        facts = ({"type": kind} if kind else {}) | {"message": _clean(sentence)}
        found = ElementTree.SubElement(row, element, facts)
        if case.judgement and case.judgement.findings:
            found.text = _clean("\n".join(_line(f) for f in case.judgement.findings))
    ElementTree.SubElement(row, "system-out").text = _clean(_output(case))


def _why_not(run: Run, case: RunCase) -> str:
    if case.damage:
        return "; ".join(case.damage)
    return "not run: the run was aborted before it" if run.aborted else "not run"


def _line(finding: Finding) -> str:
    value = ""
    if finding.measurement:
        k = finding.measurement.coverage_factor
        value = f" [{words.value(finding)}, k = {k:g}; allowed {words.allowed(finding)}]"
    return f"{finding.verdict.value}: {finding.expectation} ({finding.means}){value}"


def _output(case: RunCase) -> str:
    findings = case.judgement.findings if case.judgement else ()
    where = [f"plan: {case.case.source}", f"evidence: {case.folder}"]
    return "\n".join([case.case.title, *(_line(f) for f in findings), *where])


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", plain(text))
