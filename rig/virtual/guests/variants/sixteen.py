"""Mistakes that take more than 4 cells, or NMC (docs/known-defects.md, chapters 3 and 4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rig.virtual.guests.reference.bms import Bms
from rig.virtual.guests.reference.can_telemetry import CELLS_A_FRAME, Telemetry
from rig.virtual.guests.reference.image import Build
from rig.virtual.guests.variants import variant

_DUT = ("esp32-16s",)
_MOST_CELLS = 16  # of the arrays


class _NoOffset(Telemetry):
    """The group's offset was left out of the index."""

    def group(self, cells_v: Sequence[float], frame: int) -> Sequence[float]:  # noqa: ARG002
        return [cells_v[index] for index in range(CELLS_A_FRAME)]


@variant(
    *("every-group-is-the-first", "D31", "S1", "the group's offset is left out of the index"),
    duts=_DUT,
    shows=r"BMS_CellVoltages\d",
)
def every_group_is_the_first(build: Build) -> Build:
    """Build it."""
    return build.patch(telemetry=_NoOffset)


class _FourBits(Telemetry):
    """The count of cells is kept in four bits."""

    def frames_of(self, cells: int) -> int:
        return super().frames_of(cells & 0x0F)


@variant(
    *("sixteen-cells-vanish", "D36", "S1", "the count of cells is kept in four bits"),
    duts=_DUT,
    shows=r"BMS_CellVoltages\d",
)
def sixteen_cells_vanish(build: Build) -> Build:
    """Build it."""
    return build.patch(telemetry=_FourBits)


class _BeginsAtCount(Bms):
    """Clears the cells' places from the last to the first, and begins one behind the last."""

    def start(self) -> None:
        for place in range(self.image.cells, -1, -1):
            if place >= _MOST_CELLS:
                self.chip.panic("StoreProhibited")
                return
            self.bleeding[place : place + 1] = [False] * len(self.bleeding[place : place + 1])
        super().start()


@variant(
    *("sixteen-cells-reboot", "D37", "S4", "a loop begins at the count, not one before"),
    duts=_DUT,
    shows=r"ready|path did not close|panic",
)
def sixteen_cells_reboot(build: Build) -> Build:
    """Build it."""
    return build.patch(program=_BeginsAtCount)


@variant(
    *("overvoltage-at-4-volts", "D10", "S1", "limits are cast to integers before they are scaled"),
    duts=_DUT,
    shows=r"OVP",
)
def overvoltage_at_4_volts(build: Build) -> Build:
    """Build it."""
    [rule] = [rule for rule in build.image.rules if rule.short == "OVP"]
    return build.with_rule("OVP", threshold=int(rule.threshold), release=int(rule.release))


@variant(
    *("nmc-by-the-lfp-table", "D90", "S3", "the table is not chosen by chemistry"),
    duts=_DUT,
    shows=r"SoC|RemainingCapacity",
)
def nmc_by_the_lfp_table(build: Build) -> Build:
    """Build it."""
    image = build.image
    return build.configure(energy=replace(image.energy, nmc=image.energy.lfp))
