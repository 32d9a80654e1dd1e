"""A case written out in a plan, resolved against a profile: SI numbers, names that exist, marks.

Every name that the profile doesn't have is a mistake of the plan, with its line; all of a case are
named at once. Must not expand families.
"""

from __future__ import annotations

import re
from dataclasses import replace

from rig.case import Case
from rig.description import BrokenDescriptionError, Location, Mistake, suggest
from rig.dut.claims import claims_of, known, today
from rig.dut.profile import Profile
from rig.expectations import Expectation
from rig.expectations.reading import expected
from rig.plan.complete import complete
from rig.plan.model import PlanCase, PlanFile
from rig.steps import Step
from rig.steps.resolver import Resolver

__all__ = ["complete", "written_case"]


def written_case(plan: PlanFile, case: PlanCase, profile: Profile) -> Case:
    """Resolve a case written out; its seed is the caller's to give.

    Raises
    ------
    BrokenDescriptionError
        Naming everything that the profile doesn't have.
    """
    resolver = _Resolver(case, profile)
    steps = resolver.steps()
    expectations = resolver.expectations()
    if resolver.mistakes:
        raise BrokenDescriptionError(resolver.mistakes)
    made = Case(
        id=written_id(case.name or ""),
        title=case.name or "",
        plan=plan.name,
        family="steps",
        protection=case.protection,
        parameters={},
        steps=steps,
        expectations=expectations,
        outputs={},
        capture=None,
        seed=0,
        traces_to=(*plan.traces_to, *case.traces_to),
        claims=tuple(today(profile, claim) for claim in case.claims),
        severity=case.severity or "normal",
        tags=(*plan.tags, *case.tags),
        source=case.source,
        precondition=case.precondition,
    )
    return complete(made, profile)


def written_id(name: str) -> str:
    """Give the id of a case that is written out under this name."""
    return f"steps[{_slug(name)}]"


def _slug(name: str) -> str:
    """Make a sentence short enough for a node id and safe for a folder name."""
    return re.sub(r"[^\w.]+", "-", name.lower()).strip("-")[:80]


class _Resolver:
    """Holds a case against a profile, gathering mistakes as it goes."""

    def __init__(self, case: PlanCase, profile: Profile) -> None:
        self._case, self._profile = case, profile
        self.mistakes: list[Mistake] = []
        self._names = Resolver(profile, self._add)
        if case.precondition == "off" and "supply" not in profile.settable:
            self._add(
                ("precondition",), f"{profile.name} has no supply that can be off", "remove it"
            )
        if case.protection is not None:
            names = self._names.at("protection")
            names.known(case.protection, profile.protections, "protection")
        for i, claim in enumerate(case.claims):
            if not known(profile, [today(profile, claim)]):
                mend = suggest(claim, list(claims_of(profile)))
                self._add(("claims", i), f'{profile.name} claims no "{claim}"', mend)

    def steps(self) -> tuple[Step, ...]:
        """Resolve all steps."""
        made: list[Step] = []
        once: list[Step] = []
        for index, step in enumerate(self._case.steps):
            names, again = self._names.at("steps", index), step.repeat
            if again is None:
                these = [step.step(names)]
            else:
                names = names.at("repeat", "steps")
                these = [inner.step(names.at(i)) for i, inner in enumerate(again.steps)]
            once += these
            made += these * (again.times if again else 1)
        self._names = replace(self._names, steps=once)
        return tuple(made)

    def expectations(self) -> tuple[Expectation, ...]:
        """Resolve all expectations."""
        return tuple(
            made
            for index, entry in enumerate(self._case.expect)
            for name, words in entry.items()
            for made in expected(name, words, self._names.at("expect", index, name))
        )

    def _add(self, where: Location, what: str, mend: str) -> None:
        self.mistakes.append(self._case.mistake(where, what, mend))
