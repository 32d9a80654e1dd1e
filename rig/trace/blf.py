"""CAN frames as a Vector BLF file, whole arrays at a time. Must not know what a frame means.

Layout as python-can's `BLFWriter` writes it (its reader, CANoe, CANalyzer and MATLAB read it): a
file header, then zlib containers of objects with stamps in ns. Ours are built as numpy records,
so that the stamp stays an exact integer and no Python loop runs over frames. A bus is a channel,
counted from 1.

Epoch: the header's measurement start is a date in UTC, as python-can reads and writes it, and a
stamp is the time since then. The date has whole milliseconds, as good as a computer's clock is. The
format's stamps have no sign, so the start lies before the first frame (one may be stamped within
the adapter's latency of the begin). `start_ns` says where that start is on the rig's own time base,
on which the frames come back to the nanosecond.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from rig.errors import EvidenceError
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

_FILE_HEADER = struct.Struct("<4sLBBBBBBBBQQLL8H8H")
_FILE_HEADER_SIZE = 144
_CONTAINER = struct.Struct("<4sHHLLH6xL4x")
_CONTAINER_SIZE = 128 * 1024
_ROWS_AT_ONCE = 1 << 12  # frames that are made into objects, or read back, in one go
_LOG_CONTAINER, _CAN_MESSAGE, _CAN_ERROR_EXT, _CAN_FD_MESSAGE = 10, 1, 73, 100
_TIME_ONE_NANS = 2
_ID_EXTENDED = 0x8000_0000
_MS = 1_000_000
_NO_DATE = (0,) * 8

_HEADER: list[tuple[str, str] | tuple[str, str, int]] = [
    ("signature", "S4"),
    ("header_size", "<u2"),
    ("header_version", "<u2"),
    ("object_size", "<u4"),
    ("object_type", "<u4"),
    ("time_flags", "<u4"),
    ("client", "<u2"),
    ("version", "<u2"),
    ("time_ns", "<u8"),
    ("channel", "<u2"),
]
_MESSAGE = np.dtype(
    [*_HEADER, ("flags", "u1"), ("length", "u1"), ("can_id", "<u4"), ("data", "u1", 8)]
)
_ERROR_FRAME = np.dtype(
    [
        *_HEADER,
        ("reserved", "<u2"),
        ("flags", "<u4"),
        ("ecc", "u1"),
        ("position", "u1"),
        ("length", "u1"),
        ("pad", "u1"),
        ("frame_length", "<u4"),
        ("can_id", "<u4"),
        ("flags_ext", "<u2"),
        ("pad2", "<u2"),
        ("data", "u1", 8),
    ]
)
_FD_MESSAGE = np.dtype(
    [
        *_HEADER,
        ("flags", "u1"),
        ("dlc", "u1"),
        ("can_id", "<u4"),
        ("frame_length", "<u4"),
        ("bit_count", "u1"),
        ("fd_flags", "u1"),
        ("length", "u1"),
        ("pad", "u1", 5),
        ("data", "u1", FD_BYTES),
    ]
)
_KINDS = {_CAN_MESSAGE: _MESSAGE, _CAN_ERROR_EXT: _ERROR_FRAME, _CAN_FD_MESSAGE: _FD_MESSAGE}
_FD_LENGTHS = np.array([*range(9), 12, 16, 20, 24, 32, 48, 64])  # by the code that the frame bears
_EDL, _BRS, _ESI = 1, 2, 4  # bits of fd_flags


def start_ns(frames: Frames) -> int:
    """Rig time at which the measurement starts: 0, or whole milliseconds before an early frame."""
    earliest_ns = min(int(frames.time_ns.min()), 0) if frames.time_ns.size else 0
    return earliest_ns // _MS * _MS


def frames_to_blf(frames: Frames, begun_utc_ns: int = 0) -> bytes:
    """Return the content of a BLF file with these frames; see `write_blf`."""
    content = io.BytesIO()
    write_blf(content, frames, begun_utc_ns)
    return content.getvalue()


def write_blf(file: BinaryIO, frames: Frames, begun_utc_ns: int = 0) -> None:
    """Write frames into a new BLF file, a container at a time.

    Parameters
    ----------
    begun_utc_ns
        Date of rig time 0, in ns since 1970-01-01 UTC; 0 where it is not known.
    """
    begin_ns = start_ns(frames)
    file.write(bytes(_FILE_HEADER_SIZE))
    size = plain = _FILE_HEADER_SIZE
    for objects in _pieces(frames, begin_ns):
        container = _container(objects)
        size, plain = size + len(container), plain + _CONTAINER.size + len(objects)
        file.write(container)
    header = _FILE_HEADER.pack(
        b"LOGG",
        _FILE_HEADER_SIZE,
        *(5, 0, 0, 0, 2, 6, 8, 1),
        *(size, plain, frames.time_ns.size, 0),
        *(_system_time(begun_utc_ns + begin_ns) if begun_utc_ns else _NO_DATE),
        *_NO_DATE,
    )
    file.seek(0)
    file.write(header)


def _pieces(frames: Frames, begin_ns: int) -> Iterator[bytes]:
    """Give the objects of all frames in pieces of a container each."""
    left = b""
    for first in range(0, frames.time_ns.size, _ROWS_AT_ONCE):
        rows = frames.rows(slice(first, first + _ROWS_AT_ONCE))
        left += _objects(replace(rows, time_ns=rows.time_ns - begin_ns))
        whole = len(left) // _CONTAINER_SIZE * _CONTAINER_SIZE
        yield from (left[i : i + _CONTAINER_SIZE] for i in range(0, whole, _CONTAINER_SIZE))
        left = left[whole:]
    if left:
        yield left


def _system_time(utc_ns: int) -> tuple[int, ...]:
    """Return a date as Windows' SYSTEMTIME holds it (its week begins with Sunday, day 0)."""
    t = datetime(1970, 1, 1) + timedelta(milliseconds=utc_ns // _MS)  # noqa: DTZ001 -- all is UTC
    thousandths = t.microsecond // 1000
    return (t.year, t.month, t.isoweekday() % 7, t.day, t.hour, t.minute, t.second, thousandths)


def _container(objects: bytes) -> bytes:
    packed = zlib.compress(objects, 1)
    size = _CONTAINER.size + len(packed)
    head = _CONTAINER.pack(b"LOBJ", 16, 1, size, _LOG_CONTAINER, 2, len(objects))
    return head + packed + b"\0" * (size % 4)


def _objects(frames: Frames) -> bytes:
    """Return all objects in order; each kind has a length of its own."""
    kinds = np.where(frames.flags & FD != 0, _CAN_FD_MESSAGE, _CAN_MESSAGE)
    kinds[frames.flags & ERROR != 0] = _CAN_ERROR_EXT
    present = np.unique(kinds)
    filled = {kind: _filled(int(kind), frames, kinds == kind) for kind in present}
    if len(filled) == 1:
        return filled[present[0]].tobytes()
    width = max((records.dtype.itemsize for records in filled.values()), default=0)
    rows, sizes = np.zeros((kinds.size, width), np.uint8), np.zeros(kinds.size, np.intp)
    for kind, records in filled.items():
        size = records.dtype.itemsize
        rows[kinds == kind, :size] = records.view(np.uint8).reshape(records.size, size)
        sizes[kinds == kind] = size
    return rows[np.arange(width) < sizes[:, None]].tobytes()


def _filled(kind: int, frames: Frames, which: NDArray[np.bool_]) -> NDArray[np.void]:
    """Return the records of one kind."""
    records = np.zeros(int(which.sum()), _KINDS[kind])
    flags, length = frames.flags[which], frames.length[which]
    records["signature"], records["header_size"], records["header_version"] = b"LOBJ", 32, 1
    records["object_size"], records["object_type"] = records.dtype.itemsize, kind
    records["time_flags"], records["channel"] = _TIME_ONE_NANS, frames.bus[which] + np.uint16(1)
    records["time_ns"], records["length"] = frames.time_ns[which], length
    records["data"] = frames.data[which, : records["data"].shape[1]]
    extended = flags & EXTENDED != 0
    records["can_id"] = frames.can_id[which] | extended * np.uint32(_ID_EXTENDED)
    if kind == _CAN_ERROR_EXT:
        records["flags_ext"] = flags
        return records
    remote, sent = flags & REMOTE != 0, flags & SENT != 0
    records["flags"] = remote * np.uint8(0x80) | sent * np.uint8(1)
    if kind == _CAN_FD_MESSAGE:
        records["dlc"] = np.searchsorted(_FD_LENGTHS, length)
        switched, passive = flags & SWITCHED != 0, flags & PASSIVE != 0
        records["fd_flags"] = _EDL | switched * np.uint8(_BRS) | passive * np.uint8(_ESI)
    return records


def frames_from_blf(
    content: bytes,
    time_u_s: float,
    where: str,
    begin_ns: int = 0,
    buses: tuple[str, ...] = ("can",),
) -> Frames:
    """Return the frames of a file that `frames_to_blf` wrote; `begin_ns` is their `start_ns`.

    Raises
    ------
    EvidenceError
        It is no BLF file, or damaged; `where` is the name that the error gives it.
    """
    if content[:4] != b"LOGG":
        raise EvidenceError("not a BLF file", where, "restore the run folder from its archive")
    try:
        found = _parsed(_unpacked(content), time_u_s, buses)
    except (struct.error, zlib.error, ValueError) as cause:
        what = f"the BLF file is damaged ({cause})"
        raise EvidenceError(what, where, "restore the run folder from its archive") from cause
    return replace(found, time_ns=found.time_ns + begin_ns)


def _unpacked(content: bytes) -> bytes:
    parts, at = [], _FILE_HEADER_SIZE
    while at < len(content):
        signature, _, _, size, kind, _, _ = _CONTAINER.unpack_from(content, at)
        if signature != b"LOBJ" or kind != _LOG_CONTAINER:
            raise ValueError(f"no container at byte {at}")
        parts.append(zlib.decompress(content[at + _CONTAINER.size : at + size]))
        at += size + size % 4
    return b"".join(parts)


def _parsed(objects: bytes, time_u_s: float, buses: tuple[str, ...]) -> Frames:
    starts = _starts(objects)
    raw = np.frombuffer(objects, np.uint8)
    kinds = np.frombuffer(objects, "<u4")[starts // 4 + 3]
    n, present = starts.size, np.unique(kinds)
    width = FD_BYTES if _CAN_FD_MESSAGE in present else CLASSIC_BYTES
    frames = Frames(
        time_ns=np.zeros(n, np.int64),
        can_id=np.zeros(n, np.uint32),
        length=np.zeros(n, np.uint8),
        data=np.zeros((n, width), np.uint8),
        flags=np.zeros(n, np.uint8),
        time_u_s=time_u_s,
        buses=buses,
    )
    for first in range(0, n, _ROWS_AT_ONCE):
        rows = slice(first, first + _ROWS_AT_ONCE)
        for kind in np.unique(kinds[rows]):
            which = first + np.flatnonzero(kinds[rows] == kind)
            records = np.arange(_KINDS[int(kind)].itemsize)
            chosen = raw[starts[which][:, None] + records]
            _take(int(kind), chosen.view(_KINDS[int(kind)]).reshape(-1), frames, which)
    if n and int(frames.bus.max()) >= len(buses):
        raise ValueError(f"channel {int(frames.bus.max()) + 1}, and the buses are {buses}")
    return frames


def _take(kind: int, records: NDArray[np.void], frames: Frames, which: NDArray[np.intp]) -> None:
    """Put the records of one kind where they belong."""
    can_id = records["can_id"]
    frames.time_ns[which] = records["time_ns"]
    frames.can_id[which] = can_id & np.uint32(0x1FFF_FFFF)
    frames.length[which] = records["length"]
    frames.data[which, : records["data"].shape[1]] = records["data"]
    frames.bus[which] = records["channel"] - 1
    if kind == _CAN_ERROR_EXT:
        frames.flags[which] = records["flags_ext"]
        return
    flags = (
        (can_id >> 31).astype(np.uint8) * np.uint8(EXTENDED)
        | (records["flags"] >> 7) * np.uint8(REMOTE)
        | (records["flags"] & 1) * np.uint8(SENT)
    )
    if kind == _CAN_FD_MESSAGE:
        reported = records["fd_flags"]
        flags |= np.uint8(FD) | (reported >> 1 & 1) * np.uint8(SWITCHED)
        flags |= (reported >> 2 & 1) * np.uint8(PASSIVE)
    frames.flags[which] = flags


def _starts(objects: bytes) -> NDArray[np.intp]:
    """Return where each object begins; all of them are of a kind and a length that we write."""
    words = np.frombuffer(objects, "<u4", len(objects) // 4)
    found = np.flatnonzero(words == int.from_bytes(b"LOBJ", "little")) * 4
    found = found[found + _MESSAGE.itemsize <= len(objects)]
    ends = np.append(found[1:], len(objects))
    if found.size and found[0] == 0 and np.array_equal(words[found // 4 + 2], ends - found):
        starts = found
    else:  # the word lies in a frame's data, or the file is damaged: one after the other then
        starts = _followed(objects)
    for kind in np.unique(kinds := words[starts // 4 + 3]):
        sizes = np.unique(words[starts[kinds == kind] // 4 + 2])
        if int(kind) not in _KINDS or sizes.tolist() != [_KINDS[int(kind)].itemsize]:
            raise ValueError(f"an object of kind {kind} and {sizes.tolist()} bytes")
    return starts


def _followed(objects: bytes) -> NDArray[np.intp]:
    starts, at = [], 0
    while at < len(objects):
        if at + _MESSAGE.itemsize > len(objects):
            raise ValueError(f"it ends within an object, at byte {at}")
        starts.append(at)
        size = int(struct.unpack_from("<L", objects, at + 8)[0])
        if size < _MESSAGE.itemsize or at + size > len(objects):
            raise ValueError(f"an object of {size} bytes at byte {at}")
        at += size
    return np.array(starts, np.intp)
