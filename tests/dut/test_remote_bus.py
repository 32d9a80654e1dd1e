"""A bus over a network that socketcand could not carry: FD, remote and error frames."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial

import can
import pytest
from can_remote import RemoteServer

from rig.bench.connect import bus_arguments
from rig.bench.description import BenchCan
from rig.clock import WallClock
from rig.dut.can_link import CanLink
from rig.errors import BenchError
from rig.trace.model import ERROR, EXTENDED, FD, REMOTE, SENT, SWITCHED

SENT_BY_OTHERS = (
    can.Message(arbitration_id=0x100, is_extended_id=False, is_fd=True, data=range(12)),
    can.Message(arbitration_id=0x101, is_fd=True, bitrate_switch=True, data=range(64)),
    can.Message(arbitration_id=0x102, is_extended_id=False, is_remote_frame=True, dlc=4),
    can.Message(arbitration_id=0x103, is_extended_id=False, is_error_frame=True),
    can.Message(arbitration_id=0x104, is_extended_id=False, data=b"\1\2"),
)


@pytest.fixture
def server() -> Iterator[RemoteServer]:
    server = RemoteServer("127.0.0.1", 0, interface="virtual", channel="far away")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def link(server: RemoteServer) -> Iterator[CanLink]:
    address = f"ws://127.0.0.1:{server.server_port}/"
    bus = BenchCan.model_validate({"interface": "remote", "address": address, "fd": True})
    opened = CanLink(WallClock(), partial(can.Bus, **bus_arguments(bus)), 0.01, name="far")
    yield opened
    opened.close()


def heard(link: CanLink, count: int) -> bool:
    clock = WallClock()
    return clock.wait(lambda: link.count() >= count, clock.now_ns() + 5_000_000_000)


def test_all_kinds_of_frames_arrive_as_they_were_sent(link: CanLink) -> None:
    with can.Bus(interface="virtual", channel="far away") as far:
        for message in SENT_BY_OTHERS:
            far.send(message)
        assert heard(link, len(SENT_BY_OTHERS))

    frames, state = link.end()

    assert state.alive
    assert frames.can_id.tolist() == [0x100, 0x101, 0x102, 0x103, 0x104]
    assert frames.flags.tolist() == [FD, FD | SWITCHED | EXTENDED, REMOTE, ERROR, 0]
    assert frames.length.tolist() == [12, 64, 4, 0, 2]
    assert bytes(frames.data[1]) == bytes(range(64))
    assert frames.buses == ("far",)


def test_the_rigs_own_frames_come_back_with_the_adapters_stamp(link: CanLink) -> None:
    link.begin()

    link.send(0x305, bytes(8))

    frames, _ = link.end()
    assert (frames.can_id.tolist(), frames.flags.tolist()) == ([0x305], [SENT])


@pytest.mark.parametrize("does", [CanLink.poll, lambda link: link.send(0x305, bytes(8))])
def test_a_far_end_that_goes_is_the_benchs_failure(
    server: RemoteServer, link: CanLink, does: Callable[[CanLink], None]
) -> None:
    clock = WallClock()
    assert clock.wait(lambda: bool(server.clients), clock.now_ns() + 5_000_000_000)
    for client in server.clients:
        client.running = False
        client.close()
        client.bus.shutdown()

    def noticed() -> bool:
        does(link)
        return False

    with pytest.raises(BenchError, match="CAN bus far"):
        clock.wait(noticed, clock.now_ns() + 5_000_000_000)
