"""The bus held against hand-computed instants: equal means equal, since time is an integer."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.virtual.can_bits import Frame, frame_bits
from rig.virtual.can_bus import BusError, CanBus, CanNode, FaultKind, NodeState
from rig.virtual.kernel import Kernel

BIT_NS = 2_000  # 500 kbit/s
MS = 1_000_000
EIGHT = bytes.fromhex(
    "1122334455667788"
)  # with identifier 123: 112 bits, interframe space included


@dataclass
class Recorded:
    """A node and what it saw, each with the kernel's time in ns."""

    node: CanNode
    frames: list[tuple[int, int]] = field(default_factory=list)
    sent: list[tuple[int, int]] = field(default_factory=list)
    errors: list[tuple[int, BusError]] = field(default_factory=list)
    states: list[tuple[int, NodeState]] = field(default_factory=list)


def a_bus(*names: str) -> tuple[Kernel, CanBus, list[Recorded]]:
    kernel = Kernel()
    bus = CanBus(kernel, 500_000)
    return kernel, bus, [recorded(kernel, bus, name) for name in names]


def recorded(kernel: Kernel, bus: CanBus, name: str) -> Recorded:
    seen = Recorded(bus.attach(name))
    seen.node.on_frame = lambda frame: seen.frames.append((kernel.now_ns, frame.can_id))
    seen.node.on_sent = lambda frame: seen.sent.append((kernel.now_ns, frame.can_id))
    seen.node.on_error = lambda error: seen.errors.append((kernel.now_ns, error))
    seen.node.on_state = lambda state: seen.states.append((kernel.now_ns, state))
    return seen


def asks(seen: Recorded, can_id: int, data: bytes = b"") -> None:
    seen.node.send(can_id, data)


def test_a_frame_takes_its_true_time_and_the_next_one_waits_for_the_interframe_space() -> None:
    kernel, _, (a, b) = a_bus("a", "b")

    a.node.send(0x123, EIGHT)
    a.node.send(0x123, EIGHT)
    kernel.run_until(MS)

    # 112 bits with one stuff bit and 3 of intermission: 218 us to the end of frame, the next start
    # of frame at 224 us.
    assert b.frames == [(218_000, 0x123), (224_000 + 218_000, 0x123)]
    assert a.sent == b.frames
    assert a.frames == []


def test_of_frames_asked_for_in_one_instant_the_lowest_identifier_wins() -> None:
    kernel, _, (a, b, c) = a_bus("a", "b", "c")

    a.node.send(0x300)
    b.node.send(0x100)
    a.node.send(0x200)
    kernel.run_until(MS)

    assert [can_id for _, can_id in c.frames] == [0x100, 0x200, 0x300]


def test_a_frame_on_the_wire_is_not_interrupted() -> None:
    kernel, _, (a, b) = a_bus("a", "b")

    a.node.send(0x7FF)
    kernel.after(BIT_NS, lambda: asks(b, 0x000))
    kernel.run_until(MS)

    assert b.frames[0][0] < b.sent[0][0]


def test_a_request_in_the_interframe_space_takes_part_in_the_next_arbitration() -> None:
    kernel, _, (a, b, c) = a_bus("a", "b", "c")
    a.node.send(0x123, EIGHT)
    a.node.send(0x123, EIGHT)

    kernel.at(223_000, lambda: asks(b, 0x100, EIGHT))
    kernel.run_until(MS)

    assert [can_id for _, can_id in c.frames] == [0x123, 0x100, 0x123]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(Frame(0x123, b""), Frame(0x123, b"", remote=True), id="data before remote"),
        pytest.param(
            Frame(0x123, b"", remote=True),
            Frame(0x123 << 18, b"", extended=True),
            id="11 before 29",
        ),
        pytest.param(
            Frame((0x123 << 18) - 1, b"", extended=True), Frame(0x123, b""), id="29 with lower base"
        ),
    ],
)
def test_arbitration_goes_by_the_whole_field(first: Frame, second: Frame) -> None:
    kernel, _, (a, b, c) = a_bus("a", "b", "c")
    order: list[Frame] = []
    c.node.on_frame = order.append

    for node, frame in ((a.node, second), (b.node, first)):
        node.send(frame.can_id, frame.data, extended=frame.extended, remote=frame.remote)
    kernel.run_until(MS)

    assert order == [first, second]


def test_a_fifo_node_keeps_its_order_and_still_arbitrates_by_identifier() -> None:
    kernel, bus, (bms, listener) = a_bus("bms", "listener")
    adapter = bus.attach("adapter", fifo=True)

    adapter.send(0x300)
    adapter.send(0x100)
    bms.node.send(0x200)
    kernel.run_until(MS)

    assert [can_id for _, can_id in listener.frames] == [0x200, 0x300, 0x100]


def test_the_truth_hook_hears_each_end_of_frame_once_and_first() -> None:
    kernel, bus, (a, b) = a_bus("a", "b")
    truth: list[tuple[int, str, int]] = []
    bus.on_end = lambda end_ns, name, frame: truth.append((end_ns, name, frame.can_id))

    a.node.send(0x123, EIGHT)
    kernel.run_until(MS)

    assert truth == [(218_000, "a", 0x123)]
    assert len(b.frames) == 1


def test_two_senders_of_the_same_frame_send_it_once() -> None:
    kernel, _, (a, b, c) = a_bus("a", "b", "c")

    a.node.send(0x123, EIGHT)
    b.node.send(0x123, EIGHT)
    kernel.run_until(MS)

    assert c.frames == a.sent == b.sent == [(218_000, 0x123)]


def test_two_senders_of_one_identifier_with_different_data_destroy_each_other() -> None:
    kernel, _, (a, b, c) = a_bus("a", "b", "c")

    a.node.send(0x123, b"\x00")
    b.node.send(0x123, b"\x01")
    kernel.run_until(100 * MS)

    assert c.frames == []
    assert a.node.state == b.node.state == "bus-off"


def test_a_node_alone_repeats_for_ever_and_never_leaves_the_bus() -> None:
    kernel, _, (a,) = a_bus("a")

    a.node.send(0x123, EIGHT)
    kernel.run_until(3_600_000 * MS)

    assert (a.node.tec, a.node.state, a.node.pending) == (128, "passive", 1)
    assert [state for _, state in a.states] == ["warning", "passive"]
    # Each attempt: 112 - 13 + 2 bits to the end of the ACK slot, flag 6, delimiter 8; then 3 bits.
    assert a.errors[0][0] == (101 + 6 + 8) * BIT_NS
    assert a.errors[1][0] - a.errors[0][0] == (101 + 6 + 8 + 3) * BIT_NS
    assert len(a.errors) == 16  # passive, the repetitions cost no more events


@given(st.integers(0, 2_000_000))
def test_who_plugs_in_later_first_gets_the_old_frame_whole(delay_ns: int) -> None:
    kernel, bus, (a,) = a_bus("a")
    a.node.send(0x123, EIGHT)
    kernel.run_until(10 * MS + delay_ns)

    b = recorded(kernel, bus, "b")
    kernel.run_until(20 * MS)

    # At the latest: a repetition is under way, then suspend and the frame itself.
    passive_period_ns = (101 + 6 + 8 + 3 + 8) * BIT_NS
    assert len(b.frames) == 1
    waited_ns = b.frames[0][0] - (10 * MS + delay_ns)
    assert 218_000 <= waited_ns <= 218_000 + passive_period_ns
    assert (b.frames[0][0] - 218_000 - a.errors[-1][0]) % (2 * BIT_NS) in (0, BIT_NS)


def test_a_good_frame_counts_down_and_a_passive_sender_waits_eight_bits_more() -> None:
    kernel, _, (a, b) = a_bus("a", "b")
    a.node.tec = 130

    a.node.send(0x123, EIGHT)
    a.node.send(0x123, EIGHT)
    kernel.run_until(MS)

    assert a.node.tec == 128
    assert b.frames[1][0] - b.frames[0][0] == (112 + 8) * BIT_NS


@pytest.mark.parametrize(
    ("kind", "attempt_bits"),
    [
        pytest.param("bit errors", 20 + 12 + 8, id="bit errors"),
        pytest.param("short", 1 + 6 + 8, id="CANH to CANL"),
    ],
)
def test_32_destroyed_frames_are_bus_off(kind: FaultKind, attempt_bits: int) -> None:
    kernel, bus, (a, b) = a_bus("a", "b")
    bus.fault(kind)

    a.node.send(0x123, EIGHT)
    kernel.run_until(100 * MS)

    # 16 attempts as active with 3 bits between, 15 as passive with 8 more, the last one's end.
    end_bits = 31 * (attempt_bits + 3) + 16 * 8 + attempt_bits
    assert a.states[-1] == (end_bits * BIT_NS, "bus-off")
    assert [state for _, state in a.states] == ["warning", "passive", "bus-off"]
    assert a.node.pending == 0
    assert a.node.send(0x123) is False
    assert b.node.rec == (32 if kind == "bit errors" else 0)


def test_bit_errors_of_one_victim_leave_the_others_alone() -> None:
    kernel, bus, (a, b) = a_bus("a", "b")
    bus.fault("bit errors", victim="a")

    a.node.send(0x123)
    b.node.send(0x124)
    kernel.run_until(100 * MS)

    assert (a.node.state, b.node.state) == ("bus-off", "active")
    assert len(b.sent) == 1


def test_recovery_takes_128_times_11_recessive_bits_on_an_idle_bus() -> None:
    kernel, bus, (a, b) = a_bus("a", "b")
    bus.fault("bit errors", 20 * MS)
    a.node.send(0x123)
    kernel.run_until(30 * MS)

    a.node.recover()
    kernel.run_until(40 * MS)

    assert a.states[-1] == (30 * MS + 2_816_000, "active")  # 128 x 11 bits (ISO 11898-1)
    a.node.send(0x123)
    kernel.run_until(50 * MS)
    assert [can_id for _, can_id in b.frames] == [0x123]


def test_recovery_on_a_full_bus_counts_one_run_a_frame() -> None:
    kernel, bus, (a, b, _) = a_bus("a", "b", "c")
    bus.fault("bit errors", 20 * MS)
    a.node.send(0x123)
    kernel.run_until(30 * MS)
    b.node.on_sent = lambda _frame: asks(b, 0x123, EIGHT)

    b.node.send(0x123, EIGHT)
    a.node.recover()
    kernel.run_until(100 * MS)

    end_ns = a.states[-1][0] - 30 * MS
    assert a.states[-1][1] == "active"
    assert end_ns == pytest.approx(128 * 224_000, rel=0.02)


def test_a_bus_that_sticks_dominant_takes_off_who_was_sending_and_only_them() -> None:
    kernel, bus, (a, b, _) = a_bus("a", "b", "c")
    a.node.send(0x123, EIGHT)
    kernel.run_until(50_000)

    bus.fault("stuck dominant", 10 * MS)
    b.node.send(0x100)
    kernel.run_until(10 * MS)

    # + 8 at once, after the flag's 6 and 14 bits, then each 8.
    assert a.states[-1] == (50_000 + (20 + 30 * 8) * BIT_NS, "bus-off")
    assert (b.node.state, b.sent) == ("passive", [])
    kernel.run_until(20 * MS)
    assert b.sent[0][0] > 10 * MS + 50_000


def test_a_sender_that_is_reset_leaves_an_error_behind_and_a_free_bus() -> None:
    kernel, _, (a, b) = a_bus("a", "b")
    a.node.send(0x123, EIGHT)
    kernel.run_until(100_000)

    a.node.reset()
    b.node.send(0x124)
    kernel.run_until(MS)

    assert a.frames == [(b.sent[0][0], 0x124)]
    assert b.frames == []
    assert b.errors == [(100_000 + 20 * BIT_NS, BusError("stuff", transmitting=False))]


def test_a_node_offline_neither_hears_nor_acknowledges() -> None:
    kernel, _, (a, b) = a_bus("a", "b")

    b.node.set_online(online=False)
    a.node.send(0x123)
    kernel.run_until(100 * MS)

    assert (b.frames, a.sent) == ([], [])
    b.node.set_online(online=True)
    kernel.run_until(101 * MS)
    assert len(b.frames) == 1


@pytest.mark.parametrize(("can_id", "data"), [(0x800, b""), (-1, b""), (0x100, bytes(9))])
def test_what_is_no_classic_frame_is_refused(can_id: int, data: bytes) -> None:
    _, _, (a,) = a_bus("a")

    with pytest.raises(ValueError, match="not a classic CAN frame"):
        a.node.send(can_id, data)


requests = st.lists(
    st.tuples(
        st.integers(0, 2), st.integers(0, 3_000_000), st.integers(0, 0x7FF), st.binary(max_size=8)
    ),
    max_size=40,
    unique_by=lambda request: request[2],
)


@given(requests)
def test_frames_never_overlap_and_none_is_lost(asked: list[tuple[int, int, int, bytes]]) -> None:
    kernel, bus, nodes = a_bus("a", "b", "c")
    ends: list[tuple[int, Frame]] = []
    bus.on_end = lambda end_ns, _name, frame: ends.append((end_ns, frame))
    for index, time_ns, can_id, data in asked:
        kernel.at(time_ns, partial(asks, nodes[index], can_id, data))

    kernel.run_until(1_000 * MS)

    assert sorted(frame.can_id for _, frame in ends) == sorted(can_id for _, _, can_id, _ in asked)
    asked_ns = {can_id: time_ns for _, time_ns, can_id, _ in asked}
    free_ns = 0
    for end_ns, frame in ends:
        start_ns = end_ns - (frame_bits(frame) - 3) * BIT_NS
        assert start_ns >= free_ns
        # Work conserving: a frame starts as soon as the bus is free and somebody asks.
        waiting = [asked_ns[f.can_id] for e, f in ends if e >= end_ns]
        assert start_ns == max(free_ns, min(waiting))
        # And it is the best of those that were there.
        there = [f.can_id for e, f in ends if e >= end_ns and asked_ns[f.can_id] <= start_ns]
        assert frame.can_id == min(there)
        free_ns = end_ns + 3 * BIT_NS


happenings = st.lists(
    st.tuples(
        st.integers(0, 400_000),  # ns since the one before
        st.one_of(
            st.tuples(st.just("send"), st.integers(0, 2), st.integers(0, 0x7FF)),
            st.tuples(
                st.sampled_from(("reset", "offline", "online", "recover")), st.integers(0, 2)
            ),
            st.tuples(
                st.just("fault"),
                st.sampled_from(("bit errors", "short", "stuck dominant")),
                st.integers(1, 2_000_000),
                st.sampled_from((None, "a", "b")),
            ),
        ),
    ),
    max_size=40,
)


def happen(bus: CanBus, nodes: list[Recorded], what: tuple[Any, ...]) -> None:
    if what[0] == "fault":
        bus.fault(what[1], what[2], victim=what[3])
        return
    node = nodes[what[1]].node
    match what[0]:
        case "send":
            node.send(what[2], EIGHT)
        case "offline" | "online":
            node.set_online(online=what[0] == "online")
        case other:
            getattr(node, other)()


@given(happenings)
def test_after_any_mishap_the_bus_works_again(story: list[tuple[int, tuple[Any, ...]]]) -> None:
    kernel, bus, nodes = a_bus("a", "b", "c")
    ends: list[tuple[int, int]] = []
    bus.on_end = lambda end_ns, _name, frame: ends.append((end_ns, frame_bits(frame)))
    for delay_ns, what in story:
        kernel.run_until(kernel.now_ns + delay_ns)
        happen(bus, nodes, what)
        assert all(seen.node.pending <= len(story) for seen in nodes)
        assert all(not seen.node.queue for seen in nodes if not seen.node.takes_part)

    bus.clear_fault()
    for seen in nodes:
        seen.node.set_online(online=True)
        seen.node.recover()
    kernel.run_until(kernel.now_ns + 1_000 * MS)

    assert all(seen.node.state != "bus-off" and seen.node.pending == 0 for seen in nodes)
    for seen in nodes:
        seen.frames.clear()
    for seen in nodes:
        seen.node.send(0x123, EIGHT)
        kernel.run_until(kernel.now_ns + MS)
    assert [len(seen.frames) for seen in nodes] == [2, 2, 2]
    for (before_ns, _), (end_ns, bits) in pairwise(ends):
        assert end_ns - (bits - 3) * BIT_NS >= before_ns + 3 * BIT_NS
