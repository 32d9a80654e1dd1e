"""One protection, provoked in one way: its times, what must follow, and the ways to go about it.

Must not know a family.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

from rig.case import Precondition
from rig.dut.claims import reboots
from rig.dut.profile import Profile, Protection
from rig.expectations import Expectation
from rig.expectations.console_never_says import ConsoleNeverSays
from rig.expectations.console_says import ConsoleSays
from rig.expectations.recovers import Recovers
from rig.expectations.stays import Stays
from rig.expectations.trips import Trips
from rig.plan.families.applicable import chosen, delay_of, recovery_time_of
from rig.plan.families.draft import Draft, Options, Part, at_place, random_phase
from rig.plan.families.expecting import becomes, flags_stay, stay, stays
from rig.plan.families.timing import AFTER_S, CURRENT_GONE, LINK_RESOLVES_S
from rig.plan.stimulus import APPLIED, REMOVED, Stimulus, crossing, opened, paths, stimuli
from rig.quantity import Interval
from rig.steps import Step
from rig.steps.hold import Hold
from rig.steps.random_phase import RandomPhase
from rig.time_reference import Crossing, Mark, TimeReference

TRIPPED, LET_GO = "tripped", "let go"


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """From when a recovery's time counts, and how long it may take."""

    since: TimeReference
    said_since: TimeReference  # the same for flag and line
    time: Interval
    said_time: Interval


@dataclass(frozen=True, slots=True)
class Provoked:
    """One protection, provoked in one way."""

    profile: Profile
    stimulus: Stimulus
    protection: Protection
    nth: str = ""  # what its marks bear behind their names

    # ---- names ----------------------------------------------------------------------------------
    @property
    def name(self) -> str:
        """Its name in the profile."""
        return self.stimulus.protection

    @property
    def target(self) -> str:
        """The quantity, or what else it is provoked at."""
        return self.stimulus.target

    @property
    def short(self) -> str:
        """Its short name: "OVP"."""
        return self.protection.short

    @property
    def at_place(self) -> str:
        """Its short name and the cell or sensor: "OVP at cell 3"."""
        return at_place(self.short, self.target)

    @property
    def opens(self) -> tuple[str, ...]:
        """Outputs that it opens."""
        return self.protection.opens

    @property
    def traces_to(self) -> tuple[str, ...]:
        """Requirements of a case about it."""
        return self.protection.traces_to

    # ---- times ----------------------------------------------------------------------------------
    @property
    def delay(self) -> Interval:
        """From the cause to the output."""
        return delay_of(self.protection)

    @property
    def recovery(self) -> Interval:
        """Of its recovery."""
        return recovery_time_of(self.protection)

    @property
    def said_s(self) -> float:
        """Longest time after a trip until flag and line have said so."""
        p = self.protection
        by_console_s = p.console_within_s if p.console else 0.0
        return max(p.flags_within_s if p.flags else 0.0, by_console_s)

    def until_reported_s(self, time: Interval | None = None) -> float:
        """How long to wait until all has been said that follows in this time, or in its delay."""
        return (time or self.delay).high + self.said_s + AFTER_S

    # ---- steps ----------------------------------------------------------------------------------
    @property
    def random_phase(self) -> RandomPhase:
        """Stand at any phase of the BMS's tasks."""
        return random_phase(self.profile)

    def tripped(self, mark: str | None = None) -> list[Step]:
        """Bring its cause about, until it has acted and said so."""
        return [*self.stimulus.apply, Hold(duration_s=self.until_reported_s(), mark=mark)]

    # ---- what must follow -----------------------------------------------------------------------
    def trips(self) -> Iterator[Expectation]:
        """Its outputs open, in its time."""
        since, delay = self.stimulus.since, self.delay
        for output in self.opens:
            yield Trips(output=output, since=since, low_s=delay.low, high_s=delay.high)

    @property
    def affected(self) -> set[str]:
        """Outputs that it opens, or another that acts at the same values."""
        return opened(self.profile, self.stimulus.values) | set(self.opens)

    def keeps(self, begin: str | None = None) -> Iterator[Stays]:
        """The other outputs stay closed, all the time or from a mark on."""
        others = [output for output in paths(self.profile) if output not in self.affected]
        return stay(others, begin, is_open=False)

    def flags_set(self) -> Iterator[Expectation]:
        """The flag on CAN and the line on the console, neither before the trip is due."""
        pattern = self.protection.console_for(self.target)
        yield from self._said(self.stimulus.since, self.delay, pattern, is_set=True)

    def flags_cleared(self, since: TimeReference, time: Interval) -> Iterator[Expectation]:
        """Its flags are taken back and the console says so, neither before it may let go."""
        yield from self._said(since, time, self.protection.console_clears, is_set=False)

    def _said(
        self, since: TimeReference, time: Interval, pattern: str | None, *, is_set: bool
    ) -> Iterator[Expectation]:
        p, low_s = self.protection, _reported(time.low)
        for said, value in p.flags.items():
            in_time = Interval(low_s, time.high + p.flags_within_s, "s")
            yield becomes(said, value if is_set else 1 - value, since, in_time)
        if pattern is not None:
            high_s = time.high + p.console_within_s
            yield ConsoleSays(pattern=pattern, since=since, low_s=low_s, high_s=high_s)

    def recovers(
        self, since: TimeReference, time: Interval, *, lasts: bool = True
    ) -> Iterator[Expectation]:
        """Its outputs close again, in this time after an instant."""
        for o in self.opens:
            yield Recovers(output=o, since=since, low_s=time.low, high_s=time.high, lasts=lasts)

    def lets_go(self, tripped: str = TRIPPED) -> Iterator[Expectation]:
        """Its outputs close and its flags are taken back; `tripped` as in `release`."""
        release = self.release(tripped)
        yield from self.recovers(release.since, release.time)
        yield from self.flags_cleared(release.said_since, release.said_time)

    def holds_on(self, begin: str, end: str) -> Iterator[Expectation]:
        """Outputs stay open and flags stay up."""
        yield from stay(self.opens, begin, end, is_open=True)
        yield from flags_stay(self.protection, begin, end)

    def stays_silent(
        self, begin: str | None = None, end: str | None = None, beside: Iterable[Protection] = ()
    ) -> Iterator[Expectation]:
        """Its flags stay as they are in health, but those that protections set that act beside."""
        others = {said for p in beside for said in p.flags}
        for said, value in self.protection.flags.items():
            if said not in others:
                yield stays(said, 1 - value, begin, end)

    def no_line(self, end: str | None = None, for_s: float = math.inf) -> Iterator[Expectation]:
        """No line of it, where the console is known to say something else in that time."""
        every_s = self.profile.console.every_s if self.profile.console else None
        pattern = self.protection.console_for(None)
        if pattern is not None and every_s and for_s >= 2.0 * every_s:
            yield ConsoleNeverSays(pattern=pattern, end=end)

    def release(self, tripped: str = TRIPPED) -> Release:
        """From when a recovery's time counts, and how long it may take.

        At the mark `tripped` it surely has acted and said so; that one bears `nth` already.
        """
        profile, p, time = self.profile, self.protection, self.recovery
        applied, removed = Mark(mark=APPLIED + self.nth), Mark(mark=REMOVED + self.nth)
        if p.recovery_level is not None:
            since = self.crosses(p.recovery_level, tripping=False, after=tripped)
            return Release(since=since, said_since=since, time=time, said_time=time)
        if p.unit == "A":
            # The path opens, so the current is gone with the trip, not with the load. At that
            # instant the flag is not up yet, so when it goes is counted from where it surely is.
            gone = self.crosses(CURRENT_GONE * p.level, tripping=False, after=applied.mark)
            said = Interval(0.0, time.high, "s")
            return Release(since=gone, said_since=Mark(mark=tripped), time=time, said_time=said)
        if reboots(p):
            ready = Interval(0.0, self.delay.high + profile.start.ready_within_s, "s")
            whole = Interval(0.0, ready.high + profile.start.closed_within_s, "s")
            return Release(since=applied, said_since=applied, time=whole, said_time=ready)
        if p.message is not None and profile.can is not None:
            # REMOVED is one frame short of those that it waits for.
            period_s = profile.can.receives[p.message].period_s
            time = Interval(0.5 * period_s, time.high + period_s, "s")
        return Release(since=removed, said_since=removed, time=time, said_time=time)

    def crosses(self, level: float, *, tripping: bool, after: str | None = None) -> Crossing:
        """The instant at which its quantity passes a level, one way or the other."""
        return crossing(self.profile, self.stimulus, level, tripping=tripping, after=after)

    # ---- others like it -------------------------------------------------------------------------
    def since(self, instant: TimeReference) -> Self:
        """The same, its cause counted from another instant."""
        return replace(self, stimulus=replace(self.stimulus, since=instant))

    def numbered(self, nth: str) -> Self:
        """The same with marks that bear `nth`, its cause looked for after them."""
        stimulus = self.stimulus
        since = stimulus.since
        marked = replace(
            stimulus,
            apply=tuple(_numbered(step, nth) for step in stimulus.apply),
            remove=tuple(_numbered(step, nth) for step in stimulus.remove),
            since=replace(since, after=APPLIED + nth)
            if isinstance(since, Crossing)
            else Mark(mark=since.mark + nth),
        )
        return replace(self, stimulus=marked, nth=nth)

    # ---- excursions -----------------------------------------------------------------------------
    def trip(self) -> Part:
        """Go beyond: it acts in its time and says so, the other outputs stay."""
        return Part(self.tripped(), [*self.trips(), *self.keeps(), *self.flags_set()])

    def cycle(self) -> Part:
        """Go beyond and back: it acts and lets go, and says so."""
        said_s, tripped = self.said_s + AFTER_S, TRIPPED + self.nth
        let_go_s = self.release(tripped).time.high + said_s
        return Part(
            [
                *self.stimulus.apply,
                Hold(duration_s=self.delay.high + said_s, mark=tripped),
                *self.stimulus.remove,
                Hold(duration_s=let_go_s, mark=LET_GO + self.nth),
            ],
            [*self.trips(), *self.flags_set(), *self.lets_go(tripped)],
        )

    # ---- a case ---------------------------------------------------------------------------------
    def draft(  # noqa: PLR0913 -- what a case is made of
        self,
        title: str,
        steps: Sequence[Step],
        expectations: Iterable[Expectation],
        parameters: Mapping[str, str] | None = None,
        *,
        claims: Sequence[str] = (),
        precondition: Precondition = "ready",
    ) -> Draft:
        """Draft a case about it."""
        return Draft(
            title=title,
            protection=self.name,
            parameters={"at": self.target} | dict(parameters or {}),
            steps=steps,
            expectations=tuple(expectations),
            severity=self.protection.severity,
            traces_to=self.traces_to,
            claims=tuple(claims),
            precondition=precondition,
        )


def _numbered(step: Step, nth: str) -> Step:
    return step.marked(step.mark + nth) if step.mark else step


def _reported(low_s: float) -> float:
    """Earliest time at which a link may tell; 0 where that is finer than a link can stamp."""
    return low_s if low_s >= LINK_RESOLVES_S else 0.0


# ---- which ------------------------------------------------------------------------------------
def at_each(profile: Profile, name: str, targets: Iterable[str] | None = None) -> list[Provoked]:
    """One protection at each of its cells or sensors, or at those of the targets."""
    protection = profile.protections[name]
    return [Provoked(profile, s, protection) for s in stimuli(profile, name, targets)]


def each(
    profile: Profile,
    options: Options,
    only: Callable[[Protection], bool] = lambda p: bool(p.opens or p.flags),
) -> Iterator[Provoked]:
    """All that the options ask for and `only` accepts, at each of their places."""
    for name, _ in chosen(profile, options, only):
        yield from at_each(profile, name, options.targets)


def one_each(
    profile: Profile, options: Options, only: Callable[[Protection], bool]
) -> Iterator[Provoked]:
    """Each protection at one of its cells or sensors: the last that the options leave."""
    for name, _ in chosen(profile, options, only):
        yield from at_each(profile, name, options.targets)[-1:]
