"""The guests in a real socket: UART, CAN bus and power path as on the bench; builds by name."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from rig.errors import DescriptionError
from rig.virtual.can_bus import CanBus, CanNode, Frame
from rig.virtual.carrier.board import Board
from rig.virtual.carrier.circuit import PowerPath
from rig.virtual.cells import LFP_20AH, CellString
from rig.virtual.guests import DUTS, build_of, variants_of
from rig.virtual.guests.reference.esp32_4s import RELEASED
from rig.virtual.guests.reference.protections import Debounce
from rig.virtual.kernel import Kernel
from rig.virtual.plugging import Plugged, plug_in
from rig.virtual.seeds import Seeds
from rig.virtual.uart import AutoReset, Uart
from tests.virtual.guests.desk import S, a_reference
from tests.virtual.guests.host import HOST_ALIVE, host_alive


@dataclass
class Socket:
    """A reference BMS with everything around it, and a second node that listens."""

    kernel: Kernel
    board: Board
    bus: CanBus
    path: PowerPath
    host: CanNode
    uart: Uart
    reset: AutoReset
    guest: Plugged
    heard: list[tuple[int, Frame]] = field(default_factory=list)
    console: bytearray = field(default_factory=bytearray)

    def run(self, seconds: float) -> None:
        self.kernel.run_until(self.kernel.now_ns + round(seconds * S))


def a_socket() -> Socket:
    kernel = Kernel()
    board = Board(kernel)
    for n in range(1, 5):
        board.add(f"cell {n}", "V", 3.30)
        board.add(f"bleed {n}", "A", 0.0)
    for n in (1, 2):
        board.add(f"ntc {n}", "ohm", 10_000.0)
    for name in ("current", "pack", "charge gate", "discharge gate"):
        board.add(name, "V", 0.0)
    board.add("aux", "V", 12.0)
    path = PowerPath(kernel, board, CellString(LFP_20AH, 4))
    bus, uart, reset = CanBus(kernel), Uart(kernel), AutoReset(kernel)
    node, host = bus.attach("bms"), bus.attach("host")
    guest = plug_in(
        "esp32-4s",
        kernel=kernel,
        board=board,
        seeds=Seeds(3, 3),
        uart=uart,
        auto_reset=reset,
        can=node,
    )
    socket = Socket(kernel, board, bus, path, host, uart, reset, guest)
    host.on_frame = lambda frame: socket.heard.append((kernel.now_ns, frame))
    uart.on_transmit = socket.console.extend
    return socket


def test_frames_reach_another_node_at_their_periods() -> None:
    socket = a_socket()
    socket.run(3.0)
    socket.heard.clear()

    socket.run(10.0)

    counts = Counter(frame.can_id for _, frame in socket.heard)
    fast = dict.fromkeys((0x100, 0x110, 0x120, 0x121, 0x122), 100)
    assert counts == fast | {0x123: 20, 0x130: 20}


def test_ready_is_on_the_wire_within_a_second() -> None:
    socket = a_socket()
    socket.run(0.9)

    assert b"bms: ready\r\n" in socket.console


def test_the_host_is_heard_over_the_bus() -> None:
    socket = a_socket()
    socket.run(1.5)

    socket.host.send(HOST_ALIVE, host_alive(0))
    socket.run(1.2)

    assert b"prot: CTO" in socket.console


def test_after_bus_off_it_sends_again() -> None:
    socket = a_socket()
    socket.run(2.0)
    node = socket.bus.nodes[0]

    while not node.is_bus_off:
        node.count_transmit_error()
    socket.heard.clear()
    socket.run(0.5)

    assert socket.heard
    assert node.state == "active"


def test_alone_on_the_bus_it_drops_frames_instead_of_hoarding_them() -> None:
    socket = a_socket()
    socket.host.set_online(online=False)
    socket.run(5.0)

    socket.host.set_online(online=True)
    began_ns = socket.kernel.now_ns
    socket.run(0.05)

    assert len([t for t, _ in socket.heard if t >= began_ns]) <= 20


def test_a_real_short_is_cut_within_half_a_millisecond() -> None:
    socket = a_socket()
    socket.run(2.0)

    began_ns = socket.kernel.now_ns
    socket.path.load_set(True, 150.0, 5e6)  # noqa: FBT003
    socket.run(1.0)

    (opened_ns,) = socket.board.nets["discharge gate"].crossings(
        6.0, rising=False, since_ns=began_ns
    )
    assert 200e3 < opened_ns - began_ns < 500e3
    assert socket.board.nets["current"].value() == 0.0


def test_an_overload_that_stays_is_tried_again_after_five_seconds() -> None:
    socket = a_socket()
    socket.run(2.0)

    began_ns = socket.kernel.now_ns
    socket.path.load_set(True, 40.0, 1e6)  # noqa: FBT003
    socket.run(14.0)

    gate = socket.board.nets["discharge gate"]
    opened = gate.crossings(6.0, rising=False, since_ns=began_ns)
    closed = gate.crossings(6.0, rising=True, since_ns=began_ns)
    assert len(opened) == 3
    assert 5.0 * S <= closed[0] - opened[0] <= 5.05 * S


def test_rts_resets_and_dtr_asks_for_the_download_mode() -> None:
    socket = a_socket()
    socket.run(2.0)

    socket.reset.set_lines(dtr=False, rts=True)
    socket.run(0.1)
    socket.reset.set_lines(dtr=True, rts=False)
    socket.run(1.0)

    assert b"waiting for download" in socket.console
    assert socket.board.nets["charge gate"].value() == 0.0


def test_a_reset_cuts_a_line_on_the_wire() -> None:
    socket = a_socket()
    socket.run(2.0)
    socket.console.clear()

    socket.uart.feed(b"status\n")
    socket.run(0.0007)  # the command is in, the answer on its way
    socket.reset.set_lines(dtr=False, rts=True)
    socket.run(0.1)

    assert socket.console == b""


@pytest.mark.parametrize(
    ("dut", "variant", "mend"),
    [("esp32-5s", None, "pbmslsuite-o"), ("pbmslsuite-o", "dividr", "released, divider")],
)
def test_an_unknown_build_is_refused_with_those_that_exist(
    dut: str, variant: str | None, mend: str
) -> None:
    with pytest.raises(DescriptionError) as refused:
        build_of(dut, variant)

    assert mend in str(refused.value)


@pytest.mark.parametrize("dut", DUTS)
def test_each_bms_has_a_released_build(dut: str) -> None:
    assert "released" in DUTS[dut].builds


# One small wrong thing can be put into a build: how the variants with a defect are made.


class NeverReset(Debounce):
    """Keeps its count when the value is good again (docs/known-defects.md, D60)."""

    def step(self, *, bad: bool) -> int:
        self.count += bad
        return self.count


def test_a_build_may_differ_in_one_rule() -> None:
    build = RELEASED.with_rule("OVP", opens_charge=False, opens_discharge=True)
    desk = a_reference(build=build)

    desk.set(cell_1=3.70)
    desk.run(1.2)

    assert (desk.value("charge gate"), desk.value("discharge gate")) == (12.0, 0.0)


def test_a_build_may_differ_in_one_part() -> None:
    trips = {}
    for build in (RELEASED, RELEASED.patch(debounce=NeverReset)):
        desk = a_reference(build=build)
        for _ in range(3):
            desk.set(cell_1=3.70)
            desk.run(0.5)
            desk.set(cell_1=3.30)
            desk.run(0.5)
        trips[build is RELEASED] = bool(desk.noted("trip"))

    assert trips == {True: False, False: True}


def test_two_variants_go_into_one_build() -> None:
    build = build_of("esp32-4s", "trips-on-one-sample+short-violations-add-up")

    ticks = {rule.short: rule.ticks for rule in build.image.rules}
    assert ticks["OVP"] == 1
    counter = build.parts.debounce(98)
    assert [counter.step(bad=bad) for bad in (True, False, True)] == [1, 1, 2]


@pytest.mark.parametrize(
    ("dut", "pair"),
    [
        ("esp32-4s", "formats-what-is-torn+lost-settings-taken-for-none"),
        ("esp32-16s", "precharges-into-a-fault+recloses-when-a-fault-is-gone"),
    ],
)
def test_two_variants_that_share_a_mixin_go_into_one_build(dut: str, pair: str) -> None:
    first = pair.partition("+")[0]

    assert build_of(dut, pair) != build_of(dut, None)
    for part in ("settings_task", "contactors"):
        one, both = (getattr(build_of(dut, name).parts, part) for name in (first, pair))
        assert [c.__name__ for c in one.__mro__] == [c.__name__ for c in both.__mro__]


def test_a_variant_of_the_user_s_own_is_loaded_from_its_file(tmp_path: Path) -> None:
    own = tmp_path / "own.py"
    own.write_text(
        "from rig.virtual.guests.variants import variant\n"
        "@variant('late', 'own', 'S2', 'waits twice as long')\n"
        "def late(build):\n"
        "    return build.with_rule('OVP', ticks=196)\n"
    )

    build = build_of("esp32-4s", f"{own}:late")

    assert {rule.short: rule.ticks for rule in build.image.rules}["OVP"] == 196


@pytest.mark.parametrize(
    ("text", "what"),
    [("1/0", "ZeroDivisionError"), ("", "no variant 'late'")],
    ids=["can't be run", "has none"],
)
def test_a_file_without_the_variant_is_refused(tmp_path: Path, text: str, what: str) -> None:
    own = tmp_path / "own.py"
    own.write_text(text)

    with pytest.raises(DescriptionError, match=what):
        build_of("esp32-4s", f"{own}:late")


EVERY = [(dut, name) for dut in DUTS for name in variants_of(dut)]


@pytest.mark.parametrize(("dut", "name"), EVERY)
def test_every_variant_differs_from_the_released_build(dut: str, name: str) -> None:
    assert build_of(dut, name) != build_of(dut, None)


@pytest.mark.parametrize(("dut", "name"), EVERY)
def test_every_variant_says_what_a_report_that_finds_it_names(dut: str, name: str) -> None:
    shows = variants_of(dut)[name].shows

    assert shows
    assert not re.search(shows, "")  # what matches nothing at all matches every report


def test_a_minute_costs_little() -> None:
    desk = a_reference()
    before = desk.kernel._sequence

    desk.run(60.0)

    # Events, not wall time: current, main task, two for each scan, two for each message's task (one
    # sends limits and extremes), a status line and the watchdog's look make about 330 a second.
    assert (desk.kernel._sequence - before) / 60.0 < 350
