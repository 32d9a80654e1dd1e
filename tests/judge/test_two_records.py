"""Edges in the records of two digitizers: each bears its own clock, and neither in one of them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.expectations.trips import Trips
from rig.judge.timing import At, clock_u_s, elapsed
from rig.judge.verdict import Finding
from rig.judging import judge
from rig.steps.set import Set
from rig.trace.model import Trace, Waveform
from tests.judge.synthetic import (
    CELL_RISES,
    S,
    a_case,
    a_channel,
    a_command,
    a_trace,
    a_waveform,
    step,
    trip_trace,
)

TRIPS = Trips(output="charge path", since=CELL_RISES, low_s=0.9, high_s=1.1)
OTHER = a_waveform(a_channel("discharge path", step(30_000, 0, 0.0, 12.0)), start_u_s=1.0)
INTERVAL_S, N = 1e-4, 30_000


def two_records(
    trip_s: float,
    *,
    starts_s: tuple[float, float] = (0.0, 0.0),
    off_s: tuple[float, float] = (0.0, 0.0),
    rates: tuple[float, float] = (0.0, 0.0),
    known_s: tuple[float, float] = (4e-3, 6e-3),
    rate_tolerance: float = 25e-6,
) -> Trace:
    """Return a cell that jumps at 0.5 s in one record, a gate that falls trip_s later in another.

    Each record truly starts at `starts_s`, is stamped `off_s` too late, and its clock runs too fast
    by `rates`.
    """

    def record(number: int, name: str, at_s: float, before: float, after: float) -> Waveform:
        index = (at_s - starts_s[number]) * (1.0 + rates[number]) / INTERVAL_S
        return a_waveform(
            a_channel(name, step(N, index, before, after), instrument=f"digitizer{number + 1} 3"),
            interval_s=INTERVAL_S,
            start_ns=round((starts_s[number] + off_s[number]) * S),
            start_u_s=known_s[number] / 3**0.5,
            rate_tolerance=rate_tolerance,
            skew_s=1e-9,
        )

    cell = record(0, "cell 3", 0.5, 3.3, 3.7)
    gate = record(1, "charge path", 0.5 + trip_s, 12.0, 0.0)
    return a_trace(cell, gate, end_s=N * INTERVAL_S)


def judged(trace: Trace) -> Finding:
    return judge(a_case(TRIPS), trace).findings[0]


def test_a_distance_between_two_records_bears_both_clocks() -> None:
    found = judged(two_records(1.0, starts_s=(0.0, -0.2)))

    assert {row.name: row.half_width for row in found.budget} == pytest.approx(
        {
            "record start (cause)": 4e-3,
            "record start (effect)": 6e-3,
            "time base (cause)": 25e-6,  # a rate; of 0.5 s
            "time base (effect)": 25e-6,  # of 1.7 s
            "rig clock rate": 50e-6,  # of the 0.2 s between the two starts alone
            "sampling at stimulus": INTERVAL_S / 2,
            "sampling at output": INTERVAL_S / 2,
        }
    )
    standards = {row.name: row.standard * 3**0.5 for row in found.budget}
    assert standards["time base (cause)"] == pytest.approx(0.5 * 25e-6, rel=1e-3)
    assert standards["time base (effect)"] == pytest.approx(1.7 * 25e-6, rel=1e-3)
    assert standards["rig clock rate"] == pytest.approx(0.2 * 50e-6)
    assert found.measurement is not None
    assert found.measurement.expanded == pytest.approx(7.91e-3, rel=1e-3)  # of 4 and 6 ms
    assert found.records == ("signals-2.parquet: charge path", "signals.parquet: cell 3")
    assert found.instruments == ("digitizer2 3", "digitizer1 3")


def test_a_distance_within_one_record_bears_none_of_a_second() -> None:
    alone = trip_trace(1.0, rate_tolerance=25e-6, skew_s=1e-9)

    beside = judged(replace(alone, waveforms=(*alone.waveforms, OTHER)))

    assert beside == judged(alone)


@given(
    trip_s=st.floats(0.85, 1.15),
    starts_s=st.tuples(*[st.floats(-0.3, 0.3)] * 2),
    off=st.tuples(*[st.floats(-1.0, 1.0)] * 2),
    rates=st.tuples(*[st.floats(-25e-6, 25e-6)] * 2),
    known_s=st.tuples(*[st.floats(1e-4, 8e-3)] * 2),
)
def test_no_verdict_over_two_clocks_contradicts_the_truth(
    trip_s: float,
    starts_s: tuple[float, float],
    off: tuple[float, float],
    rates: tuple[float, float],
    known_s: tuple[float, float],
) -> None:
    off_s = (off[0] * known_s[0], off[1] * known_s[1])

    found = judged(
        two_records(trip_s, starts_s=starts_s, off_s=off_s, rates=rates, known_s=known_s)
    )

    assert found.measurement is not None
    assert abs(found.measurement.value - trip_s) <= sum(
        row.standard * 3**0.5 for row in found.budget
    )
    if found.verdict == "pass":
        assert (
            0.9 - found.measurement.expanded / 5 <= trip_s <= 1.1 + found.measurement.expanded / 5
        )


def test_how_long_an_output_was_watched_is_as_unsure_as_both_records() -> None:
    trace = two_records(10.0)  # never, in a record of 3 s
    until_s = N * INTERVAL_S - INTERVAL_S - 0.5
    barely = replace(TRIPS, high_s=until_s - 5e-3)  # within U of both starts, about 9 ms
    surely = replace(TRIPS, high_s=until_s - 11e-3)

    assert judge(a_case(barely), trace).verdict == "inconclusive"
    assert judge(a_case(surely), trace).verdict == "fail"


def test_a_stimulus_that_was_cut_off_is_sought_as_long_as_the_clocks_may_be_apart() -> None:
    gate = a_channel("charge path", step(N, 5_030, 12.0, 0.0))
    # It comes to its level 1 ms later, and not beyond the channel's accuracy of 2 mV.
    cell = a_channel("cell 3", step(N, 5_000, 3.3, 3.6) + step(N, 5_040, 0.0, 0.0509))
    sets = [a_command("cell 3", 3.7, 0.49, settle_s=0.1)]
    case = a_case(TRIPS, steps=(Set(values={"cell 3": 3.7}),))

    def verdict(known_s: float) -> str:
        records = (a_waveform(channel, start_u_s=known_s / 3**0.5) for channel in (cell, gate))
        return judge(case, a_trace(*records, commands=sets)).verdict

    assert verdict(1e-4) == "fail"  # it surely opened before
    assert verdict(8e-3) == "error"  # perhaps at the level: nothing can be said


def test_two_records_are_as_far_apart_as_both_starts() -> None:
    trace = two_records(1.0)

    apart_s = clock_u_s(trace.waveforms[0], 1.0 * S, trace.waveforms[1])

    assert apart_s == pytest.approx(
        elapsed(
            At(time_ns=1.0 * S, waveform=trace.waveforms[0]),
            At(time_ns=1.0 * S, waveform=trace.waveforms[1]),
        )[1].expanded
    )
    assert apart_s == pytest.approx(7.91e-3, rel=1e-3)  # of rectangles of 4 and 6 ms
