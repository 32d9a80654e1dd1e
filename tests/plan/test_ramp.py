"""The levels of a ramp: from start to stop, never past it, the last one is the stop."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rig.steps.conditions import OutputState
from rig.steps.ramp import Ramp

OPEN = OutputState(output="charge path", is_open=True)
VOLTS = st.integers(-100_000, 100_000).map(lambda tens_of_uv: tens_of_uv / 1e5)


def stairs(start: float, stop: float, step: float) -> Ramp:
    return Ramp(quantity="cell 3", start=start, stop=stop, step=step, dwell_s=1.0, until=OPEN)


@pytest.mark.parametrize(
    ("start", "stop", "step", "levels"),
    [
        (3.3, 4.5, 2.3, (3.3, 4.5)),  # 5.6 V once
        (4.5, 3.3, -2.3, (4.5, 3.3)),
        (0.0, 1.0, 0.4, (0.0, 0.4, 0.8, 1.0)),
        (0.0, 1.0, 0.6, (0.0, 0.6, 1.0)),
        (1.0, 0.0, -0.6, (1.0, 0.4, 0.0)),
        (3.6, 3.7, 0.05, (3.6, 3.65, 3.7)),
        (3.625, 3.675, 0.002, tuple(3.625 + i * 0.002 for i in range(26))),
    ],
)
def test_levels(start: float, stop: float, step: float, levels: tuple[float, ...]) -> None:
    assert stairs(start, stop, step).levels == pytest.approx(levels, abs=1e-9)


@given(VOLTS, VOLTS, st.integers(100, 100_000))
@example(3.3 / 10, 4.5 / 10, 23_000)
def test_no_level_lies_beyond_the_stop_and_the_last_one_is_it(
    start: float, stop: float, tens_of_uv: int
) -> None:
    step = tens_of_uv / 1e5 if stop >= start else -tens_of_uv / 1e5

    levels = stairs(start, stop, step).levels

    assert levels[0] == start
    assert all(min(start, stop) <= level <= max(start, stop) for level in levels)
    assert levels[-1] == stop
    assert all(abs(b - a) <= abs(step) + 1e-9 for a, b in pairwise(levels))
