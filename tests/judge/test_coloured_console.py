"""A console that colours its lines is read as a person reads it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rig.expectations import Expectation
from rig.expectations.console_never_says import ConsoleNeverSays
from rig.expectations.console_says import ConsoleSays
from rig.judge.verdict import Finding
from rig.judging import judge
from rig.time_reference import Mark
from rig.trace.model import Line
from tests.judge.synthetic import a_case
from tests.judge.test_console import STATUS, a_line, console_trace

GREEN, RESET = "\x1b[0;32m", "\x1b[0m"
COLOURED = f"{GREEN}OK{RESET}"


def found_in(expectation: Expectation, *lines: Line) -> Finding:
    return judge(a_case(expectation), console_trace(*lines)).findings[0]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(COLOURED, id="colour"),
        pytest.param("\x1b[1;38;5;82mOK\x1b[m", id="256 colours"),
        pytest.param("\x1b[2K\x1b[1GOK", id="erased line and moved cursor"),
        pytest.param("\x1b]0;esp32 monitor\x07OK", id="a window's title"),
        pytest.param("\x1b]8;;http://x\x1b\\OK\x1b]8;;\x1b\\", id="a link"),
        pytest.param("\x1b(BOK", id="a character set"),
        pytest.param("\x9b32mOK\x9b0m", id="8-bit codes"),
        pytest.param("OK", id="plain"),
    ],
)
def test_a_pattern_with_both_ends_matches_a_coloured_line(text: str) -> None:
    says = ConsoleSays(pattern="^OK$", since=Mark(mark="go"), high_s=0.2)

    found = found_in(says, STATUS, a_line(1.1, text))

    assert found.verdict == "pass"
    assert "'OK'" in found.sentence
    assert "\x1b" not in found.sentence + "".join(mark.label for mark in found.marks)


def test_what_must_never_be_said_is_found_in_colour_too() -> None:
    never = ConsoleNeverSays(pattern="^OVP cell 1$", begin="go", end="stop")

    found = found_in(never, STATUS, a_line(1.5, f"{GREEN}OVP{RESET} cell 1"))

    assert found.verdict == "fail"


def test_a_pattern_that_asks_for_the_codes_finds_them() -> None:
    says = ConsoleSays(pattern=r"\x1b\[0;32mOK", since=Mark(mark="go"), high_s=0.2)

    assert found_in(says, STATUS, a_line(1.1, COLOURED)).verdict == "pass"


def test_a_number_in_colour_is_a_number() -> None:
    line = Line(time_ns=0, late_ns=0, text=f"v={GREEN}3.301{RESET} V")

    match = line.search(r"^v=([\d.]+) V$")

    assert match is not None
    assert match[1] == "3.301"


def test_what_no_terminal_shows_is_shown_as_such() -> None:
    line = Line(time_ns=0, late_ns=0, text="a\x00b\x1b[31mc\x07\td")

    assert line.plain == "a\u2400bc\u2407\td"
    assert replace(line, text="Überspannung ±5 µV").plain == "Überspannung ±5 µV"
