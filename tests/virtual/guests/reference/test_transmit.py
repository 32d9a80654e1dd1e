"""Which frame leaves next, on a bus where others have much to say."""

from __future__ import annotations

from dataclasses import replace

from rig.virtual.can_bus import CanBus, CanNode
from rig.virtual.carrier.board import Board
from rig.virtual.carrier.board_pins import BoardPins
from rig.virtual.guests.reference.transmit import TransmitImage, Transmitter
from rig.virtual.kernel import Kernel

MS = 1_000_000
IMAGE = TransmitImage()


class LoadedBus:
    """A transmitter, a partner that loads the bus, and what was heard."""

    def __init__(self, image: TransmitImage = IMAGE) -> None:
        self.kernel = Kernel()
        bus = CanBus(self.kernel)
        board = Board(self.kernel)
        board.add("aux", "V", 12.0)
        self.partner: CanNode = bus.attach("partner", fifo=True)
        self.heard: list[tuple[int, int, bytes]] = []
        self.partner.on_frame = lambda f: self.heard.append((self.kernel.now_ns, f.can_id, f.data))
        pins = BoardPins(
            self.kernel, board, high={}, power_on_v=7.0, power_off_v=6.0, can=bus.attach("bms")
        )
        self.transmitter = Transmitter(pins, image)
        self.transmitter.start()

    def load(self, can_id: int, frames: int) -> None:
        for _ in range(frames):
            self.partner.send(can_id, bytes(8))

    def run(self, ms: int) -> None:
        self.kernel.run_until(self.kernel.now_ns + ms * MS)

    @property
    def ids(self) -> list[int]:
        return [can_id for _, can_id, _ in self.heard]


def test_an_event_overtakes_bulk_that_waits_behind_foreign_frames() -> None:
    bench = LoadedBus()
    bench.load(0x0C0, 100)
    for can_id in (0x100, 0x110, 0x120, 0x121, 0x122):
        bench.transmitter.post(can_id, bytes(8))
    bench.run(2)

    bench.transmitter.post_event(0x080, bytes(8))
    bench.run(1)

    assert bench.ids == [0x080]


def test_in_order_of_filling_the_event_waits_behind_bulk() -> None:
    bench = LoadedBus(replace(IMAGE, in_order=True))
    bench.load(0x0C0, 100)
    bench.transmitter.post(0x110, bytes(8))
    bench.run(2)

    bench.transmitter.post_event(0x080, bytes(8))
    bench.run(1)

    assert bench.ids == []


def test_of_a_periodic_frame_that_waited_the_newest_leaves() -> None:
    bench = LoadedBus()
    bench.load(0x0C0, 100)
    for turn in range(3):
        for can_id in (0x100, 0x110, 0x120):
            bench.transmitter.post(can_id, bytes((turn,)))
    bench.run(40)

    assert [(can_id, data) for _, can_id, data in bench.heard][-1] == (0x120, b"\2")
    assert sorted(set(bench.ids)) == [0x100, 0x110, 0x120]


def test_no_event_is_lost_however_many_come_at_once() -> None:
    bench = LoadedBus()
    bench.load(0x0C0, 100)

    for n in range(20):
        bench.transmitter.post_event(0x080, bytes((n,)))
    bench.run(60)

    assert [data[0] for _, can_id, data in bench.heard if can_id == 0x080] == list(range(20))
