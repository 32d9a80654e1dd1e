"""Families about letting go: in time, not too early, or only by the named means."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rig.dut.claims import reboots
from rig.dut.profile import Profile, Protection
from rig.expectations import Expectation
from rig.expectations.console_says import ConsoleSays
from rig.expectations.signal_stays import SignalStays
from rig.expectations.stays import Stays
from rig.instants import Instant, Mark
from rig.plan.families.choosing import (
    delay_of,
    each_stimulus,
    recovers_by_itself,
    recovers_by_level,
    recovery_time_of,
)
from rig.plan.families.draft import AFTER_S, Draft, Options, after, draft_of, phase_s, whose
from rig.plan.families.expecting import (
    closes,
    keeps,
    recovers,
    said_within_s,
    trips,
    unsays,
    until_said_s,
)
from rig.plan.stimulus import APPLIED, REMOVED, Stimulus, crossing, value_at
from rig.quantity import Interval, format
from rig.steps import Step
from rig.steps.hold import Hold
from rig.steps.power import Power
from rig.steps.random_phase import RandomPhase
from rig.steps.reset import Reset
from rig.steps.set import Set
from rig.steps.type_line import Type

TRIPPED, _TRIED, _CLEARED = "tripped", "tried", "cleared"
_GONE = 0.5  # of the threshold: where a current that a path has cut off is surely falling
_LATCHED_S = 10.0  # a latch is watched for so long
_TRIED_S = 1.5  # of them after a command that must be refused
# A record is placed on the rig's clock to some milliseconds, and a console command is obeyed within
# one or two: what is watched ends so long before it.
_APART_S = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """From when a recovery's time counts, and how long it may take."""

    since: Instant
    said_since: Instant  # the same for flag and line
    time: Interval
    said_time: Interval


def recovery(profile: Profile, options: Options) -> Iterator[Draft]:
    """Take the cause away: the output closes again, in its time, and flag and line say so."""
    for stimulus, protection in each_stimulus(profile, options, only=recovers_by_itself):
        release = release_of(profile, stimulus, protection)
        tripped_s = until_said_s(protection, delay_of(protection))
        outlasts = _outlasts_reboot(protection, tripped_s)
        wait_s = until_said_s(protection, outlasts or release.time)
        yield draft_of(
            f"{whose(protection.short, stimulus.target)} lets go {after(release.time)}",
            stimulus,
            protection,
            steps=[
                RandomPhase(span_s=phase_s(profile)),
                *stimulus.apply,
                Hold(duration_s=tripped_s, mark=TRIPPED),
                *stimulus.remove,
                Hold(duration_s=AFTER_S if stimulus.outlasts else wait_s),
            ],
            expectations=[
                *trips(stimulus, protection),
                *_not_yet(protection),
                *recovers(protection, release.since, release.time),
                *keeps(profile, stimulus, protection),
                *_says_so(profile, protection, release, outlasts),
            ],
        )


def release_of(
    profile: Profile,
    stimulus: Stimulus,
    protection: Protection,
    nth: str = "",
    tripped: str = TRIPPED,
) -> Release:
    """From when a recovery's time counts.

    Parameters
    ----------
    nth
        What the stimulus's marks bear behind their names.
    tripped
        The mark at which it surely has acted and said so.
    """
    time = recovery_time_of(protection)
    applied, removed = Mark(mark=APPLIED + nth), Mark(mark=REMOVED + nth)
    level = protection.recovery_level
    if level is not None:
        since = crossing(profile, stimulus, level, tripping=False, after=tripped)
        return Release(since=since, said_since=since, time=time, said_time=time)
    if protection.unit == "A":
        # The path opens, so the current is gone with the trip, not with the load. At that instant
        # the flag is not up yet, so when it goes is counted from where it surely is.
        half = _GONE * protection.level
        gone = crossing(profile, stimulus, half, tripping=False, after=applied.mark)
        said = Interval(0.0, time.high, "s")
        return Release(since=gone, said_since=Mark(mark=tripped), time=time, said_time=said)
    if reboots(protection):
        start = profile.start
        whole_s = delay_of(protection).high + start.ready_within_s + start.closed_within_s
        ready = Interval(0.0, delay_of(protection).high + start.ready_within_s, "s")
        whole = Interval(0.0, whole_s, "s")
        return Release(since=applied, said_since=applied, time=whole, said_time=ready)
    if protection.message is not None and profile.can is not None:
        # REMOVED is one frame short of those that it waits for.
        period_s = profile.can.receives[protection.message].period_s
        time = Interval(0.5 * period_s, time.high + period_s, "s")
    return Release(since=removed, said_since=removed, time=time, said_time=time)


def _outlasts_reboot(protection: Protection, tripped_s: float) -> Interval | None:
    """When a flag is taken back that a reboot leaves up: counted from the mark TRIPPED.

    When the reset was is known to the trip's time alone. None: nothing is promised, or it may be
    taken back before that mark.
    """
    told, delay = protection.says_for, delay_of(protection)
    if told is None or told.low <= tripped_s:
        return None
    return Interval(told.low - tripped_s, delay.high + told.high - tripped_s, "s")


def _says_so(
    profile: Profile, protection: Protection, release: Release, outlasts: Interval | None
) -> Iterator[Expectation]:
    """What flag and console say of it; after a reboot the start is told, and the flag lasts."""
    if not reboots(protection):
        yield from unsays(protection, release.said_since, release.said_time)
        return
    if profile.console is not None:
        yield ConsoleSays(
            pattern=profile.console.ready,
            since=release.said_since,
            high_s=release.said_time.high,
        )
    if outlasts is not None:
        yield from unsays(protection, Mark(mark=TRIPPED), outlasts)


def _not_yet(protection: Protection) -> Iterator[Expectation]:
    """A message that is back must have come as often as promised, not just once."""
    frames = protection.recovers.frames if protection.recovers else None
    if frames is not None and frames > 1:
        for output in protection.opens:
            yield Stays(output=output, is_open=True, begin=TRIPPED, end=REMOVED)


def hysteresis(profile: Profile, options: Options) -> Iterator[Draft]:
    """Come back between threshold and recovery level: the protection must not let go."""
    for stimulus, protection in each_stimulus(profile, options, only=recovers_by_level):
        level = protection.recovery_level
        if level is None or protection.threshold is None:
            continue
        between = round(0.5 * (level + protection.level), 6)
        wait_s = 3.0 * max(recovery_time_of(protection).high, delay_of(protection).high)
        tripped_s = until_said_s(protection, delay_of(protection))
        value = value_at(profile, protection, between)
        yield draft_of(
            f"{whose(protection.short, stimulus.target)} holds at {format(value, protection.unit)}",
            stimulus,
            protection,
            steps=[
                RandomPhase(span_s=phase_s(profile)),
                *stimulus.apply,
                Hold(duration_s=tripped_s, mark=TRIPPED),
                Set(values={stimulus.target: value}, mark="between"),
                Hold(duration_s=wait_s, mark="waited"),
            ],
            expectations=[
                *trips(stimulus, protection),
                *holds_on(protection, TRIPPED, "waited"),
            ],
        )


def holds_on(protection: Protection, begin: str, end: str) -> Iterator[Expectation]:
    """Outputs stay open and flags stay up."""
    for output in protection.opens:
        yield Stays(output=output, is_open=True, begin=begin, end=end)
    for signal, value in protection.says.items():
        yield SignalStays(signal=signal, value=float(value), begin=begin, end=end)


def latch(profile: Profile, options: Options) -> Iterator[Draft]:
    """A latched protection stays, cause gone or not, until it is cleared by the named means."""
    for stimulus, protection in each_stimulus(profile, options, only=_latches):
        for means in protection.latched.cleared_by if protection.latched else ():
            clear, high_s = _clear(profile, means)
            too_soon, refused = _too_soon(profile, protection, means)
            cleared = Mark(mark=_CLEARED)
            claim = f"protections/{stimulus.protection}/latched/{means}"
            time = Interval(0.0, high_s, "s")
            tripped_s = until_said_s(protection, delay_of(protection))
            yield draft_of(
                f"{protection.short} stays latched until {means}",
                stimulus,
                protection,
                parameters={"cleared by": means},
                steps=[
                    *stimulus.apply,
                    Hold(duration_s=tripped_s, mark=TRIPPED),
                    *too_soon,
                    *stimulus.remove,
                    Hold(duration_s=_LATCHED_S - (_TRIED_S if too_soon else 0.0), mark="waited"),
                    Hold(duration_s=_APART_S),
                    *clear,
                    Hold(duration_s=high_s + said_within_s(protection) + AFTER_S),
                ],
                expectations=[
                    *trips(stimulus, protection),
                    *holds_on(protection, TRIPPED, "waited"),
                    *refused,
                    *closes(protection.opens, _CLEARED, high_s, claim=claim),
                    *unsays(_as_cleared_by(protection, means), cleared, time),
                ],
            )


def _too_soon(
    profile: Profile, protection: Protection, means: str
) -> tuple[list[Step], list[Expectation]]:
    """Try to clear it while its cause is still there, where that is promised to be refused."""
    latched = protection.latched
    if latched is None or latched.once is None or profile.console is None:
        return [], []
    if means not in profile.console.commands:
        return [], []
    tried = Type(line=profile.console.commands[means], mark=_TRIED)
    answer = latched.refused
    said: list[Expectation] = []
    if answer is not None:
        said.append(ConsoleSays(pattern=answer, since=Mark(mark=_TRIED), high_s=1.0))
    return [tried, Hold(duration_s=_TRIED_S)], said


def _latches(protection: Protection) -> bool:
    return protection.latched is not None


def _as_cleared_by(protection: Protection, means: str) -> Protection:
    """Without its line that it is cleared, where nothing is left to say it: after a new start."""
    if means in ("power cycle", "reset"):
        return protection.model_copy(update={"console_clears": None})
    return protection


def _clear(profile: Profile, means: str) -> tuple[list[Step], float]:
    """Steps that clear a latch, and the longest that it may take from the mark "cleared"."""
    start_s = profile.start.up_within_s
    if means == "power cycle":
        return [Power(on=False), Hold(duration_s=0.5), Power(on=True, mark=_CLEARED)], start_s
    if means == "reset":
        return [Reset(mark=_CLEARED)], start_s
    line = profile.console.commands[means] if profile.console else means
    return [Type(line=line, mark=_CLEARED)], 1.0
