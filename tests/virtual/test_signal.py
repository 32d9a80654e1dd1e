"""Signals: what is sampled is what is there, and crossings are exact."""

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rig.virtual.kernel import Kernel
from rig.virtual.signal import Signal

_END_NS = 4_000

_values = st.floats(-10.0, 10.0)
_moves = st.lists(
    st.tuples(
        st.integers(0, 400),  # ns later
        _values,
        st.sampled_from(["jump", "ramp", "pole", "both"]),
        st.floats(1e6, 1e9),  # units/s
        st.floats(1e-9, 500e-9),  # s
    ),
    max_size=8,
)


def _moved(moves: list[tuple[int, float, str, float, float]]) -> Signal:
    kernel = Kernel()
    signal = Signal(kernel, "net", "V", 0.0)
    for later_ns, value, kind, slew, tau_s in moves:
        kernel.run_until(kernel.now_ns + later_ns)
        if kind == "jump":
            signal.jump(value)
        elif kind == "ramp":
            signal.approach(value, slew=slew)
        elif kind == "pole":
            signal.approach(value, tau_s=tau_s)
        else:
            signal.approach(value, slew=slew, tau_s=tau_s)
    kernel.run_until(_END_NS)
    return signal


@given(_moves)
def test_a_sample_is_the_value_at_its_time(
    moves: list[tuple[int, float, str, float, float]],
) -> None:
    signal = _moved(moves)
    times = np.arange(-10, _END_NS + 1_000, 13)
    values = [signal.value_at(int(time_ns)) for time_ns in times]
    np.testing.assert_allclose(signal.sample(times), values, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(signal.sample(times.astype(float)), signal.sample(times))
    np.testing.assert_array_equal(signal.sample(times[::-1]), signal.sample(times)[::-1])


@given(_moves, _values, st.booleans(), st.integers(0, _END_NS))
@example([(0, -1.0, "pole", 1e6, 8.25289057033119e-09)], -1.0, False, 0)  # noqa: FBT003
def test_crossings_are_those_that_every_nanosecond_shows(
    moves: list[tuple[int, float, str, float, float]],
    level: float,
    rising: bool,  # noqa: FBT001
    since_ns: int,
) -> None:
    signal = _moved(moves)
    values = np.array([signal.value_at(time_ns) for time_ns in range(_END_NS + 1)])
    reached = values >= level if rising else values <= level
    dense = np.flatnonzero(reached[1:] & ~reached[:-1]) + 1
    expected = [int(time_ns) for time_ns in dense if time_ns >= since_ns]
    assert signal.crossings(level, rising=rising, since_ns=since_ns) == expected


@given(_moves, _values, st.booleans())
def test_the_next_crossing_is_the_one_that_then_happens(
    moves: list[tuple[int, float, str, float, float]],
    level: float,
    rising: bool,  # noqa: FBT001
) -> None:
    kernel = Kernel()
    signal = Signal(kernel, "net", "V", 0.0)
    for _, value, _, slew, tau_s in moves[:1]:
        signal.approach(value, slew=slew, tau_s=tau_s)
    foreseen = signal.when(level, rising=rising)
    kernel.run_until(10**9)
    assert signal.crossings(level, rising=rising) == ([] if foreseen is None else [foreseen])


def test_a_ramp_ends_exactly_on_its_target() -> None:
    kernel = Kernel()
    signal = Signal(kernel, "gate", "V", 12.0)
    signal.approach(0.0, slew=12.0 / 50e-6)
    kernel.run_until(25_000)
    assert signal.value() == pytest.approx(6.0)
    assert signal.when(0.0, rising=False) == 50_000
    kernel.run_until(50_000)
    assert signal.value() == 0.0
    assert signal.crossings(6.0, rising=False) == [25_000]


def test_ramp_and_pole_meet_without_a_kink() -> None:
    kernel = Kernel()
    signal = Signal(kernel, "supply", "V", 0.0)
    signal.approach(10.0, slew=1e6, tau_s=2e-6)  # 2 V of pole after 8 us of ramp
    around = signal.sample(np.array([7_900, 8_000, 8_100]))
    slopes = np.diff(around) / 100e-9
    np.testing.assert_allclose(slopes, 1e6, rtol=0.05)
    assert signal.value_at(10_000) == pytest.approx(10.0 - 2.0 * math.exp(-1.0))
    assert signal.value_at(10**6) == 10.0


def test_a_change_cuts_off_the_future_and_keeps_the_past() -> None:
    kernel = Kernel()
    signal = Signal(kernel, "cell", "V", 0.0)
    signal.approach(4.0, slew=1e9)
    kernel.run_until(2)
    signal.jump(-1.0)
    kernel.run_until(10)
    assert [signal.value_at(t) for t in (0, 1, 2, 4)] == [0.0, 1.0, -1.0, -1.0]


def test_watchers_hear_of_changes_and_of_nothing_else() -> None:
    heard = list[float]()
    signal = Signal(Kernel(), "cell", "V", 1.0)
    signal.on_change(lambda: heard.append(signal.value()))
    signal.jump(1.0)
    signal.jump(2.0)
    signal.approach(2.0, slew=1.0)
    assert heard == [2.0]


def test_history_is_bounded_but_covers_what_is_promised() -> None:
    kernel = Kernel()
    signal = Signal(kernel, "bleed", "A", 0.0)
    for step in range(50_000):
        kernel.run_until(step * 10_000_000)  # 10 ms each, 500 s in all
        signal.jump(float(step))
    assert len(signal._pieces) < 30_000
    ago = kernel.now_ns - 120 * 10**9
    assert signal.value_at(ago) == ago // 10_000_000


def test_what_is_forgotten_reads_as_the_oldest_known() -> None:
    kernel = Kernel()
    signal = Signal(kernel, "cell", "V", 1.0)
    for time_ns, value in ((100, 2.0), (200, 3.0)):
        kernel.run_until(time_ns)
        signal.jump(value)
    signal.forget_before(150)
    assert [signal.value_at(t) for t in (0, 150, 200)] == [2.0, 2.0, 3.0]


@given(_moves.filter(bool), st.integers(0, 3_000), st.integers(1, 1_000))
def test_the_mean_is_that_of_dense_sampling(
    moves: list[tuple[int, float, str, float, float]], begin: int, length: int
) -> None:
    signal = _moved(moves)
    fine = signal.sample(np.arange(begin * 16, (begin + length) * 16) / 16 + 1 / 32)
    assert signal.mean(begin, begin + length) == pytest.approx(float(fine.mean()), abs=2e-2)


def test_an_infinite_resistance_is_reached_at_once() -> None:
    signal = Signal(Kernel(), "ntc 1", "ohm", 10_000.0)
    signal.approach(math.inf, slew=1.0)
    assert signal.value() == math.inf
    assert signal.when(1e6, rising=False) is None
