"""What is so while something is tried. Each is a part of a case; they combine."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from rig.dut.profile import Profile
from rig.dut.resets import Timers
from rig.plan.families.applicable import has_level
from rig.plan.families.bleeding import bleeds
from rig.plan.families.contactor_requests import close_request, lasts_s
from rig.plan.families.draft import Options, Part, setting
from rig.plan.families.provoked import Provoked
from rig.plan.families.timing import AFTER_S
from rig.plan.stimulus import normal_ends
from rig.quantities import CELL, TEMPERATURE, number_of
from rig.steps import Step
from rig.steps.hold import Hold
from rig.steps.power import Power
from rig.steps.set import Set

_CURRENT = 0.4  # of the lowest over-current limit: flows while another protection acts


def flowing(amps: float) -> Part:
    """Let a current flow."""
    return Part([Set(values={"current": amps}), Hold(duration_s=AFTER_S)])


def flows(profile: Profile) -> dict[str, float]:
    """Give a charge and a discharge current that no protection minds."""
    found = {}
    for doing, watches, sign in _WAYS if profile.has_current else ():
        levels = [abs(p.level) for p in profile.protections.values() if p.watches == watches]
        if levels:
            found[doing] = round(sign * _CURRENT * min(levels), 1)
    return found


_WAYS = (("charging", "charge current", 1.0), ("discharging", "discharge current", -1.0))


def _flowing(it: Provoked, doing: str) -> Part | None:
    amps = flows(it.profile).get(doing)
    return None if amps is None or it.protection.unit == "A" else flowing(amps)


def _bleeding(it: Provoked) -> Part | None:
    """The cell at which it is provoked bleeds, at rest; else the first one."""
    profile, rules, p = it.profile, it.profile.balancing, it.protection
    if rules is None or p.is_of_spread or p.unit == "A":
        return None
    at_rest = Part([Set(values={"current": 0.0})] if profile.has_current else [])
    return at_rest + bleeds(profile, rules, (p.kind is CELL and number_of(it.target)) or 1)


def _off_nominal(it: Provoked) -> Part | None:
    """Cells and sensors, but for those it watches, stand halfway to where something would act."""
    profile, values = it.profile, dict[str, float]()
    for p in profile.protections.values():
        if p.kind in (CELL, TEMPERATURE) and p.kind is not it.protection.kind and has_level(p):
            _, high = normal_ends(profile, p)
            for name in p.quantities(profile):
                values[name] = round(0.5 * (high + profile.nominal_of(name)), 6)
    values.pop(it.target, None)
    return Part([Set(values=values), Hold(duration_s=AFTER_S)]) if values else None


# None: the BMS or its bench has no such thing, or it can't be while this is tried.
CONTEXTS: dict[str, Callable[[Provoked], Part | None]] = {
    "charging": partial(_flowing, doing="charging"),
    "discharging": partial(_flowing, doing="discharging"),
    "bleeding": _bleeding,
    "off nominal": _off_nominal,
}


def together(it: Provoked, names: Iterable[str]) -> Part | None:
    """Several contexts at once; None where one can't be, or one undoes what another has set."""
    whole = Part()
    for name in names:
        if (part := CONTEXTS[name](it)) is None or _moved(part) & _moved(whole):
            return None
        whole += part
    return whole


def _moved(part: Part) -> set[str]:
    return {quantity for step in part.steps if isinstance(step, Set) for quantity in step.values}


def contexts_of(options: Options) -> tuple[str, ...]:
    """Read the contexts that a plan names: `while: bleeding`, or a list of them.

    Raises
    ------
    DescriptionError
        There is no such context.
    """
    return setting(options, "while", (), _known)


def _known(given: Any) -> tuple[str, ...]:
    names = (given,) if isinstance(given, str) else tuple(given)
    if stray := [name for name in names if name not in CONTEXTS]:
        raise ValueError(f'there is no context "{stray[0]}", but {", ".join(CONTEXTS)}')
    return names


def near_wrap(it: Provoked, timers: Timers) -> Part:
    """Start it, and wait until its delay, once provoked, goes over the wrap of the timers."""
    profile, lead_s = it.profile, 0.5 * it.delay.high
    if it.protection.message is not None and profile.can is not None:  # its frames are sent first
        lead_s += 5 * profile.can.receives[it.protection.message].period_s
    asked = close_request(profile) if it.protection.unit == "A" else []
    ready = Hold(duration_s=profile.start.ready_within_s)
    before: list[Step] = [ready, *asked] if asked else []
    wait_s = timers.wrap_after_s - lead_s - lasts_s(before)
    return Part([Power(on=True, mark="on"), *before, Hold(duration_s=wait_s, mark="near")])
