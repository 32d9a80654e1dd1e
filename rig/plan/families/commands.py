"""A family about the console: whatever is typed, answers come and nothing else happens."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rig.dut.profile import Console, Profile
from rig.plan.families.asking import Talk
from rig.plan.families.draft import Draft, Options, family_of
from rig.plan.families.expecting import stay
from rig.plan.families.requesting import all_talk
from rig.plan.families.resets import never_starts, no_flag
from rig.steps.hold import Hold
from rig.steps.set import Set
from rig.steps.type_line import Type

_JUNK = ("\x00\x01\x02\x7f", "éßø€", "%s%n%d", "\t \t", "; reboot", "st\batus", "Status")


@family_of("console", lambda profile: profile.console)
def console(profile: Profile, options: Options, promised: Console) -> Iterator[Draft]:  # noqa: ARG001
    """Type sense and nonsense: answers come, and nothing else happens."""
    if promised.answers_within_s is None:
        return
    makers: dict[str, Callable[[Profile, Console, float], Talk]] = {
        "nonsense": _nonsense,
        "all commands under load": _all_commands,
    }
    for name, make in makers.items():
        talk = make(profile, promised, promised.answers_within_s)
        talk.do(Hold(duration_s=1.0))
        talk.expect(*stay(profile.start.closes, is_open=False))
        talk.expect(*no_flag(profile), *never_starts(profile))
        yield Draft(
            title=f"the console bears {name}",
            parameters={"typed": name},
            steps=talk.steps,
            expectations=talk.expectations,
        )


def _nonsense(profile: Profile, promised: Console, within_s: float) -> Talk:
    """Unknown lines, control characters, lines longer than any buffer; then a sensible one."""
    talk = Talk()
    if promised.refuses is not None:
        talk.ask("no such command", promised.refuses, within_s, "unknown")
    lines = list(_JUNK)
    if promised.longest_line is not None:
        # A long line ends in a command: its tail must not be taken for one.
        reset = next(iter(_commands_that_reset(profile, promised)), "")
        lines += ["x" * (promised.longest_line + n) + reset for n in (1, 50, 800)]
        lines += ["y" * (promised.longest_line - 1)]
    for line in lines:
        talk.do(Type(line=line), Hold(duration_s=0.1))
    _ask_all(profile, promised, within_s, talk, "after it")
    return talk


def _all_commands(profile: Profile, promised: Console, within_s: float) -> Talk:
    """Everything that answers, again and again, while current flows and the host talks."""
    talk = Talk()
    talk.do(*all_talk(profile))
    if profile.has_current:
        talk.do(Set(values={"current": -10.0}))
    for n in range(1, 4):
        _ask_all(profile, promised, within_s, talk, f"round {n}")
    return talk


def _ask_all(profile: Profile, promised: Console, within_s: float, talk: Talk, mark: str) -> None:
    for name, answer in promised.answers.items():
        talk.ask(promised.commands[name], answer, within_s, f"{mark}: {name}")
    if (settings := profile.settings) is not None:
        for name in settings.each:
            shown = settings.shows.replace("{name}", name).replace("{value}", "")
            answer = shown.removesuffix("\\b")
            talk.ask(settings.reading(name), answer, settings.answers_within_s, f"{mark}: {name}")


def _commands_that_reset(profile: Profile, promised: Console) -> Iterator[str]:
    for cause in profile.resets.causes.values() if profile.resets else ():
        if cause.command is not None:
            yield promised.commands[cause.command]
