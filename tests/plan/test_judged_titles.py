"""What the title of a case claims is judged by one of its expectations."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rig.case import Case
from rig.dut.profile import Profile
from rig.expectations.console_says import ConsoleSays
from rig.expectations.cycles import Cycles
from rig.expectations.recovers import Recovers
from rig.expectations.signal_becomes import SignalBecomes
from rig.expectations.signal_stays import SignalStays
from rig.expectations.stays import Stays
from rig.expectations.trips import Trips
from rig.plan.coverage import untested
from rig.steps.hold import Hold
from rig.steps.read import Read
from rig.steps.set import Set
from rig.time_reference import Mark
from tests.plan.test_families import cases_of, only, the_case


# ---- the supply -------------------------------------------------------------------------------
def test_after_each_dip_it_is_ready_in_time_and_then_closed_until_the_next(esp32: Profile) -> None:
    case = the_case("supply dip", esp32, "dips")
    ready = esp32.console.ready if esp32.console else ""
    within_s = esp32.start.ready_within_s

    for number in (1, 2, 3, 4):
        said = ConsoleSays(pattern=ready, since=Mark(mark=f"back {number}"), high_s=within_s)
        assert said in case.expectations
        for output in esp32.start.closes:
            begin, end = f"closed {number}", f"held {number}"
            stays = Stays(output=output, is_open=False, begin=begin, end=end)
            assert stays in case.expectations


def test_a_dip_is_low_for_its_own_time_after_the_supply_has_fallen(esp32: Profile) -> None:
    case = the_case("supply dip", esp32, "dips")
    assert esp32.resets is not None
    falls_s = esp32.resets.causes["brown-out"].opens_within_s
    assert falls_s is not None

    before_back = [
        step.duration_s - falls_s
        for step, after in zip(case.steps, case.steps[2:], strict=False)
        if isinstance(step, Hold) and (after.mark or "").startswith("back")
    ]

    assert [round(low_s, 6) for low_s in before_back] == [0.03, 0.1, 0.3, 1.0]


def test_on_a_slow_ramp_outputs_close_once_and_no_more(esp32: Profile) -> None:
    [case] = [c for c in cases_of("supply dip", esp32) if c.parameters["supply"] == "ramp"]

    cycles = [e for e in case.expectations if isinstance(e, Cycles)]

    assert [(c.output, c.count) for c in cycles] == [(o, 1) for o in esp32.start.closes]
    assert only(case, Cycles).end == case.steps[-1].mark


# ---- balancing --------------------------------------------------------------------------------
def test_over_the_wrap_balancing_begins_in_its_time_and_not_before(esp32: Profile) -> None:
    rules = esp32.balancing
    assert rules is not None

    case = the_case("timer wrap", esp32, "rest")

    becomes = only(case, SignalBecomes)
    assert (becomes.since, becomes.value) == (Mark(mark="removed"), 1.0)
    assert 0.0 < becomes.low_s < rules.at_rest_s < becomes.high_s
    stays = only(case, SignalStays)
    assert (stays.begin, stays.end, stays.value) == ("flowing", "removed", 0.0)


def test_bleeding_is_read_at_the_outputs_that_a_profile_names(esp32: Profile) -> None:
    assert esp32.balancing is not None
    rules = esp32.balancing.model_copy(update={"output": "balance {n}"})
    outputs = {f"balance {n}": esp32.outputs["charge path"] for n in (1, 2, 3, 4)}
    named = esp32.model_copy(update={"balancing": rules, "outputs": {**esp32.outputs, **outputs}})

    for family in ("timer wrap", "reset", "reports while bleeding"):
        read = {q for c in cases_of(family, named) for s in c.steps if isinstance(s, Read)
                for q in s.quantities}  # fmt: skip
        assert "balance 1" in read, family
        assert "bleed 1" not in read, family


# ---- the partner ------------------------------------------------------------------------------
def test_a_partner_lost_again_and_again_is_judged_each_time(esp32: Profile) -> None:
    case = the_case("rest bus", esp32, "CTO-HostAlive-again")

    for kind, mark in ((Trips, "lost"), (Recovers, "back")):
        marks = [e.since.mark for e in case.expectations
                 if isinstance(e, kind) and isinstance(e.since, Mark)]  # fmt: skip
        assert marks == [f"{mark} {n}" for n in (1, 2, 3)]
    kept = {(e.begin, e.end) for e in case.expectations if isinstance(e, Stays)}
    assert {("kept 1", "lost 2"), ("kept 2", "lost 3")} <= kept


# ---- what counts as looked at -----------------------------------------------------------------
def _left(profile: Profile, cases: list[Case], start: str) -> list[str]:
    return [claim for claim in untested(profile, cases) if claim.startswith(start)]


def test_a_partner_that_is_disturbed_shows_no_refusal(esp32: Profile) -> None:
    """With right frames between, nothing happens whether or not the wrong ones are taken."""
    cases = cases_of("rest bus", esp32)
    disturbed = [case for case in cases if case.parameters["partner"] == "disturbed"]
    assert esp32.can is not None

    refused = "message HostAlive: refuses"
    assert not _left(esp32, cases, refused)
    assert len(_left(esp32, disturbed, refused)) == len(esp32.can.receives["HostAlive"].refuses)


def test_refused_frames_that_nobody_asks_for_are_not_counted(esp32: Profile) -> None:
    case = the_case("rest bus", esp32, "CTO-HostAlive-counted")
    unasked = replace(case, expectations=case.expectations[:1])  # 0 before

    counted = "message HostAlive: refused ones are counted"
    assert not _left(esp32, [case], counted)
    assert _left(esp32, [unasked], counted)


def test_a_message_after_a_bus_fault_does_not_come_after_power_up(esp32: Profile) -> None:
    after = [f"message {name}: comes after power-up" for name in esp32.messages]

    assert set(after) <= set(untested(esp32, cases_of("bus fault", esp32)))
    assert not set(after) & set(untested(esp32, cases_of("power up", esp32)))


def _seen_of_settings(profile: Profile, case: Case, what: str) -> set[str]:
    assert profile.settings is not None
    left = set(untested(profile, [case]))
    return {name for name in profile.settings.each if f"setting {name}: {what}" not in left}


def test_a_setting_acts_where_the_case_is_about_it(esp32: Profile) -> None:
    """All are changed and saved in the one case, and one protection is provoked."""
    kept = the_case("settings kept", esp32, "panic-OCD1")
    unsaid = tuple(replace(e, claims=()) for e in kept.expectations)
    about = replace(kept, protection="discharge overcurrent 1", expectations=unsaid)
    one = the_case("settings", esp32, "ovp.trip")

    assert _seen_of_settings(esp32, kept, "acts") == set()
    assert _seen_of_settings(esp32, about, "acts") == {"ocd1.trip", "ocd1.delay"}
    assert _seen_of_settings(esp32, one, "acts") == {"ovp.trip"}


def test_the_factorys_values_after_a_start_show_no_setting_kept(esp32: Profile) -> None:
    assert esp32.settings is not None
    kept = the_case("settings kept", esp32, "panic-OCD1")
    others = [
        the_case("settings kept", esp32, "powercycle-no"),
        *cases_of("settings restored", esp32),
        *cases_of("storage loss", esp32),
    ]

    assert _seen_of_settings(esp32, kept, "is kept") == set(esp32.settings.each)
    for case in others:
        assert _seen_of_settings(esp32, case, "is kept") == set(), case.id


def test_a_limit_of_0_behind_an_open_path_is_no_look_at_a_curve(esp32: Profile) -> None:
    claimed = "BMS_Limits.CCL: at cell 4"

    assert claimed in _left(esp32, cases_of("flags", esp32), claimed)
    assert not _left(esp32, cases_of("limits", esp32), claimed)


# ---- thresholds that no ramp finds -------------------------------------------------------
@pytest.mark.parametrize("short", ["OVP2-cell1", "OCC2-current", "OCD2-current", "SCD-current"])
def test_a_second_stage_is_told_from_the_first_by_the_time_of_the_trip(
    esp32: Profile, short: str
) -> None:
    inside, beyond = (the_case("threshold", esp32, f"{short}-{s}") for s in ("inside", "beyond"))
    protection = esp32.protections[inside.protection or ""]
    assert protection.threshold is not None
    assert protection.delay is not None

    assert only(inside, Trips).low_s > protection.delay.high
    assert only(beyond, Trips).high_s == protection.delay.high
    for case, side in ((inside, -1.0), (beyond, 1.0)):
        [value] = [v for s in case.steps if isinstance(s, Set) for v in s.values.values()]
        past = side * (abs(value) - protection.threshold.value)
        assert protection.threshold.tolerance < past <= 5.0 * protection.threshold.tolerance


def test_a_warning_is_held_inside_and_beyond_both_its_levels(esp32: Profile) -> None:
    case = the_case("threshold", esp32, "VIM-cell4-both")

    spreads = [round(3.3 - s.values["cell 4"], 4) for s in case.steps if isinstance(s, Set)]
    assert spreads == [0.2775, 0.3225, 0.2225, 0.1775]
    stays = {(e.value, e.end) for e in case.expectations if isinstance(e, SignalStays)}
    becomes = [e.value for e in case.expectations if isinstance(e, SignalBecomes)]
    assert stays == {(0.0, "inside"), (1.0, "kept")}
    assert becomes == [1.0, 0.0]


def test_one_side_of_a_threshold_does_not_make_it_tested(esp32: Profile) -> None:
    inside, beyond = (
        the_case("threshold", esp32, f"OVP2-cell1-{side}") for side in ("inside", "beyond")
    )

    threshold = "cell overvoltage 2: threshold"
    assert threshold in untested(esp32, [inside])
    assert threshold in untested(esp32, [beyond])
    assert threshold not in untested(esp32, [inside, beyond])
