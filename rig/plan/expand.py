"""A plan and a profile become cases: families expanded, written ones resolved, each with its seed.

The same plan, profile and seed give the same cases in the same order, whatever else is selected.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from importlib.metadata import entry_points

from rig.dut.profile import Profile
from rig.plan.case import Case
from rig.plan.complete import complete
from rig.plan.families import FAMILIES, Draft, Family, Options


@cache
def families() -> dict[str, Family]:
    """Give the case families there are: the rig's own and those that plug in."""
    plugged = {e.name: e.load() for e in entry_points(group="rig.families")}
    return {**FAMILIES, **plugged}


def case_seed(seed: int, case_id: str) -> int:
    """Seed of one case: the same whichever other cases run, different for each of them."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{case_id}".encode()).digest()[:6], "big")


def expand_family(
    family: str, options: Options, profile: Profile, origin: Case, seed: int
) -> Iterator[Case]:
    """Expand one family; `origin` lends its plan, source, tags and overrides.

    Parameters
    ----------
    origin : Case
        A case of which plan, source, tags, severity ("" for the draft's own) and traces_to are
        taken over.
    """
    for draft in families()[family](profile, options):
        for repeat in range(1, options.repeats + 1):
            case_id = _id(family, draft, profile, repeat if options.repeats > 1 else None)
            parameters = dict(draft.parameters)
            if options.repeats > 1:
                parameters["repeat"] = str(repeat)
            case = replace(
                origin,
                id=case_id,
                title=draft.title,
                family=family,
                protection=draft.protection,
                parameters=parameters,
                steps=tuple(draft.steps),
                expectations=tuple(draft.expectations),
                seed=case_seed(seed, case_id),
                traces_to=(*draft.traces_to, *origin.traces_to),
                severity=origin.severity or draft.severity,
            )
            yield complete(case, profile)


def _id(family: str, draft: Draft, profile: Profile, repeat: int | None) -> str:
    """Short and stable: "trip[OVP-cell3-r2]"."""
    short = profile.protections[draft.protection].short if draft.protection else None
    parts = [short, *draft.parameters.values(), f"r{repeat}" if repeat else None]
    inner = "-".join(part.replace(" ", "") for part in parts if part)
    name = family.replace(" ", "_")
    return f"{name}[{inner}]" if inner else name
