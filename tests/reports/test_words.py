"""Numbers and steps read as a person would write them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports import words
from rig.judge.measurement import Measurement
from rig.steps import Step
from rig.steps.conditions import OutputState
from rig.steps.fault import Fault
from rig.steps.frame_fault import FrameFault
from rig.steps.hold import Hold
from rig.steps.power import Power
from rig.steps.send import Send
from rig.steps.set import Set
from rig.steps.start_periodic import StartPeriodic
from rig.steps.stop_periodic import StopPeriodic
from rig.steps.type_line import Type
from rig.steps.wait_for import WaitFor
from rig.time_reference import Crossing


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (3.65, "V", "3.650 V"),
        (0.01, "V", "10 mV"),
        (0.0, "A", "0 A"),
        (0.16, "s", "160 ms"),
        (200e-6, "s", "200 µs"),
        (1.28, "s", "1.28 s"),
        (-20.0, "°C", "−20 °C"),
        (-0.00001, "°C", "0.0000 °C"),  # never a negative zero
    ],
)
def test_a_quantity_is_written_in_the_unit_that_suits_it(
    value: float, unit: str, text: str
) -> None:
    assert words.quantity(value, unit) == text


@pytest.mark.parametrize(
    ("value_and_u", "limits", "shown", "allowed"),
    [
        ((1.0432, 0.0061), (0.9, 1.1), "1.0432 ± 0.0061 s", "0.9 to 1.1 s"),
        ((318.7e-6, 2.8e-6), (200e-6, 500e-6), "318.7 ± 2.8 µs", "200 to 500 µs"),
        ((0.0, 0.013), (0.0, 0.2005), "0 ± 13 ms", "at most 200.5 ms"),
        ((1234.0, 250.0), (None, None), "1230 ± 250 s", ""),
    ],
)
def test_a_measured_value_and_its_limits_share_a_unit(
    value_and_u: tuple[float, float],
    limits: tuple[float | None, float | None],
    shown: str,
    allowed: str,
) -> None:
    value, u = value_and_u
    found = Measurement(value=value, expanded=u, unit="s")

    assert words.measured(found, *limits) == shown
    assert words.limits(*limits, found) == allowed


@given(
    value=st.floats(-1e4, 1e4, allow_nan=False),
    u=st.floats(1e-7, 1e3),
    unit=st.sampled_from(["s", "V", "A", "°C"]),
)
def test_no_digit_shown_differs_from_the_value_by_more_than_a_tenth_of_u(
    value: float, u: float, unit: str
) -> None:
    text, u_text, shown_unit = words.parted(Measurement(value=value, expanded=u, unit=unit))

    factor = {"ms": 1e-3, "µs": 1e-6, "mV": 1e-3, "mA": 1e-3}.get(shown_unit, 1.0)
    assert abs(float(text.replace("−", "-")) * factor - value) <= 0.1 * u
    assert math.isclose(float(u_text) * factor, u, rel_tol=0.06)


@pytest.mark.parametrize(
    ("value", "low", "high", "part"),
    [
        (1.0, 0.9, 1.1, 1.0),
        (1.1, 0.9, 1.1, 0.0),
        (1.2, 0.9, 1.1, -1.0),
        (0.5, 0.0, 2.0, 0.75),  # no lower limit: the cause merely comes first
        (0.5, None, 2.0, 0.75),
        (0.5, 0.4, None, None),
    ],
)
def test_a_margin_is_the_distance_to_the_nearer_limit(
    value: float, low: float | None, high: float | None, part: float | None
) -> None:
    found = Measurement(value=value, expanded=0.01, unit="s")

    assert words.margin(found, low, high) == (None if part is None else pytest.approx(part))


CROSSED = Crossing(quantity="cell 3", level=3.65, rising=True)


@pytest.mark.parametrize(
    ("step", "text"),
    [
        (
            Set(values={"cell 1": 3.3, "cell 2": 3.3, "cell 3": 3.7, "current": -5.0}),
            "Set cells 1 and 2 to 3.300 V, cell 3 to 3.700 V and current to −5 A",
        ),
        (Hold(duration_s=0.6), "Hold for 600 ms"),
        (
            WaitFor(until=OutputState(output="charge path", is_open=True), within_s=2.0),
            "Wait until charge path is open, at most 2 s",
        ),
        (Fault(fault="open", target="cell 2"), "Make the open circuit at cell 2"),
        (
            Fault(fault="open", target="cell 2", present=False),
            "Repair the open circuit at cell 2",
        ),
        (
            Send(message="HostAlive", count=5, period_s=0.2),
            "Send HostAlive 5 times, every 200 ms",
        ),
        (
            Send(message="HostAlive", frame_fault=FrameFault(what="crc")),
            "Send HostAlive, each with a wrong checksum",
        ),
        (
            StartPeriodic(message="HostAlive", signals={"Request": 1}, period_s=0.2, jitter_s=0.02),
            "Keep sending HostAlive (Request = 1) every 200 ms + up to 20 ms",
        ),
        (
            StartPeriodic(
                message="HostAlive",
                period_s=0.2,
                frame_fault=FrameFault(what="length", by=4, every=3),
            ),
            "Keep sending HostAlive every 200 ms, each 3rd with 4 bytes only",
        ),
        (StopPeriodic(message="HostAlive"), "Stop sending HostAlive"),
        (Type(line="clear faults"), "Type “clear faults” on the console"),
        (Power(on=False), "Switch the BMS's supply off"),
    ],
)
def test_a_step_is_told_as_an_instruction(step: Step, text: str) -> None:
    assert step.sentence() == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.84, "0.8 s"), (42.4, "42 s"), (185, "3 min 05 s"), (22320, "6 h 12 min")],
)
def test_durations_are_rounded_to_what_matters(seconds: float, text: str) -> None:
    assert words.duration(seconds) == text
