"""Case families: each expands one idea of a test over everything that a profile promises.

A family is a function of profile and options that yields drafts; `rig.plan.expand` makes cases of
them. New ones plug in through the entry point group ``rig.families``.
"""

from __future__ import annotations

from rig.plan.families.bus import bus_fault
from rig.plan.families.draft import Draft, Family, Options
from rig.plan.families.partner import partner
from rig.plan.families.recovery import hysteresis, latch, recovery
from rig.plan.families.reports import balancing, message_timing, telemetry
from rig.plan.families.several import two_faults
from rig.plan.families.start import power_up, start_with_fault
from rig.plan.families.thresholds import recovery_threshold, threshold
from rig.plan.families.trip import dip, hold, pulse, trip

__all__ = ["FAMILIES", "Draft", "Family", "Options"]

FAMILIES: dict[str, Family] = {
    "trip": trip,
    "hold": hold,
    "pulse": pulse,
    "dip": dip,
    "threshold": threshold,
    "recovery threshold": recovery_threshold,
    "recovery": recovery,
    "hysteresis": hysteresis,
    "latch": latch,
    "two faults": two_faults,
    "power up": power_up,
    "start with fault": start_with_fault,
    "message timing": message_timing,
    "telemetry": telemetry,
    "balancing": balancing,
    "partner": partner,
    "bus fault": bus_fault,
}
