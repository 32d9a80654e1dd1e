"""Thresholds that no ramp finds: held between a value just inside and one just beyond.

An earlier stage acts on the way to them, or no output shows them. Must not walk a ramp.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from rig.dut.profile import Profile, Protection
from rig.expectations.trips import Trips
from rig.plan.families.applicable import delay_of, has_level, has_threshold, is_findable
from rig.plan.families.draft import Draft, Options, Part, after
from rig.plan.families.expecting import flags_stay, shown_in
from rig.plan.families.provoked import Provoked, each, one_each
from rig.plan.families.timing import AFTER_S, LONGER
from rig.plan.stimulus import APPLIED, REMOVED, acting, beyond, just_beyond, just_inside, value_at
from rig.quantity import format
from rig.steps.hold import Hold
from rig.steps.set import Set
from rig.time_reference import Crossing

_OFF_TOLERANCES = 1.5  # of a recovery level, as of a threshold


def brackets(profile: Profile, options: Options) -> Iterator[Draft]:
    """Go just inside and just beyond each threshold that `threshold` can't walk up to."""
    findable = is_findable(profile)
    for it in each(profile, options, only=has_level):
        if it.opens and not findable(it.protection):
            yield from _behind_a_stage(it)
    for it in one_each(profile, options, only=_only_warns):
        yield _warning(it)


def _only_warns(protection: Protection) -> bool:
    return has_threshold(protection) and not protection.opens and bool(protection.flags)


# ---- behind an earlier stage --------------------------------------------------------------------
def _behind_a_stage(it: Provoked) -> Iterator[Draft]:
    """Two cases: inside, the earlier stage opens in its own time; beyond, this one in its own."""
    there = acting(it.profile, {it.target: just_inside(it.protection)}).values()
    stages = [p for p in there if p != it.protection and it.opens[0] in p.opens]
    first = min(stages, key=lambda p: delay_of(p).low, default=None)
    if first is None or delay_of(first).low <= it.delay.high:
        return  # which of the two has acted could not be told
    yield _inside(it, first)
    yield _beyond(it)


def _inside(it: Provoked, first: Protection) -> Draft:
    value, delay = just_inside(it.protection), delay_of(first)
    inside = replace(it, stimulus=replace(it.stimulus, values={it.target: value}))
    beside, inside_s = acting(it.profile, {it.target: value}), delay.high + AFTER_S
    acts = Trips(
        output=it.opens[0],
        since=Crossing(quantity=it.target, level=first.level, rising=first.rising),
        low_s=delay.low,
        high_s=delay.high,
        claims=(f"protections/{it.name}/threshold/inside",),
    )
    return it.draft(
        f"at {format(value, it.protection.unit)}, just inside {it.at_place}, {first.short} acts"
        f" {after(delay)}, and nothing sooner",
        [
            it.random_phase,
            Set(values={it.target: value}, mark=APPLIED),
            Hold(duration_s=inside_s),
        ],
        [
            acts,
            *inside.keeps(),
            *shown_in(it.profile, inside_s, it.stays_silent(None, None, beside.values())),
        ],
        {"bracket": "inside"},
    )


def _beyond(it: Provoked) -> Draft:
    # Just beyond, or where its quantity ends before that.
    ends = just_beyond(it.protection), beyond(it.profile, it.name)
    values = {it.target: min(ends, key=lambda value: abs(value - it.protection.level))}
    apply = (Set(values=values, mark=APPLIED),)
    part = replace(it, stimulus=replace(it.stimulus, values=values, apply=apply)).trip()
    return it.draft(
        f"at {format(values[it.target], it.protection.unit)}, just beyond {it.at_place}, it acts"
        f" {after(it.delay)}",
        [it.random_phase, *part.steps],
        part.expectations,
        {"bracket": "beyond"},
        claims=[f"protections/{it.name}/threshold/beyond"],
    )


# ---- a warning ----------------------------------------------------------------------------------
def _warning(it: Provoked) -> Draft:
    """Its flag shows both levels: silent inside, raised beyond, kept, and taken back."""
    p = it.protection
    over = it.since(it.crosses(p.level, tripping=True, after="inside"))
    part = Part(
        [
            it.random_phase,
            _at(it, just_inside(p)),
            Hold(duration_s=LONGER * it.delay.high, mark="inside"),
            _at(it, just_beyond(p), APPLIED),
            Hold(duration_s=it.until_reported_s(), mark="raised"),
        ],
        [*it.stays_silent(None, "inside"), *over.flags_set(), *it.keeps()],
    )
    claims, levels = [f"protections/{it.name}/threshold"], str(p.threshold)
    if p.recovers and p.recovers.level is not None:
        levels += f" and taken back at {p.recovers.level}"
        part += _taken_back(it, p.recovers.level.value, p.recovers.level.tolerance)
        claims.append(f"protections/{it.name}/recovers/level")
    return it.draft(
        f"{it.at_place} is told at {levels}",
        part.steps,
        part.expectations,
        {"bracket": "both"},
        claims=claims,
    )


def _taken_back(it: Provoked, level: float, tolerance: float) -> Part:
    """Kept short of the recovery level, taken back behind it."""
    away = _OFF_TOLERANCES * tolerance * (1.0 if it.protection.rising else -1.0)
    back = it.crosses(level, tripping=False, after="kept")
    return Part(
        [
            _at(it, level + away),
            Hold(duration_s=LONGER * it.recovery.high, mark="kept"),
            _at(it, level - away, REMOVED),
            Hold(duration_s=it.until_reported_s(it.recovery)),
        ],
        [
            *flags_stay(it.protection, "raised", "kept"),
            *it.flags_cleared(back, it.recovery),
        ],
    )


def _at(it: Provoked, level: float, mark: str | None = None) -> Set:
    value = value_at(it.profile, it.protection, level)
    return Set(values={it.target: round(value, 6)}, mark=mark)
