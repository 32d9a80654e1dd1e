"""Case families: each expands one idea of a test over everything that a profile promises.

A family is a function of profile and options that yields drafts; `rig.plan.expand` makes cases of
them. New ones plug in through the entry point group ``rig.families``.
"""

from __future__ import annotations

from rig.plan.families.again import in_turn, with_current
from rig.plan.families.allowance import limits
from rig.plan.families.balancing import (
    balancing,
    balancing_in_a_fault,
    balancing_levels,
    balancing_rest,
    trips_while_bleeding,
)
from rig.plan.families.bounce import bounce, chatter
from rig.plan.families.bus import bus_fault
from rig.plan.families.commands import console
from rig.plan.families.contactors import closing, contactor_faults, precharge_fails, requests
from rig.plan.families.draft import Draft, Family, Options
from rig.plan.families.energy import charge_counted, charge_ends, from_cells, full, health
from rig.plan.families.events import events
from rig.plan.families.extremes import extremes
from rig.plan.families.flags import flags
from rig.plan.families.links import cells_sag, link_bounce, link_lost
from rig.plan.families.measuring import load_after_start, reports_while_bleeding
from rig.plan.families.pairs import pairs
from rig.plan.families.partner import partner
from rig.plan.families.recovery import hysteresis, latch, recovery
from rig.plan.families.reports import message_timing, telemetry
from rig.plan.families.resets import reset, supply_dip
from rig.plan.families.settings import (
    power_cuts,
    settings,
    settings_alone,
    settings_kept,
    settings_refused,
    settings_restored,
    storage_loss,
)
from rig.plan.families.start import fault_while_starting, power_up, start_with_fault
from rig.plan.families.thresholds import recovery_threshold, threshold
from rig.plan.families.trip import dip, hold, pulse, trip
from rig.plan.families.wrap import timer_wrap

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
    "power up": power_up,
    "start with fault": start_with_fault,
    "message timing": message_timing,
    "telemetry": telemetry,
    "balancing": balancing,
    "balancing levels": balancing_levels,
    "balancing rest": balancing_rest,
    "balancing in a fault": balancing_in_a_fault,
    "trips while bleeding": trips_while_bleeding,
    "pairs": pairs,
    "in turn": in_turn,
    "with current": with_current,
    "bounce": bounce,
    "chatter": chatter,
    "fault while starting": fault_while_starting,
    "settings": settings,
    "settings alone": settings_alone,
    "settings refused": settings_refused,
    "settings kept": settings_kept,
    "settings restored": settings_restored,
    "storage loss": storage_loss,
    "power cuts": power_cuts,
    "reset": reset,
    "supply dip": supply_dip,
    "console": console,
    "timer wrap": timer_wrap,
    "partner": partner,
    "bus fault": bus_fault,
    "from cells": from_cells,
    "charge counted": charge_counted,
    "full": full,
    "charge ends": charge_ends,
    "health": health,
    "contactor closing": closing,
    "contactor requests": requests,
    "contactor faults": contactor_faults,
    "precharge fails": precharge_fails,
    "flags": flags,
    "events": events,
    "limits": limits,
    "extremes": extremes,
    "link lost": link_lost,
    "link bounce": link_bounce,
    "cells sag": cells_sag,
    "load after start": load_after_start,
    "reports while bleeding": reports_while_bleeding,
}
