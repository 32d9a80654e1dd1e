"""A bench or a rig that fell behind the wall clock says nothing about the BMS."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rig.clock import Lag
from rig.judge.verdict import Verdict
from rig.judging import judge
from tests.judge.synthetic import a_case, a_trace

MS = 1_000_000


def a_lag(who: str, worst_ms: float, late: int = 0) -> Lag:
    return Lag(who=who, worst_ns=round(worst_ms * MS), late=late, allowed_ns=20 * MS)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("lag", "words"),
    [
        (
            a_lag("bench", 5103.0, 37),
            "bench: it fell behind the wall clock by 5.103 s, 37 times by more than the 20.0 ms",
        ),
        (
            a_lag("rig", 213.0, 1),
            "rig: this computer was busy: the rig came back from a wait 213.0 ms late, once",
        ),
    ],
)
def test_a_case_that_fell_behind_is_an_error_with_the_figure(lag: Lag, words: str) -> None:
    trace = replace(a_trace(), lags=(lag,))

    judgement = judge(a_case(), trace)

    assert judgement.verdict is Verdict.ERROR
    assert judgement.sentence.startswith(words)


def test_a_lag_that_is_allowed_for_changes_nothing() -> None:
    trace = a_trace()
    slow = replace(trace, lags=(a_lag("rig", 20.0), a_lag("bench", 3.0)))

    assert judge(a_case(), slow) == judge(a_case(), trace)


def test_a_start_that_was_not_seen_in_time_is_the_bench_s_and_not_the_bms_s() -> None:
    trace = replace(a_trace(error="not ready"), unready=True, lags=(a_lag("bench", 900.0, 2),))

    judgement = judge(a_case(), trace)

    assert judgement.verdict is Verdict.ERROR
    assert judgement.sentence.startswith("bench: it fell behind")


def test_what_broke_the_case_is_told_before_that_it_was_late() -> None:
    trace = replace(a_trace(error="emulator: gone"), lags=(a_lag("bench", 900.0, 2),))

    assert "emulator: gone" in judge(a_case(), trace).sentence
