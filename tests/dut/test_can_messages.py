"""Decoding whole arrays against cantools, one frame at a time; checksums against known vectors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rig.dut.can_messages import Messages
from rig.dut.e2e import crc8_sae_j1850, e2e_p01_crc
from rig.errors import DescriptionError
from rig.trace.model import Frames

DBC = """VERSION ""
NS_ :
BS_:
BU_: BMS HOST
BO_ 256 Status: 8 BMS
 SG_ Crc : 0|8@1+ (1,0) [0|255] "" HOST
 SG_ Alive : 8|4@1+ (1,0) [0|14] "" HOST
 SG_ State : 12|4@1+ (1,0) [0|15] "" HOST
 SG_ Current : 16|16@1- (0.01,0) [-327|327] "A" HOST
 SG_ Wide : 33|23@1- (0.5,-100) [0|0] "" HOST
BO_ 272 Motorola: 8 BMS
 SG_ Cell : 7|16@0+ (0.001,0) [0|65] "V" HOST
 SG_ Odd : 19|11@0- (0.1,-3) [0|0] "" HOST
 SG_ Real : 39|32@0- (1,0) [0|0] "" HOST
BO_ 288 Muxed: 8 BMS
 SG_ Page M : 0|8@1+ (1,0) [0|255] "" HOST
 SG_ Even m0 : 8|16@1+ (1,0) [0|65535] "" HOST
 SG_ Odd m1 : 8|16@1- (2,1) [0|0] "" HOST
BO_ 2566844416 Extended: 4 BMS
 SG_ Word : 0|32@1+ (1,0) [0|0] "" HOST
BO_ 773 HostAlive: 8 HOST
 SG_ Count : 0|8@1+ (1,0) [1|200] "" BMS
 SG_ Volts : 8|16@1+ (0.01,0) [0|600] "V" BMS
BO_ 304 Long: 64 BMS
 SG_ Early : 4|12@1- (0.5,1) [0|0] "" HOST
 SG_ Middle : 171|21@1+ (1,0) [0|0] "" HOST
 SG_ Whole : 256|64@1- (1,0) [0|0] "" HOST
 SG_ Big : 331|24@0- (0.1,0) [0|0] "" HOST
 SG_ Last : 504|8@1+ (1,0) [0|255] "" HOST
 SG_ Astride : 402|63@1+ (1,0) [0|0] "" HOST
SIG_VALTYPE_ 272 Real : 1;
"""
EXTENDED_ID = 2566844416 & 0x1FFF_FFFF


@pytest.fixture(scope="module")
def messages(tmp_path_factory: pytest.TempPathFactory) -> Messages:
    path: Path = tmp_path_factory.mktemp("dbc") / "test.dbc"
    path.write_text(DBC, encoding="utf-8")
    return Messages(path)


def some_frames(can_id: int, data: np.ndarray, *, flags: int = 0, length: int = 8) -> Frames:
    n = data.shape[0]
    return Frames(
        time_ns=np.arange(n, dtype=np.int64) * 1_000_000,
        can_id=np.full(n, can_id, np.uint32),
        length=np.full(n, length, np.uint8),
        data=data.astype(np.uint8),
        flags=np.full(n, flags, np.uint8),
        time_u_s=0.0,
    )


@pytest.mark.parametrize(
    ("message", "signal"),
    [
        ("Status", "Crc"),
        ("Status", "Alive"),
        ("Status", "State"),
        ("Status", "Current"),
        ("Status", "Wide"),
        ("Motorola", "Cell"),
        ("Motorola", "Odd"),
    ],
)
@settings(max_examples=20)
@given(data=arrays(np.uint8, (5, 8)))
def test_every_signal_reads_as_cantools_reads_it(
    messages: Messages, message: str, signal: str, data: np.ndarray
) -> None:
    frames = some_frames(messages.can_id(message), data)

    time_ns, values = messages.decode(frames, message, signal)

    database = messages.message(message)
    truth = [database.decode_simple(bytes(row), decode_choices=False)[signal] for row in data]
    assert time_ns.tolist() == frames.time_ns.tolist()
    assert values.tolist() == [float(value) for value in truth]  # type: ignore[arg-type]


@pytest.mark.parametrize("signal", ["Early", "Middle", "Whole", "Big", "Last"])
@settings(max_examples=20)
@given(data=arrays(np.uint8, (3, 64)))
def test_a_signal_of_a_long_frame_reads_as_cantools_reads_it(
    messages: Messages, signal: str, data: np.ndarray
) -> None:
    frames = some_frames(304, data, length=64)

    _, values = messages.decode(frames, "Long", signal)

    database = messages.message("Long")
    truth = [database.decode_simple(bytes(row), decode_choices=False)[signal] for row in data]
    assert values.tolist() == [float(value) for value in truth]  # type: ignore[arg-type]


def test_a_long_message_is_not_read_in_frames_of_eight_bytes(messages: Messages) -> None:
    frames = some_frames(304, np.ones((2, 8)))

    assert messages.decode(frames, "Long", "Early")[1].size == 2
    assert messages.decode(frames, "Long", "Last")[1].size == 0


def test_a_signal_across_nine_bytes_is_refused(messages: Messages) -> None:
    with pytest.raises(DescriptionError, match="Astride lies across nine bytes"):
        messages.decode(some_frames(304, np.ones((2, 64)), length=64), "Long", "Astride")


@given(number=st.floats(width=32, allow_nan=False))
def test_a_float_signal_reads_as_that_float(messages: Messages, number: float) -> None:
    data = np.zeros((1, 8), np.uint8)
    data[0, 4:] = np.frombuffer(np.array([number], ">f4").tobytes(), np.uint8)

    _, values = messages.decode(some_frames(272, data), "Motorola", "Real")

    assert values.tolist() == [number]


def test_a_multiplexed_signal_is_read_only_from_its_own_page(messages: Messages) -> None:
    data = np.zeros((4, 8), np.uint8)
    data[:, 0] = [0, 1, 2, 1]
    data[:, 1] = [10, 11, 12, 13]
    frames = some_frames(288, data)

    assert messages.decode(frames, "Muxed", "Even")[1].tolist() == [10.0]
    time_ns, odd = messages.decode(frames, "Muxed", "Odd")
    assert odd.tolist() == [23.0, 27.0]
    assert time_ns.tolist() == [1_000_000, 3_000_000]


@pytest.mark.parametrize(
    ("flags", "can_id", "message", "seen"),
    [
        pytest.param(0, 256, "Status", 3, id="a data frame of the BMS"),
        pytest.param(1, 256, "Status", 0, id="an extended frame with the same number"),
        pytest.param(2, 256, "Status", 0, id="a remote frame"),
        pytest.param(4, 256, "Status", 0, id="an error frame"),
        pytest.param(8, 256, "Status", 0, id="sent by the rig itself"),
        pytest.param(0, 257, "Status", 0, id="another identifier"),
        pytest.param(1, EXTENDED_ID, "Extended", 3, id="an extended message"),
        pytest.param(0, EXTENDED_ID & 0x7FF, "Extended", 0, id="not its low bits"),
    ],
)
def test_only_the_bms_own_data_frames_count(
    messages: Messages, flags: int, can_id: int, message: str, seen: int
) -> None:
    frames = some_frames(can_id, np.zeros((3, 8)), flags=flags)

    assert messages.rows(frames, message).size == seen


def test_a_frame_too_short_for_a_signal_does_not_speak_of_it(messages: Messages) -> None:
    frames = some_frames(256, np.ones((2, 8)), length=3)

    assert messages.decode(frames, "Status", "Alive")[1].size == 2
    assert messages.decode(frames, "Status", "Current")[1].size == 0


def test_what_is_encoded_reads_back_and_the_rest_is_as_the_dbc_allows(messages: Messages) -> None:
    can_id, data, extended = messages.encode("HostAlive", {"Volts": 12.34})

    assert (can_id, extended) == (773, False)
    assert data == bytes([1, 0xD2, 0x04, 0, 0, 0, 0, 0])  # Count can't be below 1
    assert messages.decode_one("HostAlive", data) == {"Count": 1.0, "Volts": 12.34}
    assert messages.decode_one("HostAlive", data[:1]) == {"Count": 1.0}
    assert messages.value_of("HostAlive", "Volts", data) == 12.34
    assert messages.value_of("HostAlive", "Volts", data[:1]) is None


def test_a_value_that_does_not_fit_is_refused_by_name(messages: Messages) -> None:
    with pytest.raises(DescriptionError, match=r"HostAlive can't carry.*'Volts': 1000"):
        messages.encode("HostAlive", {"Volts": 1000.0})


def test_an_unknown_name_is_answered_with_the_nearest(messages: Messages) -> None:
    with pytest.raises(DescriptionError, match="did you mean Status"):
        messages.message("Statas")
    with pytest.raises(DescriptionError, match="did you mean Current"):
        messages.signal("Status", "Curent")
    with pytest.raises(DescriptionError, match="Crc, Alive"):
        messages.signal("Status", "xyz")


def test_a_missing_dbc_is_named(tmp_path: Path) -> None:
    with pytest.raises(DescriptionError, match=r"none\.dbc.*can't be read"):
        Messages(tmp_path / "none.dbc").message("Status")


def test_a_file_that_is_no_dbc_is_named(tmp_path: Path) -> None:
    path = tmp_path / "bad.dbc"
    path.write_text("BO_ what", encoding="utf-8")

    with pytest.raises(DescriptionError, match="no CAN database"):
        Messages(path).message("Status")


@pytest.mark.parametrize(
    ("text", "crc"),
    [  # measurement.md 5.3
        (b"123456789", 0x4B),
        (bytes.fromhex("00000000"), 0x59),
        (bytes.fromhex("F20183"), 0x37),
        (bytes.fromhex("0FAA0055"), 0x79),
        (bytes.fromhex("00FF5511"), 0xB8),
        (bytes.fromhex("332255AABBCCDDEEFF"), 0xCB),
        (bytes.fromhex("926B55"), 0x8C),
        (bytes.fromhex("FFFFFFFF"), 0x74),
    ],
)
def test_sae_j1850_vectors(text: bytes, crc: int) -> None:
    assert crc8_sae_j1850(text) == crc


@pytest.mark.parametrize(
    ("data_id", "data", "crc"),
    [  # measurement.md 5.3, data ID mode BOTH
        (0x123, "0000000000000000", 0xCC),
        (0x123, "0001000000000000", 0x91),
        (0x123, "0002000000000000", 0x76),
        (0x123, "0003000000000000", 0x2B),
        (0xABC, "0000112233445566", 0x39),
    ],
)
def test_e2e_profile_1_vectors(data_id: int, data: str, crc: int) -> None:
    rows = np.frombuffer(bytes.fromhex(data), np.uint8).reshape(1, 8)

    assert e2e_p01_crc(rows, np.array([8], np.uint8), 0, data_id).tolist() == [crc]


@given(
    data=arrays(np.uint8, (6, 8)),
    length=arrays(np.uint8, 6, elements=st.integers(1, 8)),
    at=st.integers(0, 7),
    data_id=st.integers(0, 0xFFFF),
)
def test_the_checksum_of_many_frames_is_that_of_each(
    data: np.ndarray, length: np.ndarray, at: int, data_id: int
) -> None:
    found = e2e_p01_crc(data, length, at, data_id)

    for row, size, crc in zip(data, length, found, strict=True):
        kept = [b for i, b in enumerate(row[:size]) if i != at]
        # Profile 1 is the plain checksum with both inversions undone, which cancel bit by bit.
        plain = 0
        for byte in [data_id & 0xFF, data_id >> 8, *kept]:
            plain ^= int(byte)
            for _ in range(8):
                plain = (plain << 1 ^ 0x1D) & 0xFF if plain & 0x80 else plain << 1
        assert crc == plain


@given(data=arrays(np.uint8, (1, 8)), bit=st.integers(0, 63), data_id=st.integers(0, 0xFFFF))
def test_any_flipped_bit_breaks_the_checksum(
    messages: Messages, data: np.ndarray, bit: int, data_id: int
) -> None:
    data[0, 0] = e2e_p01_crc(data, np.array([8], np.uint8), 0, data_id)[0]
    assert messages.check_crc(some_frames(256, data), "Status", "Crc", data_id).tolist() == [True]

    data[0, bit // 8] ^= 1 << bit % 8

    assert messages.check_crc(some_frames(256, data), "Status", "Crc", data_id).tolist() == [False]


def test_a_signal_that_is_not_a_byte_holds_no_checksum(messages: Messages) -> None:
    with pytest.raises(DescriptionError, match="not one whole byte"):
        messages.check_crc(some_frames(256, np.zeros((1, 8))), "Status", "Alive", 0)


@pytest.mark.parametrize("message", ["Status", "Motorola", "Extended"])
def test_a_bit_is_spare_if_no_signal_moves_with_it(messages: Messages, message: str) -> None:
    base = int.from_bytes(bytes((0x3F,)) * 8, "little")  # as a float, one that shows its sign
    at_base = messages.decode_one(message, base.to_bytes(8, "little"))
    for bit in range(64):
        alone = np.array([[1 << bit]], "<u8").view(np.uint8)
        frames = some_frames(messages.can_id(message), alone, flags=int(message == "Extended"))

        flipped = messages.decode_one(message, (base ^ 1 << bit).to_bytes(8, "little"))

        assert messages.spare_is_zero(frames, message).tolist() == [flipped != at_base], bit
