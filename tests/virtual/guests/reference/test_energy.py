"""State of charge, health and remaining capacity of the reference BMS."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.virtual.guests.reference.energy import Gauge, Health
from rig.virtual.guests.reference.state_of_charge import (
    LFP,
    NMC,
    ChargeCounter,
    EnergyImage,
    OcvTable,
    StateOfCharge,
)
from tests.virtual.guests.desk import a_reference

IMAGE = EnergyImage()


def a_counter(image: EnergyImage = IMAGE) -> ChargeCounter:
    return ChargeCounter(image, step_s=0.01)


def a_state(volts: float = 3.30, image: EnergyImage = IMAGE) -> StateOfCharge:
    state = StateOfCharge(image, a_counter(image))
    state.start([volts] * 4)
    return state


def run(state: StateOfCharge, seconds: float, volts: float, amps: float) -> int:
    """Let the main task and the scans run; return how often it became full."""
    full = 0
    for tick in range(round(seconds * 100)):
        state.count(amps)
        if tick % 5 == 4:
            full += state.look([volts] * 4, amps)
    return full


@pytest.mark.parametrize("table", [LFP, NMC], ids=["LFP", "NMC"])
def test_the_table_is_followed_up_and_never_down(table: OcvTable) -> None:
    values = [table.fraction(2.5 + step * 0.005) for step in range(400)]

    assert values == sorted(values)
    assert (values[0], values[-1]) == (0.0, 1.0)
    assert [table.fraction(v) for v in table.volts] == pytest.approx(table.soc)


@given(st.floats(2.9, 3.38))
def test_the_slope_is_that_of_a_small_difference(volts: float) -> None:
    step_v = 1e-9
    percent = (LFP.fraction(volts + step_v) - LFP.fraction(volts)) * 100.0

    near_a_point = any(abs(volts - point_v) <= step_v for point_v in LFP.volts)
    assert near_a_point or step_v / percent == pytest.approx(LFP.slope_v(volts), rel=1e-3)


def test_charge_is_counted_and_clamped() -> None:
    counter = a_counter()
    counter.correct(0.5)
    for _ in range(36_000):  # 6 min of 20 A: a tenth
        counter.count(20.0)
    after_six_minutes = counter.fraction
    for _ in range(400_000):
        counter.count(20.0)

    assert after_six_minutes == pytest.approx(0.6)
    assert counter.fraction == 1.0


@given(st.lists(st.floats(-100.0, 100.0), max_size=200))
def test_what_was_clamped_does_not_come_back(currents: list[float]) -> None:
    counter, plain = a_counter(), 0.002
    counter.correct(plain)
    for amps in currents:
        counter.count(amps)
        plain = min(max(plain + amps * 0.01 / 72_000.0, 0.0), 1.0)

    assert counter.fraction == pytest.approx(plain, abs=1e-12)


def test_rest_corrects_where_the_curve_is_steep() -> None:
    state = a_state(3.15)
    run(state, 40.0, 3.15, -25.0)
    counted = state.fraction
    run(state, 19.0, 3.15, 0.0)
    before = state.fraction
    run(state, 2.0, 3.15, 0.0)

    assert counted == pytest.approx(0.07 - 25.0 * 40.0 / 72_000.0)
    assert before == counted
    assert state.fraction == pytest.approx(0.07)


def test_rest_corrects_nothing_where_it_is_flat() -> None:
    state = a_state(3.30)
    run(state, 40.0, 3.30, -25.0)
    run(state, 60.0, 3.30, 0.0)

    assert state.fraction == pytest.approx(0.775 - 25.0 * 40.0 / 72_000.0)


def test_full_takes_its_dwell_and_is_told_once() -> None:
    state = a_state()

    assert run(state, 0.2, 3.52, 0.8) == 0
    assert run(state, 1.0, 3.30, 0.8) == 0
    assert run(state, 29.0, 3.52, 0.8) == 0
    assert state.fraction < 0.8
    assert run(state, 2.0, 3.52, 0.8) == 1
    assert state.fraction == 1.0
    assert run(state, 300.0, 3.52, 0.2) == 0
    assert run(state, 1.0, 3.30, 0.2) == 0
    assert run(state, 31.0, 3.52, 0.8) == 1


def test_more_than_the_tail_current_is_not_full() -> None:
    assert run(a_state(), 60.0, 3.52, 1.2) == 0


def test_a_table_is_chosen_by_the_chemistry() -> None:
    assert a_state(4.20, EnergyImage(chemistry="NMC")).fraction == 1.0
    assert a_state(3.838, EnergyImage(chemistry="NMC")).fraction == pytest.approx(0.5)


def test_health_lasts_for_its_cycles() -> None:
    health = Health(IMAGE)
    for _ in range(6000):  # half a cycle each: one hour of 20 A
        health.wear(20.0, 3600.0, [25.0, 25.0])

    assert health.fraction == pytest.approx(0.8)


@pytest.mark.parametrize("degc", [5.0, 47.0])
def test_minutes_in_cold_or_heat_are_not_seen(degc: float) -> None:
    health = Health(IMAGE)
    for _ in range(600):
        health.wear(20.0, 1.0, [degc, 25.0])

    assert health.fraction > 0.9999


@given(st.floats(0.0, 1.0), st.floats(0.5, 1.0), st.floats(10.0, 14.6))
def test_what_remains_is_between_0_and_rated(soc: float, soh: float, pack_v: float) -> None:
    remaining = Gauge(IMAGE).remaining(soc, soh, pack_v)

    assert remaining == pytest.approx(max(0.0, 2000.0 * soc * soh - 40.0), abs=0.51)


def test_what_remains_moves_in_its_own_steps() -> None:
    gauge = Gauge(IMAGE)
    reported = [gauge.remaining(step / 10_000.0, 1.0, 13.2) for step in range(10_001)]

    assert {b - a for a, b in pairwise(reported)} == {0, 1}


def test_full_is_said_on_the_console() -> None:
    desk = a_reference()
    desk.set(cell_1=3.52, cell_2=3.52, cell_3=3.52, cell_4=3.52, current=0.5)
    desk.run(29.5)
    early = desk.console()
    desk.run(60.0)

    assert "soc: full" not in early
    assert desk.console().count("soc: full") == 1
