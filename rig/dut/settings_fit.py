"""What settings, resets and console name that the profile does not have, or can't tell. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from rig.description import Document, Location, Mistake, suggest

if TYPE_CHECKING:  # the profile asks here when it is read
    from rig.dut.profile import Profile, Protection
    from rig.dut.settings import Setting

_TELLABLE = 2.4  # tolerances that a range must leave beside the factory's value, on both sides


def misfits(document: Document[Profile]) -> Iterator[Mistake]:
    """Find what these sections name and the rest of the profile does not have."""
    profile = document.model
    commands = profile.console.commands if profile.console else {}
    for name, cause in profile.resets.causes.items() if profile.resets else ():
        if cause.command is not None:
            where = ("resets", "causes", name, "command")
            yield from _unknown(document, where, [cause.command], commands, "console command")
    if profile.console is not None:
        answers = profile.console.answers
        yield from _unknown(document, ("console", "answers"), answers, commands, "console command")
    settings = profile.settings
    if settings is None:
        return
    for name, setting in settings.each.items():
        yield from _of_setting(document, name, setting)
    if (loss := settings.loss) is not None:
        named = (loss.provoked_by, loss.acknowledged_by)
        yield from _unknown(document, ("settings", "loss"), named, commands, "console command")
        yield from _unknown(
            document, ("settings", "loss", "opens"), loss.opens, profile.outputs, "output"
        )


def _unknown(
    document: Document[Profile],
    where: Location,
    names: Iterable[str],
    known: Iterable[str],
    kind: str,
) -> Iterator[Mistake]:
    known = list(known)
    for name in names:
        if name not in known:
            what = f'there is no {kind} "{name}"'
            yield document.mistake(where, what, suggest(name, known))


def _of_setting(document: Document[Profile], name: str, setting: Setting) -> Iterator[Mistake]:
    where: Location = ("settings", "each", name)
    protections = document.model.protections
    if setting.of not in protections:
        yield from _unknown(document, (*where, "of"), [setting.of], protections, "protection")
        return
    claimed = _claimed(protections[setting.of], setting)
    if claimed is None:
        what = f"{setting.of} claims no {setting.parameter}"
        yield document.mistake((*where, "parameter"), what, "claim one, or remove the setting")
        return
    unit, value, tolerance = claimed
    within = setting.within
    if within.unit != unit:
        what = f"{within} is not of the kind of a {setting.parameter} of {setting.of}"
        yield document.mistake((*where, "range"), what, f"write it in {unit}")
    elif value not in within:
        what = f"the factory's {value:g} {unit} is outside {within}"
        yield document.mistake((*where, "range"), what, "widen the range")
    elif max(value - within.low, within.high - value) < _TELLABLE * tolerance:
        what = f"no value in {within} can be told from the factory's, with its tolerance"
        yield document.mistake((*where, "range"), what, "widen the range")


def _claimed(protection: Protection, setting: Setting) -> tuple[str, float, float] | None:
    """Unit, value and tolerance of what a setting moves; None: it is not claimed."""
    if setting.parameter == "delay":
        delay = protection.delay
        if delay is None:
            return None
        middle = 0.5 * (delay.low + delay.high)
        return delay.unit, middle if delay.nominal is None else delay.nominal, 0.0
    recovers = protection.recovers
    of_recovery = recovers.level if recovers is not None else None
    level = protection.threshold if setting.parameter == "threshold" else of_recovery
    return None if level is None else (level.unit, level.value, level.tolerance)
