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
    """

    said: str
    name: str = ""
    is_named: Callable[[str, Profile], bool] = _nothing

    def has(self, name: str, profile: Profile) -> bool:
        """Whether it is this that is called so in a BMS."""
        return name == self.name or self.is_named(name, profile)


def _is_message(name: str, profile: Profile) -> bool:
    events, address = profile.events, MessageAddress(name)
    elsewhere = (address.bus in profile.buses or address.module) and "." not in address.name
    of_events = events is not None and name == events.message
    return name in profile.messages or of_events or bool(elsewhere)


# The DBC is asked later.
SIGNAL = Subject("a signal", is_named=lambda name, _: bool(SignalAddress(name).name))
MESSAGE = Subject("a message", is_named=_is_message)
OUTPUT = Subject("an output", is_named=lambda name, profile: name in profile.outputs)
CONSOLE = Subject("the console", OWN_CONSOLE, lambda name, _: is_console(name))
TELEMETRY = Subject("telemetry", "telemetry")
BALANCING = Subject("balancing", "balancing")
ENERGY = Subject("energy", "energy")
