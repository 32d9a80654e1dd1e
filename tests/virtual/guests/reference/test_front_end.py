"""The driver of the front end on the whole BMS: what it says when its chip is silent."""

from __future__ import annotations

import pytest

from rig.dut.profile import load_profile
from rig.virtual.guests.reference import esp32_4s, esp32_16s
from rig.virtual.guests.reference.image import Build
from rig.virtual.guests.reference.protections import BIT
from tests.virtual.carrier.test_afe_chip import IDEAL
from tests.virtual.guests.desk import MS, Desk, S, a_reference

LINK = "afe link"


@pytest.fixture(params=range(4))
def desk(request: pytest.FixtureRequest) -> Desk:
    desk = a_reference(request.param)
    desk.board.add_link(LINK)
    return desk


def lose(desk: Desk, fault: str = "open") -> int:
    """Lose the link now, and tell when that was."""
    desk.board.move_relay(LINK, fault, moved=True)
    return desk.kernel.now_ns


def mend(desk: Desk, fault: str = "open") -> int:
    desk.board.move_relay(LINK, fault, moved=False)
    return desk.kernel.now_ns


def newest(desk: Desk, can_id: int) -> bytes:
    return [frame.data for frame in desk.pins.frames if frame.can_id == can_id][-1]


def gates(desk: Desk) -> tuple[bool, bool]:
    return desk.value("charge gate") > 6.0, desk.value("discharge gate") > 6.0


def flags(desk: Desk) -> int:
    status = newest(desk, 0x100)
    return int.from_bytes(status[2:4], "little") | status[5] << 16


@pytest.mark.parametrize("fault", ["open", "short"])
def test_both_paths_open_a_quarter_of_a_second_after_the_link_was_lost(
    desk: Desk, fault: str
) -> None:
    lost_ns = lose(desk, fault)

    desk.run(0.6)

    for gate in ("charge gate", "discharge gate"):
        (opened_ns,) = desk.times(gate, 6.0, rising=False, since_ns=lost_ns)
        assert 210 * MS <= opened_ns - lost_ns <= 290 * MS
    assert "prot: ATO" in desk.console(lost_ns)


@pytest.mark.parametrize("fault", ["open", "short"])
def test_no_frame_tells_an_old_value_once_the_front_end_is_lost(desk: Desk, fault: str) -> None:
    lose(desk, fault)

    desk.run(1.1)

    assert newest(desk, 0x110) == b"\xff" * 8
    assert newest(desk, 0x120)[2:6] == b"\xff\x7f\xff\xff"
    assert newest(desk, 0x130) == b"\xff\x7f" * 2
    assert flags(desk) & BIT["AfeLost"]
    assert flags(desk) & BIT["AnyFault"]


@pytest.mark.parametrize("fault", ["open", "short"])
def test_it_comes_back_two_seconds_after_the_link_is_whole(desk: Desk, fault: str) -> None:
    lose(desk, fault)
    desk.run(3.0)

    mended_ns = mend(desk, fault)
    desk.run(2.4)

    for gate in ("charge gate", "discharge gate"):
        (closed_ns,) = desk.times(gate, 6.0, rising=True, since_ns=mended_ns)
        assert 2.0 * S <= closed_ns - mended_ns <= 2.15 * S
    assert not flags(desk)


@pytest.mark.parametrize("fault", ["open", "short"])
@pytest.mark.parametrize("lasts_ms", [1, 30, 60, 150])
def test_a_break_of_150_ms_is_ridden_through(desk: Desk, fault: str, lasts_ms: int) -> None:
    since_ns = desk.kernel.now_ns
    frames = len(desk.pins.frames)

    for phase_ms in range(0, 100, 13):
        lose(desk, fault)
        desk.run(lasts_ms / 1e3)
        mend(desk, fault)
        desk.run(0.2 + phase_ms / 1e3)

    assert gates(desk) == (True, True)
    assert "prot" not in desk.console(since_ns)
    cells = [f.data for f in desk.pins.frames[frames:] if f.can_id == 0x110]
    volts = [int.from_bytes(d[n : n + 2], "little") for d in cells for n in range(0, 8, 2)]
    assert all(abs(v - 3300) <= 5 for v in volts)


def test_started_without_its_front_end_it_gets_ready_and_closes_nothing(desk: Desk) -> None:
    lose(desk)
    desk.pins.set_enable(True)
    desk.run(0.1)
    desk.pins.frames.clear()
    since_ns = desk.kernel.now_ns
    desk.pins.set_enable(False)

    desk.run(4.0)

    assert "ready" in desk.console(since_ns)
    assert gates(desk) == (False, False)
    reported = {f.data for f in desk.pins.frames if f.can_id in (0x110, 0x130)}
    assert reported == {b"\xff" * 8, b"\xff\x7f" * 2}


def test_a_sag_of_the_cells_is_logged_and_the_limit_written_again(desk: Desk) -> None:
    since_ns = desk.kernel.now_ns
    desk.set(cell_1=0.5, cell_2=0.5, cell_3=0.5, cell_4=0.5)
    desk.run(0.06)
    desk.set(cell_1=3.3, cell_2=3.3, cell_3=3.3, cell_4=3.3)
    desk.run(0.3)
    assert "afe: reset" in desk.console(since_ns)
    assert gates(desk) == (True, True)

    raised_ns = desk.kernel.now_ns
    desk.set(cell_2=4.0)
    desk.run(0.2)

    (opened_ns,) = desk.times("charge gate", 6.0, rising=False, since_ns=raised_ns)
    assert 30 * MS <= opened_ns - raised_ns <= 75 * MS
    assert "prot: OVP2" in desk.console(raised_ns)


def test_a_hard_overvoltage_lets_go_by_the_cells_voltage(desk: Desk) -> None:
    desk.set(cell_2=4.0)
    desk.run(0.2)
    assert gates(desk) == (False, True)
    desk.set(cell_2=3.55)
    desk.run(3.0)
    assert gates(desk) == (False, True)

    since_ns = desk.kernel.now_ns
    desk.set(cell_2=3.4)
    desk.run(2.3)

    (closed_ns,) = desk.times("charge gate", 6.0, rising=True, since_ns=since_ns)
    assert 2.0 * S <= closed_ns - since_ns <= 2.1 * S


def restart(desk: Desk, off_s: float = 0.1) -> None:
    desk.set(aux=0.0)
    desk.run(off_s)
    desk.set(aux=12.0)
    desk.run(1.5)


def test_a_hard_overvoltage_that_was_over_before_the_start_opens_nothing(desk: Desk) -> None:
    desk.set(cell_2=4.4)
    desk.run(0.2)
    desk.set(aux=0.0, cell_2=3.3)  # the chip, which the cells supply, remembers

    since_ns = desk.kernel.now_ns
    restart(desk)

    assert gates(desk) == (True, True)
    assert "OVP2" not in desk.console(since_ns)


def test_a_hard_overvoltage_that_goes_on_keeps_the_charge_path_open_from_the_start(
    desk: Desk,
) -> None:
    desk.set(cell_2=4.4)
    desk.run(0.2)

    since_ns = desk.kernel.now_ns
    restart(desk)

    assert gates(desk) == (False, True)
    assert "OVP2" in desk.console(since_ns)
    assert not desk.times("charge gate", 6.0, rising=True, since_ns=since_ns)


def test_every_reply_that_can_not_be_used_is_counted(desk: Desk) -> None:
    front_end = desk.chip.program._front_end  # type: ignore[union-attr]
    before = front_end.errors

    lose(desk)
    desk.run(0.05)

    assert front_end.errors > before


@pytest.mark.parametrize("fault", ["open", "short"])
def test_no_reading_is_made_of_a_reply_that_lost_contact_on_its_way(desk: Desk, fault: str) -> None:
    """The CRC alone takes one in 500 of them: 0xFFFF, a sensor without a value, for 50 ms."""
    front_end, readings = desk.chip.program._front_end, desk.chip.program.readings  # type: ignore[union-attr]
    lose(desk, fault)
    mend(desk, fault)
    front_end.bus.recover()

    for _ in range(5_000):  # within the bounce: time stands still
        front_end.scan(readings)

        assert readings.temperatures_degc == pytest.approx([25.0, 25.0], abs=1.5)
        assert readings.cells_v == pytest.approx([3.3] * 4, abs=0.02)
        assert readings.pack_v == pytest.approx(13.2, abs=0.2)


def test_a_warm_start_writes_no_setting_that_the_chip_has(desk: Desk) -> None:
    bus = desk.chip.program._front_end.bus  # type: ignore[union-attr]
    written = list[int]()
    write = bus.write

    def noted(register: int, data: bytes) -> None:
        written.append(register)
        write(register, data)

    bus.write = noted
    desk.pins.set_enable(True)
    desk.run(0.1)
    desk.pins.set_enable(False)
    desk.run(1.5)

    assert written == [0x00, 0x00, 0x10]  # settings mode, back, and the flag of the power-on
    assert gates(desk) == (True, True)


def test_readings_of_an_ideal_chip_are_those_of_the_nets() -> None:
    desk = a_reference(tolerances=IDEAL, cell_1=2.0, cell_4=4.2, current=-12.34, ntc_2=4700.0)

    readings = desk.chip.program.readings  # type: ignore[union-attr]

    assert readings.cells_v == pytest.approx([2.0, 3.3, 3.3, 4.2], abs=1e-4)
    assert readings.current_a == pytest.approx(-12.34, abs=0.006)
    assert readings.temperatures_degc == pytest.approx([25.0, 45.85], abs=0.1)
    assert readings.pack_v == pytest.approx(13.2, abs=1e-3)


@pytest.mark.parametrize("build", [esp32_4s.RELEASED, esp32_16s.RELEASED])
def test_the_data_sheet_names_the_comparators_limit(build: Build) -> None:
    """Else a case that goes far beyond the first stage meets the second unawares."""
    comparator = load_profile(build.image.name).protections["cell overvoltage 2"]

    assert comparator.level == build.image.front_end.hard_overvoltage_v
