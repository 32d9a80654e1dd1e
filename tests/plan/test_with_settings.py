"""A profile with changed settings: what moves, what stays, and which other values are chosen."""

from __future__ import annotations

import pytest

from rig.dut.profile import Profile, load_profile
from rig.plan.with_settings import factory_value, other_values, with_settings

NAMES = tuple(load_profile("esp32-4s").settings.each)  # type: ignore[union-attr]


@pytest.fixture(scope="module")
def esp32() -> Profile:
    return load_profile("esp32-4s")


@pytest.mark.parametrize("name", NAMES)
def test_a_setting_moves_its_own_promise_and_no_other(esp32: Profile, name: str) -> None:
    for value in other_values(esp32, name):
        changed = with_settings(esp32, {name: value})

        assert factory_value(changed, name) == pytest.approx(value)
        others = [n for n in NAMES if n != name]
        assert [factory_value(changed, n) for n in others] == [
            factory_value(esp32, n) for n in others
        ]
        of = esp32.settings.each[name].of  # type: ignore[union-attr]
        kept = {n: p for n, p in changed.protections.items() if n != of}
        assert kept == {n: p for n, p in esp32.protections.items() if n != of}


@pytest.mark.parametrize("name", NAMES)
def test_other_values_are_legal_and_leave_the_hysteresis_as_it_must_be(
    esp32: Profile, name: str
) -> None:
    setting = esp32.settings.each[name]  # type: ignore[union-attr]
    for value in other_values(esp32, name):
        protection = with_settings(esp32, {name: value}).protections[setting.of]

        assert value in setting.within
        assert not setting.values_s or value in setting.values_s
        assert value != factory_value(esp32, name)
        protection._hysteresis()  # raises where they would meet


@pytest.mark.parametrize("name", [n for n in NAMES if not n.endswith("delay")])
def test_halfway_to_another_level_lies_beyond_both_tolerances(esp32: Profile, name: str) -> None:
    setting = esp32.settings.each[name]  # type: ignore[union-attr]
    protection = esp32.protections[setting.of]
    level = protection.threshold if setting.parameter == "threshold" else protection.recovers.level  # type: ignore[union-attr]
    assert level is not None

    for value in other_values(esp32, name):
        assert abs(value - factory_value(esp32, name)) / 2.0 >= level.tolerance


def test_a_delay_keeps_its_relative_tolerance(esp32: Profile) -> None:
    delay = with_settings(esp32, {"ocd1.delay": 0.64}).protections["discharge overcurrent 1"].delay

    assert delay is not None
    assert (delay.low, delay.high) == pytest.approx((0.575, 0.705))
