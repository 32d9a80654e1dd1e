"""What readers of our files demand: Jenkins' schema of JUnit XML, Allure's Markdown.

The rules of JUnit XML are those of junit-10.xsd, the schema that Jenkins' xUnit plugin validates a
file by (https://github.com/jenkinsci/xunit-plugin,
src/main/resources/org/jenkinsci/plugins/xunit/types/model/xsd/junit-10.xsd).
"""

# ruff: noqa: S314 - what is parsed is our own
from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from markdown_it import MarkdownIt

from reports import allure_results
from reports.junit import junit_xml
from reports.run_page import run_page
from rig.evidence import Run
from rig.judge.verdict import Judgement, Verdict
from tests.evidence.factories import a_finding

_REASON = ({"type", "message"}, set[str]())
# Element to the attributes and the children that it may have, and to the attributes it must have.
MAY: dict[str, tuple[set[str], set[str]]] = {
    "testsuites": ({"name", "time", "tests", "failures", "errors"}, {"testsuite"}),
    "testsuite": (
        {"name", "tests", "failures", "errors", "group", "time", "skipped", "timestamp", "hostname",
         "id", "package", "file", "log", "url"},
        {"testsuite", "properties", "testcase", "system-out", "system-err"},
    ),
    "properties": (set(), {"property"}),
    "property": ({"name", "value"}, set()),
    "testcase": (
        {"name", "time", "classname", "group"},
        {"skipped", "error", "failure", "rerunFailure", "rerunError", "flakyFailure", "flakyError",
         "system-out", "system-err"},
    ),
    "skipped": _REASON, "error": _REASON, "failure": _REASON,
    "system-out": (set(), set()), "system-err": (set(), set()),
}  # fmt: skip
MUST = {
    "testsuite": {"name", "tests", "failures", "errors"},
    "testcase": {"name"},
    "property": {"name", "value"},
}
SUREFIRE_TIME = re.compile(r"(([0-9]{0,3},)*[0-9]{3}|[0-9]{0,3})*(\.[0-9]*)?")
EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)> [x](javascript:alert(3)) `a` **b** |"


def against_the_schema(element: ElementTree.Element) -> list[str]:
    """What of an element, and of all below it, the schema does not allow."""
    may, children = MAY.get(element.tag, (set(), set()))
    bad = [f"{element.tag}/@{a}" for a in set(element.attrib) - may]
    bad += [f"{element.tag} lacks @{a}" for a in MUST.get(element.tag, set()) - set(element.attrib)]
    if element.tag in {"testsuite", "testsuites"} and "time" in element.attrib:
        bad += [] if SUREFIRE_TIME.fullmatch(element.get("time", "")) else [f"{element.tag}/@time"]
    for child in element:
        bad += [] if child.tag in children else [f"{element.tag}/{child.tag}"]
        bad += against_the_schema(child)
    return bad


@pytest.mark.parametrize("which", ["night", "aborted"])
def test_junit_xml_keeps_to_the_schema_of_jenkins(
    which: str, request: pytest.FixtureRequest
) -> None:
    run: Run = request.getfixturevalue(which)

    root = ElementTree.fromstring(junit_xml(run))

    assert root.tag == "testsuites"
    assert against_the_schema(root) == []


def test_a_damaged_case_is_an_error_of_its_own_kind_in_junit_xml(night: Run) -> None:
    damaged = replace(night.cases[0], judgement=None, damage=("console.txt: changed",))
    run = replace(night, cases=(damaged, *night.cases[1:]))

    root = ElementTree.fromstring(junit_xml(run))

    assert against_the_schema(root) == []
    error = next(root.iter("testcase")).find("error")
    assert error is not None
    assert error.get("type") == "damaged"
    assert "console.txt: changed" in error.get("message", "")
    kinds = ("fail", "error", "inconclusive")
    counted = sum(case.outcome in kinds for case in night.cases[1:]) + 1
    assert int(root.get("failures", "")) + int(root.get("errors", "")) == counted


def test_the_plan_of_a_case_is_told_where_the_schema_has_room(night: Run) -> None:
    first = next(ElementTree.fromstring(junit_xml(night)).iter("testcase"))

    assert "testplans/nightly.yaml" in (first.findtext("system-out") or "")


def test_no_escape_code_of_a_console_reaches_xml_or_page(night: Run) -> None:
    case = night.cases[0]
    judgement = Judgement(case_id=case.case.id, verdict=Verdict.FAIL, findings=(),
                          sentence="said \x1b[0;31mE (1)\x1b[0m\x00 ")  # fmt: skip
    run = replace(night, cases=(replace(case, judgement=judgement),))

    message = next(ElementTree.fromstring(junit_xml(run)).iter("failure")).get("message", "")
    page = run_page(run)

    assert message == "said E (1)\u2400 "
    assert "said E (1)\u2400" in page
    assert "\x1b" not in page


def rendered(markdown: str) -> str:
    return str(MarkdownIt("commonmark", {"html": True}).enable("table").render(markdown))


@pytest.mark.parametrize("where", ["sentence", "expectation", "means", "rule"])
def test_html_of_a_pattern_or_a_console_line_is_text_in_allures_markdown(where: str) -> None:
    finding = a_finding()
    judgement = Judgement(case_id="x", verdict=Verdict.FAIL, sentence="late", findings=())
    if where in {"expectation", "means"}:
        finding = replace(finding, **{where: EVIL})  # type: ignore[arg-type]
    else:
        judgement = replace(judgement, **{where: EVIL})  # type: ignore[arg-type]
    judgement = replace(judgement, findings=(finding,))

    html = rendered(allure_results.description(judgement))

    assert "<script" not in html
    assert "<img" not in html
    assert "<a " not in html
    assert "<code>" not in html
    assert "<strong>" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "<table>" in html


def test_a_sentence_alone_is_text_in_allures_markdown_too() -> None:
    judgement = Judgement(case_id="x", verdict=Verdict.ERROR, sentence=EVIL, findings=())

    html = rendered(allure_results.description(judgement))

    assert "<script" not in html
    assert "<img" not in html
    assert "javascript" not in re.sub(r"\[x\]\(javascript", "", html)
