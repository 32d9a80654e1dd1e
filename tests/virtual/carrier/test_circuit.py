"""The power path: who conducts, how much, and when exactly it stops."""

from dataclasses import dataclass

import pytest

from rig.virtual.carrier.board import Board
from rig.virtual.carrier.circuit import DIODE_V, FET_OHMS, LOAD_DETECT_V, PowerPath
from rig.virtual.cells import LFP_20AH, CellString
from rig.virtual.kernel import Kernel

EMF_V = 4 * 3.265
GATE_SLEW = 12.0 / 50e-6


@dataclass
class Rig:
    kernel: Kernel
    board: Board
    path: PowerPath

    def gate(self, name: str, on: int) -> None:
        self.board.nets[f"{name} gate"].approach(12.0 * on, slew=GATE_SLEW)

    def wait(self, seconds: float) -> None:
        self.kernel.run_until(self.kernel.now_ns + round(seconds * 1e9))

    def amps(self) -> float:
        return self.board.nets["current"].value()

    def volts(self) -> float:
        return self.board.nets["pack terminal"].value()

    def pack(self) -> float:
        return self.board.nets["pack"].value()


@pytest.fixture
def rig() -> Rig:
    kernel = Kernel()
    board = Board(kernel)
    for name, unit in (
        ("current", "A"),
        ("pack", "V"),
        ("charge gate", "V"),
        ("discharge gate", "V"),
    ):
        board.add(name, unit, 0.0)
    return Rig(kernel, board, PowerPath(kernel, board, CellString(LFP_20AH, 4)))


@pytest.fixture
def closed(rig: Rig) -> Rig:
    rig.gate("charge", 1)
    rig.gate("discharge", 1)
    rig.wait(0.01)
    return rig


def test_an_open_pack_is_seen_by_its_bms_and_not_at_its_terminals(rig: Rig) -> None:
    rig.wait(1.0)
    assert (rig.amps(), rig.volts()) == (0.0, LOAD_DETECT_V)
    assert rig.pack() == pytest.approx(EMF_V, abs=0.01)


def test_a_load_on_a_blocked_pack_pulls_its_load_detection_down(rig: Rig) -> None:
    rig.path.load_set(on=True, amps=90.0, slew_a_per_s=1e6)
    rig.wait(0.1)
    assert (rig.amps(), rig.volts()) == (0.0, 0.0)
    rig.path.load_set(on=True, amps=0.0, slew_a_per_s=1e6)
    rig.wait(0.1)
    assert rig.volts() == LOAD_DETECT_V


def test_the_pack_is_measured_before_the_fets(closed: Rig) -> None:
    closed.path.load_set(on=True, amps=20.0, slew_a_per_s=1e6)
    closed.wait(0.1)
    assert closed.pack() - closed.volts() == pytest.approx(20.0 * 2.0 * FET_OHMS)


def test_a_closed_pack_shows_its_open_circuit_voltage(closed: Rig) -> None:
    assert (closed.amps(), closed.volts()) == pytest.approx((0.0, EMF_V))


def test_charging_starts_at_constant_current(closed: Rig) -> None:
    closed.path.charger_set(on=True, volts=14.6, amps=10.0)
    closed.wait(0.1)
    assert closed.amps() == pytest.approx(10.0)
    assert closed.volts() > EMF_V
    assert closed.path.charger_measure() == pytest.approx((closed.volts(), 10.0))


def test_near_the_set_voltage_the_charger_holds_it(closed: Rig) -> None:
    closed.path.charger_set(on=True, volts=13.2, amps=75.0)
    closed.wait(0.1)
    assert closed.volts() == pytest.approx(13.2)
    first_a = closed.amps()
    closed.wait(60.0)
    assert 0.0 < closed.amps() < first_a


def test_a_charger_set_below_the_pack_gives_nothing(closed: Rig) -> None:
    closed.path.charger_set(on=True, volts=12.0, amps=10.0)
    closed.wait(0.1)
    assert (closed.amps(), closed.volts()) == pytest.approx((0.0, EMF_V))


def test_the_load_draws_its_current_at_its_slew(closed: Rig) -> None:
    start_ns = closed.kernel.now_ns
    closed.path.load_set(on=True, amps=90.0, slew_a_per_s=1e6)
    closed.wait(0.1)
    assert closed.amps() == pytest.approx(-90.0)
    assert closed.board.nets["current"].crossings(-45.0, rising=False) == [start_ns + 45_000]
    assert closed.path.load_measure() == pytest.approx((closed.volts(), 90.0))


def test_charger_and_load_share_the_pack(closed: Rig) -> None:
    closed.path.charger_set(on=True, volts=14.6, amps=10.0)
    closed.path.load_set(on=True, amps=4.0, slew_a_per_s=1e6)
    closed.wait(0.1)
    assert closed.amps() == pytest.approx(6.0)


def test_a_load_beyond_everything_pulls_the_terminals_down(closed: Rig) -> None:
    closed.path.load_set(on=True, amps=1e5, slew_a_per_s=1e9)
    closed.wait(0.1)
    assert closed.volts() == 0.0
    assert -1e5 < closed.amps() < -1000.0


def test_the_current_stops_when_its_gate_falls_through_six_volts(closed: Rig) -> None:
    closed.path.load_set(on=True, amps=20.0, slew_a_per_s=1e6)
    closed.wait(1.0)
    start_ns = closed.kernel.now_ns
    closed.gate("discharge", 0)
    closed.wait(1.0)
    (stop_ns,) = closed.board.nets["current"].crossings(-19.99, rising=True, since_ns=start_ns)
    assert start_ns + 25_000 <= stop_ns < start_ns + 26_000
    assert (closed.amps(), closed.volts()) == (0.0, 0.0)
    assert closed.pack() == pytest.approx(EMF_V, abs=0.1)


def test_an_open_charge_path_lets_discharge_pass_through_its_body_diode(closed: Rig) -> None:
    closed.gate("charge", 0)
    closed.path.load_set(on=True, amps=5.0, slew_a_per_s=1e6)
    closed.wait(0.1)
    assert closed.amps() == pytest.approx(-5.0)
    assert closed.volts() == pytest.approx(EMF_V - DIODE_V, abs=0.1)
    closed.path.load_set(on=False, amps=0.0, slew_a_per_s=1e6)
    closed.path.charger_set(on=True, volts=14.6, amps=5.0)
    closed.wait(0.1)
    assert closed.amps() == 0.0
    assert closed.volts() == pytest.approx(14.6)


def test_an_open_discharge_path_lets_charge_pass_through_its_body_diode(closed: Rig) -> None:
    closed.gate("discharge", 0)
    closed.path.charger_set(on=True, volts=14.6, amps=5.0)
    closed.wait(0.1)
    assert closed.amps() == pytest.approx(5.0)
    assert closed.volts() == pytest.approx(EMF_V + DIODE_V, abs=0.1)


def test_an_open_pack_leaves_the_terminals_to_the_charger(rig: Rig) -> None:
    rig.path.charger_set(on=True, volts=14.6, amps=5.0)
    rig.wait(0.1)
    assert (rig.amps(), rig.volts()) == pytest.approx((0.0, 14.6))
    rig.path.load_set(on=True, amps=8.0, slew_a_per_s=1e6)
    rig.wait(0.1)
    assert rig.volts() == 0.0
    assert rig.path.load_measure()[1] == pytest.approx(5.0)


def test_charge_that_flows_is_counted_whatever_interrupts_it(closed: Rig) -> None:
    battery = closed.path._battery
    before = battery.soc()[0]
    closed.path.load_set(on=True, amps=20.0, slew_a_per_s=1e6)
    closed.wait(36.05)
    closed.gate("discharge", 0)
    closed.wait(10.0)
    closed.path.load_set(on=False, amps=0.0, slew_a_per_s=1e6)
    assert before - battery.soc()[0] == pytest.approx(20.0 * 36.05 / 3600 / 20.0, rel=1e-5)


def test_a_battery_at_rest_costs_no_events(closed: Rig) -> None:
    closed.path.load_set(on=True, amps=20.0, slew_a_per_s=1e6)
    closed.wait(1.0)
    closed.path.load_set(on=False, amps=0.0, slew_a_per_s=1e6)
    closed.wait(7200.0)
    assert closed.kernel.next_due_ns() is None
