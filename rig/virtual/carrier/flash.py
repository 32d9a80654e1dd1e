"""A few sectors of a SPI NOR flash beside the controller: erased whole, programmed page by page.

Answers the instructions that such parts have in common (JESD216 lists them): write enable, erase
of 4 KiB, page program, read, status. While it is busy it answers none but the status. Keeps its
content without supply. An operation that the supply leaves is torn; one that only the
controller leaves (a reset) ends by itself. Must not know what is stored.
"""

from __future__ import annotations

from dataclasses import dataclass

from rig.virtual.carrier.board_pins import BoardPins
from rig.virtual.kernel import MS, Handle, Kernel

PAGE = 256  # bytes; only the first page of a sector is modelled
SECTOR = 4096
WRITE_ENABLE, ERASE, PROGRAM, READ, STATUS = 0x06, 0x20, 0x02, 0x03, 0x05
BUSY, WRITE_ENABLED = 0x01, 0x02  # of the status
_HEAD = 4  # bytes of an instruction with its address
ERASED = b"\xff" * PAGE


@dataclass(frozen=True, slots=True, kw_only=True)
class FlashTimes:
    """How long it takes [u]: the order of a common 4 MB part's typical figures."""

    erase_ns: int = 45 * MS  # of a sector
    program_ns: int = 3 * MS  # of a page, with the driver's own time


@dataclass(slots=True)
class _Job:
    """An operation on its way: what the page holds before and after it."""

    sector: int
    before: bytes
    after: bytes
    began_ns: int
    takes_ns: int
    end: Handle


class Flash:
    """Sectors by number, counted from 0.

    Attributes
    ----------
    pages : list of bytes
        What the first page of each sector holds.
    wear : list of int
        How often each sector was erased.
    """

    def __init__(
        self,
        kernel: Kernel,
        pins: BoardPins,
        *,
        sectors: int,
        lost_below_v: float,
        times: FlashTimes | None = None,
    ) -> None:
        self._kernel, self._times = kernel, times or FlashTimes()
        self.pages = [ERASED] * sectors
        self.wear = [0] * sectors
        self._job: _Job | None = None
        self._enabled = False  # to be written: for one instruction
        pins.when("aux", lost_below_v, rising=False, then=self._tear)

    def transfer(self, out: bytes, count: int = 0) -> bytes:
        """Take an instruction, and give what it asks for; what it does not know it ignores."""
        instruction = out[:1]
        if instruction == bytes((STATUS,)):
            return bytes((BUSY * (self._job is not None) | WRITE_ENABLED * self._enabled,)) * count
        if self._job is not None or not out:
            return b"\xff" * count
        if instruction == bytes((WRITE_ENABLE,)):
            self._enabled = True
        elif len(out) >= _HEAD:
            return self._obey(out[0], int.from_bytes(out[1:_HEAD], "big"), out[_HEAD:], count)
        return b"\xff" * count

    def _obey(self, instruction: int, address: int, data: bytes, count: int) -> bytes:
        sector, offset = divmod(address, SECTOR)
        if sector >= len(self.pages):
            return b"\xff" * count
        if instruction == READ:
            return self.pages[sector][offset : offset + count].ljust(count, b"\xff")
        if self._enabled and instruction in (ERASE, PROGRAM):
            self._enabled = False
            if instruction == ERASE:
                self.wear[sector] += 1
                self._begin(sector, ERASED, self._times.erase_ns)
            else:
                self._program(sector, offset, data)
        return b"\xff" * count

    def _program(self, sector: int, offset: int, data: bytes) -> None:
        """Program a part of a page; bits only go from 1 to 0, so it must have been erased."""
        page = self.pages[sector]
        wanted = (b"\xff" * offset + data).ljust(PAGE, b"\xff")[:PAGE]
        after = bytes(old & new for old, new in zip(page, wanted, strict=True))
        self._begin(sector, after, self._times.program_ns)

    def _begin(self, sector: int, after: bytes, takes_ns: int) -> None:
        end = self._kernel.after(takes_ns, self._finish)
        before, now_ns = self.pages[sector], self._kernel.now_ns
        self._job = _Job(sector, before, after, now_ns, takes_ns, end)

    def _finish(self) -> None:
        job, self._job = self._job, None
        if job is not None:
            self.pages[job.sector] = job.after

    def _tear(self) -> None:
        """Leave an operation half done: its part of the page is new, the rest as it was."""
        job, self._job = self._job, None
        if job is None:
            return
        job.end.cancel()
        done = PAGE * (self._kernel.now_ns - job.began_ns) // job.takes_ns
        self.pages[job.sector] = job.after[:done] + job.before[done:]
