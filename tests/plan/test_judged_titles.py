"""What the title of a case promises is judged by one of its expectations."""

from __future__ import annotations

from rig.dut.profile import Profile
from rig.plan.case import (
    ConsoleSays,
    Cycles,
    Hold,
    Mark,
    Stays,
)
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
