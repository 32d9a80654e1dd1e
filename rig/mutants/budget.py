"""Which cases of a plan find most within a given time. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rig.case import Case
from rig.mutants.order import cheap_first


def within(budget_s: float, cases: Sequence[Case], expected_s: Mapping[str, float]) -> list[Case]:
    """Choose cases by how much they find for their time, until the time is used up.

    Parameters
    ----------
    expected_s
        How long each case takes, by its id.

    Returns
    -------
    In the order of the plan.
    """
    left_s, chosen = budget_s, set[str]()
    for case in cheap_first(cases):
        if expected_s[case.id] <= left_s:
            left_s -= expected_s[case.id]
            chosen.add(case.id)
    return [case for case in cases if case.id in chosen]
