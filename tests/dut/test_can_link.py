"""The CAN link against the virtual bench's bus, and what it does when its far end has gone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import can
import numpy as np
import pytest

from rig.clock import Lag, WallClock
from rig.dut.can_link import CanLink
from rig.errors import BenchError
from tests.links import LATENCY_S, Links, connected

STATUS, HOST_ALIVE, OWN = 0x100, 0x305, 8


def _true_rig_ns(links: Links, raw_stamps: list[float]) -> np.ndarray[Any, Any]:
    """True rig times of adapter stamps, by the true errors of both clocks."""
    clocks = links.bench.truth(do="clocks")
    adapter, rig = clocks["can"], clocks["rig"]
    stamps_ns = np.array([round(s * 1e6) * 1000 for s in raw_stamps], dtype=object)
    exact = (stamps_ns - adapter["offset_ns"]) / (1.0 + adapter["drift_ppm"] * 1e-6)
    return np.asarray(exact * (1.0 + rig["drift_ppm"] * 1e-6) + rig["offset_ns"], float)


@pytest.mark.parametrize("listened_s", [0.5, 20.0])
def test_frames_are_stamped_in_rig_time_within_their_stated_uncertainty(
    links: Links, listened_s: float
) -> None:
    links.pass_s(listened_s)
    frames, link = links.can.end()

    raw = [f.timestamp for f in links.can._frames.since(0)]
    error_s = (frames.time_ns - _true_rig_ns(links, raw)) * 1e-9
    assert link.alive
    assert link.received == len(raw) == frames.time_ns.size > 10
    assert np.abs(error_s).max() <= 2.0 * frames.time_u_s  # k = 2
    assert np.ptp(error_s) < 20e-6  # the drift between the two clocks is taken out


def test_frames_come_in_order_and_none_is_missing(links: Links) -> None:
    before_ns = links.clock.now_ns()
    links.pass_s(5.0)
    frames, _ = links.can.end()

    assert np.all(np.diff(frames.time_ns) > 0)
    inside = frames.time_ns[(frames.can_id == STATUS) & (frames.time_ns > before_ns)]
    assert np.abs(np.diff(inside) * 1e-9 - 0.1).max() < 0.005
    assert inside.size >= 49


def test_begin_forgets_what_was_heard_before(links: Links) -> None:
    links.pass_s(1.0)
    links.can.begin()

    frames, _ = links.can.end()

    assert 0 < frames.time_ns.size < 12  # the few that both clock points took


def test_what_the_rig_sends_is_back_when_send_returns(links: Links) -> None:
    before_ns = links.clock.now_ns()
    links.can.send(HOST_ALIVE, bytes(range(8)))
    after_ns = links.clock.now_ns()
    frames, _ = links.can.end()

    own = np.flatnonzero(frames.flags & OWN)
    assert [bytes(frames.data[i]) for i in own] == [bytes(range(8))]
    margin_ns = 2e9 * frames.time_u_s
    assert before_ns - margin_ns <= frames.time_ns[own[0]] <= after_ns + margin_ns
    assert after_ns - before_ns < 2_000_000  # 111 to 135 bits at 500 kbit/s, and a frame before it


def test_each_of_many_sends_is_echoed_once(links: Links) -> None:
    for count in range(20):
        links.can.send(HOST_ALIVE, bytes([count] * 8))
    frames, _ = links.can.end()

    own = np.flatnonzero(frames.flags & OWN)
    assert [int(frames.data[i, 0]) for i in own] == list(range(20))


def test_newest_is_the_last_frame_of_its_identifier(links: Links) -> None:
    links.pass_s(1.0)

    newest = links.can.newest(STATUS)

    assert newest is not None
    assert newest.timestamp == max(
        f.timestamp for f in links.can._frames.since(0) if f.arbitration_id == STATUS
    )
    assert links.can.newest(0x7FF) is None


def test_nobody_there_is_an_error_of_the_bench() -> None:
    def refuse() -> Any:
        raise OSError("connection refused")

    with pytest.raises(BenchError, match="the bus can't be opened: connection refused"):
        CanLink(WallClock(), refuse, LATENCY_S)


def test_a_silent_bus_stays_alive_and_gives_no_frames() -> None:
    with connected() as links:
        links.bench.supply(0.0)
        links.clock.touched()
        links.pass_s(0.5)
        links.can.begin()
        links.pass_s(1.0)
        frames, link = links.can.end()

        assert (frames.time_ns.size, link.received, link.alive) == (0, 0, True)
        with pytest.raises(BenchError, match="0x305 did not leave within 500 ms: no other node"):
            links.can.send(HOST_ALIVE, bytes(8))


def test_a_far_end_that_goes_is_noticed() -> None:
    with connected() as links:
        bus = CanLink(WallClock(), links.bench.open_bus, LATENCY_S)
        links.bench.end()

        frames, link = bus.end()

        assert not link.alive
        assert frames.time_ns.size == 0
        with pytest.raises(BenchError, match="CAN"):
            bus.send(HOST_ALIVE, bytes(8))
        bus.close()


# ---- on a clock that only looks now and then ----------------------------------------------------
class LookingClock:
    """A clock on the wall, by script: each look of a wait comes 2 ms after the one before."""

    wakes_at_arrival = False

    def __init__(self) -> None:
        self.time_ns = 10_000_000_000
        self.arrivals: list[tuple[int, Callable[[], None]]] = []

    def now_ns(self) -> int:
        return self.time_ns

    def sleep_until(self, time_ns: int) -> None:
        self.time_ns = max(self.time_ns, time_ns)
        for due_ns, arrive in [a for a in self.arrivals if a[0] <= self.time_ns]:
            self.arrivals.remove((due_ns, arrive))
            arrive()

    def wait(self, ready: Callable[[], bool], until_ns: int, links: tuple[str, ...] = ()) -> bool:  # noqa: ARG002
        while not (done := ready()) and self.time_ns < until_ns:
            self.sleep_until(self.time_ns + 2_000_000)
        return done

    def date_ns(self, begin_ns: int) -> int:
        return begin_ns

    def touched(self) -> None:
        pass

    def handed_over(self, link: str) -> int:  # noqa: ARG002
        return 0

    def expect(self, link: str, sent: int) -> None:
        pass

    def begin_case(self, seed: int) -> bool:  # noqa: ARG002
        return False

    def begin_soon(self, seed: int) -> None:
        pass

    def lags(self) -> tuple[Lag, ...]:
        return ()

    def close(self) -> None:
        pass


@pytest.mark.parametrize("phase_ns", [0, 700_000, 1_999_999])
def test_a_clock_that_looks_now_and_then_says_so_in_the_uncertainty(phase_ns: int) -> None:
    clock = LookingClock()
    with can.Bus(interface="virtual", channel="looks", preserve_timestamps=True) as sender:
        bus = CanLink(clock, lambda: can.Bus(interface="virtual", channel="looks"), 0.001)
        began_ns = clock.now_ns()
        true_ns = [began_ns + 10_000_000 * n + phase_ns for n in range(1, 40)]
        for due_ns in true_ns:
            stamp_s = 500.0 + due_ns * 1e-9  # the adapter's clock is far off
            frame = can.Message(arbitration_id=STATUS, data=bytes(8), timestamp=stamp_s)
            clock.arrivals.append((due_ns, lambda frame=frame: sender.send(frame)))  # type: ignore[misc]

        bus.begin()
        clock.sleep_until(began_ns + 300_000_000)
        frames, _ = bus.end()
        bus.close()

    known = np.array([t for t in true_ns if t <= clock.now_ns()][-frames.time_ns.size :])
    assert np.abs(frames.time_ns - known).max() * 1e-9 <= 2.0 * frames.time_u_s
    assert frames.time_u_s * 12**0.5 >= 0.003  # latency, and what a look may be late


def test_a_lone_frame_of_a_bus_that_is_silent_at_both_ends_of_a_case_is_kept() -> None:
    clock = LookingClock()
    with can.Bus(interface="virtual", channel="sparse", preserve_timestamps=True) as sender:
        bus = CanLink(
            clock, lambda: can.Bus(interface="virtual", channel="sparse"), 0.001, name="sparse"
        )
        bus.begin()
        clock.sleep_until(clock.now_ns() + 20_000_000)
        sender.send(can.Message(arbitration_id=5, data=b"\1", timestamp=500.0))
        sent_ns = clock.now_ns()
        bus.poll()

        frames, _ = bus.end()
        bus.close()

    assert (frames.can_id.tolist(), frames.buses) == ([5], ("sparse",))
    assert abs(frames.time_ns[0] - sent_ns) * 1e-9 <= 2.0 * frames.time_u_s
