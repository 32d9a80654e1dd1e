"""Names of a plan, held against a profile: which exist, and every mistake with its place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rig.can_address import Address
from rig.console_name import OWN_CONSOLE
from rig.description import Location, suggest
from rig.dut.profile import Profile
from rig.dut.received_messages import ReceivedMessage
from rig.quantities import BLEED, CURRENT, PACK, find

if TYPE_CHECKING:
    from rig.steps.step import Step

Found = Callable[[Location, str, str], None]  # where, what is wrong, how to mend it


@dataclass(frozen=True, slots=True)
class Resolver:
    """Looks up names at one place of a case, and tells what is wrong there.

    Parameters
    ----------
    profile
        What the names are held against.
    found
        Takes each mistake; whoever reads on gathers all of them.
    where
        The place in the case: ("steps", 2, "set").
    steps
        All steps of the case, those of a repeat once, for what expects something of them.
    """

    profile: Profile
    found: Found
    where: Location = ()
    steps: Sequence[Step] = ()

    def at(self, *keys: int | str) -> Resolver:
        """Go deeper, to the value of a key."""
        return replace(self, where=(*self.where, *keys))

    def refuse(self, what: str, mend: str) -> None:
        """Tell a mistake of this place."""
        self.found(self.where, what, mend)

    def known(self, name: str, known: Iterable[str], kind: str) -> bool:
        """Whether there is such a name; if not, that is a mistake."""
        names = list(known)
        if name not in names:
            self.refuse(f'there is no {kind} "{name}"', suggest(name, names))
        return name in names

    def settable(self, quantity: str) -> bool:
        """Whether the profile has a quantity, and something feeds it."""
        return self.known(quantity, self.profile.settable, "quantity that can be set")

    def all_of(self, name: str) -> tuple[str, ...]:
        """Give what a word stands for: "cells" for each cell, "cell 3" for itself."""
        found = find(name)
        if found is None or not found.kind.numbered or found.number is not None:
            return (name,)
        return found.names(len(self.profile.names_of(found.kind)))

    def readable(self, quantity: str) -> bool:
        """Whether it is something that a meter can read."""
        profile = self.profile
        fed = (*profile.cell_names, *profile.temperature_names, CURRENT.word, PACK.word)
        known = (*fed, *profile.hierarchy.sums, *profile.outputs, *profile.names_of(BLEED))
        return self.known(quantity, known, "quantity that can be read")

    def received(self, message: str) -> ReceivedMessage | None:
        """Give what the profile says of a message that the BMS receives."""
        receives = self.profile.can.receives if self.profile.can else {}
        self.known(message, receives, "message that the BMS receives")
        return receives.get(message)

    def mark(self, mark: str) -> bool:
        """Whether a step bears the mark."""
        if not self.marks:
            self.refuse(f'there is no step with the mark "{mark}"', "give one of them this mark")
            return False
        return self.known(mark, self.marks, "step with the mark")

    @property
    def marks(self) -> list[str]:
        """Give the marks of the steps."""
        return [step.mark for step in self.steps if step.mark]

    def at_least_one(self, name: str, count: int) -> None:
        """See that a count is one; a plan's is by its type, a test's in Python may be anything."""
        if count < 1:
            self.refuse(f"{name} is {count}", "give at least 1")

    def has_console(self, name: str = OWN_CONSOLE) -> bool:
        """Whether the BMS has a console; another one on its bench is asked for elsewhere."""
        there = self.profile.console is not None or name != OWN_CONSOLE
        if not there:
            self.refuse(f"{self.profile.name} has no console", "remove it")
        return there

    def has_can(self) -> bool:
        """Whether the BMS has a CAN bus."""
        if self.profile.can is None:
            self.refuse(f"{self.profile.name} has no CAN", "remove it")
        return self.profile.can is not None

    def has_place(self, address: Address) -> None:
        """Tell where the BMS has not the CAN bus of an address, or not the module on it."""
        if self.profile.dbcs and (found := self.profile.unknown_place(address)):
            self.refuse(*found)
        elif not self.profile.dbcs:
            self.has_can()
