"""A step in a plan's words is the same step again, to the last bit; and it is a sentence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rig.can_address import SignalAddress
from rig.dut.profile import Profile, load_profile
from rig.expectations.stays import Stays
from rig.plan.expand import expand
from rig.plan.model import load_plan, parse_plan
from rig.plan.writing import plan_text, written_out
from rig.steps import Step
from rig.steps.bus_load import Load
from rig.steps.conditions import Condition, ConsoleLine, OutputState, SignalValue
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

ROOT = Path(__file__).parents[2]
PLANS = sorted(ROOT.glob("testplans/*.yaml"))
ESP32 = load_profile("esp32-4s")
ORIGIN = expand(load_plan(ROOT / "testplans" / "smoke.yaml"), ESP32, 1)[0]

VOLTS, AMPS, DEGC = st.floats(-1500, 1500), st.floats(-20e3, 20e3), st.floats(-100, 300)
TIMES = st.floats(1e-3, 86_400)
COUNTS = st.integers(1, 10_000)
NUMBERS = st.floats(-1e19, 1e19)  # more than 64 bits of a frame hold
QUANTITIES = st.sampled_from(["cell 1", "cell 4", "supply"])
PATHS = ["charge path", "discharge path"]
READABLE = ["cell 1", "pack", "current", "temperature 2", "bleed 3", *PATHS]
COMMANDS = ESP32.console.commands if ESP32.console else {}
TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)
LINES: st.SearchStrategy[str] = TEXTS.filter(lambda line: line not in COMMANDS)
CONDITIONS: st.SearchStrategy[Condition] = st.one_of(
    st.builds(OutputState, output=st.sampled_from(PATHS), is_open=st.booleans()),
    st.builds(SignalValue, signal=st.just(SignalAddress("BMS_Status.OV")), value=NUMBERS),
    st.builds(ConsoleLine, pattern=st.sampled_from(["bms: ready", r"^\d+ \"mV\"$", "on", "1"])),
)
FAULTS = st.one_of(
    st.none(),
    st.builds(
        FrameFault,
        what=st.sampled_from(["crc", "bit", "counter skips", "length", "swapped"]),
        by=st.integers(0, 64),
        every=st.integers(0, 9),
    ),
)
SIGNALS = st.dictionaries(st.just("Request"), NUMBERS)
HOST = st.just("HostAlive")


@st.composite
def ramps(draw: st.DrawFn) -> Ramp:
    start, way = draw(st.floats(0, 5)), draw(st.floats(0.1, 5)) * draw(st.sampled_from([1, -1]))
    levels = draw(st.floats(1, 9_000))
    return Ramp(
        quantity=draw(QUANTITIES),
        start=start,
        stop=start + way,
        step=way / levels,
        dwell_s=draw(st.floats(1e-3, 3_600)),
        until=draw(CONDITIONS),
    )


STEPS: dict[str, st.SearchStrategy[Step]] = {
    "set": st.builds(
        Set,
        values=st.fixed_dictionaries(
            {"cell 3": VOLTS},
            optional={"current": AMPS, "temperature 1": DEGC, "supply": VOLTS},
        ),
    ),
    "hold": st.builds(Hold, duration_s=st.floats(0, 86_400)),
    "random phase": st.builds(RandomPhase, span_s=TIMES),
    "wait for": st.builds(WaitFor, until=CONDITIONS, within_s=TIMES),
    "ramp": ramps(),
    "sequence": st.builds(
        PlaySequence,
        quantity=QUANTITIES,
        values=st.lists(VOLTS, min_size=1, max_size=5).map(tuple),
        interval_s=TIMES,
        times=COUNTS,
        noise=st.floats(0, 1),
    ),
    "fault": st.builds(
        Fault,
        fault=st.sampled_from(["open", "short"]),
        target=st.sampled_from(["temperature 1", "afe link"]),
        present=st.booleans(),
    ),
    "send": st.builds(
        Send,
        message=HOST,
        signals=SIGNALS,
        count=COUNTS,
        period_s=st.one_of(st.just(0.0), TIMES),
        frame_fault=FAULTS,
    ),
    "start periodic": st.builds(
        StartPeriodic,
        message=HOST,
        period_s=TIMES,
        signals=SIGNALS,
        jitter_s=st.floats(0, 0.9e-3),
        frame_fault=FAULTS,
    ),
    "stop periodic": st.builds(StopPeriodic, message=HOST),
    "bus load": st.builds(
        Load,
        share=st.floats(1e-6, 1.0),
        burst_s=TIMES,
        bursts=COUNTS,
        first_id=st.integers(0, 0x3FF),
        last_id=st.integers(0x400, 0x7FF),
    ),
    "type": st.builds(Type, line=LINES),
    "power": st.builds(Power, on=st.booleans()),
    "reset": st.just(Reset()),
    "read": st.builds(
        Read, quantities=st.lists(st.sampled_from(READABLE), min_size=1, max_size=9).map(tuple)
    ),
}


def again(profile: Profile, steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """The same steps, by way of a plan's text."""
    expected = Stays(output=next(iter(profile.outputs)), is_open=False)
    case = replace(ORIGIN, protection=None, steps=steps, expectations=(expected,))
    text = plan_text("again", profile.name, [written_out(case, "the case", profile)])
    [read] = expand(parse_plan(text, "p.yaml"), profile, 1)
    return read.steps


def test_every_kind_has_its_steps_here() -> None:
    assert set(STEPS) == set(Step.kinds())


@pytest.mark.parametrize("kind", STEPS)
@settings(max_examples=40)
@given(data=st.data())
def test_a_step_reads_back_to_the_last_bit(kind: str, data: st.DataObject) -> None:
    step = data.draw(STEPS[kind])

    assert again(ESP32, (step,)) == (step,)


def test_a_line_end_of_another_alphabet_reads_back() -> None:
    step = Type(line="a\x85b\u2028")

    assert again(ESP32, (step,)) == (step,)


@pytest.mark.parametrize("kind", STEPS)
@settings(max_examples=20)
@given(data=st.data())
def test_a_step_is_a_sentence_and_takes_no_longer_than_foretold(
    kind: str, data: st.DataObject
) -> None:
    step = data.draw(STEPS[kind])

    assert step.sentence()[0].isupper()
    assert 0.0 <= step.expected_s(_Nothing()) <= step.longest_s() + 1e-9


class _Nothing:
    """Of a case that expects nothing of what its steps wait for."""

    def comes_s(self, until: Condition) -> None:
        del until

    def threshold(self, quantity: str) -> None:
        del quantity


def _steps_of(plan: Path) -> tuple[Profile, tuple[Step, ...]]:
    read = load_plan(plan)
    profile = load_profile(read.dut or "")
    steps = {repr(step): step for case in expand(read, profile, 1) for step in case.steps}
    return profile, tuple(steps.values())


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.stem)
def test_every_step_of_our_plans_reads_back_to_the_last_bit(plan: Path) -> None:
    profile, steps = _steps_of(plan)

    assert again(profile, steps)[-len(steps) :] == steps  # a lamp's hold may stand before them
