"""The expectation `message sound`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rig.dut.e2e import CrcKind


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageSound:
    """Every frame of a message has the right length, counter and CRC, and some did come."""

    message: str
    length: int
    counter: str | None = None
    counter_last: int = 14
    crc: str | None = None
    crc_kind: CrcKind = "E2E P01"
    crc_data_id: int = 0
    spare_zero: bool = False
    begin: str | None = None
    end: str | None = None
    kind: Literal["message sound"] = "message sound"
