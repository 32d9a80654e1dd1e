"""The released build of `esp32-16s`: 16 NMC cells, 20 Ah, contactors behind the FETs.

What is not said here is as in `esp32-4s`.
"""

from __future__ import annotations

from dataclasses import replace

from rig.virtual.guests.reference import esp32_4s
from rig.virtual.guests.reference.afe import FrontEndImage
from rig.virtual.guests.reference.balancing import BalancingLimits
from rig.virtual.guests.reference.contactors import ContactorFigures
from rig.virtual.guests.reference.image import Build
from rig.virtual.guests.reference.limits import LimitsImage
from rig.virtual.guests.reference.protections import Rule
from rig.virtual.guests.reference.state_of_charge import EnergyImage

# Where a rule differs from its namesake of `esp32-4s`: NMC's limits, and a smaller pack current.
_FIGURES: dict[str, dict[str, float]] = {
    "OVP": {"threshold": 4.25, "release": 4.05},  # LibreSolar's NMC defaults
    "UVP": {"threshold": 3.00, "release": 3.50},
    "OVP2": {"release": 4.05},
    "OCC1": {"threshold": 10.0},
    "OCC2": {"threshold": 14.0},
    "OCD1": {"threshold": 12.0},
    "OCD2": {"threshold": 18.0},
}
# What the charge path alone deals with, and a warning: the rest opens the contactors as well. A
# discharge path must not close again upon a link that its load has emptied meanwhile.
_PATH_ONLY = ("OCC1", "OTC", "UTC", "VIM")

# V, A, degC, SoC as 0 to 1; both currents lie below the first stage of the overcurrent protections.
LIMITS = LimitsImage(
    cvl_by_cell=((4.15, 67.2), (4.22, 66.0)),
    ccl_by_cell=((4.10, 8.0), (4.20, 1.0), (4.25, 0.0)),
    ccl_by_temperature=((0.0, 0.0), (10.0, 4.0), (15.0, 8.0), (38.0, 8.0), (45.0, 0.0)),
    ccl_by_soc=((0.97, 8.0), (1.00, 2.0)),
    dcl_by_cell=((3.00, 0.0), (3.30, 2.0), (3.50, 10.0)),
    dcl_by_temperature=((-20.0, 0.0), (-10.0, 4.0), (0.0, 10.0), (50.0, 10.0), (60.0, 0.0)),
    dcl_by_soc=((0.01, 2.0), (0.04, 10.0)),
)


def _fitted(rule: Rule) -> Rule:
    figures = _FIGURES.get(rule.short, {})
    return replace(rule, **figures, opens_contactors=rule.short not in _PATH_ONLY)  # type: ignore[arg-type]


RELEASED = Build(
    image=replace(
        esp32_4s.RELEASED.image,
        name="esp32-16s",
        cells=16,
        sensors=4,
        rules=tuple(_fitted(rule) for rule in esp32_4s.RULES),
        settings=(),
        front_end=FrontEndImage(hard_overvoltage_v=4.40),
        limits=LIMITS,
        energy=EnergyImage(chemistry="NMC", full_v=4.15, full_again_v=4.05, nominal_v=59.2),
        balancing=BalancingLimits(start_v=3.90, stop_v=3.88),
        contactors=ContactorFigures(),
    ),
    parts=esp32_4s.RELEASED.parts,
)
