"""Families in which a protection acts and lets go several times in one case."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from rig.dut.profile import Profile, Protection
from rig.plan.families.applicable import chosen, has_level, recovers_by_itself
from rig.plan.families.contexts import flowing, flows
from rig.plan.families.draft import Draft, Options, Part, family
from rig.plan.families.expecting import all_stay, stay
from rig.plan.families.provoked import LET_GO, Provoked, at_each, one_each
from rig.plan.families.timing import AFTER_S
from rig.plan.stimulus import (
    APPLIED,
    REMOVED,
    beyond,
    far_beyond,
    just_beyond,
    normal_ends,
    opened,
    paths,
)
from rig.steps.hold import Hold
from rig.steps.set import Set

_ROUNDS = 3  # a thing that works once may fail the next time


@family("in turn")
def in_turn(profile: Profile, options: Options) -> Iterator[Draft]:
    """Each cell or sensor in turn, by little and by much: it acts and lets go every time.

    The others stand at nominal, at the other end of their normal range, or at the same end.
    """
    for name, protection in chosen(profile, options, _comes_and_goes):
        if protection.unit == "A" and not _closes_by_itself(profile):
            continue  # no current flows again until it is asked for
        turns = [it.numbered(f" {n}") for n, it in enumerate(_turns(profile, name), 1)]
        cycles = sum((it.cycle() for it in turns), Part())
        opens = {
            *protection.opens,
            *(o for it in turns for o in opened(profile, it.stimulus.values)),
        }
        yield turns[0].draft(
            f"{protection.short} acts and lets go {len(turns)} times, each at another place or"
            " by more",
            [turns[0].random_phase, *cycles.steps, Hold(duration_s=AFTER_S)],
            [
                *cycles.expectations,
                *stay((o for o in paths(profile) if o not in opens), is_open=False),
                # What it opens stays closed from the last recovery on.
                *stay(protection.opens, f"{LET_GO} {len(turns)}", is_open=False),
            ],
        )


def _closes_by_itself(profile: Profile) -> bool:
    """Whether its paths conduct again once a protection has let go, without being asked."""
    return profile.start.by != "request"


def _comes_and_goes(protection: Protection) -> bool:
    """Whether it acts on what can be made and unmade within seconds, as often as one likes."""
    return recovers_by_itself(protection) and not protection.watches.startswith(("host", "console"))


def _turns(profile: Profile, name: str) -> list[Provoked]:
    """Give one for each turn: every target, and three turns at least."""
    each, protection = at_each(profile, name), profile.protections[name]
    turns = each * -(-_ROUNDS // len(each))
    if not has_level(protection):
        return turns
    values = (just_beyond(protection), far_beyond(profile, name), beyond(profile, name))
    places, targets = _places(profile, protection), [it.target for it in each]
    return [
        _at_level(
            it, values[turn % len(values)], _others_at(targets, it, places[turn % len(places)])
        )
        for turn, it in enumerate(turns)
    ]


def _places(profile: Profile, protection: Protection) -> tuple[float | None, ...]:
    """Where the others stand: opposite, nominal, at the same end."""
    low, high = normal_ends(profile, protection)
    opposite, same = (low, high) if protection.rising else (high, low)
    return opposite, None, same


def _others_at(targets: Sequence[str], it: Provoked, place: float | None) -> dict[str, float]:
    return {} if place is None else {t: place for t in targets if t != it.target}


def _at_level(it: Provoked, level: float, others: Mapping[str, float]) -> Provoked:
    """The same at another value, with other quantities moved beforehand and back with it."""
    before = (Set(values=others), Hold(duration_s=AFTER_S)) if others else ()
    values = {it.target: level, **others}
    back = dict.fromkeys([it.target, *others], it.profile.nominal_of(it.target))
    stimulus = replace(
        it.stimulus,
        apply=(*before, Set(values={it.target: level}, mark=APPLIED)),
        remove=(Set(values=back, mark=REMOVED),),
        values=values,
    )
    return replace(it, stimulus=stimulus)


@family("with current")
def with_current(profile: Profile, options: Options) -> Iterator[Draft]:
    """Let current flow one way, then the other: what watches voltage or heat acts all the same.

    Where no current flows again until it is asked for, that takes a case each.
    """
    ways = list(flows(profile).values())
    together = _closes_by_itself(profile)
    for amps in ([ways] if together else [[amps] for amps in ways]) if ways else ():
        for it in one_each(profile, options, _is_no_current):
            parts = sum((flowing(a) + it.numbered(f" at {a:g} A").cycle() for a in amps), Part())
            yield it.draft(
                f"{it.short} acts and lets go while {' or '.join(f'{a:g} A' for a in amps)} flow",
                [it.random_phase, *parts.steps],
                [*parts.expectations, *all_stay(profile, it.stimulus.values)],
                None if together else {"current": f"{amps[0]:g} A"},
            )


def _is_no_current(protection: Protection) -> bool:
    return has_level(protection) and recovers_by_itself(protection) and protection.unit != "A"
