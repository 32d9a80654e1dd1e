"""CAN frames of one bus as can-utils' log format: what `candump -L` writes and python-can reads.

    (0000000012.345678) can 1FFFFFFF#0011223344556677 R

Seconds on the adapter's own clock, the bus, identifier (of 3 digits, extended of 8) and data; R
received or T sent by the rig. An FD frame has ``##`` and a digit of its flags before its data, a
remote one ``#R`` and its length; an error frame has Linux's bit for that in its identifier.

A frame is written when it comes, in Python; read are whole arrays at a time.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from rig.trace.model import (
    CLASSIC_BYTES,
    ERROR,
    EXTENDED,
    FD,
    FD_BYTES,
    PASSIVE,
    REMOTE,
    SENT,
    SWITCHED,
    Frames,
)

_EXTENDED_BIT, _ERROR_BIT = 0x8000_0000, 0x2000_0000  # linux/can.h
_IDENTIFIER = 0x1FFF_FFFF
_BRS, _ESI = 1, 2  # linux/can.h: flags of an FD frame
_SECONDS_DIGITS, _US_DIGITS = 10, 6
_NIBBLE = np.zeros(256, np.uint8)
_NIBBLE[[*b"0123456789ABCDEF"]] = range(16)


class Message(Protocol):
    """A frame as python-can gives it."""

    timestamp: float
    arbitration_id: int
    dlc: int
    data: bytearray
    is_extended_id: bool
    is_error_frame: bool
    is_remote_frame: bool
    is_fd: bool
    bitrate_switch: bool
    error_state_indicator: bool
    is_rx: bool


def of_message(bus: str, frame: Message) -> str:
    """Give the line of a frame. Its stamp has whole microseconds, as a float64 of today has."""
    seconds, us = divmod(round(frame.timestamp * 1e6), 1_000_000)
    way = "R" if frame.is_rx else "T"
    return f"({seconds:010d}.{us:06d}) {bus} {_identifier(frame)}#{_content(frame)} {way}\n"


def _identifier(frame: Message) -> str:
    can_id = frame.arbitration_id
    if frame.is_error_frame:
        return f"{can_id | _ERROR_BIT | _EXTENDED_BIT * frame.is_extended_id:08X}"
    return f"{can_id:08X}" if frame.is_extended_id else f"{can_id:03X}"


def _content(frame: Message) -> str:
    if frame.is_remote_frame:
        return f"R{frame.dlc:X}"
    data = frame.data.hex().upper()
    if frame.is_fd:
        flags = _BRS * frame.bitrate_switch | _ESI * frame.error_state_indicator
        data = f"#{flags:X}{data}"
    return data


def parsed(text: bytes) -> Frames:
    """Return the frames of whole lines that `of_message` wrote, all of one bus.

    Their times are the adapter's; a last line without its end is left out.
    """
    raw = np.frombuffer(text, np.uint8)
    ends = np.flatnonzero(raw == ord("\n"))
    if not ends.size:
        return Frames.none()
    starts = np.concatenate(([0], ends[:-1] + 1))
    hashes = np.flatnonzero(raw == ord("#"))
    at = hashes[np.searchsorted(hashes, starts)]
    is_fd = raw[at + 1] == ord("#")
    data_at = at + 1 + 2 * is_fd
    is_remote = raw[data_at] == ord("R")
    length = (ends - 2 - data_at) // 2
    length[is_remote] = _NIBBLE[raw[data_at[is_remote] + 1]]
    word, is_standard = _words(raw, at)
    is_error = word & _ERROR_BIT != 0
    is_extended = np.where(is_error, word & _EXTENDED_BIT != 0, ~is_standard)
    fd_flags = np.where(is_fd, _NIBBLE[raw[at + 2]], 0)
    bits = {
        EXTENDED: is_extended,
        REMOTE: is_remote,
        ERROR: is_error,
        SENT: raw[ends - 1] == ord("T"),
        FD: is_fd,
        SWITCHED: fd_flags & _BRS != 0,
        PASSIVE: fd_flags & _ESI != 0,
    }
    return Frames(
        time_ns=_stamps_ns(raw, starts),
        can_id=(word & _IDENTIFIER).astype(np.uint32),
        length=length.astype(np.uint8),
        data=_data(raw, data_at, np.where(is_remote, 0, length)),
        flags=sum((on * np.uint8(bit) for bit, on in bits.items()), np.zeros(ends.size, np.uint8)),
        time_u_s=0.0,
    )


def _words(
    raw: NDArray[np.uint8], at: NDArray[np.intp]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the identifiers with their bits, and which have three digits."""
    is_standard = raw[at - 4] == ord(" ")
    digits = _NIBBLE[raw[at[:, None] + np.arange(-8, 0)]].astype(np.int64)
    digits[is_standard, :5] = 0
    return _number(digits, 16), is_standard


def _stamps_ns(raw: NDArray[np.uint8], starts: NDArray[np.intp]) -> NDArray[np.int64]:
    dot = 1 + _SECONDS_DIGITS
    places = np.array([*range(1, dot), *range(dot + 1, dot + 1 + _US_DIGITS)])
    return _number(_NIBBLE[raw[starts[:, None] + places]], 10) * 1_000


def _number(digits: NDArray[np.integer[Any]], base: int) -> NDArray[np.int64]:
    """Return the numbers that digits stand for, the highest first, shape (n, digits) to (n,)."""
    powers = base ** np.arange(digits.shape[1] - 1, -1, -1, dtype=np.int64)
    return np.asarray(digits.astype(np.int64) @ powers, np.int64)


def _data(
    raw: NDArray[np.uint8], at: NDArray[np.intp], length: NDArray[np.intp]
) -> NDArray[np.uint8]:
    width = FD_BYTES if length.max() > CLASSIC_BYTES else CLASSIC_BYTES
    digits = np.minimum(at[:, None] + np.arange(2 * width), raw.size - 1)
    nibbles = _NIBBLE[raw[digits]]
    data: NDArray[np.uint8] = nibbles[:, ::2] << 4 | nibbles[:, 1::2]
    data[np.arange(width) >= length[:, None]] = 0
    return data
