"""Families about values that do not stand still: bounce, noise, slow drift.

What a bench commands one value at a time is no ripple of 100 Hz and no spike of a millisecond: a
command takes it 10 ms to 100 ms. Faster transients need an arbitrary-waveform source at the pins.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from rig.dut.profile import Profile, Protection
from rig.expectations import Expectation
from rig.expectations.stays import Stays
from rig.plan.families.choosing import (
    delay_of,
    has_threshold,
    is_slow,
    one_stimulus_each,
    recovers_by_level,
    recovery_time_of,
)
from rig.plan.families.draft import AFTER_S, Draft, Options, draft_of, phase_s
from rig.plan.families.expecting import (
    all_stay,
    keeps,
    recovers,
    said_within_s,
    says,
    stays_silent,
    trips,
    unsays,
    until_said_s,
)
from rig.plan.families.recovery import TRIPPED, holds_on
from rig.plan.stimulus import (
    APPLIED,
    REMOVED,
    Stimulus,
    acting,
    beyond,
    crossing,
    home,
    value_at,
)
from rig.quantity import Interval
from rig.steps import Step
from rig.steps.hold import Hold
from rig.steps.play_sequence import PlaySequence
from rig.steps.random_phase import RandomPhase
from rig.steps.set import Set

_TIMES = 10
_BACK_TIMES = 3
_UNIT = 0.16  # of the shortest delay: 5 such on and 2 off are a bounce that is bad for 70 % of time
_ON, _OFF = 5, 2
_LEAKY_ON, _LEAKY_OFF = 2, 3  # a leaky counter forgives what is bad for 40 % of the time
_FASTEST_UNIT_S = 0.05  # what a load's command takes, with margin
_INSTANT_S = 0.05  # between two values of a noise or a drift
_DRIFT_S = 3.0
_BOUNCED, _BACK = "bounced", "back again"


def bounce(profile: Profile, options: Options) -> Iterator[Draft]:
    """Go beyond the threshold for less than the delay, over and over, then for good.

    The counts of a counter that starts again never add up, however short the pauses are.
    """
    for provoked, protection in one_stimulus_each(profile, options, _can_bounce):
        since = crossing(profile, provoked, protection.level, tripping=True, after=_BOUNCED)
        stimulus = replace(provoked, since=since)
        back = _bounce_back(profile, stimulus, protection)
        yield draft_of(
            f"{protection.short} bounces {_TIMES} times without a trip, then acts in time",
            stimulus,
            protection,
            steps=[
                RandomPhase(span_s=phase_s(profile)),
                _pattern(profile, stimulus, protection),
                Hold(duration_s=AFTER_S, mark=_BOUNCED),
                *_for_good(profile, stimulus, protection),
                Hold(duration_s=said_within_s(protection) + AFTER_S, mark=TRIPPED),
                *back.steps,
            ],
            expectations=[
                *all_stay(profile, {}, None, _BOUNCED),
                *stays_silent(protection, None, _BOUNCED),
                *trips(stimulus, protection),
                *keeps(profile, stimulus, protection),
                *says(stimulus, protection),
                *back.expectations,
            ],
            claims=[f"protections/{stimulus.protection}/counter"],
        )


def _can_bounce(protection: Protection) -> bool:
    """Whether the bench can come back within its delay; of the quick ones only a load can."""
    if not has_threshold(protection):
        return False
    by_load = protection.watches == "discharge current"
    return _is_slow(protection) or (by_load and _unit_s(protection) >= _FASTEST_UNIT_S)


def _is_slow(protection: Protection) -> bool:
    return is_slow(protection) or protection.is_of_spread


def _unit_s(protection: Protection) -> float:
    low_s = delay_of(protection).low
    return _UNIT * low_s if _is_slow(protection) else 0.45 * low_s


def _pattern(profile: Profile, stimulus: Stimulus, protection: Protection) -> PlaySequence:
    """Bad for less than the delay, good for a moment, ten times."""
    on, off = (_LEAKY_ON, _LEAKY_OFF) if protection.counter == "leaky" else (_ON, _OFF)
    if not _is_slow(protection):
        on, off = 1, 1
    bad = stimulus.values[stimulus.target]
    return PlaySequence(
        quantity=stimulus.target,
        values=(*[bad] * on, *[home(profile, stimulus.target)] * off),
        interval_s=_unit_s(protection),
        times=_TIMES,
    )


def _for_good(profile: Profile, stimulus: Stimulus, protection: Protection) -> list[Step]:
    """Stay beyond the threshold until it must have acted: with noise, where commands allow it.

    While a supply takes its command nobody stamps console lines, so a current stands still; a
    decade box gives other values for a moment while it switches, so a temperature does too.
    """
    lasts_s = delay_of(protection).high + AFTER_S
    if protection.is_of_spread or protection.unit != "V":
        return [*stimulus.apply, Hold(duration_s=lasts_s)]
    far = beyond(profile, stimulus.protection)
    nearest = 0.5 * (protection.level + far)
    noisy = PlaySequence(
        quantity=stimulus.target,
        values=(round(0.5 * (nearest + far), 6),),
        noise=round(0.5 * abs(far - nearest), 6),
        interval_s=_INSTANT_S,
        times=int(lasts_s / _INSTANT_S) + 1,
        mark=APPLIED,
    )
    return [noisy]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    steps: list[Step]
    expectations: list[Expectation]


def _bounce_back(profile: Profile, stimulus: Stimulus, protection: Protection) -> _Part:
    """Come back for less than the recovery takes, over and over, then for good."""
    time = recovery_time_of(protection)
    level = protection.recovery_level
    if level is None or not recovers_by_level(protection) or time.low <= 0.0:
        return _Part(steps=[], expectations=[])
    between = value_at(profile, protection, round(0.5 * (level + protection.level), 6))
    good = home(profile, stimulus.target)
    play = PlaySequence(
        quantity=stimulus.target,
        values=(*[good] * _ON, *[between] * _OFF),
        interval_s=_UNIT * time.low,
        times=_BACK_TIMES,
    )
    since = crossing(profile, stimulus, level, tripping=False, after=_BACK)
    return _Part(
        steps=[
            play,
            Hold(duration_s=AFTER_S, mark=_BACK),
            Set(values={stimulus.target: good}, mark=REMOVED),
            Hold(duration_s=until_said_s(protection, time)),
        ],
        expectations=[
            *holds_on(protection, TRIPPED, _BACK),
            *recovers(protection, since, time),
            *unsays(protection, since, time),
        ],
    )


def chatter(profile: Profile, options: Options) -> Iterator[Draft]:
    """Drift slowly through trip and recovery level, with noise between the two: one edge each.

    The time counts from the end of the drift where a decade box plays it: each of its steps gives
    another value for a moment, at which a counter may start again.
    """
    for stimulus, protection in one_stimulus_each(profile, options, _has_hysteresis):
        level, release = protection.level, protection.recovery_level
        if release is None:
            continue
        wander = _Wander.of(profile, stimulus, protection, release)
        if _stands_behind_another(profile, protection, wander.furthest):
            continue
        delay, time = delay_of(protection), recovery_time_of(protection)
        there = crossing(profile, stimulus, level, tripping=True, after="noise")
        back = crossing(profile, stimulus, release, tripping=False, after="held")
        late_s = wander.slack_s + (_DRIFT_S if protection.unit == "°C" else 0.0)
        acts = Interval(max(0.0, delay.low - wander.slack_s), delay.high + late_s, "s")
        lets_go = Interval(max(0.0, time.low - wander.slack_s), time.high + late_s, "s")
        provoked = replace(stimulus, since=there)
        slowly = protection.model_copy(update={"delay": acts})
        yield draft_of(
            f"{protection.short} acts once and lets go once on slow drift and noise between",
            stimulus,
            protection,
            steps=[
                wander.noise(2.0 * delay.high, "noise"),
                wander.drift_out(),
                Hold(duration_s=acts.high + said_within_s(protection), mark=TRIPPED),
                wander.noise(2.0 * time.high, "held"),
                wander.drift_back(),
                Hold(duration_s=until_said_s(protection, lets_go), mark="gone"),
                Hold(duration_s=AFTER_S),
            ],
            expectations=[
                *all_stay(profile, wander.furthest, None, "noise"),
                *stays_silent(protection, None, "noise"),
                *trips(provoked, slowly),
                *says(provoked, slowly),
                *holds_on(protection, TRIPPED, "held"),
                *recovers(protection, back, lets_go),
                *unsays(protection, back, lets_go),
                *(Stays(output=o, is_open=False, begin="gone") for o in protection.opens),
                *keeps(profile, stimulus, protection),
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
        set(p.says) & set(protection.says) or set(p.opens) & set(protection.opens) for p in there
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wander:
    """Values between trip and recovery level, and slow ways out of there."""

    quantity: str
    middle: float
    half: float  # of the noise: what lies surely between the two levels
    out: float  # beyond the threshold
    home: float  # beyond the recovery level, on the good side
    slack_s: float  # what the BMS's tolerance is worth on the slow way

    @classmethod
    def of(
        cls, profile: Profile, stimulus: Stimulus, protection: Protection, release: float
    ) -> _Wander:
        tolerance = protection.threshold.tolerance if protection.threshold else 0.0
        width = abs(protection.level - release)
        out = protection.level + (1.0 if protection.rising else -1.0) * 4.0 * tolerance
        middle = 0.5 * (protection.level + release)
        nearer = min(abs(out - middle), abs(middle - home(profile, stimulus.target)) or width)
        if protection.is_of_spread:
            nearer = abs(out - middle)
        return cls(
            quantity=stimulus.target,
            middle=value_at(profile, protection, round(middle, 6)),
            half=round(0.5 * width - 1.5 * tolerance, 6),
            out=value_at(profile, protection, round(out, 6)),
            home=home(profile, stimulus.target),
            slack_s=round(1.5 * tolerance * _DRIFT_S / nearer + _INSTANT_S, 3),
        )

    @property
    def furthest(self) -> dict[str, float]:
        """What the noise comes to, on the side of the threshold."""
        return {self.quantity: self.middle + (self.half if self.out > self.middle else -self.half)}

    def noise(self, duration_s: float, mark: str) -> PlaySequence:
        return PlaySequence(
            quantity=self.quantity,
            values=(self.middle,),
            noise=self.half,
            interval_s=2.0 * _INSTANT_S,
            times=int(duration_s / (2.0 * _INSTANT_S)) + 1,
            mark=mark,
        )

    def drift_out(self) -> PlaySequence:
        return self._drift(self.out)

    def drift_back(self) -> PlaySequence:
        return self._drift(self.home)

    def _drift(self, end: float) -> PlaySequence:
        steps = int(_DRIFT_S / _INSTANT_S)
        values = np.linspace(self.middle, end, steps + 1)
        return PlaySequence(
            quantity=self.quantity,
            values=tuple(round(float(v), 6) for v in values),
            interval_s=_INSTANT_S,
        )
