"""One finding on many quantities: each as if it were judged alone, the worst in the sentence."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rig.can_address import SignalAddress
from rig.expectations import Expectation
from rig.expectations.signal_stays import SignalStays
from rig.expectations.telemetry_agrees import TelemetryAgrees
from rig.judge.budget import Budget, Row, expanded_of_rectangles
from rig.judge.elements import code_of, codes_within
from rig.judge.measurement import Measurement
from rig.judge.rules import judge_within
from rig.judge.series import Reports
from rig.judge.verdict import JUDGEMENT_JSON, WORST_FIRST, Finding
from rig.judging import judge
from rig.trace.model import Line, Link, Trace
from tests.judge.synthetic import (
    Bytes,
    a_case,
    a_command,
    a_link,
    a_reading,
    a_trace,
    some_frames,
)

CELLS = 4
AGREES = TelemetryAgrees(
    quantity="cells 1 to 4", accuracy=0.005, unit="V", signal=SignalAddress("m.b{n}"), factor=0.02
)
PRINTED = replace(AGREES, signal=None, pattern=r"c{n}=(\S+)", factor=1.0)
LINKS = [a_link(), a_link("console")]


def the_finding(wanted: Expectation, trace: Trace) -> Finding:
    return judge(a_case(wanted), trace, Bytes()).findings[0]


# ---- the parts, held against plain loops --------------------------------------------------------
@settings(max_examples=300)
@given(
    st.lists(st.lists(st.integers(0, 40), max_size=8).map(sorted), min_size=1, max_size=4),
    st.integers(0, 3),
    st.floats(-5, 45),
    st.floats(-10, 50) | st.just(-np.inf),
    st.floats(-10, 50) | st.just(-np.inf) | st.just(np.inf),
)
def test_the_nearest_report_is_that_of_a_plain_search(
    times: list[list[int]], which: int, at: float, begin: float, end: float
) -> None:
    which = min(which, len(times) - 1)
    parts = [(np.array(own, np.int64), np.zeros(len(own))) for own in times]
    own = times[which]
    inside = [i for i, t in enumerate(own) if begin <= t <= end]
    nearest = min(inside, key=lambda i: abs(own[i] - at), default=None)

    [row] = Reports.of(parts).nearest(*(np.array([x]) for x in (which, at, begin, end)))

    assert row == (-1 if nearest is None else sum(map(len, times[:which])) + nearest)


@settings(max_examples=300)
@given(
    st.lists(
        st.tuples(
            st.floats(-2, 2).map(lambda x: round(x, 4)) | st.sampled_from([0.4, 0.6, -0.4]),
            st.floats(0, 1).map(lambda x: round(x, 5)) | st.sampled_from([0.0, 0.1, 1e-7]),
            st.sampled_from([0.5, 0.05, 1.0]),
        ),
        max_size=6,
    )
)
def test_many_verdicts_are_those_of_each(rows: list[tuple[float, float, float]]) -> None:
    values, expanded, limit = (
        (np.array(column) for column in zip(*rows, strict=True)) if (rows) else (np.empty(0),) * 3
    )
    alone = [judge_within(Measurement(value=v, expanded=u, unit="V"), -x, x) for v, u, x in rows]

    codes = codes_within(values, expanded, -limit, limit)

    assert [WORST_FIRST[code] for code in codes] == alone


@given(st.floats(1e-9, 1e3))
def test_the_uncertainty_of_one_rectangle_is_that_of_its_budget(half_width: float) -> None:
    budget = Budget.of((Row(name="meter", half_width=half_width),))

    assert expanded_of_rectangles(np.array([half_width])).tolist() == [budget.expanded]


# ---- telemetry ----------------------------------------------------------------------------------
@st.composite
def traces(draw: st.DrawFn) -> Trace:
    """Reports every 100 ms that are right, wrong, or missing for a while; readings now and then."""
    times_s = np.arange(1, 30) / 10
    frames = some_frames(times_s)
    for n in range(1, CELLS + 1):
        frames.data[:, n] = draw(st.sampled_from([165, 165, 166]))
    away = draw(st.lists(st.integers(0, 28), max_size=25))
    frames.can_id[away] = 0x200
    readings = [
        a_reading(f"cell {n}", draw(st.sampled_from([3.3, 3.3045, 3.307, 3.32, np.nan])), at_s)
        for n in range(1, CELLS + 1)
        for at_s in sorted(draw(st.lists(st.floats(0.1, 2.9), max_size=3)))
    ]
    commands = [
        a_command("cell 1", 3.3, at_s, settle_s=0.1)
        for at_s in draw(st.lists(st.floats(0, 2.9), max_size=3))
    ]
    lines = [
        Line(time_ns=round(at_s * 1e9), late_ns=0, text=draw(st.sampled_from(
            ["c1=3.3 c2=3.31 c3=nan c4=3.3", "c1=3.3", "nothing", "c2=3.3 c3=3.3 c4=-"])))
        for at_s in sorted(draw(st.lists(st.floats(0, 2.9), max_size=12)))
    ]  # fmt: skip
    return a_trace(
        frames=frames, links=LINKS, readings=readings, commands=commands, lines=lines, end_s=3.0
    )


@settings(max_examples=150)
@given(traces(), st.sampled_from([AGREES, PRINTED]))
def test_each_of_many_is_judged_as_it_is_alone(trace: Trace, wanted: TelemetryAgrees) -> None:
    names = [f"cell {n}" for n in range(1, CELLS + 1)]
    alone = [the_finding(wanted.of(name), trace) for name in names]

    found = the_finding(wanted, trace)

    if found.elements is None:  # nothing was read at all
        assert {one.verdict for one in alone} == {found.verdict} == {"error"}
        return
    elements, worst = found.elements, alone[names.index(found.elements.worst)]
    assert elements.verdicts == tuple(one.verdict for one in alone)
    assert elements.values == tuple(m.value if (m := one.measurement) else None for one in alone)
    assert elements.expanded == pytest.approx(
        [m.expanded if (m := one.measurement) else None for one in alone], nan_ok=True
    )
    assert (elements.low, elements.high) == (
        tuple(one.low for one in alone),
        tuple(one.high for one in alone),
    )
    assert found.verdict == min((one.verdict for one in alone), key=WORST_FIRST.index)
    assert (found.verdict, found.measurement, found.low, found.high, found.budget) == (
        worst.verdict, worst.measurement, worst.low, worst.high, worst.budget
    )  # fmt: skip
    assert worst.sentence in found.sentence


def of_cells(*volts: float) -> Trace:
    """Reports of 3.3 V of each cell, and a reading of these volts."""
    frames = some_frames(np.arange(1, 30) / 10)
    frames.data[:, 1 : CELLS + 1] = 165
    readings = [a_reading(f"cell {n}", v, 1.05) for n, v in enumerate(volts, 1)]
    return a_trace(frames=frames, links=LINKS, readings=readings)


def test_the_sentence_names_the_worst_and_how_many_pass() -> None:
    found = the_finding(AGREES, of_cells(3.3, 3.301, 3.32, 3.31))

    assert found.expectation == "m.b{n} agrees with the meter's cells 1 to 4 to ± 5.0 mV"
    assert found.sentence == (
        "cell 3 (m.b3), the worst of 4: the BMS reported 3.300 V where the meter read 3.320 V: off"
        " by (-20.00 ± 0.95) mV, allowed ± 5.0 mV (the worst of 1 readings); all but"
        " cells 3 and 4 pass"
    )
    assert found.elements is not None
    assert found.elements.of == "cells 1 to 4"
    assert found.elements.verdicts == ("pass", "pass", "fail", "fail")


def test_where_all_pass_the_nearest_to_its_limit_is_shown() -> None:
    found = the_finding(AGREES, of_cells(3.3, 3.303, 3.298, 3.301))

    assert found.verdict == "pass"
    assert found.sentence.startswith("cell 2 (m.b2), the worst of 4: the BMS reported 3.300 V")
    assert found.sentence.endswith("readings)")


def test_a_cell_that_nobody_read_is_an_error_of_its_own() -> None:
    trace = of_cells(3.3, 3.3, 3.3)

    found = the_finding(AGREES, trace)

    assert found.verdict == "error"
    assert found.elements is not None
    assert found.elements.verdicts == ("pass", "pass", "pass", "error")
    assert found.elements.values[3] is None
    assert "cell 4 was never read by a meter" in found.sentence


def test_all_elements_are_in_the_stored_judgement() -> None:
    judgement = judge(a_case(AGREES), of_cells(3.3, 3.301, 3.32, 3.31), Bytes())

    assert JUDGEMENT_JSON.validate_json(JUDGEMENT_JSON.dump_json(judgement)) == judgement


# ---- a signal of each ---------------------------------------------------------------------------
KEPT = SignalStays(
    signal=SignalAddress("m.b{n}"), of="cells 1 to 4", value=0.0, begin="go", end="stop"
)


@settings(max_examples=150)
@given(
    st.lists(st.tuples(st.integers(0, 28), st.integers(1, CELLS)), max_size=3),
    st.lists(st.integers(0, 28), max_size=20),
    st.sampled_from([0.0, 1e-3]),
    st.sampled_from([a_link(), a_link(alive=False)]),
)
def test_a_signal_of_each_is_judged_as_it_is_alone(
    ones: list[tuple[int, int]], away: list[int], time_u_s: float, link: Link
) -> None:
    frames = some_frames(np.arange(1, 30) / 10, time_u_s=time_u_s)
    for row, byte in ones:
        frames.data[row, byte] = 1
    frames.can_id[away] = 0x200
    trace = a_trace(frames=frames, links=[link], marks={"go": (0.5, 0.5), "stop": (2.0, 2.0)})
    names = [f"cell {n}" for n in range(1, CELLS + 1)]
    alone = [the_finding(KEPT.alone(name), trace) for name in names]

    found = the_finding(KEPT, trace)

    if found.elements is None:
        assert {one.sentence for one in alone} == {found.sentence}
        return
    worst = alone[names.index(found.elements.worst)]
    assert found.elements.verdicts == tuple(one.verdict for one in alone)
    assert found.verdict == min((one.verdict for one in alone), key=WORST_FIRST.index)
    assert (found.verdict, found.marks) == (worst.verdict, worst.marks)
    assert worst.sentence in found.sentence


def test_the_sentence_of_a_signal_of_each_names_the_one_that_did_not_keep_it() -> None:
    frames = some_frames(np.arange(1, 30) / 10)
    frames.data[14, 3] = 1
    trace = a_trace(frames=frames, links=[a_link()], marks={"go": (0.5, 0.5), "stop": (2.0, 2.0)})

    found = the_finding(KEPT, trace)

    assert found.expectation == "m.b{n} of cells 1 to 4 stays 0 from 'go' to 'stop'"
    assert found.sentence == (
        "cell 3, the worst of 4: m.b3 was 1 1.000 s after the span began; all but cell 3 pass"
    )


def test_a_place_among_the_worst_is_a_verdicts() -> None:
    assert [code_of(verdict) for verdict in WORST_FIRST] == list(range(len(WORST_FIRST)))
