"""Families about letting go: in time, not too early, or only by the named means."""

from __future__ import annotations

from collections.abc import Iterator

from rig.dut.claims import reboots
from rig.dut.profile import Profile
from rig.expectations import Expectation
from rig.expectations.console_says import ConsoleSays
from rig.plan.families.applicable import recovers_by_itself, recovers_by_level
from rig.plan.families.draft import Draft, Options, Part, after, family
from rig.plan.families.expecting import closes, says_ready, stay
from rig.plan.families.provoked import TRIPPED, Provoked, each
from rig.plan.families.reset_steps import STARTS_ANEW, clear
from rig.plan.families.timing import AFTER_S, CLEAR_S, LATCHED_S, RECORD_APART_S, TRIED_S
from rig.plan.stimulus import REMOVED, value_at
from rig.quantity import Interval, format
from rig.steps.hold import Hold
from rig.steps.set import Set
from rig.steps.type_line import Type
from rig.time_reference import Mark

_TRIED, _CLEARED = "tried", "cleared"


@family("recovery")
def recovery(profile: Profile, options: Options) -> Iterator[Draft]:
    """Take the cause away: the output closes again, in its time, and flag and line say so."""
    for it in each(profile, options, only=recovers_by_itself):
        release, outlasts = it.release(), _outlasts_reboot(it)
        wait_s = AFTER_S if it.stimulus.outlasts else it.until_reported_s(outlasts or release.time)
        yield it.draft(
            f"{it.at_place} lets go {after(release.time)}",
            [
                it.random_phase,
                *it.tripped(TRIPPED),
                *it.stimulus.remove,
                Hold(duration_s=wait_s),
            ],
            [
                *it.trips(),
                *_not_yet(it),
                *it.recovers(release.since, release.time),
                *it.keeps(),
                *_says_so(it, outlasts),
            ],
        )


def _outlasts_reboot(it: Provoked) -> Interval | None:
    """When a flag is taken back that a reboot leaves up: counted from the mark TRIPPED.

    When the reset was is known to the trip's time alone. None: nothing is claimed, or it may be
    taken back before that mark.
    """
    reported, tripped_s = it.protection.flags_for, it.until_reported_s()
    if reported is None or reported.low <= tripped_s:
        return None
    return Interval(reported.low - tripped_s, it.delay.high + reported.high - tripped_s, "s")


def _says_so(it: Provoked, outlasts: Interval | None) -> Iterator[Expectation]:
    """What flag and console say of it; after a reboot the start is reported, and the flag lasts."""
    release = it.release()
    if not reboots(it.protection):
        yield from it.flags_cleared(release.said_since, release.said_time)
        return
    yield from says_ready(it.profile, release.said_since, release.said_time.high)
    if outlasts is not None:
        yield from it.flags_cleared(Mark(mark=TRIPPED), outlasts)


def _not_yet(it: Provoked) -> Iterator[Expectation]:
    """A message that is back must have come as often as claimed, not just once."""
    frames = it.protection.recovers.frames if it.protection.recovers else None
    if frames is not None and frames > 1:
        yield from stay(it.opens, TRIPPED, REMOVED, is_open=True)


@family("hysteresis")
def hysteresis(profile: Profile, options: Options) -> Iterator[Draft]:
    """Come back between threshold and recovery level: the protection must not let go."""
    for it in each(profile, options, only=recovers_by_level):
        level, p = it.protection.recovery_level, it.protection
        if level is None or p.threshold is None:
            continue
        value = value_at(profile, p, round(0.5 * (level + p.level), 6))
        wait_s = 3.0 * max(it.recovery.high, it.delay.high)
        yield it.draft(
            f"{it.at_place} holds at {format(value, p.unit)}",
            [
                it.random_phase,
                *it.tripped(TRIPPED),
                Set(values={it.target: value}, mark="between"),
                Hold(duration_s=wait_s, mark="waited"),
            ],
            [*it.trips(), *it.holds_on(TRIPPED, "waited")],
        )


@family("latch")
def latch(profile: Profile, options: Options) -> Iterator[Draft]:
    """A latched protection stays, cause gone or not, until it is cleared by the named means."""
    for it in each(profile, options, only=lambda p: p.latched is not None):
        for means in it.protection.latched.cleared_by if it.protection.latched else ():
            high_s = profile.start.up_within_s if means in STARTS_ANEW else CLEAR_S
            tried = _too_soon(it, means)
            waited_s = LATCHED_S - (TRIED_S if tried.steps else 0.0)
            yield it.draft(
                f"{it.short} stays latched until {means}",
                [
                    *it.tripped(TRIPPED),
                    *tried.steps,
                    *it.stimulus.remove,
                    Hold(duration_s=waited_s, mark="waited"),
                    Hold(duration_s=RECORD_APART_S),
                    *clear(profile, means, _CLEARED),
                    Hold(duration_s=high_s + it.said_s + AFTER_S),
                ],
                [
                    *it.trips(),
                    *it.holds_on(TRIPPED, "waited"),
                    *tried.expectations,
                    *closes(
                        it.opens, _CLEARED, high_s, claim=f"protections/{it.name}/latched/{means}"
                    ),
                    *_cleared(it, means, high_s),
                ],
                {"cleared by": means},
            )


def _too_soon(it: Provoked, means: str) -> Part:
    """Try to clear it while its cause is still there, where that is claimed to be refused."""
    latched, console = it.protection.latched, it.profile.console
    if latched is None or latched.once is None or console is None:
        return Part()
    if means not in console.commands:
        return Part()
    answer, since = latched.refused, Mark(mark=_TRIED)
    return Part(
        [Type(line=console.commands[means], mark=_TRIED), Hold(duration_s=TRIED_S)],
        [ConsoleSays(pattern=answer, since=since, high_s=CLEAR_S)] if answer is not None else (),
    )


def _cleared(it: Provoked, means: str, high_s: float) -> Iterator[Expectation]:
    """It says that it is cleared, but for its line where a new start leaves nothing to say it."""
    for said in it.flags_cleared(Mark(mark=_CLEARED), Interval(0.0, high_s, "s")):
        if not (isinstance(said, ConsoleSays) and means in STARTS_ANEW):
            yield said
