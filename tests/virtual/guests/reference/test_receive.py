"""What the BMS takes for a sign of life of its host, and what a burst does to it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.virtual.guests.reference.receive import HostCheck, HostImage, Receiver
from tests.virtual.guests.desk import Desk, a_reference
from tests.virtual.guests.host import HOST_ALIVE, host_alive

CHARGE = "charge gate"


def a_check(*counters: int) -> HostCheck:
    check = HostCheck(HostImage())
    for counter in counters:
        check.accepts(host_alive(counter))
    return check


def hear(desk: Desk, data: bytes) -> None:
    desk.pins.on_can(HOST_ALIVE, data, False)  # noqa: FBT003


@given(first=st.integers(0, 14), steps=st.lists(st.integers(0, 14), max_size=20))
def test_a_frame_is_new_if_its_counter_went_on_by_one_or_two(first: int, steps: list[int]) -> None:
    check, counter = a_check(first), first

    for step in steps:
        counter += step
        assert check.accepts(host_alive(counter)) == (step in (1, 2))


@given(bit=st.integers(0, 63), counter=st.integers(0, 14))
def test_a_frame_with_one_wrong_bit_is_refused(bit: int, counter: int) -> None:
    data = bytearray(host_alive(counter + 1))
    data[bit // 8] ^= 1 << bit % 8
    check = a_check(counter)

    assert not check.accepts(bytes(data))
    assert check.refused == 1


@given(length=st.integers(0, 7))
def test_a_short_frame_is_refused_though_its_checksum_is_right(length: int) -> None:
    assert not a_check(0).accepts(host_alive(1, length=length))


def test_a_frame_of_another_data_id_is_refused() -> None:
    check = HostCheck(HostImage(data_id=0x306))

    assert not check.accepts(host_alive(0))


def test_a_counter_that_is_never_sent_is_refused() -> None:
    data = bytes((0, 15, 0, 0, 0, 0, 0, 0))
    check = HostCheck(HostImage())

    assert not check.accepts(host_alive(0)[:1] + data[1:])


def test_after_a_long_absence_any_counter_begins_anew() -> None:
    check = a_check(3)
    check.forget()

    assert check.accepts(host_alive(3))


def test_a_fifo_that_ran_over_stores_again_once_that_was_seen() -> None:
    receiver = Receiver(HostImage(fifo_frames=4))
    for counter in range(9):
        receiver.interrupt(counter, HOST_ALIVE, host_alive(counter), extended=False)

    kept = receiver.take()
    receiver.interrupt(9, HOST_ALIVE, host_alive(9), extended=False)

    assert [ms for ms, _ in kept] == [0, 1, 2, 3]
    assert receiver.take() == [(9, host_alive(9))]
    assert receiver.overruns == 1


def test_frames_of_others_do_not_fill_the_fifo() -> None:
    receiver = Receiver(HostImage())

    receiver.interrupt(0, HOST_ALIVE + 1, bytes(8), extended=False)
    receiver.interrupt(0, HOST_ALIVE, bytes(8), extended=True)

    assert receiver.take() == []


@pytest.mark.parametrize(
    "spoilt",
    [
        lambda n: host_alive(0),  # noqa: ARG005
        lambda n: bytes((host_alive(n)[0] ^ 0xFF,)) + host_alive(n)[1:],
        lambda n: host_alive(n, length=4),
        lambda n: host_alive(5 * n),
    ],
    ids=["frozen counter", "wrong checksum", "short", "counter skips"],
)
def test_frames_that_are_refused_do_not_keep_the_host_alive(spoilt: object) -> None:
    desk = a_reference()
    for counter in range(4):
        hear(desk, host_alive(counter))
        desk.run(0.2)
    for n in range(8):
        hear(desk, spoilt(n))  # type: ignore[operator]
        desk.run(0.2)

    assert desk.value(CHARGE) == 0.0


def test_a_burst_is_survived_and_the_next_frames_count() -> None:
    desk = a_reference()
    for counter in range(200):
        hear(desk, host_alive(counter))
    desk.run(0.2)
    for counter in range(200, 215):
        hear(desk, host_alive(counter))
        desk.run(0.2)

    assert desk.value(CHARGE) == 12.0
