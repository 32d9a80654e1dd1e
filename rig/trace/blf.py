"""CAN frames as a Vector BLF file, whole arrays at a time. Must not know what a frame means.

Layout as python-can's `BLFWriter` writes it (its reader, CANoe, CANalyzer and MATLAB read it): a
file header, then zlib containers of objects with stamps in ns. Ours are built as numpy records,
so that the stamp stays an exact integer and no Python loop runs over frames.

Epoch: the header's measurement start is a date in UTC, as python-can reads and writes it, and a
stamp is the time since then. The date has whole milliseconds, as good as a computer's clock is. The
format's stamps have no sign, so the start lies before the first frame (one may be stamped within
the adapter's latency of the begin). `start_ns` says where that start is on the rig's own time base,
on which the frames come back to the nanosecond.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from rig.errors import EvidenceError
from rig.trace.model import Frames

EXTENDED, REMOTE, ERROR, SENT = 1, 2, 4, 8  # bits of Frames.flags

_FILE_HEADER = struct.Struct("<4sLBBBBBBBBQQLL8H8H")
_FILE_HEADER_SIZE = 144
_CONTAINER = struct.Struct("<4sHHLLH6xL4x")
_CONTAINER_SIZE = 128 * 1024
_LOG_CONTAINER, _CAN_MESSAGE, _CAN_ERROR_EXT = 10, 1, 73
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


def start_ns(frames: Frames) -> int:
    """Rig time at which the measurement starts: 0, or whole milliseconds before an early frame."""
    earliest_ns = min(int(frames.time_ns.min()), 0) if frames.time_ns.size else 0
    return earliest_ns // _MS * _MS


def frames_to_blf(frames: Frames, begun_utc_ns: int = 0) -> bytes:
    """Return the content of a BLF file with these frames.

    Parameters
    ----------
    begun_utc_ns
        Date of rig time 0, in ns since 1970-01-01 UTC; 0 where it is not known.
    """
    begin_ns = start_ns(frames)
    frames = replace(frames, time_ns=frames.time_ns - begin_ns)
    objects = _objects(frames)
    containers = [
        _container(objects[i : i + _CONTAINER_SIZE])
        for i in range(0, len(objects), _CONTAINER_SIZE)
    ]
    body = b"".join(containers)
    plain = _FILE_HEADER_SIZE + len(objects) + len(containers) * _CONTAINER.size
    header = _FILE_HEADER.pack(
        b"LOGG",
        _FILE_HEADER_SIZE,
        *(5, 0, 0, 0, 2, 6, 8, 1),
        *(_FILE_HEADER_SIZE + len(body), plain, frames.time_ns.size, 0),
        *(_system_time(begun_utc_ns + begin_ns) if begun_utc_ns else _NO_DATE),
        *_NO_DATE,
    )
    return header.ljust(_FILE_HEADER_SIZE, b"\0") + body


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
    """Return all objects in order; error frames are longer than others."""
    error = (frames.flags & ERROR) != 0
    messages = _filled(_MESSAGE, _CAN_MESSAGE, frames, ~error)
    remote, sent = (frames.flags[~error] & bit != 0 for bit in (REMOTE, SENT))
    messages["flags"] = remote * np.uint8(0x80) | sent * np.uint8(1)
    if not error.any():
        return messages.tobytes()
    errors = _filled(_ERROR_FRAME, _CAN_ERROR_EXT, frames, error)
    errors["flags_ext"] = frames.flags[error]
    rows = np.zeros((error.size, _ERROR_FRAME.itemsize), np.uint8)
    rows[~error, : _MESSAGE.itemsize] = _bytes_of(messages)
    rows[error] = _bytes_of(errors)
    sizes = np.where(error, _ERROR_FRAME.itemsize, _MESSAGE.itemsize)
    return rows[np.arange(_ERROR_FRAME.itemsize) < sizes[:, None]].tobytes()


def _bytes_of(records: NDArray[np.void]) -> NDArray[np.uint8]:
    return records.view(np.uint8).reshape(records.size, records.dtype.itemsize)


def _filled(
    dtype: np.dtype[np.void], kind: int, frames: Frames, which: NDArray[np.bool_]
) -> NDArray[np.void]:
    """Return records of one kind with all that both kinds share."""
    records = np.zeros(int(which.sum()), dtype)
    records["signature"], records["header_size"], records["header_version"] = b"LOBJ", 32, 1
    records["object_size"], records["object_type"] = dtype.itemsize, kind
    records["time_flags"], records["channel"] = _TIME_ONE_NANS, 1
    records["time_ns"] = frames.time_ns[which]
    records["length"], records["data"] = frames.length[which], frames.data[which]
    extended = frames.flags[which] & EXTENDED != 0
    records["can_id"] = frames.can_id[which] | extended * np.uint32(_ID_EXTENDED)
    return records


def frames_from_blf(content: bytes, time_u_s: float, where: str, begin_ns: int = 0) -> Frames:
    """Return the frames of a file that `frames_to_blf` wrote; `begin_ns` is their `start_ns`."""
    if content[:4] != b"LOGG":
        raise EvidenceError("not a BLF file", where, "restore the run folder from its archive")
    try:
        found = _parsed(_unpacked(content), time_u_s)
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


def _parsed(objects: bytes, time_u_s: float) -> Frames:
    starts, error = _layout(objects)
    raw = np.frombuffer(objects + b"\0" * _ERROR_FRAME.itemsize, np.uint8)
    rows = raw[starts[:, None] + np.arange(_ERROR_FRAME.itemsize)]
    messages = np.ascontiguousarray(rows[:, : _MESSAGE.itemsize]).view(_MESSAGE).reshape(-1)
    errors = np.ascontiguousarray(rows).view(_ERROR_FRAME).reshape(-1)

    def pick(name: str) -> NDArray[np.generic]:
        chosen = error.reshape(-1, *[1] * (messages[name].ndim - 1))
        return np.asarray(np.where(chosen, errors[name], messages[name]))

    can_id = pick("can_id").astype(np.uint32)
    flags = (
        (can_id >> 31).astype(np.uint8) * np.uint8(EXTENDED)
        | (messages["flags"] >> 7) * np.uint8(REMOTE)
        | (messages["flags"] & 1) * np.uint8(SENT)
    )
    return Frames(
        time_ns=messages["time_ns"].astype(np.int64),
        can_id=can_id & np.uint32(0x1FFF_FFFF),
        length=pick("length").astype(np.uint8),
        data=pick("data").astype(np.uint8),
        flags=np.where(error, errors["flags_ext"], flags).astype(np.uint8),
        time_u_s=time_u_s,
    )


def _layout(objects: bytes) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return where each object begins and whether it is an error frame."""
    size = _MESSAGE.itemsize
    if len(objects) % size == 0:
        records = np.frombuffer(objects, _MESSAGE)
        if np.all(records["signature"] == b"LOBJ") and np.all(records["object_size"] == size):
            return np.arange(records.size, dtype=np.int64) * size, np.zeros(records.size, np.bool_)
    starts, at = [], 0
    while at < len(objects):  # error frames are rare, and so is this loop
        starts.append(at)
        step = struct.unpack_from("<L", objects, at + 8)[0]
        if step not in (_MESSAGE.itemsize, _ERROR_FRAME.itemsize):
            raise ValueError(f"an object of {step} bytes")
        at += step
    found = np.array(starts, np.int64)
    kinds = np.frombuffer(objects, np.uint8)[found + 12]
    return found, kinds == _CAN_ERROR_EXT
