"""A few sectors of the NOR flash beside the controller: erased whole, programmed page by page.

Keeps its content without supply. An operation that the supply leaves is torn; one that only the
controller leaves (a reset) ends by itself. Must not know what is stored.
"""

from __future__ import annotations

from dataclasses import dataclass

from rig.virtual.carrier.pins import Pins
from rig.virtual.kernel import MS, Handle, Kernel

PAGE = 256  # bytes; only the first page of a sector is modelled
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
        pins: Pins,
        *,
        sectors: int,
        lost_below_v: float,
        times: FlashTimes | None = None,
    ) -> None:
        self._kernel, self.times = kernel, times or FlashTimes()
        self.pages = [ERASED] * sectors
        self.wear = [0] * sectors
        self._job: _Job | None = None
        pins.when("aux", lost_below_v, rising=False, then=self._tear)

    @property
    def busy(self) -> bool:
        """Whether an operation is on its way."""
        return self._job is not None

    def erase(self, sector: int) -> int:
        """Begin to erase a sector; return how long it takes, in ns."""
        self.wear[sector] += 1
        return self._begin(sector, ERASED, self.times.erase_ns)

    def program(self, sector: int, data: bytes) -> int:
        """Begin to program a page; bits only go from 1 to 0, so it must have been erased."""
        padded = data.ljust(PAGE, b"\xff")
        after = bytes(old & new for old, new in zip(self.pages[sector], padded, strict=True))
        return self._begin(sector, after, self.times.program_ns)

    def _begin(self, sector: int, after: bytes, takes_ns: int) -> int:
        if self._job is not None:
            raise RuntimeError("the flash is busy: the firmware did not wait for it")
        end = self._kernel.after(takes_ns, self._finish)
        before, now_ns = self.pages[sector], self._kernel.now_ns
        self._job = _Job(sector, before, after, now_ns, takes_ns, end)
        return takes_ns

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
