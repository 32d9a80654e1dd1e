"""An expectation that is written out in a plan's words reads back as it was, to the last bit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from rig.can_address import MessageAddress, SignalAddress
from rig.case import Case
from rig.description import Location
from rig.dut.charge import CELL_SUM, SOC
from rig.dut.profile import Profile, load_profile
from rig.expectations import Expectation
from rig.expectations.balances import Balances
from rig.expectations.console_never_says import ConsoleNeverSays
from rig.expectations.console_says import ConsoleSays
from rig.expectations.counts_charge import counts
from rig.expectations.cycles import Cycles
from rig.expectations.follows_cells import follows
from rig.expectations.message_comes import MessageComes
from rig.expectations.message_sound import MessageSound
from rig.expectations.message_timing import MessageTiming
from rig.expectations.reading import expected, said
from rig.expectations.recovers import Recovers
from rig.expectations.signal_becomes import SignalBecomes
from rig.expectations.signal_ordered import SignalOrdered
from rig.expectations.signal_stays import SignalStays
from rig.expectations.signal_steady import SignalSteady
from rig.expectations.signal_within import SignalWithin
from rig.expectations.stays import Stays
from rig.expectations.telemetry_agrees import agrees
from rig.expectations.threshold import ThresholdIs
from rig.expectations.trips import Trips
from rig.plan.expand import expand
from rig.plan.model import load_plan
from rig.plan.writing import plan_text, written_out
from rig.steps import Step
from rig.steps.conditions import OutputState
from rig.steps.hold import Hold
from rig.steps.ramp import Ramp
from rig.steps.read import Read
from rig.steps.resolver import Resolver
from rig.time_reference import Crossing, Mark, TimeReference

ROOT = Path(__file__).parents[2]
PLANS = sorted(ROOT.glob("testplans/*.yaml"))
ESP32 = load_profile("esp32-4s")
STEPS: tuple[Step, ...] = (
    Hold(duration_s=1.0, mark="a"),
    Hold(duration_s=1.0, mark="b"),
    Read(quantities=("current", *ESP32.cell_names, *(f"bleed {n}" for n in range(1, 5))), mark="c"),
    Ramp(
        quantity="cell 1", start=3.0, stop=3.5, step=0.1, dwell_s=1.0,
        until=OutputState(output="charge path", is_open=True),
    ),
)  # fmt: skip


def read_back(made: Sequence[Expectation], profile: Profile, steps: Sequence[Step]) -> list[Any]:
    """Return what the words of each come to; what is wrong with them stands there too."""
    texts = yaml.dump([dict([one.written(profile)]) for one in made], allow_unicode=True)
    found: list[Any] = []

    def refuse(where: Location, what: str, mend: str) -> None:
        found.append((where, what, mend))

    names = Resolver(profile, refuse, steps=steps)
    for entry in yaml.load(texts, yaml.CSafeLoader):
        [(name, words)] = entry.items()
        found += expected(name, said(name, words), names.at(name))
    return found


# ---- whatever its figures -----------------------------------------------------------------------
TIMES = st.floats(1e-2, 40_000)
LEVELS = st.floats(-50, 250)
NUMBERS = st.floats(-1e19, 1e19)
SLACKS = st.floats(0, 1e19)
PATHS = st.sampled_from(["charge path", "discharge path"])
MARKS = st.sampled_from(["a", "b"])
ENDS = st.one_of(st.none(), MARKS)
PATTERNS = st.sampled_from(["bms: ready", r"^\d+ \"mV\"$", "on", "1"])
OV = {"signal": st.just(SignalAddress("BMS_Status.OV"))}
SPAN = {"begin": ENDS, "end": ENDS}
INSTANTS: st.SearchStrategy[TimeReference] = st.one_of(
    st.builds(Mark, mark=MARKS),
    st.builds(
        Crossing,
        quantity=st.sampled_from(["cell 3", "current", "temperature 1", "charge path"]),
        level=LEVELS,
        rising=st.booleans(),
        after=ENDS,
    ),
)
TELEMETRY = ESP32.telemetry.reports()["cell voltage"]


@st.composite
def windows(draw: st.DrawFn) -> dict[str, Any]:
    low_s, width_s = draw(st.one_of(st.just(0.0), TIMES)), draw(st.floats(1e-3, 1e3))
    return {"since": draw(INSTANTS), "low_s": low_s, "high_s": low_s + width_s}


def timed(kind: Any, **fields: Any) -> st.SearchStrategy[Expectation]:
    others = st.fixed_dictionaries(fields)
    return st.builds(lambda window, own: kind(**window, **own), windows(), others)


EXPECTATIONS: dict[str, st.SearchStrategy[Expectation]] = {
    "trips": timed(Trips, output=PATHS),
    "recovers": timed(Recovers, output=PATHS, lasts=st.booleans()),
    "stays": st.builds(Stays, output=PATHS, is_open=st.booleans(), **SPAN),
    "cycles": st.builds(
        lambda low, wide, pause, longer, **own: Cycles(
            low_s=low, high_s=low + wide, pause_low_s=pause, pause_high_s=pause + longer, **own
        ),
        TIMES, TIMES, TIMES, TIMES,
        output=PATHS, count=st.integers(0, 100), **SPAN,
    ),
    "threshold": st.builds(
        ThresholdIs,
        quantity=st.just("cell 1"), output=PATHS, is_open=st.booleans(), level=LEVELS,
        tolerance=st.floats(1e-3, 10), unit=st.just("V"), delay_s=st.floats(0, 3000),
    ),
    "signal becomes": timed(SignalBecomes, **OV, value=NUMBERS),
    "signal stays": st.one_of(
        st.builds(SignalStays, **OV, value=NUMBERS, **SPAN),
        st.builds(
            SignalStays, signal=st.just(SignalAddress("BMS_Status.Bal{n}")), value=NUMBERS,
            of=st.sampled_from(["cells 1 to 4", "cells 1 and 3", "cell 2"]), **SPAN,
        ),
    ),
    "signal within": st.builds(
        lambda low, wide, **own: SignalWithin(low=low, high=low + wide, **own),
        NUMBERS, SLACKS, **OV, unit=st.sampled_from(["", "V", "%"]),
        or_says=st.one_of(st.none(), NUMBERS), once_sent=st.booleans(), **SPAN,
    ),
    "signal ordered": st.builds(
        SignalOrdered, **OV, rising=st.booleans(), slack=SLACKS, **SPAN
    ),
    "signal steady": st.builds(
        SignalSteady, **OV, most_step=SLACKS, most_span=st.one_of(st.none(), SLACKS), **SPAN
    ),
    "message comes": st.builds(
        lambda window, least, more, where: MessageComes(
            message=MessageAddress("BMS_Event"), where=where, at_least=least,
            at_most=None if more is None else least + more, **window,
        ),
        windows(), st.integers(0, 9), st.one_of(st.none(), st.integers(0, 9)),
        st.dictionaries(st.sampled_from(["Code", "Set"]), NUMBERS),
    ),
    "message timing": st.builds(
        lambda period, share, **span: MessageTiming(
            message=MessageAddress("BMS_Status"), period_s=period, tolerance_s=share * period,
            **{key: getattr(ESP32.messages["BMS_Status"], key) for key in (
                "length", "counter", "counter_last", "crc", "crc_kind", "crc_data_id", "spare_zero",
            )}, **span,
        ),
        st.floats(1e-3, 1e3), st.floats(1e-3, 0.4), **SPAN,
    ),
    "message sound": st.builds(
        lambda counter, **span: replace(
            MessageSound.claimed("BMS_Status", ESP32.messages["BMS_Status"], **span),
            counter=counter,
        ),
        st.sampled_from([None, ESP32.messages["BMS_Status"].counter]), **SPAN,
    ),
    "telemetry": st.builds(
        lambda of, by, **figures: replace(agrees(TELEMETRY, of)[by], **figures),
        st.sampled_from(["cell 2", "cells 1 to 4", "cells 1 and 3"]), st.integers(0, 1),
        accuracy=st.floats(1e-6, 10), relative=st.floats(0, 1), settle_s=TIMES,
        factor=st.floats(1e-6, 1e6),
    ),
    "counts charge": st.builds(
        lambda **figures: replace(counts(ESP32, SOC, "a", "b"), **figures),
        ah_per_unit=st.floats(1e-6, 1e6), accuracy_a=st.floats(0, 100), relative=st.floats(0, 1),
        resolution_ah=st.floats(0, 100),
    ),
    "follows cells": st.builds(
        lambda name, **figures: replace(follows(ESP32, name), **figures),
        st.sampled_from([SOC, CELL_SUM]),
        accuracy=st.floats(1e-6, 10), accuracy_v=st.floats(0, 1),
        ordered_from_v=st.one_of(st.none(), st.floats(0, 1)), settle_s=TIMES,
        cells=st.sampled_from([ESP32.cell_names, ("cell 2",)]),
        curve=st.sampled_from([((3.0, 0.0), (3.4, 99.5)), ((2.5, 1.0), (3.0, 2.0), (3.6, 3.0))]),
    ),
    "balances": st.builds(
        Balances,
        cells=st.lists(st.integers(1, 4), unique=True).map(tuple), at=st.just("c"),
        low_a=st.floats(1e-6, 10),
    ),
    "console says": timed(ConsoleSays, pattern=PATTERNS),
    "console never says": st.builds(ConsoleNeverSays, pattern=PATTERNS, **SPAN),
}  # fmt: skip


def test_every_kind_has_its_expectations_here() -> None:
    assert set(EXPECTATIONS) == set(Expectation.kinds())


@pytest.mark.parametrize("kind", EXPECTATIONS)
@settings(max_examples=40)
@given(data=st.data())
def test_an_expectation_reads_back_to_the_last_bit(kind: str, data: st.DataObject) -> None:
    made = data.draw(EXPECTATIONS[kind])

    assert read_back([made], ESP32, STEPS) == [made]


# ---- in our plans -------------------------------------------------------------------------------
@cache
def _expanded(plan: Path) -> tuple[Profile, tuple[Case, ...]]:
    read = load_plan(plan)
    profile = load_profile(read.dut or "")
    return profile, tuple(expand(read, profile, 1))


def _differing(cases: Iterable[Case]) -> Iterator[tuple[Sequence[Step], list[Expectation]]]:
    """Give each expectation once, with the steps of the first case that has it."""
    seen: set[str] = set()
    for case in cases:
        new = [one for one in case.expectations if repr(one) not in seen]
        seen |= {repr(one) for one in new}
        if new:
            yield case.steps, new


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.stem)
def test_every_expectation_of_our_plans_reads_back_to_the_last_bit(plan: Path) -> None:
    profile, cases = _expanded(plan)

    for steps, made in _differing(cases):
        assert read_back(made, profile, steps) == made


def test_the_text_of_a_plan_holds_an_energy_that_is_not_the_profiles() -> None:
    wanted = replace(follows(ESP32, SOC), accuracy=0.25, ordered_from_v=None)
    case = replace(_expanded(ROOT / "testplans" / "smoke.yaml")[1][0], expectations=(wanted,))

    text = plan_text("again", "esp32-4s", [written_out(case, "a", ESP32)])

    assert "energy:\n      follows cells: [soc]\n      accuracy: 0.25\n" in text
    assert "ordered from: none" in text
