"""Another controller on the same board: nothing of the board is known to the firmware alone."""

from __future__ import annotations

import pytest

from rig.virtual.carrier import Board
from rig.virtual.carrier.pins import NoAnswerError
from rig.virtual.kernel import MS, Kernel
from rig.virtual.plugging import plug_in
from rig.virtual.seeds import Seeds
from tests.virtual.carrier.tiny import PERIOD_NS, a_tiny, lay_nets

GATE = "charge gate"


@pytest.fixture
def board() -> Board:
    return Board(Kernel())


def edges(board: Board, *, rising: bool) -> list[int]:
    return board.nets[GATE].crossings(6.0, rising=rising)


@pytest.mark.parametrize("name", ["esp32-4s", "esp32-16s"])
def test_it_reads_the_front_end_over_the_bus_and_opens_a_gate(board: Board, name: str) -> None:
    kernel, said = board.kernel, bytearray()
    _, uart = a_tiny(kernel, board, name)
    uart.on_transmit = said.extend
    assert board.nets[GATE].value() == 12.0

    raised_ns = kernel.now_ns
    board.nets["cell 3"].jump(3.75)
    kernel.run_until(kernel.now_ns + 100 * MS)

    (opened_ns,) = edges(board, rising=False)
    assert opened_ns - raised_ns <= PERIOD_NS + MS
    assert said.startswith(b"open: 3.75")


def test_a_fault_of_the_board_reaches_it(board: Board) -> None:
    board.add_link("afe link")
    a_tiny(board.kernel, board)

    lost_ns = board.kernel.now_ns
    board.move_relay("afe link", "open", moved=True)
    board.kernel.run_until(lost_ns + 100 * MS)

    (opened_ns,) = edges(board, rising=False)
    assert opened_ns - lost_ns <= PERIOD_NS + MS


def test_a_broken_sense_wire_floats_above_its_limit(board: Board) -> None:
    a_tiny(board.kernel, board)

    board.break_wire("cell 2", is_open=True)
    board.kernel.run_until(board.kernel.now_ns + 100 * MS)

    assert len(edges(board, rising=False)) == 1  # it wanders up by more than a volt


def test_the_comparator_opens_the_other_gate_without_the_controller(board: Board) -> None:
    pins, _ = a_tiny(board.kernel, board)
    pins.drive("discharge gate", True)  # noqa: FBT003
    board.kernel.run_until(board.kernel.now_ns + MS)

    board.nets["current"].jump(-120.0)
    board.kernel.run_until(board.kernel.now_ns + MS)

    assert board.nets["discharge gate"].value() == 0.0
    assert pins.level("short circuit")
    pins.drive("clear short circuit", True)  # noqa: FBT003
    assert not pins.level("short circuit")


def test_on_the_same_nets_the_reference_firmware_closes_too(board: Board) -> None:
    lay_nets(board)

    plug_in("esp32-4s", kernel=board.kernel, board=board, seeds=Seeds(1, 1))
    board.kernel.run_until(1_500 * MS)

    assert board.nets[GATE].value() == 12.0


def test_on_a_bus_that_the_board_has_not_nobody_answers(board: Board) -> None:
    for n in range(1, 5):
        board.add(f"cell {n}", "V", 3.3)
    board.add("ntc 1", "ohm", 10_000.0)
    board.add("led", "V", 0.0)
    for n in range(1, 5):
        board.add(f"balance {n}", "V", 0.0)
    board.add("aux", "V", 5.0)

    pins = plug_in("pbmslsuite-o", kernel=board.kernel, board=board, seeds=Seeds(1, 1)).pins

    with pytest.raises(NoAnswerError):
        pins.i2c.read(0, 1)
    assert pins.spi.transfer(b"\x9f", 3) == b"\xff\xff\xff"


def test_two_boards_are_two_modules_of_one_bench_and_fail_apart(board: Board) -> None:
    kernel = board.kernel
    for n in (1, 2):
        a_tiny(kernel, board.part(f"module {n}"))
    gates = [board.nets[f"module {n}/{GATE}"] for n in (1, 2)]

    board.nets["module 2/cell 3"].jump(3.75)
    kernel.run_until(kernel.now_ns + 100 * MS)

    assert [gate.value() for gate in gates] == [12.0, 0.0]
    assert board.nets["module 2/cell 3"].name == "module 2/cell 3"
