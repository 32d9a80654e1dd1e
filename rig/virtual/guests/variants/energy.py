"""Charge and health got wrong (docs/known-defects.md, chapters 1 and 9)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rig.virtual.guests.reference.energy import STEPS_PER_AH, Gauge, Health
from rig.virtual.guests.reference.image import Build
from rig.virtual.guests.reference.state_of_charge import (
    LFP,
    ChargeCounter,
    OcvTable,
    StateOfCharge,
)
from rig.virtual.guests.variants import variant


class _Unsigned(Gauge):
    """Capacities are unsigned, so what is missing to the reserve is a great deal."""

    def above_reserve(self, left: int) -> int:
        return left - self.reserve  # the frame's field takes the low 16 bits


@variant(
    "empty-has-655-ah",
    "D12",
    "S3",
    "the reserve is taken from what is left without a look at 0",
    shows=r"RemainingCapacity",
)
def empty_has_655_ah(build: Build) -> Build:
    """Build it."""
    return build.patch(gauge=_Unsigned)


class _ClampedWhereSent(ChargeCounter):
    """Only the frame's field is clamped; the count goes on beyond empty and full."""

    def count(self, current_a: float) -> None:
        self.counted_as += self.charge_as(current_a)
        self.fraction = self.at_zero + self.counted_as / self.capacity_as


@variant(
    "empty-winds-up",
    "D12",
    "S3",
    "the count goes on below 0, only the frame is clamped",
    shows=r"(SoC|RemainingCapacity) changed by",
)
def empty_winds_up(build: Build) -> Build:
    """Build it."""
    return build.patch(counter=_ClampedWhereSent)


class _DividesFirst(Gauge):
    """Energy over the present voltage gives whole ampere-hours, which are scaled afterwards."""

    def left(self, soc: float, soh: float, pack_v: float) -> int:
        energy_wh = round(soc * soh * self.image.capacity_ah * self.image.nominal_v)
        whole_v = round(pack_v) if pack_v > 1.0 else 1  # NaN where no cell is known
        return energy_wh // whole_v * STEPS_PER_AH


@variant(
    "capacity-in-steps",
    "D13",
    "S3",
    "divided before multiplied, by the present pack voltage",
    shows=r"RemainingCapacity",
)
def capacity_in_steps(build: Build) -> Build:
    """Build it."""
    return build.patch(gauge=_DividesFirst)


class _Placeholder(ChargeCounter):
    """Counting is left for later."""

    def correct(self, fraction: float) -> None:
        del fraction
        self.fraction = 1.0

    def count(self, current_a: float) -> None:
        del current_a


@variant(
    "always-100-percent",
    "D51",
    "S3",
    "the placeholder of the state of charge was left in",
    shows=r"SoC|RemainingCapacity",
)
def always_100_percent(build: Build) -> Build:
    """Build it."""
    return build.patch(counter=_Placeholder)


class _Thousandth(ChargeCounter):
    """Milliampere-seconds over milliampere-seconds, and divided by 1000 once more."""

    def charge_as(self, current_a: float) -> float:
        return current_a * self.step_s / 1000.0


@variant(
    "charge-hardly-counts",
    "D83",
    "S3",
    "the charge is divided by 1000 once too often",
    shows=r"(SoC|RemainingCapacity) changed by",
)
def charge_hardly_counts(build: Build) -> Build:
    """Build it."""
    return build.patch(counter=_Thousandth)


class _LostSign(ChargeCounter):
    """The count is taken as a magnitude when the state of charge is corrected."""

    def correct(self, fraction: float) -> None:
        self.fraction = fraction
        self.at_zero = fraction - abs(self.counted_as) / self.capacity_as


@variant(
    "jumps-after-rest",
    "D84",
    "S3",
    "abs() of the count where it is corrected, sign lost",
    shows=r"(SoC|RemainingCapacity) (changed by|was)",
)
def jumps_after_rest(build: Build) -> Build:
    """Build it."""
    return build.patch(counter=_LostSign)


class _UnsignedProduct(ChargeCounter):
    """Signed current times unsigned time is unsigned."""

    def charge_as(self, current_a: float) -> float:
        centiamps = round(current_a * 100.0) & 0xFFFF
        return centiamps * self.step_s / 100.0


@variant(
    "discharge-charges",
    "D85",
    "S3",
    "signed current times unsigned time",
    shows=r"(SoC|RemainingCapacity) (changed by|was)",
)
def discharge_charges(build: Build) -> Build:
    """Build it."""
    return build.patch(counter=_UnsignedProduct)


@variant(
    "ocv-table-slip",
    "D86",
    "S3",
    "one wrong entry in the table of open-circuit voltages",
    shows=r"(SoC|RemainingCapacity) was .*(with the cells at|V and less)",
)
def ocv_table_slip(build: Build) -> Build:
    """Build it."""
    soc = tuple(0.85 if value == 0.75 else value for value in LFP.soc)
    lfp = OcvTable(soc=soc, volts=LFP.volts)
    return build.configure(energy=replace(build.image.energy, lfp=lfp))


@variant(
    "full-on-a-peak",
    "D87",
    "S3",
    "one scan above the full voltage sets 100 %",
    shows=r"soc: full|SoC",
)
def full_on_a_peak(build: Build) -> Build:
    """Build it."""
    return build.configure(energy=replace(build.image.energy, full_scans=1))


class _Shadowed(StateOfCharge):
    """A new local variable hides the member."""

    def set_full(self) -> None:
        self.counter.correct(1.0)
        is_full = True  # noqa: F841


@variant(
    "full-again-and-again",
    "D88",
    "S4",
    "what keeps full from being set again is a local",
    shows=r"soc: full",
)
def full_again_and_again(build: Build) -> Build:
    """Build it."""
    return build.patch(soc=_Shadowed)


class _WearsByPasses(Health):
    """Each pass of the slow loop takes a fixed amount while it is cold or hot."""

    def wear(self, current_a: float, seconds: float, degc: Sequence[float]) -> None:
        super().wear(current_a, seconds, degc)
        if self.is_stressed(degc):
            self.fraction -= 0.001


@variant(
    "ages-in-a-minute", "D89", "S3", "a fixed decrement in each pass when cold or hot", shows=r"SoH"
)
def ages_in_a_minute(build: Build) -> Build:
    """Build it."""
    return build.patch(health=_WearsByPasses)


class _OtherSwitch(StateOfCharge):
    """The table is chosen by the size of the cells, which stands next to the chemistry."""

    def choose_table(self) -> OcvTable:
        image = self.image
        return image.lfp if image.capacity_ah >= 50.0 else image.nmc


@variant(
    "wrong-chemistry",
    "D90",
    "S3",
    "the table is chosen by another figure than the chemistry",
    shows=r"SoC|RemainingCapacity",
)
def wrong_chemistry(build: Build) -> Build:
    """Build it."""
    return build.patch(soc=_OtherSwitch)


class _DeadBand(ChargeCounter):
    """What is below the noise of a larger shunt isn't counted."""

    def charge_as(self, current_a: float) -> float:
        return current_a * self.step_s if abs(current_a) >= 0.8 else 0.0


@variant(
    "small-currents-lost",
    "1.6.7",
    "S3",
    "currents below 0.8 A are never counted",
    shows=r"(SoC|RemainingCapacity) changed by",
)
def small_currents_lost(build: Build) -> Build:
    """Build it."""
    return build.patch(counter=_DeadBand)
