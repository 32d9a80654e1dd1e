"""The driver of the SPI NOR flash. Knows its instructions and times, not what is stored."""

from __future__ import annotations

from rig.virtual.carrier.pins import Spi
from rig.virtual.kernel import MS

PAGE, SECTOR = 256, 4096  # bytes; only the first page of a sector is used
ERASED = b"\xff" * PAGE
# Of the data sheet of a common 4 MB part, typical [u]: the driver's first look at the busy bit.
ERASE_NS, PROGRAM_NS = 45 * MS, 3 * MS
_WRITE_ENABLE, _ERASE, _PROGRAM, _READ, _STATUS = b"\x06", b"\x20", b"\x02", b"\x03", b"\x05"
_BUSY = 0x01


class NorFlash:
    """Sectors by number, counted from 0. An operation that is begun goes on by itself."""

    def __init__(self, spi: Spi) -> None:
        self._spi = spi

    @property
    def busy(self) -> bool:
        """Whether an operation is on its way."""
        return self._spi.transfer(_STATUS, 1)[0] & _BUSY != 0

    def read(self, sector: int) -> bytes:
        """Read the page of a sector."""
        return self._spi.transfer(_READ + _address(sector), PAGE)

    def erase(self, sector: int) -> int:
        """Begin to erase a sector; return how long it takes, in ns."""
        self._spi.transfer(_WRITE_ENABLE)
        self._spi.transfer(_ERASE + _address(sector))
        return ERASE_NS

    def program(self, sector: int, data: bytes, at: int = 0) -> int:
        """Begin to program bytes of a page, from `at` on; return how long it takes, in ns."""
        self._spi.transfer(_WRITE_ENABLE)
        self._spi.transfer(_PROGRAM + _address(sector, at) + data)
        return PROGRAM_NS


def _address(sector: int, at: int = 0) -> bytes:
    return (sector * SECTOR + at).to_bytes(3, "big")
