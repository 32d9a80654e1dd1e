"""What is so while something is tried. Each is a part of a case; they combine."""

from __future__ import annotations

from rig.dut.profile import Profile
from rig.dut.resets import Timers
from rig.plan.families.draft import Part
from rig.plan.families.provoked import Provoked
from rig.plan.families.requesting import asked_to_close, lasts_s
from rig.plan.families.timing import AFTER_S
from rig.steps import Step
from rig.steps.hold import Hold
from rig.steps.power import Power
from rig.steps.set import Set

_CURRENT = 0.4  # of the lowest over-current limit: flows while another protection acts


def flowing(amps: float) -> Part:
    """Let a current flow."""
    return Part([Set(values={"current": amps}), Hold(duration_s=AFTER_S)])


def flows(profile: Profile) -> list[float]:
    """Give a charge and a discharge current that no protection minds."""
    found = []
    ways = (("charge current", 1.0), ("discharge current", -1.0)) if profile.has_current else ()
    for watches, sign in ways:
        levels = [abs(p.level) for p in profile.protections.values() if p.watches == watches]
        if levels:
            found.append(round(sign * _CURRENT * min(levels), 1))
    return found


def near_wrap(it: Provoked, timers: Timers) -> Part:
    """Start it, and wait until its delay, once provoked, goes over the wrap of the timers."""
    profile, lead_s = it.profile, 0.5 * it.delay.high
    if it.protection.message is not None and profile.can is not None:  # its frames are sent first
        lead_s += 5 * profile.can.receives[it.protection.message].period_s
    asked = asked_to_close(profile) if it.protection.unit == "A" else []
    ready = Hold(duration_s=profile.start.ready_within_s)
    before: list[Step] = [ready, *asked] if asked else []
    wait_s = timers.wrap_after_s - lead_s - lasts_s(before)
    return Part([Power(on=True, mark="on"), *before, Hold(duration_s=wait_s, mark="near")])
