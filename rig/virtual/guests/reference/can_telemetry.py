"""The frames of the reference BMS, as the bms.dbc of each describes them. Packs, never sends.

The two are kept apart on purpose: this is what the firmware does, the DBC what it claims.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from rig.virtual.guests.reference.limits import SentLimits
from rig.virtual.guests.reference.min_max import MinMax

EVENT_ID, STATUS_ID, CELLS_ID, PACK_ID, LIMITS_ID = 0x080, 0x100, 0x110, 0x120, 0x121
EXTREMES_ID, ENERGY_ID, TEMPERATURES_ID, HOST_ALIVE_ID = 0x122, 0x123, 0x130, 0x305
BALANCING_ID, CONTACTORS_ID = 0x140, 0x141
CELLS_A_FRAME = 4
ALIVE_LAST = 14  # 15 is never sent (E2E profile 1)
NO_VOLTAGE = 0xFFFF
NO_TEMPERATURE = NO_CURRENT = 0x7FFF
INIT, STANDBY, NORMAL, FAULT, BALANCING = range(5)
STATE_NAMES = ("INIT", "STANDBY", "NORMAL", "FAULT", "BALANCING")

_CELLS = struct.Struct("<4H")
_STATUS = struct.Struct("<BBHBB2x")
_PACK = struct.Struct("<BBhHH")
_EVENT = struct.Struct("<BBBBhH")
_LIMITS = struct.Struct("<BBHHH")
_EXTREMES = struct.Struct("<2H2h")
_ENERGY = struct.Struct("<3H2B")
_CONTACTORS = struct.Struct("<BBBxH2x")


def _crc_table() -> bytes:
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = (crc << 1) ^ (0x11D if crc & 0x80 else 0)
        table.append(crc)
    return bytes(table)


CRC_TABLE = _crc_table()


def e2e_p01_crc(data_id: int, data: bytes) -> int:
    """CRC of an E2E profile 1 frame, data ID mode BOTH, CRC in byte 0.

    SAE J1850's polynomial 0x1D with effective start value and final XOR of 0.
    """
    table = CRC_TABLE
    crc = table[table[data_id & 0xFF] ^ (data_id >> 8)]
    for byte in data[1:]:
        crc = table[crc ^ byte]
    return crc


def _clamp(value: float, low: int, high: int) -> int:
    return low if value < low else high if value > high else round(value)


class Telemetry:
    """Packs the frames; holds the alive counters."""

    def __init__(self) -> None:
        counted = (STATUS_ID, PACK_ID, EVENT_ID, LIMITS_ID, CONTACTORS_ID)
        self._alive = dict.fromkeys(counted, 0)
        self._events = 0

    def status(self, state: int, flags: int, paths: int, bleeding: Sequence[bool]) -> bytes:
        """Pack BMS_Status; `paths` has bit 0 for the charge, bit 1 for the discharge path."""
        outputs = paths
        for index, on in enumerate(bleeding):
            outputs |= on << (4 + index)
        alive = self._next_alive(STATUS_ID)
        more, flags = divmod(flags, 1 << 16)  # bytes 2 and 3 were full when the rest came
        return self.protect(STATUS_ID, _STATUS.pack(0, alive | state << 4, flags, outputs, more))

    def event(self, code: int, *, tripped: bool, channel: int, value: float) -> bytes:
        """Pack BMS_Event; `value` is in the event's own LSB."""
        self._events = (self._events + 1) & 0xFFFF
        alive = self._next_alive(EVENT_ID)
        raw = 0 if value != value else _clamp(value, -0x8000, 0x7FFF)  # noqa: PLR0124
        data = _EVENT.pack(0, alive | tripped << 4, code, channel, raw, self._events)
        return self.protect(EVENT_ID, data)

    def limits(self, limits: SentLimits) -> bytes:
        """Pack BMS_Limits."""
        alive = self._next_alive(LIMITS_ID) | limits.charge << 4 | limits.discharge << 5
        volts = _clamp(limits.cvl_v * 100.0, 0, 0xFFFE)
        amps = (_clamp(a * 10.0, 0, 0xFFFE) for a in (limits.ccl_a, limits.dcl_a))
        return self.protect(LIMITS_ID, _LIMITS.pack(0, alive, volts, *amps))

    def min_max(self, min_max: MinMax) -> bytes:
        """Pack BMS_Extremes."""
        volts = [self._millivolts(v) for v in min_max.cells_v]
        return _EXTREMES.pack(*volts, *[self._decidegrees(t) for t in min_max.temperatures_degc])

    def cells(self, cells_v: Sequence[float]) -> bytes:
        """Pack a frame of cell voltages: four of them."""
        return _CELLS.pack(*[self._millivolts(volts) for volts in cells_v])

    def frames_of(self, cells: int) -> int:
        """Tell how many frames so many cells take."""
        return -(-cells // CELLS_A_FRAME)

    def group(self, cells_v: Sequence[float], frame: int) -> Sequence[float]:
        """Pick the cells of a frame; frames count from 0."""
        return cells_v[frame * CELLS_A_FRAME : (frame + 1) * CELLS_A_FRAME]

    def pack(self, current_a: float, pack_v: float, soc: float) -> bytes:
        """Pack BMS_Pack; `soc` is 0 to 1."""
        volts = self._centivolts(pack_v)
        amps = NO_CURRENT if current_a != current_a else _clamp(current_a * 100.0, -0x8000, 0x7FFE)  # noqa: PLR0124
        alive = self._next_alive(PACK_ID)
        return self.protect(
            PACK_ID, _PACK.pack(0, alive, amps, volts, _clamp(soc * 1000.0, 0, 1000))
        )

    def temperatures(self, degc: Sequence[float]) -> bytes:
        """Pack BMS_Temperatures."""
        return struct.pack(f"<{len(degc)}h", *[self._decidegrees(value) for value in degc])

    def balancing(self, bleeding: Sequence[bool]) -> bytes:
        """Pack BMS_Balancing: a bit for each cell, where they are too many for BMS_Status."""
        bits = 0
        for index, on in enumerate(bleeding):
            bits |= on << index
        return struct.pack("<H", bits)

    def contactors(self, state: int, coils: int, tries: int, link_v: float) -> bytes:
        """Pack BMS_Contactors; `coils` has bit 0 main, 1 precharge, 2 precharging failed."""
        alive = self._next_alive(CONTACTORS_ID)
        volts = _clamp(link_v * 100.0, 0, 0xFFFE)
        data = _CONTACTORS.pack(0, alive | state << 4, coils | min(tries, 15) << 4, volts)
        return self.protect(CONTACTORS_ID, data)

    def energy(
        self, soh: float, remaining: int, cell_sum_v: float, *, errors: tuple[int, int]
    ) -> bytes:
        """Pack BMS_Energy; `soh` is 0 to 1, `remaining` in 0.01 Ah, `errors` of AFE and host."""
        afe_errors, host_errors = errors
        return _ENERGY.pack(
            _clamp(soh * 1000.0, 0, 1000),
            remaining & 0xFFFF,
            self._centivolts(cell_sum_v),
            afe_errors & 0xFF,
            host_errors & 0xFF,
        )

    def _centivolts(self, volts: float) -> int:
        return NO_VOLTAGE if volts != volts else _clamp(volts * 100.0, 0, 0xFFFE)  # noqa: PLR0124

    def _millivolts(self, volts: float) -> int:
        return NO_VOLTAGE if volts != volts else _clamp(volts * 1000.0, 0, 0xFFFE)  # noqa: PLR0124

    def _decidegrees(self, degc: float) -> int:
        return NO_TEMPERATURE if degc != degc else _clamp(degc * 10.0, -0x8000, 0x7FFE)  # noqa: PLR0124

    def _next_alive(self, can_id: int) -> int:
        alive = self._alive[can_id]
        self._alive[can_id] = 0 if alive >= ALIVE_LAST else alive + 1
        return alive

    def protect(self, can_id: int, data: bytes) -> bytes:
        """Put the CRC of E2E profile 1 into byte 0."""
        return bytes((e2e_p01_crc(can_id, data),)) + data[1:]
