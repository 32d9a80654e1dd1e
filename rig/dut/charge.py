"""What a profile promises of charge and health, in the units of the CAN signals that tell it."""

from __future__ import annotations

from collections.abc import Mapping

from rig.can_address import SignalAddress
from rig.dut.energy import Energy
from rig.dut.profile import Profile

# A state of charge is promised in percentage points; public BMS send it in tenths of
# them, or coarser.
SOC_STEP = 0.001
SOC, REMAINING, CELL_SUM, HEALTH = "soc", "remaining capacity", "cell sum", "health"


def signals_of(profile: Profile) -> Mapping[str, SignalAddress]:
    """Give the signal of each quantity of charge and health that it reports."""
    energy, soc = profile.energy, profile.telemetry.soc
    told = soc.address if soc else None
    if energy is None or told is None:
        return {}
    named = {
        HEALTH: energy.health,
        REMAINING: energy.remaining_capacity,
        CELL_SUM: energy.cell_sum,
    }
    return {SOC: told} | {name: promise.signal for name, promise in named.items() if promise}


def percent_of(profile: Profile, soc: float) -> float:
    """Give a state of charge from 0 to 1 in the unit of its signal."""
    _, _, factor = promised(profile)
    return round(soc / factor, 9)


def promised(profile: Profile) -> tuple[Energy, float, float]:
    """Give the promises, the rated capacity in Ah, and what one unit of the signal is."""
    energy, soc, capacity_ah = profile.energy, profile.telemetry.soc, profile.cells.capacity_ah
    if energy is None or soc is None or capacity_ah is None:
        raise ValueError(f"{profile.name} promises nothing of its charge")
    return energy, capacity_ah, soc.factor
