"""Promises of settings, resets, timers and console, and which of them a case looks at.

For `rig.plan.promises`, which has the rest.
"""

from __future__ import annotations

from collections.abc import Iterator

from rig.case import Case
from rig.dut.profile import Console, Profile
from rig.dut.settings import Settings
from rig.expectations.console_says import ConsoleSays
from rig.expectations.recovers import Recovers
from rig.expectations.signal_becomes import SignalBecomes
from rig.expectations.trips import Trips
from rig.instants import Mark
from rig.steps.power import Power
from rig.steps.set import Set
from rig.steps.type_line import Type

__all__ = ["promised", "requirements", "touched"]


def promised(profile: Profile) -> Iterator[str]:
    """Give each promise, in words that `touched` uses too."""
    causes = profile.resets.causes if profile.resets else {}
    if (settings := profile.settings) is not None:
        for name in settings.each:
            yield from (f"setting {name}: {what}" for what in ("acts", "is refused", "is kept"))
        yield from (f"settings kept: after {cause}" for cause in causes)
        yield "settings kept: through a power cut"
        if settings.loss is not None:
            yield "settings lost: told"
    yield from (f"reset: {cause}" for cause in causes)
    if profile.resets is not None and profile.resets.works_above_v is not None:
        yield "reset: none by a low supply"
    yield from ["timers: their wrap"] if profile.timers else []
    if profile.console is not None:
        yield from (f"console: answers {name}" for name in profile.console.answers)
        yield from ["console: refuses"] if profile.console.refuses else []


def requirements(profile: Profile) -> Iterator[str]:
    """Give every requirement that these promises trace to."""
    for section in (profile.settings, profile.resets, profile.timers, profile.console):
        yield from section.traces_to if section is not None else ()


def touched(profile: Profile, case: Case) -> Iterator[str]:
    """Give what the steps and expectations of a case look at."""
    if profile.settings is not None:
        yield from _of_settings(profile, profile.settings, case)
    if profile.resets is not None:
        yield from _of_resets(profile, case)
    if profile.timers is not None and case.duration_s > profile.timers.wrap_after_s:
        yield "timers: their wrap"
    if profile.console is not None:
        yield from _of_console(profile.console, _patterns(case))


def _of_console(console: Console, patterns: list[str]) -> Iterator[str]:
    for name, answer in console.answers.items():
        yield from [f"console: answers {name}"] if answer in patterns else []
    yield from ["console: refuses"] if console.refuses in patterns else []


def _patterns(case: Case) -> list[str]:
    return [e.pattern for e in case.expectations if isinstance(e, ConsoleSays)]


def _of_settings(profile: Profile, settings: Settings, case: Case) -> Iterator[str]:
    keeps = _keeps(profile, settings, case)
    for name, answer in _answered(settings, case):
        if answer == settings.refused:
            yield f"setting {name}: is refused"
        elif answer == settings.taken:
            yield from [f"setting {name}: acts"] if _provokes(settings, name, case) else []
        elif keeps:
            yield f"setting {name}: is kept"
    if "saved" not in case.parameters:  # else of settings that nobody saved
        yield f"settings kept: after {case.parameters.get('after')}"
    if "cut" in case.parameters:
        yield "settings kept: through a power cut"
    told = [f"{e.message}.{e.signal}" for e in case.expectations if isinstance(e, SignalBecomes)]
    if settings.loss is not None and set(settings.loss.says) & set(told):
        yield "settings lost: told"


def _provokes(settings: Settings, name: str, case: Case) -> bool:
    """Whether the case is about this setting: many are changed where only one protection acts."""
    of = settings.each[name].of  # a case written out may name it in place of the setting
    about = case.parameters.get("setting") == name or case.protection == of
    return about and any(isinstance(e, Trips | Recovers) for e in case.expectations)


def _keeps(profile: Profile, settings: Settings, case: Case) -> bool:
    """Whether what is read after a start is what was saved, and not the factory's values."""
    lines = {step.line for step in case.steps if isinstance(step, Type)}
    forgets = {settings.restore}
    if settings.loss is not None and profile.console is not None:
        forgets.add(profile.console.commands[settings.loss.provoked_by])
    restarts = "after" in case.parameters or any(isinstance(s, Power) for s in case.steps)
    return restarts and settings.saved in _patterns(case) and forgets.isdisjoint(lines)


def _answered(settings: Settings, case: Case) -> Iterator[tuple[str, str]]:
    """Each setting that is asked for, with the answer expected."""
    asked = {step.mark: step.line for step in case.steps if isinstance(step, Type)}
    for e in case.expectations:
        if isinstance(e, ConsoleSays) and isinstance(e.since, Mark):
            name = _named(settings, asked.get(e.since.mark, ""))
            if name is not None:
                yield name, e.pattern


def _named(settings: Settings, line: str) -> str | None:
    words = line.split()
    return next((name for name in settings.each if name in words), None)


def _of_resets(profile: Profile, case: Case) -> Iterator[str]:
    resets = profile.resets
    for name, cause in resets.causes.items() if resets else ():
        if case.parameters.get("by") == name and cause.says in _patterns(case):
            yield f"reset: {name}"
    lowest = resets.works_above_v if resets else None
    supplies = [
        s.values["supply"] for s in case.steps if isinstance(s, Set) and "supply" in s.values
    ]
    if lowest is not None and lowest in supplies and min(supplies) == lowest:
        yield "reset: none by a low supply"
