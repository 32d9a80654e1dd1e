"""The expectation `message timing`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rig.dut.e2e import CrcKind


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageTiming:
    """Every interval of a message within period ± tolerance; length, counter and CRC right."""

    message: str
    period_s: float
    tolerance_s: float
    length: int
    counter: str | None = None  # signal name
    counter_last: int = 14  # the value after which it starts at 0 again
    crc: str | None = None  # signal name
    crc_kind: CrcKind = "E2E P01"
    crc_data_id: int = 0  # of E2E profile 1, mode BOTH
    spare_zero: bool = False  # bits that belong to no signal of the DBC are 0
    begin: str | None = None
    end: str | None = None
    kind: Literal["message timing"] = "message timing"
