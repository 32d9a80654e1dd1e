"""Thresholds, telemetry and balancing: levels against the meter."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.can_address import SignalAddress
from rig.expectations import Expectation
from rig.expectations.balances import Balances
from rig.expectations.telemetry_agrees import TelemetryAgrees
from rig.expectations.threshold import ThresholdIs
from rig.facts import DutFacts, Output
from rig.judge.verdict import Finding
from rig.judging import judge
from rig.steps import Step
from rig.steps.conditions import OutputState
from rig.steps.ramp import Ramp
from rig.trace.model import Command, Line, Trace
from tests.judge.synthetic import (
    MS,
    OUTPUTS,
    Bytes,
    a_case,
    a_channel,
    a_command,
    a_link,
    a_reading,
    a_trace,
    a_waveform,
    some_frames,
    step,
)

STAIRS = Ramp(
    quantity="cell 3",
    start=3.640,
    stop=3.660,
    step=0.002,
    dwell_s=1.2,
    until=OutputState(output="charge path", is_open=True),
)
THRESHOLD = ThresholdIs(
    quantity="cell 3",
    output="charge path",
    is_open=True,
    level=3.65,
    tolerance=0.010,
    unit="V",
    delay_s=1.1,
)


def the_finding(expectation: Expectation, trace: Trace, *steps: Step) -> Finding:
    return judge(a_case(expectation, steps=steps), trace, Bytes()).findings[0]


# ---- thresholds ------------------------------------------------------------------------------
def ramp(threshold: float, *, delay_s: float = 1.0, offset: float = 0.0) -> Trace:
    """Return a ramp at whose levels, off by `offset`, a BMS with this threshold reacts."""
    commands, readings, opened_s = [a_command("cell 3", 3.3, 0.0)], [], 99.0
    at_s = 1.0
    for i in range(11):
        level = 3.640 + 0.002 * i
        commands.append(a_command("cell 3", level, at_s))
        readings.append(a_reading("cell 3", level + offset, at_s + 0.01))
        if level + offset > threshold:
            opened_s = at_s + delay_s
            break
        at_s += 1.2
    n = round((max(at_s, 0.0) + 2.0) * 1e3)
    gate = a_channel("charge path", step(n, opened_s * 1e3, 12.0, 0.0))
    return a_trace(
        a_waveform(gate, interval_s=1e-3), commands=commands, readings=readings, end_s=n / 1e3
    )


@pytest.mark.parametrize(
    ("threshold", "offset", "verdict"),
    [
        pytest.param(3.6491, 0.0, "pass", id="in the middle"),
        pytest.param(3.6491, 0.005, "pass", id="the meter counts, not the command"),
        pytest.param(3.6581, 0.0, "inconclusive", id="1 mV inside with U of 2 mV"),
        pytest.param(3.6691, 0.012, "fail", id="above"),
        pytest.param(3.6311, -0.010, "fail", id="below"),
    ],
)
def test_a_threshold_lies_between_two_steps(threshold: float, offset: float, verdict: str) -> None:
    found = the_finding(THRESHOLD, ramp(threshold, offset=offset), STAIRS)

    assert found.verdict == verdict
    assert found.measurement is not None
    assert abs(found.measurement.value - threshold) <= 0.001
    assert {row.name: row.half_width for row in found.budget} == pytest.approx(
        {"step of the ramp": 0.001, "meter": 0.001}
    )
    # All of both: a true level often lies close to a step.
    assert found.measurement.expanded == pytest.approx(0.002)
    assert found.measurement.coverage_factor == pytest.approx(6**0.5, abs=1e-3)


@given(threshold=st.floats(3.6405, 3.6595), delay_s=st.floats(0.05, 1.19))
def test_any_delay_up_to_the_dwell_gives_the_same_step(threshold: float, delay_s: float) -> None:
    found = the_finding(THRESHOLD, ramp(threshold, delay_s=delay_s), STAIRS)

    assert found.measurement is not None
    assert abs(found.measurement.value - threshold) <= found.measurement.expanded + 1e-9
    assert found.measurement.expanded == pytest.approx(0.002)


def test_a_dwell_shorter_than_the_delay_widens_the_answer() -> None:
    trace = ramp(3.6491)  # opens 1.0 s after the step to 3.650 V
    faster = [replace(c, before_ns=c.before_ns, after_ns=c.after_ns) for c in trace.commands]
    faster.append(a_command("cell 3", 3.652, 7.5))  # and on, before it opens at 8.0 s

    found = the_finding(THRESHOLD, replace(trace, commands=tuple(faster)), STAIRS)

    assert found.measurement is not None
    assert {row.name: row.half_width for row in found.budget}["step of the ramp"] == (
        pytest.approx(0.002)
    )
    assert found.measurement.value == pytest.approx(3.650)


@pytest.mark.parametrize(("level", "verdict"), [(22.0, "pass"), (23.0, "fail")])
def test_a_current_that_its_own_trip_ended_before_it_was_read_is_a_step_beyond_the_last(
    level: float, verdict: str
) -> None:
    wanted = replace(THRESHOLD, quantity="current", level=level, tolerance=0.5, unit="A")
    stairs = replace(STAIRS, quantity="current", start=21.7, stop=22.3, step=0.1)
    sets = [a_command("current", 21.7 + 0.1 * i, 1.2 * i + 1.0) for i in range(4)]
    sets = _with_the_other_source(sets)
    read = [a_reading("current", 21.75 + 0.1 * i, 1.2 * i + 1.01) for i in range(3)]
    read.append(a_reading("current", 0.003, 4.61))
    gate = a_channel("charge path", step(7000, 4605, 12.0, 0.0))
    trace = a_trace(a_waveform(gate, interval_s=1e-3), commands=sets, readings=read, end_s=7.0)

    found = the_finding(wanted, trace, stairs)

    assert found.verdict == verdict
    assert found.measurement is not None
    assert found.measurement.value == pytest.approx(22.0)  # of 21.95 and 22.05
    u_meter = {row.name: row.half_width for row in found.budget}["meter"]
    assert u_meter == pytest.approx(read[0].accuracy + 0.01)


def _with_the_other_source(sets: list[Command]) -> list[Command]:
    """The load is told 0 A before each step of the charger."""
    other = (replace(c, value=0.0, before_ns=c.before_ns - 10**7, after_ns=c.after_ns - 10**7,
                     instrument="load") for c in sets)  # fmt: skip
    return [command for pair in zip(other, sets, strict=True) for command in pair]


@pytest.mark.parametrize("opens_s", [4.595, 5.795], ids=["in force", "a delay before"])
def test_a_current_whose_other_source_is_told_0_a_flows_on(opens_s: float) -> None:
    """Whether it reacts just then, or a delay after it."""
    wanted = replace(THRESHOLD, quantity="current", level=22.0, tolerance=0.5, unit="A",
                     delay_s=1.2)  # fmt: skip
    stairs = replace(STAIRS, quantity="current", start=21.7, stop=22.3, step=0.1)
    sets = [a_command("current", 21.7 + 0.1 * i, 1.2 * i + 1.0) for i in range(5)]
    read = [a_reading("current", 21.7 + 0.1 * i, 1.2 * i + 1.01) for i in range(5)]
    gate = a_channel("charge path", step(9000, round(1e3 * opens_s), 12.0, 0.0))
    trace = a_trace(
        a_waveform(gate, interval_s=1e-3),
        commands=_with_the_other_source(sets),
        readings=read,
        end_s=9.0,
    )

    found = the_finding(wanted, trace, stairs)

    assert found.verdict == "pass"
    assert found.measurement is not None
    assert found.measurement.expanded < 0.2


def test_a_reaction_seen_by_the_meter_lies_between_two_looks() -> None:
    trace = replace(ramp(3.6491), waveforms=())  # 3.650 V at 7.0 s, opens at 8.0 s
    looks = [a_reading("charge path", 12.0 if t < 8.0 else 0.0, t) for t in (1.0, 6.5, 8.05)]
    late = [a_reading("charge path", 12.0 if t < 8.0 else 0.0, t) for t in (1.0, 7.9, 8.05)]

    wide = the_finding(THRESHOLD, replace(trace, readings=(*trace.readings, *looks)), STAIRS)
    narrow = the_finding(THRESHOLD, replace(trace, readings=(*trace.readings, *late)), STAIRS)

    steps = [{row.name: row.half_width for row in found.budget} for found in (wide, narrow)]
    assert [rows["step of the ramp"] for rows in steps] == pytest.approx([0.002, 0.001])


def test_no_reaction_up_to_the_last_level_fails() -> None:
    found = the_finding(THRESHOLD, ramp(9.0, offset=0.004), STAIRS)

    assert found.verdict == "fail"
    assert "did not open up to cell 3 = 3.664 V ± 1.0 mV" in found.sentence
    assert "due at 3.660 V at the latest" in found.sentence
    # The last level was 3.660 V itself, or it was not held for the longest delay: no proof.
    assert the_finding(THRESHOLD, ramp(9.0), STAIRS).verdict == "inconclusive"
    patient = replace(THRESHOLD, delay_s=9.0)
    assert the_finding(patient, ramp(9.0, offset=0.004), STAIRS).verdict == "inconclusive"


def test_a_reaction_at_the_first_level_is_below_all_of_them() -> None:
    found = the_finding(replace(THRESHOLD, tolerance=0.008), ramp(3.5), STAIRS)

    assert found.verdict == "fail"
    assert "between the steps 3.300 V and 3.640 V" in found.sentence


def test_a_path_that_never_closes_again_fails() -> None:
    """The stimulus trips it 1 s on; from its next level, near the start, a ramp goes down."""
    start = 3.5200001  # as near as the source comes
    levels = [(3.7, 0.0), *((start - 0.004 * i, 2.0 + 1.2 * i) for i in range(11))]
    trace = a_trace(
        a_waveform(a_channel("charge path", step(18_000, 1_000.0, 12.0, 0.0)), interval_s=1e-3),
        commands=[a_command("cell 3", level, at_s) for level, at_s in levels],
        readings=[a_reading("cell 3", level, at_s + 0.01) for level, at_s in levels],
        end_s=18.0,
    )
    wanted = replace(THRESHOLD, is_open=False, level=3.5, tolerance=0.01)
    stairs = replace(STAIRS, start=3.52, stop=3.48, step=-0.004)

    found = the_finding(wanted, trace, stairs)

    assert found.verdict == "fail"
    assert "charge path did not close up to cell 3 = 3.480 V" in found.sentence


def test_without_a_meter_nothing_can_be_said() -> None:
    trace = replace(ramp(3.65), readings=())

    assert "no level of cell 3 was read back" in the_finding(THRESHOLD, trace, STAIRS).sentence
    assert "no command" in the_finding(THRESHOLD, replace(trace, commands=()), STAIRS).sentence


def test_a_path_open_before_the_ramp_proves_nothing() -> None:
    trace = ramp(3.65)
    gate = a_channel("charge path", np.zeros(12_000))

    found = the_finding(
        THRESHOLD, replace(trace, waveforms=(a_waveform(gate, interval_s=1e-3),)), STAIRS
    )

    assert found.verdict == "error"


# ---- telemetry -------------------------------------------------------------------------------
TELEMETRY = TelemetryAgrees(
    quantity="cell 3", accuracy=0.005, unit="V", signal=SignalAddress("m.b3"), factor=0.02
)


def reported(raw: list[int], readings: list[float], **changes: object) -> Trace:
    """Return a frame each 100 ms with these raw values (20 mV each), and a reading each second."""
    frames = some_frames(np.arange(1, len(raw) + 1) / 10.0)
    frames.data[:, 3] = raw
    trace = a_trace(
        frames=frames,
        links=[a_link()],
        readings=[a_reading("cell 3", v, 1.05 + i) for i, v in enumerate(readings)],
    )
    return replace(trace, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("reading", "verdict"),
    [
        (3.300, "pass"),
        (3.304, "pass"),
        (3.296, "pass"),
        (3.3045, "inconclusive"),
        (3.3055, "inconclusive"),
        (3.307, "fail"),
        (3.293, "fail"),
    ],
)
def test_a_report_agrees_to_its_accuracy(reading: float, verdict: str) -> None:
    found = the_finding(TELEMETRY, reported([165] * 29, [reading]))

    assert found.verdict == verdict
    assert found.measurement is not None
    assert found.measurement.value == pytest.approx(3.3 - reading)


def test_a_relative_part_adds_to_the_accuracy() -> None:
    wanted = replace(TELEMETRY, relative=0.001)

    found = the_finding(wanted, reported([165] * 29, [3.307]))

    assert found.verdict == "pass"
    assert found.high == pytest.approx(0.005 + 0.003307)


def test_the_worst_reading_stands_for_all() -> None:
    found = the_finding(TELEMETRY, reported([165] * 29, [3.3, 3.32]))

    assert found.verdict == "fail"
    assert found.sentence == (
        "the BMS reported 3.300 V where the meter read 3.320 V: off by (-20.00 ± 0.95) mV,"
        " allowed ± 5.0 mV (the worst of 2 readings)"
    )


def test_only_a_report_sent_while_all_stood_still_counts() -> None:
    raw = [150] * 11 + [165] * 18  # the report follows a change at 1.0 s with a delay
    change = a_command("cell 3", 3.3, 1.0, settle_s=0.1)

    settled = the_finding(TELEMETRY, reported(raw, [3.3], commands=(change,)))
    hasty = the_finding(replace(TELEMETRY, settle_s=0.0), reported(raw, [3.0], commands=()))
    gone = a_command("cell 3", 3.9, 1.2)
    never = the_finding(TELEMETRY, reported(raw, [3.3], commands=(change, gone)))

    assert settled.verdict == "pass"
    assert hasty.verdict == "pass"  # the nearest report is still the old one
    assert never.verdict == "error"
    assert "hold longer around each Read" in never.sentence


def test_a_bms_that_reports_nothing_on_a_live_link_fails() -> None:
    silent = reported([], [3.3])

    assert the_finding(TELEMETRY, silent).verdict == "fail"
    dead = replace(silent, links={"can": a_link(received=0)})
    assert the_finding(TELEMETRY, dead).verdict == "error"
    assert the_finding(TELEMETRY, replace(silent, readings=())).verdict == "error"


def three_levels(frames_until_s: float, *others_s: float, supply: float = 5.0) -> Trace:
    """Return reports of 3.3 V that end, and a reading in each of three levels of 1 s."""
    levels = [(3.3, 0.0), (3.6, 1.0), (2.6, 2.0)]
    own_s = [t for t in np.arange(1, 30) / 10.0 if t <= frames_until_s]
    times_s = np.sort([*own_s, *others_s])
    frames = some_frames(times_s)
    frames.data[:, 3] = 165
    frames.can_id[np.isin(times_s, others_s)] = 0x200
    return a_trace(
        frames=frames,
        links=[a_link()],
        readings=[a_reading("cell 3", volts, at_s + 0.9) for volts, at_s in levels],
        commands=[
            a_command("supply", supply, 1.0),
            *(a_command("cell 3", volts, at_s) for volts, at_s in levels),
        ],
    )


def test_a_reading_whose_report_was_due_and_never_came_is_no_pass() -> None:
    alive = the_finding(TELEMETRY, three_levels(0.9, 1.75, 2.85))
    silent = the_finding(TELEMETRY, three_levels(0.9))

    assert (alive.verdict, silent.verdict) == ("fail", "error")
    assert "nothing of it in 400.0 ms around where the meter read 3.600 V" in alive.sentence
    assert "(1 other messages came on its can link meanwhile)" in alive.sentence
    wrong = the_finding(TELEMETRY, three_levels(1.9))
    assert wrong.verdict == "fail"  # a wrong report stands, whatever is missing
    assert wrong.sentence.endswith("(the worst of 2 of 3 readings)")


def test_no_report_is_due_where_the_bms_is_off_or_nothing_stood_still() -> None:
    off = the_finding(TELEMETRY, three_levels(0.9, supply=0.0))
    hasty = a_command("cell 3", 2.6, 0.95)
    moving = replace(three_levels(0.9), readings=(a_reading("cell 3", 3.3, 0.9),
                     a_reading("cell 3", 2.6, 0.99)))  # fmt: skip
    moved = the_finding(TELEMETRY, replace(moving, commands=(hasty, a_command("cell 3", 1, 1.4))))

    assert (off.verdict, moved.verdict) == ("pass", "pass")
    assert off.sentence.endswith("(the worst of 1 of 3 readings)")


def test_a_report_from_long_before_is_not_of_this_reading() -> None:
    """Nothing was commanded meanwhile, but the message fell silent a second before."""
    frames = some_frames(np.array([0.1, 0.2, 0.3, 0.4, 0.5, 1.4]))
    frames.data[:, 3] = 165
    frames.can_id[-1] = 0x200
    trace = replace(reported([], [3.3, 3.3]), frames=frames)
    trace = replace(trace, readings=(a_reading("cell 3", 3.3, 0.4), a_reading("cell 3", 3.3, 1.5)))

    found = the_finding(TELEMETRY, trace)

    assert found.verdict == "fail"


def test_a_meter_that_gave_no_number_is_not_a_reading() -> None:
    nan = float("nan")

    assert the_finding(TELEMETRY, reported([165] * 29, [nan, 3.3])).verdict == "pass"
    none = the_finding(TELEMETRY, reported([165] * 29, [nan]))
    assert none.verdict == "error"
    assert "gave no number" in none.sentence


def test_a_report_on_the_console_is_read_by_its_pattern() -> None:
    wanted = TelemetryAgrees(
        quantity="cell 3", accuracy=0.005, unit="V", pattern=r"c3=(\d+)", factor=1e-3
    )
    lines = (Line(time_ns=1_000 * MS, late_ns=0, text="v c3=3301 c4=1"),)
    trace = reported([], [3.3], lines=lines, links={"console": a_link("console")})

    found = the_finding(wanted, trace)

    assert found.verdict == "pass"
    assert found.means == "console and meter"
    assert found.measurement is not None
    assert found.measurement.value == pytest.approx(0.001)


@pytest.mark.parametrize("text", ["nan", "--"])
def test_a_report_that_is_no_number_fails(text: str) -> None:
    wanted = TelemetryAgrees(quantity="cell 3", accuracy=0.005, unit="V", pattern=r"c3=(\S+)")
    lines = (Line(time_ns=1_000 * MS, late_ns=0, text=f"v c3={text} c4=1"),)
    trace = reported([], [3.3], lines=lines, links={"console": a_link("console")})

    found = the_finding(wanted, trace)

    assert found.verdict == "fail"
    assert found.sentence == "the BMS reported no number where the meter read 3.300 V"


# ---- balancing -------------------------------------------------------------------------------
def bleeding(currents: dict[int, float], accuracy: float = 0.001) -> Trace:
    readings = [a_reading(f"bleed {n}", a, 1.0, accuracy) for n, a in currents.items()]
    return a_trace(readings=readings, marks={"look": (0.9, 1.1)})


@pytest.mark.parametrize(
    ("cells", "verdict"), [((2,), "pass"), ((), "fail"), ((1, 2), "fail"), ((1,), "fail")]
)
def test_just_the_named_cells_bleed(cells: tuple[int, ...], verdict: str) -> None:
    found = the_finding(Balances(cells=cells, at="look"), bleeding({1: 0.0, 2: 0.1, 3: 0.001}))

    assert found.verdict == verdict
    assert (
        "cell 2 draws 100.0 mA ± 1.0 mA" in found.sentence
        or "cell 2 draws 0.10 A" in found.sentence
    )


def test_a_current_at_the_level_is_undecided() -> None:
    found = the_finding(Balances(cells=(2,), at="look"), bleeding({2: 0.0205}))

    assert found.verdict == "inconclusive"
    assert the_finding(Balances(cells=(2,), at="look"), bleeding({2: 0.0211})).verdict == "pass"


def test_a_cell_that_was_not_read_is_named() -> None:
    found = the_finding(Balances(cells=(2, 4), at="look"), bleeding({2: 0.1}))

    assert found.verdict == "error"
    assert "nothing was read of the balancing of 4" in found.sentence
    assert the_finding(Balances(cells=(), at="look"), a_trace(marks={"look": (0, 1)})).verdict == (
        "error"
    )


def test_just_the_named_cells_takes_a_reading_of_all() -> None:
    wanted, trace = Balances(cells=(), at="look"), bleeding({1: 0.0, 2: 0.0})

    found = judge(replace(a_case(wanted), dut=DutFacts(cells=3)), trace).findings[0]

    assert found.verdict == "error"
    assert "nothing was read of the balancing of 3" in found.sentence
    assert judge(replace(a_case(wanted), dut=DutFacts(cells=2)), trace).verdict == "pass"


def test_of_several_looks_the_largest_counts() -> None:
    trace = bleeding({2: 0.0})
    more = (*trace.readings, a_reading("bleed 2", 0.1, 1.05), a_reading("bleed 2", 0.0, 1.08))

    assert the_finding(Balances(cells=(2,), at="look"), replace(trace, readings=more)).verdict == (
        "pass"
    )


def test_the_newest_readings_serve_a_mark_that_read_nothing() -> None:
    trace = bleeding({2: 0.1})
    later = replace(trace, markers=a_trace(marks={"look": (2.0, 2.0)}).markers)

    assert the_finding(Balances(cells=(2,), at="look"), later).verdict == "pass"
    changed = replace(later, commands=(a_command("cell 2", 3.3, 1.5),))
    assert the_finding(Balances(cells=(2,), at="look"), changed).verdict == "error"


@pytest.mark.parametrize(("share", "verdict"), [(0.8, "pass"), (0.3, "fail")])
def test_a_recorded_output_must_be_on_for_half_the_time(share: float, verdict: str) -> None:
    pulses = np.where(np.arange(2_000) % 50 < 50 * share, 3.3, 0.0)
    waveform = a_waveform(a_channel("balance 2", pulses), interval_s=1e-3)
    outputs = {**OUTPUTS, "balance 2": Output(closed_above=1.65)}
    case = a_case(Balances(cells=(2,), at="look"), outputs=outputs)

    judgement = judge(case, a_trace(waveform, marks={"look": (1.5, 1.5)}))

    assert judgement.verdict == verdict
    metered = a_trace(readings=[a_reading("balance 2", 3.3 * share, 1.0)],
                      marks={"look": (0.9, 1.1)})  # fmt: skip
    assert judge(case, metered).verdict == ("pass" if share > 0.5 else "fail")
