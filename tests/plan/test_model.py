"""The words of a plan: what they become, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from rig.can_address import MessageAddress, SignalAddress
from rig.case import Case
from rig.description import BrokenDescriptionError
from rig.dut.profile import Profile, load_profile
from rig.expectations.balances import Balances
from rig.expectations.console_never_says import ConsoleNeverSays
from rig.expectations.console_says import ConsoleSays
from rig.expectations.cycles import Cycles
from rig.expectations.message_timing import MessageTiming
from rig.expectations.recovers import Recovers
from rig.expectations.signal_becomes import SignalBecomes
from rig.expectations.signal_stays import SignalStays
from rig.expectations.stays import Stays
from rig.expectations.telemetry_agrees import TelemetryAgrees
from rig.expectations.threshold import ThresholdIs
from rig.expectations.trips import Trips
from rig.plan.expand import expand
from rig.plan.model import PlanFile, load_plan, parse_plan
from rig.plan.written import written_case
from rig.steps.conditions import ConsoleLine, OutputState, SignalValue
from rig.steps.fault import Fault
from rig.steps.frame_fault import FrameFault
from rig.steps.hold import Hold
from rig.steps.power import Power
from rig.steps.ramp import Ramp
from rig.steps.random_phase import RandomPhase
from rig.steps.read import Read
from rig.steps.reset import Reset
from rig.steps.send import Send
from rig.steps.sequence import PlaySequence
from rig.steps.set import Set
from rig.steps.start_periodic import StartPeriodic
from rig.steps.stop_periodic import StopPeriodic
from rig.steps.type_line import Type
from rig.steps.wait_for import WaitFor
from rig.time_reference import Crossing, Mark

ROOT = Path(__file__).parents[2]
STAYS = "{charge path: stays closed}"
BLEEDS = "bleed 1, bleed 2, bleed 3, bleed 4"


@pytest.fixture(scope="module")
def profile() -> Profile:
    return load_profile(ROOT / "fixtures" / "duts" / "esp32-4s")


def a_plan(steps: str, expect: str = STAYS) -> PlanFile:
    text = (
        "plan: p\nfor: esp32-4s\ncases:\n"
        f"  - name: a case\n    steps: [{steps}]\n    expect: [{expect}]\n"
    )
    return parse_plan(text, "p.yaml")


def a_case(profile: Profile, steps: str, expect: str = STAYS) -> Case:
    plan = a_plan(steps, expect)
    return written_case(plan, plan.cases[0], profile)


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("{set: {cell 3: 3.70 V}, as: up}", Set(values={"cell 3": 3.7}, mark="up")),
        ("{set: {current: -20 A}}", Set(values={"current": -20.0})),
        ("{hold: 600 ms}", Hold(duration_s=0.6)),
        ("{random phase: 100 ms}", RandomPhase(span_s=0.1)),
        (
            "{wait for: {charge path: open, within: 2 s}}",
            WaitFor(until=OutputState(output="charge path", is_open=True), within_s=2.0),
        ),
        (
            "{wait for: {BMS_Status.OV: 1, within: 150 ms}}",
            WaitFor(
                until=SignalValue(signal=SignalAddress("BMS_Status.OV"), value=1.0), within_s=0.15
            ),
        ),
        (
            '{wait for: {console: "bms: ready", within: 1 s}}',
            WaitFor(until=ConsoleLine(pattern="bms: ready"), within_s=1.0),
        ),
        ("{fault: {open: cell 2}}", Fault(fault="open", target="cell 2")),
        (
            "{repair: {short: temperature 1}}",
            Fault(fault="short", target="temperature 1", present=False),
        ),
        (
            "{send: {HostAlive: {}, times: 5, every: 200 ms}}",
            Send(message="HostAlive", count=5, period_s=0.2),
        ),
        (
            "{send: {HostAlive: {Request: 1}, frame fault: crc}}",
            Send(message="HostAlive", signals={"Request": 1}, frame_fault=FrameFault(what="crc")),
        ),
        (
            "{start periodic: {HostAlive: {}, jitter: 20 ms, frame fault: {counter skips: 3,"
            " every: 0}}}",
            StartPeriodic(
                message="HostAlive",
                period_s=0.2,  # the profile's own
                jitter_s=0.02,
                frame_fault=FrameFault(what="counter skips", by=3, every=0),
            ),
        ),
        ("{stop periodic: HostAlive}", StopPeriodic(message="HostAlive")),
        ("{type: hang}", Type(line="test hang")),  # a command, by its name in the profile
        ("{type: some line}", Type(line="some line")),
        ("{power: off}", Power(on=False)),
        ("reset", Reset()),
        (
            "{read: [cell 1, pack, charge path, bleed 2]}",
            Read(quantities=("cell 1", "pack", "charge path", "bleed 2")),
        ),
        (
            "{sequence: {quantity: cell 1, values: [3.7 V, 3.4 V], every: 300 ms, times: 10,"
            " noise: 5 mV}}",
            PlaySequence(
                quantity="cell 1", values=(3.7, 3.4), interval_s=0.3, times=10, noise=0.005
            ),
        ),
        (
            "{ramp: {quantity: cell 1, from: 3.7 V, to: 3.6 V, step: 2 mV, dwell: 1.2 s,"
            " until: {charge path: closed}}}",
            Ramp(
                quantity="cell 1",
                start=3.7,
                stop=3.6,
                step=-0.002,  # downwards, whatever its sign in the plan
                dwell_s=1.2,
                until=OutputState(output="charge path", is_open=False),
            ),
        ),
    ],
)
def test_a_step_in_words_becomes_a_step_in_si(profile: Profile, text: str, step: object) -> None:
    assert a_case(profile, text).steps == (step,)


def test_a_group_is_set_before_what_is_named_in_it(profile: Profile) -> None:
    case = a_case(profile, "{set: {cell 3: 3.70 V, cells: 3.30 V}}")

    assert case.steps == (Set(values={"cell 1": 3.3, "cell 2": 3.3, "cell 3": 3.7, "cell 4": 3.3}),)


def test_some_of_a_kind_are_set_together(profile: Profile) -> None:
    case = a_case(profile, "{set: {'cells 1, 2 and 4': 3.30 V}}")

    assert case.steps == (Set(values={"cell 1": 3.3, "cell 2": 3.3, "cell 4": 3.3}),)


def test_of_some_the_one_that_is_not_there_is_named(profile: Profile) -> None:
    with pytest.raises(BrokenDescriptionError, match='no quantity that can be set "cell 7"'):
        a_case(profile, "{set: {'cells 1 and 7': 3.30 V}}")


_UP = Mark(mark="up")


@pytest.mark.parametrize(
    ("text", "expectation"),
    [
        (STAYS, Stays(output="charge path", is_open=False)),
        (
            "{charge path: {stays: open, from: up, to: up}}",
            Stays(output="charge path", is_open=True, begin="up", end="up"),
        ),
        (
            "{charge path: {opens within: 0.9 s to 1.1 s, after: {cell 3: above 3.65 V}}}",
            Trips(
                output="charge path",
                since=Crossing(quantity="cell 3", level=3.65, rising=True),
                low_s=0.9,
                high_s=1.1,
            ),
        ),
        (
            "{charge path: {closes within: 2 s ± 200 ms, after: {cell 3: below 3.5 V, since: up}}}",
            Recovers(
                output="charge path",
                since=Crossing(quantity="cell 3", level=3.5, rising=False, after="up"),
                low_s=1.8,
                high_s=2.2,
            ),
        ),
        (
            "{BMS_Status.OV: {becomes: 1, within: 150 ms, after: up}}",
            SignalBecomes(signal=SignalAddress("BMS_Status.OV"), value=1.0, since=_UP, high_s=0.15),
        ),
        ("{BMS_Status.OV: stays 0}", SignalStays(signal=SignalAddress("BMS_Status.OV"), value=0.0)),
        (
            "{console: {says: OVP, within: 200 ms, after: up}}",
            ConsoleSays(pattern="OVP", since=_UP, high_s=0.2),
        ),
        ("{console: never says panic}", ConsoleNeverSays(pattern="panic")),
        (
            "{BMS_Status: {every: 100 ms ± 5 ms}}",
            MessageTiming(
                message=MessageAddress("BMS_Status"),
                period_s=0.1,
                tolerance_s=0.005,
                length=8,
                counter="Alive",
                crc="CRC",
                crc_data_id=0x100,
                spare_zero=True,
            ),
        ),
        (
            "{telemetry: [cell 2]}",
            TelemetryAgrees(
                quantity="cell 2",
                accuracy=0.005,
                unit="V",
                signal=SignalAddress("BMS_CellVoltages.Cell2_V"),
            ),
        ),
        ("{balancing: {cells: [3], at: up}}", Balances(cells=(3,), at="up")),
    ],
)
def test_an_expectation_in_words_becomes_one_in_si(
    profile: Profile, text: str, expectation: object
) -> None:
    case = a_case(profile, f"{{hold: 1 s}}, {{read: [cells, {BLEEDS}], as: up}}", text)

    assert case.expectations == (expectation,)


def test_a_threshold_belongs_to_the_ramp(profile: Profile) -> None:
    ramp = (
        "{ramp: {quantity: cell 1, from: 3.6 V, to: 3.7 V, step: 2 mV, dwell: 1.2 s,"
        " until: {charge path: open}}}"
    )

    case = a_case(profile, ramp, "{charge path: {opens at: 3.65 V ± 10 mV, reaction: 1.1 s}}")

    assert case.expectations == (
        ThresholdIs(
            quantity="cell 1",
            output="charge path",
            is_open=True,
            level=3.65,
            tolerance=0.01,
            unit="V",
            delay_s=1.1,
        ),
    )


def test_a_case_knows_its_line_and_what_it_needs(profile: Profile) -> None:
    case = a_case(profile, "{hold: 1 s}")

    assert case.source == "p.yaml:4"
    assert case.id == "steps[a-case]"
    assert case.outputs["charge path"].closed_above == 6.0
    assert case.capture is not None
    assert "charge path" in case.capture.quantities
    assert case.duration_s >= 1.0


@pytest.mark.parametrize(
    ("steps", "expect", "message"),
    [
        ("{hold: 1}", STAYS, '"1" has no unit'),
        ("{set: {current: 3 V}}", STAYS, "a current is wanted"),
        ("{set: {volts: 3 V}}", STAYS, "is nothing that can be set"),
        ("{hold: -1 s}", STAYS, "at least 0"),
        ("{hold: 1 s, reset: now}", STAYS, "hold and reset"),
        ("{as: x}", STAYS, "this one does nothing"),
        ("{wait for: {charge path: open}}", STAYS, "one state and within"),
        ("{wait for: {charge path: 1, within: 1 s}}", STAYS, "is no state to wait for"),
        ("{wait for: {BMS_Status.OV: open, within: 1 s}}", STAYS, "a signal has a number"),
        (
            "{ramp: {quantity: cell 1, from: 3.6 V, to: 3.7 V, step: 2 mV, dwell: 1 s,"
            " until: {charge path: open, within: 3 s}}}",
            STAYS,
            "until needs one state",
        ),
        ("{send: {times: 3}}", STAYS, "just one message"),
        ("{send: {HostAlive: {}, times: 0}}", STAYS, "no number of times"),
        ("{start periodic: {every: 1 s}}", STAYS, "start periodic needs just one message"),
        ("{send: {HostAlive: {}, frame fault: crcs}}", STAYS, 'not wrong by "crcs"'),
        ("{send: {HostAlive: {}, frame fault: {length: -1}}}", STAYS, "whole numbers"),
        ("{fault: {open: cell 1, short: cell 1}}", STAYS, "either open or short"),
        ("{hold: 1 s}", "{charge path: stays ajar}", "is no state"),
        ("{hold: 1 s}", "{console: {says: (, within: 1 s, after: x}}", "no regular expression"),
        ("{hold: 1 s}", "{charge path: {opens within: 1 s}}", "how far it may be off"),
    ],
)
def test_a_wrong_word_is_refused_without_a_profile(steps: str, expect: str, message: str) -> None:
    with pytest.raises(BrokenDescriptionError, match=message):
        a_plan(steps, expect)


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ("{family: trip, name: x}", "either a family or a name"),
        ("{}", "either a family or a name"),
        ("{family: trip, steps: [reset]}", 'expands by itself: "steps"'),
        ("{name: x, steps: [reset]}", "needs steps and expect"),
        ("{name: x, cells: [1], steps: [reset], expect: [{a: stays open}]}", 'has none: "cells"'),
    ],
)
def test_a_case_is_a_family_or_written_out(case: str, message: str) -> None:
    with pytest.raises(BrokenDescriptionError, match=message):
        parse_plan(f"plan: p\ncases: [{case}]\n", "p.yaml")


@pytest.mark.parametrize(
    ("chosen", "numbers"),
    [("each", (1, 2, 3, 4)), ("first", (1,)), ("[1, 3]", (1, 3)), ("2", (2,))],
)
def test_cells_are_chosen_in_four_ways(chosen: str, numbers: tuple[int, ...]) -> None:
    text = f"plan: p\ncases: [{{family: trip, cells: {chosen}}}]\n"

    plan = parse_plan(text, "p.yaml")

    assert plan.cases[0].cell_numbers(4) == numbers


def test_two_cases_of_one_name_are_refused(tmp_path: Path) -> None:
    case = "  - {name: x, steps: [reset], expect: [{charge path: stays closed}]}\n"
    path = tmp_path / "p.yaml"
    path.write_text("plan: p\ncases:\n" + 2 * case, encoding="utf-8")

    with pytest.raises(BrokenDescriptionError, match="stands here twice, first as case 1"):
        load_plan(path)


@pytest.mark.parametrize(
    ("expected", "what"),
    [
        (
            "charge path: {stays: closed, within: 2 s, after: m}",
            r'"after" says nothing beside "stays"; beside "stays" stands from, to',
        ),
        ("charge path: {stays: closed, after: m, within: 2 s}", '"within" says nothing beside'),
        ("charge path: {opens within: 1 s to 2 s, after: m, to: m}", '"to" says nothing beside'),
        ("charge path: {stays: open, at: m}", '"at" says nothing beside "stays"'),
        ("BMS_Status.OV: {stays: 0, within: 2 s}", '"within" says nothing beside "stays"'),
        ("BMS_Status.OV: {becomes: 1, within: 1 s, after: m, from: m}", '"from" says nothing'),
        ("BMS_Status: {every: 100 ms ± 5 ms, times: 3}", '"times" says nothing beside "every"'),
        ("console: {never says: panic, after: m}", 'beside "never says" stands from, to'),
        (
            "energy: {follows cells: [soc], from: m}",
            'beside "follows cells" stands accuracy, cells',
        ),
    ],
)
def test_a_word_that_says_nothing_beside_another_is_named(
    profile: Profile, expected: str, what: str
) -> None:
    with pytest.raises(BrokenDescriptionError, match=what):
        a_case(profile, "{hold: 1 s, as: m}, {read: [cells]}", f"{{{expected}}}")


def test_an_output_that_closes_so_often_has_a_time_for_each(profile: Profile) -> None:
    text = "{charge path: {closes: 2, each: 1 s to 2 s, pauses: 3 s to 4 s, from: m}}"

    [cycles] = a_case(profile, "{hold: 1 s, as: m}", text).expectations

    assert cycles == Cycles(output="charge path", count=2, low_s=1.0, high_s=2.0,
                            pause_low_s=3.0, pause_high_s=4.0, begin="m")  # fmt: skip


def test_repeated_steps_are_done_so_many_times_one_after_the_other(esp32: Profile) -> None:
    text = (
        "plan: p\nfor: esp32-4s\ncases:\n- name: spikes\n  steps:\n"
        "  - repeat: {times: 3, steps: [random phase: 1 s, set: {cell 1: 3.7 V}, hold: 50 ms]}\n"
        "  - hold: 1 s\n  expect: [charge path: stays closed]\n"
    )

    case = expand(parse_plan(text, "p.yaml"), esp32, 1)[0]

    once = (RandomPhase(span_s=1.0), Set(values={"cell 1": 3.7}), Hold(duration_s=0.05))
    assert case.steps == (*once * 3, Hold(duration_s=1.0))


@pytest.mark.parametrize(
    ("inner", "what"),
    [
        pytest.param("{hold: 1 s, as: there}", "names one instant", id="a mark"),
        pytest.param("{repeat: {times: 2, steps: [hold: 1 s]}}", "in another", id="nested"),
    ],
)
def test_what_is_repeated_bears_no_mark_and_repeats_nothing(inner: str, what: str) -> None:
    text = (
        "plan: p\nfor: esp32-4s\ncases:\n- name: spikes\n  steps:\n"
        f"  - repeat: {{times: 3, steps: [{inner}]}}\n  expect: [charge path: stays closed]\n"
    )

    with pytest.raises(BrokenDescriptionError, match=what):
        parse_plan(text, "p.yaml")
