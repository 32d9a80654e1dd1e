"""A broken and a shorted wire, as the nodes at its ends see it."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from rig.virtual.can_bus import CanBus, CanNode, Frame
from rig.virtual.carrier.board import Board
from rig.virtual.carrier.can_wire import CanWire
from rig.virtual.kernel import Kernel

MS = 1_000_000


@dataclass
class Wire:
    """A BMS that sends every 10 ms, and a host that listens."""

    kernel: Kernel
    board: Board
    bms: CanNode
    host: CanNode
    heard: list[tuple[int, Frame]] = field(default_factory=list)

    def run(self, ms: float) -> None:
        self.kernel.run_until(self.kernel.now_ns + round(ms * MS))

    def be(self, fault: str | None) -> None:
        for kind in ("open", "short"):
            self.board.move_relay("can bus", kind, moved=kind == fault)


def a_wire() -> Wire:
    kernel = Kernel()
    board, bus = Board(kernel), CanBus(kernel)
    board.add_link("can bus")
    wire = Wire(kernel, board, bus.attach("bms"), bus.attach("host"))
    CanWire(board, "can bus", bus, wire.bms)
    wire.host.on_frame = lambda frame: wire.heard.append((kernel.now_ns, frame))

    def send() -> None:
        wire.bms.recover()
        if wire.bms.pending < 3:
            wire.bms.send(0x100, bytes(8))

    kernel.every(10 * MS, send, first_ns=0)
    return wire


def test_alone_on_a_broken_wire_it_gets_error_passive_but_never_bus_off() -> None:
    wire = a_wire()
    wire.run(95)
    wire.heard.clear()

    wire.be("open")
    wire.run(1000)

    assert wire.heard == []
    assert wire.bms.state == "passive"
    assert wire.host.state == "active"


@pytest.mark.parametrize("late_us", range(0, 400, 29))
def test_mended_it_is_heard_at_once_whatever_bit_it_was_cut_in(late_us: int) -> None:
    wire = a_wire()
    wire.run(100 + late_us / 1000)
    wire.be("open")
    wire.run(500)
    wire.heard.clear()

    wire.be(None)
    wire.run(15)

    assert len(wire.heard) >= 2
    wire.run(2000)
    assert wire.bms.state == wire.host.state == "active"


def test_a_short_drives_it_into_bus_off_and_each_recovery_back_there() -> None:
    states: list[str] = []
    wire = a_wire()
    wire.bms.on_state = states.append
    wire.run(100)

    wire.be("short")
    wire.run(100)

    assert states.count("bus-off") >= 5
    assert wire.host.rec == 0


def test_after_the_short_it_is_heard_within_a_recovery() -> None:
    wire = a_wire()
    wire.be("short")
    wire.run(1000)
    wire.heard.clear()

    wire.be(None)
    mended_ns = wire.kernel.now_ns
    wire.run(100)

    assert wire.heard[0][0] - mended_ns < 25 * MS
    assert len(wire.heard) >= 7


def test_a_wire_that_is_shorted_and_broken_is_shorted() -> None:
    wire = a_wire()
    wire.board.move_relay("can bus", "open", moved=True)
    wire.board.move_relay("can bus", "short", moved=True)
    wire.run(50)

    assert wire.board.links["can bus"] == "short"
    assert wire.bms.is_bus_off or wire.bms.tec > 0
    wire.be(None)
    wire.run(200)
    assert wire.heard


def test_a_recovery_under_way_goes_on_after_the_wire_was_cut() -> None:
    wire = a_wire()
    wire.be("short")
    wire.run(11)
    assert wire.bms.is_bus_off

    wire.be("open")
    wire.run(50)

    assert not wire.bms.is_bus_off


def test_a_node_in_bus_off_comes_back_though_a_lone_one_repeats_its_frame_all_the_time() -> None:
    wire = a_wire()
    wire.run(100)
    while not wire.host.is_bus_off:
        wire.host.count_transmit_error()
    wire.run(500)
    assert wire.bms.state == "passive"

    wire.host.recover()
    wire.run(100)

    assert not wire.host.is_bus_off
    assert wire.heard
