"""What charger and load are told, got wrong (bms-defects.md, chapters 1, 3, 4 and 6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from rig.virtual.firmware.image import Build
from rig.virtual.firmware.variants import variant

# A mixin's own methods call those of the part that it is laid over.
if TYPE_CHECKING:
    from rig.virtual.firmware.limits import Limiter as _Limiter
    from rig.virtual.firmware.limits import LimitWatch as _LimitWatch
    from rig.virtual.firmware.limits import Ramp
else:
    _Limiter = _LimitWatch = object


class _MilliampsAgainstAmps(_LimitWatch):
    """The limit comes in mA from the limiter's new interface, the current still in A."""

    def _is_over(self, current_a: float, limit_a: float) -> bool:
        return super()._is_over(current_a, limit_a * 1000.0)


@variant("limit-watch-never-acts", "D09", "S1", "A are compared with mA", shows=r"LimitExceeded")
def limit_watch_never_acts(build: Build) -> Build:
    """Build it."""
    return build.patch(limit_watch=_MilliampsAgainstAmps)


class _FirstSensorOnly(_Limiter):
    """The reckoning reads sensor 1, whatever is on the others."""

    def _sensors(self, degc: Sequence[float]) -> Sequence[float]:
        return degc[:1]


@variant(
    "limits-follow-one-sensor",
    "D38",
    "S3",
    "the limits read sensor 1 whatever is configured",
    shows=r"CCL|DCL",
)
def limits_follow_one_sensor(build: Build) -> Build:
    """Build it."""
    return build.patch(limiter=_FirstSensorOnly)


class _NotLeftIn(_Limiter):
    """The test was turned round once, and the branches were not."""

    def _granted(self, may_a: float, *, allowed: bool) -> float:
        return super()._granted(may_a, allowed=not allowed)


@variant(
    "permission-inverted",
    "D49",
    "S1",
    "'not allowed' is tested in the branch that grants",
    shows=r"CCL|DCL",
)
def permission_inverted(build: Build) -> Build:
    """Build it."""
    return build.patch(limiter=_NotLeftIn)


class _RampBeforeTheBlock(_Limiter):
    """The ramp follows what the curves allow; the block is put behind it."""

    def _limited(self, ramp: Ramp, may_a: float, *, allowed: bool) -> float:
        return self._granted(ramp.step(may_a), allowed=allowed)


@variant(
    "limit-jumps-after-a-block",
    "D76",
    "S2",
    "the ramp sits before the stage that writes 0",
    shows=r"CCL|DCL",
)
def limit_jumps_after_a_block(build: Build) -> Build:
    """Build it."""
    return build.patch(limiter=_RampBeforeTheBlock)


@variant(
    "phantom-limit-alarm",
    "D77",
    "S2",
    "a new limit is held against the current at once",
    shows=r"LimitExceeded",
)
def phantom_limit_alarm(build: Build) -> Build:
    """Build it."""
    return build.configure(limits=replace(build.image.limits, reaction_steps=2))
