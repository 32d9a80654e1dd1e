"""What a profile claims, what a plan leaves out on purpose, and how `rig check` reads that."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from rig.case import Case
from rig.check import check
from rig.description import BrokenDescriptionError
from rig.dut.claims import known, path_of
from rig.dut.profile import Profile
from rig.plan.coverage import claimed, left_out, untested
from rig.plan.expand import expand
from rig.plan.model import load_plan, parse_plan

ROOT = Path(__file__).parents[2]
PLANS = sorted(p for p in (ROOT / "testplans").glob("*.yaml") if p.stem != "smoke")
PLAN = (
    "plan: some\nfor: esp32-4s\n{}\n"
    "cases:\n  - {{family: threshold, protections: [cell overvoltage]}}\n"
)


def _checked(tmp_path: Path, leaves_out: str) -> str:
    file = tmp_path / "some.yaml"
    file.write_text(PLAN.format(leaves_out), encoding="utf-8")
    return check([file]).text()


def test_what_no_case_looks_at_is_among_what_is_promised(esp32: Profile) -> None:
    assert untested(esp32, []) == claimed(esp32)


@pytest.mark.parametrize(
    "written",
    [
        'leaves out: ["short circuit: delay": the load is too slow]',
        'leaves out: {"short circuit: delay": the load is too slow}',
        'leaves out:\n  "short circuit: delay": the load is too slow',
    ],
)
def test_a_plan_leaves_a_promise_out_with_its_reason(written: str, esp32: Profile) -> None:
    plan = parse_plan(PLAN.format(written), "some.yaml")

    assert left_out(plan.leaves_out, esp32) == {"short circuit: delay": "the load is too slow"}


def test_a_star_leaves_out_all_that_it_matches(esp32: Profile) -> None:
    plan = parse_plan(PLAN.format('leaves out: {"*: console*": at the nightly}'), "some.yaml")

    found = left_out(plan.leaves_out, esp32)

    assert {"cell overvoltage: console", "short circuit: console clears"} <= set(found)
    assert all(": console" in claim for claim in found)


def test_an_unknown_promise_is_a_mistake_with_a_suggestion(tmp_path: Path) -> None:
    reported = _checked(tmp_path, 'leaves out: {"short circut: delay": the load is too slow}')

    assert "some.yaml:3" in reported
    assert 'esp32-4s claims no "short circut: delay"' in reported
    assert "short circuit: delay" in reported


def test_a_promise_left_out_without_a_reason_is_a_mistake(tmp_path: Path) -> None:
    assert "reason" in _checked(tmp_path, 'leaves out: {"short circuit: delay": }')
    assert "reason" in _checked(tmp_path, 'leaves out: ["short circuit: delay"]')


def test_a_promise_that_is_left_out_and_looked_at_is_a_mistake(tmp_path: Path) -> None:
    reported = _checked(tmp_path, 'leaves out: {"cell overvoltage: threshold": no time}')

    assert "cell overvoltage: threshold" in reported
    assert "looks at it" in reported


def test_the_smoke_plan_is_no_yes(esp32: Profile) -> None:
    plan = load_plan(ROOT / "testplans" / "smoke.yaml")

    assert untested(esp32, expand(plan, esp32, 1))
    assert plan.leaves_out == {}


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.stem)
def test_a_shipped_plan_looks_at_every_promise_or_says_what_it_leaves_out(
    path: Path, request: pytest.FixtureRequest
) -> None:
    plan = load_plan(path)
    fixtures = {"esp32-4s": "esp32", "esp32-16s": "sixteen", "pbmslsuite-o": "pbmslsuite"}
    profile: Profile = request.getfixturevalue(fixtures[plan.dut or ""])

    open_ = set(untested(profile, expand(plan, profile, 1)))

    assert open_ - set(left_out(plan.leaves_out, profile)) == set()


# ---- claims -------------------------------------------------------------------------------------
def _all_ids(case: Case) -> set[str]:
    return {*case.claims, *(claim for e in case.expectations for claim in e.claims)}


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.stem)
def test_what_the_cases_of_a_shipped_plan_name_is_claimed(
    path: Path, request: pytest.FixtureRequest
) -> None:
    plan = load_plan(path)
    fixtures = {"esp32-4s": "esp32", "esp32-16s": "sixteen", "pbmslsuite-o": "pbmslsuite"}
    profile: Profile = request.getfixturevalue(fixtures[plan.dut or ""])
    cases = expand(plan, profile, 1)

    assert all(known(profile, case.claims) == case.claims for case in cases)
    named = {claim for case in cases for claim in _all_ids(case)}
    assert set(known(profile, named)) == named
    borne = {r for case in cases for of in case.requirements.values() for r in of}
    assert borne
    assert all(
        path in {path_of(claim) for claim in named} for c in cases for path in c.requirements
    )


def test_each_expectation_of_a_trip_names_its_own_claim_and_place(esp32: Profile) -> None:
    case = _the_case("trip", "cell overvoltage", esp32)
    opens, *rest = case.expectations

    of = "protections/cell overvoltage"
    assert opens.claims == (
        f"{of}/acts@cell 1",
        f"{of}/opens/charge path@cell 1",
        f"{of}/delay@cell 1",
    )
    assert all(f"{of}/delay@cell 1" not in other.claims for other in rest)


def test_a_case_written_out_names_claims_beside_those_that_its_kinds_tell(
    esp32: Profile,
) -> None:
    case = _written(esp32, "timers/wrap")

    assert case.claims == ("timers/wrap",)
    assert "timers: their wrap" not in untested(esp32, [case])
    assert "timers: their wrap" in untested(esp32, [_written(esp32, "")])


def test_a_claim_that_nobody_makes_is_a_mistake_of_the_plan(esp32: Profile) -> None:
    with pytest.raises(BrokenDescriptionError, match="timers/warp"):
        _written(esp32, "timers/warp")


def test_a_renamed_claim_is_answered_by_what_named_it_before(esp32: Profile) -> None:
    renamed = esp32.model_copy(update={"was": {"clocks": "timers"}})
    case = replace(_the_case("trip", "cell overvoltage", esp32), claims=("clocks/wrap",))

    assert "timers: their wrap" not in untested(renamed, [case])
    assert "timers: their wrap" in untested(esp32, [case])
    assert left_out({"clocks/wrap": "why"}, renamed) == {"timers: their wrap": "why"}


def _the_case(family: str, protection: str, profile: Profile) -> Case:
    cases = f"  - {{family: {family}, protections: [{protection}]}}\n"
    text = f"plan: some\nfor: esp32-4s\ncases:\n{cases}"
    return expand(parse_plan(text, "some.yaml"), profile, 1)[0]


def _written(profile: Profile, claims: str) -> Case:
    text = (
        "plan: some\nfor: esp32-4s\ncases:\n"
        f"  - {{name: one, claims: [{claims}], steps: [{{hold: 1 s}}],"
        " expect: [{charge path: stays closed}]}\n"
    )
    return expand(parse_plan(text, "some.yaml"), profile, 1)[0]
