"""Claims that hang on more than one expectation knows: on the steps around it, on what it asks."""

from __future__ import annotations

from collections.abc import Iterator

from rig.can_address import SignalAddress
from rig.dut.charge import SOC, percent_of, signals_of
from rig.dut.claims import states_of
from rig.dut.profile import Console, Profile, Protection
from rig.dut.settings import Settings
from rig.expectations.expectation import Around
from rig.quantities import SUPPLY
from rig.steps.power import Power
from rig.steps.reset import Reset
from rig.steps.send import Send
from rig.steps.set import Set
from rig.steps.start_periodic import StartPeriodic
from rig.steps.type_line import Type
from rig.time_reference import Mark, TimeReference

_REFUSED = {
    "crc": "wrong crc",
    "bit": "wrong crc",
    "length": "wrong length",
    "counter stands": "repeated counter",
    "counter skips": "skipped counter",
    "data id": "other data id",
}


def refused(around: Around) -> Iterator[str]:
    """Give what a trip shows to be refused: nothing but wrong frames came, and none was taken."""
    for step in around.each(StartPeriodic):
        if step.frame_fault and step.frame_fault.every == 1:
            what = _REFUSED.get(step.frame_fault.what)
            yield f"can/receives/{step.message}/refuses/{what}"


def reported(around: Around, said: str, value: float, expected: str) -> Iterator[str]:
    """Give what the value of a signal shows, whether it "comes" or stays ("never")."""
    profile = around.profile
    exceeded = (
        profile.current_and_voltage_limits.exceeded if profile.current_and_voltage_limits else None
    )
    if said in (states := states_of(profile)):
        yield f"{states[said]}@{value:g}"
    if exceeded is not None and exceeded.flag == said:
        yield f"current and voltage limits/exceeded/{expected}"
    for step in around.each(Send) if value else ():
        if step.frame_fault and profile.can:
            received = profile.can.receives.get(step.message)
            if received and received.counts_refused == said:
                yield f"can/receives/{step.message}/counts refused"


def is_full(profile: Profile, signal: SignalAddress, value: float) -> bool:
    """Whether this says that the battery is full."""
    full = profile.energy.full if profile.energy else None
    is_soc = signals_of(profile).get(SOC) == signal
    return full is not None and is_soc and value == percent_of(profile, 1.0)


def answered(around: Around, pattern: str, since: TimeReference) -> Iterator[str]:
    """Give what a line of the console shows."""
    profile = around.profile
    if profile.console is not None:
        yield from _of_console(profile.console, pattern)
    if profile.energy and profile.energy.full and profile.energy.full.console == pattern:
        yield "energy/full/console"
    if around.protection is not None:
        yield from _of_protection(around, around.protection, pattern)
    if profile.settings is not None and isinstance(since, Mark):
        yield from _of_settings(around, profile.settings, pattern, since.mark)


def _of_console(console: Console, pattern: str) -> Iterator[str]:
    if pattern == console.ready:
        yield "start/ready"
    yield from (f"console/answers/{n}" for n, line in console.answers.items() if line == pattern)
    if pattern == console.refuses:
        yield "console/refuses"


def _of_protection(around: Around, protection: Protection, pattern: str) -> Iterator[str]:
    if protection.latched and pattern == protection.latched.refused:
        yield from around.of_protection("latched/once")
    elif pattern in {protection.console_for(target) for target in (around.at, None)}:
        yield from around.of_protection("console")
    elif pattern == protection.console_clears:
        yield from around.of_protection("console clears")


def _of_settings(around: Around, settings: Settings, answer: str, mark: str) -> Iterator[str]:
    """Give what the answer to a line about a setting shows of it."""
    typed = {step.mark: step.line.split() for step in around.each(Type)}
    for name in (name for name in settings.each if name in typed.get(mark, ())):
        if answer == settings.refused:
            yield f"settings/{name}/refused"
        elif answer == settings.taken:
            # A case written out may name what it moves in place of the setting.
            yield from [f"settings/{name}/acts"] if around.name == settings.each[name].of else []
        elif _kept(around, settings):
            yield f"settings/{name}/kept"


def _kept(around: Around, settings: Settings) -> bool:
    """Whether what is read after a start is what was saved, and not the factory's values."""
    lines = {step.line for step in around.each(Type)}
    console, resets, loss = around.profile.console, around.profile.resets, settings.loss
    commands = console.commands if console else {}
    forgets = {settings.restore, *([commands[loss.provoked_by]] if loss else [])}
    causes = list(resets.causes.values()) if resets else []
    restarting = {commands[cause.command] for cause in causes if cause.command}
    low = {cause.dips_to_v for cause in causes if cause.dips_to_v is not None}
    dips = any(step.values.get(SUPPLY.word) in low for step in around.each(Set))
    restarts = dips or bool(around.each(Power) or around.each(Reset))
    return (
        settings.save in lines
        and forgets.isdisjoint(lines)
        and (restarts or not restarting.isdisjoint(lines))
    )
