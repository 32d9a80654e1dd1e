"""A whole bench on the virtual one: what a case says of the BMS comes true at its pins."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
import pytest

from rig.bench.bench import Bench
from rig.bench.connect import connect
from rig.bench.description import load_bench
from rig.case import Capture
from rig.dut.profile import load_profile
from rig.errors import BenchError, DescriptionError, LimitError
from tests.bench.truth import ServedTruth, witnessed


@pytest.fixture(scope="module")
def parts() -> Iterator[tuple[Bench, ServedTruth]]:
    with witnessed(load_bench("virtual-esp32-4s"), load_profile("esp32-4s"), seed=5) as parts:
        yield parts


@pytest.fixture
def truth(parts: tuple[Bench, ServedTruth]) -> ServedTruth:
    return parts[1]


@pytest.fixture
def bench(parts: tuple[Bench, ServedTruth]) -> Bench:
    bench = parts[0]
    bench.nominal()
    sleep_s(bench, 2.0)  # ready, and both paths closed
    bench.begin_transcript()
    return bench


def sleep_s(bench: Bench, seconds: float) -> None:
    bench.clock.sleep_until(bench.clock.now_ns() + round(seconds * 1e9))


# ---- commands -----------------------------------------------------------------------------------
def test_nominal_values_reach_the_pins(bench: Bench, truth: ServedTruth) -> None:
    assert truth.value("cell 1") == pytest.approx(3.3, abs=1e-3)
    assert truth.value("ntc 2") == pytest.approx(10_000.0, abs=3.0)
    assert truth.value("aux") == pytest.approx(12.0, abs=0.02)
    assert truth.value("current") == pytest.approx(0.0, abs=0.2)
    assert not bench.output_is_open("charge path")
    assert not bench.output_is_open("discharge path")


def test_a_command_is_bracketed_by_the_rigs_clock(bench: Bench, truth: ServedTruth) -> None:
    (command,) = bench.set({"cell 3": 3.4})
    sleep_s(bench, 0.05)

    crossed_ns = truth.crossing_ns("cell 3", 3.35, rising=True, since_ns=command.before_ns)
    assert command.before_ns <= crossed_ns <= command.after_ns + command.settle_s * 1e9
    assert (command.quantity, command.value, command.instrument) == ("cell 3", 3.4, "emulator 3")


def test_what_changes_nothing_is_not_sent(bench: Bench) -> None:
    bench.set({"cell 3": 3.4, "temperature 1": 30.0, "current": 5.0})
    bench.begin_transcript()

    assert bench.set({"cell 3": 3.4, "temperature 1": 30.0, "current": 5.0, "cell 1": 3.3}) == []

    assert bench.end_transcript() == ()


def test_cells_of_one_emulator_are_set_by_one_exchange(bench: Bench) -> None:
    commands = bench.set({"cell 1": 3.31, "cell 2": 3.31, "cell 3": 3.32, "cell 4": 3.31})

    sent = [line.split(" > ")[1] for line in bench.end_transcript() if " > " in line]
    assert sent == ["SOUR:VOLT 3.3100(@1,2,4)", "SOUR:VOLT 3.3200(@3)", "SOUR:VOLT?(@1,2,3,4)"]
    assert len({command.before_ns for command in commands}) == 1


def test_a_stack_is_set_by_its_cells_and_became_so_with_the_last(
    bench: Bench, truth: ServedTruth
) -> None:
    *cells, stack = bench.set({"stack": 14.0})
    sleep_s(bench, 0.1)

    assert [command.quantity for command in cells] == ["cell 1", "cell 2", "cell 3", "cell 4"]
    assert [truth.value(f"cell {n}") for n in range(1, 5)] == pytest.approx([3.5] * 4, abs=1e-3)
    assert stack.quantity == "stack"
    assert stack.value == pytest.approx(14.0)
    assert stack.before_ns == min(command.before_ns for command in cells)
    assert stack.after_ns == max(command.after_ns for command in cells)
    assert bench.set({"stack": 14.0}) == []


def test_a_stack_is_read_and_recorded_as_the_sum_of_its_cells(
    bench: Bench, truth: ServedTruth
) -> None:
    bench.arm(Capture(quantities=("stack",), duration_s=1.0, interval_s=1e-3))
    command = bench.set({"stack": 14.0})[-1]
    sleep_s(bench, 0.5)
    (waveform,) = bench.collect()
    (reading,) = bench.read(["stack"])
    true_v = sum(truth.value(f"cell {n}") for n in range(1, 5))

    assert abs(reading.value - true_v) <= reading.accuracy < 0.05
    stack = waveform.channels["stack"]
    settled = stack.values[-50:].mean()
    assert abs(settled - true_v) <= stack.accuracy < 0.1
    crossed_ns = truth.crossing_ns("cell 1", 3.4, rising=True, since_ns=command.before_ns)
    index = int(np.argmax(stack.values > 13.6))
    assert waveform.start_ns + index * 1e6 == pytest.approx(crossed_ns, abs=3e6)
    bench.nominal()


def test_a_stack_beyond_what_a_cell_bears_is_not_commanded(bench: Bench) -> None:
    with pytest.raises(LimitError, match=r"cell 1 would be set to 4.6 V"):
        bench.set({"stack": 4 * 4.6})


def test_a_value_beyond_the_limits_stops_the_whole_step(bench: Bench, truth: ServedTruth) -> None:
    with pytest.raises(LimitError, match=r"cell 2 would be set to 4.6 V"):
        bench.set({"cell 1": 3.5, "cell 2": 4.6})

    assert bench.end_transcript() == ()
    assert truth.value("cell 1") == pytest.approx(3.3, abs=1e-3)


@pytest.mark.parametrize("degc", [-30.0, 0.0, 45.0, 80.0])
def test_a_temperature_becomes_the_thermistors_resistance(
    bench: Bench, truth: ServedTruth, degc: float
) -> None:
    curve = bench.profile.temperatures
    assert curve is not None

    (command,) = bench.set({"temperature 1": degc})
    sleep_s(bench, command.settle_s)

    assert curve.degc_at(truth.value("ntc 1")) == pytest.approx(degc, abs=0.02)
    (reading,) = bench.read(("temperature 1",))
    assert abs(reading.value - curve.degc_at(truth.value("ntc 1"))) <= reading.accuracy


@pytest.mark.parametrize("amps", [10.0, 20.0, -15.0])
def test_current_flows_as_commanded_and_is_read_within_its_accuracy(
    bench: Bench, truth: ServedTruth, amps: float
) -> None:
    commands = bench.set({"current": amps})
    sleep_s(bench, 0.1)

    (reading,) = bench.read(("current",))

    assert commands[-1].value == amps
    assert truth.value("current") == pytest.approx(amps, abs=0.3)
    assert abs(reading.value - truth.value("current")) <= reading.accuracy + 0.03
    bench.set({"current": 0.0})
    sleep_s(bench, 0.1)
    assert truth.value("current") == pytest.approx(0.0, abs=0.2)


def test_from_charge_to_discharge_is_two_commands_through_zero(bench: Bench) -> None:
    bench.set({"current": 10.0})

    commands = bench.set({"current": -10.0})

    assert [command.value for command in commands] == [0.0, -10.0]
    assert [command.instrument for command in commands] == ["charger", "load"]


def test_the_bms_can_be_switched_off_and_on(bench: Bench, truth: ServedTruth) -> None:
    bench.set({"supply": 0.0})
    sleep_s(bench, 0.5)
    assert truth.value("aux") < 1.0
    assert bench.output_is_open("discharge path")

    bench.set({"supply": 12.0})
    sleep_s(bench, 2.0)
    assert not bench.output_is_open("discharge path")


# ---- faults -------------------------------------------------------------------------------------
def test_an_open_sense_wire_appears_while_the_other_cells_stay_live(
    bench: Bench, truth: ServedTruth
) -> None:
    begin_ns = bench.clock.now_ns()

    command = bench.fault("open", "cell 2", present=True)
    sleep_s(bench, 0.3)

    assert (command.quantity, command.value) == ("open cell 2", 1.0)
    assert command.after_ns - begin_ns < 250_000_000  # less than any undervoltage delay
    assert [truth.value(f"cell {n}") > 3.29 for n in (1, 3, 4)] == [True, True, True]
    sleep_s(bench, 2.0)
    assert bench.output_is_open("charge path")
    assert bench.output_is_open("discharge path")

    bench.fault("open", "cell 2", present=False)
    sleep_s(bench, 0.1)
    assert truth.value("cell 2") == pytest.approx(3.3, abs=2e-3)


def test_nominal_mends_what_a_case_left_broken(bench: Bench, truth: ServedTruth) -> None:
    bench.fault("open", "cell 4", present=True)
    bench.fault("short", "temperature 2", present=True)

    bench.nominal()
    sleep_s(bench, 3.0)

    assert truth.value("ntc 2") == pytest.approx(10_000.0, abs=3.0)
    assert truth.value("cell 4") == pytest.approx(3.3, abs=2e-3)
    assert not bench.output_is_open("charge path")


@pytest.mark.parametrize(("kind", "low", "high"), [("open", 1e8, math.inf), ("short", 0.0, 1.0)])
def test_a_sensor_opens_and_shorts(
    bench: Bench, truth: ServedTruth, kind: Any, low: float, high: float
) -> None:
    bench.fault(kind, "temperature 1", present=True)
    sleep_s(bench, 0.1)
    assert low <= truth.value("ntc 1") <= high

    bench.fault(kind, "temperature 1", present=False)
    sleep_s(bench, 0.1)
    assert truth.value("ntc 1") == pytest.approx(10_000.0, abs=3.0)


def test_a_cell_can_not_be_shorted_on_this_bench(bench: Bench) -> None:
    with pytest.raises(BenchError, match="can't short cell 1"):
        bench.fault("short", "cell 1", present=True)


# ---- readings and recordings --------------------------------------------------------------------
def test_readings_come_in_the_order_asked_for_and_hold_the_truth(
    bench: Bench, truth: ServedTruth
) -> None:
    names = ("pack", "cell 4", "charge path", "cell 1")

    readings = bench.read(names)

    assert tuple(reading.quantity for reading in readings) == names
    nets = {"charge path": "charge gate"}
    for reading in readings:
        true = truth.value(nets.get(reading.quantity, reading.quantity))
        assert abs(reading.value - true) <= reading.accuracy + 1e-4
        assert reading.before_ns < reading.after_ns


def test_a_cell_that_bleeds_draws_current(bench: Bench) -> None:
    bench.set({"cell 1": 3.45})
    sleep_s(bench, 4.0)

    bleeding, resting = bench.read(("bleed 1", "bleed 2"))

    assert 0.05 < bleeding.value < 0.11
    assert abs(resting.value) < 0.002


def test_a_recording_is_right_in_level_and_in_time(bench: Bench, truth: ServedTruth) -> None:
    bench.arm(
        Capture(
            quantities=("cell 1", "charge path", "current", "temperature 1"),
            duration_s=3.0,
            interval_s=1e-4,
        )
    )
    since_ns = bench.clock.now_ns()
    bench.set({"cell 1": 3.55})
    sleep_s(bench, 0.2)

    (waveform,) = bench.collect()

    assert set(waveform.channels) == {"cell 1", "charge path", "current"}
    cell = waveform.channels["cell 1"]
    step = int(np.argmax(cell.values > 3.4))
    read_ns = waveform.start_ns + step * waveform.interval_s * 1e9
    true_ns = truth.crossing_ns("cell 1", 3.4, rising=True, since_ns=since_ns)
    assert abs(read_ns - true_ns) / 1e9 <= math.sqrt(3.0) * waveform.start_u_s + 1e-4
    assert waveform.start_u_s < 10e-3
    assert cell.values[-500:].mean() == pytest.approx(truth.value("cell 1"), abs=cell.accuracy)
    assert cell.accuracy < 6e-3  # without the correction it would be 0.2 V
    current = waveform.channels["current"]
    assert current.values.mean() == pytest.approx(truth.value("current"), abs=0.2)


def test_the_start_of_a_record_lies_in_its_interval_every_time(
    bench: Bench, truth: ServedTruth
) -> None:
    errors_s, widths_s = [], []
    for i in range(12):
        bench.arm(Capture(quantities=("cell 1",), duration_s=0.5, interval_s=1e-4))
        since_ns = bench.clock.now_ns()
        bench.set({"cell 1": 3.5 if i % 2 == 0 else 3.3})
        sleep_s(bench, 0.05)
        (waveform,) = bench.collect()
        values = waveform.channels["cell 1"].values
        rising = i % 2 == 0
        step = int(np.argmax(values > 3.4 if rising else values < 3.4))
        read_ns = waveform.start_ns + step * waveform.interval_s * 1e9
        true_ns = truth.crossing_ns("cell 1", 3.4, rising=rising, since_ns=since_ns)
        errors_s.append(abs(read_ns - true_ns) / 1e9)
        widths_s.append(math.sqrt(3.0) * waveform.start_u_s + 2e-4)

    assert all(error <= width for error, width in zip(errors_s, widths_s, strict=True))
    assert max(errors_s) > 0.05 * max(widths_s)  # and the interval is not far too wide


@pytest.mark.parametrize("link", ["afe link", "can bus"])
@pytest.mark.parametrize("kind", ["open", "short"])
def test_a_link_that_a_case_left_faulty_is_mended_before_the_next(
    bench: Bench, kind: Literal["open", "short"], link: str
) -> None:
    command = bench.fault(kind, link, present=True)
    bench.begin_transcript()

    bench.nominal()

    assert (command.quantity, command.value) == (f"{kind} {link}", 1.0)
    assert [line for line in bench.end_transcript() if "ROUT:OPEN" in line]


# ---- safe state ---------------------------------------------------------------------------------
def test_safe_is_charger_load_supply_and_cells_from_the_top(
    bench: Bench, truth: ServedTruth
) -> None:
    bench.set({"current": 10.0})
    bench.begin_transcript()

    bench.make_safe()
    sleep_s(bench, 1.0)

    off = [
        line.split(" ", 1)[1]
        for line in bench.end_transcript()
        if line.endswith((" 0", "OUTP 0,(@2)")) and " > " in line
    ]
    assert off == [
        "charger > OUTP:STAT 0",
        "load > INP 0",
        "aux > OUTP 0,(@2)",
        *(f"emulator > OUTP{n}:ONOFF 0" for n in (4, 3, 2, 1)),
    ]
    assert [round(truth.value(f"cell {n}"), 3) for n in (1, 2, 3, 4)] == [0.0] * 4
    assert truth.value("current") == 0.0


def test_safe_reaches_the_others_and_comes_back_after_a_session_was_lost(
    bench: Bench, truth: ServedTruth
) -> None:
    bench.set({"current": 10.0})
    session = bench._rack.sessions["charger"]
    session.close()
    with pytest.raises(BenchError, match="session is closed"):
        bench.set({"current": 12.0})

    bench.make_safe()
    sleep_s(bench, 0.5)

    assert truth.value("current") == 0.0
    assert session.is_open


def test_protections_are_programmed_before_the_first_output(
    parts: tuple[Bench, ServedTruth],
) -> None:
    emulator = parts[0]._rack.sessions["emulator"]
    aux = parts[0]._rack.sessions["aux"]

    assert emulator.query_numbers("PRO:VOLT?(@1,4)", 2) == pytest.approx([4.725, 4.725])
    assert emulator.query_numbers("PRO:CURR?(@1,4)", 2) == pytest.approx([1000.0, 1000.0])
    assert aux.query_number("VOLT:PROT? (@2)") == pytest.approx(12.6)
    assert aux.query("CURR:PROT:STAT? (@2)") == "1"


def test_a_bench_that_is_not_wired_for_the_bms_is_refused() -> None:
    description = load_bench("virtual-pbmslsuite-o")

    with (
        pytest.raises(DescriptionError, match="nothing feeds temperature 2, current"),
        connect(description, load_profile("esp32-4s")),
    ):
        pass
