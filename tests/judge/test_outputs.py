"""Trips, recoveries and staying, on traces whose truth is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rig.expectations.recovers import Recovers
from rig.expectations.stays import Stays
from rig.expectations.trips import Trips
from rig.judge.verdict import Finding
from rig.judging import judge
from rig.steps.fault import Fault
from rig.steps.hold import Hold
from rig.steps.power import Power
from rig.steps.set import Set
from rig.steps.type_line import Type
from rig.time_reference import Crossing, Mark
from rig.trace.model import Trace, Waveform
from tests.judge.synthetic import (
    CELL_RISES,
    S,
    a_case,
    a_channel,
    a_command,
    a_reading,
    a_trace,
    a_waveform,
    step,
    trip_trace,
)

TRIPS = Trips(output="charge path", since=CELL_RISES, low_s=0.9, high_s=1.1)
GATE_STAYS = Stays(output="charge path", is_open=False)


def the_finding(expectation: Trips | Recovers | Stays, trace: Trace, *steps: object) -> Finding:
    judgement = judge(a_case(expectation, steps=steps), trace)  # type: ignore[arg-type]
    assert judgement.verdict == judgement.findings[0].verdict
    assert judgement.sentence.startswith(judgement.findings[0].sentence)
    return judgement.findings[0]


# ---- trips -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("trip_s", "verdict"),
    [(0.85, "fail"), (0.9002, "pass"), (1.0, "pass"), (1.0998, "pass"), (1.15, "fail")],
)
def test_a_trip_is_judged_by_its_time(trip_s: float, verdict: str) -> None:
    found = the_finding(TRIPS, trip_trace(trip_s))

    assert found.verdict == verdict
    assert found.measurement is not None
    assert found.measurement.value == pytest.approx(trip_s, abs=1e-4)
    assert found.expectation == (
        "charge path opens 0.900 s to 1.100 s after cell 3 rises above 3.650 V"
    )
    assert "charge path opened" in found.sentence
    assert "after cell 3 rose above 3.650 V; allowed 0.900 s to 1.100 s" in found.sentence


def test_every_term_has_its_row() -> None:
    trace = trip_trace(1.0, rate_tolerance=50e-6, skew_s=1e-6)

    rows = {row.name: row.standard for row in the_finding(TRIPS, trace).budget}

    assert rows == pytest.approx(
        {
            "time base": 50e-6 / 3**0.5,
            "sampling at stimulus": 1e-4 / 12**0.5,
            "sampling at output": 1e-4 / 12**0.5,
            "channel skew": 1e-6 / 3**0.5,
        }
    )


def test_the_marks_are_where_they_happened() -> None:
    marks = {mark.label: mark for mark in the_finding(TRIPS, trip_trace(1.0)).marks}

    crossed = marks["cell 3 rose above 3.650 V"]
    assert (crossed.channel, crossed.level) == ("cell 3", 3.65)
    assert crossed.time_s == pytest.approx(0.5, abs=1e-4)
    assert marks["charge path opened"].time_s == pytest.approx(1.5, abs=1e-4)
    assert marks["charge path opened"].level == 6.0
    assert marks["earliest allowed"].time_s == pytest.approx(1.4, abs=1e-4)
    assert marks["latest allowed"].time_s == pytest.approx(1.6, abs=1e-4)


@given(
    trip_s=st.floats(0.5, 1.5),
    rise_s=st.floats(0.1, 0.6),
    interval_s=st.sampled_from([1e-4, 1e-3, 2e-2]),
)
def test_no_verdict_contradicts_the_truth(trip_s: float, rise_s: float, interval_s: float) -> None:
    n = round(2.5 / interval_s)
    cell = a_channel("cell 3", step(n, rise_s / interval_s, 3.3, 3.7))
    gate = a_channel("charge path", step(n, (rise_s + trip_s) / interval_s, 12.0, 0.0))
    trace = a_trace(a_waveform(cell, gate, interval_s=interval_s))

    found = the_finding(TRIPS, trace)

    assert found.measurement is not None
    bound = sum(row.half_width for row in found.budget)
    assert abs(found.measurement.value - trip_s) <= bound + 1e-9
    if found.verdict == "pass":
        assert 0.9 - 0.06 * interval_s <= trip_s <= 1.1 + 0.06 * interval_s
    if found.verdict == "fail":
        assert not 0.9 + 0.06 * interval_s <= trip_s <= 1.1 - 0.06 * interval_s


def test_a_bench_too_coarse_is_told_so() -> None:
    n = 20
    cell, gate = step(n, 5, 3.3, 3.7), step(n, 12, 12.0, 0.0)
    trace = a_trace(
        a_waveform(a_channel("cell 3", cell), a_channel("charge path", gate), interval_s=0.15)
    )

    found = the_finding(TRIPS, trace)

    assert found.verdict == "inconclusive"
    assert "no result can pass with U = " in found.sentence
    assert "the limits need U <= 100.0 ms; sampling at" in found.sentence


def test_an_output_that_never_opens_fails_with_the_time_watched() -> None:
    found = the_finding(TRIPS, trip_trace(10.0))

    assert found.verdict == "fail"
    assert found.sentence == (
        "charge path did not open: watched for 2.500 s after cell 3 rose above 3.650 V;"
        " allowed 0.900 s to 1.100 s"
    )
    assert [mark.channel for mark in found.marks] == ["cell 3"]


def test_a_watch_that_ended_too_early_proves_nothing() -> None:
    found = the_finding(TRIPS, trip_trace(10.0, n=15_500))  # 1.05 s

    assert found.verdict == "inconclusive"
    assert "the watch ended before the latest time allowed" in found.sentence


def test_a_watch_that_may_have_ended_too_early_proves_nothing() -> None:
    gate = a_channel("charge path", np.full(30_000, 12.0))
    command = a_command("cell 3", 3.7, 0.4, after_ns=600_000_000)  # at 0.5 s ± 0.1 s
    trace = a_trace(a_waveform(gate), commands=[command])

    sure = the_finding(replace(TRIPS, high_s=2.4), trace)
    unsure = the_finding(replace(TRIPS, high_s=2.45), trace)

    assert (sure.verdict, unsure.verdict) == ("fail", "inconclusive")


def test_a_stimulus_that_never_came_is_the_bench_s_fault() -> None:
    cell = a_channel("cell 3", step(30_000, 5_000, 3.3, 3.651))  # accuracy 2 mV
    gate = a_channel("charge path", step(30_000, 99_999, 12.0, 0.0))

    found = the_finding(TRIPS, a_trace(a_waveform(cell, gate)))

    assert found.verdict == "error"
    assert "the bench never applied it" in found.sentence
    assert "furthest 3.651 V ± 2.0 mV" in found.sentence


def test_a_stimulus_that_went_back_too_soon_is_no_fault_of_the_bms() -> None:
    cell = step(30_000, 5_000, 3.3, 3.7)
    cell[12_000:] = 3.3  # after 0.7 s, before the trip is due
    gate = step(30_000, 99_999, 12.0, 0.0)
    trace = a_trace(a_waveform(a_channel("cell 3", cell), a_channel("charge path", gate)))

    found = the_finding(TRIPS, trace)

    assert found.verdict == "error"
    assert "went back over 3.650 V after 0.700 s" in found.sentence


def test_a_current_that_the_trip_itself_ends_is_judged() -> None:
    current = np.zeros(30_000)
    current[5_000:5_030] = -90.0  # the short circuit is over when the path is open
    gate = step(30_000, 5_030, 12.0, 0.0)
    since = Crossing(quantity="current", level=-80.0, rising=False)
    wanted = Trips(output="charge path", since=since, low_s=0.002, high_s=0.005)
    trace = a_trace(a_waveform(a_channel("current", current), a_channel("charge path", gate)))

    found = the_finding(wanted, trace)

    assert found.verdict == "pass"
    assert found.measurement is not None
    assert found.measurement.value == pytest.approx(0.003, abs=1e-9)


def test_a_trip_that_keeps_the_stimulus_from_its_level_is_early() -> None:
    current = np.zeros(30_000)
    current[5_000:6_000] = np.linspace(0.0, -60.0, 1_000)  # on its way to -90 A
    gate = step(30_000, 6_000, 12.0, 0.0)
    since = Crossing(quantity="current", level=-80.0, rising=False)
    wanted = Trips(output="charge path", since=since, low_s=0.0002, high_s=0.0005)
    waveform = a_waveform(a_channel("current", current), a_channel("charge path", gate))
    slow = a_command("current", -90.0, 0.5, after_ns=500_000_000, settle_s=0.15)

    found = the_finding(wanted, a_trace(waveform, commands=[slow]))

    assert found.verdict == "fail"
    assert "charge path opened when current had only reached -60.00 A" in found.sentence


def test_a_pulse_of_one_sample_beyond_the_level_is_no_early_trip_but_too_coarse_a_record() -> None:
    current = np.zeros(30_000)
    current[5_000:5_002] = [
        -44.8,
        -93.5,
    ]  # ± 2 A: not surely beyond
    gate = step(30_000, 5_002, 12.0, 0.0)
    since = Crossing(quantity="current", level=-92.0, rising=False)
    wanted = Trips(output="charge path", since=since, low_s=0.0002, high_s=0.0005)
    coarse = replace(a_channel("current", current), accuracy=2.0)
    waveform = a_waveform(coarse, a_channel("charge path", gate))
    slow = a_command("current", -93.0, 0.5, after_ns=500_000_000, settle_s=0.15)

    found = the_finding(wanted, a_trace(waveform, commands=[slow]))

    assert found.verdict == "error"
    assert "did not fall below -92.00 A at the terminal by more than its" in found.sentence

    quick = replace(slow, settle_s=0.05)  # it should have been there, so the bench is to blame
    found = the_finding(wanted, a_trace(waveform, commands=[quick]))

    assert found.verdict == "error"


def test_an_output_open_from_the_start_can_t_trip() -> None:
    cell = a_channel("cell 3", step(30_000, 5_000, 3.3, 3.7))
    gate = a_channel("charge path", np.zeros(30_000))

    found = the_finding(TRIPS, a_trace(a_waveform(cell, gate)))

    assert found.verdict == "error"
    assert "charge path was open already" in found.sentence


def test_a_trip_before_its_cause_fails() -> None:
    found = the_finding(TRIPS, trip_trace(-0.2))

    assert found.verdict == "fail"
    assert "before cell 3 rose above 3.650 V" in found.sentence


def test_an_earlier_trip_that_was_over_is_not_the_effect() -> None:
    trace = trip_trace(1.0)
    trace.channels["charge path"].values[1_000:2_000] = 0.0

    assert the_finding(TRIPS, trace).verdict == "pass"


def test_a_glitch_of_two_samples_is_not_the_trip() -> None:
    trace = trip_trace(1.0)
    trace.channels["charge path"].values[8_000:8_002] = 0.0

    assert the_finding(TRIPS, trace).verdict == "pass"
    assert the_finding(Stays(output="charge path", is_open=False), trace).verdict == "fail"


def test_the_search_begins_at_the_mark() -> None:
    cell = step(40_000, 5_000, 3.3, 3.7)
    cell[10_000:12_000] = 3.4  # a dip that starts the delay again
    gate = step(40_000, 22_000, 12.0, 0.0)
    trace = a_trace(
        a_waveform(a_channel("cell 3", cell), a_channel("charge path", gate)),
        end_s=4.0,
        marks={"again": (1.15, 1.21)},
    )
    since = replace(CELL_RISES, after="again")
    acts = Set(values={"cell 3": 3.7}, mark="again")

    found = the_finding(replace(TRIPS, since=since), trace, acts)

    assert found.measurement is not None
    assert found.measurement.value == pytest.approx(1.0, abs=1e-4)
    unmarked = the_finding(TRIPS, trace).measurement
    assert unmarked is not None
    assert unmarked.value == pytest.approx(1.7, abs=1e-4)
    # A mark on a hold names its end, and by then the cell is up already.
    held = the_finding(replace(TRIPS, since=since), trace, Hold(duration_s=1.0, mark="again"))
    assert held.verdict == "error"


def test_a_mark_that_was_never_reached_is_named() -> None:
    wanted = replace(TRIPS, since=Mark(mark="gone"))

    found = the_finding(wanted, replace(trip_trace(1.0), markers={}))

    assert found.verdict == "error"
    assert "'gone'" in found.sentence


def test_without_a_record_of_the_quantity_its_command_is_the_cause() -> None:
    gate = a_channel("charge path", step(30_000, 15_000, 12.0, 0.0))
    command = a_command("cell 3", 3.7, 0.48, after_ns=500_000_000, settle_s=0.02)
    home = a_command("cell 3", 3.3, 0.1)
    waveform = a_waveform(gate, start_u_s=1e-5, rate_tolerance=50e-6)

    found = the_finding(TRIPS, a_trace(waveform, commands=[home, command]))

    assert found.measurement is not None
    assert found.measurement.value == pytest.approx(1.0, abs=1e-4)
    rows = {row.name: row.half_width for row in found.budget}
    assert rows == pytest.approx(
        {
            "command": 0.02,
            "sampling at output": 5e-5,
            "record start (effect)": 1e-5 * 3**0.5,
            "time base (effect)": 50e-6,
            "rig clock rate": 50e-6,
        }
    )


def test_a_command_that_stays_beyond_is_no_second_crossing() -> None:
    gate = a_channel("charge path", step(30_000, 15_000, 12.0, 0.0))
    commands = [a_command("cell 3", v, t) for v, t in ((3.7, 0.5), (3.8, 1.4))]

    found = the_finding(TRIPS, a_trace(a_waveform(gate), commands=commands))

    assert found.verdict == "pass"
    never = a_trace(a_waveform(gate), commands=[a_command("cell 3", 3.6, 0.5)])
    assert "no command took cell 3 above 3.650 V" in the_finding(TRIPS, never).sentence


def test_a_mark_of_a_step_that_acts_lies_within_its_command() -> None:
    gate = a_channel("charge path", step(30_000, 15_000, 12.0, 0.0))
    command = a_command("cell 2", 1.0, 0.4, after_ns=600_000_000)
    trace = a_trace(a_waveform(gate), commands=[command], marks={"cut": (0.4, 0.6)})
    wanted = Trips(output="charge path", since=Mark(mark="cut"), low_s=0.0, high_s=2.0)

    by_fault = the_finding(wanted, trace, Fault(fault="open", target="cell 2", mark="cut"))
    by_hold = the_finding(wanted, trace, Hold(duration_s=0.2, mark="cut"))
    uncommanded = the_finding(
        wanted, replace(trace, commands=()), Fault(fault="open", target="cell 2", mark="cut")
    )

    assert [f.measurement and round(f.measurement.value, 3) for f in (by_fault, by_hold)] == [
        1.0,
        0.9,
    ]
    assert {row.name: row.half_width for row in by_fault.budget}["command"] == pytest.approx(0.1)
    assert uncommanded.measurement == by_fault.measurement


def test_without_a_record_of_the_output_its_meter_serves() -> None:
    cell = a_channel("cell 3", step(30_000, 5_000, 3.3, 3.7))
    readings = [a_reading("charge path", 12.0 if t < 1.5 else 0.0, t) for t in (1.3, 1.45, 1.55)]

    found = the_finding(TRIPS, a_trace(a_waveform(cell), readings=readings))

    assert (found.verdict, found.means) == ("pass", "meter")
    assert {row.name: row.half_width for row in found.budget}["polling"] == pytest.approx(0.05)
    still = [a_reading("charge path", 12.0, t) for t in (0.6, 1.4, 2.4)]
    never = the_finding(TRIPS, a_trace(a_waveform(cell), readings=still))
    assert (never.verdict, never.means) == ("fail", "meter")
    dead = [replace(reading, value=0.0) for reading in still]
    assert the_finding(TRIPS, a_trace(a_waveform(cell), readings=dead)).verdict == "error"
    blind = the_finding(TRIPS, a_trace(a_waveform(cell)))
    assert "neither recorded nor read" in blind.sentence


# ---- recoveries ------------------------------------------------------------------------------
FALLS = Crossing(quantity="cell 3", level=3.5, rising=False)
RECOVERS = Recovers(output="charge path", since=FALLS, low_s=1.9, high_s=2.1)


def recovery_trace(recovery_s: float, *, n: int = 50_000) -> Trace:
    cell = step(n, 5_000, 3.7, 3.3)
    gate = step(n, 5_000 + recovery_s * 1e4, 0.0, 12.0)
    gate[:1_000] = 12.0
    waveform = a_waveform(a_channel("cell 3", cell), a_channel("charge path", gate))
    return a_trace(waveform, end_s=n * 1e-4)


@pytest.mark.parametrize(
    ("recovery_s", "verdict"), [(1.8, "fail"), (2.0, "pass"), (2.2, "fail"), (9.0, "fail")]
)
def test_a_recovery_is_judged_by_its_time(recovery_s: float, verdict: str) -> None:
    assert the_finding(RECOVERS, recovery_trace(recovery_s)).verdict == verdict


def test_a_recovery_must_last() -> None:
    trace = recovery_trace(2.0)
    trace.channels["charge path"].values[30_000:31_000] = 0.0

    found = the_finding(RECOVERS, trace)

    assert found.verdict == "fail"
    assert found.sentence.endswith("but it opened again 0.500 s later, uncommanded")
    commanded = replace(trace, commands=(a_command("cell 3", 3.7, 2.9),))
    assert the_finding(RECOVERS, commanded).verdict == "pass"


def test_a_blinking_lamp_is_not_lit_until_it_stays_so() -> None:
    n = 6_000
    led = np.where(np.arange(n) // 250 % 2, 3.3, 0.0)  # 0.25 s on, 0.25 s off
    led[:1_000] = 3.3
    led[4_125:] = 3.3
    cell = step(n, 2_000, 3.7, 3.3)
    waveform = a_waveform(a_channel("cell 3", cell), a_channel("led", led), interval_s=1e-3)
    trace = a_trace(waveform, end_s=6.0)

    since = Mark(mark="m")
    marked = replace(trace, markers=a_trace(marks={"m": (0.5, 0.5)}).markers)
    tripped = the_finding(Trips(output="led", since=since, low_s=0.0, high_s=1.0), marked)
    recovered = the_finding(replace(RECOVERS, output="led", low_s=2.0, high_s=2.2), trace)

    assert tripped.measurement is not None
    assert tripped.measurement.value == pytest.approx(0.5, abs=1e-3)
    assert recovered.measurement is not None
    assert recovered.measurement.value == pytest.approx(2.125, abs=1e-3)


# ---- reactions that the record shows before their step ---------------------------------------
CLEARS = Type(line="clear faults", mark="cleared")
TYPED = {"cleared": (2.0, 2.001128)}  # begin and end of the step: 13 bytes at 115200 Bd
CLOSES = Recovers(output="charge path", since=Mark(mark="cleared"), low_s=0.0, high_s=1.0)
KNOWN_S = 6e-3  # half-width: between which stamps the record began


def cleared_trace(closed_s: float, *, record_off_s: float = 0.0, known_s: float = KNOWN_S) -> Trace:
    """Return a path that closes at closed_s, in a record stamped too early by record_off_s."""
    gate = a_channel("charge path", step(40_000, closed_s * 1e4, 0.0, 12.0))
    start_ns = -round(record_off_s * S)
    waveform = a_waveform(gate, start_ns=start_ns, start_u_s=known_s / 3**0.5)
    return a_trace(waveform, end_s=3.95, marks=TYPED)


@given(after_s=st.floats(0.0, 0.9), off=st.floats(-0.98, 0.98), known_s=st.floats(1e-3, 10e-3))
@example(after_s=1.128e-3, off=0.98, known_s=6e-3)
def test_an_output_that_obeys_at_once_was_not_so_already(
    after_s: float, off: float, known_s: float
) -> None:
    trace = cleared_trace(2.0 + after_s, record_off_s=off * known_s, known_s=known_s)

    found = the_finding(CLOSES, trace, CLEARS)

    # What came before the last byte may still be undecided; no BMS obeys half a line.
    assert found.verdict == "pass" or (after_s < 1.128e-3 and found.verdict == "inconclusive")
    assert found.measurement is not None
    bound_s = known_s + 0.57e-3 + 0.3e-3  # the record's start, the step, sampling and rates
    assert abs(found.measurement.value - after_s) <= bound_s


@given(before_s=st.floats(1e-4, 1.9), off=st.floats(-0.98, 0.98))
@example(before_s=1.05 * 2.0 * KNOWN_S, off=0.98)
def test_an_output_that_closed_before_its_step_never_passes_beyond_the_clocks(
    before_s: float, off: float
) -> None:
    trace = cleared_trace(2.0 - before_s, record_off_s=off * KNOWN_S)

    found = the_finding(CLOSES, trace, CLEARS)

    if before_s > (1.0 - off) * KNOWN_S + 0.3e-3:  # shown earlier than the clocks can be apart
        assert found.verdict == "inconclusive"
        assert "charge path was closed already before 'cleared'" in found.sentence
    else:
        assert found.verdict in ("pass", "inconclusive", "error")


def test_no_reaction_is_looked_for_before_a_step_of_a_record_that_runs_with_the_rig() -> None:
    found = the_finding(CLOSES, cleared_trace(1.999, known_s=0.0), CLEARS)

    assert found.verdict == "inconclusive"


@pytest.mark.parametrize(("high_s", "verdict"), [(4e-3, "inconclusive"), (6e-3, "pass")])
def test_a_reaction_shown_before_its_step_has_no_more_time_for_it(
    high_s: float, verdict: str
) -> None:
    trace = cleared_trace(2.0012, record_off_s=2.2e-3)

    found = the_finding(replace(CLOSES, high_s=high_s), trace, CLEARS)

    assert found.verdict == verdict


def test_a_recovery_shown_before_its_own_command_must_last_all_the_same() -> None:
    trace = cleared_trace(2.0012, record_off_s=3e-3)
    trace.channels["charge path"].values[25_000:] = 0.0
    powers = Power(on=True, mark="cleared")
    command = a_command("supply", 12.0, 2.0, after_ns=2_001_000_000)

    found = the_finding(CLOSES, replace(trace, commands=(command,)), powers)

    assert found.verdict == "fail"
    assert "opened again" in found.sentence


def test_an_output_open_before_its_recorded_cause_can_t_trip_however_near_the_mark() -> None:
    gate = a_channel("charge path", step(40_000, 19_980, 12.0, 0.0))  # 2 ms before the mark
    cell = a_channel("cell 3", step(40_000, 25_000, 3.3, 3.7))
    waveform = a_waveform(gate, cell, start_u_s=KNOWN_S / 3**0.5)
    since = replace(CELL_RISES, after="cleared")

    found = the_finding(
        replace(TRIPS, since=since), a_trace(waveform, end_s=3.95, marks=TYPED), CLEARS
    )

    assert found.verdict == "inconclusive"
    assert "charge path was open already" in found.sentence


def test_a_trip_may_be_shown_before_the_mark_together_with_its_cause() -> None:
    gate = a_channel("charge path", step(40_000, 19_982, 12.0, 0.0))
    cell = a_channel("cell 3", step(40_000, 19_980, 3.3, 3.7))  # 2 ms before the mark
    waveform = a_waveform(gate, cell, start_u_s=KNOWN_S / 3**0.5)
    since = replace(CELL_RISES, after="cleared")
    at_once = replace(TRIPS, since=since, low_s=0.0, high_s=1e-3)

    found = the_finding(at_once, a_trace(waveform, end_s=3.95, marks=TYPED), CLEARS)

    assert found.verdict == "pass"


# ---- staying ---------------------------------------------------------------------------------
def stays_trace(gate: np.ndarray, **changes: float) -> Trace:
    waveform = a_waveform(a_channel("charge path", gate), interval_s=1e-3, **changes)
    return a_trace(waveform, marks={"a": (1.0, 1.0), "b": (2.0, 2.0)})


@pytest.mark.parametrize(
    ("opened", "verdict"),
    [
        pytest.param((500, 900), "pass", id="before the span"),
        pytest.param((2_100, 2_200), "pass", id="after the span"),
        pytest.param((1_500, 1_501), "fail", id="one sample inside it"),
        pytest.param((900, 1_100), "fail", id="into it"),
        pytest.param((1_900, 2_100), "fail", id="out of it"),
    ],
)
def test_staying_closed_is_about_its_span(opened: tuple[int, int], verdict: str) -> None:
    gate = np.full(3_000, 12.0)
    gate[slice(*opened)] = 0.0

    closed = the_finding(replace(GATE_STAYS, begin="a", end="b"), stays_trace(gate))
    is_open = the_finding(
        Stays(output="charge path", is_open=True, begin="a", end="b"), stays_trace(12.0 - gate)
    )

    assert closed.verdict == verdict
    assert is_open.verdict == verdict


def test_a_breach_at_the_span_s_end_within_the_clocks_is_undecided() -> None:
    gate = step(3_000, 1_999, 12.0, 0.0)

    sure = the_finding(replace(GATE_STAYS, begin="a", end="b"), stays_trace(gate))
    unsure = the_finding(replace(GATE_STAYS, begin="a", end="b"), stays_trace(gate, start_u_s=0.01))

    assert sure.verdict == "fail"
    assert unsure.verdict == "inconclusive"
    assert "needs U <= 1.0 ms" in unsure.sentence


def test_a_breach_says_when_and_how_much() -> None:
    gate = step(3_000, 1_250, 12.0, 1.5)

    found = the_finding(replace(GATE_STAYS, begin="a", end="b"), stays_trace(gate))

    assert found.sentence == (
        "charge path was open (1.500 V) 250.0 ms after a; it had to stay closed until b"
    )
    assert found.marks[0].time_s == pytest.approx(1.25)


@pytest.mark.parametrize("span", [(0, 1_500), (1_500, 1_500)], ids=["ends early", "begins late"])
def test_a_record_that_misses_part_of_the_span_proves_nothing(span: tuple[int, int]) -> None:
    trace = stays_trace(np.full(span[1], 12.0), start_ns=span[0] * 1_000_000)

    found = the_finding(replace(GATE_STAYS, begin="a", end="b"), trace)

    assert found.verdict == "error"
    assert "misses 0.50" in found.sentence


def test_the_case_begins_with_its_record() -> None:
    trace = stays_trace(np.full(2_990, 12.0), start_ns=10_000_000)

    assert the_finding(GATE_STAYS, trace).verdict == "pass"
    before = replace(trace, commands=(a_command("cell 3", 3.7, 0.005),))
    assert the_finding(GATE_STAYS, before).verdict == "error"


@pytest.mark.parametrize("is_open", [True, False])
def test_a_span_without_a_sample_proves_nothing(is_open: bool) -> None:  # noqa: FBT001
    trace = stays_trace(np.full(3_001, 0.0 if is_open else 12.0))
    marks = a_trace(marks={"a": (1.0001, 1.0001), "b": (1.0004, 1.0004)}).markers
    wanted = replace(GATE_STAYS, is_open=is_open, begin="a", end="b")

    found = the_finding(wanted, replace(trace, markers=marks))

    assert found.verdict == "error"
    assert "no sample of charge path lies in the span" in found.sentence


def test_no_record_no_absence() -> None:
    found = the_finding(GATE_STAYS, a_trace())

    assert found.verdict == "error"
    assert "prove no absence" in found.sentence


def test_an_output_that_was_never_closed_passes_with_a_caveat() -> None:
    found = the_finding(Stays(output="charge path", is_open=True), stays_trace(np.zeros(3_001)))

    assert found.verdict == "pass"
    assert found.sentence.endswith("it was never closed in this record")


def test_a_blinking_lamp_stays_open_and_never_stays_closed() -> None:
    blink = np.where(np.arange(3_001) // 250 % 2, 3.3, 0.0)
    waveform = a_waveform(a_channel("led", blink), interval_s=1e-3)

    assert the_finding(Stays(output="led", is_open=True), a_trace(waveform)).verdict == "pass"
    assert the_finding(Stays(output="led", is_open=False), a_trace(waveform)).verdict == "fail"


def blinking(*lit_s: tuple[float, float], size: int = 6_000) -> Waveform:
    """Return a record of a lamp that is lit in these stretches, at 1 kS/s."""
    at_s = np.arange(size) * 1e-3
    lit = np.zeros(size, bool)
    for begin_s, end_s in lit_s:
        lit |= (at_s >= begin_s) & (at_s < end_s)
    return a_waveform(a_channel("led", np.where(lit, 3.3, 0.0)), interval_s=1e-3)


@pytest.mark.parametrize(
    ("lit_s", "verdict"),
    [
        pytest.param((3.9, 6.0), "pass", id="the cause ends in a lit phase, and it stays lit"),
        pytest.param((3.01, 6.0), "pass", id="lit for 0.99 s before the end: it may have blinked"),
        pytest.param((2.9, 6.0), "fail", id="lit for 1.1 s before the end: it was closed"),
        pytest.param((1.5, 2.8), "fail", id="closed and open again within the span"),
        pytest.param((0.5, 1.1), "pass", id="lit for 0.6 s over the begin: a blink"),
        pytest.param((0.1, 1.2), "fail", id="closed over the begin"),
    ],
)
def test_a_lamp_breaks_staying_open_only_once_it_was_lit_for_its_steady_time(
    lit_s: tuple[float, float], verdict: str
) -> None:
    trace = a_trace(blinking(lit_s), end_s=6.0, marks={"off": (1.0, 1.0), "gone": (4.0, 4.0)})
    stays = Stays(output="led", is_open=True, begin="off", end="gone")

    assert the_finding(stays, trace).verdict == verdict


@pytest.mark.parametrize(
    ("low_s", "high_s", "verdict"),
    [
        pytest.param(2.0, 2.6, "inconclusive", id="lit before its earliest, perhaps a blink"),
        pytest.param(2.2, 2.6, "fail", id="lit for a phase and more before its earliest"),
        pytest.param(1.5, 2.3, "pass", id="a whole phase within the limits"),
        pytest.param(1.5, 2.1, "inconclusive", id="may have closed too late in that phase"),
    ],
)
def test_a_lamp_that_blinked_closed_somewhere_in_the_phase_that_never_ended(
    low_s: float, high_s: float, verdict: str
) -> None:
    phases = [(0.0, 1.6), *((t, t + 0.25) for t in (2.0, 2.5, 3.0, 3.5)), (4.0, 6.0)]
    trace = a_trace(blinking(*phases), end_s=6.0, marks={"gone": (2.1, 2.1)})
    recovers = replace(RECOVERS, output="led", since=Mark(mark="gone"))

    assert the_finding(replace(recovers, low_s=low_s, high_s=high_s), trace).verdict == verdict


# ---- the case --------------------------------------------------------------------------------
def test_a_bench_that_failed_answers_everything() -> None:
    judgement = judge(a_case(TRIPS), replace(trip_trace(1.0), error="emulator: no answer"))

    assert (judgement.verdict, judgement.sentence) == ("error", "emulator: no answer")


def test_a_case_that_expects_nothing_proves_nothing() -> None:
    assert judge(a_case(), trip_trace(1.0)).verdict == "error"


def test_the_worst_finding_stands_for_the_case() -> None:
    judgement = judge(a_case(TRIPS, GATE_STAYS), trip_trace(1.0))

    assert [finding.verdict for finding in judgement.findings] == ["pass", "fail"]
    assert judgement.verdict == "fail"
    assert judgement.sentence == judgement.findings[1].sentence
    assert "(and 1 more as expected)" in judge(a_case(TRIPS, TRIPS), trip_trace(1.0)).sentence


@pytest.mark.parametrize(
    ("over_s", "verdict"),
    [
        # Two edges between samples 100 µs apart: U is 79 µs, together they reach 100 µs.
        pytest.param(0.070e-3, "inconclusive", id="within U of its limit"),
        pytest.param(0.090e-3, "inconclusive", id="beyond U, within the bounds"),
        pytest.param(0.110e-3, "pass", id="beyond the bounds"),
        pytest.param(-0.090e-3, "inconclusive", id="late beyond U, within the bounds"),
        pytest.param(-0.110e-3, "fail", id="late beyond the bounds"),
    ],
)
def test_a_verdict_hangs_on_no_limit_that_lies_between_u_and_the_bounds(
    over_s: float, verdict: str
) -> None:
    found = the_finding(replace(TRIPS, high_s=1.0 + over_s), trip_trace(1.0))

    assert found.measurement is not None
    assert found.measurement.value == pytest.approx(1.0)
    assert found.measurement.expanded == pytest.approx(78.7e-6, rel=0.01)
    assert found.verdict == verdict
    assert ("all contributions together" in found.sentence) is (0.079e-3 < abs(over_s) < 0.1e-3)
