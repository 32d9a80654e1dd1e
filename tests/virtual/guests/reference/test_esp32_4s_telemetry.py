"""CAN frames against the DBC, by cantools; accuracy, balancing, console."""

from __future__ import annotations

import math
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import cantools
import pytest
from cantools.database.can import Database
from hypothesis import given
from hypothesis import strategies as st

from rig.virtual.guests import build_of
from rig.virtual.guests.reference import can_telemetry
from rig.virtual.guests.reference.can_telemetry import Telemetry, e2e_p01_crc
from rig.virtual.guests.reference.protections import FLAGS
from tests.virtual.guests.desk import MS, Desk, S, a_reference

DBC = Path(__file__).parents[4] / "fixtures/duts/esp32-4s/bms.dbc"
SEEDS = range(5)


@pytest.fixture(scope="module")
def dbc() -> Database:
    database = cantools.database.load_file(DBC, strict=True)
    assert isinstance(database, Database)
    return database


def newest(desk: Desk, dbc: Database, message: str) -> dict[str, Any]:
    wanted = dbc.get_message_by_name(message)
    data = [frame.data for frame in desk.pins.frames if frame.can_id == wanted.frame_id][-1]
    assert len(data) == wanted.length
    decoded = wanted.decode(data, decode_choices=False)
    assert isinstance(decoded, dict)
    return decoded


def test_the_dbc_carries_cycle_times_senders_receivers_units_and_comments(dbc: Database) -> None:
    cycles = {message.name: message.cycle_time for message in dbc.messages}

    assert cycles == {
        "BMS_Event": None,  # at once, and once
        "BMS_Status": 100,
        "BMS_CellVoltages": 100,
        "BMS_Pack": 100,
        "BMS_Limits": 100,
        "BMS_Extremes": 100,
        "BMS_Temperatures": 500,
        "BMS_Energy": 500,
        "HostAlive": 200,
    }
    for message in dbc.messages:
        assert message.comment
        assert message.senders == (["HOST"] if message.name == "HostAlive" else ["BMS"])
        for signal in message.signals:
            assert signal.comment
            assert signal.receivers == (["BMS"] if message.name == "HostAlive" else ["HOST"])
    pack = dbc.get_message_by_name("BMS_Pack")
    assert [signal.unit for signal in pack.signals] == [None, None, "A", "V", "%"]


# Vectors made with the package autosar-e2e 1.0.0.
@pytest.mark.parametrize(
    ("data_id", "data", "crc"),
    [
        (0x123, "0000000000000000", 0xCC),
        (0x123, "0001000000000000", 0x91),
        (0x123, "0002000000000000", 0x76),
        (0x123, "0003000000000000", 0x2B),
        (0xABC, "0000112233445566", 0x39),
    ],
)
def test_the_crc_is_that_of_e2e_profile_1(data_id: int, data: str, crc: int) -> None:
    assert e2e_p01_crc(data_id, bytes.fromhex(data)) == crc


@given(
    state=st.integers(0, 4),
    flags=st.integers(0, (1 << len(FLAGS)) - 1),
    paths=st.integers(0, 3),
    bleeding=st.lists(st.booleans(), min_size=4, max_size=4),
)
def test_the_dbc_reads_the_status_that_was_meant(
    dbc: Database, state: int, flags: int, paths: int, bleeding: list[bool]
) -> None:
    data = Telemetry().status(state, flags, paths, bleeding)

    read = dbc.get_message_by_name("BMS_Status").decode(data, decode_choices=False)

    meant = {"State": state, "ChargePath": paths & 1, "DischargePath": paths >> 1, "Alive": 0}
    meant |= {name: flags >> bit & 1 for bit, name in enumerate(FLAGS)}
    meant |= {f"Bal{n + 1}": int(on) for n, on in enumerate(bleeding)}
    assert read == {**meant, "CRC": e2e_p01_crc(0x100, data)}
    assert data[6:] == bytes(2)


@given(
    volts=st.lists(st.floats(0.0, 5.0), min_size=4, max_size=4),
    degc=st.lists(st.floats(-60.0, 120.0), min_size=2, max_size=2),
)
def test_the_dbc_reads_the_cells_and_temperatures_that_were_meant(
    dbc: Database, volts: list[float], degc: list[float]
) -> None:
    cells = dbc.decode_message("BMS_CellVoltages", Telemetry().cells(volts))
    heat = dbc.decode_message("BMS_Temperatures", Telemetry().temperatures(degc))

    assert isinstance(cells, dict)
    assert isinstance(heat, dict)
    assert [cells[f"Cell{n}_V"] for n in range(1, 5)] == pytest.approx(volts, abs=0.00051)
    assert [heat["Temp1"], heat["Temp2"]] == pytest.approx(degc, abs=0.051)


@given(amps=st.floats(-300.0, 300.0), pack_v=st.floats(0.0, 60.0), soc=st.floats(0.0, 1.0))
def test_the_dbc_reads_the_pack_that_was_meant(
    dbc: Database, amps: float, pack_v: float, soc: float
) -> None:
    pack = dbc.decode_message("BMS_Pack", Telemetry().pack(amps, pack_v, soc))

    assert isinstance(pack, dict)
    assert pack["Current"] == pytest.approx(amps, abs=0.0051)
    assert pack["PackVoltage"] == pytest.approx(pack_v, abs=0.0051)
    assert pack["SoC"] == pytest.approx(soc * 100.0, abs=0.051)


@given(
    soh=st.floats(0.0, 1.0),
    remaining=st.integers(0, 0xFFFF),
    cell_sum_v=st.floats(0.0, 80.0),
    errors=st.tuples(st.integers(0, 1000), st.integers(0, 1000)),
)
def test_the_dbc_reads_the_energy_that_was_meant(
    dbc: Database, soh: float, remaining: int, cell_sum_v: float, errors: tuple[int, int]
) -> None:
    data = Telemetry().energy(soh, remaining, cell_sum_v, errors=errors)

    read = dbc.decode_message("BMS_Energy", data)

    assert isinstance(read, dict)
    assert read["SoH"] == pytest.approx(soh * 100.0, abs=0.051)
    assert read["RemainingCapacity"] == pytest.approx(remaining / 100.0)
    assert read["CellSum"] == pytest.approx(cell_sum_v, abs=0.0051)
    assert (read["AfeErrors"], read["HostErrors"]) == (errors[0] % 256, errors[1] % 256)


def test_what_is_not_known_is_sent_as_not_available() -> None:
    telemetry = Telemetry()

    assert telemetry.cells([math.nan, 3.3, 3.3, 3.3])[:2] == b"\xff\xff"
    assert telemetry.temperatures([math.nan, 25.0])[:2] == b"\xff\x7f"
    assert telemetry.energy(1.0, 0, math.nan, errors=(0, 0))[4:6] == b"\xff\xff"


def test_counters_run_to_14_and_each_crc_is_right() -> None:
    desk = a_reference()
    desk.run(4.0)

    for can_id in (0x100, 0x120):
        frames = [frame.data for frame in desk.pins.frames if frame.can_id == can_id]
        assert [data[1] & 0xF for data in frames] == [n % 15 for n in range(len(frames))]
        assert all(data[0] == e2e_p01_crc(can_id, data) for data in frames)


@pytest.mark.parametrize("seed", SEEDS)
def test_periods_stay_within_their_tolerance_and_do_not_drift(seed: int) -> None:
    desk = a_reference(seed)
    desk.run(20.0)

    for can_id, period_ms in ((0x100, 100), (0x110, 100), (0x120, 100), (0x123, 500), (0x130, 500)):
        times = [frame.time_ns for frame in desk.pins.frames if frame.can_id == can_id]
        gaps = [(b - a) / MS for a, b in pairwise(times)]
        assert all(abs(gap - period_ms) <= 1.0 for gap in gaps)
        mean_ms = (times[-1] - times[0]) / MS / len(gaps)
        assert mean_ms == pytest.approx(period_ms, rel=1e-4)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("volts", [2.0, 3.0, 3.65, 4.0])
def test_cell_voltages_are_within_5_mv(dbc: Database, seed: int, volts: float) -> None:
    desk = a_reference(seed)
    reported = [volts, volts - 0.01, volts - 0.02, volts - 0.03]

    desk.set(
        cell_1=reported[0],
        cell_2=reported[1],
        cell_3=reported[2],
        cell_4=reported[3],
        pack=sum(reported),
    )
    desk.run(0.3)

    read = newest(desk, dbc, "BMS_CellVoltages")
    assert [read[f"Cell{n}_V"] for n in range(1, 5)] == pytest.approx(reported, abs=0.003)
    pack_v = newest(desk, dbc, "BMS_Pack")["PackVoltage"]
    assert pack_v == pytest.approx(sum(reported), abs=0.020)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("amps", [-60.0, -5.0, 0.0, 5.0, 25.0])
def test_the_current_is_within_its_accuracy(dbc: Database, seed: int, amps: float) -> None:
    desk = a_reference(seed)

    desk.set(current=amps)
    desk.run(0.2)

    read_a = newest(desk, dbc, "BMS_Pack")["Current"]
    assert read_a == pytest.approx(amps, abs=0.8 * (0.2 + 0.005 * abs(amps)))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("degc", [-30.0, 0.0, 25.0, 45.0, 80.0])
def test_temperatures_are_within_half_a_kelvin(dbc: Database, seed: int, degc: float) -> None:
    ohm = 10_000.0 * math.exp(3435.0 * (1.0 / (degc + 273.15) - 1.0 / 298.15))
    desk = a_reference(seed)

    desk.set(ntc_2=ohm)
    desk.run(0.7)

    read = newest(desk, dbc, "BMS_Temperatures")
    assert read["Temp2"] == pytest.approx(degc, abs=0.5)
    assert read["Temp1"] == pytest.approx(25.0, abs=0.5)


def test_every_specimen_has_errors_of_its_own(dbc: Database) -> None:
    read = set()
    for seed in SEEDS:
        desk = a_reference(seed)
        read.add(round(newest(desk, dbc, "BMS_Pack")["PackVoltage"] * 100))

    assert len(read) > 1


# Balancing


def bleeds(desk: Desk, seconds: float) -> dict[int, float]:
    """Share of the time for which each cell was bled."""
    since_ns = desk.kernel.now_ns
    desk.run(seconds)
    shares = {}
    for n in range(1, 5):
        net = f"bleed {n}"
        on = desk.times(net, 0.05, rising=True, since_ns=since_ns)
        off = desk.times(net, 0.05, rising=False, since_ns=since_ns)
        pairs = zip(on, [t for t in off if on and t > on[0]], strict=False)
        shares[n] = sum(b - a for a, b in pairs) / (seconds * S)
    return {n: share for n, share in shares.items() if share}


def an_unequal_desk(seed: int = 1) -> Desk:
    return a_reference(seed, cell_1=3.450, cell_2=3.425, cell_3=3.420, cell_4=3.430)


@pytest.mark.parametrize("seed", SEEDS)
def test_only_high_cells_far_enough_from_the_lowest_are_bled(seed: int) -> None:
    desk = an_unequal_desk(seed)
    before = bleeds(desk, 0.7)  # powered for 1.5 s, so not at rest for 2 s even after this
    desk.run(1.0)

    shares = bleeds(desk, 4.0)

    assert before == {}
    assert set(shares) == {1}
    assert shares[1] == pytest.approx(0.8, abs=0.03)  # off for 10 ms of each 50


def test_a_wrong_row_in_the_table_of_bleed_pins_bleeds_the_neighbour() -> None:
    build = build_of("esp32-4s", "neighbour-bled-instead")
    desk = a_reference(build=build, cell_1=3.42, cell_2=3.42, cell_3=3.45, cell_4=3.42)
    desk.run(2.0)

    assert set(bleeds(desk, 2.0)) == {2}


@pytest.mark.parametrize(
    ("variant", "current", "rests"),
    [
        ("released", 5.0, True),
        ("charging-counts-as-rest", 5.0, False),
        ("charging-counts-as-rest", -5.0, True),
    ],
)
def test_after_charging_a_rest_that_counts_from_its_begin_is_over_at_once(
    variant: str,
    current: float,
    rests: bool,  # noqa: FBT001
) -> None:
    build = build_of("esp32-4s", variant)
    desk = a_reference(
        build=build, current=current, cell_1=3.45, cell_2=3.42, cell_3=3.42, cell_4=3.42
    )
    desk.run(3.0)
    assert not bleeds(desk, 2.0)
    desk.set(current=0.0)
    desk.run(0.5)

    assert bool(bleeds(desk, 1.0)) != rests


def test_a_cell_under_3_v_40_is_left_alone_however_uneven() -> None:
    desk = a_reference(cell_1=3.395, cell_2=3.30, cell_3=3.30, cell_4=3.30)

    assert bleeds(desk, 5.0) == {}


def test_bleeding_goes_on_to_within_8_mv_of_the_lowest_and_stops_there(dbc: Database) -> None:
    desk = an_unequal_desk()
    desk.run(3.0)

    desk.set(cell_1=3.432)
    desk.run(0.2)
    still = newest(desk, dbc, "BMS_Status")["Bal1"]
    desk.set(cell_1=3.425)
    desk.run(0.2)

    assert still == 1
    assert newest(desk, dbc, "BMS_Status")["Bal1"] == 0
    assert bleeds(desk, 2.0) == {}


def test_bleeding_is_off_in_each_scan(dbc: Database) -> None:
    desk = an_unequal_desk()
    desk.run(3.0)
    since_ns = desk.kernel.now_ns
    desk.run(2.0)

    on = desk.times("bleed 1", 0.05, rising=True, since_ns=since_ns)
    off = desk.times("bleed 1", 0.05, rising=False, since_ns=since_ns)
    pauses = [min(t for t in on if t > begin) - begin for begin in off[:-1]]
    assert all(abs(pause / MS - 10.0) < 0.1 for pause in pauses)
    assert len(pauses) >= 38
    status = newest(desk, dbc, "BMS_Status")
    assert (status["State"], status["Bal1"]) == (can_telemetry.BALANCING, 1)


@pytest.mark.parametrize("nets", [{"current": 2.0}, {"current": -2.0}, {"ntc_1": 4000.0}])
def test_current_or_a_fault_ends_bleeding(nets: dict[str, float]) -> None:
    desk = an_unequal_desk()
    desk.run(3.0)

    desk.set(**nets)
    desk.run(2.5)

    assert bleeds(desk, 2.0) == {}


def test_bleeding_starts_again_two_seconds_after_the_current_ended() -> None:
    desk = an_unequal_desk()
    desk.set(current=5.0)
    desk.run(3.0)
    since_ns = desk.kernel.now_ns
    desk.set(current=0.0)
    desk.run(3.0)

    first_ns = desk.times("bleed 1", 0.05, rising=True, since_ns=since_ns)[0]
    assert 1.98 * S <= first_ns - since_ns <= 2.1 * S


# State of charge on the wire; what it is reckoned from is tested beside it


def test_soc_on_can_follows_the_charge(dbc: Database) -> None:
    desk = a_reference()
    before = newest(desk, dbc, "BMS_Pack")["SoC"]

    desk.set(current=20.0)
    desk.run(72.0)  # 20 A for 72 s of 20 Ah: 2 %

    assert newest(desk, dbc, "BMS_Pack")["SoC"] - before == pytest.approx(2.0, abs=0.15)


# Console


def test_a_status_line_comes_once_a_second_in_the_stated_form() -> None:
    desk = a_reference()
    since_ns = desk.kernel.now_ns
    desk.run(5.0)

    lines = desk.console(since_ns).splitlines()
    assert len(lines) == 5
    form = (
        r"I \(\d+\) bms: state=NORMAL v=3\.\d{3},3\.\d{3},3\.\d{3},3\.\d{3} "
        r"i=-?\d\.\d\d t=2[45]\.\d,2[45]\.\d soc=\d\d\.\d "
        r"pack=13\.\d\d cvl=14\.20 ccl=\d+\.\d dcl=\d+\.\d"
    )
    assert all(re.fullmatch(form, line) for line in lines)


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("version", "esp32-4s 1.0.0\r\n"),
        ("clear faults", "OK\r\n"),
        ("make coffee", "ERR unknown command\r\n"),
        ("version\r", "esp32-4s 1.0.0\r\n"),
        ("", ""),
    ],
)
def test_commands_are_answered_at_once(command: str, answer: str) -> None:
    desk = a_reference()
    before = len(desk.pins.uart)

    desk.say(command)

    assert b"".join(data for _, data in desk.pins.uart[before:]).decode() == answer


def test_a_command_may_arrive_in_pieces() -> None:
    desk = a_reference()
    before = len(desk.pins.uart)

    for piece in (b"ver", b"sion", b"\nsta", b"tus\n"):
        desk.pins.on_uart(piece)

    lines = b"".join(data for _, data in desk.pins.uart[before:]).decode().splitlines()
    assert lines[0] == "esp32-4s 1.0.0"
    assert "bms: state=NORMAL" in lines[1]


def test_a_trip_names_cell_and_voltage() -> None:
    desk = a_reference()

    desk.set(cell_3=3.662)
    desk.run(1.2)

    assert re.search(r"W \(\d+\) prot: OVP cell 3 3\.66\d V\r\n", desk.console())


def test_two_runs_with_one_seed_are_equal_and_with_another_differ() -> None:
    def story(seed: int) -> tuple[str, list[bytes]]:
        desk = a_reference(seed)
        desk.set(cell_3=3.7)
        desk.run(3.0)
        return desk.console(), [frame.data for frame in desk.pins.frames]

    assert story(5) == story(5)
    assert story(5) != story(6)


@pytest.mark.parametrize("variant", ["released", "limits-out-of-turn"])
def test_an_opened_path_sends_its_limits_out_of_turn(variant: str) -> None:
    desk = a_reference(build=build_of("esp32-4s", variant))
    since_ns = desk.kernel.now_ns
    desk.set(current=25.0)
    desk.run(3.0)

    sent = [f.time_ns for f in desk.pins.frames if f.can_id == 0x121 and f.time_ns > since_ns]
    early = [b - a for a, b in pairwise(sent) if b - a < 95 * MS]
    assert bool(early) == (variant != "released")


@pytest.mark.parametrize("variant", ["released", "console-corrects-for-the-bleed"])
def test_what_a_bleed_drops_is_added_on_the_console_alone(dbc: Database, variant: str) -> None:
    build = build_of("esp32-4s", variant)
    desk = a_reference(build=build, cell_1=3.41, cell_2=3.45, cell_3=3.41, cell_4=3.41)
    desk.run(4.0)
    since_ns = desk.kernel.now_ns
    desk.say("status")
    desk.run(0.1)

    found = re.search(r" v=([\d.]+),([\d.]+),", desk.console(since_ns))
    assert found is not None
    reported = newest(desk, dbc, "BMS_CellVoltages")
    added_v = [float(text) - reported[f"Cell{n}_V"] for n, text in enumerate(found.groups(), 1)]
    assert added_v[0] == pytest.approx(0.0, abs=0.004)
    assert added_v[1] == pytest.approx(0.012 * (variant != "released"), abs=0.004)


@pytest.mark.parametrize("variant", ["released", "zero-found-under-load"])
def test_a_load_that_comes_while_the_zero_is_found_is_taken_for_it(
    dbc: Database, variant: str
) -> None:
    desk = a_reference(build=build_of("esp32-4s", variant))
    desk.set(current=-10.0)
    desk.run(2.0)

    reported = newest(desk, dbc, "BMS_Pack")["Current"]
    assert (reported == pytest.approx(-10.0, abs=0.2)) == (variant == "released")
