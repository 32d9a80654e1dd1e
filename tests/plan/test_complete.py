"""What a case needs beyond steps and expectations: outputs, a record, a length."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.can_address import SignalAddress
from rig.dut.profile import Profile, load_profile
from rig.expectations.balances import Balances
from rig.expectations.signal_stays import SignalStays
from rig.expectations.stays import Stays
from rig.expectations.trips import Trips
from rig.facts import Output
from rig.plan.complete import complete
from rig.plan.expand import expand
from rig.plan.model import load_plan
from rig.steps import Step
from rig.steps.conditions import OutputState
from rig.steps.hold import Hold
from rig.steps.power import Power
from rig.steps.ramp import Ramp
from rig.steps.random_phase import RandomPhase
from rig.steps.read import Read
from rig.steps.send import Send
from rig.steps.set import Set
from rig.steps.wait_for import WaitFor
from rig.time_reference import Crossing, Mark
from tests.plan.test_families import ORIGIN

ESP32 = load_profile("esp32-4s")
PLANS = Path(__file__).parents[2] / "testplans"
OVER = Crossing(quantity="cell 3", level=3.65, rising=True)
OPENS = Trips(output="charge path", since=OVER, low_s=0.9, high_s=1.1)


@pytest.mark.parametrize(
    ("step", "longest"),
    [
        (Hold(duration_s=2.5), 2.5),
        (RandomPhase(span_s=0.5), 0.5),
        (Send(message="HostAlive", count=5, period_s=0.2), 1.05),
        (Set(values={"cell 1": 3.0, "cell 2": 3.0}), 0.35),
        (Set(values={"cell 1": 3.0, "temperature 1": 3.0, "current": 1.0}), 1.05),
        (WaitFor(until=OutputState(output="charge path", is_open=True), within_s=2.0), 2.35),
        (Power(on=True), 0.35),
        (Read(quantities=("cell 1", "cell 2")), 0.7),
    ],
)
def test_a_step_takes_no_longer_than(step: Step, longest: float) -> None:
    assert step.longest_s() == pytest.approx(longest)


@given(
    start=st.floats(0.0, 4.0),
    levels=st.integers(1, 60),
    step=st.floats(0.001, 0.1),
    down=st.booleans(),
)
def test_a_ramp_counts_both_its_ends(start: float, levels: int, step: float, *, down: bool) -> None:
    signed = -step if down else step
    stairs = Ramp(
        quantity="cell 1",
        start=start,
        stop=start + signed * (levels - 1),
        step=signed,
        dwell_s=1.0,
        until=OutputState(output="charge path", is_open=True),
    )

    assert stairs.longest_s() == pytest.approx(levels * 1.6)


@given(st.lists(st.floats(0.0, 100.0), max_size=10))
def test_a_record_outlasts_the_steps(holds_s: list[float]) -> None:
    steps = tuple(Hold(duration_s=s) for s in holds_s)
    case = complete(replace(ORIGIN, steps=steps, expectations=(OPENS,)), ESP32)

    assert case.capture is not None
    assert case.capture.duration_s == case.duration_s > sum(holds_s)
    assert case.capture.duration_s / case.capture.interval_s <= 150_000.5


def test_what_is_judged_is_recorded_with_its_cause_and_the_current() -> None:
    case = complete(replace(ORIGIN, expectations=(OPENS,)), ESP32)

    assert case.capture is not None
    assert case.capture.quantities == ("cell 3", "current", "charge path")
    assert case.outputs == {"charge path": Output(closed_above=6.0)}


def test_a_temperature_has_no_tap() -> None:
    cause = Crossing(quantity="temperature 1", level=45.0, rising=True)
    case = complete(replace(ORIGIN, expectations=(replace(OPENS, since=cause),)), ESP32)

    assert case.capture is not None
    assert "temperature 1" not in case.capture.quantities


def test_a_case_of_messages_alone_records_nothing() -> None:
    silent = SignalStays(signal=SignalAddress("BMS_Status.OV"), value=0.0)
    case = complete(replace(ORIGIN, expectations=(silent,)), ESP32)

    assert case.capture is None
    assert case.outputs == {}


@pytest.mark.parametrize(
    ("low_s", "high_s", "interval_s"),
    [
        (0.9, 1.1, 2e-4),  # a 1000th of the window
        (200e-6, 500e-6, 1e-5),  # ... but 150,000 samples at most in 1.5 s
        (0.0, 60.0, 1e-3),  # ... and 1 ms at the coarsest
    ],
)
def test_a_record_is_as_fine_as_the_tightest_window_asks(
    low_s: float, high_s: float, interval_s: float
) -> None:
    wanted = Trips(output="charge path", since=Mark(mark="x"), low_s=low_s, high_s=high_s)
    steps = (Hold(duration_s=1.3, mark="x"),)
    case = complete(replace(ORIGIN, steps=steps, expectations=(wanted,)), ESP32)

    assert case.capture is not None
    assert case.capture.interval_s == pytest.approx(interval_s)


def test_a_blinking_lamp_keeps_its_steady_time(pbmslsuite: Profile) -> None:
    wanted = Stays(output="no fault led", is_open=False)
    case = complete(replace(ORIGIN, expectations=(wanted,)), pbmslsuite)

    assert case.outputs == {"no fault led": Output(closed_above=1.65, steady_s=1.0)}


def test_balancing_by_outputs_names_them_all(pbmslsuite: Profile) -> None:
    wanted = Balances(cells=(2,), at="looked")
    case = complete(replace(ORIGIN, expectations=(wanted,)), pbmslsuite)

    assert set(case.outputs) == {f"balance {n}" for n in range(1, 5)}
    assert complete(replace(ORIGIN, expectations=(wanted,)), ESP32).outputs == {}


@pytest.mark.parametrize("hold_s", [1.0, 25.0])
def test_a_record_however_long_shows_a_current_that_its_own_trip_ends(hold_s: float) -> None:
    since = Crossing(quantity="current", level=-80.0, rising=False)
    case = replace(
        ORIGIN,
        protection="short circuit",
        steps=(Set(values={"current": -90.0}), Hold(duration_s=hold_s)),
        expectations=(Trips(output="discharge path", since=since, low_s=2e-4, high_s=5e-4),),
    )

    capture = complete(case, ESP32).capture

    assert capture is not None
    assert 6.0 * capture.interval_s <= 200e-6 * (1.0 + 1e-9)


@pytest.mark.parametrize("plan", sorted(PLANS.glob("*.yaml")), ids=lambda plan: plan.stem)
def test_a_case_that_is_complete_stays_as_it_is(plan: Path) -> None:
    read = load_plan(plan)
    profile = load_profile(read.dut or "")

    for case in expand(read, profile, 1):
        assert complete(case, profile) == case, case.id
