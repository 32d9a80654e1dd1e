"""The BMS's CAN messages by its DBC: bytes to signals for whole arrays of frames, and back.

cantools reads the DBC (imported on first use: it takes most of a second); decoding is numpy, since
a trace is decoded many times over. Must not open a bus, nor know traces, plans or verdicts.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from rig.can_address import MessageAddress
from rig.dut.e2e import CrcKind, crc_of_frames, one_crc
from rig.errors import DescriptionError
from rig.trace.model import ERROR, EXTENDED, FD_BYTES, REMOTE, SENT

if TYPE_CHECKING:
    from cantools.database.can import Database, Message
    from cantools.database.can.signal import Signal


class FrameTable(Protocol):
    """Frames as arrays in order of time, as a trace holds them."""

    @property
    def time_ns(self) -> NDArray[np.int64]:
        """End of frame, shape (n,)."""

    @property
    def can_id(self) -> NDArray[np.uint32]:
        """Identifier, shape (n,)."""

    @property
    def length(self) -> NDArray[np.uint8]:
        """Data bytes, shape (n,)."""

    @property
    def data(self) -> NDArray[np.uint8]:
        """Shape (n, 8), or (n, 64) where there are FD frames."""

    @property
    def flags(self) -> NDArray[np.uint8]:
        """Bits as `rig.trace.model` names them, shape (n,)."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where a signal's bits lie in eight of the frame's bytes, and what they mean."""

    first: int  # of the eight bytes: 0, but in a long frame
    big_endian: bool
    shift: int
    length: int
    is_signed: bool
    is_float: bool
    scale: float
    offset: float
    least_bytes: int  # a shorter frame does not hold the signal


class Messages:
    """The messages of one DBC file, looked up by name; "Cells of module 3" is a module's own.

    Parameters
    ----------
    id_step
        From the identifiers of a module to those of the next; module 1 has those of the DBC.
    """

    def __init__(self, dbc_path: Path | str, id_step: int = 0) -> None:
        self.path, self._id_step = Path(dbc_path), id_step
        self._layouts: dict[tuple[str, str], _Layout] = {}

    @cached_property
    def database(self) -> Database:
        """The DBC as cantools reads it.

        Raises
        ------
        DescriptionError
            The file can't be read, or is no DBC.
        """
        from cantools.database import load_file
        from cantools.database.can import Database
        from cantools.database.errors import Error

        try:
            loaded = load_file(self.path)
        except OSError as cause:
            what = f"can't be read ({cause.strerror})"
            raise DescriptionError(what, str(self.path), "name an existing DBC file") from cause
        except Error as cause:
            what = f"is no CAN database: {cause}"
            raise DescriptionError(what, str(self.path), "mend the DBC file") from cause
        if not isinstance(loaded, Database):
            raise DescriptionError("is no CAN database", str(self.path), "name a DBC file")
        return loaded

    def message(self, name: str) -> Message:
        """Return a message by name; DescriptionError names the nearest where there is none."""
        name = MessageAddress(name).name
        try:
            return self.database.get_message_by_name(name)
        except KeyError:
            known = [message.name for message in self.database.messages]
            raise self._unknown("message", name, known) from None

    def signal(self, message: str, name: str) -> Signal:
        """Return a signal by name; DescriptionError names the nearest where there is none."""
        found = self.message(message)
        try:
            return found.get_signal_by_name(name)
        except KeyError:
            known = [signal.name for signal in found.signals]
            raise self._unknown(f"signal in {message}", name, known) from None

    def _unknown(self, what: str, name: str, known: Iterable[str]) -> DescriptionError:
        names = list(known)
        near = difflib.get_close_matches(name, names, n=1)
        mend = f"did you mean {near[0]}?" if near else f"it has {', '.join(names)}"
        return DescriptionError(f"there is no {what} {name!r}", str(self.path), mend)

    # ---- to the bus ------------------------------------------------------------------------------
    def can_id(self, message: str) -> int:
        """Return a message's identifier."""
        beyond = (MessageAddress(message).module or 1) - 1
        return self.message(message).frame_id + beyond * self._id_step

    def is_extended(self, message: str) -> bool:
        """Tell whether a message has a 29 bit identifier."""
        return self.message(message).is_extended_frame

    def encode(
        self, message: str, signals: Mapping[str, float] | None = None
    ) -> tuple[int, bytes, bool]:
        """Return identifier, data and whether the identifier is extended.

        Signals are physical values, in the DBC's units. Those that are not given are 0, or their
        initial value where the DBC has one.

        Raises
        ------
        DescriptionError
            There is no such message or signal, or a value does not fit into its bits.
        """
        found = self.message(message)
        values: dict[str, float] = {s.name: _initial(s) for s in found.signals}
        for name, value in (signals or {}).items():
            values[self.signal(message, name).name] = value
        try:
            data = found.encode(values, scaling=True, padding=False, strict=True)
        except Exception as cause:  # cantools raises its own errors and OverflowError, ValueError
            what = f"{message} can't carry {dict(signals or {})}: {cause}"
            raise DescriptionError(what, str(self.path), "give values inside the limits") from cause
        return self.can_id(message), data, found.is_extended_frame

    # ---- from the bus ----------------------------------------------------------------------------
    def rows(self, frames: FrameTable, message: str) -> NDArray[np.intp]:
        """Return the indices, shape (n,), of the data frames that are this message, of the BMS."""
        wanted = np.uint8(EXTENDED if self.is_extended(message) else 0)
        mask = np.uint8(EXTENDED | REMOTE | ERROR | SENT)
        right_kind = frames.flags & mask == wanted
        return np.flatnonzero((frames.can_id == self.can_id(message)) & right_kind)

    def decode(
        self, frames: FrameTable, message: str, signal: str
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Decode one signal of every frame of a message that is long enough to hold it.

        Returns
        -------
        time_ns : int64, shape (n,)
        values : float64, shape (n,)
            Physical values (scale and offset applied, as cantools does).
        """
        layout = self._layout(message, signal)
        rows = self.rows(frames, message)
        rows = rows[frames.length[rows] >= layout.least_bytes]
        rows = self._multiplexed(frames, rows, message, signal)
        return frames.time_ns[rows], _physical(frames.data[rows], layout)

    __call__ = decode

    def decode_one(self, message: str, data: bytes) -> dict[str, float]:
        """Decode all signals of one frame that it is long enough to hold, in the DBC's units."""
        names = [signal.name for signal in self.message(message).signals]
        values = {name: self.value_of(message, name, data) for name in names}
        return {name: value for name, value in values.items() if value is not None}

    def value_of(self, message: str, signal: str, data: bytes | bytearray) -> float | None:
        """Decode one signal of one frame, in the DBC's unit; None where the frame is too short."""
        layout = self._layout(message, signal)
        if len(data) < layout.least_bytes:
            return None
        word = np.frombuffer(data.ljust(FD_BYTES, b"\0"), np.uint8).reshape(1, FD_BYTES)
        return float(_physical(word, layout)[0])

    def check_crc(
        self,
        frames: FrameTable,
        message: str,
        signal: str,
        data_id: int,
        kind: CrcKind = "E2E P01",
    ) -> NDArray[np.bool_]:
        """Tell for each frame of a message (see `rows`) whether its checksum is right; shape (n,).

        One too short to hold its checksum is wrong.

        Raises
        ------
        DescriptionError
            There is no such message or signal, or the signal is no whole byte.
        """
        at = self._crc_byte(message, signal)
        rows = self.rows(frames, message)
        data, length = frames.data[rows], frames.length[rows]
        right = (
            crc_of_frames(kind, data, length, at, data_id) == data[:, min(at, data.shape[1] - 1)]
        )
        return np.asarray(right & (length > at))

    def spare_is_zero(self, frames: FrameTable, message: str) -> NDArray[np.bool_]:
        """Tell for each frame of a message (see `rows`) whether all bits without a signal are 0.

        What lies beyond the length that the DBC gives counts too. Shape (n,).
        """
        rows = self.rows(frames, message)
        spare = np.frombuffer(self._spare(message).to_bytes(FD_BYTES, "little"), np.uint8)
        return np.asarray(~np.any(frames.data[rows] & spare[: frames.data.shape[1]], axis=1))

    def _spare(self, message: str) -> int:
        """Bits of a frame, read little-endian, in which no signal lies."""
        used = 0
        for signal in self.message(message).signals:
            layout = self._layout(message, signal.name)
            bits = (1 << layout.length) - 1 << layout.shift
            if layout.big_endian:
                bits = int.from_bytes(bits.to_bytes(8, "big"), "little")
            used |= bits << 8 * layout.first
        return ~used & (1 << 8 * FD_BYTES) - 1

    def seal(
        self, message: str, data: bytes, signal: str, data_id: int, kind: CrcKind = "E2E P01"
    ) -> bytes:
        """Return a frame's data with its checksum put in; one too short to hold it, as it is."""
        at = self._crc_byte(message, signal)
        if len(data) <= at:
            return data
        return data[:at] + bytes((one_crc(kind, data, at, data_id),)) + data[at + 1 :]

    def _crc_byte(self, message: str, signal: str) -> int:
        found = self.signal(message, signal)
        if found.length != 8 or self._layout(message, signal).shift % 8:
            what = f"{message}.{signal} is not one whole byte, so it can't hold a CRC-8"
            raise DescriptionError(what, str(self.path), "name the signal of the checksum")
        return int(found.start) // 8

    def _multiplexed(
        self, frames: FrameTable, rows: NDArray[np.intp], message: str, signal: str
    ) -> NDArray[np.intp]:
        """Keep the frames in which a multiplexed signal is present."""
        found = self.signal(message, signal)
        if not found.multiplexer_ids or found.multiplexer_signal is None:
            return rows
        selector = _raw(frames.data[rows], self._layout(message, found.multiplexer_signal))
        return rows[np.isin(selector, found.multiplexer_ids)]

    def _layout(self, message: str, signal: str) -> _Layout:
        key = (MessageAddress(message).name, signal)
        if key not in self._layouts:
            self._layouts[key] = _layout_of(self.signal(message, signal))
        return self._layouts[key]


def _initial(signal: Signal) -> float:
    value = signal.initial
    if isinstance(value, (int, float)):
        return float(value)
    # 0 may lie outside the signal's range, which strict encoding would refuse.
    low = signal.minimum if signal.minimum is not None else 0.0
    high = signal.maximum if signal.maximum is not None else 0.0
    return min(max(0.0, float(low)), max(float(high), float(low)))


def _layout_of(signal: Signal) -> _Layout:
    big_endian, begin = signal.byte_order == "big_endian", signal.start
    if big_endian:  # the DBC's start is the most significant bit, counted inside its byte from 0
        begin = begin // 8 * 8 + 7 - begin % 8
    last = (begin + signal.length - 1) // 8
    first = 0 if last < 8 else begin // 8
    if last - first >= 8:
        what = f"{signal.name} lies across nine bytes of a long frame"
        raise DescriptionError(what, "DBC", "begin it at a whole byte, or make it shorter")
    within = begin - 8 * first
    return _Layout(
        first=first,
        big_endian=big_endian,
        shift=64 - within - signal.length if big_endian else within,
        length=signal.length,
        is_signed=signal.is_signed,
        is_float=signal.is_float,
        scale=float(signal.scale),
        offset=float(signal.offset),
        least_bytes=last + 1,
    )


def _raw(data: NDArray[np.uint8], layout: _Layout) -> NDArray[np.uint64]:
    """Return a signal's bits, right-aligned, of frames that hold it; `data` as a table has it."""
    eight = np.zeros((data.shape[0], 8), np.uint8)
    there = data[:, layout.first : layout.first + 8]
    eight[:, : there.shape[1]] = there  # at the end of a frame fewer are left
    words = eight.view(">u8" if layout.big_endian else "<u8").reshape(-1)
    mask = np.uint64((1 << layout.length) - 1)
    return (words.astype(np.uint64) >> np.uint64(layout.shift)) & mask


def _physical(data: NDArray[np.uint8], layout: _Layout) -> NDArray[np.float64]:
    raw = _raw(data, layout)
    if layout.is_float:
        floats = {16: (np.uint16, np.float16), 32: (np.uint32, np.float32)}
        whole, kind = floats.get(layout.length, (np.uint64, np.float64))
        numbers = raw.astype(whole).view(kind).astype(np.float64)
    elif layout.is_signed:
        spare = np.uint64(64 - layout.length)  # move the sign to the top, and back with its copies
        numbers = ((raw << spare).view(np.int64) >> np.int64(spare)).astype(np.float64)
    else:
        numbers = raw.astype(np.float64)
    return np.asarray(numbers * layout.scale + layout.offset, np.float64)
