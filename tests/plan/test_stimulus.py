"""How far a protection is provoked, and what acts meanwhile."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.dut.profile import Profile, Protection, load_profile
from rig.plan.stimulus import (
    acting,
    beyond,
    crossing,
    just_inside,
    opened,
    overdrive,
    stimuli,
    value_at,
)
from rig.quantity import Toleranced
from rig.steps.fault import Fault
from rig.steps.send import Send
from rig.steps.set import Set
from rig.steps.type_line import Type
from rig.time_reference import Crossing, Mark

ESP32 = load_profile("esp32-4s")
WITH_LEVEL = [n for n, p in ESP32.protections.items() if p.threshold and p.watches != "cell spread"]


def _changed(profile: Profile, name: str, **changes: object) -> Profile:
    """Return the profile with one protection changed."""
    protection = profile.protections[name].model_copy(update=changes)
    return profile.model_copy(update={"protections": {**profile.protections, name: protection}})


def _over(protection: Protection, value: float) -> float:
    """How far a value lies on the tripping side of the threshold."""
    return (value - protection.level) * (1.0 if protection.rising else -1.0)


# ---- levels -------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", WITH_LEVEL)
def test_a_far_stimulus_is_beyond_tolerance_and_within_limits(name: str) -> None:
    protection, value = ESP32.protections[name], beyond(ESP32, name)

    assert protection.threshold is not None
    assert _over(protection, value) >= 2.5 * protection.threshold.tolerance
    assert value in ESP32.allowed(protection.quantities(ESP32)[0])


@pytest.mark.parametrize("name", WITH_LEVEL)
def test_a_far_stimulus_reaches_no_higher_stage(name: str) -> None:
    protection = ESP32.protections[name]
    target = protection.quantities(ESP32)[0]

    there = acting(ESP32, {target: beyond(ESP32, name)})

    stages = [p for n, p in there.items() if n != name and p.watches == protection.watches]
    assert all(_over(protection, stage.level) < 0.0 for stage in stages)


@given(gap=st.floats(1.0, 60.0), tolerance=st.floats(0.05, 0.45))
def test_however_near_the_next_stage_is_it_is_not_reached(gap: float, tolerance: float) -> None:
    low = Toleranced(22.0, tolerance, "A")
    high = Toleranced(22.0 + gap, tolerance, "A")
    profile = _changed(ESP32, "charge overcurrent 1", threshold=low)
    profile = _changed(profile, "charge overcurrent 2", threshold=high)

    value = beyond(profile, "charge overcurrent 1")

    assert low.value + tolerance <= value + 1e-6
    assert value <= min(high.value - tolerance + 1e-6, profile.limits.charge_a)


@pytest.mark.parametrize("name", WITH_LEVEL)
def test_just_inside_does_not_act_but_nearly(name: str) -> None:
    protection = ESP32.protections[name]
    inside = just_inside(protection)

    assert name not in acting(ESP32, {protection.quantities(ESP32)[0]: inside})
    assert protection.threshold is not None
    assert 0.0 > _over(protection, inside) >= -2.0 * protection.threshold.tolerance


def test_the_overdrive_is_stated_in_tolerances_or_at_least_so_much() -> None:
    assert overdrive(ESP32.protections["cell overvoltage"]) == pytest.approx(0.05)
    assert overdrive(ESP32.protections["charge overcurrent 1"]) == pytest.approx(3.0)
    assert overdrive(ESP32.protections["short circuit"]) == pytest.approx(24.0)
    assert overdrive(ESP32.protections["charge overtemperature"]) == pytest.approx(5.0)


def test_a_far_stimulus_is_cut_to_the_absolute_maximum() -> None:
    assert beyond(ESP32, "short circuit") == -100.0


# ---- one of each kind ----------------------------------------------------------------------------
def test_a_level_is_set_at_each_cell_and_taken_home() -> None:
    made = stimuli(ESP32, "cell undervoltage")

    assert [s.target for s in made] == ["cell 1", "cell 2", "cell 3", "cell 4"]
    assert made[2].apply == (Set(values={"cell 3": 2.45}, mark="applied"),)
    assert made[2].remove == (Set(values={"cell 3": 3.3}, mark="removed"),)
    assert made[2].since == Crossing(quantity="cell 3", level=2.5, rising=False)
    assert ESP32.nominal_of("cell 3") == 3.3


def test_targets_choose_among_them() -> None:
    (made,) = stimuli(ESP32, "cell overvoltage", ("cell 2", "cell 9"))

    assert made.target == "cell 2"


def test_a_spread_is_the_distance_below_the_others() -> None:
    (made, *_) = stimuli(ESP32, "cell imbalance")
    protection = ESP32.protections["cell imbalance"]

    assert made.values == {"cell 1": pytest.approx(2.97)}
    assert made.since == Crossing(quantity="cell 1", level=3.0, rising=False)
    assert value_at(ESP32, protection, 0.2) == pytest.approx(3.1)
    back = crossing(ESP32, made, 0.2, tripping=False, after="x")
    assert back == Crossing(quantity="cell 1", level=3.1, rising=True, after="x")


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("broken sense wire", Fault(fault="open", target="cell 1", mark="applied")),
        ("sensor open", Fault(fault="open", target="temperature 1", mark="applied")),
        ("sensor short", Fault(fault="short", target="temperature 1", mark="applied")),
        ("watchdog reset", Type(line="test hang", mark="applied")),
    ],
)
def test_what_is_no_level_is_inserted(name: str, step: Fault | Type) -> None:
    made = stimuli(ESP32, name)[0]

    assert made.apply == (step,)
    assert made.since == Mark(mark="applied")


def test_a_message_time_out_counts_from_the_last_message() -> None:
    (made,) = stimuli(ESP32, "communication time-out")

    (armed,) = made.apply
    assert isinstance(armed, Send)
    assert (armed.count, armed.period_s) == (5, 0.2)
    assert made.since == Mark(mark=armed.mark or "")


# ---- which act ----------------------------------------------------------------------------------
def test_nothing_acts_at_home() -> None:
    assert acting(ESP32, {}) == {}
    assert opened(ESP32, {}) == set()


@pytest.mark.parametrize(
    ("values", "names", "outputs"),
    [
        ({"cell 1": 3.70}, {"cell overvoltage", "cell imbalance"}, {"charge path"}),
        ({"cell 2": 2.40}, {"cell undervoltage", "cell imbalance"}, {"discharge path"}),
        (
            {"temperature 1": 65.0},
            {"charge overtemperature", "discharge overtemperature"},
            {"charge path", "discharge path"},
        ),
        (
            {"current": -60.0},
            {"discharge overcurrent 1", "discharge overcurrent 2"},
            {"discharge path"},
        ),
        ({"current": 60.0}, {"charge overcurrent 1", "charge overcurrent 2"}, {"charge path"}),
    ],
)
def test_all_that_acts_at_a_value_is_known(
    values: dict[str, float], names: set[str], outputs: set[str]
) -> None:
    assert set(acting(ESP32, values)) == names
    assert opened(ESP32, values) == outputs
