"""In which order a plan's cases look for a defect, so that most are found within seconds. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from rig.mutants.result import Result
from rig.plan.case import Case

_START_S = 2.0  # added to each case: it starts the BMS and waits until it is ready


def cheap_first(cases: Iterable[Case]) -> list[Case]:
    """Order cases by what they cost and by how many of their family have looked before.

    A case's place is its virtual time multiplied by the square of its number in its family: the
    first case of a family is the likeliest to show something new, its tenth shows it seldom. So
    the first of all families come within a tenth of the plan's time, the cheap ones within seconds.
    In a family the protections take turns, each with its cheapest case first. (Of the nightly plan
    of 560 cases, 10 563 s, every family has looked after 1360 s; with equal shares of time for the
    families, after 3260 s; with the number itself in place of its square, after 2750 s.)
    """
    by_family: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        by_family[case.family].append(case)
    places: list[tuple[float, int, Case]] = []
    for number, members in enumerate(by_family.values()):
        place = 0.0
        for nth, case in enumerate(_in_turns(members), 1):
            place = max(place, (case.duration_s + _START_S) * nth**2)  # the turns stay as they are
            places.append((place, number, case))
    return [case for _, _, case in sorted(places, key=lambda place: place[:2])]


def _in_turns(cases: Sequence[Case]) -> list[Case]:
    turns: Counter[str | None] = Counter()
    placed = []
    for case in sorted(cases, key=lambda c: c.duration_s):
        placed.append((turns[case.protection], case.duration_s, case))
        turns[case.protection] += 1
    return [case for _, _, case in sorted(placed, key=lambda place: place[:2])]


def killers_first(order: Sequence[str], earlier: Result, variant: str) -> list[str]:
    """Put first what found this variant before, then what found most of the others."""
    killers: Counter[str] = Counter()
    own: set[str] = set()
    for row in earlier.rows:
        killers.update(list(row.found_by))
        own |= set(row.found_by) if row.variant.name == variant else set()
    return sorted(order, key=lambda case_id: (case_id not in own, -killers[case_id]))
