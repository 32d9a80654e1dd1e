"""The step `start periodic`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from rig.steps.frame_fault import FrameFault


@dataclass(frozen=True, slots=True, kw_only=True)
class StartPeriodic:
    """Send a CAN message periodically from now on, in the background of the steps that follow.

    It ends with `Quiet`, with the case, or where another `Traffic` of the same message takes its
    place. A frame that falls due while an instrument is talked to leaves right after.
    """

    message: str
    period_s: float
    signals: Mapping[str, float] = field(default_factory=dict)
    jitter_s: float = 0.0  # each frame is late by a seeded random time in [0, jitter_s)
    wrong: FrameFault | None = None
    mark: str | None = None
    kind: Literal["traffic"] = "traffic"
