"""How a BMS is reset by each cause that its profile names. Must not say what is expected of it."""

from __future__ import annotations

from rig.dut.profile import Profile
from rig.dut.resets import ResetCause
from rig.steps import Step
from rig.steps.hold import Hold
from rig.steps.power import Power
from rig.steps.reset import Reset
from rig.steps.set import Set
from rig.steps.type_line import Type

RESET = "reset"
OFF_S = 0.5  # longer than the hold-up time of a BMS's own supply
DIP_S = 0.3  # a bench's supply takes as long to fall


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


def reset_by(profile: Profile, name: str, *, dip_s: float = DIP_S) -> list[Step]:
    """Steps that reset it; the one that begins it bears the mark RESET."""
    cause = cause_of(profile, name)
    if cause.by == "power cycle":
        return [Power(on=False, mark=RESET), Hold(duration_s=OFF_S), Power(on=True)]
    if cause.by == "reset line":
        return [Reset(mark=RESET)]
    if cause.by == "command":
        commands = profile.console.commands if profile.console else {}
        return [Type(line=commands.get(cause.command or "", ""), mark=RESET)]
    dips_to_v = cause.dips_to_v or 0.0
    return [
        Set(values={"supply": dips_to_v}, mark=RESET),
        Hold(duration_s=dip_s),
        Set(values={"supply": profile.supply_v}),
    ]
