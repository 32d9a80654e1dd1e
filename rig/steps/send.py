"""The step `send`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from rig.steps.frame_fault import FrameFault


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """Send a CAN message `count` times, `period_s` apart.

    Counter and checksum that the profile names are made right, unless `wrong` says how not.
    """

    message: str
    signals: Mapping[str, float] = field(default_factory=dict)
    count: int = 1
    period_s: float = 0.0
    wrong: FrameFault | None = None
    mark: str | None = None
    kind: Literal["send"] = "send"
