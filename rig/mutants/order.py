"""In which order a plan's cases look for a defect, so that most are found within seconds. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from rig.mutants.result import Result
from rig.plan.case import Case

_Situation: TypeAlias = tuple[tuple[str, str], ...]
# Parameters that tell which of many that are alike; all others tell the situation.
_WHICH = frozenset(
    ("at", "with", "with at", "of", "setting", "to", "quantity", "highest", "bleeds", "repeat")
)
_START_S = 2.0  # added to each case: it starts the BMS and waits until it is ready


def cheap_first(cases: Iterable[Case]) -> list[Case]:
    """Order cases by what they cost and by how many like them have looked before.

    The first case of a family is the likeliest to show something new, its tenth shows it seldom;
    but a family may know several situations (a loaded bus, a partner that is gone), which differ
    more than two cells do. So a case's place is its virtual time multiplied by the number of its
    situation in its family and by the square of its own number in its situation. The first of all
    families come within a tenth of the plan's time, the cheap ones within seconds. In a situation
    the protections take turns, each with its cheapest case first.
    """
    families: dict[str, dict[_Situation, list[Case]]] = {}
    for case in cases:
        families.setdefault(case.family, {}).setdefault(_situation(case), []).append(case)
    places: list[tuple[float, int, Case]] = []
    for situations in families.values():
        cheapest_first = sorted(situations.values(), key=lambda m: min(c.duration_s for c in m))
        for number, members in enumerate(cheapest_first, 1):
            place = 0.0
            for nth, case in enumerate(_in_turns(members), 1):
                # The turns stay as they are.
                place = max(place, (case.duration_s + _START_S) * number * nth**2)
                places.append((place, len(places), case))
    return [case for _, _, case in sorted(places, key=lambda place: place[:2])]


def _situation(case: Case) -> _Situation:
    return tuple(sorted((k, str(v)) for k, v in case.parameters.items() if k not in _WHICH))


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
