"""Lines of the console: in time, or never; a stamp can only be late."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rig.expectations import Expectation
from rig.expectations.console_never_says import ConsoleNeverSays
from rig.expectations.console_says import ConsoleSays
from rig.facts import DutFacts
from rig.judge.verdict import Finding
from rig.judging import judge
from rig.steps.type_line import Type
from rig.time_reference import Mark
from rig.trace.model import Line, Trace
from tests.judge.synthetic import MS, S, a_case, a_link, a_trace

SAYS = ConsoleSays(pattern="OVP cell 3", since=Mark(mark="go"), high_s=0.2)
NEVER = ConsoleNeverSays(pattern="OVP", begin="go", end="stop")


def a_line(at_s: float, text: str, late_ms: float = 0.0) -> Line:
    return Line(time_ns=round(at_s * S), late_ns=round(late_ms * MS), text=text)


STATUS = a_line(0.5, "I (1) bms: state=NORMAL")


def console_trace(*lines: Line, **changes: object) -> Trace:
    marks = {"go": (1.0, 1.0), "stop": (2.0, 2.0)}
    trace = a_trace(lines=lines, links=[a_link("console")], marks=marks)
    return replace(trace, **changes)  # type: ignore[arg-type]


def the_finding(expectation: Expectation, trace: Trace, *steps: Type) -> Finding:
    return judge(a_case(expectation, steps=steps), trace).findings[0]


@pytest.mark.parametrize(
    ("at_s", "late_ms", "verdict"),
    [
        pytest.param(1.1, 0, "pass", id="in time"),
        pytest.param(1.2, 0, "inconclusive", id="at the limit, by a clock that is not perfect"),
        pytest.param(1.21, 0, "fail", id="late"),
        pytest.param(1.21, 20, "inconclusive", id="late, or only stamped late"),
        pytest.param(1.19, 20, "pass", id="a late stamp was earlier still"),
        pytest.param(1.24, 20, "fail", id="late even so"),
    ],
)
def test_a_line_is_judged_by_when_it_ended(at_s: float, late_ms: float, verdict: str) -> None:
    line = a_line(at_s, "W (1) prot: OVP cell 3 3.662 V", late_ms)

    found = the_finding(SAYS, console_trace(STATUS, line))

    assert found.verdict == verdict
    assert found.means == "console"
    assert found.measurement is not None
    assert found.measurement.value == pytest.approx(at_s - 1.0 - late_ms / 2e3)
    assert found.measurement.expanded == pytest.approx(0.9545 * late_ms / 2e3, abs=15e-6)


def test_only_a_line_after_the_cause_counts_and_the_first_of_them() -> None:
    lines = [a_line(t, f"OVP cell 3 at {t}") for t in (0.9, 1.1, 1.15)]

    found = the_finding(SAYS, console_trace(*lines))

    assert "console said 'OVP cell 3 at 1.1'" in found.sentence


def test_an_answer_may_come_while_the_step_is_still_typing() -> None:
    marks = a_trace(marks={"go": (1.0, 1.1)}).markers
    trace = console_trace(a_line(1.05, "OVP cell 3"), markers=marks)

    found = the_finding(SAYS, trace, Type(line="status", mark="go"))

    assert found.verdict == "pass"


def test_a_line_that_never_came_fails_if_others_did() -> None:
    found = the_finding(SAYS, console_trace(STATUS))

    assert found.verdict == "fail"
    assert found.sentence == (
        "console did not say /OVP cell 3/ within 2.000 s after 'go'; allowed at most 200.0 ms"
        " (0 other lines came)"
    )
    assert the_finding(replace(SAYS, high_s=2.0), console_trace(STATUS)).verdict == "inconclusive"


@pytest.mark.parametrize("expectation", [SAYS, NEVER])
def test_a_silent_console_proves_nothing(expectation: Expectation) -> None:
    found = the_finding(expectation, console_trace())

    assert found.verdict == "error"
    assert "no proof that it is connected" in found.sentence


@pytest.mark.parametrize("expectation", [SAYS, NEVER])
def test_a_dead_receiver_proves_nothing(expectation: Expectation) -> None:
    link = a_link("console", alive=False)

    found = the_finding(expectation, console_trace(STATUS, links={"console": link}))

    assert found.verdict == "error"
    assert "died" in found.sentence


@pytest.mark.parametrize(
    ("at_s", "late_ms", "verdict"),
    [
        pytest.param(0.9, 0, "pass", id="before the span"),
        pytest.param(2.1, 0, "pass", id="after the span"),
        pytest.param(1.0, 0, "fail", id="at its begin"),
        pytest.param(1.5, 100, "fail", id="inside it"),
        pytest.param(1.01, 20, "inconclusive", id="perhaps before it"),
        pytest.param(2.01, 20, "inconclusive", id="perhaps still in it"),
        pytest.param(2.03, 20, "pass", id="after it for sure"),
    ],
)
def test_never_is_about_its_span(at_s: float, late_ms: float, verdict: str) -> None:
    lines = sorted([STATUS, a_line(1.5, STATUS.text), a_line(at_s, "OVP cell 1", late_ms)],
                   key=lambda line: line.time_ns)  # fmt: skip

    found = the_finding(NEVER, console_trace(*lines))

    assert found.verdict == verdict


@pytest.mark.parametrize(
    ("at_s", "promised_s", "verdict"),
    [
        pytest.param([0.1], None, "error", id="one line in all"),
        pytest.param([0.1, 0.5, 0.9], None, "error", id="silent though it spoke often"),
        pytest.param([0.05, 0.06, 0.07, 0.9, 0.91], None, "pass", id="a burst is not its pace"),
        pytest.param([0.1, 0.9], 0.4, "error", id="silent against its claim"),
        pytest.param([0.1], 0.6, "pass", id="none was due"),
        pytest.param([0.1, 0.2, 1.5], None, "pass", id="it spoke in the span"),
    ],
)
def test_never_needs_a_console_that_speaks_in_the_span(
    at_s: list[float], promised_s: float | None, verdict: str
) -> None:
    case = replace(a_case(NEVER), dut=DutFacts(prints_every_s=promised_s))

    found = judge(case, console_trace(*(a_line(t, "status") for t in at_s))).findings[0]

    assert found.verdict == verdict
    if verdict == "error":
        assert "the console said nothing for 1.000 s" in found.sentence


def test_a_pass_says_what_was_heard() -> None:
    found = the_finding(NEVER, console_trace(STATUS, a_line(1.5, "I (2) bms: state=NORMAL")))

    assert found.sentence == "no such line in 1.000 s; 1 others came (2 in the whole case)"
    assert found.expectation == "console never says /OVP/ from 'go' to 'stop'"
