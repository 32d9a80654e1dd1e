"""What something can be expected of: an output, a signal, a message, or one of a fixed name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rig.can_address import MessageAddress, SignalAddress
from rig.console_name import OWN_CONSOLE, is_console
from rig.dut.profile import Profile


def _nothing(name: str, profile: Profile) -> bool:
    del name, profile
    return False


@dataclass(frozen=True, slots=True)
class Subject:
    """What stands before an expectation in a plan.

    Parameters
    ----------
    said
        In a sentence: "an output".
    name
        Its name where it has always the same; "" where a profile or a DBC gives names.
    is_named
        Whether a profile, or a bench, has one of this name.
    field, kind
        The field of an expectation that holds the name, and its type; "" where it is `name`.
    """

    said: str
    name: str = ""
    is_named: Callable[[str, Profile], bool] = _nothing
    field: str = ""
    kind: type[str] = str

    def has(self, name: str, profile: Profile) -> bool:
        """Whether it is this that is called so in a BMS."""
        return name == self.name or self.is_named(name, profile)

    def fields(self, name: str) -> dict[str, str]:
        """Give the field of an expectation that a name makes."""
        return {self.field: self.kind(name)} if self.field else {}

    def name_of(self, made: object) -> str:
        """Give the name that an expectation has in a plan: the reverse of `fields`."""
        return str(getattr(made, self.field)) if self.field else self.name


def _is_message(name: str, profile: Profile) -> bool:
    events, address = profile.events, MessageAddress(name)
    elsewhere = (address.bus in profile.buses or address.module) and "." not in address.name
    of_events = events is not None and name == events.message
    return name in profile.messages or of_events or bool(elsewhere)


SIGNAL = Subject(  # the DBC is asked later
    "a signal",
    is_named=lambda name, _: bool(SignalAddress(name).name),
    field="signal",
    kind=SignalAddress,
)
MESSAGE = Subject("a message", is_named=_is_message, field="message", kind=MessageAddress)
OUTPUT = Subject(
    "an output", is_named=lambda name, profile: name in profile.outputs, field="output"
)
CONSOLE = Subject("the console", OWN_CONSOLE, lambda name, _: is_console(name), field="console")
TELEMETRY = Subject("telemetry", "telemetry")
BALANCING = Subject("balancing", "balancing")
ENERGY = Subject("energy", "energy")
