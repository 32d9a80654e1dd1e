"""Verdicts exactly at the limits, and the words that go with them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.judge.budget import Budget, Row
from rig.judge.measurement import Measurement
from rig.judge.rules import (
    Question,
    can_pass,
    judge_duration,
    judge_within,
    judged_duration,
    needed_u,
    worst,
)
from rig.judge.verdict import Verdict
from rig.judge.wording import show, show_measured, show_range


def measured(value: float, expanded: float) -> Measurement:
    return Measurement(value=value, expanded=expanded, unit="s")


@pytest.mark.parametrize(
    ("value", "expanded", "verdict"),
    [  # ILAC-G8:09/2019, 4.2.3 with w = U; limits 800 and 1200
        (1003.2, 5.8, "pass"),
        (1194.2, 5.8, "pass"),
        (1194.3, 5.8, "inconclusive"),
        (1205.8, 5.8, "inconclusive"),
        (805.8, 5.8, "pass"),
        (805.7, 5.8, "inconclusive"),
        (794.2, 5.8, "inconclusive"),
        (1205.9, 5.8, "fail"),
        (794.1, 5.8, "fail"),
        (1150.0, 29.9, "pass"),
        (1190.0, 29.9, "inconclusive"),
        (1000.0, 250.0, "inconclusive"),
        (800.0, 0.0, "pass"),
        (1200.0, 0.0, "pass"),
        (1200.0001, 0.0, "fail"),
    ],
)
def test_the_reference_table(value: float, expanded: float, verdict: str) -> None:
    assert judge_within(measured(value, expanded), 800.0, 1200.0) == verdict


@pytest.mark.parametrize(
    ("trip_s", "verdict"),
    [  # binary fractions: the edge is exactly the edge
        (0.8125, "pass"),
        (1.1875, "pass"),
        (0.6875, "inconclusive"),
        (1.3125, "inconclusive"),
        (1.5, "fail"),
        (0.5, "fail"),
    ],
)
def test_trip_time_against_750_to_1250_ms(trip_s: float, verdict: str) -> None:
    assert judge_within(measured(trip_s, 0.0625), 0.75, 1.25) == verdict


@given(value=st.floats(-2, 4), expanded=st.floats(0, 2), truth=st.floats(-2, 4))
def test_no_verdict_contradicts_a_truth_within_the_interval(
    value: float, expanded: float, truth: float
) -> None:
    verdict = judge_within(measured(value, expanded), 0.75, 1.25)

    # Compared at a tenth of U's last of two digits: half of that may be rounded away.
    slack = 10.0 ** (math.floor(math.log10(expanded)) - 2) if expanded else 1e-12
    if abs(truth - value) <= expanded:
        assert not (verdict == "pass" and not 0.75 - slack <= truth <= 1.25 + slack)
        assert not (verdict == "fail" and 0.75 + slack <= truth <= 1.25 - slack)


@pytest.mark.parametrize(
    ("value", "expanded", "verdict"),
    [
        pytest.param(0.001, 0.010, "pass", id="a cause can't follow its effect"),
        pytest.param(-0.001, 0.010, "pass", id="nor does noise around 0 doubt it"),
        pytest.param(-0.011, 0.010, "fail", id="surely before its cause"),
        pytest.param(1.99, 0.01, "pass", id="touches the upper limit"),
        pytest.param(1.995, 0.01, "inconclusive", id="straddles the upper limit"),
        pytest.param(2.02, 0.01, "fail", id="late"),
    ],
)
def test_at_most_two_seconds(value: float, expanded: float, verdict: str) -> None:
    assert judge_duration(measured(value, expanded), 0.0, 2.0) == verdict


def test_a_lower_limit_above_zero_is_a_limit() -> None:
    assert judge_duration(measured(0.9, 0.05), 0.9, 1.1) == "inconclusive"


@pytest.mark.parametrize(
    ("expanded", "possible"), [(199.9, True), (200.0, True), (201.0, False), (250.0, False)]
)
def test_beyond_half_the_window_no_result_can_pass(expanded: float, possible: bool) -> None:  # noqa: FBT001
    assert can_pass(expanded, 800.0, 1200.0) is possible


def test_the_needed_u_is_the_distance_to_the_nearer_limit() -> None:
    assert needed_u(1190.0, 800.0, 1200.0) == 10.0
    assert needed_u(790.0, 800.0, 1200.0) == 10.0


@pytest.mark.parametrize(
    ("verdicts", "stands"),
    [
        (["pass", "fail", "error", "inconclusive"], "fail"),
        (["pass", "error", "inconclusive"], "error"),
        (["pass", "inconclusive", "skipped"], "inconclusive"),
        (["pass", "skipped"], "skipped"),
        (["pass", "pass"], "pass"),
        ([], "error"),
    ],
)
def test_which_verdict_stands_for_all(verdicts: list[str], stands: str) -> None:
    assert worst(map(Verdict, verdicts)) == stands


def finding(value: float, half_width: float, low: float, high: float) -> tuple[str, str]:
    budget = Budget.of([Row(name="polling", half_width=half_width, source="meter")])
    question = Question(expectation="it opens", means="output")
    found = judged_duration(
        question, (value, budget), (low, high), ("charge path opened", "cell 3 rose")
    )
    assert (found.low, found.high, found.means) == (low, high, "output")
    assert [row.name for row in found.budget] == ["polling"]
    return found.verdict, found.sentence


def test_a_pass_says_value_uncertainty_and_limits() -> None:
    assert finding(1.0, 0.01, 0.9, 1.1) == (
        "pass",
        "charge path opened (1.0000 ± 0.0095) s after cell 3 rose; allowed 0.900 s to 1.100 s",
    )


def test_an_effect_before_its_cause_is_said_so() -> None:
    assert finding(-0.2, 0.01, 0.9, 1.1) == (
        "fail",
        "charge path opened (200.0 ± 9.5) ms before cell 3 rose; allowed 0.900 s to 1.100 s",
    )


@pytest.mark.parametrize("value", [1.09020, 1.10980, 0.90980, 0.89020])
def test_a_verdict_hangs_on_no_limit_between_u_and_the_bounds(value: float) -> None:
    verdict, sentence = finding(value, 0.01, 0.9, 1.1)  # U is 9.5 ms

    assert verdict == "inconclusive"
    assert sentence.endswith(
        "beyond U, but within the 10.0 ms that all contributions together may reach"
    )


@pytest.mark.parametrize(("value", "verdict"), [(1.09, "pass"), (1.11, "fail"), (0.89, "fail")])
def test_a_limit_at_the_bounds_is_beyond_them(value: float, verdict: str) -> None:
    assert finding(value, 0.01, 0.9, 1.1)[0] == verdict


@pytest.mark.parametrize(
    ("value", "verdict"),
    [
        pytest.param(-0.001, "pass", id="a little before its cause, within U"),
        pytest.param(-0.0098, "inconclusive", id="before its cause by U, not by the bounds"),
        pytest.param(-0.011, "fail", id="before its cause by more than the bounds"),
    ],
)
def test_a_lower_limit_of_0_only_says_that_the_cause_is_first(value: float, verdict: str) -> None:
    assert finding(value, 0.01, 0.0, 0.2)[0] == verdict


def test_inconclusive_says_what_would_decide_and_what_is_to_blame() -> None:
    verdict, sentence = finding(1.095, 0.01, 0.9, 1.1)

    assert verdict == "inconclusive"
    assert sentence.endswith("; needs U <= 5.0 ms; polling dominates")


def test_where_no_result_can_pass_the_sentence_says_so() -> None:
    verdict, sentence = finding(1.0, 0.5, 0.9, 1.1)

    assert verdict == "inconclusive"
    assert "no result can pass with U = 477.2 ms: the limits need U <= 100.0 ms" in sentence
    assert sentence.endswith("polling dominates")


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (1.0312, "s", "1.031 s"),
        (0.16, "s", "160.0 ms"),
        (0.0002, "s", "200 µs"),
        (0.0, "s", "0 s"),
        (-0.0, "V", "0 V"),
        (3.65, "V", "3.650 V"),
        (-0.0035, "V", "-3.5 mV"),
        (-20.0, "A", "-20.00 A"),
        (0.05, "A", "50.0 mA"),
        (45.0, "°C", "45.00 °C"),
        (0.5, "", "0.50"),
    ],
)
def test_plain_values(value: float, unit: str, text: str) -> None:
    assert show(value, unit) == text


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (0.9, 1.1, "0.900 s to 1.100 s"),
        (0.12, 0.2, "120.0 ms to 200.0 ms"),
        (0.0002, 0.0005, "200 µs to 500 µs"),
        (0.0, 2.0, "at most 2.000 s"),
    ],
)
def test_limits_are_shown_in_one_unit(low: float, high: float, text: str) -> None:
    assert show_range(low, high, "s") == text


@pytest.mark.parametrize(
    ("value", "expanded", "text"),
    [
        (1.03123, 0.00041, "(1.03123 ± 0.00041) s"),
        (0.000312, 0.0000123, "(312 ± 12) µs"),
        (0.1623, 0.25, "(160 ± 250) ms"),
        (1.5, 0.0, "(1.500000 ± 0.000000) s"),
    ],
)
def test_measured_values_show_two_digits_of_u(value: float, expanded: float, text: str) -> None:
    assert show_measured(measured(value, expanded)) == text
