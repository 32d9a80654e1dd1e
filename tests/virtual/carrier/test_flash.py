"""The flash chip by its instructions: enabled, busy, torn, and bits that only fall."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from rig.virtual.carrier.board import Board
from rig.virtual.carrier.board_pins import BoardPins
from rig.virtual.carrier.flash import ERASED, PAGE, Flash
from rig.virtual.kernel import MS, Kernel

ENABLE, STATUS = b"\x06", b"\x05"


@dataclass
class FlashOnBoard:
    board: Board
    chip: Flash

    def run(self, ms: float) -> None:
        self.board.kernel.run_until(self.board.kernel.now_ns + round(ms * MS))

    def status(self) -> int:
        return self.chip.transfer(STATUS, 1)[0]

    def erase(self, address: int) -> None:
        self.chip.transfer(ENABLE)
        self.chip.transfer(b"\x20" + address.to_bytes(3, "big"))

    def program(self, address: int, data: bytes) -> None:
        self.chip.transfer(ENABLE)
        self.chip.transfer(b"\x02" + address.to_bytes(3, "big") + data)

    def read(self, address: int, count: int) -> bytes:
        return self.chip.transfer(b"\x03" + address.to_bytes(3, "big"), count)


@pytest.fixture
def bench() -> FlashOnBoard:
    board = Board(Kernel())
    board.add("aux", "V", 12.0)
    pins = BoardPins(board.kernel, board, high={}, power_on_v=7.0, power_off_v=6.0)
    return FlashOnBoard(board, Flash(board.kernel, pins, sectors=2, lost_below_v=6.0))


def test_what_is_programmed_reads_back_at_its_address(bench: FlashOnBoard) -> None:
    bench.program(0x1010, b"some bytes")
    bench.run(4)

    assert bench.read(0x1010, 10) == b"some bytes"
    assert bench.read(0x100C, 6) == b"\xff\xff\xff\xffso"
    assert bench.read(0x0010, 2) == b"\xff\xff"


def test_bits_only_fall_until_the_sector_is_erased(bench: FlashOnBoard) -> None:
    for byte in (b"\xf0", b"\x3c"):
        bench.program(0, byte)
        bench.run(4)
    assert bench.read(0, 1) == b"\x30"

    bench.erase(0)
    bench.run(50)

    assert bench.read(0, PAGE) == ERASED
    assert bench.chip.wear == [1, 0]


@pytest.mark.parametrize("instruction", [b"\x20\x00\x00\x00", b"\x02\x00\x00\x00zero"])
def test_without_the_enable_nothing_is_written(bench: FlashOnBoard, instruction: bytes) -> None:
    bench.program(0, b"kept")
    bench.run(4)

    bench.chip.transfer(instruction)

    assert bench.status() == 0
    assert bench.read(0, 4) == b"kept"


def test_an_enable_is_good_for_one_instruction(bench: FlashOnBoard) -> None:
    bench.chip.transfer(ENABLE)
    assert bench.status() == 0x02

    bench.erase(0)

    assert bench.status() == 0x01


def test_while_it_is_busy_it_answers_none_but_the_status(bench: FlashOnBoard) -> None:
    bench.program(0, b"\x00")
    bench.run(4)

    bench.erase(0)
    bench.program(0x1000, b"late")
    assert bench.read(0, 1) == b"\xff"  # nobody drives the line
    bench.run(44.9)
    assert bench.status() == 0x01
    bench.run(0.2)

    assert bench.status() == 0x00
    assert bench.read(0x1000, 4) == b"\xff" * 4


def test_a_cut_of_the_supply_leaves_an_erase_half_done(bench: FlashOnBoard) -> None:
    bench.program(0, bytes(PAGE))
    bench.run(4)

    bench.erase(0)
    bench.run(22.5)
    bench.board.nets["aux"].jump(0.0)

    assert bench.read(0, PAGE) == b"\xff" * (PAGE // 2) + bytes(PAGE // 2)
    assert bench.status() == 0x00


@pytest.mark.parametrize("out", [b"", b"\x9f", b"\x03\x00", b"\x03\x00\x20\x00"])
def test_what_it_does_not_know_leaves_the_line_high(bench: FlashOnBoard, out: bytes) -> None:
    assert bench.chip.transfer(out, 3) == b"\xff" * 3
