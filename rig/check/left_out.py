"""What a plan leaves out of a profile's claims, held against both. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rig.case import Case
from rig.description import Document, Mistake, suggest
from rig.dut.profile import Profile
from rig.plan.coverage import claimed, matching, untested
from rig.plan.model import PlanFile


def left_out_mistakes(
    plan: Document[PlanFile], profile: Profile, cases: Sequence[Case]
) -> Iterator[Mistake]:
    """Find what is no claim of the BMS, and what a case looks at all the same."""
    if not plan.model.leaves_out:
        return
    open_ = set(untested(profile, cases))
    for pattern in plan.model.leaves_out:
        meant, where = matching(pattern, profile), ("leaves out", pattern)
        if not meant:
            what = f'{profile.name} claims no "{pattern}"'
            yield plan.key_mistake(where, what, suggest(pattern, claimed(profile)))
        elif open_.isdisjoint(meant):
            what = f'"{pattern}" is left out, and a case of this plan looks at it'
            yield plan.key_mistake(where, what, "remove the line, or the case")
