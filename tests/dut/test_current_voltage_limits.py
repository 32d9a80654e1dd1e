"""Curves of limits, and what is wrong with a description of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from rig.description import BrokenDescriptionError
from rig.dut.current_voltage_limits import Curve, VoltageLimit
from rig.dut.messages import Events
from rig.dut.profile import load_profile

CURVE = Curve(((0.0, 0.0), (10.0, 10.0), (15.0, 20.0), (38.0, 20.0), (45.0, 0.0)))


@pytest.mark.parametrize(
    ("x", "y"),
    [(-5.0, 0.0), (0.0, 0.0), (5.0, 5.0), (12.5, 15.0), (25.0, 20.0), (41.5, 10.0), (90.0, 0.0)],
)
def test_a_curve_is_straight_between_its_points_and_flat_beyond(x: float, y: float) -> None:
    assert CURVE.at(x) == pytest.approx(y)


@given(st.floats(-20.0, 70.0), st.floats(0.0, 10.0), st.floats(-1.0, 1.0))
def test_whatever_lies_within_the_tolerance_lies_between_the_two_heights(
    x: float, tolerance: float, part: float
) -> None:
    between = CURVE.around(x, tolerance)

    assert between.low - 1e-9 <= CURVE.at(x + part * tolerance) <= between.high + 1e-9


@pytest.mark.parametrize(
    ("curve", "what"),
    [
        ({"3.5 V": "14 V"}, "two points at least"),
        ({"3.6 V": "14 V", "3.5 V": "13 V"}, "must rise"),
        ({"3.5 V": "14 A", "3.6 V": "13 V"}, "14 A"),
    ],
)
def test_a_curve_that_is_none_is_refused(curve: dict[str, str], what: str) -> None:
    with pytest.raises(ValidationError, match=what):
        VoltageLimit.model_validate(
            {"signal": "M.S", "tolerance": "50 mV", "by highest cell": curve}
        )


@pytest.mark.parametrize(
    ("end", "nearer", "what"),
    [
        ("4.20 V", "4.19 V", r"stand for 99\.4% of charge, not for 100%"),
        ("3.02 V", "3.04 V", r"stand for 1\.5% of charge, not for 1%"),
    ],
)
def test_cells_at_an_end_that_stand_for_another_charge_are_refused(
    end: str, nearer: str, what: str, tmp_path: Path
) -> None:
    there = Path(__file__).parents[2] / "fixtures" / "duts" / "esp32-16s"
    text = (there / "profile.yaml").read_text(encoding="utf-8")
    broken = text.replace(f"cells at its end: {end}", f"cells at its end: {nearer}")
    (tmp_path / "profile.yaml").write_text(broken, encoding="utf-8")
    (tmp_path / "bms.dbc").write_bytes((there / "bms.dbc").read_bytes())

    with pytest.raises(BrokenDescriptionError, match=what):
        load_profile(tmp_path / "profile.yaml")


def test_two_protections_with_one_code_are_refused() -> None:
    events = {"message": "E", "length": 8, "tripped": "Set", "code": "Code", "within": "20 ms"}

    with pytest.raises(ValidationError, match="one code"):
        Events.model_validate({**events, "codes": {"OVP": 1, "UVP": 1}})


def test_the_reference_bms_has_a_code_for_each_protection_but_the_watchdogs() -> None:
    profile = load_profile("esp32-4s")
    assert profile.events is not None

    uncoded = {p.short for p in profile.protections.values()} - set(profile.events.codes)

    assert uncoded == {"WDT"}
