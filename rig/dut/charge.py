"""What a profile claims of charge and health, in the units of the CAN signals that tell it."""

from __future__ import annotations

from collections.abc import Mapping

from rig.can_address import SignalAddress
from rig.dut.energy import Energy
from rig.dut.profile import Profile

# A state of charge is claimed in percentage points; public BMS send it in tenths of
# them, or coarser.
SOC_STEP = 0.001
SOC, REMAINING, CELL_SUM, HEALTH = "soc", "remaining capacity", "cell sum", "health"


def signals_of(profile: Profile) -> Mapping[str, SignalAddress]:
    """Give the signal of each quantity of charge and health that it reports."""
    energy, soc = profile.energy, profile.telemetry.soc
    reported = soc.address if soc else None
    if energy is None or reported is None:
        return {}
    named = {
        HEALTH: energy.health,
        REMAINING: energy.remaining_capacity,
        CELL_SUM: energy.cell_sum,
    }
    return {SOC: reported} | {name: claim.signal for name, claim in named.items() if claim}


def percent_of(profile: Profile, soc: float) -> float:
    """Give a state of charge from 0 to 1 in the unit of its signal."""
    _, _, factor = claimed(profile)
    return round(soc / factor, 9)


def claimed(profile: Profile) -> tuple[Energy, float, float]:
    """Give the claims, the rated capacity in Ah, and what one unit of the signal is.

    Raises
    ------
    ValueError
        The profile claims nothing of its charge: ask only where `energy` is given.
    """
    energy, soc, capacity_ah = profile.energy, profile.telemetry.soc, profile.cells.capacity_ah
    if energy is None or soc is None or capacity_ah is None:
        raise ValueError(f"{profile.name} claims nothing of its charge")
    return energy, capacity_ah, soc.factor
