"""Time got wrong where the 32-bit counter of milliseconds wraps (docs/known-defects.md, 10)."""

from __future__ import annotations

from rig.virtual.guests.reference.bms import Bms
from rig.virtual.guests.reference.image import Build
from rig.virtual.guests.reference.protections import HostWatch
from rig.virtual.guests.reference.timers import SoftTimers
from rig.virtual.guests.variants import variant


class _WideDueTime(SoftTimers):
    """The due time is kept in 64 bits and compared with a counter of 32."""

    def next_due(self, due_ms: int, period_ms: int) -> int:
        return due_ms + period_ms

    def wait_ms(self, now_ms: int, due_ms: int) -> int:
        return max(0, due_ms - now_ms)


@variant(
    "frames-stop-at-the-wrap",
    "D96",
    "S2",
    "due times of 64 bits against a counter of 32",
    shows=r"BMS_\w+ comes every|no BMS_\w+ in|only one BMS_\w+ in",
)
def frames_stop_at_the_wrap(build: Build) -> Build:
    """Build it."""
    return build.patch(timers=_WideDueTime)


class _ComparesStamps(HostWatch):
    """`now > last + timeout` in unsigned 32 bits."""

    def is_late(self, now_ms: int, last_ms: int) -> bool:
        return now_ms > (last_ms + self.timeout_ms) % (1 << 32)


@variant(
    "host-lost-at-the-wrap",
    "D97",
    "S1",
    "a sum of time stamps wraps before the time does",
    shows=r"CTO|CommTimeout|timer_wrap.*\bcharge path (opened|was open)",
)
def host_lost_at_the_wrap(build: Build) -> Build:
    """Build it."""
    return build.patch(host=_ComparesStamps)


class _SignedDifference(Bms):
    """The time at rest is a difference in 64 bits: negative once the counter has wrapped."""

    def has_rested(self, now_ms: int, since_ms: int) -> bool:
        return self.balancer.has_rested(now_ms - since_ms)


@variant(
    "no-balancing-after-the-wrap",
    "1.6.11",
    "S3",
    "a difference of time stamps goes negative",
    shows=r"does not bleed|Bal\d (was 0|did not become 1)",
)
def no_balancing_after_the_wrap(build: Build) -> Build:
    """Build it."""
    return build.patch(program=_SignedDifference)
