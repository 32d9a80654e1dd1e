"""The matrix read the other way round: what each case and each family is worth. Pure.

Only a full matrix (every case on every build) can tell all of it; `Result.is_complete` says whether
it is. Of a run for each family, `lost_without_family` holds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from rig.mutants.result import Result, families_of


def finders(result: Result) -> dict[str, set[str]]:
    """Variant -> the cases that find it; those that nothing finds are not in it."""
    return {row.variant.name: set(row.found_by) for row in result.rows if row.found_by}


def found_by_case(result: Result) -> dict[str, list[str]]:
    """Case -> the variants that it finds, none for many of them."""
    found: dict[str, list[str]] = {case_id: [] for case_id in result.cases}
    for variant, cases in finders(result).items():
        for case_id in cases:
            found.setdefault(case_id, []).append(variant)
    return found


def found_by_family(result: Result) -> dict[str, list[str]]:
    """Family -> the variants that at least one of its cases finds."""
    return {
        family: [row.variant.name for row in result.rows if family in row.found_by.values()]
        for family in families_of(result)
    }


def lost_without_family(result: Result) -> dict[str, list[str]]:
    """Family -> variants that all cases of all others let pass: unfound without it."""
    only: Mapping[str, list[str]] = defaultdict(list)
    for row in result.rows:
        families = set(row.found_by.values())
        ran = {outcome.case_id for outcome in row.outcomes}
        left = {family for case_id, family in result.cases.items() if case_id not in ran}
        if len(families) == 1 and left <= families:
            only[families.pop()].append(row.variant.name)
    return {family: only[family] for family in families_of(result)}


def lost_without_case(result: Result) -> dict[str, list[str]]:
    """Case -> the variants that it alone finds; only such cases are in it."""
    only: dict[str, list[str]] = defaultdict(list)
    for variant, cases in finders(result).items():
        if len(cases) == 1:
            only[next(iter(cases))].append(variant)
    return dict(only)


def spare_cases(result: Result) -> list[str]:
    """Cases that find nothing alone: each of them could be cut, though not all at once."""
    alone = lost_without_case(result)
    return [case_id for case_id in result.cases if case_id not in alone]


def smallest_choice(result: Result) -> list[str]:
    """A few cases that find everything that the plan finds, the most fruitful first (greedily)."""
    left = finders(result)
    cases: list[str] = []
    while left:
        best = _best(result.cases, left.values())
        cases.append(best)
        left = {variant: by for variant, by in left.items() if best not in by}
    return cases


def _best(cases: Iterable[str], left: Iterable[set[str]]) -> str:
    counts: dict[str, int] = dict.fromkeys(cases, 0)
    for found_by in left:
        for case_id in found_by:
            counts[case_id] = counts.get(case_id, 0) + 1
    return max(counts, key=lambda case_id: counts[case_id])
