"""How often an output closed, judged on a record whose truth is known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.expectations.cycles import Cycles
from rig.expectations.recovers import Recovers
from rig.expectations.trips import Trips
from rig.judge.edges import SPIKE_SAMPLES
from rig.judge.verdict import Finding
from rig.judging import judge
from tests.judge.synthetic import CELL_RISES, a_case, a_channel, a_trace, a_waveform, step

_N = 6_000  # samples of 0.1 ms
_MARKS = {"go": (0.05, 0.05), "stop": (0.55, 0.55)}
_RUN = 20  # samples, at the least, of a state that is no spike


def cycles(count: int) -> Cycles:
    return Cycles(
        output="charge path",
        count=count,
        low_s=0.0,
        high_s=9.0,
        pause_low_s=0.0,
        pause_high_s=9.0,
        begin="go",
        end="stop",
    )


def the_finding(count: int, gate: np.ndarray) -> Finding:
    waveform = a_waveform(a_channel("charge path", gate))
    trace = a_trace(waveform, marks=_MARKS, end_s=_N * 1e-4)
    return judge(a_case(cycles(count)), trace).findings[0]


def gate_of(changes: Sequence[int], spikes: Sequence[tuple[int, int]] = ()) -> np.ndarray:
    """Return a gate, open at first, that changes at these samples; spikes are (first, length)."""
    high = np.zeros(_N, np.bool_)
    for at in changes:
        high[at:] ^= True
    for first, length in spikes:
        high[first : first + length] ^= True
    return np.where(high, 12.0, 0.0)


@pytest.mark.parametrize(
    "at", [pytest.param(2_500, id="within the closed run"), pytest.param(1_000, id="before it")]
)
def test_a_disturbance_of_one_sample_is_no_cycle(at: int) -> None:
    assert the_finding(1, gate_of([2_000, 3_000], [(at, 1)])).verdict == "pass"


def test_a_closed_run_that_lasts_is_counted() -> None:
    gate = gate_of([2_000, 3_000, 3_500, 4_000])

    assert the_finding(2, gate).verdict == "pass"
    found = the_finding(1, gate)
    assert found.verdict == "fail"
    assert found.sentence == (
        "charge path closed 2 times (at 200.0 ms, 350.0 ms); it had to close 1 times"
    )


@st.composite
def _changes_and_spikes(draw: st.DrawFn) -> tuple[list[int], list[tuple[int, int]]]:
    """Draw runs that last, and spikes so far apart that no two of them make one long one."""
    inside = st.integers(600, 5_400)
    changes = _apart(draw(st.lists(inside, max_size=8)), _RUN)
    changes = changes[: len(changes) // 2 * 2]  # it opens again each time
    firsts = draw(st.lists(st.integers(10, _N - 10), max_size=12))
    near = [at + by for at in changes for by in draw(st.lists(st.integers(-9, 9), max_size=2))]
    spikes = _apart([*firsts, *near], 2 * SPIKE_SAMPLES + 1)
    return changes, [(at, draw(st.integers(1, SPIKE_SAMPLES))) for at in spikes]


def _apart(at: Sequence[int], least: int) -> list[int]:
    kept: list[int] = []
    for value in sorted(at):
        if not kept or value - kept[-1] >= least:
            kept.append(value)
    return kept


@given(_changes_and_spikes(), st.integers(-1, 1))
def test_spikes_change_nothing_in_the_count(
    drawn: tuple[list[int], list[tuple[int, int]]], more: int
) -> None:
    changes, spikes = drawn
    count = max(len(changes) // 2 + more, 0)

    clean = the_finding(count, gate_of(changes))
    spiky = the_finding(count, gate_of(changes, spikes))

    assert clean.verdict == ("pass" if count == len(changes) // 2 else "fail")
    assert spiky.verdict == clean.verdict


def test_a_spike_of_an_open_output_is_neither_a_trip_nor_a_recovery() -> None:
    """Its end is no opening, and that of one in a closed output no closing."""
    cell = a_channel("cell 3", step(_N, 1_500, 3.3, 3.7))
    trips = Trips(output="charge path", since=CELL_RISES, low_s=0.0, high_s=0.3)
    recovers = Recovers(output="charge path", since=CELL_RISES, low_s=0.0, high_s=0.3)
    for wanted, changes in ((trips, []), (recovers, [0])):
        gate = a_channel("charge path", gate_of(changes, [(2_000, 1)]))
        trace = a_trace(a_waveform(cell, gate), end_s=_N * 1e-4)

        found = judge(a_case(wanted), trace).findings[0]

        assert found.verdict == "inconclusive"
        assert "already before" in found.sentence
