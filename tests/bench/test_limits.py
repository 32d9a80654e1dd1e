"""The tighter of what BMS, bench and instrument allow; nothing else reaches an instrument."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.bench.description import BenchFile, load_bench
from rig.bench.limits import Allowed, Limits, limits_of
from rig.dut.profile import load_profile
from rig.errors import LimitError

RANGE = Allowed(low=0.0, high=4.5, low_from="the profile p", high_from="the bench b")
finite = st.floats(-1e6, 1e6)


@pytest.fixture(scope="module")
def bench() -> BenchFile:
    return load_bench("virtual-esp32-4s")


@given(finite)
def test_a_value_passes_just_when_it_lies_in_the_range(value: float) -> None:
    limits = Limits({"cell 1": RANGE})
    if 0.0 <= value <= 4.5:
        limits.check({"cell 1": value}, "step 4")
    else:
        with pytest.raises(LimitError):
            limits.check({"cell 1": value}, "step 4")


@given(finite, finite, finite)
def test_narrowing_never_widens(low: float, high: float, value: float) -> None:
    narrowed = RANGE.narrowed(low, high, "x")

    assert narrowed.low >= RANGE.low
    assert narrowed.high <= RANGE.high
    inside = narrowed.low <= value <= narrowed.high
    assert inside == (RANGE.low <= value <= RANGE.high and low <= value <= high)


def test_nan_is_beyond_every_limit() -> None:
    with pytest.raises(LimitError):
        Limits({"cell 1": RANGE}).check({"cell 1": math.nan}, "step 4")


def test_the_message_names_value_limit_whose_it_is_and_the_step() -> None:
    with pytest.raises(LimitError) as caught:
        Limits({"cell 2": RANGE}).check({"cell 2": 5.5}, "nightly.yaml:73: step 4")

    assert str(caught.value).startswith(
        "nightly.yaml:73: step 4: cell 2 would be set to 5.5 V; the bench b allows at most 4.5 V;"
        " it was not commanded"
    )


def test_a_refusal_in_the_middle_of_a_run_does_not_say_that_all_is_off() -> None:
    limits = Limits({"cell 2": RANGE})

    for values in ({"cell 2": 5.5}, {"pressure": 1.0}):
        with pytest.raises(LimitError) as caught:
            limits.check(values, "step 4")  # steps 1 to 3 have switched things on
        assert "switched on" not in str(caught.value)
        assert "it was not commanded" in str(caught.value)


def test_a_quantity_that_the_bench_can_not_set_is_refused() -> None:
    with pytest.raises(LimitError, match="pressure can't be set on this bench"):
        Limits({"cell 2": RANGE}).check({"pressure": 1.0}, "step 1")


def test_profile_bench_and_instrument_all_count(bench: BenchFile) -> None:
    limits = limits_of(bench, load_profile("esp32-4s")).ranges

    assert (limits["cell 4"].low, limits["cell 4"].high) == (0.0, 4.5)
    assert (limits["current"].low, limits["current"].high) == (-100.0, 45.0)
    assert (limits["temperature 2"].low, limits["temperature 2"].high) == (-40.0, 90.0)
    assert limits["supply"].high == 12.0


def test_a_rating_given_to_one_instrument_narrows_what_it_feeds(bench: BenchFile) -> None:
    load = bench.instruments["load"]
    ratings = load.limits.model_copy(update={"current_a": 60.0})
    smaller = load.model_copy(update={"limits": ratings})
    changed = bench.model_copy(update={"instruments": {**bench.instruments, "load": smaller}})

    current = limits_of(changed, load_profile("esp32-4s")).ranges["current"]

    assert (current.low, current.high) == (-60.0, 45.0)
    assert current.low_from.startswith("load")
