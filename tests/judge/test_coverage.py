"""Hundreds of random trips: the truth lies in the stated interval as often as it says, and no more.

The traces are made by a bench with every error that the budget names, drawn at random: amplitude
errors and noise of each channel, a slew that may span many samples or none, the phase of the
sampling grid, the rate of the digitizer's clock, the skew between its channels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from rig.expectations.trips import Trips
from rig.judging import judge
from rig.trace.model import Trace
from tests.judge.synthetic import CELL_RISES, a_case, a_channel, a_trace, a_waveform

TRIPS = Trips(output="charge path", since=CELL_RISES, low_s=0.09, high_s=0.11)


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchErrors:
    """The half-widths of a bench's errors."""

    interval_s: float = 2e-4
    cell_slew_s: float = 0.0  # from 3.3 V to 3.7 V
    gate_slew_s: float = 0.0  # from 12 V to 0 V
    accuracy: float = 0.002
    noise: float = 0.0005
    rate: float = 50e-6
    skew_s: float = 1e-6


def ramp(t: np.ndarray, at_s: float, slew_s: float, ends: tuple[float, float]) -> np.ndarray:
    share = np.clip((t - at_s) / max(slew_s, 1e-12), 0.0, 1.0)
    return ends[0] + (ends[1] - ends[0]) * share


def a_random_trip(bench: BenchErrors, random: np.random.Generator) -> tuple[Trace, float]:
    """Return a trace, and the true time from the cell's crossing to the gate's."""
    truth_s = float(random.uniform(0.085, 0.115))
    n = round(0.2 / bench.interval_s)
    # The digitizer's clock is off by its rate; sample i is at i * interval on it.
    t = np.arange(n) * bench.interval_s * (1.0 + random.uniform(-bench.rate, bench.rate))
    crossed_s = 0.05 + random.uniform(0.0, 10 * bench.interval_s)
    began_s = crossed_s - bench.cell_slew_s * (3.65 - 3.3) / 0.4
    opening_s = crossed_s + truth_s - bench.gate_slew_s * 0.5
    skew_s = random.uniform(-bench.skew_s, bench.skew_s)
    cell = ramp(t, began_s, bench.cell_slew_s, (3.3, 3.7))
    gate = ramp(t + skew_s, opening_s, bench.gate_slew_s, (12.0, 0.0))
    channels = [
        a_channel(
            name,
            values + random.uniform(-accuracy, accuracy) + random.normal(0.0, noise, n),
            accuracy=accuracy,
            noise=noise,
        )
        for name, values, accuracy, noise in (
            ("cell 3", cell, bench.accuracy, bench.noise),
            ("charge path", gate, bench.accuracy * 3, bench.noise * 3),
        )
    ]
    waveform = a_waveform(
        *channels, interval_s=bench.interval_s, rate_tolerance=bench.rate, skew_s=bench.skew_s
    )
    return a_trace(waveform, end_s=0.2), truth_s


BENCHES = {
    "both edges within a sample": BenchErrors(),
    "a coarse clock": BenchErrors(interval_s=2e-5, rate=500e-6),
    "slow edges": BenchErrors(cell_slew_s=0.01, gate_slew_s=0.004),
    "a very slow stimulus": BenchErrors(cell_slew_s=0.04, noise=0.0, skew_s=1e-4),
    "noise of the slope per sample": BenchErrors(cell_slew_s=0.02, noise=0.003, accuracy=0.0005),
    "edges of two samples": BenchErrors(cell_slew_s=4e-4, gate_slew_s=4e-4),
    "skew above all": BenchErrors(interval_s=5e-5, skew_s=1e-3),
}


@pytest.mark.parametrize("bench", BENCHES.values(), ids=BENCHES.keys())
def test_the_truth_lies_in_the_interval_in_95_percent_of_trips(bench: BenchErrors) -> None:
    random = np.random.default_rng(7)
    case, trips = a_case(TRIPS), 400
    covered, wrong, shares = 0, 0, []
    for _ in range(trips):
        trace, truth_s = a_random_trip(bench, random)

        found = judge(case, trace).findings[0]

        assert found.measurement is not None
        error_s = abs(found.measurement.value - truth_s)
        covered += error_s <= found.measurement.expanded
        shares.append(error_s / found.measurement.expanded)
        within = TRIPS.low_s <= truth_s <= TRIPS.high_s
        wrong += (found.verdict == "pass") is not within and found.verdict != "inconclusive"
    # 95.45 % is stated; with 400 trips one standard deviation of the count is 4.2.
    assert covered >= 370
    assert wrong <= 2
    # And the interval is no wider than the errors ask: some errors nearly fill it.
    assert np.quantile(shares, 0.95) > 0.6
