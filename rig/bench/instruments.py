"""The instruments of a bench, and what their drivers know of them. Must not command anything."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rig.clock import Clock
from rig.instruments.capabilities import (
    Instrument,
    Meter,
    Relays,
    Resistors,
    Supply,
    VoltageSource,
)
from rig.instruments.session import Session

__all__ = ["Instruments", "Knowledge"]

Knowledge = Mapping[str, Mapping[str, Any]]  # of the drivers by role: their attributes


@dataclass(slots=True, kw_only=True)
class Instruments:
    """The instruments of a bench by role, sorted by what they can do."""

    sessions: dict[str, Session] = field(default_factory=dict)
    all: dict[str, Instrument] = field(default_factory=dict)
    cells: dict[str, VoltageSource] = field(default_factory=dict)
    resistors: dict[str, Resistors] = field(default_factory=dict)
    supplies: dict[str, Supply] = field(default_factory=dict)
    meters: dict[str, Meter] = field(default_factory=dict)
    relays: dict[str, Relays] = field(default_factory=dict)

    def known(self, clock: Clock) -> Knowledge:
        """All that the drivers know of their instruments by now."""
        return {role: self._copied(role, clock, _held(drv)) for role, drv in self.all.items()}

    def know_again(self, known: Knowledge, clock: Clock) -> None:
        """Have the drivers know that, and nothing else."""
        for role, driver in self.all.items():
            for name in _held(driver).keys() - known[role].keys():
                delattr(driver, name)
            for name, value in self._copied(role, clock, known[role]).items():
                setattr(driver, name, value)

    def _copied(self, role: str, clock: Clock, held: Mapping[str, Any]) -> Mapping[str, Any]:
        session = self.sessions[role]
        return copy.deepcopy(held, {id(session): session, id(clock): clock})


def _held(driver: Instrument) -> Mapping[str, Any]:
    """All attributes of a driver, those in slots too."""
    state = object.__getstate__(driver)
    plain, slots = state if isinstance(state, tuple) else (state, None)
    return {**(plain or {}), **(slots or {})}
