"""The bus to the front end: its CRC, and what becomes of a transaction when a line is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.virtual.carrier.afe_map import OF_READ, OF_WRITE, crc8
from rig.virtual.carrier.board import Board
from rig.virtual.carrier.board_pins import BoardPins
from rig.virtual.carrier.i2c import BOUNCE_NS, I2cBus
from rig.virtual.carrier.pins import BusTimeoutError, NoAnswerError
from rig.virtual.kernel import Kernel
from rig.virtual.seeds import stream


class Memory:
    """A chip of 256 registers."""

    def __init__(self) -> None:
        self.content = bytearray(range(256))
        self.answers = True

    def read(self, register: int, count: int) -> bytes:
        return bytes(self.content[register : register + count])

    def write(self, register: int, data: bytes) -> None:
        self.content[register : register + len(data)] = data


@pytest.fixture
def board() -> Board:
    board = Board(Kernel())
    board.add("aux", "V", 12.0)
    board.add_link("afe link")
    return board


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.fixture
def bus(board: Board, memory: Memory) -> I2cBus:
    pins = BoardPins(board.kernel, board, high={}, power_on_v=7.0, power_off_v=6.0)
    return I2cBus(board.kernel, pins, memory, link="afe link", random=stream(1, "bus"))


def test_the_crc_is_that_of_smbus() -> None:
    # CRC-8/SMBUS of the catalogue of parametrised CRC algorithms: check value of "123456789".
    assert crc8(b"123456789") == 0xF4


@given(data=st.binary(min_size=1, max_size=20), bit=st.integers(0, 159))
def test_a_flipped_bit_is_always_seen(data: bytes, bit: int) -> None:
    whole = data + bytes((crc8(data),))
    hurt = int.from_bytes(whole, "big") ^ 1 << bit % (8 * len(whole))

    assert crc8(whole) == 0
    assert crc8(hurt.to_bytes(len(whole), "big")) != 0


def test_a_reply_ends_with_the_crc_over_the_address_bytes_and_the_data(bus: I2cBus) -> None:
    reply = bus.read(0x10, 4)

    assert reply[:-1] == bytes((0x10, 0x11, 0x12, 0x13))
    assert crc8(reply, OF_READ[0x10]) == 0


def test_a_write_with_a_wrong_crc_is_ignored(bus: I2cBus, memory: Memory) -> None:
    data = b"\xaa"
    crc = crc8(data, OF_WRITE[0x20])

    bus.write(0x20, data + bytes((crc ^ 1,)))
    assert memory.content[0x20] == 0x20
    bus.write(0x20, data + bytes((crc,)))
    assert memory.content[0x20] == 0xAA


def test_nobody_answers_over_an_open_line_until_it_is_whole_again(
    board: Board, bus: I2cBus
) -> None:
    board.move_relay("afe link", "open", moved=True)
    with pytest.raises(NoAnswerError):
        bus.read(0x10, 1)

    board.move_relay("afe link", "open", moved=False)
    board.kernel.run_until(BOUNCE_NS)

    assert bus.read(0x10, 1)[0] == 0x10


def test_a_chip_caught_by_a_short_holds_the_line_until_it_is_clocked_free(
    board: Board, bus: I2cBus
) -> None:
    board.move_relay("afe link", "short", moved=True)
    with pytest.raises(BusTimeoutError):
        bus.read(0x10, 1)
    bus.recover()  # of no use while the line is shorted
    board.move_relay("afe link", "short", moved=False)
    board.kernel.run_until(BOUNCE_NS)

    with pytest.raises(BusTimeoutError):
        bus.read(0x10, 1)
    bus.recover()

    assert bus.read(0x10, 1)[0] == 0x10


def test_a_short_that_met_no_transaction_leaves_nothing_behind(board: Board, bus: I2cBus) -> None:
    for moved in (True, False):
        board.move_relay("afe link", "short", moved=moved)
    board.kernel.run_until(BOUNCE_NS)

    assert bus.read(0x10, 1)[0] == 0x10


@pytest.mark.parametrize(("fault", "idle"), [("open", 0xFF), ("short", 0x00)])
def test_a_relay_that_bounces_loses_the_rest_of_what_passes(
    board: Board, bus: I2cBus, fault: str, idle: int
) -> None:
    for moved in (True, False):
        board.move_relay("afe link", fault, moved=moved)

    replies = [bus.read(0x10, 4) for _ in range(20)]

    right = bytes((0x10, 0x11, 0x12, 0x13))
    for reply in replies:
        kept = next((n for n in range(5) if reply[n : n + 1] != right[n : n + 1]), 5)
        assert set(reply[kept:]) == {idle}
        assert crc8(reply, OF_READ[0x10]) != 0
