"""The page that says what a plan finds of wrong firmware."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from reports.mutants_page import mutants_page, write_mutants_page
from rig.judge.verdict import Verdict
from tests.mutants.factories import FAIL, PASS, a_control, a_result, an_outcome

MATRIX = {
    "trips-late": {"trip[a]": FAIL, "hold[a]": PASS},
    "is-deaf": {"trip[a]": PASS, "hold[a]": PASS},
    "<b>bold</b>": {"trip[a]": FAIL, "hold[a]": FAIL},
}
ALL_FOUND = {"x": {"trip[a]": FAIL}}


class _Tags(HTMLParser):
    """Sees that tags close in order, and gathers what is fetched from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.stack: list[str] = []
        self.fetched: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = [value or "#" for key, value in attrs if key in ("src", "href")]
        self.fetched += [value for value in named if not value.startswith("#")]
        if tag not in {"meta", "br", "path", "circle", "use"}:
            self.stack.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in {"path", "circle", "use"}:
            assert self.stack.pop() == tag


def test_the_page_is_whole_and_fetches_nothing(tmp_path: Path) -> None:
    page = write_mutants_page(a_result(MATRIX), tmp_path / "new" / "index.html")

    tags = _Tags()
    tags.feed(page.read_text(encoding="utf-8"))
    assert tags.stack == []
    assert tags.fetched == []


def test_what_slipped_through_stands_first_and_is_counted() -> None:
    page = mutants_page(a_result(MATRIX))

    assert "Not all found:" in page
    assert "1 of 3 variants would have been shipped" in page
    assert page.index("is-deaf is wrong") < page.index("trips-late is wrong")
    assert "&lt;b&gt;bold&lt;/b&gt; is wrong" in page


def test_a_found_variant_comes_with_the_command_that_shows_it() -> None:
    page = mutants_page(a_result(ALL_FOUND))

    assert "All found:" in page
    shown = "rig run &#34;night.yaml::trip[a]&#34; --variant x --seed 7 --dut bms"
    assert shown in page


@pytest.mark.parametrize("verdict", [FAIL, Verdict.ERROR])
def test_no_finding_counts_where_the_good_firmware_did_not_pass(verdict: Verdict) -> None:
    control = a_control(an_outcome("trip[a]", verdict))

    page = mutants_page(a_result(ALL_FOUND, control=control))

    assert "Nothing is proven" in page
    assert "trip[a] saw it" in page


def test_only_a_full_matrix_shows_what_families_are_worth() -> None:
    full = a_result(MATRIX)

    assert "none: does it earn its time?" in mutants_page(full)
    assert "does it earn its time?" not in mutants_page(replace(full, until="fail"))


def test_untested_promises_are_listed() -> None:
    claim = "the profile claims UTC recovery at 5 °C; no case looks"

    assert claim in mutants_page(a_result(MATRIX, untested=(claim,)))
