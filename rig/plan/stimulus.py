"""How to provoke a protection, from what the profile claims of it. Must not expand families.

A stimulus knows the values or the fault that make a protection act, the instant from which its
delay counts, and how to take the cause away again. Far stimuli stay short of the next stage of the
same quantity, so that a trip can be put down to the protection under test.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from rig.dut.profile import Profile, Protection
from rig.quantities import Kind, kind_of, kinds
from rig.quantity import Toleranced
from rig.steps import Step
from rig.steps.fault import Fault
from rig.steps.hold import Hold
from rig.steps.send import Send
from rig.steps.set import Set
from rig.steps.stop_periodic import StopPeriodic
from rig.steps.type_line import Type
from rig.time_reference import Crossing, Mark, TimeReference

APPLIED = "applied"
REMOVED = "removed"

# How far beyond its threshold a protection is provoked, at least; beyond its tolerance several
# times over, so that the ADC's own error does not matter.
_OVERDRIVE = {"V": 0.05, "A": 3.0, "°C": 5.0}
_OVERDRIVE_TOLERANCES = {"V": 5.0, "A": 6.0, "°C": 3.0}
_BEYOND_TOLERANCES = {"V": 1.5, "A": 5.0, "°C": 1.5}  # a probe of 200 A is no better
_INSIDE_TOLERANCES = (
    1.5  # a value is "just inside" when that many tolerances short of the threshold
)
_KEPT_UP_S = 4.0  # a message that is back is sent for so long


@dataclass(frozen=True, slots=True, kw_only=True)
class Stimulus:
    """One way to provoke one protection."""

    protection: str
    target: str  # quantity or fault target: "cell 3", "temperature 1", "current", "HostAlive"
    apply: tuple[Step, ...]  # the last one bears the mark APPLIED
    remove: tuple[Step, ...] = ()  # one bears the mark REMOVED: from there on it may let go
    since: TimeReference = field(default=Mark(mark=APPLIED))
    # What the quantities are meanwhile, where they are levels.
    values: Mapping[str, float] = field(default_factory=dict)
    outlasts: bool = False  # removing it takes longer than any recovery: what must go on


def stimuli(profile: Profile, name: str, targets: Iterable[str] | None = None) -> list[Stimulus]:
    """Provoke protection `name` at each of its cells or sensors (or at those in `targets`)."""
    chosen = targets_of(profile, name)
    if targets is not None:
        meant = set(targets)
        chosen = [t for t in chosen if t in meant]
    protection = profile.protections[name]
    if protection.threshold is None or protection.is_of_spread:
        return [_stimulus(profile, name, target) for target in chosen]
    value = beyond(profile, name)
    return [_level(name, protection, t, value, profile.nominal_of(t)) for t in chosen]


def targets_of(profile: Profile, name: str) -> list[str]:
    """Name each cell, sensor or other thing at which protection `name` can be provoked."""
    protection = profile.protections[name]
    watched = protection.quantities(profile) or (protection.message or protection.command,)
    return [str(target) for target in watched]


def _stimulus(profile: Profile, name: str, target: str) -> Stimulus:
    protection = profile.protections[name]
    if protection.is_of_spread:
        return _spread(profile, name, target)
    if protection.watches in ("sense wire", "sensor open", "sensor short", "link"):
        return _fault(name, protection, target)
    if protection.watches == "host message":
        return _silence(profile, name, target)
    return _command(profile, name, target)


def beyond(profile: Profile, name: str) -> float:
    """Value well beyond the threshold, short of the next stage of the same quantity.

    Like all values here it is in the SI unit of the quantity that a case sets, so a discharge
    current is negative.
    """
    protection = profile.protections[name]
    over = overdrive(protection)
    threshold = _threshold(protection)
    stages = [
        abs(stage.value - protection.level) - stage.tolerance
        for stage in _next_stages(profile, protection)
    ]
    reach = min([over, *(0.5 * (s + threshold.tolerance) for s in stages)])
    value = round(protection.level + (reach if protection.rising else -reach), 6)
    allowed = profile.allowed(protection.quantities(profile)[0])
    return min(max(value, allowed.low), allowed.high)


def far_beyond(profile: Profile, name: str) -> float:
    """Value as far beyond the threshold as BMS and next stage of the same quantity allow."""
    protection = profile.protections[name]
    stages = [_inside(s, rising=protection.rising) for s in _next_stages(profile, protection)]
    allowed = profile.allowed(protection.quantities(profile)[0])
    if protection.rising:
        return min([allowed.high, *stages])
    return max([allowed.low, *stages])


def just_beyond(protection: Protection) -> float:
    """Value at which the protection must act, as near the threshold as can be told."""
    over = _BEYOND_TOLERANCES[protection.unit] * _threshold(protection).tolerance
    return round(protection.level + (over if protection.rising else -over), 6)


def normal_ends(profile: Profile, protection: Protection) -> tuple[float, float]:
    """Lowest and highest value of its quantity (see `beyond`) at which nothing opens an output."""
    same = [
        (_inside(stage, rising=p.rising), p.rising)
        for p in profile.protections.values()
        if p.opens and (stage := _stage(profile, p, protection)) is not None
    ]
    allowed = profile.allowed(protection.quantities(profile)[0])
    low = max([allowed.low, *(inside for inside, rising in same if not rising)])
    high = min([allowed.high, *(inside for inside, rising in same if rising)])
    return low, high


def overdrive(protection: Protection) -> float:
    """Distance from the threshold at which a protection is provoked."""
    factor, least = _OVERDRIVE_TOLERANCES[protection.unit], _OVERDRIVE[protection.unit]
    return max(least, factor * _threshold(protection).tolerance)


def just_inside(protection: Protection) -> float:
    """Value at which the protection must not act yet, as near the threshold as can be told."""
    tolerance = _threshold(protection).tolerance
    level = Toleranced(protection.level, tolerance, protection.unit)
    return _inside(level, rising=protection.rising)


def _inside(level: Toleranced, *, rising: bool) -> float:
    back = _INSIDE_TOLERANCES * level.tolerance
    return round(level.value + (-back if rising else back), 6)


def value_at(profile: Profile, protection: Protection, level: float) -> float:
    """Value of the stimulated quantity at which the protection sees `level`.

    A spread is made by lowering one cell: raising it would meet the overvoltage protection first.
    """
    if protection.is_of_spread:
        return round(profile.nominal.cells_v - level, 6)
    return level


def crossing(
    profile: Profile, stimulus: Stimulus, level: float, *, tripping: bool, after: str | None = None
) -> Crossing:
    """The instant at which the protection's quantity passes `level`, one way or the other."""
    protection = profile.protections[stimulus.protection]
    upwards = protection.rising == tripping
    return Crossing(
        quantity=stimulus.target,
        level=value_at(profile, protection, level),
        rising=upwards != protection.is_of_spread,
        after=after,
    )


def acting(profile: Profile, values: Mapping[str, float]) -> dict[str, Protection]:
    """Protections that act, sooner or later, while the quantities have these values."""
    moved = profile.hierarchy.apart(values)
    of_kind: dict[Kind | None, list[float]] = {}
    for name, value in moved.items():
        of_kind.setdefault(kind_of(name), []).append(value)
    watched = {p.kind for p in profile.protections.values() if p.kind is not None}
    seen = {kind: _seen(profile, kind, moved, of_kind) for kind in watched}
    return {
        name: p
        for name, p in profile.protections.items()
        if p.kind is not None and _exceeds(p, seen[p.kind])
    }


def opened(profile: Profile, values: Mapping[str, float]) -> set[str]:
    """Outputs that open, sooner or later, while the quantities have these values."""
    return {output for p in acting(profile, values).values() for output in p.opens}


def paths(profile: Profile) -> list[str]:
    """Outputs that some protection opens, in the profile's order."""
    named = {output for p in profile.protections.values() for output in p.opens}
    return [output for output in profile.outputs if output in named]


# ---- kinds of stimuli -------------------------------------------------------------------------
def _level(
    name: str, protection: Protection, target: str, value: float, nominal: float
) -> Stimulus:
    return Stimulus(
        protection=name,
        target=target,
        apply=(Set(values={target: value}, mark=APPLIED),),
        remove=(Set(values={target: nominal}, mark=REMOVED),),
        since=Crossing(quantity=target, level=protection.level, rising=protection.rising),
        values={target: value},
    )


def _spread(profile: Profile, name: str, target: str) -> Stimulus:
    protection = profile.protections[name]
    threshold = _threshold(protection)
    low = value_at(profile, protection, threshold.value + 2.0 * threshold.tolerance)
    made = _level(name, protection, target, low, profile.nominal.cells_v)
    return replace(made, since=crossing(profile, made, threshold.value, tripping=True))


def _fault(name: str, protection: Protection, target: str) -> Stimulus:
    kind = "short" if protection.watches == "sensor short" else "open"
    return Stimulus(
        protection=name,
        target=target,
        apply=(Fault(fault=kind, target=target, mark=APPLIED),),  # type: ignore[arg-type]
        remove=(Fault(fault=kind, target=target, present=False, mark=REMOVED),),  # type: ignore[arg-type]
    )


def _silence(profile: Profile, name: str, message: str) -> Stimulus:
    """A message that was there and stays away; REMOVED is one frame short of what it waits for."""
    period_s = profile.can.receives[message].period_s if profile.can else 0.0
    recovers = profile.protections[name].recovers
    short_of_it = max(1, ((recovers.frames or 1) if recovers else 1) - 1)
    kept_up = math.ceil(_KEPT_UP_S / period_s)
    last = Send(message=message, count=5, period_s=period_s, mark=APPLIED)
    at_nominal = message in profile.start.request  # then it was sent all the time
    return Stimulus(
        protection=name,
        target=message,
        apply=(StopPeriodic(message=message), last) if at_nominal else (last,),
        remove=(
            Send(message=message, count=short_of_it, period_s=period_s, mark=REMOVED),
            Hold(duration_s=period_s),
            Send(message=message, count=kept_up, period_s=period_s),
        ),
        outlasts=True,
    )


def _command(profile: Profile, name: str, command: str) -> Stimulus:
    line = profile.console.commands[command] if profile.console else command
    return Stimulus(
        protection=name,
        target=command,
        apply=(Type(line=line, mark=APPLIED),),
    )


# ---- which act --------------------------------------------------------------------------------
def _threshold(protection: Protection) -> Toleranced:
    if protection.threshold is None:
        raise ValueError(f"{protection.short} has no threshold")
    return protection.threshold


def _next_stages(profile: Profile, protection: Protection) -> list[Toleranced]:
    """Levels of the protection's quantity, beyond its own, at which others act on the same side."""
    stages = [
        _stage(profile, other, protection)
        for other in profile.protections.values()
        if other is not protection and other.direction == protection.direction
    ]
    ahead = 1.0 if protection.rising else -1.0
    return [s for s in stages if s is not None and ahead * (s.value - protection.level) > 0]


def _stage(profile: Profile, other: Protection, protection: Protection) -> Toleranced | None:
    """Level of one protection's quantity at which another acts; None: it hangs on other things.

    What a sum and its parts, or two sums, share moves alike; the rest of the other's parts stays at
    nominal.
    """
    if other.threshold is None or protection.kind is None or other.kind is None:
        return None
    if other.watches == protection.watches:
        return Toleranced(other.level, other.threshold.tolerance, other.unit)
    sums = other.kind.is_sum or protection.kind.is_sum
    mine = profile.hierarchy.parts(protection.quantities(profile)[0])
    theirs = profile.hierarchy.parts(other.quantities(profile)[0]) if sums else ()
    shared = set(mine) & set(theirs)
    if not shared or other.is_of_spread:
        return None
    rest = sum(profile.nominal_of(part) for part in theirs if part not in shared)
    scale = len(mine) / len(shared)
    level = (other.level - rest) * scale
    return Toleranced(level, other.threshold.tolerance * scale, other.unit)


def _seen(
    profile: Profile,
    kind: Kind,
    moved: Mapping[str, float],
    of_kind: Mapping[Kind | None, list[float]],
) -> set[float]:
    """Give the values that there are of a kind, once these were set, each just once.

    So it costs what was set, not what there is: plans ask it for each of many cells.
    """
    if kind.is_sum:
        now = {**profile.nominal_values, **moved}
        return {profile.hierarchy.value(name, now) for name in profile.names_of(kind)}
    single = kinds()[kind.derived.of] if kind.derived else kind
    names, of_it = profile.names_of(single), of_kind.get(single, [])
    values = set(of_it)
    if len(of_it) < len(names):
        values.add(profile.nominal_values[names[0]])
    return {kind.derived.value([*values])} if kind.derived and values else values


def _exceeds(protection: Protection, values: Iterable[float]) -> bool:
    level = protection.level
    if protection.rising:
        return any(value > level for value in values)
    return any(value < level for value in values)
