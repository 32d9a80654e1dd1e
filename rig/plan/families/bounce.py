"""Families about values that do not stand still: bounce, noise, slow drift.

What a bench commands one value at a time is no ripple of 100 Hz and no spike of a millisecond: a
command takes it 10 ms to 100 ms. Faster transients need an arbitrary-waveform source at the pins.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from rig.dut.profile import Profile, Protection
from rig.plan.families.applicable import (
    delay_of,
    has_threshold,
    is_slow,
    recovers_by_level,
)
from rig.plan.families.draft import Draft, Options, Part, family
from rig.plan.families.expecting import all_stay, stay
from rig.plan.families.provoked import TRIPPED, Provoked, one_each
from rig.plan.families.timing import AFTER_S, DRIFT_S, FASTEST_BOUNCE_S, INSTANT_S
from rig.plan.stimulus import APPLIED, REMOVED, acting, beyond, value_at
from rig.quantity import Interval
from rig.steps import Step
from rig.steps.hold import Hold
from rig.steps.sequence import PlaySequence
from rig.steps.set import Set

_TIMES, _BACK_TIMES = 10, 3
_UNIT = 0.16  # of the shortest delay: 5 such on and 2 off are a bounce that is bad for 70 % of time
_ON, _OFF = 5, 2
_LEAKY_ON, _LEAKY_OFF = 2, 3  # a leaky counter forgives what is bad for 40 % of the time
_BOUNCED, _BACK = "bounced", "back again"


@family("bounce")
def bounce(profile: Profile, options: Options) -> Iterator[Draft]:
    """Go beyond the threshold for less than the delay, over and over, then for good.

    The counts of a counter that starts again never add up, however short the pauses are.
    """
    for provoked in one_each(profile, options, _can_bounce):
        level = provoked.protection.level
        it = provoked.since(provoked.crosses(level, tripping=True, after=_BOUNCED))
        back = _bounce_back(it)
        yield it.draft(
            f"{it.short} bounces {_TIMES} times without a trip, then acts in time",
            [
                it.random_phase,
                _pattern(it),
                Hold(duration_s=AFTER_S, mark=_BOUNCED),
                *_for_good(it),
                Hold(duration_s=it.said_s + AFTER_S, mark=TRIPPED),
                *back.steps,
            ],
            [
                *all_stay(profile, {}, None, _BOUNCED),
                *it.stays_silent(None, _BOUNCED),
                *it.trips(),
                *it.keeps(),
                *it.flags_set(),
                *back.expectations,
            ],
            claims=[f"protections/{it.name}/counter"],
        )


def _can_bounce(protection: Protection) -> bool:
    """Whether the bench can come back within its delay; of the quick ones only a load can."""
    if not has_threshold(protection):
        return False
    by_load = protection.watches == "discharge current"
    return _is_slow(protection) or (by_load and _unit_s(protection) >= FASTEST_BOUNCE_S)


def _is_slow(protection: Protection) -> bool:
    return is_slow(protection) or protection.is_of_spread


def _unit_s(protection: Protection) -> float:
    low_s = delay_of(protection).low
    return _UNIT * low_s if _is_slow(protection) else 0.45 * low_s


def _pattern(it: Provoked) -> PlaySequence:
    """Bad for less than the delay, good for a moment, ten times."""
    on, off = (_LEAKY_ON, _LEAKY_OFF) if it.protection.counter == "leaky" else (_ON, _OFF)
    if not _is_slow(it.protection):
        on, off = 1, 1
    bad, good = it.stimulus.values[it.target], it.profile.nominal_of(it.target)
    return PlaySequence(
        quantity=it.target,
        values=(*[bad] * on, *[good] * off),
        interval_s=_unit_s(it.protection),
        times=_TIMES,
    )


def _for_good(it: Provoked) -> list[Step]:
    """Stay beyond the threshold until it must have acted: with noise, where commands allow it.

    While a supply takes its command nobody stamps console lines, so a current stands still; a
    decade box gives other values for a moment while it switches, so a temperature does too.
    """
    p, lasts_s = it.protection, it.delay.high + AFTER_S
    if p.is_of_spread or p.unit != "V":
        return [*it.stimulus.apply, Hold(duration_s=lasts_s)]
    far = beyond(it.profile, it.name)
    nearest = 0.5 * (p.level + far)
    noisy = PlaySequence(
        quantity=it.target,
        values=(round(0.5 * (nearest + far), 6),),
        noise=round(0.5 * abs(far - nearest), 6),
        interval_s=INSTANT_S,
        times=int(lasts_s / INSTANT_S) + 1,
        mark=APPLIED,
    )
    return [noisy]


def _bounce_back(it: Provoked) -> Part:
    """Come back for less than the recovery takes, over and over, then for good."""
    time, level = it.recovery, it.protection.recovery_level
    if level is None or not recovers_by_level(it.protection) or time.low <= 0.0:
        return Part()
    between = value_at(it.profile, it.protection, round(0.5 * (level + it.protection.level), 6))
    good = it.profile.nominal_of(it.target)
    play = PlaySequence(
        quantity=it.target,
        values=(*[good] * _ON, *[between] * _OFF),
        interval_s=_UNIT * time.low,
        times=_BACK_TIMES,
    )
    return Part(
        [
            play,
            Hold(duration_s=AFTER_S, mark=_BACK),
            Set(values={it.target: good}, mark=REMOVED),
            Hold(duration_s=it.until_reported_s(time)),
        ],
        [*it.holds_on(TRIPPED, _BACK), *it.lets_go(_BACK)],
    )


@family("chatter")
def chatter(profile: Profile, options: Options) -> Iterator[Draft]:
    """Drift slowly through trip and recovery level, with noise between the two: one edge each.

    The time counts from the end of the drift where a decade box plays it: each of its steps gives
    another value for a moment, at which a counter may start again.
    """
    for it in one_each(profile, options, _has_hysteresis):
        p, release = it.protection, it.protection.recovery_level
        if release is None:
            continue
        wander = _Wander.of(it, release)
        if _stands_behind_another(profile, p, wander.furthest):
            continue
        acts, lets_go = wander.slowed(it.delay), wander.slowed(it.recovery)
        slow = replace(it, protection=p.model_copy(update={"delay": acts}))
        slow = slow.since(it.crosses(p.level, tripping=True, after="noise"))
        back = it.crosses(release, tripping=False, after="held")
        yield it.draft(
            f"{it.short} acts once and lets go once on slow drift and noise between",
            [
                wander.noise(2.0 * it.delay.high, "noise"),
                wander.drift(wander.out),
                Hold(duration_s=acts.high + it.said_s, mark=TRIPPED),
                wander.noise(2.0 * it.recovery.high, "held"),
                wander.drift(wander.healthy),
                Hold(duration_s=it.until_reported_s(lets_go), mark="gone"),
                Hold(duration_s=AFTER_S),
            ],
            [
                *all_stay(profile, wander.furthest, None, "noise"),
                *it.stays_silent(None, "noise"),
                *slow.trips(),
                *slow.flags_set(),
                *it.holds_on(TRIPPED, "held"),
                *it.recovers(back, lets_go),
                *it.flags_cleared(back, lets_go),
                *stay(it.opens, "gone", is_open=False),
                *it.keeps(),
            ],
        )


def _has_hysteresis(protection: Protection) -> bool:
    return recovers_by_level(protection) and has_threshold(protection) and protection.unit != "A"


def _stands_behind_another(
    profile: Profile, protection: Protection, values: Mapping[str, float]
) -> bool:
    """Whether an earlier stage acts on the way that says the same or opens the same."""
    there = acting(profile, values).values()
    return any(
        set(p.flags) & set(protection.flags) or set(p.opens) & set(protection.opens) for p in there
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wander:
    """Values between trip and recovery level, and slow ways out of there."""

    quantity: str
    middle: float
    half: float  # of the noise: what lies surely between the two levels
    out: float  # beyond the threshold
    healthy: float  # beyond the recovery level, on the good side
    slack_s: float  # what the BMS's tolerance is worth on the slow way
    late_s: float  # the same, and the whole way where each of its steps may start a counter again

    @classmethod
    def of(cls, it: Provoked, release: float) -> _Wander:
        p, good = it.protection, it.profile.nominal_of(it.target)
        tolerance = p.threshold.tolerance if p.threshold else 0.0
        width = abs(p.level - release)
        out = p.level + (1.0 if p.rising else -1.0) * 4.0 * tolerance
        middle = 0.5 * (p.level + release)
        nearer = min(abs(out - middle), abs(middle - good) or width)
        if p.is_of_spread:
            nearer = abs(out - middle)
        slack_s = round(1.5 * tolerance * DRIFT_S / nearer + INSTANT_S, 3)
        return cls(
            quantity=it.target,
            middle=value_at(it.profile, p, round(middle, 6)),
            half=round(0.5 * width - 1.5 * tolerance, 6),
            out=value_at(it.profile, p, round(out, 6)),
            healthy=good,
            slack_s=slack_s,
            late_s=slack_s + (DRIFT_S if p.unit == "°C" else 0.0),
        )

    def slowed(self, time: Interval) -> Interval:
        """How long something takes on the slow way."""
        return Interval(max(0.0, time.low - self.slack_s), time.high + self.late_s, "s")

    @property
    def furthest(self) -> dict[str, float]:
        """What the noise comes to, on the side of the threshold."""
        return {self.quantity: self.middle + (self.half if self.out > self.middle else -self.half)}

    def noise(self, duration_s: float, mark: str) -> PlaySequence:
        return PlaySequence(
            quantity=self.quantity,
            values=(self.middle,),
            noise=self.half,
            interval_s=2.0 * INSTANT_S,
            times=int(duration_s / (2.0 * INSTANT_S)) + 1,
            mark=mark,
        )

    def drift(self, end: float) -> PlaySequence:
        values = np.linspace(self.middle, end, int(DRIFT_S / INSTANT_S) + 1)
        return PlaySequence(
            quantity=self.quantity,
            values=tuple(round(float(v), 6) for v in values),
            interval_s=INSTANT_S,
        )
