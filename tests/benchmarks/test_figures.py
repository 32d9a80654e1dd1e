"""The docs' figures: where they stand, and whether their commands still print that form."""

from __future__ import annotations

from typing import Any

import pytest

from tests.benchmarks.scripts import BENCHMARKS, script

figures = script("figures")
HELPERS = {"by_hand", "witness", "happened", "figures"}  # started by the others, or this itself
SPEED = """\
testplans/nightly.yaml: 711 cases, {'pass': 711, 'fail': 0}
virtual 9071 s, wall 115.8 s (cases alone 100.0 s)
virtual / wall: 78
"""


def a_page(lines: str, head: str = "$ python benchmarks/nightly_speed.py    # at 469d410") -> str:
    return f"# Page\n\nText.\n\n```text\n{head}\n{lines}```\n\nMore.\n"


def reported(page: str, printed: str) -> list[str]:
    [figure] = figures.figures_of("page.md", page)
    return list(figures.differences(figure, printed.splitlines()))


def test_a_figure_has_a_place_a_command_and_a_commit() -> None:
    [figure] = figures.figures_of("page.md", a_page(SPEED))

    assert figure.page == "page.md:6"
    assert figure.command == "python benchmarks/nightly_speed.py"
    assert figure.commit == "469d410"
    assert figure.lines == tuple(SPEED.splitlines())


def test_other_numbers_have_the_same_form() -> None:
    printed = """\
testplans/smoke.yaml: 16 cases, {'pass': 15, 'fail': 1}
virtual 70 s, wall 5.81 s (cases alone 1,234.5 s)
virtual / wall: 12
"""
    assert reported(a_page(SPEED), printed) == []


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("command          48.3%     6.520 ms", "command      5%  57.74 µs"),
        ("run  1 (idle): 68 cases, c3d4ad1048a32fa3", "run 20 (idle): 160 cases, 0123456789abcdef"),
        ("CAN  1050  100.00%  -0.15  0.72  6.831 ms", "CAN  40  99.1%  0.02  0.47  7.161 ms"),
        ("=== 711 passed in 110.37s (0:01:50) ===", "======= 16 passed in 4.91s ======"),
        ("evidence: out/runs/virtual-esp32-4s-0001", "evidence: out/runs/other-0012"),
    ],
)
def test_what_may_differ_from_run_to_run_is_no_part_of_the_form(ours: str, theirs: str) -> None:
    assert figures.form(ours) == figures.form(theirs)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("virtual / wall: 78", "wall / virtual: 78"),
        ("limits claimed  13 fail, 3382 pass", "limits claimed  13 fail, 2 error, 3382 pass"),
        ("run  1 (idle): 68 cases", "run  1 (busy): 68 cases"),
    ],
)
def test_words_are_the_form(ours: str, theirs: str) -> None:
    assert figures.form(ours) != figures.form(theirs)


def test_a_line_that_is_no_longer_printed_is_found() -> None:
    [wrong] = reported(a_page(SPEED), SPEED.replace("virtual / wall: 78\n", ""))

    assert "page.md:6" in wrong
    assert "no longer prints 'virtual / wall: 78'" in wrong


def test_a_line_that_the_page_has_not_is_found() -> None:
    [wrong] = reported(a_page(SPEED), SPEED + "lanes: 2\n")

    assert "also prints 'lanes: 2'" in wrong


def test_a_page_may_leave_lines_out() -> None:
    assert reported(a_page("…\nvirtual / wall: 78\n"), SPEED) == []
    assert reported(a_page("…\nvirtual to wall: 78\n"), SPEED) != []


def test_every_benchmark_runs_reduced_and_has_its_figures_in_the_docs() -> None:
    scripts = {path.stem for path in BENCHMARKS.glob("*.py")} - HELPERS
    named = {benchmark.name for benchmark in figures.BENCHMARKS}
    shown = {figures.program(figure.command) for figure in all_figures()}

    assert scripts <= named
    assert all(figures.program(b.reduced) == figures.program(b.full[0]) for b in figures.BENCHMARKS)
    assert {figures.program(benchmark.full[0]) for benchmark in figures.BENCHMARKS} == shown


def test_every_block_that_shows_a_benchmark_bears_its_commit() -> None:
    for page in figures.PAGES:
        for block in figures.FENCE.finditer(page.read_text(encoding="utf-8")):
            head = block[1].splitlines()[0]
            if head.startswith(("$ python benchmarks", "$ rig mutants")):
                assert figures.HEAD.match(head), f"{page.name}: {head}"


def all_figures() -> list[Any]:
    return [
        figure
        for page in figures.PAGES
        for figure in figures.figures_of(page.name, page.read_text(encoding="utf-8"))
    ]
