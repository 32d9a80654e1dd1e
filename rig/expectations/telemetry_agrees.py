"""The expectation `telemetry agrees`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class TelemetryAgrees:
    """What the BMS reports of a quantity agrees with the meter, at every Read of it.

    Source of the report: a CAN signal (`message`, `signal`) or a console line (`pattern` with one
    group, a number in SI units after multiplying by `factor`).
    """

    quantity: str
    accuracy: float
    relative: float = 0.0  # of the reading, added to accuracy
    unit: str = ""
    message: str | None = None
    signal: str | None = None
    pattern: str | None = None
    factor: float = 1.0
    settle_s: float = 0.5  # the report must be newer than this after the last change
    kind: Literal["telemetry"] = "telemetry"
