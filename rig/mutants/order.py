"""In which order a plan's cases look for a defect, so that most are found within seconds. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from rig.mutants.result import Result
from rig.plan.case import Case

_START_S = 2.0  # added to each case: it starts the BMS and waits until it is ready


def cheap_first(cases: Iterable[Case]) -> list[Case]:
    """Give every family the same share of virtual time; within one, cheap cases and others' turns.

    A case's place is the time that its family has used once it is through (fair queueing): short
    families are through soon, and a case of minutes waits until all others had their minutes. In a
    family the protections take turns, each with its cheapest case first.
    """
    places: list[tuple[float, int, Case]] = []
    by_family: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        by_family[case.family].append(case)
    for number, members in enumerate(by_family.values()):
        used_s = 0.0
        for case in _in_turns(members):
            used_s += case.duration_s + _START_S
            places.append((used_s, number, case))
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
