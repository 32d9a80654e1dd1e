"""Debounce and filter got wrong (bms-defects.md, chapter 5)."""

from __future__ import annotations

from rig.virtual.firmware.image import Build
from rig.virtual.firmware.variants import variant


class _NeverReset:
    """The counter is left as it is when the value is good again."""

    count: int

    def step(self, *, bad: bool) -> int:
        self.count += bad
        return self.count


@variant(
    "short-violations-add-up", "D60", "S2", "the debounce counter is not reset by a good value"
)
def short_violations_add_up(build: Build) -> Build:
    """Build it."""
    return build.patch(debounce=_NeverReset)


@variant("trips-on-one-sample", "D62", "S2", "the threshold acts on one raw sample")
def trips_on_one_sample(build: Build) -> Build:
    """Build it."""
    return build.with_rule("OVP", ticks=1).with_rule("UVP", ticks=1)
