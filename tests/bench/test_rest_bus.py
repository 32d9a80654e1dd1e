"""The partner's frames: right by themselves, and wrong in just one way where a case asks for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from itertools import islice

import pytest
from crccheck.crc import Crc8SaeJ1850
from hypothesis import given
from hypothesis import strategies as st

from rig.bench.rest_bus import Outgoing, RestBusSimulation, Sender
from rig.dut.can_messages import Messages
from rig.dut.profile import Profile, load_profile
from rig.dut.received_messages import ReceivedMessage
from rig.errors import BenchError
from rig.steps.frame_fault import FrameFault
from rig.steps.start_periodic import StartPeriodic

PROFILE = load_profile("esp32-4s")
HOST, MS = 0x305, 1_000_000


def a_sender(profile: Profile = PROFILE, **changes: object) -> Sender:
    assert profile.can is not None
    assert profile.dbc_path is not None
    claim = profile.can.receives["HostAlive"].model_copy(update=changes)
    return Sender(Messages(profile.dbc_path), "HostAlive", claim)


def frames(count: int, wrong: FrameFault | None = None, **signals: float) -> list[Outgoing]:
    return list(islice(a_sender().frames(signals, wrong), count))


def counters(sent: list[Outgoing]) -> list[int]:
    return [frame.data[1] & 0xF for frame in sent]


def is_sealed(data: bytes, data_id: int = HOST) -> bool:
    """Profile 1 is the plain checksum with both inversions undone; by a library of others."""
    whole = bytes((data_id & 0xFF, data_id >> 8)) + data[1:]
    return bool(Crc8SaeJ1850.calc(whole, initvalue=0x00) ^ 0xFF == data[0])


def test_frames_count_up_and_start_again_and_bear_the_right_checksum() -> None:
    sent = frames(17, Request=1)

    assert counters(sent) == [*range(15), 0, 1]
    assert all(is_sealed(frame.data) for frame in sent)
    assert {(frame.can_id, len(frame.data), frame.data[1] >> 4) for frame in sent} == {(HOST, 8, 1)}


@given(data=st.binary(min_size=8, max_size=8), at=st.integers(0, 7))
def test_the_j1850_kind_of_checksum_is_a_librarys(data: bytes, at: int) -> None:
    from rig.dut.e2e import one_crc

    rest = data[:at] + data[at + 1 :]

    assert one_crc("SAE J1850", data, at, 0x305) == Crc8SaeJ1850.calc(rest)


def test_a_profile_may_choose_the_j1850_kind() -> None:
    sender = a_sender(crc_kind="SAE J1850")

    frame = next(sender.frames({}, None))

    assert frame.data[0] == Crc8SaeJ1850.calc(frame.data[1:])


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        (FrameFault(what="counter stands"), [0, 0, 0, 0]),
        (FrameFault(what="counter stands", every=2), [0, 0, 1, 1]),
        (FrameFault(what="counter skips", by=3), [3, 7, 11, 0]),
        (FrameFault(what="counter skips", by=3, every=0), [3, 4, 5, 6]),
        (FrameFault(what="swapped", every=0), [1, 0, 2, 3]),
    ],
)
def test_a_wrong_counter_is_wrong_under_a_right_checksum(
    wrong: FrameFault, expected: list[int]
) -> None:
    sent = frames(4, wrong)

    assert counters(sent) == expected
    assert all(is_sealed(frame.data) for frame in sent)


def test_a_flipped_bit_wanders_over_the_whole_frame() -> None:
    right, spoilt = frames(64), frames(64, FrameFault(what="bit"))

    flipped = [
        int.from_bytes(a.data, "little") ^ int.from_bytes(b.data, "little")
        for a, b in zip(right, spoilt, strict=True)
    ]
    assert flipped == [1 << bit for bit in range(64)]
    assert not any(is_sealed(frame.data) for frame in spoilt)


def test_a_short_frame_is_sealed_over_what_is_left_of_it() -> None:
    sent = frames(3, FrameFault(what="length", by=3))

    assert [len(frame.data) for frame in sent] == [3, 3, 3]
    assert all(is_sealed(frame.data) for frame in sent)


def test_other_ways_to_be_wrong_spoil_just_what_they_name() -> None:
    [crc], [masked], [moved] = (
        frames(1, wrong)
        for wrong in (
            FrameFault(what="crc"),
            FrameFault(what="data id", by=1),
            FrameFault(what="identifier", by=2),
        )
    )

    assert crc.data[1:] == masked.data[1:] == moved.data[1:]
    assert not is_sealed(crc.data)
    assert is_sealed(masked.data, HOST + 1)
    assert is_sealed(moved.data)
    assert moved.can_id == HOST + 2


def test_a_message_without_protection_is_sent_as_the_dbc_has_it() -> None:
    sender = a_sender(counter=None, crc=None)

    assert [frame.data for frame in islice(sender.frames({"Alive": 5}, None), 2)] == [
        bytes((0, 5, 0, 0, 0, 0, 0, 0))
    ] * 2


def test_what_can_not_be_seen_can_not_be_refused() -> None:
    with pytest.raises(ValueError, match="without a crc"):
        ReceivedMessage.model_validate({"period": "200 ms", "refuses": ["wrong crc"]})


# ---- in the background --------------------------------------------------------------------------
class ScriptedClock:
    """A clock that stands where it is put."""

    def __init__(self) -> None:
        self.time_ns = 0

    def now_ns(self) -> int:
        return self.time_ns


class Posted:
    """What was handed to the adapter, and when, in ms."""

    def __init__(self, clock: ScriptedClock) -> None:
        self._clock = clock
        self.frames: list[tuple[int, int]] = []

    def post(self, can_id: int, data: bytes, *, extended: bool = False) -> None:
        assert (can_id, extended) == (HOST, False)
        self.frames.append((self._clock.time_ns // MS, data[1] & 0xF))


def a_rest_bus() -> tuple[RestBusSimulation, ScriptedClock, Posted]:
    assert PROFILE.can is not None
    assert PROFILE.dbc_path is not None
    clock = ScriptedClock()
    posted = Posted(clock)
    rest_bus = RestBusSimulation(
        clock,  # type: ignore[arg-type]
        posted,  # type: ignore[arg-type]
        Messages(PROFILE.dbc_path),
        PROFILE.can.receives,
    )
    return rest_bus, clock, posted


def looked(rest_bus: RestBusSimulation, clock: ScriptedClock, *at_ms: int) -> None:
    for ms in at_ms:
        clock.time_ns = ms * MS
        rest_bus.pump()


def test_a_frame_that_is_late_does_not_move_the_ones_behind_it() -> None:
    rest_bus, clock, posted = a_rest_bus()

    rest_bus.begin(StartPeriodic(message="HostAlive", period_s=0.1))
    looked(rest_bus, clock, 100, 170, 200, 299, 300, 431)

    assert posted.frames == [(0, 0), (100, 1), (200, 2), (300, 3), (431, 4)]
    assert rest_bus.due_ns == 500 * MS


def test_periods_that_nobody_could_send_in_are_left_out_and_the_counter_goes_on() -> None:
    rest_bus, clock, posted = a_rest_bus()

    rest_bus.begin(StartPeriodic(message="HostAlive", period_s=0.1))
    looked(rest_bus, clock, 450, 500, 600)

    assert posted.frames == [(0, 0), (450, 1), (500, 2), (600, 3)]


def test_a_partner_that_is_reset_is_silent_and_counts_from_0() -> None:
    rest_bus, clock, posted = a_rest_bus()
    rest_bus.begin(StartPeriodic(message="HostAlive", period_s=0.1))
    looked(rest_bus, clock, 100)

    rest_bus.reset()
    looked(rest_bus, clock, 200, 300)
    rest_bus.begin(StartPeriodic(message="HostAlive", period_s=0.1))

    assert posted.frames == [(0, 0), (100, 1), (300, 0)]


def test_nothing_falls_due_once_it_is_quiet() -> None:
    rest_bus, clock, posted = a_rest_bus()
    rest_bus.begin(StartPeriodic(message="HostAlive", period_s=0.1))

    rest_bus.end("HostAlive")
    looked(rest_bus, clock, 100, 200)

    assert rest_bus.due_ns is None
    assert posted.frames == [(0, 0)]


# ---- in real time -------------------------------------------------------------------------------
class HandMovedClock(ScriptedClock):
    """Real time as a thread sees it, moved on by hand; nobody waits on the wall for it."""

    def __init__(self) -> None:
        super().__init__()
        self._moved = threading.Condition()

    def move_to(self, ms: int) -> None:
        with self._moved:
            self.time_ns = ms * MS
            self._moved.notify_all()

    def wait(self, ready: Callable[[], bool], until_ns: int) -> bool:
        with self._moved:
            while not (done := ready()) and self.time_ns < until_ns:
                self._moved.wait(1e-3)  # `ready` may turn without a move
        return done


class Signalled(Posted):
    """Tells of each frame, and breaks when it is told to."""

    def __init__(self, clock: ScriptedClock) -> None:
        super().__init__(clock)
        self.came, self.is_broken = threading.Semaphore(0), False

    def post(self, can_id: int, data: bytes, *, extended: bool = False) -> None:
        self.came.release()
        if self.is_broken:
            raise BenchError("the bus is gone", "CAN", "look for it")
        super().post(can_id, data, extended=extended)

    def awaited(self) -> bool:
        return self.came.acquire(timeout=5.0)


@pytest.fixture
def lively() -> Iterator[tuple[RestBusSimulation, HandMovedClock, Signalled]]:
    assert PROFILE.can is not None
    assert PROFILE.dbc_path is not None
    clock = HandMovedClock()
    posted = Signalled(clock)
    rest_bus = RestBusSimulation(
        clock,  # type: ignore[arg-type]
        posted,  # type: ignore[arg-type]
        Messages(PROFILE.dbc_path),
        PROFILE.can.receives,
        in_background=True,
    )
    yield rest_bus, clock, posted
    rest_bus.close()


Lively = tuple[RestBusSimulation, HandMovedClock, Signalled]


def test_in_real_time_frames_leave_while_nobody_lets_time_pass(lively: Lively) -> None:
    rest_bus, clock, posted = lively

    rest_bus.begin(StartPeriodic(message="HostAlive", period_s=0.1))
    for ms in (0, 100, 200, 300):  # this thread, as one that waits for an instrument, sends nothing
        clock.move_to(ms)
        assert posted.awaited()

    assert posted.frames == [(0, 0), (100, 1), (200, 2), (300, 3)]
    assert rest_bus.due_ns is None  # and no wait has to end for it


def test_traffic_that_begins_later_and_is_due_sooner_wakes_the_thread(lively: Lively) -> None:
    rest_bus, clock, posted = lively
    rest_bus.begin(StartPeriodic(message="HostAlive", period_s=10.0))
    assert posted.awaited()

    rest_bus.begin(StartPeriodic(message="HostAlive", period_s=0.1))
    assert posted.awaited()
    clock.move_to(100)

    assert posted.awaited()
    assert posted.frames == [(0, 0), (0, 1), (100, 2)]


def test_what_breaks_in_the_thread_is_told_to_who_looks_next_and_once(lively: Lively) -> None:
    rest_bus, clock, posted = lively
    rest_bus.begin(StartPeriodic(message="HostAlive", period_s=0.1))
    assert posted.awaited()
    posted.is_broken = True
    clock.move_to(100)
    assert posted.awaited()

    rest_bus.close()  # the thread has come to its end

    with pytest.raises(BenchError, match="the bus is gone"):
        rest_bus.pump()
    rest_bus.pump()
