"""Expectations about charge and health, from what a profile promises. For families and plans.

Everything is said in the unit of the CAN signal, as people read it there. Must not know steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from rig.dut.energy import Energy
from rig.dut.profile import Profile
from rig.expectations.counts_charge import CountsCharge
from rig.expectations.follows_cells import FollowsCells

# A state of charge is promised in percentage points; it is sent in tenths of them on every frame
# that reference/dut-ecosystem.md collects.
SOC_STEP = 0.001
SOC, REMAINING, CELL_SUM, HEALTH = "soc", "remaining capacity", "cell sum", "health"


def signals_of(profile: Profile) -> Mapping[str, tuple[str, str]]:
    """Give message and signal of each quantity of charge and health that it reports."""
    energy, soc = profile.energy, profile.telemetry.soc
    if energy is None or soc is None or soc.message is None or soc.signal is None:
        return {}
    named = {
        HEALTH: energy.health,
        REMAINING: energy.remaining_capacity,
        CELL_SUM: energy.cell_sum,
    }
    found = {SOC: (soc.message, soc.signal)}
    for name, promise in named.items():
        if promise is not None:
            message, _, signal = promise.signal.partition(".")
            found[name] = message, signal
    return found


def percent_of(profile: Profile, soc: float) -> float:
    """Give a state of charge from 0 to 1 in the unit of its signal."""
    _, _, factor = _promised(profile)
    return round(soc / factor, 9)


def counts(profile: Profile, name: str, begin: str, end: str) -> CountsCharge:
    """Expect that a quantity changes by the charge that flows between two marks."""
    energy, capacity_ah, factor = _promised(profile)
    counting = energy.state_of_charge.counts
    message, signal = signals_of(profile)[name]
    if name == REMAINING and energy.remaining_capacity is not None:
        resolution_ah, ah_per_unit = energy.remaining_capacity.resolution_ah, 1.0
    else:
        ah_per_unit, resolution_ah = capacity_ah * factor, capacity_ah * SOC_STEP
    return CountsCharge(
        quantity=name,
        message=message,
        signal=signal,
        ah_per_unit=ah_per_unit,
        accuracy_a=counting.accuracy_a,
        relative=counting.relative,
        resolution_ah=resolution_ah,
        begin=begin,
        end=end,
    )


def follows(profile: Profile, name: str) -> FollowsCells:
    """Expect that a quantity is what the cells' voltages make of it, at rest after a start."""
    energy, capacity_ah, factor = _promised(profile)
    charge = energy.state_of_charge
    message, signal = signals_of(profile)[name]
    accuracy, accuracy_v = charge.accuracy / factor, _cell_accuracy_v(profile)
    curve = tuple((volts, soc / factor) for volts, soc in charge.curve)
    unit, ordered_from_v, settle_s = "%", charge.ordered_from_v, _SETTLE_S
    if name == REMAINING and energy.remaining_capacity is not None:
        remaining = energy.remaining_capacity
        curve, unit = _above(charge.curve, capacity_ah, remaining.reserve_ah), "Ah"
        accuracy = charge.accuracy * capacity_ah + remaining.accuracy_ah
    elif name == CELL_SUM and energy.cell_sum is not None:
        count, top_v = profile.cells.count, profile.limits.cell_v.high
        curve, unit = ((0.0, 0.0), (top_v, count * top_v)), "V"
        accuracy, accuracy_v, ordered_from_v = energy.cell_sum.accuracy_v, 0.0, None
        settle_s = energy.cell_sum.settles_s
    return FollowsCells(
        quantity=name,
        message=message,
        signal=signal,
        cells=profile.cell_names,
        curve=curve,
        accuracy=accuracy,
        accuracy_v=accuracy_v,
        ordered_from_v=ordered_from_v,
        unit=unit,
        settle_s=settle_s,
    )


_SETTLE_S = 0.0  # a start is what settles it: the steps wait for that


def _promised(profile: Profile) -> tuple[Energy, float, float]:
    """Give the promises, the rated capacity in Ah, and what one unit of the signal is."""
    energy, soc, capacity_ah = profile.energy, profile.telemetry.soc, profile.cells.capacity_ah
    if energy is None or soc is None or capacity_ah is None:
        raise ValueError(f"{profile.name} promises nothing of its charge")
    return energy, capacity_ah, soc.factor


def _cell_accuracy_v(profile: Profile) -> float:
    """Accuracy of what the state of charge is made from."""
    report = profile.telemetry.cell_voltage
    return report.accuracy if report and report.accuracy else 0.0


def _above(
    curve: tuple[tuple[float, float], ...], capacity_ah: float, reserve_ah: float
) -> tuple[tuple[float, float], ...]:
    """Turn a curve of the state of charge into one of the charge above a reserve, in Ah."""
    points = [(volts, soc * capacity_ah - reserve_ah) for volts, soc in curve]
    made: list[tuple[float, float]] = []
    for (low_v, low_ah), (high_v, high_ah) in pairwise(points):
        made.append((low_v, max(low_ah, 0.0)))
        if low_ah < 0.0 < high_ah:  # the bend, where the reserve begins
            made.append((low_v - low_ah * (high_v - low_v) / (high_ah - low_ah), 0.0))
    last_v, last_ah = points[-1]
    return (*made, (last_v, max(last_ah, 0.0)))
