"""What families about the messages of a BMS ask for: which flags, events, limits, and when."""

from __future__ import annotations

from pathlib import Path

import pytest

from rig.dut.profile import Profile, load_profile
from rig.expectations.message_comes import MessageComes
from rig.expectations.signal_stays import SignalStays
from rig.expectations.signal_within import SignalWithin
from rig.plan.expand import expand
from rig.plan.families import Draft, Options, families
from rig.plan.model import parse_plan
from rig.plan.writing import plan_text, written_out
from rig.steps.bus_load import Load
from rig.steps.set import Set

DUTS = Path(__file__).parents[2] / "fixtures" / "duts"


@pytest.fixture(scope="module")
def esp32() -> Profile:
    return load_profile(DUTS / "esp32-4s" / "profile.yaml")


def drafts(family: str, profile: Profile) -> list[Draft]:
    return list(families()[family](profile, Options()))


def limits_at(draft: Draft, said: str) -> list[tuple[float, float]]:
    """Give the ranges in which a limit is expected, in order."""
    return [
        (e.low, e.high)
        for e in draft.expectations
        if isinstance(e, SignalWithin) and e.signal == said
    ]


def the_draft(family: str, profile: Profile, **parameters: str) -> Draft:
    [found] = [d for d in drafts(family, profile) if dict(d.parameters) == parameters]
    return found


# ---- flags ------------------------------------------------------------------------------------
def test_each_protection_is_provoked_once_and_all_other_flags_stay_down(esp32: Profile) -> None:
    made = drafts("flags", esp32)

    assert [d.protection for d in made] == [n for n, p in esp32.protections.items() if p.flags]
    [overvoltage] = [d for d in made if d.protection == "cell overvoltage"]
    values = {
        e.signal.name: e.value for e in overvoltage.expectations
        if isinstance(e, SignalStays) and e.signal.message == "BMS_Status"
    }  # fmt: skip
    assert values["OV"] == 1.0
    assert {s: v for s, v in values.items() if v} == {
        "OV": 1.0, "DischargePath": 1.0, "AnyFault": 1.0
    }  # fmt: skip
    assert {"UV", "OTC", "LimitExceeded"} <= set(values)


def test_a_flag_that_a_second_stage_raises_too_is_not_asked_to_stay_down(esp32: Profile) -> None:
    [hot] = [d for d in drafts("flags", esp32) if d.protection == "discharge overtemperature"]

    quiet = {e.signal.name for e in hot.expectations if isinstance(e, SignalStays) and not e.value}

    assert "OTC" not in quiet
    assert "UTD" in quiet


# ---- events -----------------------------------------------------------------------------------
def test_each_coded_protection_has_its_own_code_in_one_trip_and_one_recovery(
    esp32: Profile,
) -> None:
    assert esp32.events is not None
    for draft in drafts("events", esp32):
        protection = esp32.protections[draft.protection or ""]
        code = esp32.events.codes[protection.short]
        wanted = [e for e in draft.expectations if isinstance(e, MessageComes)]

        for tripped in (0.0, 1.0):
            own = [e for e in wanted if e.where.get("Code") == code and e.where["Set"] == tripped]
            assert [(e.at_least, e.at_most) for e in own] == [(1, 1)] * 2, draft.title


def test_the_bus_is_full_whenever_a_reaction_is_due(esp32: Profile) -> None:
    assert esp32.can is not None
    bears = esp32.can.tolerates_bus_load
    assert bears is not None
    loaded = [d for d in drafts("events", esp32) if d.parameters.get("bus") == "loaded"]
    assert loaded

    for draft in loaded:
        first, last = (s for s in draft.steps if isinstance(s, Load))
        assert first.burst_s <= bears.burst_s
        assert first.share == last.share == bears.share
        delay = esp32.protections[draft.protection or ""].delay
        assert delay is not None
        before = draft.steps[: draft.steps.index(first)]
        begin_s = sum(getattr(s, "duration_s", 0.0) for s in before)
        assert begin_s < delay.low
        assert begin_s + first.burst_s > delay.high


def test_a_case_that_counts_from_an_output_can_be_written_out_and_read_again(
    esp32: Profile,
) -> None:
    [case] = [
        c
        for c in expand(parse_plan(_EVENTS, "p.yaml"), esp32, seed=1)
        if c.parameters["at"] == "cell 1" and "bus" not in c.parameters
    ]

    text = plan_text("again", "esp32-4s", [written_out(case, "again", esp32)])
    [again] = expand(parse_plan(text, "p.yaml"), esp32, seed=1)

    assert again.expectations == case.expectations


_EVENTS = """
plan: p
cases:
  - {family: events, protections: [cell overvoltage], cells: [1]}
"""


# ---- limits -----------------------------------------------------------------------------------
def test_a_walk_goes_away_from_nominal_so_that_limits_only_fall(esp32: Profile) -> None:
    for draft in drafts("limits", esp32):
        if "side" not in draft.parameters:
            continue
        target = draft.parameters["at"]
        values = [
            s.values[target] for s in draft.steps if isinstance(s, Set) and target in s.values
        ]
        for said in ("BMS_Limits.CCL", "BMS_Limits.DCL"):
            tops = [high for _, high in limits_at(draft, said)]
            assert tops == sorted(tops, reverse=True), draft.title
        assert values == sorted(values, reverse=draft.parameters["side"] == "below")


def test_each_point_of_a_curve_allows_what_the_inputs_are_known_to(esp32: Profile) -> None:
    draft = the_draft("limits", esp32, at="temperature 2", side="above")

    warm = [s.values["temperature 2"] for s in sets(draft.steps) if "temperature 2" in s.values]
    risen, fallen = (limits_at(draft, "BMS_Limits.CCL")[n::2] for n in (0, 1))
    ccl = dict(zip(warm, risen, strict=True))

    # A box that switches to a resistance passes others, and a limit rises slowly from where it was.
    assert fallen == [(0.0, high) for _, high in risen]
    assert ccl[41.5] == pytest.approx((20.0 * 2.0 / 7.0 - 0.3, 20.0 * 5.0 / 7.0 + 0.3))
    assert ccl[45.0] == pytest.approx((0.0, 20.0 * 1.5 / 7.0 + 0.3))


def test_a_limit_may_be_zero_where_its_path_may_be_open(esp32: Profile) -> None:
    draft = the_draft("limits", esp32, at="temperature 1", side="below")

    assert all(low == 0.0 for low, _ in limits_at(draft, "BMS_Limits.CCL")[-4:])


@pytest.mark.parametrize("way", ["charge", "discharge"])
def test_a_partner_that_is_to_be_warned_of_exceeds_the_fallen_limit_and_not_the_old_one(
    esp32: Profile, way: str
) -> None:
    draft = the_draft("limits", esp32, way=way, partner="ignores")
    assert esp32.current_and_voltage_limits is not None
    limit = esp32.current_and_voltage_limits.currents[way]

    flowing, followed = [
        abs(step.values["current"]) for step in sets(draft.steps) if "current" in step.values
    ]

    assert followed < flowing < limit.most_a
    assert not any(
        p.opens and p.watches == f"{way} current" and p.threshold and p.threshold.low < flowing
        for p in esp32.protections.values()
    )


def sets(steps: object) -> list[Set]:
    assert isinstance(steps, list | tuple)
    return [step for step in steps if isinstance(step, Set)]


# ---- extremes ---------------------------------------------------------------------------------
def test_every_cell_is_the_highest_once_and_the_orders_include_rising_and_falling(
    esp32: Profile,
) -> None:
    orders = []
    for draft in drafts("min max report", esp32):
        stages = [step.values for step in sets(draft.steps) if "cell 1" in step.values]
        orders += [sorted(values, key=lambda q: values[q]) for values in stages]

    cells = list(esp32.cell_names)
    assert {order[-1] for order in orders} == set(cells)
    assert cells in orders
    assert cells[::-1] in orders
