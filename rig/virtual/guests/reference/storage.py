"""Two copies of one record in flash, written in turn, so that a power cut costs no more than one.

A record bears a sequence number and a CRC32; of two good ones the newer counts. Must not know what
the record means.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from rig.virtual.guests.esp32 import Chip
from rig.virtual.guests.reference.nor_flash import PAGE, NorFlash
from rig.virtual.kernel import MS

SLOTS = (0, 1)
MAGIC = b"SET1"
_HEAD = struct.Struct("<4sIH")  # magic, sequence, length of the payload
_CRC = struct.Struct("<I")
_SEQUENCE_WRAP = 1 << 32
_SPOILED_FROM = 8
_POLL_NS = 1 * MS  # the driver looks at the busy bit each millisecond


@dataclass(frozen=True, slots=True)
class Record:
    """A good record, as a slot holds it."""

    slot: int
    sequence: int
    payload: bytes


def packed(sequence: int, payload: bytes) -> bytes:
    """Make a record's bytes."""
    body = _HEAD.pack(MAGIC, sequence % _SEQUENCE_WRAP, len(payload)) + payload
    return body + _CRC.pack(zlib.crc32(body))


class Store:
    """The record of one run of the firmware; the flash outlives it.

    Attributes
    ----------
    chip, flash
        The controller, and the flash beside it.
    bad_slots : tuple of int
        Those whose record was not whole when last read.
    """

    def __init__(self, chip: Chip, flash: NorFlash) -> None:
        self.chip, self.flash = chip, flash
        self.bad_slots: tuple[int, ...] = ()
        self._writing = False

    @property
    def busy(self) -> bool:
        """Whether a record is being written, by this run or still by the one before its reset."""
        return self._writing or self.flash.busy

    def load(self) -> Record | None:
        """Find the newest good record; None where there is none at all."""
        found = {slot: self.read(slot) for slot in SLOTS}
        self.bad_slots = tuple(slot for slot, record in found.items() if record is None)
        good = [record for record in found.values() if record is not None]
        return self._newest(good) if good else None

    def save(self, payload: bytes, done: Callable[[bool], None]) -> None:
        """Write a record and tell `done` whether it can be read back.

        Erased and written is the slot that holds nothing good, else the older one.
        """
        self._writing = True
        current = self.load()
        slot = self.victim(current)
        data = packed(current.sequence + 1 if current else 0, payload)
        self.chip.after(
            self.flash.erase(slot) + _POLL_NS, lambda: self._program(slot, data, payload, done)
        )

    def spoil(self) -> None:
        """Make both copies bad, as a worn-out flash would (a test hook of the maker's)."""
        self._blank(*SLOTS)

    def _blank(self, slot: int, *others: int) -> None:
        """Program what follows a record's head with zeros, slot by slot."""
        takes_ns = self.flash.program(slot, bytes(PAGE - _SPOILED_FROM), at=_SPOILED_FROM)
        if others:
            self.chip.after(takes_ns + _POLL_NS, lambda: self._blank(*others))

    def _program(
        self, slot: int, data: bytes, payload: bytes, done: Callable[[bool], None]
    ) -> None:
        def verify() -> None:
            self._writing = False
            record = self.read(slot)
            done(record is not None and record.payload == payload)

        self.chip.after(self.flash.program(slot, data) + _POLL_NS, verify)

    def read(self, slot: int) -> Record | None:
        """Read a slot; None unless its record is whole."""
        page = self.flash.read(slot)
        magic, sequence, length = _HEAD.unpack_from(page)
        end = _HEAD.size + length
        if magic != MAGIC or end + _CRC.size > len(page):
            return None
        if _CRC.unpack_from(page, end)[0] != zlib.crc32(page[:end]):
            return None
        return Record(slot, sequence, page[_HEAD.size : end])

    def _newest(self, good: list[Record]) -> Record:
        newest = good[0]
        for record in good[1:]:
            if (record.sequence - newest.sequence) % _SEQUENCE_WRAP < _SEQUENCE_WRAP // 2:
                newest = record
        return newest

    def victim(self, current: Record | None) -> int:
        """Choose the slot to be erased and written; `current` is the newest good record."""
        return SLOTS[0] if current is None else SLOTS[1 - current.slot]
