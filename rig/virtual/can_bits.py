"""Exact lengths of classic CAN frames on the wire: CRC-15 and stuff bits, table driven.

Must not know nodes, buses or time: it counts bits. ISO 11898-1 (Bosch CAN 2.0, part A and B)
stuffs from start of frame to the last CRC bit, both included; what follows (CRC delimiter, ACK,
end of frame, interframe space) has a fixed form.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

__all__ = [
    "ACK_SLOT_END_BITS",
    "IFS_BITS",
    "TAIL_BITS",
    "Frame",
    "crc15",
    "frame_bits",
    "header_bits",
    "stuff_bits",
]

CRC15_POLYNOMIAL: Final = 0x4599
IFS_BITS: Final = 3  # intermission
# CRC delimiter 1, ACK slot 1, ACK delimiter 1, end of frame 7, intermission 3: never stuffed.
TAIL_BITS: Final = 10 + IFS_BITS
ACK_SLOT_END_BITS: Final = 2  # after the last CRC bit


class Frame(NamedTuple):
    """A classic CAN frame."""

    can_id: int
    data: bytes
    extended: bool = False  # 29-bit identifier
    remote: bool = False
    remote_dlc: int = 0  # what a remote frame asks for; it carries no data itself

    @property
    def dlc(self) -> int:
        """The data length code on the wire."""
        return self.remote_dlc if self.remote else len(self.data)

    @property
    def priority(self) -> int:
        """The arbitration field as a number: the lower one wins the bus.

        Laid out as sent: 11 ID bits, RTR or SRR, IDE, 18 further ID bits, RTR. A standard frame
        therefore beats an extended one with the same first 11 bits, and data beats remote.
        """
        if self.extended:
            base, rest = self.can_id >> 18, self.can_id & 0x3FFFF
            return (base << 21) | (0b11 << 19) | (rest << 1) | self.remote
        return (self.can_id << 21) | (self.remote << 20)


def _crc15_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        crc = byte << 7
        for _ in range(8):
            crc = (crc << 1) ^ (CRC15_POLYNOMIAL if crc & 0x4000 else 0)
        table.append(crc & 0x7FFF)
    return tuple(table)


# Stuffing state: 0 before the first bit, else 1 + 4 * last bit + (run length - 1); after the fifth
# equal bit comes the stuff bit, so a run of 5 never lasts. Nine states fit four bits.
_STATE_BITS: Final = 4
_STATE_MASK: Final = 15


def _stuff_step(state: int, bit: int) -> tuple[int, int]:
    """Take one bit; return the new state and the stuff bits that it caused (0 or 1)."""
    last, run = divmod(state - 1, 4) if state else (None, 0)
    run = run + 2 if bit == last else 1
    if run < 5:
        return 1 + 4 * bit + run - 1, 0
    return 1 + 4 * (1 - bit), 1  # the stuff bit itself begins the next run


def _stuff_table(width: int) -> tuple[int, ...]:
    """Index: state << width | bits; entry: stuff bits << 4 | new state."""
    table = []
    for start in range(9):
        for value in range(1 << width):
            state, count = start, 0
            for shift in range(width - 1, -1, -1):
                state, stuffed = _stuff_step(state, value >> shift & 1)
                count += stuffed
            table.append(count << _STATE_BITS | state)
    return tuple(table)


_CRC15: Final = _crc15_table()
_STUFF8: Final = _stuff_table(8)
_STUFF7: Final = _stuff_table(7)
_STUFF3: Final = _stuff_table(3)


def _header(frame: Frame) -> int:
    """Start of frame to DLC, as a number: 19 bits, or 39 for a 29-bit identifier."""
    if frame.extended:
        base, rest = frame.can_id >> 18, frame.can_id & 0x3FFFF
        # SOF is the leading 0; SRR and IDE recessive; r1 and r0 dominant.
        return (base << 27) | (0b11 << 25) | (rest << 7) | (frame.remote << 6) | frame.dlc
    return (frame.can_id << 7) | (frame.remote << 6) | frame.dlc


def header_bits(*, extended: bool) -> int:
    """Bits from start of frame to the end of the DLC, without stuff bits."""
    return 39 if extended else 19


def crc15(header: int, data: Sequence[int]) -> int:
    """CRC-15 (ISO 11898-1) over the unstuffed bits: of the header, then of the data bytes.

    Its register starts at 0, so leading zeros do not count.
    """
    table, crc = _CRC15, 0
    for byte in header.to_bytes(5, "big"):
        crc = table[crc >> 7 ^ byte] ^ (crc << 8 & 0x7FFF)
    for byte in data:
        crc = table[crc >> 7 ^ byte] ^ (crc << 8 & 0x7FFF)
    return crc


def frame_crc15(frame: Frame) -> int:
    """CRC sequence of a frame."""
    return crc15(_header(frame), b"" if frame.remote else frame.data)


def stuff_bits(frame: Frame) -> int:
    """Number of stuff bits of a frame."""
    header = _header(frame)
    data = b"" if frame.remote else frame.data
    crc = crc15(header, data)
    # The header's 19 (39) bits are 3 (7) and whole bytes.
    entry = _STUFF7[header >> 32] if frame.extended else _STUFF3[header >> 16]
    rest = header & 0xFFFFFFFF if frame.extended else header & 0xFFFF
    octets = rest.to_bytes(4 if frame.extended else 2, "big") + data
    table, count = _STUFF8, entry >> _STATE_BITS
    for octet in octets:
        entry = table[(entry & _STATE_MASK) << 8 | octet]
        count += entry >> _STATE_BITS
    entry = table[(entry & _STATE_MASK) << 8 | crc >> 7]
    count += entry >> _STATE_BITS
    return count + (_STUFF7[(entry & _STATE_MASK) << 7 | crc & 0x7F] >> _STATE_BITS)


@lru_cache(maxsize=4096)
def frame_bits(frame: Frame) -> int:
    """Bits of a frame from start of frame to the end of its interframe space, stuff bits included.

    Cached, because a cyclic message repeats itself: an alive counter and its CRC take 15 turns.
    """
    payload = 0 if frame.remote else 8 * len(frame.data)
    return header_bits(extended=frame.extended) + payload + 15 + stuff_bits(frame) + TAIL_BITS
