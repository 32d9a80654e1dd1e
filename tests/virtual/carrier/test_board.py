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


# ---- parts --------------------------------------------------------------------------------------
def test_a_net_of_a_part_bears_its_whole_name_above(board: Board) -> None:
    net = board.add("module 3/cell 7", "V", 3.3)
    module = board.part("module 3")

    assert module.nets == {"cell 7": net}
    assert board.nets["module 3/cell 7"] is net
    assert module.add("string 2/cell 1", "V", 3.2) is board.nets["module 3/string 2/cell 1"]
    assert board.sense_open.keys() == {
        *("cell 1", "module 3/cell 7", "module 3/string 2/cell 1"),
    }


@pytest.mark.parametrize("from_above", [True, False])
def test_a_wire_of_a_part_breaks_for_all_above_too(board: Board, *, from_above: bool) -> None:
    board.add("module 3/cell 1", "V", 3.3)
    module, heard = board.part("module 3"), list[str]()
    board.on_wire(heard.append)
    module.on_wire(heard.append)

    if from_above:
        board.break_wire("module 3/cell 1", is_open=True)
    else:
        module.break_wire("cell 1", is_open=True)

    assert board.sense_open == {"cell 1": False, "module 3/cell 1": True}
    assert module.sense_open == {"cell 1": True}
    assert heard == ["cell 1", "module 3/cell 1"]


def test_a_link_of_a_part_fails_alone(board: Board) -> None:
    heard = list[str]()
    for name in ("module 1/afe link", "module 2/afe link"):
        board.add_link(name)
    board.part("module 1").on_link(heard.append)
    board.part("module 2").on_link(heard.append)

    board.move_relay("module 2/afe link", "short", moved=True)

    assert board.links == {"module 1/afe link": "healthy", "module 2/afe link": "short"}
    assert board.part("module 1").links == {"afe link": "healthy"}
    assert heard == ["afe link"]
