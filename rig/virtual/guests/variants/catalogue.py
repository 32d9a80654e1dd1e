"""The variants that come with the virtual bench, by the BMS that carries them."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType

from rig.virtual.guests.variants import (
    Variant,
    afe_bus,
    balancing,
    bus,
    contactors,
    debounce,
    energy,
    found_in,
    frames,
    limits,
    measuring,
    protections,
    recovery,
    resets,
    rest_bus,
    sixteen,
    storage,
    time,
)

# One module for each kind of mistake; a new module is named here.
MODULES: tuple[ModuleType, ...] = (
    debounce,
    protections,
    recovery,
    energy,
    balancing,
    rest_bus,
    bus,
    frames,
    limits,
    storage,
    resets,
    time,
    measuring,
    afe_bus,
    contactors,
    sixteen,
)


def variants_of(dut: str) -> Mapping[str, Variant]:
    """Give every variant that a BMS can carry."""
    return found_in(MODULES, dut)
