"""What the case families expand to, held against the profiles and the reference's rules."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from cantools.database import load_file
from cantools.database.can import Database

import rig.plan.families as package
from rig.can_address import SignalAddress
from rig.case import Case
from rig.dut.profile import Profile
from rig.errors import DescriptionError
from rig.expectations import Expectation
from rig.expectations.balances import Balances
from rig.expectations.console_says import ConsoleSays
from rig.expectations.message_comes import MessageComes
from rig.expectations.recovers import Recovers
from rig.expectations.signal_becomes import SignalBecomes
from rig.expectations.signal_stays import SignalStays
from rig.expectations.signal_within import SignalWithin
from rig.expectations.stays import Stays
from rig.expectations.telemetry_agrees import TelemetryAgrees
from rig.expectations.trips import Trips
from rig.plan.coverage import untested
from rig.plan.expand import expand, expand_family
from rig.plan.families import Options, draft, families
from rig.plan.families.contexts import CONTEXTS
from rig.plan.model import load_plan
from rig.plan.stimulus import paths
from rig.quantity import Toleranced
from rig.steps.hold import Hold
from rig.steps.power import Power
from rig.steps.ramp import Ramp
from rig.steps.read import Read
from rig.steps.send import Send
from rig.steps.sequence import PlaySequence
from rig.steps.set import Set
from rig.steps.start_periodic import StartPeriodic
from rig.steps.type_line import Type
from rig.time_reference import Crossing, Mark, TimeReference

# They take one cell or sensor each, so with fewer to choose from they take another.
CHOOSE_ONE = {"in turn", "with current", "bounce", "chatter", "fault while starting", "flags"}
CHOOSE_ONE |= {"events"}
PLANS = Path(__file__).parents[2] / "testplans"
ORIGIN = Case(
    id="",
    title="",
    plan="tests",
    family="",
    protection=None,
    parameters={},
    steps=(),
    expectations=(),
    outputs={},
    capture=None,
    seed=0,
    severity="",
)


def cases_of(family: str, profile: Profile, options: Options | None = None) -> list[Case]:
    return list(expand_family(family, options or Options(), profile, ORIGIN, seed=1))


def the_case(family: str, profile: Profile, case_id: str) -> Case:
    name = f"{family.replace(' ', '_')}[{case_id}]"
    return next(case for case in cases_of(family, profile) if case.id == name)


def slowed(profile: Profile, period_s: float) -> Profile:
    """The profile of a BMS whose messages all come at this period."""
    messages = {
        name: claim.model_copy(
            update={"period": Toleranced(period_s, 0.05 * period_s, claim.period.unit)}
        )
        for name, claim in profile.messages.items()
    }
    return profile.model_copy(update={"messages": messages})


def span_s(case: Case, begin: str | None, end: str | None) -> float:
    """How long a span of a case is at the least: what it waits between two marks."""
    marks = [getattr(step, "mark", None) for step in case.steps]
    first = marks.index(begin) + 1 if begin else 0
    last = marks.index(end) + 1 if end else len(marks)
    return sum(s.duration_s for s in case.steps[first:last] if isinstance(s, Hold))


@pytest.mark.parametrize("family", ["limits", "flags", "balancing", "link lost", "link bounce"])
def test_a_look_is_long_enough_for_a_slow_message(family: str, esp32: Profile) -> None:
    cases = cases_of(family, slowed(esp32, 1.0))
    looks = {
        (e.signal, e.begin, e.end, span_s(case, e.begin, e.end))
        for case in cases
        for e in case.expectations
        if isinstance(e, SignalStays | SignalWithin) and e.end is not None
    }

    assert looks
    assert [look for look in looks if look[-1] < 1.1] == []


def only(case: Case, kind: type[Any]) -> Any:
    """The first of the case's expectations of this kind."""
    return next(e for e in case.expectations if isinstance(e, kind))


@pytest.fixture(params=["esp32-4s", "pbmslsuite-o"])
def profile(request: pytest.FixtureRequest, esp32: Profile, pbmslsuite: Profile) -> Profile:
    """Each profile in turn."""
    return esp32 if request.param == "esp32-4s" else pbmslsuite


@pytest.fixture(scope="module")
def expanded() -> dict[str, list[Case]]:
    """What was expanded so far, by profile: it takes a while."""
    return {}


@pytest.fixture
def cases(profile: Profile, expanded: dict[str, list[Case]]) -> list[Case]:
    """Everything that all families make of a profile."""
    if profile.name not in expanded:
        expanded[profile.name] = [c for family in families() for c in cases_of(family, profile)]
    return expanded[profile.name]


def _time_references(expectation: Expectation) -> Iterator[TimeReference]:
    since = getattr(expectation, "since", None)
    if since is not None:
        yield since


def _named_marks(expectation: Expectation) -> Iterator[str]:
    for instant in _time_references(expectation):
        if isinstance(instant, Mark):
            yield instant.mark
        elif instant.after is not None:
            yield instant.after
    for key in ("begin", "end", "at"):
        mark = getattr(expectation, key, None)
        if mark is not None:
            yield mark


# ---- claims -----------------------------------------------------------------------------------
def test_the_nightly_plan_leaves_no_promise_of_the_reference_bms_untested(esp32: Profile) -> None:
    cases = expand(load_plan(PLANS / "nightly.yaml"), esp32, seed=1)

    assert len(cases) >= 250
    assert untested(esp32, cases) == []


def test_the_families_leave_no_documented_promise_untested(pbmslsuite: Profile) -> None:
    cases = [case for family in families() for case in cases_of(family, pbmslsuite)]

    assert untested(pbmslsuite, cases) == []


# ---- every case ---------------------------------------------------------------------------------
def test_ids_and_seeds_are_unique(cases: list[Case]) -> None:
    assert len({case.id for case in cases}) == len(cases)
    assert len({case.seed for case in cases}) == len(cases)


def test_expanding_twice_gives_the_same(profile: Profile, cases: list[Case]) -> None:
    assert [case for family in families() for case in cases_of(family, profile)] == cases


def test_a_case_is_the_same_whatever_else_is_selected(profile: Profile, cases: list[Case]) -> None:
    by_id = {case.id: case for case in cases}
    name = next(iter(profile.protections))

    for family in set(families()) - {"message timing", "pairs"} - CHOOSE_ONE:
        for case in cases_of(family, profile, Options(protections=(name,), targets=("cell 2",))):
            assert case == by_id[case.id]


def test_nothing_is_commanded_beyond_the_limits_of_the_bms(
    profile: Profile, cases: list[Case]
) -> None:
    for case in cases:
        for step in case.steps:
            if isinstance(step, Set):
                commanded = [*step.values.items()]
            elif isinstance(step, Ramp):
                commanded = [(step.quantity, step.start), (step.quantity, step.stop)]
            else:
                continue
            for quantity, value in commanded:
                assert value in profile.allowed(quantity), (case.id, quantity, value)
                assert quantity in profile.settable


def test_every_mark_that_an_expectation_names_is_set_by_one_step(cases: list[Case]) -> None:
    for case in cases:
        marks = [step.mark for step in case.steps if step.mark]
        for expectation in case.expectations:
            for mark in _named_marks(expectation):
                assert mark in marks, (case.id, expectation)
            begin, end = getattr(expectation, "begin", None), getattr(expectation, "end", None)
            if begin and end:
                assert marks.index(begin) < marks.index(end), (case.id, expectation)


def test_marks_are_unambiguous_where_they_are_named(cases: list[Case]) -> None:
    for case in cases:
        marks = [step.mark for step in case.steps if step.mark]
        named = {m for e in case.expectations for m in _named_marks(e)}
        assert not [m for m in named if marks.count(m) > 1], case.id


def test_every_case_expects_something_and_says_what_for(
    profile: Profile, cases: list[Case]
) -> None:
    unpromised = "" if profile.start.traces_to else "power_up"  # no document speaks of the start
    for case in cases:
        assert case.expectations, case.id
        assert case.traces_to or case.id == unpromised, case.id
        assert case.title
        assert case.severity in {"blocker", "critical", "normal", "minor", "trivial"}


def test_outputs_and_quantities_of_expectations_exist(profile: Profile, cases: list[Case]) -> None:
    for case in cases:
        for expectation in case.expectations:
            output = getattr(expectation, "output", None)
            assert output is None or output in case.outputs, case.id
            for instant in _time_references(expectation):
                if isinstance(instant, Crossing):
                    assert instant.quantity in {*profile.settable, *profile.outputs}, case.id


def test_every_signal_is_in_the_dbc(esp32: Profile) -> None:
    dbc = load_file(str(esp32.dbc_path))
    assert isinstance(dbc, Database)
    signals = {f"{m.name}.{s.name}" for m in dbc.messages for s in m.signals}

    for family in families():
        for case in cases_of(family, esp32):
            for e in case.expectations:
                if isinstance(e, SignalBecomes | SignalStays) or (
                    isinstance(e, TelemetryAgrees) and e.signal
                ):
                    for named, _ in e.signals_named():
                        assert named in signals, case.id
            for step in case.steps:
                if isinstance(step, Send):
                    assert step.message in {m.name for m in dbc.messages}


def test_the_stimulus_lasts_longer_than_whatever_is_due(cases: list[Case]) -> None:
    """A trip, a flag or a line that is late must be seen late, not missed."""
    for case in cases:
        held_s = sum(
            s.duration_s if isinstance(s, Hold) else s.count * s.period_s
            for s in case.steps
            if isinstance(s, Hold | Send)
        )
        due_s = [
            e.high_s
            for e in case.expectations
            if isinstance(e, Trips | Recovers | SignalBecomes | ConsoleSays)
        ]
        assert not due_s or held_s > max(due_s), case.id


# ---- one family at a time -----------------------------------------------------------------------
def test_a_trip_is_measured_from_the_crossing_at_the_terminal(esp32: Profile) -> None:
    case = the_case("trip", esp32, "OVP-cell3")

    crossing = Crossing(quantity="cell 3", level=3.65, rising=True)
    assert Trips(output="charge path", since=crossing, low_s=0.9, high_s=1.1) in case.expectations
    assert Stays(output="discharge path", is_open=False) in case.expectations
    flag = only(case, SignalBecomes)
    assert (flag.signal, flag.low_s) == ("BMS_Status.OV", 0.9)
    assert flag.high_s == pytest.approx(1.25)


def test_a_discharge_current_falls_to_trip(esp32: Profile) -> None:
    case = the_case("trip", esp32, "SCD-current")

    trips = only(case, Trips)
    assert trips.since == Crossing(quantity="current", level=-80.0, rising=False)
    assert (trips.low_s, trips.high_s) == (200e-6, 500e-6)
    flag = only(case, SignalBecomes)
    assert flag.low_s == 0.0  # no frame is stamped to 200 us


def test_a_spread_is_made_downwards(esp32: Profile) -> None:
    case = the_case("trip", esp32, "VIM-cell2")

    flag = only(case, SignalBecomes)
    assert flag.since == Crossing(quantity="cell 2", level=3.0, rising=False)
    assert {e.output for e in case.expectations if isinstance(e, Stays)} == {
        "charge path",
        "discharge path",
    }


def _hold_s(case: Case) -> float:
    return max(step.duration_s for step in case.steps if isinstance(step, Hold))


def test_a_hold_lasts_ten_delays_and_a_minute_but_under_a_slower_stage(profile: Profile) -> None:
    short = set()
    for case in cases_of("hold", profile):
        protection = profile.protections[case.protection or ""]
        if _hold_s(case) < 60.0:
            short.add(protection.short)
        else:
            assert _hold_s(case) >= 10.0 * (protection.delay.high if protection.delay else 0.0)

    assert short == ({"OVP2", "OCC2", "OCD2", "SCD"} if profile.name == "esp32-4s" else set())


@pytest.mark.parametrize(
    ("case_id", "slower_low_s", "own_high_s"),
    [("OCC2-current", 0.9, 0.2), ("OCD2-current", 1.15, 0.2)],
)
def test_a_hold_under_a_slower_stage_ends_before_that_acts(
    esp32: Profile, case_id: str, slower_low_s: float, own_high_s: float
) -> None:
    case = the_case("hold", esp32, case_id)

    assert 2.0 * own_high_s <= _hold_s(case) <= 0.5 * slower_low_s + 1e-9
    closed = {e.output for e in case.expectations if isinstance(e, Stays)}
    assert closed == {"charge path", "discharge path"}
    assert any(isinstance(e, SignalStays) for e in case.expectations)


def test_a_hold_that_cannot_be_that_short_expects_what_is_sure_alone(esp32: Profile) -> None:
    case = the_case("hold", esp32, "SCD-current")

    assert {e.output for e in case.expectations if isinstance(e, Stays)} == {"charge path"}
    assert [e.signal.name for e in case.expectations if isinstance(e, SignalStays)] == ["SCD"]


def test_a_pulse_is_shorter_than_the_delay_even_with_a_slow_command(profile: Profile) -> None:
    for case in cases_of("pulse", profile):
        delay = profile.protections[case.protection or ""].delay
        assert delay is not None
        beyond_s = case.steps[2]
        assert isinstance(beyond_s, Hold)
        assert beyond_s.duration_s + 0.35 <= delay.low


def test_a_dip_tells_a_delay_that_starts_again_from_one_that_goes_on(profile: Profile) -> None:
    for case in cases_of("dip", profile):
        pending, dip = (s.duration_s for s in case.steps[2:5] if isinstance(s, Hold))
        trips = only(case, Trips)
        assert isinstance(trips.since, Crossing)
        assert trips.since.after == "dip"
        # One that went on, or only paused during the dip, would act before the earliest allowed.
        assert trips.high_s - pending < trips.low_s
        assert dip > 0.0


def test_a_plan_may_ask_for_a_shorter_dip(esp32: Profile) -> None:
    case = cases_of("dip", esp32, Options(settings={"dip": "50 ms"}))[0]

    assert 0.05 in [s.duration_s for s in case.steps if isinstance(s, Hold)]


def test_thresholds_are_searched_from_the_safe_side_in_fifths_of_the_tolerance(
    profile: Profile,
) -> None:
    for case in cases_of("threshold", profile):
        if "bracket" in case.parameters:
            continue
        protection = profile.protections[case.protection or ""]
        stairs = next(s for s in case.steps if isinstance(s, Ramp))
        assert protection.threshold is not None
        up = 1.0 if protection.rising else -1.0
        assert up * (protection.level - stairs.start) > protection.threshold.tolerance
        assert up * (stairs.stop - protection.level) > protection.threshold.tolerance
        assert abs(stairs.step) <= protection.threshold.tolerance / 4.0
        assert stairs.dwell_s > (protection.delay.high if protection.delay else 0.0)


def test_a_recovery_counts_from_the_recovery_level(esp32: Profile) -> None:
    recovers = [
        only(the_case("recovery", esp32, case_id), Recovers)
        for case_id in ("OVP-cell1", "UTC-temperature2", "OCD1-current", "OW-cell4")
    ]

    assert [e.since for e in recovers] == [
        Crossing(quantity="cell 1", level=3.5, rising=False, after="tripped"),
        Crossing(quantity="temperature 2", level=5.0, rising=True, after="tripped"),
        # The trip itself ends the current: half way down it is surely on its way to nothing.
        Crossing(quantity="current", level=-15.0, rising=True, after="applied"),
        Mark(mark="removed"),
    ]
    assert [(e.low_s, e.high_s) for e in recovers] == [
        (1.8, 2.2),
        (1.8, 2.2),
        (4.5, 5.5),
        (1.8, 2.2),
    ]


def test_a_cut_off_current_is_removed_before_the_path_may_close(esp32: Profile) -> None:
    for case in cases_of("recovery", esp32):
        if esp32.protections[case.protection or ""].unit == "A":
            tripped = next(s for s in case.steps if isinstance(s, Hold) and s.mark == "tripped")
            recovers = only(case, Recovers)
            assert tripped.duration_s + 0.35 < recovers.low_s


def test_a_returning_message_must_come_three_times_and_then_stays(esp32: Profile) -> None:
    case = the_case("recovery", esp32, "CTO-HostAlive")

    armed, back, kept_up = (s for s in case.steps if isinstance(s, Send))
    assert (armed.mark, back.mark, back.count) == ("applied", "removed", 2)
    assert (
        Stays(output="charge path", is_open=True, begin="tripped", end="removed")
        in case.expectations
    )
    recovers = only(case, Recovers)
    assert kept_up.count * kept_up.period_s > recovers.high_s
    last = case.steps[-1]
    assert isinstance(last, Hold)
    assert last.duration_s < 0.9  # the next time-out is not due before the case ends


def test_a_recovery_expects_the_trip_too(cases: list[Case], profile: Profile) -> None:
    """Else a BMS that never trips gives no evidence instead of a failure."""
    for case in cases:
        if case.family in ("recovery", "hysteresis", "latch") and case.protection:
            opens = set(profile.protections[case.protection].opens)
            assert opens == {e.output for e in case.expectations if isinstance(e, Trips)}


def test_a_latch_is_cleared_by_each_named_means(esp32: Profile) -> None:
    ids = [case.id for case in cases_of("latch", esp32)]

    assert ids == ["latch[SCD-current-clearfaults]", "latch[SCD-current-powercycle]"]


def test_what_a_latch_is_watched_for_ends_before_the_command_that_clears_it(esp32: Profile) -> None:
    """Or the path that closes at once may count as one that did not stay open."""
    for case in cases_of("latch", esp32):
        (waited,) = (n for n, step in enumerate(case.steps) if step.mark == "waited")
        after = case.steps[waited + 1]

        assert isinstance(after, Hold)
        assert after.duration_s >= 0.02  # a record's start was known to 10 ms at worst


@pytest.mark.parametrize(
    ("case_id", "said"),
    [
        ("OCD1-current-OVP-cell1", {"OV", "OCD"}),
        ("OCC1-current-OTC-temperature1", {"OCC", "OTC"}),
        ("OVP-cell4-UVP-cell1", {"OV", "UV"}),
    ],
)
def test_both_of_a_pair_are_said(esp32: Profile, case_id: str, said: set[str]) -> None:
    case = the_case("pairs", esp32, case_id)

    assert {e.signal.name for e in case.expectations if isinstance(e, SignalBecomes)} == said


def test_a_pair_opens_what_the_first_opens_and_nothing_that_neither_does(esp32: Profile) -> None:
    for case in cases_of("pairs", esp32):
        first = esp32.protections[case.protection or ""]
        second = next(p for p in esp32.protections.values() if p.short == case.parameters["with"])
        trips = {e.output for e in case.expectations if isinstance(e, Trips)}
        assert {*first.opens} <= trips <= {*first.opens, *second.opens}


def test_a_start_is_open_before_and_closed_in_time(profile: Profile) -> None:
    case, *_ = cases_of("power up", profile)

    closed = profile.start.ready_within_s + profile.start.closed_within_s
    for output in profile.start.closes:
        assert Stays(output=output, is_open=True, begin="before", end="on") in case.expectations
        assert (
            Recovers(output=output, since=Mark(mark="on"), low_s=0.0, high_s=closed)
            in case.expectations
        )


def test_a_start_with_two_stages_beyond_closes_neither_path(esp32: Profile) -> None:
    case = the_case("start with fault", esp32, "OTD-temperature1")

    stays = {e.output for e in case.expectations if isinstance(e, Stays) and e.is_open}
    assert stays == {"charge path", "discharge path"}
    assert not [
        e for e in case.expectations if isinstance(e, Recovers) and e.since == Mark(mark="on")
    ]


def test_a_report_has_time_to_come_while_the_value_holds_still(profile: Profile) -> None:
    for case in cases_of("telemetry", profile):
        for e in case.expectations:
            assert isinstance(e, TelemetryAgrees)
            if e.signal is None and any(isinstance(s, Type) for s in case.steps):
                continue  # printed when asked
            sent = [profile.messages[SignalAddress(s).message] for s, _ in e.signals_named()]
            every_s = profile.console.every_s if profile.console else None
            period_s = max((m.period.value for m in sent), default=every_s)
            holds = [
                s.duration_s
                for s, then in pairwise(case.steps)
                if isinstance(s, Hold) and isinstance(then, Read)
            ]
            assert period_s is not None
            assert min(holds) >= e.settle_s + 1.2 * period_s, case.id


def test_balancing_stays_short_of_every_protection_but_where_a_fault_is_wanted(
    profile: Profile,
) -> None:
    for case in cases_of("balancing", profile):
        settings = [s.values for s in case.steps if isinstance(s, Set)]
        values = [v for setting in settings for q, v in setting.items() if "cell" in q]
        for protection in profile.protections.values():
            if protection.watches == "cell voltage" and protection.threshold is not None:
                up = 1.0 if protection.rising else -1.0
                margin = min(up * (protection.level - v) for v in values)
                assert margin > protection.threshold.tolerance, case.id


def test_balancing_outputs_can_be_judged_from_the_case(pbmslsuite: Profile) -> None:
    case = cases_of("balancing", pbmslsuite)[0]

    assert set(case.outputs) == {f"balance {n}" for n in range(1, 5)}
    assert [e.cells for e in case.expectations if isinstance(e, Balances)] == [(1,)]


def test_patterns_of_a_trip_do_not_match_its_clearing_only(esp32: Profile) -> None:
    for protection in esp32.protections.values():
        if protection.console and protection.console_clears:
            assert not re.search(protection.console_clears, "W (1) prot: OVP cell 3 3.662 V")


def test_every_path_is_named_by_its_profile(profile: Profile) -> None:
    assert paths(profile) == [o for o in profile.outputs if o in set(paths(profile))]


OWN = """
from rig.plan.families import Draft, family
from rig.steps.hold import Hold

@family("just wait")
def just_wait(profile, options):
    yield Draft(title="nothing", steps=[Hold(duration_s=1.0)], expectations=())
"""


def test_a_file_in_the_folder_of_the_families_is_a_family(
    esp32: Profile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = families()
    (tmp_path / "waiting.py").write_text(OWN)
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])
    monkeypatch.setattr(draft, "_named", dict(draft._named))
    families.cache_clear()

    found = families()

    families.cache_clear()
    sys.modules.pop("rig.plan.families.waiting")
    assert set(found) - set(before) == {"just wait"}
    assert [made.title for made in found["just wait"](esp32, Options())] == ["nothing"]


def test_two_families_of_one_name_are_a_mistake() -> None:
    with pytest.raises(DescriptionError, match='there is a family "trip" already'):
        draft.family("trip")(lambda profile, options: iter(()))  # noqa: ARG005


# ---- contexts ---------------------------------------------------------------------------------
def tripped_while(profile: Profile, *names: str) -> list[Case]:
    return cases_of("trip", profile, Options(settings={"while": list(names)}))


@pytest.mark.parametrize("name", CONTEXTS)
def test_a_trip_in_a_context_is_the_trip_after_what_brings_that_about(
    name: str, esp32: Profile
) -> None:
    apart = {case.id: case for case in cases_of("trip", esp32)}

    for case in tripped_while(esp32, name):
        alone = apart[case.id.replace(f"-{name.replace(' ', '')}", "")]
        begun = len(case.steps) - len(alone.steps)
        assert begun > 0
        assert case.steps[begun:] == alone.steps
        assert case.expectations[-len(alone.expectations) :] == alone.expectations


def test_contexts_do_not_combine_where_one_undoes_the_other(esp32: Profile) -> None:
    assert not tripped_while(esp32, "charging", "discharging")
    assert not tripped_while(esp32, "bleeding", "charging")  # cells bleed at rest


def test_contexts_that_leave_each_other_alone_combine(esp32: Profile) -> None:
    case = next(c for c in tripped_while(esp32, "discharging", "off nominal") if "OVP" in c.id)
    before = {q: v for step in case.steps if isinstance(step, Set) for q, v in step.values.items()}

    assert case.title.endswith("while discharging and off nominal")
    assert before["current"] < 0.0
    assert all(before[name] > esp32.nominal_of(name) for name in esp32.temperature_names)


def test_a_context_that_there_is_not_is_named_with_those_that_there_are(esp32: Profile) -> None:
    with pytest.raises(DescriptionError, match='no context "raining", but charging, discharging'):
        tripped_while(esp32, "raining")


# ---- values that do not stand still, causes that overlap --------------------------------------
def test_a_bounce_is_never_bad_for_as_long_as_the_delay(esp32: Profile) -> None:
    for case in cases_of("bounce", esp32):
        assert case.protection is not None
        low_s = esp32.protections[case.protection].delay
        play = next(step for step in case.steps if isinstance(step, PlaySequence))
        bad = sum(value == play.values[0] for value in play.values)
        assert low_s is not None
        assert 0.4 * low_s.low < bad * play.interval_s < 0.9 * low_s.low


def test_a_bounce_of_what_counts_in_a_row_is_bad_for_most_of_the_time(esp32: Profile) -> None:
    case = the_case("bounce", esp32, "OVP-cell4")
    play = next(step for step in case.steps if isinstance(step, PlaySequence))

    assert play.values.count(3.3) / len(play.values) < 0.4


def test_a_bounce_of_a_leaky_counter_is_bad_for_less_than_half_of_the_time(esp32: Profile) -> None:
    leaky = esp32.protections["cell overvoltage"].model_copy(update={"counter": "leaky"})
    changed = esp32.model_copy(update={"protections": {"cell overvoltage": leaky}})
    (case,) = cases_of("bounce", changed)
    play = next(step for step in case.steps if isinstance(step, PlaySequence))

    assert play.values.count(3.3) / len(play.values) > 0.5


def test_in_turn_visits_every_cell_by_little_and_by_much(esp32: Profile) -> None:
    case = the_case("in turn", esp32, "OVP-cell1")
    applied = [s for s in case.steps if isinstance(s, Set) and (s.mark or "").startswith("applied")]

    assert [set(s.values) for s in applied] == [{f"cell {n}"} for n in (1, 2, 3, 4)]
    values = [next(iter(s.values.values())) for s in applied]
    assert min(values) == pytest.approx(3.665)
    assert max(values) == pytest.approx(3.87)  # short of the next stage


def test_noise_between_the_levels_touches_neither(esp32: Profile) -> None:
    for case in cases_of("chatter", esp32):
        assert case.protection is not None
        p = esp32.protections[case.protection]
        noise = next(s for s in case.steps if isinstance(s, PlaySequence) and s.noise)
        ends = [noise.values[0] - noise.noise, noise.values[0] + noise.noise]
        if p.watches == "cell spread":
            ends = [esp32.nominal.cells_v - end for end in ends]
        assert p.recovery_level is not None
        low, high = sorted((p.level, p.recovery_level))
        assert low < min(ends) < max(ends) < high


def test_every_pair_of_protections_overlaps_but_where_one_makes_the_other(esp32: Profile) -> None:
    cases = cases_of("pairs", esp32)
    met = {frozenset(case.id[6:-1].split("-")[::2]) for case in cases}

    assert {frozenset(p) for p in (("OVP", "UVP"), ("OTC", "OCD1"), ("TSS", "OW"))} <= met
    assert frozenset(("OTC", "OTD")) not in met
    assert len(cases) == len(met)
    gaps = {word for case in cases for word in ("at once", "half", "while") if word in case.title}
    assert gaps == {"at once", "half", "while"}


def test_of_a_pair_the_second_stays_until_its_own_cause_is_gone(esp32: Profile) -> None:
    case = next(c for c in cases_of("pairs", esp32) if "UTC" in c.id and "OVP" in c.id)
    stays = [e for e in case.expectations if isinstance(e, Stays) and e.is_open]

    assert {(e.output, e.end) for e in stays} >= {("charge path", "one left")}


# ---- the partner, and the bus -------------------------------------------------------------------
def test_what_a_message_promises_to_refuse_is_sent_and_nothing_else(esp32: Profile) -> None:
    assert esp32.can is not None
    cases = {case.parameters["partner"]: case for case in cases_of("rest bus", esp32)}
    wrong = {
        step.frame_fault.what
        for how, case in cases.items()
        for step in case.steps
        if isinstance(step, StartPeriodic) and step.frame_fault and how != "disturbed"
    }

    assert wrong == {
        *("crc", "bit", "length", "counter stands", "counter skips", "data id", "identifier")
    }
    for how in ("crc", "length 4", "counter stands"):
        assert {e.output for e in cases[how].expectations if isinstance(e, Trips)} == {
            "charge path"
        }


def test_a_flipped_bit_goes_over_the_whole_frame_before_the_partner_is_back(esp32: Profile) -> None:
    case = the_case("rest bus", esp32, "CTO-HostAlive-bit")

    at = next(i for i, s in enumerate(case.steps) if isinstance(s, StartPeriodic) and s.frame_fault)
    sent, hold = case.steps[at : at + 2]

    assert isinstance(sent, StartPeriodic)
    assert isinstance(hold, Hold)
    assert hold.duration_s / sent.period_s > 64


def test_a_healthy_partner_never_pauses_as_long_as_the_shortest_time_out(esp32: Profile) -> None:
    for case in cases_of("rest bus", esp32):
        if case.parameters["partner"] in ("on time", "fast", "slow"):
            [periodic] = [s for s in case.steps if isinstance(s, StartPeriodic)]
            assert periodic.period_s + periodic.jitter_s < 0.85 * 0.9


def test_a_broken_bus_is_mended_with_a_partner_there_as_proof(esp32: Profile) -> None:
    for case in cases_of("bus fault", esp32):
        marks = [step.mark for step in case.steps]
        after = case.steps[marks.index("mended") + 1]
        assert isinstance(after, StartPeriodic)
        reported = {e.message for e in case.expectations if isinstance(e, MessageComes)}
        assert reported == set(esp32.messages)


def test_without_a_link_to_the_bus_there_is_no_bus_fault(esp32: Profile) -> None:
    bare = esp32.model_copy(update={"links": {}})

    assert cases_of("bus fault", bare) == []


def test_what_a_reset_opens_at_once_is_watched_from_before_its_cause(esp32: Profile) -> None:
    for case in cases_of("reset", esp32):
        marks = [step.mark for step in case.steps]
        for e in case.expectations:
            if isinstance(e, Trips) and isinstance(e.since, Mark):
                assert marks.index(e.since.mark) < marks.index("reset"), case.id


# ---- other BMSs than ours -----------------------------------------------------------------------
def test_no_case_switches_a_supply_that_nobody_can_switch(esp32: Profile) -> None:
    assert esp32.supply is not None
    fixed = esp32.supply.model_copy(update={"can_switch": False})
    profile = esp32.model_copy(update={"supply": fixed})
    cases = [case for family in families() for case in cases_of(family, profile)]

    assert {"trip", "reset", "settings restored"} <= {case.family for case in cases}
    assert not any(
        isinstance(step, Power) or (isinstance(step, Set) and "supply" in step.values)
        for case in cases
        for step in case.steps
    )


@pytest.mark.parametrize("kept", [["ovp.trip"], ["ovp.trip", "host.delay"]])
def test_few_settings_are_as_good_as_many(esp32: Profile, kept: list[str]) -> None:
    """Also one that no level goes with: the delay of a time-out."""
    assert esp32.settings is not None
    delay = esp32.settings.each["ovp.delay"].model_copy(
        update={"of": "communication time-out", "values_s": ()}
    )
    each = {**esp32.settings.each, "host.delay": delay}
    settings = esp32.settings.model_copy(update={"each": {name: each[name] for name in kept}})
    profile = esp32.model_copy(update={"settings": settings})

    for family in ("settings alone", "settings refused", "settings kept"):
        assert cases_of(family, profile)


def test_a_reported_message_without_a_period_can_still_be_lost(esp32: Profile) -> None:
    messages = {n: m for n, m in esp32.messages.items() if n != "BMS_Temperatures"}
    profile = esp32.model_copy(update={"messages": messages})

    assert len(cases_of("link lost", profile)) == len(cases_of("link lost", esp32))


def test_a_cell_goes_high_only_once_the_current_flows(esp32: Profile) -> None:
    for case in cases_of("balancing rest", esp32):
        sets = [step for step in case.steps if isinstance(step, Set)]

        assert sets[0].values.keys() == {"current"}
        assert "current" not in sets[1].values  # else a BMS long at rest bleeds before it flows
