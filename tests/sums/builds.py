"""Builds of esp32-4s that watch modules and the whole stack: a good one, and defects of it.

Named by their file, so that they are none of the reference firmware's own variants.
"""

from __future__ import annotations

from collections.abc import Sequence

from rig.virtual.guests.reference.afe import Readings
from rig.virtual.guests.reference.image import Build
from rig.virtual.guests.reference.protections import Rule
from rig.virtual.guests.reference.quantities import Quantities
from rig.virtual.guests.variants import variant

_RULES = (
    Rule(short="POV", flag="OV", reads="stack", above=True, threshold=14.0, ticks=98,
         release=13.8, opens_charge=True, shows="{value:.3f} V"),
    Rule(short="MOV", flag="OV", reads="modules", above=True, threshold=7.15, ticks=98,
         release=7.0, opens_charge=True, shows="module {n} {value:.3f} V"),
)  # fmt: skip


@variant("sums", "", "S4", "modules of two cells and the stack are watched too")
def sums(build: Build) -> Build:
    """Add the two protections, as their profile claims them."""
    return build.configure(rules=(*build.image.rules, *_RULES))


class _LastCellLeftOut(Quantities):
    """The loop over the cells ends one too early."""

    def stack(self, r: Readings) -> Sequence[float]:
        """All cells but the last."""
        return [sum(self.cells(r)[:-1])]


class _FirstModuleTwice(Quantities):
    """The second module's offset is never added."""

    def modules(self, r: Readings) -> Sequence[float]:
        """The first module's voltage, for each."""
        first = self.cells(r)[: self.cells_a_module]
        return [sum(first)] * (len(self.cells(r)) // self.cells_a_module)


@variant("last-cell-left-out", "", "S1", "the stack is added up without its last cell")
def last_cell_left_out(build: Build) -> Build:
    """Lay the short sum over the readings."""
    return build.patch(quantities=_LastCellLeftOut)


@variant("first-module-twice", "", "S1", "module 2 is taken to have what module 1 has")
def first_module_twice(build: Build) -> Build:
    """Lay the forgotten offset over the readings."""
    return build.patch(quantities=_FirstModuleTwice)


@variant(
    "mean-for-a-limit", "", "S2", "the limit of the stack is off by the tolerance of ten cells"
)
def mean_for_a_limit(build: Build) -> Build:
    """Trip at 14.1 V, where the claim is 14.0 V."""
    return build.with_rule("POV", threshold=14.1)


@variant("module-late", "", "S2", "a module's delay has a digit too many")
def module_late(build: Build) -> Build:
    """Count ten times as long."""
    return build.with_rule("MOV", ticks=980)
