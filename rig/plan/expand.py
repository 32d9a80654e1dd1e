"""A plan and a profile become cases: families expanded, written ones resolved, each with its seed.

The same plan, profile and seed give the same cases in the same order, whatever else is selected.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from rig.bounds import MOST_CASES
from rig.case import Case
from rig.description import BrokenDescriptionError, Mistake, suggest
from rig.dut.profile import Profile
from rig.errors import DescriptionError
from rig.plan.complete import complete
from rig.plan.families import Draft, Options, families
from rig.plan.families.draft import name_before
from rig.plan.model import PlanCase, PlanFile
from rig.plan.reported import with_time_for_reports
from rig.plan.stimulus import targets_of
from rig.plan.written import origin_of, written_case
from rig.quantities import CELL, SUPPLY, TEMPERATURE
from rig.steps.power import Power
from rig.steps.set import Set


def case_seed(seed: int, case_id: str) -> int:
    """Seed of one case: the same whichever other cases run, different for each of them."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{case_id}".encode()).digest()[:6], "big")


def expand(plan: PlanFile, profile: Profile, seed: int) -> list[Case]:
    """Expand a plan over a profile.

    Raises
    ------
    BrokenDescriptionError
        The plan names a family, protection, quantity or output that there is not, or two cases
        would bear one id; all such mistakes at once.
    """
    cases: list[Case] = []
    mistakes: list[Mistake] = []
    for planned in plan.cases:
        try:
            cases += _not_too_many(planned, len(cases), _expand_one(plan, planned, profile, seed))
        except BrokenDescriptionError as error:
            mistakes += error.mistakes
    if mistakes:
        raise BrokenDescriptionError(mistakes)
    _refuse_twins(cases)
    return cases


def _not_too_many(planned: PlanCase, before: int, cases: Iterator[Case]) -> Iterator[Case]:
    for count, case in enumerate(cases, start=before + 1):
        if count > MOST_CASES:
            what = f"the plan makes more than {MOST_CASES:,} cases"
            mend = "choose fewer protections, cells or repeats, or make several plans of it"
            raise BrokenDescriptionError([planned.mistake(("repeats",), what, mend)])
        yield case


def _expand_one(plan: PlanFile, planned: PlanCase, profile: Profile, seed: int) -> Iterator[Case]:
    if planned.family is None:
        case = written_case(plan, planned, profile)
        yield replace(case, seed=case_seed(seed, case.id))
        return
    if mistakes := _unknown(planned, profile):
        raise BrokenDescriptionError(mistakes)
    settings = _Settings(planned.settings)
    options = Options(
        protections=planned.chosen_protections(),
        targets=_targets(planned, profile),
        repeats=planned.repeats,
        settings=settings,
    )
    try:
        made = expand_family(planned.family, options, profile, origin_of(plan, planned), seed)
        cases = list(_not_too_many(planned, 0, made))
    except BrokenDescriptionError:
        raise
    except DescriptionError as error:
        mistake = planned.mistake(("settings",), error.what, error.mend)
        raise BrokenDescriptionError([mistake]) from error
    if stray := sorted(set(settings) - settings.asked):
        what = f'the family "{planned.family}" has no setting "{stray[0]}"'
        mend = suggest(stray[0], sorted(settings.asked)) if settings.asked else "it has none"
        raise BrokenDescriptionError([planned.mistake(("settings", stray[0]), what, mend)])
    yield from _only(cases, planned)


def _only(cases: Sequence[Case], planned: PlanCase) -> Sequence[Case]:
    """Choose by what stands in the brackets of a case's id, but for the number of its repeat."""
    if not planned.only:
        return cases
    names = [_bracketed(case) for case in cases]
    chosen: set[str] = set()
    for i, pattern in enumerate(planned.only):
        meant = {name for name in names if fnmatchcase(name, pattern)}
        if not meant:
            what = f'the family "{planned.family}" makes no case "{pattern}" here'
            mend = suggest(pattern, sorted(set(names)))
            raise BrokenDescriptionError([planned.mistake(("only", i), what, mend)])
        chosen |= meant
    return [case for case, name in zip(cases, names, strict=True) if name in chosen]


def _bracketed(case: Case) -> str:
    inner = case.id.partition("[")[2].removesuffix("]")
    repeat = case.parameters.get("repeat")
    return inner.removesuffix(f"r{repeat}").removesuffix("-") if repeat else inner


class _Settings(dict[str, object]):
    """A family's settings, which remember what they were asked for: the rest is a mistake."""

    def __init__(self, given: Mapping[str, object]) -> None:
        super().__init__(given)
        self.asked: set[str] = set()

    def __contains__(self, name: object) -> bool:
        self.asked.add(str(name))
        return super().__contains__(name)


def _unknown(planned: PlanCase, profile: Profile) -> list[Mistake]:
    """Name the family and the protections that there are not."""
    mistakes = []
    if planned.family not in families():
        what = f'there is no family "{planned.family}"'
        today = next((n for n in families() if name_before(n) == planned.family), None)
        mend = (
            f'it is called "{today}" now'
            if today
            else suggest(str(planned.family), list(families()))
        )
        mistakes.append(planned.mistake(("family",), what, mend))
    for i, name in enumerate(planned.chosen_protections() or ()):
        if name not in profile.protections:
            what = f'{profile.name} has no protection "{name}"'
            mend = suggest(name, list(profile.protections))
            mistakes.append(planned.mistake(("protections", i), what, mend))
    return mistakes


def _targets(planned: PlanCase, profile: Profile) -> tuple[str, ...]:
    """Cells and sensors that the plan chose; what is neither is always meant."""
    cells = set(CELL.names(planned.cell_numbers(profile.cells.count)))
    sensors = set(TEMPERATURE.names(planned.sensor_numbers(len(profile.temperature_names))))
    numbered = {*profile.cell_names, *profile.temperature_names}
    every = {target for name in profile.protections for target in targets_of(profile, name)}
    return tuple(sorted(cells | sensors | (every - numbered)))


def _refuse_twins(cases: Sequence[Case]) -> None:
    first: dict[str, Case] = {}
    for case in cases:
        if case.id in first:
            raise DescriptionError(
                f"it makes the case {case.id} again, which {first[case.id].source} made first",
                case.source,
                "choose other protections or cells in one of them, or raise repeats instead",
            )
        first[case.id] = case


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
        if not _can_be_driven(draft, profile):
            continue
        for repeat in range(1, options.repeats + 1):
            inner = _inner(draft, profile, repeat if options.repeats > 1 else None)
            case_id = _id(family, inner)
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
                steps=with_time_for_reports(draft.steps, draft.expectations, profile),
                expectations=tuple(draft.expectations),
                seed=case_seed(seed, _id(name_before(family), inner)),
                traces_to=(*(draft.traces_to or ()), *origin.traces_to),
                claims=draft.claims,
                severity=origin.severity or draft.severity or "normal",
                precondition=draft.precondition,
            )
            yield complete(case, profile)


def _can_be_driven(draft: Draft, profile: Profile) -> bool:
    """Whether the bench has what its steps move: a BMS may live on its cells alone."""
    if SUPPLY.word in profile.settable:
        return True
    return not any(
        isinstance(step, Power) or (isinstance(step, Set) and SUPPLY.word in step.values)
        for step in draft.steps
    )


def _id(family: str, inner: str) -> str:
    """Short and stable: "trip[OVP-cell3-r2]"."""
    name = family.replace(" ", "_")
    return f"{name}[{inner}]" if inner else name


def _inner(draft: Draft, profile: Profile, repeat: int | None) -> str:
    """What tells a case from its family's others: "OVP-cell3-r2"."""
    short = profile.protections[draft.protection].short if draft.protection else None
    parts = [short, *draft.parameters.values(), f"r{repeat}" if repeat else None]
    return "-".join(part.replace(" ", "") for part in parts if part)
