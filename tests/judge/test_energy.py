"""Charge against the integral of the current, and signals that the cells' voltages make."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.can_address import SignalAddress
from rig.expectations.counts_charge import CountsCharge
from rig.expectations.follows_cells import FollowsCells
from rig.expectations.signal_ordered import SignalOrdered
from rig.expectations.signal_steady import SignalSteady
from rig.judge.verdict import Finding, Verdict
from rig.judging import judge_expectation, observed
from rig.trace.model import Command, Frames, Reading, Trace
from tests.judge.synthetic import (
    Bytes,
    a_case,
    a_command,
    a_link,
    a_reading,
    a_trace,
    some_frames,
)

MARKS = {"begun": (1.0, 1.0), "done": (99.0, 99.0)}
COUNTS = CountsCharge(
    quantity="soc",
    signal=SignalAddress("m.b3"),
    ah_per_unit=0.01,
    accuracy_a=0.1,
    relative=0.01,
    resolution_ah=0.01,
    begin="begun",
    end="done",
)
FOLLOWS = FollowsCells(
    quantity="soc",
    signal=SignalAddress("m.b3"),
    cells=("cell 1", "cell 2"),
    curve=((3.0, 0.0), (3.1, 50.0), (3.101, 100.0)),
    accuracy=1.0,
    accuracy_v=0.005,
    unit="%",
    settle_s=0.0,
)


def reported(values: Iterable[float], *, every_s: float = 1.0) -> Frames:
    """Return a frame each second from 0.5 s on, with these values in byte 3."""
    raw = np.array(list(values))
    data = np.zeros((raw.size, 8), np.uint8)
    data[:, 3] = raw
    return some_frames(0.5 + every_s * np.arange(raw.size), data)


def counting(
    units: float, commands: Iterable[Command], readings: Iterable[Reading], **changes: float
) -> Finding:
    """Judge a count that moves by so many hundredths of an ampere-hour from 100 on."""
    frames = reported(np.where(np.arange(100) < 50, 100.0, 100.0 + units))
    trace = a_trace(
        end_s=100.0,
        frames=frames,
        commands=commands,
        readings=readings,
        marks=MARKS,
        links=[a_link()],
    )
    wanted = replace(COUNTS, **changes)  # type: ignore[arg-type]
    return judge_expectation(wanted, observed(a_case(wanted), trace, Bytes()))


PULSE = [a_command("current", -18.0, 10.0), a_command("current", 0.0, 60.0)]
READ = [a_reading("current", -18.0, 20.0), a_reading("current", -18.0, 50.0)]


@pytest.mark.parametrize(
    ("units", "verdict"),
    [
        pytest.param(-25.0, "pass", id="18 A for 50 s are 0.25 Ah"),
        pytest.param(-26.0, "pass", id="one step more"),
        pytest.param(0.0, "fail", id="not counted"),
        pytest.param(25.0, "fail", id="counted the wrong way"),
        pytest.param(-23.0, "fail", id="two steps less"),
    ],
)
def test_a_count_is_held_against_the_charge_that_flowed(units: float, verdict: str) -> None:
    finding = counting(units, PULSE, READ)

    assert finding.verdict == verdict
    assert finding.measurement is not None
    assert finding.measurement.value == pytest.approx(units / 100.0 + 0.25, abs=1e-9)


@given(st.lists(st.floats(-20.0, 20.0), min_size=1, max_size=8))
def test_the_charge_is_the_sum_over_the_stretches(currents: list[float]) -> None:
    commands = [a_command("current", amps, 5.0 + 10.0 * i) for i, amps in enumerate(currents)]
    commands.append(a_command("current", 0.0, 5.0 + 10.0 * len(currents)))
    readings = [a_reading("current", amps, 10.0 + 10.0 * i) for i, amps in enumerate(currents)]

    finding = counting(0.0, commands, readings)

    assert finding.measurement is not None
    assert finding.measurement.value == pytest.approx(-sum(currents) * 10.0 / 3600.0, abs=1e-9)


def test_a_command_that_takes_its_time_is_half_charge_half_uncertainty() -> None:
    slow = [replace(PULSE[0], settle_s=2.0), PULSE[1]]

    finding = counting(-25.0, slow, READ)

    assert finding.measurement is not None
    assert finding.measurement.value == pytest.approx(-0.25 + 18.0 * 49.0 / 3600.0)
    row = next(row for row in finding.budget if row.name == "current between readings")
    assert row.half_width == pytest.approx(9.0 * 2.0 / 3600.0)


def test_a_current_that_sank_between_its_readings_widens_the_budget() -> None:
    sank = [a_reading("current", -18.0, 20.0), a_reading("current", 0.0, 50.0)]

    finding = counting(-25.0, PULSE, sank)

    assert finding.verdict is Verdict.INCONCLUSIVE
    assert "current between readings dominates" in finding.sentence


def test_without_a_reading_nothing_is_said() -> None:
    finding = counting(-25.0, PULSE, [])

    assert finding.verdict is Verdict.ERROR
    assert "the current was never read while -18.00 A were commanded" in finding.sentence


def test_before_the_first_frame_nothing_is_said() -> None:
    trace = a_trace(end_s=3.0, marks={"begun": (0.1, 0.1), "done": (2.0, 2.0)}, links=[a_link()])

    finding = judge_expectation(COUNTS, observed(a_case(COUNTS), trace, Bytes()))

    assert finding.verdict is Verdict.ERROR


# ---- what the cells make of it -------------------------------------------------------------------
def at_levels(levels: Iterable[tuple[float, float]], accuracy: float = 0.0) -> Trace:
    """Return a trace that reads both cells at levels (V, told), each in its second."""
    commands, readings, values = [], [], []
    for second, (volts, value) in enumerate(levels):
        commands.append(a_command("cell 1", volts, float(second)))
        readings += [
            a_reading(cell, volts + apart, second + 0.6, accuracy)
            for cell, apart in (("cell 1", 0.01), ("cell 2", -0.01))
        ]
        values.append(value)
    return a_trace(
        end_s=len(values) + 1.0,
        frames=reported(values),
        commands=commands,
        readings=readings,
        links=[a_link()],
    )


def following(
    *levels: tuple[float, float], accuracy: float = 0.0, ordered_from_v: float | None = None
) -> Finding:
    wanted = replace(FOLLOWS, ordered_from_v=ordered_from_v)
    trace = at_levels(levels, accuracy)
    return judge_expectation(wanted, observed(a_case(wanted), trace, Bytes()))


@pytest.mark.parametrize(
    ("volts", "value", "verdict"),
    [
        pytest.param(3.05, 25.0, "pass", id="on the curve"),
        pytest.param(3.05, 28.0, "pass", id="what 5 mV and 1 % allow: 3.5 %"),
        pytest.param(3.05, 29.0, "fail", id="more than that"),
        pytest.param(2.90, 0.0, "pass", id="below the curve"),
        pytest.param(3.20, 100.0, "pass", id="above the curve"),
        pytest.param(3.20, 90.0, "fail", id="full is not told"),
    ],
)
def test_a_reading_is_held_against_the_curve(volts: float, value: float, verdict: str) -> None:
    assert following((volts, value)).verdict == verdict


def test_the_meter_widens_a_limit_only_as_far_as_it_moves_it() -> None:
    # The upper limit lies at 3.1002 V on the steep piece: 60 %. 1 mV less is 49.6 %, on the flat
    # one, and only that speaks against a value inside; 1 mV more would be 100 %.
    assert following((3.0952, 46.0), accuracy=0.001).verdict is Verdict.PASS


def test_next_to_a_steep_piece_a_coarse_meter_decides_nothing() -> None:
    # The upper limit lies at 3.1005 V: 75 % and 1 %, where 0.5 mV are 25 %.
    finding = following((3.0955, 80.0), accuracy=0.0005)

    assert finding.verdict is Verdict.INCONCLUSIVE


def test_the_worst_of_several_readings_stands_for_all() -> None:
    finding = following((3.02, 10.0), (3.04, 30.0), (3.06, 31.0))

    assert finding.verdict is Verdict.FAIL
    assert "was 30 % with the cells at 3.040 V, where 20.00 % are due" in finding.sentence


def test_readings_in_the_wrong_order_are_found_within_their_limits() -> None:
    levels = ((3.050, 27.0), (3.054, 25.0))

    assert following(*levels).verdict is Verdict.PASS
    assert following(*levels, ordered_from_v=0.010).verdict is Verdict.PASS
    assert following(*levels, ordered_from_v=0.002).verdict is Verdict.FAIL


def test_cells_that_were_never_read_prove_nothing() -> None:
    trace = a_trace(frames=reported([1.0]), links=[a_link()])

    assert (
        judge_expectation(FOLLOWS, observed(a_case(FOLLOWS), trace, Bytes())).verdict
        is Verdict.ERROR
    )


# ---- how a signal moves --------------------------------------------------------------------------
def moving(wanted: SignalOrdered | SignalSteady, values: Iterable[float]) -> Finding:
    frames = reported(values)
    trace = a_trace(end_s=frames.time_ns.size + 0.2, frames=frames, links=[a_link()])
    return judge_expectation(wanted, observed(a_case(wanted), trace, Bytes()))


@given(st.lists(st.integers(0, 255), min_size=2, max_size=30), st.integers(0, 20))
def test_only_rising_is_what_a_plain_loop_finds(values: list[int], slack: int) -> None:
    wanted = SignalOrdered(signal=SignalAddress("m.b3"), rising=True, slack=float(slack))
    top, right = values[0], True
    for value in values:
        right = right and value >= top - slack
        top = max(top, value)

    verdict = moving(wanted, values).verdict

    # The last frame of a span may lie on its end, where a stamp decides nothing.
    assert verdict is (Verdict.PASS if right else Verdict.FAIL)


@given(st.lists(st.integers(0, 255), min_size=2, max_size=30), st.integers(0, 255))
def test_falling_is_rising_turned_over(values: list[int], slack: int) -> None:
    falling = SignalOrdered(signal=SignalAddress("m.b3"), rising=False, slack=float(slack))
    rising = replace(falling, rising=True)

    turned = [255 - value for value in values]

    assert moving(falling, values).verdict is moving(rising, turned).verdict


@pytest.mark.parametrize(
    ("step", "span", "verdict"),
    [(10, 20, "pass"), (9, None, "fail"), (None, 19, "fail"), (10, None, "pass")],
)
def test_steps_and_span_are_judged_apart(
    step: float | None, span: float | None, verdict: str
) -> None:
    wanted = SignalSteady(signal=SignalAddress("m.b3"), most_step=step, most_span=span)

    assert moving(wanted, [100, 110, 120, 115, 110]).verdict == verdict


def test_a_signal_that_is_not_sent_does_not_keep_still() -> None:
    wanted = SignalSteady(signal=SignalAddress("n.b3"), most_span=1.0)
    frames = reported([1.0, 1.0, 1.0])
    trace = a_trace(end_s=3.2, frames=frames, links=[a_link()])

    finding = judge_expectation(wanted, observed(a_case(wanted), trace, Bytes()))

    assert finding.verdict is Verdict.FAIL
    assert "no n in" in finding.sentence
