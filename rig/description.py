"""YAML files into checked models, and every mistake of a file named by line, column and field.

Knows no kind of description: those are pydantic models in their own rooms (`Description` is their
ancestor). A mistake says what is wrong, where, and what would be right; all of a file at once.
"""

from __future__ import annotations

import re
import types
import typing
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Generic, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainValidator,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import ErrorDetails

from rig.former_words import with_words_of_today
from rig.mistakes import BrokenDescriptionError, Mistake, mistake_error, nearest, suggest
from rig.yaml_data import Location, Positions, dotted, plain_data, shown_path, text_of

__all__ = [
    "BrokenDescriptionError",
    "Description",
    "Document",
    "Location",
    "Mistake",
    "Names",
    "Pattern",
    "PlainName",
    "Titled",
    "Typed",
    "by_key",
    "load",
    "mapping_schema",
    "mistake_error",
    "nearest",
    "parse",
    "read",
    "regex",
    "suggest",
    "with_keys",
]


class Description(BaseModel):
    """What stands in a YAML file: words with spaces there, SI names with units here."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        populate_by_name=True,
        alias_generator=lambda name: name.replace("_", " "),
    )

    @model_validator(mode="before")
    @classmethod
    def _with_words_of_today(cls, data: Any, info: ValidationInfo) -> Any:
        is_stored = info.context is not None and isinstance(data, dict)
        return with_words_of_today(data, _aliases(cls)) if is_stored else data

    def __copy__(self) -> Self:
        """Copy it, for `model_copy`; what the copy knows by a `cached_property` it finds anew."""
        copied = super().__copy__()
        for name in copied.__dict__.keys() - type(self).model_fields:
            del copied.__dict__[name]
        return copied


M = TypeVar("M", bound=BaseModel)


def regex(text: str) -> str:
    """Let a regular expression pass, if it is one, and if not every line matches it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a set that may mean something else one day
            pattern = re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise mistake_error(f'"{text}" is no regular expression: {error}', "correct it") from None
    if pattern.search(""):
        raise mistake_error(f'"{text}" matches every line', "write what the line must hold")
    return text


Pattern = Annotated[str, AfterValidator(regex)]


def _plain_name(text: str) -> str:
    """Let a name pass that can be that of a folder, on any system."""
    if not re.fullmatch(r"\w(?:[\w .+-]{0,78}\w)?", text):
        what = f'"{text}" is no plain name'
        raise mistake_error(what, "use letters, digits, and . + - between them, 80 at most")
    return text


def _titled(text: str) -> str:
    if not re.search(r"\w", text):
        raise mistake_error(f'"{text}" has no letter', "write some words")
    return text


def _typed(text: str) -> str:
    """Let a line pass that can be typed at a console."""
    if not text.strip():
        raise mistake_error("an empty line does nothing: an empty command", "write what is typed")
    if not text.isprintable():
        what = "it holds a control character, or is two lines"
        raise mistake_error(what, "write one line; the rig ends it by itself")
    return text


PlainName = Annotated[str, AfterValidator(_plain_name)]  # of a BMS or a bench: names folders
Titled = Annotated[str, AfterValidator(_titled)]
Typed = Annotated[str, AfterValidator(_typed)]


def _listed(value: Any) -> Any:
    """Let "charge path" stand for ["charge path"]."""
    return [value] if isinstance(value, str) else value


Names = Annotated[
    tuple[str, ...],
    BeforeValidator(_listed),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]


# Tags of a field that is one thing, or several by name; they are no part of where a value stands.
ONE, SEVERAL = "(one)", "(several)"


# ---- mappings whose values mean what their keys say ----------------------------------------------
@dataclass(frozen=True, slots=True)
class _Keyed:
    """A value together with its key, so that its validator knows what it is."""

    key: str
    value: Any


def with_keys(data: Any) -> Any:
    """Prepare a mapping for `by_key`; to stand in a BeforeValidator of the whole mapping."""
    return {k: _Keyed(k, v) for k, v in data.items()} if isinstance(data, dict) else data


def by_key(validate: Callable[[str, Any], Any]) -> PlainValidator:
    """Make the validator of one value, which takes its key too; a mistake stands at the value."""
    return PlainValidator(lambda entry: validate(entry.key, entry.value))


def mapping_schema(example: str) -> WithJsonSchema:
    """Give the JSON Schema of such a mapping."""
    return WithJsonSchema({"type": "object", "examples": [example]})


# ---- documents ----------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Document(Generic[M]):
    """A model together with where each of its values stands in its file."""

    path: str
    model: M
    positions: Positions

    def mistake(self, location: Sequence[int | str], what: str, mend: str) -> Mistake:
        """Name a mistake that only shows across files, at the value `location` leads to."""
        line, column = self.positions.value(tuple(location))
        return Mistake(self.path, line, column, dotted(tuple(location)), what, mend)

    def key_mistake(self, location: Sequence[int | str], what: str, mend: str) -> Mistake:
        """Name a mistake at the key itself."""
        line, column = self.positions.key(tuple(location))
        return Mistake(self.path, line, column, dotted(tuple(location)), what, mend)

    def at(self, location: Sequence[int | str]) -> str:
        """Say where a value stands: "file:line"."""
        return f"{self.path}:{self.positions.key(tuple(location))[0]}"


def load(path: Path | str, model: type[M]) -> M:
    """Read and check a description; BrokenDescriptionError names all of its mistakes."""
    return read(path, model).model


def read(path: Path | str, model: type[M], *, stored: bool = False) -> Document[M]:
    """Read and check a description, keeping where each value stands; see `parse`."""
    shown = shown_path(Path(path))
    return parse(text_of(Path(path), shown), model, shown, stored=stored)


def parse(text: str, model: type[M], file: str, *, stored: bool = False) -> Document[M]:
    """Check a description that is already in memory.

    Parameters
    ----------
    file : str
        Its name in messages.
    stored : bool
        A run keeps it: the words that it may have had then are read as those of today.

    Raises
    ------
    BrokenDescriptionError
        Naming every mistake.
    """
    data, positions, mistakes = plain_data(text, file)
    context = {"stored": True} if stored else None
    try:
        checked = model.model_validate(data, by_alias=True, by_name=False, context=context)
    except ValidationError as error:
        reported = {
            (m.line, m.column) for m in mistakes
        }  # what is no value is no wrong value besides
        named = _named(error.errors(include_url=False), model, positions, file)
        others = (m for m in named if (m.line, m.column) not in reported)
        raise BrokenDescriptionError([*mistakes, *others]) from None
    if mistakes:
        raise BrokenDescriptionError(mistakes)
    return Document(file, checked, positions)


# ---- what pydantic says, for people -------------------------------------------------------------
def _named(
    details: Iterable[ErrorDetails], model: type[BaseModel], positions: Positions, file: str
) -> Iterable[Mistake]:
    for detail in details:
        location = tuple(part for part in detail["loc"] if part not in (ONE, SEVERAL))
        what, mend = _explain(detail, _models_at(model, location[:-1]))
        at_key = detail["type"] in ("extra_forbidden", "missing", "mistake_at_key")
        line, column = (positions.key if at_key else positions.value)(location)
        yield Mistake(file, line, column, dotted(location), what, mend)


def _explain(detail: ErrorDetails, holders: Sequence[type[BaseModel]]) -> tuple[str, str]:
    kind, found, context = detail["type"], detail["input"], detail.get("ctx", {})
    last = str(detail["loc"][-1]) if detail["loc"] else ""
    holder = next((model for model in holders if last in _aliases(model)), None)
    match kind:
        case "mistake" | "mistake_at_key":
            said = str(context["what"]), str(context["mend"])
        case "extra_forbidden":
            said = (
                f'"{last}" is not known here',
                suggest(last, [name for model in holders for name in _aliases(model)]),
            )
            if re.match(r"\d", last):  # {cells: 3,30 V} has two keys
                said = said[0], f"where a decimal comma stands, write a point; {said[1]}"
        case "missing":
            said = f'"{last}" is missing', f"add {_example_line(holder, last)}"
        case "literal_error" | "enum":
            allowed = re.findall(r"'([^']*)'", str(context.get("expected", "")))
            said = f'"{found}" is none of the words known here', suggest(str(found), allowed)
        case _ if kind in _WANTED:
            wanted = _WANTED[kind]
            example = _WANTED_EXAMPLES.get(wanted) or _example(holder, last)
            said = f"{wanted} is wanted, found {_described(found)}", example
        case _ if kind in _BOUNDS:
            bound = next(iter(context.values()))
            said = f"it must be {_BOUNDS[kind]} {bound}, found {found}", "change the value"
        case _:
            said = f"{detail['msg']}, found {_described(found)}", "change the value"
    return said


_WANTED = {
    "string_type": "a text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a mapping of keys to values",
    "model_type": "a mapping of keys to values",
    "model_attributes_type": "a mapping of keys to values",
    "date_from_datetime_parsing": "a date",
    "date_from_datetime_inexact": "a date",
    "date_parsing": "a date",
    "date_type": "a date",
}
_WANTED_EXAMPLES = {
    "a whole number": "write for example 4",
    "a number": "write for example 0.5",
    "a text": "write it as one text, in quotes",
    "a list": "write for example [a, b]",
    "a mapping of keys to values": "write for example {key: value}",
    "true or false": "write true or false",
    "a date": "write for example 2027-03-31",
}
_BOUNDS = {
    "greater_than": "more than",
    "greater_than_equal": "at least",
    "less_than": "less than",
    "less_than_equal": "at most",
    "too_short": "of at least this length:",
    "string_too_short": "of at least this length:",
}


def _described(value: object) -> str:
    if isinstance(value, dict):
        return "a mapping with " + (", ".join(f'"{k}"' for k in list(value)[:4]) or "nothing in it")
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if value is None:
        return "nothing"
    return f"{value}".lower() if isinstance(value, bool) else f'"{value}"'


def _aliases(model: type[BaseModel]) -> list[str]:
    return [info.alias or name for name, info in model.model_fields.items() if not info.exclude]


def _example(holder: type[BaseModel] | None, alias: str) -> str:
    schema = _property(holder, alias)
    if examples := schema.get("examples"):
        return f"write for example {alias}: {examples[0]}"
    return "change the value"


def _example_line(holder: type[BaseModel] | None, alias: str) -> str:
    schema = _property(holder, alias)
    examples = schema.get("examples") or schema.get("enum")
    if examples:
        return f'for example "{alias}: {examples[0]}"'
    said = schema.get("description")
    return f'"{alias}: …"' + (f" ({said})" if said else "")


def _property(holder: type[BaseModel] | None, alias: str) -> dict[str, Any]:
    if holder is None:
        return {}
    found: dict[str, Any] = _properties(holder).get(alias, {})
    return found


@cache  # a schema takes longer than all else of a mistake, and a file may have thousands
def _properties(holder: type[BaseModel]) -> dict[str, Any]:
    properties: dict[str, Any] = holder.model_json_schema(by_alias=True).get("properties", {})
    return properties


def _models_at(model: type[BaseModel], location: Location) -> list[type[BaseModel]]:
    """Find the models that `location` may lead into; none where it leads to something else."""
    here: list[Any] = [model]
    for part in location:
        here = [child for annotation in here for child in _children(annotation, part)]
    return [option for annotation in here for option in _options(annotation) if _is_model(option)]


def _children(annotation: Any, part: int | str) -> Iterable[Any]:
    for option in _options(annotation):
        if _is_model(option):
            fields = option.model_fields.items()
            yield from (info.annotation for name, info in fields if part in (info.alias, name))
        elif arguments := typing.get_args(option):
            is_value = isinstance(part, str) and len(arguments) > 1
            yield arguments[1] if is_value else arguments[0]


def _is_model(option: Any) -> bool:
    return isinstance(option, type) and issubclass(option, BaseModel)


def _options(annotation: Any) -> list[Any]:
    """Look through Annotated, Optional and unions."""
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return _options(typing.get_args(annotation)[0])
    if origin in (typing.Union, types.UnionType):
        return [o for a in typing.get_args(annotation) for o in _options(a)]
    return [annotation]
