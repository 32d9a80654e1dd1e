"""The front end chip by itself: registers, trims, supply, comparator."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import pytest

from rig.virtual.carrier import afe_map as chip
from rig.virtual.carrier.afe_chip import AfeChip, Tolerances
from rig.virtual.carrier.board import Board
from rig.virtual.carrier.board_pins import BoardPins
from rig.virtual.kernel import Kernel
from rig.virtual.seeds import stream

MS = 1_000_000
IDEAL = Tolerances(
    cell_offset_v=0.0,
    cell_gain=0.0,
    cell_noise_v=0.0,
    current_offset_a=0.0,
    current_gain=0.0,
    current_noise_a=0.0,
    pack_offset_v=0.0,
    pack_noise_v=0.0,
    pull_up=0.0,
    ratio_noise=0.0,
    limit_v=0.0,
    clock=0.0,
)


@dataclass
class ChipOnBoard:
    """A chip on a board, awake."""

    board: Board
    afe: AfeChip

    def run_ms(self, duration_ms: float) -> None:
        self.board.kernel.run_until(self.board.kernel.now_ns + round(duration_ms * MS))

    def cells(self, volts: float) -> None:
        for n in range(1, 5):
            self.board.nets[f"cell {n}"].jump(volts)

    def body(self) -> tuple[int, ...]:
        return struct.unpack(">8H", self.afe.read(chip.PACK, 16))

    def volts(self, n: int) -> float:
        gain, offset = struct.unpack(">bb", self.afe.read(chip.CELL_GAIN, 2))
        step_v = chip.CELL_LSB_V * (1 + gain * chip.TRIM_LSB)
        return float(self.body()[1 + n] * step_v + offset * chip.OFFSET_LSB_V)

    def status(self) -> int:
        return self.afe.read(chip.STATUS, 1)[0]

    def limit(self, volts: float, delay_ms: int = 40) -> None:
        self.afe.write(chip.CONTROL, b"\x85")
        raw = round(volts / chip.CELL_LSB_V)
        self.afe.write(chip.OV_LIMIT, struct.pack(">HB", raw, delay_ms))
        self.afe.write(chip.CONTROL, b"\x05")


@pytest.fixture
def bench() -> ChipOnBoard:
    board = Board(Kernel())
    for n in range(1, 5):
        board.add(f"cell {n}", "V", 3.3)
        board.add(f"bleed {n}", "A", 0.0)
    for n in (1, 2):
        board.add(f"ntc {n}", "ohm", 10_000.0)
    for name, value in (("current", 0.0), ("pack", 13.2), ("aux", 12.0)):
        board.add(name, "", value)
    pins = BoardPins(board.kernel, board, high={}, power_on_v=7.0, power_off_v=6.0)
    afe = AfeChip(board.kernel, pins, stream(3, "afe"), cells=4, sensors=2, tolerances=IDEAL)
    bench = ChipOnBoard(board, afe)
    bench.run_ms(50)
    return bench


@pytest.mark.parametrize("volts", [0.5, 2.0, 3.3, 4.1, 4.5])
def test_raw_and_trims_together_give_the_voltage(bench: ChipOnBoard, volts: float) -> None:
    bench.board.nets["cell 3"].jump(volts)

    assert bench.volts(3) == pytest.approx(volts, abs=0.6e-4)


def test_the_offset_that_the_factory_wrote_down_is_negative() -> None:
    low, high = Tolerances().cell_offset_trim

    assert -128 <= low <= high < 0


def test_without_its_divider_an_input_ends_at_3_3_v(bench: ChipOnBoard) -> None:
    bench.board.nets["cell 1"].jump(4.0)

    bench.afe.write(chip.CONTROL, bytes((chip.CONVERTER_ON,)))

    assert bench.volts(1) == pytest.approx(3.3, abs=1e-4)


@pytest.mark.parametrize("amps", [-90.0, -4.9, 0.0, 40.0])
def test_the_current_is_signed(bench: ChipOnBoard, amps: float) -> None:
    bench.board.nets["current"].jump(amps)

    raw = struct.unpack(">h", bench.afe.read(chip.CURRENT, 2))[0]
    trim = bench.afe.read(chip.CURRENT_GAIN, 1)[0]

    assert raw * chip.CURRENT_LSB_A * (1 + trim * 1e-4) == pytest.approx(amps, abs=0.006)


def test_bleeding_a_cell_lowers_its_reading_and_lifts_its_neighbours(bench: ChipOnBoard) -> None:
    bench.board.nets["bleed 2"].jump(0.1)

    assert bench.volts(2) == pytest.approx(3.3 - 0.010, abs=1e-4)
    assert bench.volts(1) == pytest.approx(3.3 + 0.005, abs=1e-4)
    assert bench.volts(3) == pytest.approx(3.3 + 0.005, abs=1e-4)
    assert bench.volts(4) == pytest.approx(3.3, abs=1e-4)


def test_an_open_tap_floats_and_is_told_by_its_bit(bench: ChipOnBoard) -> None:
    bench.board.break_wire("cell 2", is_open=True)

    seen = {round(bench.volts(2), 2) for _ in range(4)}

    assert len(seen) == 2
    assert bench.body()[1] == 0b0010


def test_a_sensor_input_that_is_not_switched_on_reads_a_constant(bench: ChipOnBoard) -> None:
    bench.board.nets["ntc 2"].jump(1_000.0)
    assert bench.body()[-1] == chip.UNUSED_NTC

    for register, data in (
        (chip.CONTROL, b"\x85"),
        (chip.NTC_ON, b"\x03"),
        (chip.CONTROL, b"\x05"),
    ):
        bench.afe.write(register, data)

    assert bench.body()[-1] == pytest.approx(chip.RATIO_FULL / 11, abs=1)


def test_in_settings_mode_the_current_stays_as_it_was(bench: ChipOnBoard) -> None:
    before = bench.afe.read(chip.CURRENT, 2)

    bench.afe.write(chip.CONTROL, b"\x85")
    bench.board.nets["current"].jump(20.0)
    assert bench.afe.read(chip.CURRENT, 2) == before
    bench.afe.write(chip.CONTROL, b"\x05")

    assert bench.afe.read(chip.CURRENT, 2) != before


def test_a_limit_is_taken_in_settings_mode_alone(bench: ChipOnBoard) -> None:
    bench.afe.write(chip.OV_LIMIT, struct.pack(">HB", 39_000, 40))

    assert bench.afe.read(chip.OV_LIMIT, 2) == b"\xff\xff"


# ---- supply -------------------------------------------------------------------------------------
def test_a_sag_of_all_cells_takes_settings_away_and_is_told_by_a_flag(bench: ChipOnBoard) -> None:
    bench.limit(3.9)
    bench.afe.write(chip.STATUS, bytes((chip.POWER_ON,)))

    bench.cells(0.5)
    bench.run_ms(20)
    assert not bench.afe.answers
    bench.cells(3.3)
    bench.run_ms(1)

    assert bench.afe.answers
    assert bench.status() & chip.POWER_ON
    assert bench.afe.read(chip.OV_LIMIT, 2) == b"\xff\xff"


def test_after_its_start_there_is_no_value_for_40_ms(bench: ChipOnBoard) -> None:
    bench.cells(0.5)
    bench.cells(3.3)
    assert bench.afe.answers

    bench.run_ms(39)
    assert set(bench.body()) == {chip.NO_VALUE}
    bench.run_ms(2)

    assert chip.NO_VALUE not in bench.body()


def test_one_cell_at_nothing_does_not_take_its_supply(bench: ChipOnBoard) -> None:
    bench.board.nets["cell 1"].jump(0.0)

    assert bench.afe.answers
    assert bench.volts(2) == pytest.approx(3.3, abs=1e-3)


# ---- comparator ---------------------------------------------------------------------------------
def test_the_comparator_tells_of_a_cell_that_was_above_for_its_delay(bench: ChipOnBoard) -> None:
    bench.limit(3.9, delay_ms=40)
    bench.board.nets["cell 4"].jump(3.95)

    bench.run_ms(39)
    assert not bench.status() & chip.OVERVOLTAGE
    bench.run_ms(2)

    assert bench.status() & chip.OVERVOLTAGE


def test_the_flag_stays_after_the_cell_is_back_until_it_is_cleared(bench: ChipOnBoard) -> None:
    bench.limit(3.9, delay_ms=40)
    bench.board.nets["cell 4"].jump(3.95)
    bench.run_ms(50)
    bench.board.nets["cell 4"].jump(3.3)

    assert bench.status() & chip.OVERVOLTAGE
    bench.afe.write(chip.STATUS, bytes((chip.OVERVOLTAGE,)))

    assert not bench.status() & chip.OVERVOLTAGE


def test_a_flag_whose_cause_holds_can_not_be_cleared(bench: ChipOnBoard) -> None:
    bench.limit(3.9, delay_ms=40)
    bench.board.nets["cell 4"].jump(3.95)
    bench.run_ms(50)

    bench.afe.write(chip.STATUS, bytes((chip.OVERVOLTAGE,)))

    assert bench.status() & chip.OVERVOLTAGE


def test_two_peaks_shorter_than_the_delay_are_none(bench: ChipOnBoard) -> None:
    bench.limit(3.9, delay_ms=40)

    for volts in (3.95, 3.3, 3.95, 3.3):
        bench.board.nets["cell 4"].jump(volts)
        bench.run_ms(30)

    assert not bench.status() & chip.OVERVOLTAGE


def test_a_limit_that_is_lowered_beneath_a_cell_acts_on_it(bench: ChipOnBoard) -> None:
    bench.limit(3.2, delay_ms=40)
    bench.run_ms(41)

    assert bench.status() & chip.OVERVOLTAGE
