"""The good firmware of each virtual BMS, its tasks and its boot moved to another phase.

Variants for `--variant tests/boot_phases.py:phase-3`: nothing is wrong with them, so every verdict
must be what it is without them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from rig.virtual.guests.variants import BOTH, Variant, variant
from rig.virtual.kernel import MS

PHASES = 8
_LONGEST_MS = 1280  # of pBMSLSuite-O: a block of its console, and a loop's time until it is due


def _at_phase(share: float) -> type:
    class AtPhase:
        """Each task begins at the same share of its period."""

        def _phase(self, period_ns: int) -> int:
            return round(share * period_ns)

    return AtPhase


def _tasks_moved(number: int) -> Variant:
    @variant(f"phase-{number}", "none", "S4", "its tasks begin at another phase", duts=BOTH)
    def change(build: Any) -> Any:
        return build.patch(program=_at_phase(number / PHASES))

    return change


def _boot_moved(number: int) -> Variant:
    name, duts = f"phase-{number}", ("pbmslsuite-o",)

    @variant(name, "none", "S4", "its application starts later", duts=duts)
    def change(image: Any) -> Any:
        start_ns = image.boot_log.app_start_ns + number * _LONGEST_MS * MS // PHASES
        return replace(image, boot_log=replace(image.boot_log, app_start_ns=start_ns))

    return change


VARIANTS = [make(n) for make in (_tasks_moved, _boot_moved) for n in range(PHASES)]
globals().update({f"{v.name} of {v.duts[0]}": v for v in VARIANTS})  # where the loader looks
