"""The limits for charger and load, got wrong (docs/known-defects.md, chapters 1, 3, 4 and 6)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rig.virtual.guests.reference.image import Build
from rig.virtual.guests.reference.limits import Limiter, LimitWatch, RateLimit
from rig.virtual.guests.variants import variant


class _MilliampsAgainstAmps(LimitWatch):
    """The limit comes in mA from the limiter's new interface, the current still in A."""

    def is_over(self, current_a: float, limit_a: float) -> bool:
        return super().is_over(current_a, limit_a * 1000.0)


@variant("limit-watch-never-acts", "D09", "S1", "A are compared with mA", shows=r"LimitExceeded")
def limit_watch_never_acts(build: Build) -> Build:
    """Build it."""
    return build.patch(limit_watch=_MilliampsAgainstAmps)


class _FirstSensorOnly(Limiter):
    """The reckoning reads sensor 1, whatever is on the others."""

    def sensors(self, degc: Sequence[float]) -> Sequence[float]:
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


class _NotLeftIn(Limiter):
    """The test was turned round once, and the branches were not."""

    def granted(self, may_a: float, *, allowed: bool) -> float:
        return super().granted(may_a, allowed=not allowed)


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


class _RampBeforeTheBlock(Limiter):
    """The ramp follows what the curves allow; the block is put behind it."""

    def limited(self, ramp: RateLimit, may_a: float, *, allowed: bool) -> float:
        return self.granted(ramp.step(may_a), allowed=allowed)


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
