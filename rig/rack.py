"""The instruments of a bench: sessions, drivers, who is who, and everything off in a stated order.

It stands by itself: no BMS, no profile, no wiring. The order in which its instruments are switched
off, and which of their channels are relays in use, it is told, for both hang on the wires.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar, cast

from rig.clock import Clock
from rig.errors import BenchError, RigError
from rig.instruments.capabilities import (
    Identity,
    Instrument,
    Load,
    Relays,
    Supply,
    VoltageSource,
)
from rig.instruments.entry import InstrumentEntry
from rig.instruments.registry import DRIVERS, DriverInfo
from rig.instruments.session import Session, Transcript

__all__ = ["Knowledge", "Off", "Rack"]

Knowledge = Mapping[str, Mapping[str, Any]]  # of the drivers by role: their attributes

REOPEN_TRIES, REOPEN_PAUSE_NS = 5, 200_000_000

_OFF: Mapping[type, str] = {VoltageSource: "cells off", Supply: "output off", Load: "input off"}

_Capability = TypeVar("_Capability")


@dataclass(frozen=True, slots=True, kw_only=True)
class Off:
    """What came of switching one instrument off."""

    role: str
    what: str  # that is off now: "output off", "relays at rest"
    trouble: str = ""  # why that is not known; empty: the instrument said so itself


class Rack:
    """All instruments of a bench by role. Nothing is opened until `connect` or `switch_off`.

    Parameters
    ----------
    entries
        What the bench file says of each.
    order
        Roles in the order in which they are switched off; those left out come last.
    relays
        Channels by role that are relays in use.
    """

    def __init__(
        self,
        entries: Mapping[str, InstrumentEntry],
        clock: Clock,
        *,
        order: Iterable[str] = (),
        relays: Mapping[str, Sequence[int]] | None = None,
        drivers: Mapping[str, DriverInfo] = DRIVERS,
    ) -> None:
        self.clock = clock
        self.transcript = Transcript(now_ns=clock.now_ns(), on_traffic=clock.touched)
        self.identities: dict[str, Identity] = {}
        self._entries, self._order = entries, tuple(dict.fromkeys([*order, *entries]))
        infos = {role: drivers[entry.driver] for role, entry in entries.items()}
        self.sessions = {role: self._session(role, info) for role, info in infos.items()}
        self._drivers = {r: info.create(self.sessions[r], clock) for r, info in infos.items()}
        self._can = {role: info.capabilities for role, info in infos.items()}
        # To look whether a driver has all that a protocol names takes 0.1 ms in Python 3.11.
        self._seen: set[tuple[str, type]] = set()
        self._unclaimed = {role: tuple(channels) for role, channels in (relays or {}).items()}
        self._with_relays = frozenset(self._unclaimed)

    # ---- who is who ------------------------------------------------------------------------------
    def get(self, role: str, capability: type[_Capability]) -> _Capability:
        """Give an instrument for one of the things that it can do.

        Raises
        ------
        BenchError
            It can't: no such role, or its driver lacks that.
        """
        if (role, capability) in self._seen:
            return cast("_Capability", self._drivers[role])
        driver = self._drivers.get(role)
        if capability in self._can.get(role, ()) and isinstance(driver, capability):
            self._seen.add((role, capability))
            return driver
        raise BenchError(
            f"{role} is no {capability.__name__}",
            self.sessions[role].where if role in self.sessions else "bench",
            "correct the bench's wiring, or the driver, which claims more than it does",
        )

    def having(self, capability: type[_Capability]) -> dict[str, _Capability]:
        """All instruments that can do this, by role; what else they can do changes nothing."""
        return {r: self.get(r, capability) for r, can in self._can.items() if capability in can}

    def connect(self) -> None:
        """Open all sessions, see who answers, and bring each to a known state, all outputs off.

        Raises
        ------
        BenchError
            One does not answer, or is another unit than the bench file says.
        """
        for role in self.sessions:
            self._open(role)
            self._drivers[role].prepare()

    def claim_relays(self) -> None:
        """See that what is wired as a relay is one, and bring it to rest."""
        for role in [*self._unclaimed]:
            self._claim(role)

    def check(self) -> None:
        """See that nothing tripped, restarted or was refused since the last look."""
        for driver in self._drivers.values():
            driver.check()

    # ---- off -------------------------------------------------------------------------------------
    def switch_off(self) -> list[Off]:
        """Switch everything off in order, and ask each instrument whether it is.

        None keeps another from being tried, and none needs to have been connected before; a session
        that is closed is opened for it.
        """
        return [self._switch_off(role) for role in self._order]

    def _switch_off(self, role: str) -> Off:
        driver, what = self._drivers[role], self._what_is_off(role)
        try:
            if not self.sessions[role].is_open:
                self._reopen(role)
            driver.safe()
            if role in self._unclaimed:
                self._claim(role)
            still_on = driver.energised()
        except RigError as error:
            return Off(role=role, what=what, trouble=str(error))
        if not still_on:
            return Off(role=role, what=what)
        channels, where = ", ".join(map(str, still_on)), self.sessions[role].where
        return Off(role=role, what=what, trouble=f"{where}: channel {channels} is still on")

    def _what_is_off(self, role: str) -> str:
        parts = [_OFF[each] for each in self._can[role] if each in _OFF]
        if role in self._with_relays:
            parts.append("relays at rest")
        return ", ".join(parts) or "feeds nothing"

    def _claim(self, role: str) -> None:
        self.get(role, Relays).claim(self._unclaimed[role])
        del self._unclaimed[role]

    def close(self) -> None:
        """Let go of all instruments, as they are."""
        for session in self.sessions.values():
            session.close()

    # ---- what drivers know -----------------------------------------------------------------------
    def known(self) -> Knowledge:
        """All that the drivers know of their instruments by now."""
        return {role: self._copied(role, _held(drv)) for role, drv in self._drivers.items()}

    def know_again(self, known: Knowledge) -> None:
        """Have the drivers know that, and nothing else."""
        for role, driver in self._drivers.items():
            for name in _held(driver).keys() - known[role].keys():
                delattr(driver, name)
            for name, value in self._copied(role, known[role]).items():
                setattr(driver, name, value)

    def _copied(self, role: str, held: Mapping[str, Any]) -> Mapping[str, Any]:
        session, clock = self.sessions[role], self.clock
        return copy.deepcopy(held, {id(session): session, id(clock): clock})

    # ---- sessions --------------------------------------------------------------------------------
    def _session(self, role: str, info: DriverInfo) -> Session:
        entry = self._entries[role]
        timeout_s = max(entry.timeout_s, info.framing.timeout_s)
        framing = replace(info.framing, timeout_s=timeout_s)
        return Session(role, entry.resource, framing, self.transcript)

    def _open(self, role: str) -> None:
        """Open a session; whoever else answers there is sent nothing more."""
        session = self.sessions[role]
        session.open()
        try:
            self.identities[role] = self._identified(role)
        except RigError:
            session.close()
            raise

    def _identified(self, role: str) -> Identity:
        found, expected = self._drivers[role].identity(), self._entries[role].serial
        if expected is not None and expected != found.serial:
            raise BenchError(
                f"the unit with serial number {found.serial} answers, not {expected}",
                self.sessions[role].where,
                "its calibration would not hold: connect the right one, or correct the description",
            )
        return found

    def _reopen(self, role: str) -> None:
        """Open a closed session; an instrument with one client may still hold the old one."""
        for left in range(REOPEN_TRIES - 1, -1, -1):
            try:
                self._open(role)
            except BenchError as error:
                # One that is silent has used up its deadline; to be refused takes no time.
                if not left or not isinstance(error.__cause__, ConnectionError):
                    raise
                self.clock.sleep_until(self.transcript.stamp(self.clock) + REOPEN_PAUSE_NS)
            else:
                return


def _held(driver: Instrument) -> Mapping[str, Any]:
    """All attributes of a driver, those in slots too."""
    state = object.__getstate__(driver)
    plain, slots = state if isinstance(state, tuple) else (state, None)
    return {**(plain or {}), **(slots or {})}
