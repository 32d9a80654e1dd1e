"""Crossings in samples: where, how surely, and what is no crossing at all."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from rig.judge.budget import Budget
from rig.judge.edges import Edge, Sampling, closed_runs, find_crossing, quantised_noise
from tests.judge.synthetic import step


def sampling(accuracy: float = 0.0, noise: float = 0.0, interval_s: float = 1.0) -> Sampling:
    return Sampling(interval_s=interval_s, accuracy=accuracy, noise=noise, source="digitizer")


def values(*samples: float) -> NDArray[np.float64]:
    return np.array(samples, np.float64)


def halves(edge: Edge) -> dict[str, float]:
    return {row.name.split(" at ")[0]: row.reach for row in edge.rows}


def test_the_reference_vector_interpolated() -> None:
    """Level 6.0 falling, worked by hand; one more sample tells that the edge goes on."""
    found = find_crossing(
        values(12.0, 11.8, 6.1, 0.2, -2.0), 6.0, sampling(interval_s=10.0), rising=False
    )

    assert found is not None
    assert found.time_s == pytest.approx(20.1695, abs=1e-4)
    assert (found.before, found.after) == (2, 3)


def test_the_reference_vector_at_the_mid_point() -> None:
    """At the record's end nothing tells whether 0.2 V still lies on the edge: 25 ± 5 µs."""
    found = find_crossing(
        values(12.0, 11.8, 6.1, 0.2), 6.0, sampling(interval_s=10.0), rising=False
    )

    assert found is not None
    assert found.time_s == 25.0
    assert Budget.of(found.rows).u_c == pytest.approx(2.88675, abs=1e-5)


def test_an_edge_between_two_samples_is_at_the_mid_point_whatever_the_level() -> None:
    for level in (0.5, 6.0, 11.5):
        found = find_crossing(step(10, 4, 12.0, 0.0), level, sampling(0.1), rising=False)

        assert found is not None
        assert found.time_s == 3.5
        assert halves(found) == {"sampling": 0.5}


def test_a_ramp_is_interpolated_and_owes_its_level_accuracy() -> None:
    ramp = np.arange(10, dtype=np.float64)

    found = find_crossing(ramp, 4.25, sampling(accuracy=0.2, noise=0.01), rising=True)

    assert found is not None
    assert found.time_s == pytest.approx(4.25)
    assert halves(found) == pytest.approx({"level": 0.2, "noise": 0.02, "interpolation": 0.0})


def test_a_knee_next_to_the_crossing_is_not_interpolated() -> None:
    """From 0 the edge may begin anywhere between two samples: a line from there proves nothing."""
    found = find_crossing(values(0, 0, 0, 5, 10, 15), 1.0, sampling(), rising=True)

    assert found is not None
    assert found.time_s == 2.5


def test_curvature_widens_the_interpolation() -> None:
    curved = np.arange(8, dtype=np.float64) ** 2

    found = find_crossing(curved, 20.0, sampling(), rising=True)

    assert found is not None
    # 16 to 25 in one sample, steps before and after 7 and 11: a knee is off by (11 - 7) / 4 / 9.
    assert halves(found)["interpolation"] == pytest.approx(1.0 / 9.0)
    assert abs(found.time_s - 20.0**0.5) <= 1.0 / 9.0


@pytest.mark.parametrize(
    ("samples", "found_s"),
    [
        pytest.param([0, 0, 9, 0, 0, 0, 9, 9, 9], 5.5, id="one sample of spike is no crossing"),
        pytest.param([0, 0, 9, 9, 0, 0, 9, 9, 9], 5.5, id="nor are two"),
        pytest.param([0, 0, 9, 9, 9, 0, 0, 9, 9], 1.5, id="three are"),
        pytest.param([9, 9, 9, 0, 0, 9, 9, 9, 9], 4.5, id="it must come from below"),
        pytest.param([0, 0, 0, 0, 0, 0, 0, 0, 9], 7.5, id="the last sample can't be undone"),
        pytest.param([9, 9, 9, 9, 9, 9, 9, 9, 9], None, id="above from the start"),
        pytest.param([0, 0, 0, 0, 0, 0, 0, 0, 0], None, id="never above"),
        pytest.param([9, 9, 9, 9, 0, 0, 0, 0, 0], None, id="only ever down"),
        pytest.param([], None, id="nothing at all"),
    ],
)
def test_what_counts_as_a_crossing(samples: list[float], found_s: float | None) -> None:
    found = find_crossing(np.array(samples, np.float64), 5.0, sampling(), rising=True)
    mirrored = find_crossing(-np.array(samples, np.float64), -5.0, sampling(), rising=False)

    assert (found and found.time_s) == found_s
    assert mirrored == found


@pytest.mark.parametrize(
    ("top", "is_found"), [(5.09, False), (5.11, True)], ids=["within accuracy", "beyond it"]
)
def test_a_level_is_crossed_only_beyond_the_accuracy(top: float, is_found: bool) -> None:  # noqa: FBT001
    found = find_crossing(step(20, 10, 0.0, top), 5.0, sampling(accuracy=0.1), rising=True)

    assert (found is not None) is is_found


def test_a_record_that_begins_inside_the_band_still_shows_the_rise() -> None:
    found = find_crossing(values(4.95, 4.95, 9, 9, 9), 5.0, sampling(0.1), rising=True)

    assert found is not None
    assert found.time_s == 1.5


def test_noise_around_the_level_widens_the_answer() -> None:
    noisy = values(0, 0, 5.1, 4.9, 5.1, 9, 9, 9)

    found = find_crossing(noisy, 5.0, sampling(noise=0.3), rising=True)

    assert found is not None
    assert (found.before, found.after) == (1, 4)
    assert found.time_s == 2.5
    assert halves(found)["sampling"] == 1.5


def test_only_the_asked_samples_are_looked_at() -> None:
    twice = values(0, 9, 9, 9, 0, 0, 0, 9, 9, 9)

    later = find_crossing(twice, 5.0, sampling(), rising=True, first=3)
    within = find_crossing(twice, 5.0, sampling(), rising=True, first=3, last=7)

    assert later is not None
    assert (later.time_s, later.before, later.after) == (6.5, 6, 7)
    assert within is None


@given(
    start=st.floats(3.0, 40.0),
    span=st.floats(0.0, 60.0),
    level=st.floats(0.05, 0.95),
    tau=st.booleans(),
    accuracy=st.floats(1e-6, 0.02),
    off=st.floats(-1.0, 1.0),
)
@example(start=3.5, span=9.0, level=0.375, tau=True, accuracy=1e-6, off=0.0)  # a knee before it
@example(start=3.0, span=60.0, level=0.95, tau=True, accuracy=0.02, off=1.0)  # ever flatter
def test_the_truth_lies_within_the_bounds_without_noise(  # noqa: PLR0917
    start: float,
    span: float,
    level: float,
    tau: bool,  # noqa: FBT001
    accuracy: float,
    off: float,
) -> None:
    t = np.arange(400, dtype=np.float64)
    if tau:  # a low-pass: a knee, then ever slower
        at = start - max(span, 1e-9) / 5.0 * np.log(1.0 - level)
        wave = 1.0 - np.exp(-np.maximum(t - start, 0.0) * 5.0 / max(span, 1e-9))
    else:
        at = start + span * level
        wave = np.clip((t - start) / max(span, 1e-9), 0.0, 1.0)

    found = find_crossing(wave + off * accuracy, level, sampling(accuracy=accuracy), rising=True)

    assert found is not None
    assert abs(found.time_s - at) <= sum(row.reach for row in found.rows) + 1e-6


@pytest.mark.parametrize("off", [-1.0, -0.8, 0.0, 0.8, 1.0])
def test_an_edge_that_rests_below_its_level_owes_the_rest_too(off: float) -> None:
    """A charger that closed in on its current in two steps: 30 A, true 6 samples before it."""
    wave = np.concatenate([np.arange(0.0, 29.6, 0.4), np.linspace(29.6, 29.9, 6), [30.5, 31.0]])
    wave = np.concatenate([wave, np.linspace(31.1, 32.0, 40)])
    true = float(np.interp(30.0, wave + 0.7 * off, np.arange(wave.size)))

    found = find_crossing(wave, 30.0, sampling(accuracy=0.7), rising=True)

    assert found is not None
    assert abs(found.time_s - true) <= sum(row.reach for row in found.rows)


@given(st.lists(st.sampled_from([0.0, 3.3]), min_size=1, max_size=60), st.integers(0, 5))
def test_closed_runs_are_those_of_a_plain_loop(samples: list[float], steady: int) -> None:
    truth: list[tuple[int, int]] = []
    begin: int | None = None
    for i, sample in enumerate([*samples, 0.0]):
        if sample > 1.65 and begin is None:
            begin = i
        elif sample <= 1.65 and begin is not None:
            truth += [(begin, i)] if i - begin >= steady else []
            begin = None

    runs = closed_runs(np.array(samples), 1.65, steady)

    assert list(zip(runs.starts.tolist(), runs.ends.tolist(), strict=True)) == truth
    for i in range(len(samples)):
        assert runs.is_closed(i) == any(a <= i < b for a, b in truth)


def test_quantisation_adds_to_noise() -> None:
    assert quantised_noise(3.0, 4.0 * 12.0**0.5) == 5.0
