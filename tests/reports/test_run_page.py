"""The run page stands alone, links nowhere that isn't, and survives hostile texts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from reports.run_page import run_page, write_run_page
from reports.write import write_reports
from rig.evidence import Run, load_run, verify
from tests.reports.synthetic import write_night

VOID = {"meta", "br", "input", "link", "img", "hr", "col"}


class Page(HTMLParser):
    """Tags, ids and links of a page; complains where tags do not nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append((tag, found))
        self.ids += [v for k, v in attrs if k == "id" and v]
        self.links += [v for k, v in attrs if k in {"href", "src"} and v]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, self.getpos()

    def all(self, tag: str) -> Iterator[dict[str, str | None]]:
        return (attrs for name, attrs in self.tags if name == tag)


@pytest.fixture(scope="module")
def page(night: Run) -> Page:
    """The page of a night with every verdict."""
    return Page(run_page(night, base=night.path.parent))


def test_tags_nest_and_ids_are_unique(page: Page) -> None:
    assert len(page.ids) == len(set(page.ids))


def test_every_link_within_the_page_has_its_target(page: Page) -> None:
    inside = {link[1:] for link in page.links if link.startswith("#")}

    assert inside <= set(page.ids)
    assert {"answer", "failed", "cases", "c1"} <= inside


def test_the_page_needs_no_network(night: Run, page: Page) -> None:
    text = run_page(night)

    assert not [link for link in page.links if re.match(r"(https?:)?//|data:", link)]
    assert not re.search(r"@import|url\(", text)
    assert not [a for a in page.all("script") if a.get("src")]
    assert not list(page.all("link"))


def test_links_to_evidence_lead_there(night: Run, tmp_path: Path) -> None:
    path = write_run_page(night, tmp_path / "reports" / "index.html")

    outside = [x for x in Page(path.read_text(encoding="utf-8")).links if not x.startswith("#")]

    assert outside
    assert all((path.parent / link).is_dir() for link in outside)


def test_the_answer_comes_first_and_what_failed_before_what_passed(night: Run) -> None:
    text = run_page(night)

    order = [text.index(f'id="{name}"') for name in ("answer", "failed", "undecided", "cases")]
    assert order == sorted(order)
    assert "3 of 85 cases failed" in text


def test_failures_are_listed_by_severity(night: Run) -> None:
    failed = [c for c in night.cases if c.outcome == "fail"]
    grades = ["trivial", "minor", "blocker", "critical", "normal"]
    graded = {
        c.case.id: replace(
            c, case=replace(c.case, severity=grades[i % 5], protection=f"{'abcde'[i % 5]} fault")
        )
        for i, c in enumerate(failed)
    }
    run = replace(night, cases=tuple(graded.get(c.case.id, c) for c in night.cases))

    text = run_page(run)

    section = text[text.index('id="failed"') : text.index('id="undecided"')]
    worst_first = ["blocker", "critical", "normal", "minor", "trivial"]
    expected = sorted(graded.values(), key=lambda c: worst_first.index(c.case.severity))
    places = [section.index(f'id="c{c.number}"') for c in expected]
    assert len(places) > 2
    assert places == sorted(places)


def test_a_failed_case_is_never_folded_away_and_has_its_waveform(night: Run) -> None:
    text = run_page(night)

    first = next(c for c in night.cases if c.outcome == "fail")
    section = text[text.index('id="failed"') : text.index('id="undecided"')]
    article = section[section.index(f'id="c{first.number}"') :]
    assert article.index('class="wf"') < article.index("<details")


def test_each_outcome_has_a_word_and_a_shape(page: Page) -> None:
    shapes = {attrs["href"] for attrs in page.all("use")}

    assert {"#i-pass", "#i-fail", "#i-inconclusive", "#i-error", "#i-skipped"} <= shapes
    assert all(a.get("aria-hidden") == "true" for a in page.all("svg") if a.get("class") == "i")


def test_tables_have_scoped_headers_and_pictures_have_names(page: Page) -> None:
    assert all(attrs.get("scope") in {"col", "row"} for attrs in page.all("th"))
    figures = [a for a in page.all("svg") if a.get("class") == "wf"]
    assert figures
    assert all(a.get("role") == "img" and a.get("aria-labelledby") for a in figures)


def test_texts_from_plan_and_bms_are_shown_and_not_run(night: Run) -> None:
    case = night.cases[0]
    evil = "<script>alert('x')</script>"
    judgement = replace(case.judgement, sentence=evil)  # type: ignore[type-var]
    hostile = replace(case, case=replace(case.case, title=evil, id=evil), judgement=judgement)

    text = run_page(replace(night, cases=(hostile,)))

    assert evil not in text
    assert "&lt;script&gt;alert" in text


def test_a_page_of_300_cases_stays_small(night: Run) -> None:
    many = tuple(replace(c, number=n) for n, c in enumerate(4 * night.cases, 1))[:300]

    text = run_page(replace(night, cases=many))

    assert len(text.encode()) < 4e6


def test_reports_lie_beside_the_runs_and_not_in_them(night: Run, tmp_path: Path) -> None:
    page = write_reports(load_run(night.path), tmp_path)

    assert page == tmp_path / "reports" / night.run_id / "index.html"
    assert page.with_name("junit.xml").is_file()
    assert verify(night.path) == []


def test_two_pages_of_one_run_are_equal(night: Run) -> None:
    assert run_page(night, base=night.path) == run_page(night, base=night.path)


def test_an_aborted_run_names_what_was_not_run(aborted: Run) -> None:
    text = run_page(aborted)

    assert "NOT PROVEN" in text or "NO:" in text
    assert "The run was aborted" in text
    assert "10 not run" in text


def test_a_trace_that_was_lost_does_not_lose_the_page(tmp_path: Path) -> None:
    folder = write_night(tmp_path, 8)
    (folder / "cases" / "0001-trip-cell-overvoltage-cell-3-repeat-0" / "trace.json").write_text("{")

    text = run_page(load_run(folder))

    assert 'href="#damaged"' in text
    assert "not the file that the journal&#39;s result names" in text


def test_a_run_without_cases_or_bench_still_has_a_page(night: Run) -> None:
    empty = replace(night, cases=(), bench_errors=("emulator: no answer",))

    text = run_page(empty)

    assert "no case was planned" in text
    assert "emulator: no answer" in text
