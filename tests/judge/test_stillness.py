"""When nothing was commanded around an instant, held against the rule spelled out."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rig.judge.stillness import Stillness
from tests.judge.synthetic import a_command, a_trace

_COMMANDS = st.lists(
    st.tuples(st.integers(0, 20), st.integers(0, 5), st.integers(0, 5)), max_size=12
)


@given(_COMMANDS, st.integers(-1, 30), st.sampled_from([0.0, 0.5, 2.0]))
def test_it_is_what_the_commands_before_and_after_say(
    given_: list[tuple[int, int, int]], at_s: int, settle_s: float
) -> None:
    commands = [
        a_command("current", 1.0, began, after_ns=(began + took) * 10**9, settle_s=settles)
        for began, took, settles in given_
    ]
    trace = a_trace(end_s=40.0, commands=commands)
    at_ns = at_s * 10**9
    before = [c for c in commands if c.after_ns <= at_ns]
    ends = [c.after_ns + (c.settle_s + settle_s) * 1e9 for c in before]
    nexts = [c.before_ns for c in commands if c.after_ns > at_ns]

    since, until = Stillness(trace).around(np.array([at_ns]), settle_s)

    assert since.tolist() == [max(ends, default=trace.begin_ns)]
    assert until.tolist() == [min(nexts, default=trace.end_ns)]
