"""Frame lengths against published vectors and a plain bit-by-bit loop."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.virtual.can_bits import Frame, frame_bits, frame_crc15, stuff_bits


def parse(text: str, *, extended: bool = False) -> Frame:
    can_id, data = text.split("#")
    return Frame(int(can_id, 16), bytes.fromhex(data), extended=extended)


# Vectors checked against can-utils' exact count (canframelen.c, CFL_EXACT).
@pytest.mark.parametrize(
    ("text", "extended", "stuffed", "total"),
    [
        pytest.param("000#0000000000000000", False, 16, 127, id="all zeros"),
        pytest.param("555#5555555555555555", False, 1, 112, id="alternating"),
        pytest.param("7FF#FFFFFFFFFFFFFFFF", False, 15, 126, id="all ones"),
        pytest.param("100#0000000000000000", False, 15, 126, id="100 zeros"),
        pytest.param("123#", False, 1, 48, id="no data"),
        pytest.param("123#11223344", False, 1, 80, id="four bytes"),
        pytest.param("123#1122334455667788", False, 1, 112, id="eight bytes"),
        pytest.param("014#01", False, 3, 58, id="one byte"),
        pytest.param("41E#3C3C3C3C3C3C3C3C", False, 20, 131, id="worst known"),
        pytest.param("18FF50E5#1122334455667788", True, 3, 134, id="extended"),
        pytest.param("00000000#0000000000000000", True, 19, 150, id="extended zeros"),
        pytest.param("1FFFFFFF#FFFFFFFFFFFFFFFF", True, 18, 149, id="extended ones"),
    ],
)
def test_a_frame_is_as_long_as_can_utils_says(
    text: str, *, extended: bool, stuffed: int, total: int
) -> None:
    frame = parse(text, extended=extended)

    assert stuff_bits(frame) == stuffed
    assert frame_bits(frame) == total


@pytest.mark.parametrize(
    ("text", "crc"), [("000#0000000000000000", 0x145B), ("123#11223344", 0x11DA)]
)
def test_the_crc_is_the_published_one(text: str, crc: int) -> None:
    assert frame_crc15(parse(text)) == crc


def bits_of(value: int, width: int) -> str:
    return format(value, f"0{width}b")


def plain_bits(frame: Frame) -> str:
    """The unstuffed frame to the last CRC bit, written out field by field."""
    remote = str(int(frame.remote))
    if frame.extended:
        text = "0" + bits_of(frame.can_id >> 18, 11) + "11" + bits_of(frame.can_id & 0x3FFFF, 18)
        text += remote + "00"
    else:
        text = "0" + bits_of(frame.can_id, 11) + remote + "00"
    text += bits_of(frame.dlc, 4)
    if not frame.remote:
        text += "".join(bits_of(byte, 8) for byte in frame.data)
    crc = 0
    for bit in text:
        top = (crc >> 14) ^ int(bit)
        crc = (crc << 1) & 0x7FFF
        crc ^= 0x4599 if top else 0
    return text + bits_of(crc, 15)


def plain_stuff_bits(text: str) -> int:
    last, run, count = "", 0, 0
    for bit in text:
        run = run + 1 if bit == last else 1
        last = bit
        if run == 5:
            count, last, run = count + 1, "1" if bit == "0" else "0", 1
    return count


frames = st.builds(
    lambda extended, can_id, data, remote: Frame(
        can_id if extended else can_id & 0x7FF, b"" if remote else data, extended, remote, len(data)
    ),
    st.booleans(),
    st.integers(0, 0x1FFFFFFF),
    st.binary(max_size=8),
    st.booleans(),
)


@given(frames)
def test_the_tables_count_as_a_plain_loop_does(frame: Frame) -> None:
    text = plain_bits(frame)

    assert frame_crc15(frame) == int(text[-15:], 2)
    assert stuff_bits(frame) == plain_stuff_bits(text)
    assert frame_bits(frame) == len(text) + plain_stuff_bits(text) + 13


@given(frames)
def test_a_length_stays_inside_the_published_bounds(frame: Frame) -> None:
    payload = 0 if frame.remote else 8 * len(frame.data)
    stuffable = (54 if frame.extended else 34) + payload

    assert stuffable + 13 <= frame_bits(frame) <= stuffable + 13 + (stuffable - 1) // 4


@given(frames, frames)
def test_the_first_recessive_bit_against_a_dominant_one_loses(a: Frame, b: Frame) -> None:
    fields = [plain_bits(f)[1 : 33 if f.extended else 14].ljust(32, "0") for f in (a, b)]

    assert (a.priority < b.priority) == (fields[0] < fields[1])


def test_a_remote_frame_has_no_data_whatever_its_dlc() -> None:
    assert frame_bits(Frame(0x555, b"", remote=True, remote_dlc=8)) < 47 + 11
