"""The partner's frames: right by themselves, and wrong in just one way where a case asks for it."""

from __future__ import annotations

from itertools import islice

import pytest
from crccheck.crc import Crc8SaeJ1850
from hypothesis import given
from hypothesis import strategies as st

from rig.bench.partner import Outgoing, Sender
from rig.dut.can_messages import Messages
from rig.dut.profile import Profile, load_profile
from rig.dut.received import Received
from rig.plan.case import Wrong

PROFILE = load_profile("esp32-4s")
HOST = 0x305


def a_sender(profile: Profile = PROFILE, **changes: object) -> Sender:
    assert profile.can is not None
    assert profile.dbc_path is not None
    promise = profile.can.receives["HostAlive"].model_copy(update=changes)
    return Sender(Messages(profile.dbc_path), "HostAlive", promise)


def frames(count: int, wrong: Wrong | None = None, **signals: float) -> list[Outgoing]:
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
        (Wrong(what="counter stands"), [0, 0, 0, 0]),
        (Wrong(what="counter stands", every=2), [0, 0, 1, 1]),
        (Wrong(what="counter skips", by=3), [3, 7, 11, 0]),
        (Wrong(what="counter skips", by=3, every=0), [3, 4, 5, 6]),
        (Wrong(what="swapped", every=0), [1, 0, 2, 3]),
    ],
)
def test_a_wrong_counter_is_wrong_under_a_right_checksum(wrong: Wrong, expected: list[int]) -> None:
    sent = frames(4, wrong)

    assert counters(sent) == expected
    assert all(is_sealed(frame.data) for frame in sent)


def test_a_flipped_bit_wanders_over_the_whole_frame() -> None:
    right, spoilt = frames(64), frames(64, Wrong(what="bit"))

    flipped = [
        int.from_bytes(a.data, "little") ^ int.from_bytes(b.data, "little")
        for a, b in zip(right, spoilt, strict=True)
    ]
    assert flipped == [1 << bit for bit in range(64)]
    assert not any(is_sealed(frame.data) for frame in spoilt)


def test_a_short_frame_is_sealed_over_what_is_left_of_it() -> None:
    sent = frames(3, Wrong(what="length", by=3))

    assert [len(frame.data) for frame in sent] == [3, 3, 3]
    assert all(is_sealed(frame.data) for frame in sent)


def test_other_ways_to_be_wrong_spoil_just_what_they_name() -> None:
    [crc], [masked], [moved] = (
        frames(1, wrong)
        for wrong in (
            Wrong(what="crc"),
            Wrong(what="data id", by=1),
            Wrong(what="identifier", by=2),
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
        Received.model_validate({"period": "200 ms", "refuses": ["wrong crc"]})
