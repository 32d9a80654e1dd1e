"""Each verdict stands in the element where a CI system looks for it."""

# ruff: noqa: S314 - what is parsed is our own
from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

from reports.junit import junit_xml, write_junit
from rig.evidence import Run


def cases_of(run: Run) -> list[ElementTree.Element]:
    return list(ElementTree.fromstring(junit_xml(run)).iter("testcase"))


def test_every_planned_case_has_one_row_of_its_own_name(night: Run, aborted: Run) -> None:
    for run in (night, aborted):
        names = [row.get("name") for row in cases_of(run)]
        assert names == [f"{c.case.id} @ {run.bench}" for c in run.cases]
        assert len(set(names)) == len(names)


def test_only_a_failure_of_the_bms_is_called_a_failure(night: Run) -> None:
    found = {c.outcome: [] for c in night.cases}  # type: ignore[var-annotated]
    for case, row in zip(night.cases, cases_of(night), strict=True):
        tags = [(e.tag, e.get("type")) for e in row if e.tag != "system-out"]
        found[case.outcome] += tags or [("", None)]

    assert {outcome: set(tags) for outcome, tags in found.items()} == {
        "pass": {("", None)},
        "fail": {("failure", "fail")},
        "inconclusive": {("error", "inconclusive")},
        "error": {("error", "bench")},
        "skipped": {("skipped", None)},
    }


def test_what_an_abort_left_out_is_skipped_with_the_reason(aborted: Run) -> None:
    left = [row for row in cases_of(aborted) if row.find("skipped") is not None]

    assert len(left) == 10
    assert "aborted" in str(left[0].find("skipped").get("message"))  # type: ignore[union-attr]


def test_the_counts_of_the_suite_add_up(night: Run) -> None:
    suite = ElementTree.fromstring(junit_xml(night)).find("testsuite")

    assert suite is not None
    assert int(suite.get("tests", "")) == len(night.cases)
    assert int(suite.get("failures", "")) == night.counts["fail"]
    assert int(suite.get("errors", "")) == night.counts["error"] + night.counts["inconclusive"]
    assert int(suite.get("skipped", "")) == night.counts["skipped"]


def test_a_message_carries_value_uncertainty_and_limits(night: Run) -> None:
    first = next(row for row in cases_of(night) if row.find("failure") is not None)

    failure = first.find("failure")
    assert failure is not None
    assert "1.2240 ± 0.0017 s, k = 2; allowed 0.9 to 1.1 s" in str(failure.text)


def test_characters_that_xml_can_not_hold_are_replaced(night: Run, tmp_path: Path) -> None:
    case = night.cases[0]
    judgement = replace(case.judgement, sentence="said \x1b[0;31mE (1)\x00 <&>")  # type: ignore[type-var]
    run = replace(night, cases=(replace(case, judgement=judgement),))

    root = ElementTree.parse(write_junit(run, tmp_path / "a" / "junit.xml")).getroot()

    assert root.find(".//failure").get("message") == "said E (1)\u2400 <&>"  # type: ignore[union-attr]
