"""A family about the console: whatever is typed, answers come and nothing else happens."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rig.dut.profile import Console, Profile
from rig.plan.families.console_dialog import ConsoleDialog
from rig.plan.families.draft import Draft, Options, family_of
from rig.plan.families.expecting import stay
from rig.plan.families.resets import never_starts, no_flag
from rig.steps.hold import Hold
from rig.steps.set import Set
from rig.steps.start_periodic import StartPeriodic
from rig.steps.type_line import Type

_JUNK = ("\x00\x01\x02\x7f", "éßø€", "%s%n%d", "\t \t", "; reboot", "st\batus", "Status")


@family_of("console", lambda profile: profile.console)
def console(profile: Profile, options: Options, claimed: Console) -> Iterator[Draft]:  # noqa: ARG001
    """Type sense and nonsense: answers come, and nothing else happens."""
    if claimed.answers_within_s is None:
        return
    makers: dict[str, Callable[[Profile, Console, float], ConsoleDialog]] = {
        "nonsense": _nonsense,
        "all commands under load": _all_commands,
    }
    for name, make in makers.items():
        dialog = make(profile, claimed, claimed.answers_within_s)
        dialog.do(Hold(duration_s=1.0))
        dialog.expect(*stay(profile.start.closes, is_open=False))
        dialog.expect(*no_flag(profile), *never_starts(profile))
        yield Draft(
            title=f"the console bears {name}",
            parameters={"typed": name},
            steps=dialog.steps,
            expectations=dialog.expectations,
        )


def _nonsense(profile: Profile, claimed: Console, within_s: float) -> ConsoleDialog:
    """Unknown lines, control characters, lines longer than any buffer; then a sensible one."""
    dialog = ConsoleDialog()
    if claimed.refuses is not None:
        dialog.ask("no such command", claimed.refuses, within_s, "unknown")
    lines = list(_JUNK)
    if claimed.longest_line is not None:
        # A long line ends in a command: its tail must not be taken for one.
        reset = next(iter(_commands_that_reset(profile, claimed)), "")
        lines += ["x" * (claimed.longest_line + n) + reset for n in (1, 50, 800)]
        lines += ["y" * (claimed.longest_line - 1)]
    for line in lines:
        dialog.do(Type(line=line), Hold(duration_s=0.1))
    _ask_all(profile, claimed, within_s, dialog, "after it")
    return dialog


def _all_commands(profile: Profile, claimed: Console, within_s: float) -> ConsoleDialog:
    """Everything that answers, again and again, while current flows and the host talks."""
    dialog = ConsoleDialog()
    for message, received in (profile.can.receives if profile.can else {}).items():
        dialog.do(StartPeriodic(message=message, period_s=received.period_s))
    if profile.has_current:
        dialog.do(Set(values={"current": -10.0}))
    for n in range(1, 4):
        _ask_all(profile, claimed, within_s, dialog, f"round {n}")
    return dialog


def _ask_all(
    profile: Profile, claimed: Console, within_s: float, dialog: ConsoleDialog, mark: str
) -> None:
    for name, answer in claimed.answers.items():
        dialog.ask(claimed.commands[name], answer, within_s, f"{mark}: {name}")
    if (settings := profile.settings) is not None:
        for name in settings.each:
            shown = settings.shows.replace("{name}", name).replace("{value}", "")
            answer = shown.removesuffix("\\b")
            dialog.ask(settings.reading(name), answer, settings.answers_within_s, f"{mark}: {name}")


def _commands_that_reset(profile: Profile, claimed: Console) -> Iterator[str]:
    for cause in profile.resets.causes.values() if profile.resets else ():
        if cause.command is not None:
            yield claimed.commands[cause.command]
