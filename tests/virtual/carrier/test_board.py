"""The board: named nets and breakable sense wires."""

import pytest

from rig.virtual.carrier.board import Board
from rig.virtual.kernel import Kernel


@pytest.fixture
def board() -> Board:
    board = Board(Kernel())
    board.add("cell 1", "V", 3.3)
    board.add("ntc 1", "ohm", 10_000.0)
    return board


def test_a_net_exists_once(board: Board) -> None:
    with pytest.raises(ValueError, match="already"):
        board.add("cell 1", "V", 0.0)


def test_only_cells_have_sense_wires(board: Board) -> None:
    assert board.sense_open == {"cell 1": False}
    with pytest.raises(KeyError):
        board.break_wire("ntc 1", is_open=True)


def test_watchers_hear_of_each_break_and_mend_once(board: Board) -> None:
    heard = list[tuple[str, bool]]()
    board.on_wire(lambda name: heard.append((name, board.sense_open[name])))
    for is_open in (True, True, False):
        board.break_wire("cell 1", is_open=is_open)
    assert heard == [("cell 1", True), ("cell 1", False)]


def test_a_link_is_short_while_both_of_its_relays_are_moved(board: Board) -> None:
    heard = list[str]()
    board.add_link("afe link")
    board.on_link(lambda name: heard.append(board.links[name]))

    for fault, moved in (("open", True), ("short", True), ("short", False), ("open", False)):
        board.move_relay("afe link", fault, moved=moved)

    assert heard == ["open", "short", "open", "healthy"]


def test_a_relay_that_moves_twice_is_heard_of_once(board: Board) -> None:
    heard = list[str]()
    board.add_link("afe link")
    board.on_link(heard.append)

    board.move_relay("afe link", "open", moved=True)
    board.move_relay("afe link", "open", moved=True)

    assert heard == ["afe link"]
