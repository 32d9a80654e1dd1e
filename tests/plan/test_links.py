"""Families about the front end and its bus: what they break, and what they let nothing say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rig.case import Case
from rig.dut.profile import Profile
from rig.expectations.signal_within import SignalWithin
from rig.expectations.stays import Stays
from rig.expectations.trips import Trips
from rig.plan.expand import expand_family
from rig.plan.families import Options
from rig.plan.families.links import carried_by
from rig.steps.fault import Fault
from rig.steps.set import Set
from tests.plan.test_families import ORIGIN, cases_of


def faults(case: Case) -> list[tuple[str, str, bool]]:
    return [(s.fault, s.target, s.present) for s in case.steps if isinstance(s, Fault)]


def test_a_link_is_lost_in_every_way_that_its_profile_names(esp32: Profile) -> None:
    cases = cases_of("link lost", esp32)

    met = {(case.parameters["fault"], case.parameters["when"]) for case in cases}
    assert {
        (kind, when) for kind in ("open", "short") for when in ("long", "short", "start")
    } <= met
    assert {("open", "pending"), ("open", "tripped")} <= met


def test_a_link_of_which_no_protection_speaks_is_left_to_others(esp32: Profile) -> None:
    targets = {target for case in cases_of("link lost", esp32) for _, target, _ in faults(case)}

    assert targets == {"afe link"}


@pytest.mark.parametrize("family", ["link lost", "link bounce", "cells sag", "load after start"])
def test_a_bms_that_promises_nothing_of_it_has_no_such_case(
    pbmslsuite: Profile, family: str
) -> None:
    assert cases_of(family, pbmslsuite) == []


def test_every_fault_of_a_case_is_mended_in_it(esp32: Profile) -> None:
    for family in ("link lost", "link bounce"):
        for case in cases_of(family, esp32):
            made = [f[:2] for f in faults(case) if f[2]]
            mended = [f[:2] for f in faults(case) if not f[2]]
            assert made == mended, case.id


def test_each_cell_sensor_and_current_is_carried_with_its_invalid_value(esp32: Profile) -> None:
    carried = {c.signal.name: c for c in carried_by(esp32, "afe link", amps=-5.0)}

    assert set(carried) == {
        *("Cell1_V", "Cell2_V", "Cell3_V", "Cell4_V"),
        *("Temp1", "Temp2", "Current", "PackVoltage"),
    }
    assert carried["Cell3_V"].low < 3.3 < carried["Cell3_V"].high
    assert carried["Current"].low < -5.0 < carried["Current"].high < 0.0
    assert carried["Temp1"].invalid == pytest.approx(3276.7)


def test_while_a_link_is_lost_nothing_but_the_invalid_value_may_be_told(esp32: Profile) -> None:
    case = next(c for c in cases_of("link lost", esp32) if c.parameters["when"] == "long")

    blind = [e for e in case.expectations if isinstance(e, SignalWithin) and e.begin == "lost"]

    assert len(blind) == 8
    assert all(e.low == e.high for e in blind)
    assert {e.end for e in blind} == {"mending"}


def test_at_its_start_the_first_frame_counts_already(esp32: Profile) -> None:
    case = next(c for c in cases_of("link lost", esp32) if c.parameters["when"] == "start")

    first = [e for e in case.expectations if isinstance(e, SignalWithin) and e.once_sent]

    assert case.precondition == "off"
    assert {e.begin for e in first} == {"on"}
    assert any(isinstance(e, Stays) and e.is_open for e in case.expectations)


def test_bounces_stay_apart_as_long_as_a_break_may_last(esp32: Profile) -> None:
    (opened, shorted) = cases_of("link bounce", esp32)

    assert {f[0] for f in faults(opened)} == {"open"}
    assert {f[0] for f in faults(shorted)} == {"short"}
    assert all(not isinstance(e, Trips) for e in opened.expectations)


def test_a_sag_takes_every_cell_down_and_back_before_its_protection_is_tried(
    esp32: Profile,
) -> None:
    (case,) = cases_of("cells sag", esp32)
    settings = [s.values for s in case.steps if isinstance(s, Set)]

    assert set(settings[0].values()) == {0.5}
    assert set(settings[1].values()) == {3.3}
    assert case.protection == "cell overvoltage 2"


def test_a_wanted_number_of_starts_is_made(esp32: Profile) -> None:
    options = Options(settings={"starts": 2})

    (case,) = expand_family("load after start", options, esp32, replace(ORIGIN), seed=1)

    loads = [s.values["current"] for s in case.steps if isinstance(s, Set)]
    assert loads == [0.0, -10.0, 0.0, -10.0]
