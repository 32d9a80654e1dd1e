"""Each protection of the reference BMS against its claim, at random phases of its tasks."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest

from rig.virtual.guests.reference.protections import BIT
from rig.virtual.seeds import stream
from tests.virtual.guests.desk import MS, Desk, S, a_reference
from tests.virtual.guests.host import HOST_ALIVE, host_alive

CHARGE, DISCHARGE = "charge gate", "discharge gate"
PHASES = range(6)


def ohm_at(degc: float) -> float:
    """Resistance of the 10 k sensor, B 3435."""
    return 10_000.0 * math.exp(3435.0 * (1.0 / (degc + 273.15) - 1.0 / 298.15))


@dataclass(frozen=True)
class ProtectionClaim:
    """One row of the data sheet, and how to provoke it just beyond the threshold."""

    net: str
    beyond: float  # threshold plus 20 mV, 1 A or 3 K
    inside: float  # threshold less the tolerance: must not trip
    between: float  # past the release but not the recovery level: must not recover
    healthy: float
    flag: str
    opens: tuple[str, ...]
    shortest_s: float
    longest_s: float
    margin_s: float
    recovers_s: float = 2.0

    def step(self, desk: Desk, value: float) -> int:
        desk.board.nets[self.net].jump(value)
        return desk.kernel.now_ns


def cell(beyond: float, inside: float, between: float, flag: str, opens: str) -> ProtectionClaim:
    return ProtectionClaim("cell 3", beyond, inside, between, 3.30, flag, (opens,), 0.9, 1.1, 0.020)


def amps(
    beyond: float, inside: float, flag: str, opens: str, window: tuple[float, float]
) -> ProtectionClaim:
    margin_s = max(0.015, 0.1 * (window[1] - window[0]))
    between = math.copysign(1.2, beyond)
    return ProtectionClaim(
        "current", beyond, inside, between, 0.0, flag, (opens,), *window, margin_s, 5.0
    )


def heat(beyond: float, inside: float, between: float, flag: str, opens: str) -> ProtectionClaim:
    levels = (ohm_at(beyond), ohm_at(inside), ohm_at(between), 10_000.0)
    return ProtectionClaim("ntc 2", *levels, flag, (opens,), 1.8, 2.2, 0.040)


CLAIMS = {
    "OVP": cell(3.67, 3.640, 3.52, "OV", CHARGE),
    "UVP": cell(2.48, 2.510, 2.98, "UV", DISCHARGE),
    "OCC1": amps(23.0, 21.5, "OCC", CHARGE, (0.9, 1.1)),
    "OCC2": amps(31.0, 29.5, "OCC", CHARGE, (0.12, 0.20)),
    "OCD1": amps(-31.0, -29.5, "OCD", DISCHARGE, (1.15, 1.41)),
    "OCD2": amps(-51.0, -49.5, "OCD", DISCHARGE, (0.12, 0.20)),
    "OTC": heat(48.0, 43.5, 42.0, "OTC", CHARGE),
    "OTD": heat(63.0, 58.5, 57.0, "OTD", DISCHARGE),
    "UTC": heat(-3.0, 1.5, 3.0, "UTC", CHARGE),
    "UTD": heat(-23.0, -18.5, -17.0, "UTD", DISCHARGE),
    "TSO": ProtectionClaim("ntc 1", math.inf, ohm_at(-40), 1e9, 1e4, "SensorOpen",
                   (CHARGE, DISCHARGE), 0.0, 1.0, 0.2),
    "TSS": ProtectionClaim("ntc 1", 0.0, ohm_at(40), 50.0, 1e4, "SensorShort",
                   (CHARGE, DISCHARGE), 0.0, 1.0, 0.2),
}  # fmt: skip


def at_a_random_phase(seed: int) -> Desk:
    desk = a_reference(seed)
    desk.run(stream(seed, "phase").uniform(0.0, 1.0))
    return desk


@pytest.mark.parametrize("seed", PHASES)
@pytest.mark.parametrize("short", CLAIMS)
def test_it_trips_inside_the_promised_window_with_a_margin(short: str, seed: int) -> None:
    claim = CLAIMS[short]
    desk = at_a_random_phase(seed)

    began_ns = claim.step(desk, claim.beyond)
    desk.run(claim.longest_s + 0.1)

    for gate in claim.opens:
        (opened_ns,) = desk.times(gate, 6.0, rising=False, since_ns=began_ns)
        trip_s = (opened_ns - began_ns) / S
        assert claim.shortest_s + claim.margin_s <= trip_s
        assert trip_s <= claim.longest_s - claim.margin_s
    assert short in {trip["protection"] for trip in desk.noted("trip")}


@pytest.mark.parametrize("short", CLAIMS)
def test_it_opens_its_own_path_only_and_says_so_on_can_and_console(short: str) -> None:
    claim = CLAIMS[short]
    desk = at_a_random_phase(3)

    began_ns = claim.step(desk, claim.beyond)
    desk.run(claim.longest_s + 0.15)

    opened = {gate for gate in (CHARGE, DISCHARGE) if desk.value(gate) == 0.0}
    colder = {"UTD": {CHARGE}, "OTD": {CHARGE}}.get(short, set())  # OTC, UTC trip as well
    assert opened == {*claim.opens, *colder}
    trip_ns = next(t for t, name, _ in desk.notes if name == "trip")
    flagged_ns = [
        frame.time_ns
        for frame in desk.pins.frames
        if frame.can_id == 0x100 and int.from_bytes(frame.data[2:4], "little") & BIT[claim.flag]
    ]
    assert 0 <= flagged_ns[0] - trip_ns <= 105 * MS
    assert f") prot: {short}" in desk.console(began_ns)


@pytest.mark.parametrize("seed", PHASES[:3])
@pytest.mark.parametrize("short", CLAIMS)
def test_it_does_not_trip_just_inside_the_threshold(short: str, seed: int) -> None:
    claim = CLAIMS[short]
    desk = at_a_random_phase(seed)

    claim.step(desk, claim.inside)
    desk.run(6.0)

    # Just inside a higher level the lower one of the same kind trips, and rightly so; and one cell
    # near its limit is more than 300 mV away from the others.
    others = {"OCC2": {"OCC1"}, "OCD2": {"OCD1"}, "OTD": {"OTC"}, "UTD": {"UTC"}}
    others |= {"OVP": {"VIM"}, "UVP": {"VIM"}}
    tripped = {trip["protection"] for trip in desk.noted("trip")}
    assert tripped == others.get(short, {"UTC", "UTD"} if short == "TSO" else set())


@pytest.mark.parametrize("short", [s for s in CLAIMS if not s.startswith("TS")])
def test_it_does_not_recover_short_of_the_recovery_level(short: str) -> None:
    claim = CLAIMS[short]
    desk = at_a_random_phase(2)
    claim.step(desk, claim.beyond)
    desk.run(claim.longest_s)

    claim.step(desk, claim.between)
    desk.run(claim.recovers_s + 1.0)

    assert all(desk.value(gate) == 0.0 for gate in claim.opens)


@pytest.mark.parametrize("seed", PHASES[:4])
@pytest.mark.parametrize("short", CLAIMS)
def test_it_recovers_once_the_value_was_good_for_the_stated_time(short: str, seed: int) -> None:
    claim = CLAIMS[short]
    desk = at_a_random_phase(seed)
    claim.step(desk, claim.beyond)
    desk.run(claim.longest_s + 1.0)

    back_ns = claim.step(desk, claim.healthy)
    desk.run(claim.recovers_s + 0.2)

    for gate in claim.opens:
        (closed_ns,) = desk.times(gate, 6.0, rising=True, since_ns=back_ns)
        assert 0.0 <= (closed_ns - back_ns) / S - claim.recovers_s <= 0.075
    assert f") prot: {short} cleared" in desk.console(back_ns)


@pytest.mark.parametrize("seed", PHASES)
def test_a_dip_of_one_scan_starts_the_delay_again(seed: int) -> None:
    desk = at_a_random_phase(seed)

    for _ in range(3):
        desk.set(cell_3=3.70)
        desk.run(0.85)
        desk.set(cell_3=3.40)
        desk.run(0.05)

    assert desk.value(CHARGE) == 12.0


@pytest.mark.parametrize("seed", PHASES)
@pytest.mark.parametrize("amps", [-84.5, -200.0])
def test_a_short_circuit_opens_within_its_microseconds_and_latches(seed: int, amps: float) -> None:
    desk = at_a_random_phase(seed)

    began_ns = desk.kernel.now_ns
    desk.set(current=amps)
    desk.run(0.05)
    desk.set(current=0.0)
    desk.run(8.0)

    (opened_ns,) = desk.times(DISCHARGE, 6.0, rising=False, since_ns=began_ns)
    assert 220e3 <= opened_ns - began_ns <= 480e3
    assert desk.value(DISCHARGE) == 0.0
    assert desk.value(CHARGE) == 12.0


def test_a_surge_shorter_than_the_comparators_delay_is_let_through() -> None:
    desk = at_a_random_phase(1)

    desk.set(current=-90.0)
    desk.run(200e-6)
    desk.set(current=0.0)
    desk.run(1.0)

    assert desk.value(DISCHARGE) == 12.0


def a_shorted_desk() -> Desk:
    desk = at_a_random_phase(4)
    desk.set(current=-100.0)
    desk.run(0.05)
    desk.set(current=0.0)
    desk.run(1.0)
    assert desk.value(DISCHARGE) == 0.0
    return desk


def test_clear_faults_releases_the_latch() -> None:
    desk = a_shorted_desk()

    desk.say("clear faults")
    desk.run(0.1)

    assert desk.value(DISCHARGE) == 12.0
    assert "prot: SCD cleared\r\nOK\r\n" in desk.console()


def test_a_power_cycle_releases_the_latch_but_a_watchdog_reset_does_not() -> None:
    desk = a_shorted_desk()

    desk.say("test hang")
    desk.run(3.0)
    after_watchdog_v = desk.value(DISCHARGE), desk.value(CHARGE)
    desk.set(aux=0.0)
    desk.run(0.5)
    desk.set(aux=12.0)
    desk.run(1.5)

    assert after_watchdog_v == (0.0, 12.0)
    assert desk.value(DISCHARGE) == 12.0


def test_a_comparator_without_supply_latches_nothing() -> None:
    desk = a_reference()

    desk.set(aux=0.0)
    desk.run(0.1)
    desk.set(current=-100.0)
    desk.run(0.1)
    desk.set(current=0.0)
    desk.set(aux=12.0)
    desk.run(1.5)

    assert desk.value(DISCHARGE) == 12.0


def test_clearing_while_the_short_stays_trips_again() -> None:
    desk = a_shorted_desk()

    desk.say("clear faults")
    desk.run(0.1)
    began_ns = desk.kernel.now_ns
    desk.set(current=-100.0)
    desk.run(0.1)

    (opened_ns,) = desk.times(DISCHARGE, 6.0, rising=False, since_ns=began_ns)
    assert opened_ns - began_ns < 500e3


@pytest.mark.parametrize("seed", PHASES)
@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_a_broken_sense_wire_opens_both_paths_within_two_seconds(n: int, seed: int) -> None:
    desk = at_a_random_phase(seed)

    began_ns = desk.kernel.now_ns
    desk.board.break_wire(f"cell {n}", is_open=True)
    desk.run(2.0)

    for gate in (CHARGE, DISCHARGE):
        (opened_ns,) = desk.times(gate, 6.0, rising=False, since_ns=began_ns)
        assert 0.5 * S < opened_ns - began_ns < 1.8 * S
    assert desk.noted("trip") == [{"protection": "OW", "channel": n, "value": 1.0}]
    desk.board.break_wire(f"cell {n}", is_open=False)
    desk.run(2.1)
    assert desk.value(CHARGE) == desk.value(DISCHARGE) == 12.0


@pytest.mark.parametrize("seed", PHASES[:4])
def test_an_imbalance_warns_after_five_seconds_and_opens_nothing(seed: int) -> None:
    desk = at_a_random_phase(seed)

    began_ns = desk.kernel.now_ns
    desk.set(cell_2=3.02, cell_4=3.335)
    desk.run(6.0)

    trip_ns = next(t for t, name, _ in desk.notes if name == "trip")
    assert 4.6 * S <= trip_ns - began_ns <= 5.4 * S
    assert desk.value(CHARGE) == desk.value(DISCHARGE) == 12.0
    flags = int.from_bytes(
        [f for f in desk.pins.frames if f.can_id == 0x100][-1].data[2:4], "little"
    )
    assert flags == BIT["Imbalance"]


def test_host_alive_arms_the_time_out_with_its_first_frame_only() -> None:
    desk = a_reference()
    desk.run(5.0)

    assert desk.value(CHARGE) == 12.0


@pytest.mark.parametrize("seed", PHASES)
def test_a_missing_host_opens_the_charge_path_and_three_frames_close_it(seed: int) -> None:
    desk = at_a_random_phase(seed)
    last_ns = 0
    for counter in range(3):
        last_ns = desk.kernel.now_ns
        desk.pins.on_can(HOST_ALIVE, host_alive(counter), False)  # noqa: FBT003
        desk.run(0.2)
    desk.run(1.0)
    closings = []
    for counter in range(11, 14):
        closings.append(desk.value(CHARGE))
        desk.pins.on_can(HOST_ALIVE, host_alive(counter), False)  # noqa: FBT003
        desk.run(0.2)

    (opened_ns,) = desk.times(CHARGE, 6.0, rising=False, since_ns=last_ns)
    assert 0.92 * S <= opened_ns - last_ns <= 1.08 * S
    assert closings == [0.0, 0.0, 0.0]
    assert desk.value(CHARGE) == 12.0
    assert desk.value(DISCHARGE) == 12.0


def test_two_faults_at_once_show_both_flags_and_recover_alone() -> None:
    desk = a_reference()

    desk.set(cell_1=3.70, cell_4=2.40)
    desk.run(1.2)
    both = desk.value(CHARGE), desk.value(DISCHARGE)
    flags = int.from_bytes(
        [f for f in desk.pins.frames if f.can_id == 0x100][-1].data[2:4], "little"
    )
    desk.set(cell_1=3.30)
    desk.run(2.2)

    assert both == (0.0, 0.0)
    assert flags == BIT["OV"] | BIT["UV"] | BIT["AnyFault"]
    assert (desk.value(CHARGE), desk.value(DISCHARGE)) == (12.0, 0.0)


def test_a_second_fault_on_the_same_path_keeps_it_open_after_the_first_is_gone() -> None:
    desk = a_reference()

    desk.set(cell_1=3.70, ntc_1=ohm_at(48.0))
    desk.run(2.3)
    desk.set(cell_1=3.30)
    desk.run(2.3)

    assert desk.value(CHARGE) == 0.0
    assert "prot: OVP cleared" in desk.console()


def test_over_voltages_of_two_cells_in_turn_do_not_add_up() -> None:
    desk = a_reference()

    desk.set(cell_1=3.70)
    desk.run(0.7)
    desk.set(cell_1=3.30, cell_2=3.70)
    desk.run(0.7)

    assert desk.value(CHARGE) == 12.0


@pytest.mark.parametrize("value", [math.inf, 0.0], ids=["open", "short"])
def test_a_broken_sensor_is_no_temperature_fault(value: float) -> None:
    desk = a_reference()

    desk.set(ntc_1=value)
    desk.run(5.0)

    assert {trip["protection"] for trip in desk.noted("trip")} <= {"TSO", "TSS"}


def test_a_short_circuit_is_not_cleared_while_its_load_is_still_there() -> None:
    desk = a_reference()
    desk.set(current=-90.0)
    desk.run(0.1)
    desk.set(current=0.0, pack_terminal=0.0)
    desk.say("clear faults")
    desk.run(1.0)
    assert "ERR load" in desk.console()
    assert desk.value("discharge gate") == 0.0
    desk.set(pack_terminal=5.0)
    desk.say("clear faults")
    desk.run(0.1)
    assert "prot: SCD cleared\r\nOK\r\n" in desk.console()
    assert desk.value("discharge gate") == 12.0
