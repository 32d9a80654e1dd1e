"""The scanning meter: scan lists, integration, ranges, and Keysight's numbers."""

import pytest

from rig.virtual.instruments import ScannerDmm
from rig.virtual.instruments.keysight_daq970a import ACCURACY
from rig.virtual.signal import Signal
from tests.virtual.instruments.desk import MS, Desk


@pytest.fixture
def nets(desk: Desk) -> dict[int, Signal]:
    return {100 + n: desk.net(f"cell {n}", 3.2 + n / 100) for n in range(1, 5)}


@pytest.fixture
def meter(desk: Desk, nets: dict[int, Signal]) -> ScannerDmm:
    return ScannerDmm(desk.kernel, desk.clock, desk.rng(), channels=nets)


def test_a_reading_of_4_25_v_is_within_its_one_year_limit(
    desk: Desk, meter: ScannerDmm, nets: dict[int, Signal]
) -> None:
    nets[101].jump(4.25)

    text = desk.ask(meter, "MEAS:VOLT:DC? (@101)")

    assert ACCURACY[10.0].limit(4.25) == pytest.approx(0.1675e-3)  # 0.0030 % + 0.0004 % of 10 V
    assert float(text) == pytest.approx(4.25, abs=0.1675e-3 + 5e-5)
    assert len(text) == len("+4.25000000E+00")
    assert text.startswith("+4.2")


def test_a_scan_reads_its_channels_in_order_one_after_the_other(
    desk: Desk, meter: ScannerDmm
) -> None:
    desk.do(meter, "CONF:VOLT:DC 10,(@101:104)", "VOLT:DC:NPLC 1,(@101:104)")
    start_ns = desk.kernel.now_ns

    readings = desk.numbers(meter, "READ?")

    assert readings == pytest.approx([3.21, 3.22, 3.23, 3.24], abs=3e-4)
    assert desk.kernel.now_ns - start_ns >= 4 * 25 * MS
    assert desk.ask(meter, "ROUT:SCAN?") == "#218(@101,102,103,104)"
    assert desk.numbers(meter, "FETC?") == readings


def test_a_reading_is_the_mean_over_its_integration_time(
    desk: Desk, meter: ScannerDmm, nets: dict[int, Signal]
) -> None:
    desk.do(meter, "CONF:VOLT:DC 10,(@101)", "VOLT:NPLC 10,(@101)")
    nets[101].jump(2.0)
    meter.receive(desk, "READ?")
    due_ns = meter.busy()
    assert due_ns is not None
    desk.kernel.run_until(due_ns - 100 * MS)  # half of the 200 ms window
    nets[101].jump(4.0)

    desk.replies.clear()
    desk.kernel.run_until(due_ns)

    assert float(desk.replies[0]) == pytest.approx(3.0, abs=0.05)


def test_an_overload_reads_infinity_and_is_no_error(
    desk: Desk, meter: ScannerDmm, nets: dict[int, Signal]
) -> None:
    nets[102].jump(float("nan"))
    desk.do(meter, "*CLS", "CONF:VOLT:DC 1,(@101,102)")

    assert desk.ask(meter, "READ?") == "+9.90000000E+37,+9.90000000E+37"
    assert desk.ask(meter, "SYST:ERR?") == '+0,"No error"'
    assert desk.ask(meter, "STAT:QUES?") == "+1"


def test_the_monitor_without_data_reads_not_a_number(desk: Desk, meter: ScannerDmm) -> None:
    assert float(desk.ask(meter, "ROUT:MON:DATA?")) == 9.91e37


def test_measuring_overwrites_the_scan_list(desk: Desk, meter: ScannerDmm) -> None:
    desk.do(meter, "ROUT:SCAN (@101:103)")

    desk.ask(meter, "MEAS:VOLT:DC? (@104)")

    assert desk.ask(meter, "ROUT:SCAN:SIZE?") == "+1"


@pytest.mark.parametrize(
    ("text", "error"),
    [("ROUT:SCAN (@121)", "-222"), ("CONF:VOLT:DC", "-109"), ("CONF:CURR:DC (@101)", "-113")],
)
def test_what_it_cannot_do_is_in_the_queue(
    desk: Desk, meter: ScannerDmm, text: str, error: str
) -> None:
    desk.do(meter, text)

    assert desk.ask(meter, "SYST:ERR?").startswith(error)


def test_nothing_to_fetch_is_an_error_and_no_answer(desk: Desk, meter: ScannerDmm) -> None:
    assert desk.ask_raw(meter, "FETC?") == b""
    assert desk.ask(meter, "SYST:ERR?") == '-230,"Data stale"'


@pytest.fixture
def moves() -> list[tuple[int, bool]]:
    return []


@pytest.fixture
def actuator(desk: Desk, moves: list[tuple[int, bool]]) -> ScannerDmm:
    relays = {n: lambda to, n=n: moves.append((n, to)) for n in (201, 202)}
    return ScannerDmm(desk.kernel, desk.clock, desk.rng(), channels={}, relays=relays)


def test_a_relay_has_moved_some_milliseconds_after_its_command(
    desk: Desk, actuator: ScannerDmm, moves: list[tuple[int, bool]]
) -> None:
    assert desk.ask(actuator, "ROUT:CLOS (@201);CLOS? (@201,202)") == "1,0"
    desk.kernel.run_until(desk.kernel.now_ns + 7 * MS)

    assert moves == [(201, True)]
    assert desk.ask(actuator, "ROUT:OPEN? (@201,202)") == "0,1"


def test_a_reset_lets_every_relay_go(
    desk: Desk, actuator: ScannerDmm, moves: list[tuple[int, bool]]
) -> None:
    desk.do(actuator, "ROUT:CLOS (@201,202)")
    desk.kernel.run_until(desk.kernel.now_ns + 7 * MS)

    desk.do(actuator, "*RST")
    desk.kernel.run_until(desk.kernel.now_ns + 7 * MS)

    assert sorted(moves[2:]) == [(201, False), (202, False)]


def test_a_channel_of_the_multiplexer_is_no_relay(desk: Desk, actuator: ScannerDmm) -> None:
    desk.do(actuator, "ROUT:CLOS (@101)")

    assert desk.ask(actuator, "SYST:ERR?").startswith("-222")


def test_without_relays_there_is_no_actuator_card(desk: Desk, meter: ScannerDmm) -> None:
    assert desk.ask(meter, "SYST:CTYP? 200") == "Keysight Technologies,0,0,0"
