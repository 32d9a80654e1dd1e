"""The expectation `signal steady`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalSteady:
    """Between two marks a CAN signal moves by no more than this, in the signal's unit.

    From one frame to the next by `most_step`, from its least to its greatest value by `most_span`;
    None: by any amount.
    """

    message: str
    signal: str
    most_step: float | None = None
    most_span: float | None = None
    begin: str | None = None
    end: str | None = None
    kind: Literal["signal steady"] = "signal steady"
