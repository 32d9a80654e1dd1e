"""Charger, auxiliary supply and load: their dialects, protections and figures."""

import socket

import pytest

from rig.virtual.instruments import AuxSupply, Charger, ElectronicLoad, ScpiServer
from rig.virtual.instruments.keysight_e36312a import SET_ACCURACY
from rig.virtual.instruments.tdk_genesys import CURRENT_ACCURACY, VOLTAGE_ACCURACY
from rig.virtual.kernel import Kernel
from rig.virtual.loop import Loop
from tests.virtual.instruments.desk import MS, Desk


class DrivenTerminals:
    """What a supply or load drives: holds the set points, and the terminals as told."""

    def __init__(self) -> None:
        self.calls: list[tuple[bool, float, float]] = []
        self.at = (0.0, 0.0)

    def apply(self, on: bool, first: float, second: float) -> None:  # noqa: FBT001
        self.calls.append((on, first, second))

    def measure(self) -> tuple[float, float]:
        return self.at


@pytest.fixture
def output() -> DrivenTerminals:
    return DrivenTerminals()


@pytest.fixture
def charger(desk: Desk, output: DrivenTerminals) -> Charger:
    return Charger(desk.kernel, desk.clock, desk.rng(), apply=output.apply, measure=output.measure)


@pytest.fixture
def load(desk: Desk, output: DrivenTerminals) -> ElectronicLoad:
    return ElectronicLoad(
        desk.kernel, desk.clock, desk.rng(), apply=output.apply, measure=output.measure
    )


# TDK-Lambda Genesys+


def test_a_genesys_ends_replies_with_cr_lf(desk: Desk, charger: Charger) -> None:
    assert desk.ask_raw(charger, "OUTP:STAT?") == b"0\r\n"
    assert desk.ask_raw(charger, "SYST:ERR?") == b'0,"No error"\r\n'


def test_a_charger_ramps_to_its_set_points(
    desk: Desk, charger: Charger, output: DrivenTerminals
) -> None:
    desk.do(charger, "VOLT 14.6", "CURR 10", "OUTP:STAT 1")

    on, volts, amps = output.calls[-1]

    assert on
    assert abs(volts - 14.6) <= VOLTAGE_ACCURACY.limit(14.6) + 0.0012
    assert abs(amps - 10.0) <= CURRENT_ACCURACY.limit(10.0) + 0.0045
    assert len([c for c in output.calls if c[0]]) == 20
    assert sorted(c[1] for c in output.calls) == [c[1] for c in output.calls]


def test_over_voltage_protection_must_stay_five_percent_above(desk: Desk, charger: Charger) -> None:
    desk.do(charger, "VOLT:PROT 15", "VOLT 14.6")
    assert desk.ask(charger, "SYST:ERR?") == '301,"PV Above OVP;06"'

    desk.do(charger, "VOLT 14", "VOLT:PROT 14.2")

    assert desk.ask(charger, "SYST:ERR?") == '304,"OVP Below PV;06"'
    assert desk.ask(charger, "VOLT:PROT?") == "15.000"


def test_a_pack_above_the_limit_trips_the_charger(
    desk: Desk, charger: Charger, output: DrivenTerminals
) -> None:
    desk.do(charger, "VOLT:PROT 15", "VOLT 14")
    output.at = (15.2, 0.0)
    desk.do(charger, "OUTP:STAT 1")

    assert output.calls[-1] == (False, 0.0, 0.0)
    assert desk.ask(charger, "VOLT:PROT:TRIP?") == "1"
    desk.do(charger, "*CLS", "OUTP:STAT 1")
    assert desk.ask(charger, "SYST:ERR?") == '307,"On During Fault;06"'
    output.at = (14.0, 0.0)
    desk.do(charger, "OUTP:PROT:CLE", "OUTP:STAT 1")
    assert desk.ask(charger, "OUTP:STAT?") == "1"


def test_a_silent_client_is_bitten_by_the_watchdog(
    desk: Desk, charger: Charger, output: DrivenTerminals
) -> None:
    desk.do(charger, "SYST:COMM:WATCH:TIM 2", "SYST:COMM:WATCH:STAT 1", "VOLT 14", "OUTP:STAT 1")
    assert output.calls[-1][0]
    desk.do(charger, then_ms=1000)
    desk.do(charger, "RUBBISH", then_ms=1800)  # counts as traffic though it is no command
    assert output.calls[-1][0]

    desk.do(charger, then_ms=300)

    assert output.calls[-1] == (False, 0.0, 0.0)
    assert int(desk.ask(charger, "STAT:QUES:COND?")) & 1 << 15
    assert desk.ask(charger, "SYST:ERR?").startswith("-113")
    assert desk.ask(charger, "SYST:ERR?") == '342,"Communication Watchdog Timeout;06"'


def test_the_watchdog_counts_from_the_first_command_after_it_was_enabled(
    desk: Desk, charger: Charger, output: DrivenTerminals
) -> None:
    desk.do(charger, "OUTP:STAT 1", "SYST:COMM:WATCH:TIM 1", "SYST:COMM:WATCH:STAT 1")

    desk.do(charger, then_ms=10_000)

    assert output.calls[-1][0]


def test_the_21st_command_without_a_query_is_lost(desk: Desk, charger: Charger) -> None:
    for n in range(1, 22):
        charger.receive(desk, f"VOLT {n / 10}")

    assert desk.ask(charger, "VOLT?") == "2.000"


# Keysight E36312A


def test_aux_lists_replies_and_limits(desk: Desk) -> None:
    aux = AuxSupply(desk.kernel, desk.clock, desk.rng(), channels={2: desk.net("aux")})

    desk.do(aux, "VOLT 12,(@2,3)", "CURR 1,(@2)")

    assert desk.ask(aux, "VOLT? (@2:3)") == "+1.20000000E+01,+1.20000000E+01"
    assert desk.ask(aux, "VOLT? MAX,(@1)") == "+6.18000000E+00"
    assert desk.ask(aux, "OUTP? (@2)") == "0"
    assert desk.ask(aux, "SYST:ERR?") == '+0,"No error"'
    desk.do(aux, "VOLT 7,(@1)")
    assert desk.ask(aux, "SYST:ERR?") == '-222,"Data out of range"'


def test_aux_rises_fast_and_falls_slowly(desk: Desk) -> None:
    net = desk.net("aux")
    aux = AuxSupply(desk.kernel, desk.clock, desk.rng(), channels={2: net})
    desk.do(aux, "VOLT 12,(@2)", "OUTP 1,(@2)", then_ms=2000)
    full = net.value()
    assert abs(full - 12.0) <= SET_ACCURACY.limit(12.0)
    desk.do(aux, "OUTP 0,(@2)", then_ms=2000)

    rise = net.crossings(0.99 * full, rising=True)[0] - net.crossings(0.001, rising=True)[0]
    fall = net.crossings(0.01 * full, rising=False)[0] - net.crossings(full - 1e-3, rising=False)[0]

    assert 45 * MS < rise < 55 * MS
    assert 200 * MS < fall < 400 * MS


def test_aux_over_voltage_trips_and_clearing_restores_the_output(desk: Desk) -> None:
    net = desk.net("aux")
    aux = AuxSupply(desk.kernel, desk.clock, desk.rng(), channels={2: net})
    desk.do(aux, "VOLT 12,(@2)", "OUTP ON,(@2)", "VOLT:PROT 13,(@2)", "VOLT 14,(@2)", then_ms=2000)
    assert desk.ask(aux, "VOLT:PROT:TRIP? (@2)") == "1"
    assert desk.ask(aux, "OUTP? (@2)") == "1"
    assert net.value() < 0.01

    desk.do(aux, "VOLT 0,(@2)", "VOLT:PROT:CLE (@2)")

    assert desk.ask(aux, "VOLT:PROT:TRIP? (@2)") == "0"
    assert net.value() < 0.01


# ITECH IT8514C+


def test_a_load_draws_what_it_is_told_at_its_slew(
    desk: Desk, load: ElectronicLoad, output: DrivenTerminals
) -> None:
    desk.do(load, "SYST:REM", "FUNC CURR", "CURR:SLEW 1", "CURR 85", "INP 1")

    on, amps, slew = output.calls[-1]

    assert on
    assert amps == pytest.approx(85.0, abs=85 * 5e-4 + 240 * 5e-4)
    assert slew == 1e6
    assert desk.ask(load, "CURR?") == "85.000"
    assert desk.ask(load, "SYST:ERR?") == "0,'No Error'"


def test_a_load_switches_off_after_its_over_current_delay(
    desk: Desk, load: ElectronicLoad, output: DrivenTerminals
) -> None:
    desk.do(load, "CURR:PROT 50;PROT:DEL 0.2;STAT 1", "CURR 60", "INP 1", then_ms=0)
    output.at = (13.0, 60.0)
    start_ns = desk.kernel.now_ns

    while output.calls[-1][0] and desk.kernel.now_ns < start_ns + 500 * MS:
        desk.kernel.run_until(desk.kernel.now_ns + MS)

    assert 200 * MS <= desk.kernel.now_ns - start_ns <= 221 * MS
    desk.do(load, "INP 1")
    assert desk.ask(load, "INP?") == "0"
    output.at = (13.0, 0.0)
    desk.do(load, "INP:PROT:CLE", "INP 1")
    assert desk.ask(load, "INP?") == "1"


def test_a_load_keeps_its_range_while_it_is_on(desk: Desk, load: ElectronicLoad) -> None:
    desk.do(load, "CURR:RANG 24", "INP 1", "CURR:RANG 240", "CURR 30")

    assert desk.ask(load, "SYST:ERR?").startswith("-221")
    assert desk.ask(load, "SYST:ERR?").startswith("-222")


def test_a_load_refuses_a_mode_that_it_does_not_model(desk: Desk, load: ElectronicLoad) -> None:
    desk.do(load, "FUNC VOLT")

    assert desk.ask(load, "SYST:ERR?").startswith("-224")


def test_a_client_may_come_as_soon_as_the_one_before_has_hung_up(charger: Charger) -> None:
    """However late the bench looks: it sees the new client before the old one's end."""
    loop = Loop(Kernel())
    server = ScpiServer(loop, charger)
    first = socket.create_connection(("127.0.0.1", server.port))
    loop._poll(1.0)
    first.sendall(b"VOLT 5\r")
    first.close()
    second = socket.create_connection(("127.0.0.1", server.port))

    loop._poll(1.0)

    second.settimeout(0.1)
    with pytest.raises(TimeoutError):  # it is not hung up on
        second.recv(1)
    second.close()
    loop.close()
