"""What follows from a data sheet's claims of charge: curves, currents, the words of a plan."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.can_address import SignalAddress
from rig.description import BrokenDescriptionError
from rig.dut.charge import CELL_SUM, REMAINING, SOC, signals_of
from rig.dut.energy import ChargeClaims, RestCorrection
from rig.dut.profile import Profile
from rig.expectations import Expectation
from rig.expectations.counts_charge import CountsCharge, counts
from rig.expectations.follows_cells import FollowsCells, follows
from rig.expectations.signal_ordered import SignalOrdered
from rig.expectations.signal_steady import SignalSteady
from rig.expectations.signal_within import SignalWithin
from rig.plan.expand import expand
from rig.plan.families import Options, families
from rig.plan.model import parse_plan
from rig.steps.hold import Hold
from rig.steps.set import Set

PLAN = """\
plan: p
for: esp32-4s
cases:
  - name: charge
    steps:
      - hold: 1 s
        as: begun
      - set: {current: -5 A}
      - read: [current, cells]
      - hold: 5 s
        as: done
    expect:
      - EXPECTED
"""


def written(esp32: Profile, expected: str) -> tuple[Expectation, ...]:
    return expand(parse_plan(PLAN.replace("EXPECTED", expected), "p.yaml"), esp32, 1)[
        0
    ].expectations


def on(wanted: FollowsCells, volts: float) -> float:
    axis, values = zip(*wanted.curve, strict=True)
    return float(np.interp(volts, axis, values))


@given(st.floats(2.7, 3.5))
def test_what_remains_is_the_charge_above_the_reserve(esp32: Profile, volts: float) -> None:
    soc = on(follows(esp32, SOC), volts)  # percent of 20 Ah, with 0.4 Ah kept back

    assert on(follows(esp32, REMAINING), volts) == pytest.approx(max(0.0, 0.2 * soc - 0.4))


@given(st.floats(0.0, 4.5))
def test_the_sum_is_the_mean_times_the_cells(esp32: Profile, volts: float) -> None:
    assert on(follows(esp32, CELL_SUM), volts) == pytest.approx(4.0 * volts)


def test_a_unit_of_each_signal_is_its_share_of_the_rated_capacity(esp32: Profile) -> None:
    assert counts(esp32, SOC, "a", "b").ah_per_unit == pytest.approx(0.2)  # 1 % of 20 Ah
    assert counts(esp32, REMAINING, "a", "b").ah_per_unit == 1.0


@pytest.mark.parametrize("family", ["charge counted", "full", "charge ends"])
def test_limits_on_a_signal_are_in_its_own_unit(esp32: Profile, family: str) -> None:
    """What is sent as 0 to 1 has a hundredth of each limit of what is sent in percent."""
    signal = signals_of(esp32)[SOC]
    percents, shares = (
        [limit for draft in families()[family](profile, Options())
         for e in draft.expectations for limit in _limits(e, signal)]
        for profile in (esp32, _with_soc_factor(esp32, 1.0))
    )  # fmt: skip

    assert percents
    assert shares == pytest.approx([0.01 * limit for limit in percents])


def _with_soc_factor(profile: Profile, factor: float) -> Profile:
    soc = profile.telemetry.soc
    assert soc is not None
    telemetry = profile.telemetry.model_copy(
        update={"soc": soc.model_copy(update={"factor": factor})}
    )
    return profile.model_copy(update={"telemetry": telemetry})


def _limits(wanted: Expectation, signal: str) -> list[float]:
    match wanted:
        case SignalSteady() | SignalOrdered() | SignalWithin() if wanted.signal == signal:
            names = ("most_step", "most_span", "slack", "low", "high")
            return [limit for name in names if (limit := getattr(wanted, name, None)) is not None]
    return []


def test_a_count_is_rounded_to_a_tenth_of_a_percent_whatever_the_unit(esp32: Profile) -> None:
    for factor in (0.01, 1.0):
        counted = counts(_with_soc_factor(esp32, factor), SOC, "a", "b")
        assert counted.resolution_ah == pytest.approx(0.02)  # of 20 Ah


def test_a_bms_that_promises_nothing_of_it_is_asked_nothing(pbmslsuite: Profile) -> None:
    names = ("from cells", "charge counted", "full", "charge ends", "health")

    assert [list(families()[name](pbmslsuite, Options())) for name in names] == [[]] * len(names)


def test_the_sweep_meets_every_point_and_both_ends(esp32: Profile) -> None:
    draft = next(iter(families()["from cells"](esp32, Options())))
    levels = [s.values["cell 1"] for s in draft.steps if isinstance(s, Set)]
    points = [volts for volts, _ in follows(esp32, SOC).curve]

    assert set(points) <= set(levels)
    assert levels[0] < points[0]
    assert levels[-1] > points[-1]
    assert levels == sorted(levels)


def test_a_current_that_trips_nothing_is_drawn(esp32: Profile) -> None:
    steps = [s for d in families()["charge counted"](esp32, Options()) for s in d.steps]
    settings = [step.values for step in steps if isinstance(step, Set)]
    amps = {values["current"] for values in settings if "current" in values}

    assert min(amps) > -30.0  # OCD1
    assert max(amps) < 22.0  # OCC1
    assert {-0.6, 0.6} < amps  # what may count as rest lies at 0.2 A


@pytest.mark.parametrize(("steeper", "corrected"), [("2 mV", True), ("1 V", False)])
def test_rest_corrects_nothing_where_no_part_of_the_curve_is_steep_enough(
    esp32: Profile,
    steeper: str,
    corrected: bool,  # noqa: FBT001
) -> None:
    rest = {"current below": "200 mA", "after": "20 s", "where steeper than": steeper}
    assert esp32.energy is not None
    charge = esp32.energy.state_of_charge.model_copy(
        update={"corrected_at_rest": RestCorrection.model_validate(rest)}
    )
    energy = esp32.energy.model_copy(update={"state_of_charge": charge})
    profile = esp32.model_copy(update={"energy": energy})

    titles = [draft.title for draft in families()["charge counted"](profile, Options())]

    assert any(title.startswith("rest corrects") for title in titles) is corrected


@pytest.mark.parametrize(("name", "is_long"), [("esp32", True), ("sixteen", False)])
def test_what_is_drawn_and_given_back_rests_long_only_where_rest_corrects_nothing(
    request: pytest.FixtureRequest,
    name: str,
    is_long: bool,  # noqa: FBT001
) -> None:
    """At nominal LFP's curve is flat and rest must leave the count alone; NMC's is steep there."""
    profile: Profile = request.getfixturevalue(name)
    assert profile.energy is not None
    rest = profile.energy.state_of_charge.corrected_at_rest
    assert rest is not None

    fast = next(iter(families()["charge counted"](profile, Options())))

    (rested,) = [s for s in fast.steps if isinstance(s, Hold) and s.mark == "rested"]
    assert (rested.duration_s > rest.after_s) is is_long


def test_a_plan_has_words_for_it(esp32: Profile) -> None:
    counting = written(esp32, "energy: {counts: [soc, remaining capacity], from: begun, to: done}")
    following = written(esp32, "energy: {follows cells: [cell sum]}")
    moving = written(esp32, "BMS_Pack.SoC: {only falls but for: 0.1, from: begun}")
    steady = written(esp32, "BMS_Pack.SoC: {steps at most: 0.5, to: done}")

    assert counting == tuple(counts(esp32, name, "begun", "done") for name in (SOC, REMAINING))
    assert following == (follows(esp32, CELL_SUM),)
    assert moving == (
        SignalOrdered(signal=SignalAddress("BMS_Pack.SoC"), rising=False, slack=0.1, begin="begun"),
    )
    assert steady == (
        SignalSteady(signal=SignalAddress("BMS_Pack.SoC"), most_step=0.5, end="done"),
    )

    both = written(esp32, "BMS_Pack.SoC: {steps at most: 0.5, moves at most: 2, to: done}")
    assert both == (replace(steady[0], most_span=2.0),)
    assert isinstance(counting[0], CountsCharge)


@pytest.mark.parametrize(
    ("expected", "what"),
    [
        ("energy: {counts: [cell voltage], from: begun, to: done}", "charge or health"),
        ("energy: {counts: [soc], from: begun}", "charge is counted between two marks"),
        ("energy: {counts: [soc], from: began, to: done}", 'no step with the mark "began"'),
        ("energy: {agrees: [soc]}", '"agrees" says nothing about energy'),
    ],
)
def test_what_a_plan_gets_wrong_is_named(esp32: Profile, expected: str, what: str) -> None:
    with pytest.raises(BrokenDescriptionError, match=what):
        written(esp32, expected)


def test_a_table_that_does_not_rise_is_refused() -> None:
    points = [{"at": "3.2 V", "is": "10 %"}, {"at": "3.3 V", "is": "10 %"}]
    claim = {
        "open circuit": points,
        "accuracy": "1 %",
        "counts": {"accuracy": "0.1 A", "relative": "1 %", "largest step": "1 %"},
    }

    with pytest.raises(ValueError, match="must rise with the charge"):
        ChargeClaims.model_validate(claim)
