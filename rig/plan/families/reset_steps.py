"""How a BMS is reset by each cause that its profile names. Must not say what is expected of it."""

from __future__ import annotations

from rig.dut.profile import Profile
from rig.dut.resets import ResetCause
from rig.plan.families.timing import OFF_S, SUPPLY_DIP_S
from rig.steps import Step
from rig.steps.hold import Hold
from rig.steps.power import Power
from rig.steps.reset import Reset
from rig.steps.set import Set
from rig.steps.type_line import Type

RESET = "reset"


def power_cycle(
    off_s: float = OFF_S, *, off: str | None = None, held: str | None = None, on: str | None = None
) -> list[Step]:
    """Switch its supply off and on; marks: when it went off, had been off, went on."""
    return [
        Power(on=False, mark=off),
        Hold(duration_s=off_s, mark=held),
        Power(on=True, mark=on),
    ]


def cause_of(profile: Profile, name: str) -> ResetCause:
    """Look a cause up.

    Raises
    ------
    KeyError
        The profile names no such cause.
    """
    if profile.resets is None:
        raise KeyError(name)
    return profile.resets.causes[name]


def reset_by(profile: Profile, name: str, *, dip_s: float = SUPPLY_DIP_S) -> list[Step]:
    """Steps that reset it; the one that begins it bears the mark RESET."""
    cause = cause_of(profile, name)
    if cause.by == "power cycle":
        return power_cycle(off=RESET)
    if cause.by == "reset line":
        return [Reset(mark=RESET)]
    if cause.by == "command":
        commands = profile.console.commands if profile.console else {}
        return [Type(line=commands.get(cause.command or "", ""), mark=RESET)]
    return [
        Set(values={"supply": cause.dips_to_v or 0.0}, mark=RESET),
        Hold(duration_s=dip_s),
        Set(values={"supply": profile.supply_v}),
    ]
