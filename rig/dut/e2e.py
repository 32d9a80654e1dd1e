"""Checksums of protected CAN messages: AUTOSAR E2E profile 1 and the plain SAE J1850 kind.

Both have the polynomial 0x1D and lie in a byte of their own, which is left out of the sum (AUTOSAR
PRS E2E protocol specification, profile 1; COVESA/vsomeip, `profile_01.cpp`). Arrays of frames go
through numpy. Must not know messages, DBC or bus.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["CrcKind", "crc8_sae_j1850", "crc_of_frames", "e2e_p01_crc", "one_crc"]

CrcKind = Literal["E2E P01", "SAE J1850"]


def _crc8_table(polynomial: int) -> NDArray[np.uint8]:
    table = np.arange(256)
    for _ in range(8):
        table = (table << 1 ^ (table >> 7) * polynomial) & 0xFF
    return table.astype(np.uint8)


_TABLE = _crc8_table(0x1D)


def crc_of_frames(
    kind: CrcKind, data: NDArray[np.uint8], length: NDArray[np.uint8], crc_at: int, data_id: int
) -> NDArray[np.uint8]:
    """Return the checksum that each frame should carry.

    Parameters
    ----------
    kind : str
        "SAE J1850" knows no data ID; "E2E P01" takes it in mode BOTH.
    data : uint8, shape (n, 8) or (n, 64)
    length : uint8, shape (n,)
        Bytes beyond it are not part of the frame.
    crc_at : int
        Index of the checksum's own byte, which is left out.
    """
    if kind == "E2E P01":
        return e2e_p01_crc(data, length, crc_at, data_id)
    return _run(0xFF, data, length, crc_at) ^ np.uint8(0xFF)


def one_crc(kind: CrcKind, data: bytes, crc_at: int, data_id: int) -> int:
    """Return the checksum of one frame, as `crc_of_frames` does of many."""
    padded = np.frombuffer(data, np.uint8).reshape(1, len(data))
    length = np.array([len(data)], np.uint8)
    return int(crc_of_frames(kind, padded, length, crc_at, data_id)[0])


def e2e_p01_crc(
    data: NDArray[np.uint8], length: NDArray[np.uint8], crc_at: int, data_id: int
) -> NDArray[np.uint8]:
    """Return the checksum of profile 1: effective start 0x00, no final inversion, ID mode BOTH.

    Arrays are those of `crc_of_frames`; the low byte of the ID comes before the high one.
    """
    low_high = (data_id & 0xFF, data_id >> 8 & 0xFF)
    return _run(int(_TABLE[_TABLE[low_high[0]] ^ low_high[1]]), data, length, crc_at)


def crc8_sae_j1850(data: bytes) -> int:
    """Return the plain SAE J1850 checksum: start and final inversion 0xFF."""
    crc = 0xFF
    for byte in data:
        crc = int(_TABLE[crc ^ byte])
    return crc ^ 0xFF


def _run(
    start: int, data: NDArray[np.uint8], length: NDArray[np.uint8], crc_at: int
) -> NDArray[np.uint8]:
    crc = np.full(data.shape[0], start, np.uint8)
    for column in range(data.shape[1]):
        if column != crc_at:
            crc = np.where(column < length, _TABLE[crc ^ data[:, column]], crc)
    return crc
