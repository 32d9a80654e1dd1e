"""The bus to the front end, its replies and its resets handled wrongly (chapters 2 and 10)."""

from __future__ import annotations

from rig.virtual.carrier import afe_map as chip
from rig.virtual.carrier.afe_map import TABLE
from rig.virtual.carrier.pins import BusTimeoutError, NoAnswerError
from rig.virtual.guests.reference.afe import FrontEnd, Readings
from rig.virtual.guests.reference.bms import Bms
from rig.virtual.guests.reference.image import Build
from rig.virtual.guests.variants import variant
from rig.virtual.kernel import MS


class _NoAge(FrontEnd):
    """Nobody asks how old a reading is."""

    def is_old(self, now_ms: int, then_ms: int) -> bool:  # noqa: ARG002
        return False


@variant(
    "stale-for-ever",
    "D15",
    "S1",
    "the last values stay when the front end is silent",
    shows=r"ATO|AfeLost",
)
def stale_for_ever(build: Build) -> Build:
    """Build it."""
    return build.patch(front_end=_NoAge)


class _ClearedBuffer(FrontEnd):
    """The buffer is cleared before each read, and used after one that failed."""

    def read(self, register: int, count: int) -> bytes | None:
        reply = super().read(register, count)
        return bytes(count) if reply is None and register == chip.PACK else reply


@variant(
    "lost-reply-reads-zero",
    "D17",
    "S2",
    "a read that failed leaves zeros, which are used",
    shows=r"link_.*(Cell\d_V|PackVoltage|Current|Temp\d|\bUV)",
)
def lost_reply_reads_zero(build: Build) -> Build:
    """Build it."""
    return build.patch(front_end=_ClearedBuffer)


class _HarmlessDefaults(FrontEnd):
    """Variables start with numbers that hurt nobody."""

    def fresh(self) -> Readings:
        readings = super().fresh()
        readings.cells_v = [3.7] * len(readings.cells_v)
        readings.temperatures_degc = [25.0] * len(readings.temperatures_degc)
        readings.current_a, readings.pack_v = 0.0, 3.7 * len(readings.cells_v)
        return readings


@variant(
    "plausible-before-measured",
    "D19",
    "S1",
    "values start harmless instead of invalid",
    shows=r"(Cell\d_V|PackVoltage|Current|Temp\d) was",
)
def plausible_before_measured(build: Build) -> Build:
    """Build it."""
    return build.patch(front_end=_HarmlessDefaults)


class _CrcOverData(FrontEnd):
    """The sum begins with the data, without the address bytes before them."""

    def is_whole(self, register: int, reply: bytes) -> bool:  # noqa: ARG002
        crc = 0
        for byte in reply:
            crc = TABLE[crc ^ byte]
        return crc == 0


@variant(
    "good-replies-rejected",
    "D24",
    "S4",
    "the CRC is made without the address bytes",
    shows=r"ATO|AfeLost|ready|path did not close",
)
def good_replies_rejected(build: Build) -> Build:
    """Build it."""
    return build.patch(front_end=_CrcOverData)


class _CrcUnchecked(FrontEnd):
    """The last byte is dropped unseen."""

    def is_whole(self, register: int, reply: bytes) -> bool:  # noqa: ARG002
        return True


@variant(
    "broken-replies-taken",
    "D23",
    "S1",
    "the CRC of a reply is not checked",
    shows=r"link_.*(Cell\d_V|PackVoltage|Current|Temp\d)",
)
def broken_replies_taken(build: Build) -> Build:
    """Build it."""
    return build.patch(front_end=_CrcUnchecked)


class _FilledInPlace(Bms):
    """The structure is cleared when a scan begins and filled when its bytes are there."""

    def pause_bleeding(self) -> None:
        super().pause_bleeding()
        if self.readings.scans:
            self.readings.pack_v = 0.0
            self.readings.cells_v = [0.0] * len(self.readings.cells_v)


@variant(
    "torn-reading",
    "D26",
    "S3",
    "values are cleared, then filled; frames go out meanwhile",
    shows=r"Cell\d*_V|/ v=|PackVoltage|/ pack=|CellSum",
)
def torn_reading(build: Build) -> Build:
    """Build it."""
    return build.patch(program=_FilledInPlace)


class _StaysInSettings(FrontEnd):
    """Where nothing had to be written, nothing seems to have been changed either."""

    def set_up(self) -> bool:
        self._wrote = False
        return super().set_up()

    def write(self, register: int, data: bytes) -> bool:
        self._wrote = self._wrote or register in (chip.OV_LIMIT, chip.NTC_ON)
        is_end = register == chip.CONTROL and not data[0] & chip.SETTINGS_MODE
        if is_end and not self._wrote:
            return True
        return super().write(register, data)


@variant(
    "current-frozen-after-start",
    "D27",
    "S2",
    "the chip is left in its settings mode",
    shows=r"BMS_Pack\.Current|/ i=",
)
def current_frozen_after_start(build: Build) -> Build:
    """Build it."""
    return build.patch(front_end=_StaysInSettings)


class _TimeoutIsAnAnswer(FrontEnd):
    """A read that timed out hands out what is still in the buffer; the bus is never freed."""

    def read(self, register: int, count: int) -> bytes | None:
        kept: dict[int, bytes] = self.__dict__.setdefault("_kept", {})
        for _ in range(self.image.tries):
            try:
                reply = self.bus.read(register, count)
            except BusTimeoutError:
                return kept.get(register)
            except NoAnswerError:
                self.errors += 1
                continue
            if self.is_whole(register, reply):
                kept[register] = reply[:-1]
                return kept[register]
            self.errors += 1
        return None


@variant(
    "bus-hangs-unnoticed",
    "D29",
    "S1",
    "a read that timed out returns the old buffer",
    shows=r"ATO|AfeLost",
)
def bus_hangs_unnoticed(build: Build) -> Build:
    """Build it."""
    return build.patch(front_end=_TimeoutIsAnAnswer)


class _SpinsOnTheChip(Bms):
    """The task of the front end waits for the conversion in a loop, at the highest priority."""

    _CONVERSION_NS = 30 * MS

    def scan(self) -> None:
        super().scan()
        now_ns = self.chip.kernel.now_ns
        self._spins_until_ns = now_ns + self._CONVERSION_NS

    def main(self) -> None:
        spins_until_ns = self.__dict__.get("_spins_until_ns", 0)
        if self.chip.kernel.now_ns >= spins_until_ns:
            super().main()


@variant(
    "front-end-starves-the-rest",
    "D99",
    "S2",
    "its task spins at the highest priority",
    shows=r"path (opened|did not open)|(became|did not become) 1",
)
def front_end_starves_the_rest(build: Build) -> Build:
    """Build it."""
    return build.patch(program=_SpinsOnTheChip)


class _PowerOnUnseen(FrontEnd):
    """The settings are written once, at the start of the controller."""

    def has_reset(self, status: int) -> bool:  # noqa: ARG002
        return False


@variant(
    "limits-lost-after-a-dip",
    "D102",
    "S1",
    "the chip's power-on flag is not looked at",
    shows=r"OVP2|afe: reset",
)
def limits_lost_after_a_dip(build: Build) -> Build:
    """Build it."""
    return build.patch(front_end=_PowerOnUnseen)
