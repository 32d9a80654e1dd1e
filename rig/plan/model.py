"""A plan, from YAML, in the words of the BMS: families to expand, and cases written out in steps.

Shape and units are checked here, without a profile; whether the BMS has what is named is checked
where profile and plan meet (`rig.plan.written`, `rig.check`). Must not expand or resolve.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union

from pydantic import (
    BeforeValidator,
    Field,
    PlainValidator,
    PrivateAttr,
    WithJsonSchema,
    WrapValidator,
    create_model,
    field_validator,
    model_validator,
)

from rig.description import (
    BrokenDescriptionError,
    Description,
    Document,
    Location,
    Mistake,
    Names,
    Titled,
    mistake_error,
    read,
    suggest,
    with_keys,
)
from rig.description import parse as parse_description
from rig.expectations.reading import Said, models, said
from rig.steps.resolver import Resolver
from rig.steps.step import Step


# ---- steps --------------------------------------------------------------------------------------
class Repeat(Description):
    """Steps done again and again: a stimulus shorter than a period of the BMS, until it is met."""

    times: Annotated[int, Field(ge=1, le=1_000)]
    steps: Annotated[tuple[PlanStep, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _is_plain(self) -> Repeat:
        if any(step.repeat is not None for step in self.steps):
            raise mistake_error("a repeat stands in another one", "multiply their times")
        if marked := next((step.mark for step in self.steps if step.mark), None):
            what = f'a mark names one instant, and "{marked}" would be many'
            raise mistake_error(what, "put it on a step before or after the repeat")
        return self


class _PlanStep(Description):
    """One step: one action, and a mark where expectations refer to it."""

    repeat: Repeat | None = None
    mark: Annotated[str | None, Field(alias="as")] = None

    @model_validator(mode="before")
    @classmethod
    def _bare_word(cls, data: Any) -> Any:
        if not isinstance(data, str):
            return data
        if data in BARE_WORDS:
            return {data: BARE_WORDS[data]}
        raise mistake_error(f'"{data}" is no step', suggest(data, [*_KIND_OF_WORD, "repeat"]))

    @model_validator(mode="after")
    def _one_action(self) -> _PlanStep:
        actions = list(self._actions())
        if len(actions) != 1:
            named = " and ".join(actions) or "nothing"
            what = f"a step does one thing, this one does {named}"
            raise mistake_error(what, "make a step of each")
        return self

    def _actions(self) -> Iterator[str]:
        for name, info in type(self).model_fields.items():
            if name != "mark" and getattr(self, name) not in (None, ()):
                yield info.alias or name

    def step(self, names: Resolver) -> Step:
        """Make the step, its names held against a profile."""
        [word] = self._actions()
        names, content = names.at(word), getattr(self, _field(word))
        made = _KIND_OF_WORD[word].read(word, content, names)
        made.check(names)
        return made.marked(self.mark) if self.mark else made


def _field(word: str) -> str:
    return "do_" + re.sub(r"\W", "_", word)


_KIND_OF_WORD = {word: kind for kind in Step.kinds().values() for word in kind.words}
BARE_WORDS = {word: full for kind in Step.kinds().values() for word, full in kind.bare.items()}

if TYPE_CHECKING:
    PlanStep = _PlanStep
else:  # with a field for each word of each kind of step
    PlanStep = create_model(
        "PlanStep",
        __base__=_PlanStep,
        __module__=__name__,
        __doc__=_PlanStep.__doc__,
        **{
            _field(word): (kind.words[word] | None, Field(default=None, alias=word))
            for word, kind in _KIND_OF_WORD.items()
        },
    )
    Repeat.model_rebuild()


# ---- expectations -------------------------------------------------------------------------------
if TYPE_CHECKING:
    Expected = Said
else:  # the words of each kind, and short forms: "stays closed", [cell 3]
    Expected = Annotated[
        Union[str, list[str], *models()],
        WrapValidator(lambda entry, _: said(entry.key, entry.value)),
    ]


# ---- cases --------------------------------------------------------------------------------------
Chosen = tuple[int, ...] | Literal["each", "first"]


def _chosen(value: Any) -> Any:
    if value in ("each", "first"):
        return value
    numbers = [value] if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(numbers, list) or not all(isinstance(n, int) and n >= 1 for n in numbers):
        raise mistake_error(
            f'"{value}" chooses nothing', "write each, first, or numbers such as [1, 3]"
        )
    return tuple(numbers)


Choice = Annotated[
    Any,
    PlainValidator(_chosen),
    WithJsonSchema(
        {
            "anyOf": [
                {"enum": ["each", "first"]},
                {"type": "integer", "minimum": 1},
                {"type": "array", "items": {"type": "integer", "minimum": 1}},
            ]
        }
    ),
]


class PlanCase(Description):
    """A family to expand, or a case written out."""

    family: str | None = None
    name: Titled | None = None
    protections: Annotated[Names | None, Field(description="all, or names of the profile")] = None
    protection: str | None = None  # of a case written out: the one that it is about
    cells: Choice = "each"
    sensors: Choice = "each"
    repeats: Annotated[int, Field(ge=1, le=10_000)] = 1
    only: Annotated[
        Names,
        Field(description="of its cases those whose brackets hold one of these; * is anything"),
    ] = ()
    settings: dict[str, Any] = Field(default_factory=dict)  # of the family
    precondition: Annotated[
        Literal["ready", "off"],
        Field(description="off: the supply is off, and the steps start the BMS themselves"),
    ] = "ready"
    steps: tuple[PlanStep, ...] = ()
    expect: tuple[Annotated[dict[str, Expected], BeforeValidator(with_keys)], ...] = ()
    traces_to: Names = ()
    claims: Annotated[
        Names,
        Field(description="ids of claims that it answers beside those that its expectations tell"),
    ] = ()
    severity: Literal["blocker", "critical", "normal", "minor", "trivial"] | None = None
    tags: Names = ()

    _document: Document[PlanFile] | None = PrivateAttr(default=None)
    _index: int = PrivateAttr(default=0)

    @model_validator(mode="after")
    def _one_kind(self) -> PlanCase:
        if (self.family is None) == (self.name is None):
            raise mistake_error(
                "a case has either a family or a name",
                "write family: trip, or name: … with steps and expect",
            )
        unfit = (
            {"steps", "expect", "protection", "precondition", "claims"}
            if self.family
            else _OF_FAMILIES
        )
        if stray := {n.replace("_", " ") for n in self.model_fields_set} & unfit:
            kind = "a family expands by itself" if self.family else "a case written out has none"
            raise mistake_error(f'{kind}: "{sorted(stray)[0]}"', "remove it, or make two cases")
        if self.name is not None and not (self.steps and self.expect):
            raise mistake_error("a case written out needs steps and expect", "add what is missing")
        return self

    @property
    def source(self) -> str:
        """Where it stands: "file:line"."""
        return self._document.at(("cases", self._index)) if self._document else ""

    def mistake(self, location: Location, what: str, mend: str) -> Mistake:
        """Name a mistake that only shows against a profile or a bench."""
        if self._document is None:
            return Mistake("", 1, 1, ".".join(map(str, location)), what, mend)
        return self._document.mistake(("cases", self._index, *location), what, mend)

    def chosen_protections(self) -> tuple[str, ...] | None:
        """Give the protections named; None: all."""
        return None if self.protections in (None, ("all",)) else self.protections

    def cell_numbers(self, count: int) -> tuple[int, ...]:
        """Give the cells chosen, out of `count`."""
        return _numbers(self.cells, count)

    def sensor_numbers(self, count: int) -> tuple[int, ...]:
        """Give the sensors chosen, out of `count`."""
        return _numbers(self.sensors, count)


_OF_FAMILIES = {"protections", "cells", "sensors", "settings", "repeats", "only"}


def _numbers(chosen: Any, count: int) -> tuple[int, ...]:
    if chosen == "each":
        return tuple(range(1, count + 1))
    return (1,) if chosen == "first" else tuple(chosen)


_LEFT_OUT = 'write for example leaves out: {"short circuit: delay": the load is too slow}'


def _reasons(given: Any) -> Any:
    """Read claims with their reasons: a mapping, or a list of mappings."""
    entries = given if isinstance(given, list) else [given]
    if not all(isinstance(entry, dict) for entry in entries):
        raise mistake_error("a claim that is left out needs its reason", _LEFT_OUT)
    reasons = {claim: why for entry in entries for claim, why in entry.items()}
    if bare := [claim for claim, why in reasons.items() if not str(why or "").strip()]:
        raise mistake_error(f'"{bare[0]}" is left out without a reason', _LEFT_OUT)
    return reasons


class PlanFile(Description):
    """A plan."""

    name: Annotated[Titled, Field(alias="plan")]
    title: str = ""
    dut: Annotated[str | None, Field(alias="for")] = None
    traces_to: Names = ()  # of all cases
    tags: Names = ()
    leaves_out: Annotated[
        dict[str, str],
        BeforeValidator(_reasons),
        Field(description="claims that no case looks at, on purpose, and why; * is anything"),
        WithJsonSchema(
            {
                "anyOf": [{"type": "object"}, {"type": "array", "items": {"type": "object"}}],
                "examples": ['{"short circuit: delay": the load is too slow}'],
            }
        ),
    ] = Field(default_factory=dict)
    cases: tuple[PlanCase, ...]

    @field_validator("cases")
    @classmethod
    def _some(cls, cases: tuple[PlanCase, ...]) -> tuple[PlanCase, ...]:
        if not cases:
            raise mistake_error("a plan without cases proves nothing", "add a case")
        return cases


def load_plan(path: Path | str, *, stored: bool = False) -> PlanFile:
    """Load a plan, or one that a run keeps, and check its shape; names every mistake."""
    return _placed(read(path, PlanFile, stored=stored)).model


def read_plan(path: Path | str) -> Document[PlanFile]:
    """Load a plan, keeping where its values stand."""
    return _placed(read(path, PlanFile))


def parse_plan(text: str, file: str) -> PlanFile:
    """Check a plan that is already in memory; `file` is its name in messages."""
    return _placed(parse_description(text, PlanFile, file)).model


def _placed(document: Document[PlanFile]) -> Document[PlanFile]:
    """Let each case know where it stands."""
    for index, case in enumerate(document.model.cases):
        case._document, case._index = document, index
    if mistakes := list(_twice(document)):
        raise BrokenDescriptionError(mistakes)
    return document


def _twice(document: Document[PlanFile]) -> list[Mistake]:
    seen: dict[str, int] = {}
    mistakes = []
    for index, case in enumerate(document.model.cases):
        if case.name is None:
            continue
        if case.name in seen:
            what = f'the case "{case.name}" stands here twice, first as case {seen[case.name] + 1}'
            mistakes.append(
                document.mistake(("cases", index, "name"), what, "give it another name")
            )
        seen.setdefault(case.name, index)
    return mistakes
