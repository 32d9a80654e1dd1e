"""What the boards lead to their sockets beside the front end: converters and inputs."""

from __future__ import annotations

import math
import random

import pytest

from rig.virtual.carrier import Board, socket_on
from rig.virtual.carrier.board_pins import BoardPins
from rig.virtual.carrier.educational import EducationalBoard
from rig.virtual.kernel import MS, Kernel
from rig.virtual.seeds import stream
from tests.virtual.carrier.tiny import lay_nets


def an_educational(**figures: float) -> tuple[Board, BoardPins]:
    carrier = EducationalBoard(adc_noise_counts=0.0, **figures)  # type: ignore[arg-type]
    board = Board(Kernel())
    for n in range(1, 5):
        board.add(f"cell {n}", "V", 3.0)
    board.add("ntc 1", "ohm", 10_000.0)
    board.add("aux", "V", 5.0)
    pins = socket_on(carrier, board.kernel, board)
    carrier.populate(board.kernel, pins, specimen=random.Random(1), moment=random.Random(1))  # noqa: S311
    return board, pins


@pytest.mark.parametrize(
    ("volts", "divider", "counts"),
    [(3.0, False, 3723), (3.0, True, 2234), (4.2, False, 4095), (4.2, True, 3127), (0.0, True, 0)],
)
def test_a_cell_is_converted_in_12_bits_of_3_3_volts(
    volts: float, counts: int, *, divider: bool
) -> None:
    board, pins = an_educational(divider=divider)
    board.nets["cell 2"].jump(volts)

    assert pins.adc("cell 2") == counts


def test_an_open_tap_is_pulled_down_and_an_open_thermistor_up() -> None:
    board, pins = an_educational()
    board.break_wire("cell 1", is_open=True)
    board.nets["ntc 1"].jump(math.inf)

    assert (pins.adc("cell 1"), pins.adc("ntc 1")) == (0, 4095)


def test_a_thermistor_halves_the_reference_where_it_is_as_its_pull_up() -> None:
    assert an_educational()[1].adc("ntc 1") == 2048


@pytest.fixture
def reference() -> tuple[Board, BoardPins]:
    board = Board(Kernel())
    carrier = lay_nets(board, "esp32-16s")
    pins = socket_on(carrier, board.kernel, board)
    carrier.populate(board.kernel, pins, specimen=stream(1, "board"), moment=stream(1, "now"))
    return board, pins


def test_the_link_is_converted_to_its_dividers_tolerance(
    reference: tuple[Board, BoardPins],
) -> None:
    board, pins = reference
    board.nets["pack terminal"].jump(50.0)

    assert pins.adc("link") * 100.0 / (2**32 - 1) == pytest.approx(50.0, rel=0.003)
    board.nets["pack terminal"].jump(120.0)
    assert pins.adc("link") == 2**32 - 1


def test_only_a_board_with_contactors_measures_its_link() -> None:
    board = Board(Kernel())
    carrier = lay_nets(board)
    pins = socket_on(carrier, board.kernel, board)
    carrier.populate(board.kernel, pins, specimen=stream(1, "board"), moment=stream(1, "now"))

    with pytest.raises(KeyError):
        pins.adc("link")


@pytest.mark.parametrize(("volts", "high"), [(5.0, True), (0.2, False)])
def test_a_load_pulls_its_detection_down(
    reference: tuple[Board, BoardPins], volts: float, *, high: bool
) -> None:
    board, pins = reference
    board.nets["pack terminal"].jump(volts)

    assert pins.level("load detect") is high


def test_the_supply_tells_of_power_and_of_its_collapse(reference: tuple[Board, BoardPins]) -> None:
    board, pins = reference
    heard = list[object]()
    pins.on_power, pins.on_collapse = heard.append, lambda: heard.append("collapse")

    for volts in (5.0, 12.0, 1.0):
        board.nets["aux"].jump(volts)
        board.kernel.run_until(board.kernel.now_ns + MS)

    assert heard == [False, True, False, "collapse"]
