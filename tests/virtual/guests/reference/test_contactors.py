"""The contactors of `esp32-16s`: their order and times, and what opens them for good."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from rig.virtual.can_bus import CanBus, CanNode
from rig.virtual.carrier.board import Board
from rig.virtual.carrier.dc_link import MAIN, PRECHARGE, LinkedPowerPath
from rig.virtual.cells import NMC_20AH, CellString
from rig.virtual.guests.reference.can_telemetry import HOST_ALIVE_ID, e2e_p01_crc
from rig.virtual.kernel import Kernel
from rig.virtual.plugging import plug_in
from rig.virtual.seeds import Seeds
from rig.virtual.uart import Uart

S = 1_000_000_000
LINK = "pack terminal"


@dataclass
class BmsInSocket:
    """The BMS in its socket, a pack in its path and a host on its bus."""

    kernel: Kernel
    board: Board
    path: LinkedPowerPath
    host: CanNode
    console: bytearray
    alive: int = 0
    request: int = 0

    def run(self, seconds: float) -> None:
        self.kernel.run_until(self.kernel.now_ns + round(seconds * S))

    def ask(self, request: int) -> None:
        """Have the host say this from its next frame on."""
        self.request = request

    def send(self) -> None:
        body = bytes((0, self.alive | self.request << 4, *[0] * 6))
        self.host.send(HOST_ALIVE_ID, bytes((e2e_p01_crc(HOST_ALIVE_ID, body),)) + body[1:])
        self.alive = (self.alive + 1) % 15

    def is_on(self, coil: str) -> bool:
        return self.board.nets[coil].value() > 6.0

    def edges(self, coil: str, *, rising: bool) -> list[float]:
        return [t / S for t in self.board.nets[coil].crossings(6.0, rising=rising)]

    def power(self, volts: float) -> None:
        self.board.nets["aux"].jump(volts)


def a_bench(variant: str | None = None) -> BmsInSocket:
    kernel = Kernel()
    board = Board(kernel)
    for n in range(1, 17):
        board.add(f"cell {n}", "V", 3.80)
        board.add(f"bleed {n}", "A", 0.0)
    for n in range(1, 5):
        board.add(f"ntc {n}", "ohm", 10_000.0)
    for name in ("current", "pack", "charge gate", "discharge gate", MAIN, PRECHARGE):
        board.add(name, "V", 0.0)
    board.add("aux", "V", 12.0)
    path = LinkedPowerPath(kernel, board, CellString(NMC_20AH, 16, soc=0.4))
    bus, uart, console = CanBus(kernel), Uart(kernel), bytearray()
    bms, host = bus.attach("bms"), bus.attach("host")
    plug_in("esp32-16s", variant, kernel=kernel, board=board, seeds=Seeds(3, 3), uart=uart, can=bms)
    uart.on_transmit = console.extend
    bench = BmsInSocket(kernel, board, path, host, console)
    kernel.every(S // 5, bench.send, first_ns=S)
    return bench


@pytest.fixture
def bench() -> BmsInSocket:
    return a_bench()


@pytest.fixture
def closed(bench: BmsInSocket) -> BmsInSocket:
    bench.run(2.0)
    bench.ask(1)
    bench.run(2.0)
    assert bench.is_on(MAIN)
    assert not bench.is_on(PRECHARGE)
    return bench


def test_nothing_closes_before_the_host_asks(bench: BmsInSocket) -> None:
    bench.run(5.0)

    assert not bench.edges(MAIN, rising=True)
    assert not bench.edges(PRECHARGE, rising=True)


def test_the_main_contactor_follows_once_the_link_has_come_up(closed: BmsInSocket) -> None:
    [begun], [main] = closed.edges(PRECHARGE, rising=True), closed.edges(MAIN, rising=True)
    [ended] = closed.edges(PRECHARGE, rising=False)
    net = closed.board.nets[LINK]

    assert 0.6 < main - begun < 0.75
    assert ended - main == pytest.approx(0.1, abs=0.001)
    assert 0.94 < net.value_at(round(main * S)) / closed.board.nets["pack"].value() < 0.96


def test_the_inrush_stays_below_the_short_circuit_trip(closed: BmsInSocket) -> None:
    assert not closed.board.nets["current"].crossings(-80.0, rising=False)
    assert closed.is_on("discharge gate")


def test_a_request_that_was_there_at_the_start_is_not_new(bench: BmsInSocket) -> None:
    bench.ask(1)
    bench.run(5.0)
    assert not bench.is_on(MAIN)

    bench.ask(0)
    bench.run(0.5)
    bench.ask(1)
    bench.run(2.0)

    assert bench.is_on(MAIN)


def test_an_open_request_opens(closed: BmsInSocket) -> None:
    closed.ask(2)
    closed.run(0.3)

    assert not closed.is_on(MAIN)


def test_three_tries_and_no_more_where_a_load_holds_the_link_down(bench: BmsInSocket) -> None:
    bench.run(2.0)
    bench.path.load_set(True, 1.0, 1e6)  # noqa: FBT003
    bench.ask(1)
    bench.run(30.0)

    begun, ended = bench.edges(PRECHARGE, rising=True), bench.edges(PRECHARGE, rising=False)
    assert [b - a for a, b in zip(begun, ended, strict=True)] == pytest.approx([2.0] * 3, abs=0.02)
    assert [b - a for a, b in zip(ended, begun[1:], strict=False)] == pytest.approx(
        [3.0, 3.0], abs=0.02
    )
    assert not bench.edges(MAIN, rising=True)


def test_a_failed_precharge_is_latched_until_it_is_cleared(bench: BmsInSocket) -> None:
    bench.run(2.0)
    bench.path.load_set(True, 1.0, 1e6)  # noqa: FBT003
    bench.ask(1)
    bench.run(15.0)
    bench.path.load_set(False, 0.0, 1e6)  # noqa: FBT003
    for request in (2, 1):
        bench.ask(request)
        bench.run(2.0)
    assert len(bench.edges(PRECHARGE, rising=True)) == 3


def test_what_a_fault_opened_stays_open_when_the_fault_is_gone(closed: BmsInSocket) -> None:
    closed.board.nets["cell 7"].jump(4.30)
    closed.run(1.5)
    assert not closed.is_on(MAIN)
    closed.board.nets["cell 7"].jump(3.80)
    closed.run(60.0)

    assert closed.is_on("charge gate")
    assert not closed.is_on(MAIN)
    assert len(closed.edges(PRECHARGE, rising=True)) == 1


def test_a_fault_while_precharging_opens_both(bench: BmsInSocket) -> None:
    bench.run(2.0)
    bench.path.load_set(True, 1.0, 1e6)  # noqa: FBT003
    bench.board.nets["cell 16"].jump(4.30)
    bench.run(0.3)
    bench.ask(1)
    bench.run(0.4)
    assert bench.is_on(PRECHARGE)
    bench.run(0.6)

    assert not bench.is_on(PRECHARGE)
    assert len(bench.edges(PRECHARGE, rising=True)) == 1


def test_after_a_power_cycle_it_waits_for_a_new_request(closed: BmsInSocket) -> None:
    closed.power(0.0)
    closed.run(0.5)
    assert not closed.is_on(MAIN)
    closed.power(12.0)
    closed.run(5.0)

    assert not closed.is_on(MAIN)


def test_a_lost_host_opens(closed: BmsInSocket) -> None:
    closed.host.set_online(online=False)
    closed.run(1.5)

    assert not closed.is_on(MAIN)


def test_a_load_runs_through_the_closed_contactor(closed: BmsInSocket) -> None:
    closed.path.load_set(True, 8.0, 1e6)  # noqa: FBT003
    closed.run(0.5)

    assert closed.board.nets["current"].value() == pytest.approx(-8.0, abs=1e-3)
    assert closed.board.nets[LINK].value() == pytest.approx(60.8 - 8.0 * 0.05, abs=0.4)


def test_a_charger_runs_through_the_closed_contactor(closed: BmsInSocket) -> None:
    closed.path.charger_set(True, 72.0, 9.0)  # noqa: FBT003
    closed.run(0.5)

    assert closed.board.nets["current"].value() == pytest.approx(9.0, abs=1e-3)


def test_closing_upon_an_empty_capacitor_trips_the_comparator(bench: BmsInSocket) -> None:
    bench.run(2.0)
    bench.board.nets[MAIN].approach(12.0, slew=12.0 / 50e-6)
    bench.run(0.1)

    assert bench.board.nets["current"].crossings(-1000.0, rising=True)
    assert not bench.is_on("discharge gate")
