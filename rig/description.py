"""YAML files into checked models, and every mistake of a file named by line, column and field.

Knows no kind of description: those are pydantic models in their own rooms (`Description` is their
ancestor). A mistake says what is wrong, where, and what would be right; all of a file at once.
"""

from __future__ import annotations

import difflib
import re
import types
import typing
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Generic, TypeVar

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ValidationError,
    WithJsonSchema,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from rig.errors import DescriptionError

Location = tuple[int | str, ...]


class Description(BaseModel):
    """What stands in a YAML file: words with spaces there, SI names with units here."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        populate_by_name=True,
        alias_generator=lambda name: name.replace("_", " "),
    )


M = TypeVar("M", bound=BaseModel)


# ---- mistakes -----------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake: where it stands, what is wrong, how to mend it."""

    file: str
    line: int  # from 1; 0: of no file, such as a name that was given as an option
    column: int
    field: str
    what: str
    mend: str

    def __str__(self) -> str:
        named = f" {self.field}:" if self.field else ""
        place = f"{self.file}:{self.line}:{self.column}:" if self.line else f"{self.file}:"
        return f"{place}{named} {self.what}; {self.mend}"


class BrokenDescriptionError(DescriptionError):
    """A description with mistakes: all of them, in the order of the file."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(
            sorted(set(mistakes), key=lambda m: (m.file, m.line, m.column, m.what))
        )
        files = ", ".join(dict.fromkeys(m.file for m in self.mistakes))
        count = len(self.mistakes)
        what = f"{count} mistake{'s' if count != 1 else ''}"
        super().__init__(what, files, "see each line; nothing was started")

    def __str__(self) -> str:
        return "\n".join(map(str, self.mistakes))

    def __reduce__(self) -> tuple[Any, ...]:
        return BrokenDescriptionError, (self.mistakes,)


def mistake_error(what: str, mend: str) -> PydanticCustomError:
    """Make the error for a model's validator to raise: what is wrong, and what would be right."""
    return PydanticCustomError("mistake", "{what}", {"what": what, "mend": mend})


def regex(text: str) -> str:
    """Let a regular expression pass, if it is one."""
    try:
        re.compile(text)
    except re.error as error:
        raise mistake_error(f'"{text}" is no regular expression: {error}', "correct it") from None
    return text


Pattern = Annotated[str, AfterValidator(regex)]


def _listed(value: Any) -> Any:
    """Let "charge path" stand for ["charge path"]."""
    return [value] if isinstance(value, str) else value


Names = Annotated[
    tuple[str, ...],
    BeforeValidator(_listed),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Find the known word that `word` was probably meant to be; case, '_' and '-' don't count."""
    plain = {_plain(k): k for k in known}
    hits = difflib.get_close_matches(_plain(word), plain, n=1, cutoff=0.6)
    return plain[hits[0]] if hits else None


def _plain(word: str) -> str:
    return re.sub(r"[\s_-]+", " ", word).casefold().strip()


def suggest(word: str, known: Iterable[str], kind: str = "known") -> str:
    """Say what would be right in place of `word`: the nearest, or all there are."""
    names = list(known)
    if not names:
        return "remove it: there are none"
    hit = nearest(word, names)
    listed = ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
    return f'did you mean "{hit}"? ({kind}: {listed})' if hit else f"{kind}: {listed}"


# ---- documents ----------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Document(Generic[M]):
    """A model together with where each of its values stands in its file."""

    path: str
    model: M
    positions: _Positions

    def mistake(self, location: Sequence[int | str], what: str, mend: str) -> Mistake:
        """Name a mistake that only shows across files, at the value `location` leads to."""
        line, column = self.positions.value(tuple(location))
        return Mistake(self.path, line, column, _dotted(tuple(location)), what, mend)

    def key_mistake(self, location: Sequence[int | str], what: str, mend: str) -> Mistake:
        """Name a mistake at the key itself."""
        line, column = self.positions.key(tuple(location))
        return Mistake(self.path, line, column, _dotted(tuple(location)), what, mend)

    def at(self, location: Sequence[int | str]) -> str:
        """Say where a value stands: "file:line"."""
        return f"{self.path}:{self.positions.key(tuple(location))[0]}"


@dataclass(slots=True)
class _Positions:
    """Line and column of keys and values, both from 1."""

    keys: dict[Location, tuple[int, int]] = field(default_factory=dict)
    values: dict[Location, tuple[int, int]] = field(default_factory=dict)

    def key(self, location: Location) -> tuple[int, int]:
        return self._deepest(self.keys, location)

    def value(self, location: Location) -> tuple[int, int]:
        return self._deepest(self.values, location)

    def _deepest(
        self, table: dict[Location, tuple[int, int]], location: Location
    ) -> tuple[int, int]:
        """The file may not have all of the way; then its last part that it has."""
        if location in table:
            return table[location]
        for end in range(len(location), -1, -1):
            if location[:end] in self.keys:
                return self.keys[location[:end]]
        return 1, 1


def load(path: Path | str, model: type[M]) -> M:
    """Read and check a description; BrokenDescriptionError names all of its mistakes."""
    return read(path, model).model


def read(path: Path | str, model: type[M]) -> Document[M]:
    """Read and check a description, keeping where each value stands."""
    shown = _shown(Path(path))
    return parse(_text(Path(path), shown), model, shown)


def parse(text: str, model: type[M], file: str) -> Document[M]:
    """Check a description that is already in memory; `file` is its name in messages."""
    data, positions, mistakes = _plain_data(text, file)
    try:
        checked = model.model_validate(data, by_alias=True, by_name=False)
    except ValidationError as error:
        details = error.errors(include_url=False)
        raise BrokenDescriptionError(
            [*mistakes, *_named(details, model, positions, file)]
        ) from None
    if mistakes:
        raise BrokenDescriptionError(mistakes)
    return Document(file, checked, positions)


def _shown(path: Path) -> str:
    """The shorter of the path as given and relative to here: what a person would click."""
    try:
        return path.resolve().relative_to(Path.cwd()).as_posix()
    except ValueError:
        return str(path)


def _text(path: Path, shown: str) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        others = [p.name for p in path.parent.glob("*.y*ml")] if path.parent.is_dir() else []
        what, mend = "there is no such file", suggest(path.name, others, f"in {path.parent}")
        mend = mend if others else "check the path"
    except IsADirectoryError:
        what, mend = "this is a folder", "name a YAML file in it"
    except UnicodeDecodeError as error:
        what = f"byte {error.start} is not UTF-8"
        mend = "save the file as UTF-8"
    except OSError as error:
        what, mend = f"it can't be read: {error.strerror}", "check its permissions"
    raise BrokenDescriptionError([Mistake(shown, 1, 1, "", what, mend)])


# ---- YAML to plain data -------------------------------------------------------------------------
class _Loader(yaml.SafeLoader):
    """YAML 1.2's core words: `on`, `off`, `yes`, `no`, `1:30` and dates stay texts."""


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("bool", r"true|false|True|False|TRUE|FALSE", list("tfTF")),
    ("int", r"[-+]?\d+|0x[0-9a-fA-F]+", list("-+0123456789")),
    ("float", r"[-+]?(?:\.\d+|\d+(?:\.\d*)?)(?:[eE][-+]?\d+)?", list("-+.0123456789")),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), _first
    )


def _plain_data(text: str, file: str) -> tuple[Any, _Positions, list[Mistake]]:
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
    except yaml.YAMLError as error:
        raise BrokenDescriptionError([_syntax_mistake(error, file)]) from None
    if node is None:
        raise BrokenDescriptionError(
            [Mistake(file, 1, 1, "", "the file is empty", "write a description")]
        )
    reader = _Reader(loader, file)
    data = reader.take(node, (), ())
    if not isinstance(data, dict):
        what = "the file holds no mapping of keys to values"
        raise BrokenDescriptionError(
            [Mistake(file, 1, 1, "", what, 'write lines such as "name: …"')]
        )
    return data, reader.positions, reader.mistakes


class _Reader:
    """Walks the nodes of a file: values on one side, their positions and mistakes on the other."""

    def __init__(self, loader: _Loader, file: str) -> None:
        self._loader, self._file = loader, file
        self.positions = _Positions()
        self.mistakes: list[Mistake] = []

    def take(self, node: yaml.Node, location: Location, above: tuple[int, ...]) -> Any:
        """Turn a node into plain data."""
        self.positions.values[location] = _mark(node)
        self.positions.keys.setdefault(location, _mark(node))
        if id(node) in above:
            self._add(node, location, "an alias holds itself", "write the value out")
            return None
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, location, (*above, id(node)))
        if isinstance(node, yaml.SequenceNode):
            inner = (*above, id(node))
            return [self.take(child, (*location, i), inner) for i, child in enumerate(node.value)]
        return self._scalar(node, location)

    def _mapping(self, node: yaml.MappingNode, location: Location, above: tuple[int, ...]) -> Any:
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self._add(key_node, location, "a key is not a word", "put quotes around the key")
                continue
            key, inner = str(key_node.value), (*location, str(key_node.value))
            if key in data:
                first = self.positions.keys[inner][0]
                what = f'"{key}" stands here twice, first in line {first}'
                self._add(key_node, inner, what, "keep one of the two")
                continue
            self.positions.keys[inner] = _mark(key_node)
            data[key] = self.take(value_node, inner, above)
        return data

    def _scalar(self, node: yaml.Node, location: Location) -> Any:
        try:
            return self._loader.construct_object(node)
        except (yaml.YAMLError, ValueError):
            self._add(
                node,
                location,
                f"{node.value!r} with the tag {node.tag} means nothing",
                "remove the tag",
            )
            return None

    def _add(self, node: yaml.Node, location: Location, what: str, mend: str) -> None:
        self.mistakes.append(Mistake(self._file, *_mark(node), _dotted(location), what, mend))


def _mark(node: yaml.Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


def _syntax_mistake(error: yaml.YAMLError, file: str) -> Mistake:
    mark = getattr(error, "problem_mark", None)
    problem = str(getattr(error, "problem", None) or error).splitlines()[0]
    if any(sign in problem for sign in _UNCLOSED):  # then where it was opened says more
        mark = getattr(error, "context_mark", None) or mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    what, mend = (
        f"this is not YAML: {problem}",
        "check the indentation and the quotes in this line or above",
    )
    for sign, better, advice in _SYNTAX:
        if sign in problem:
            what, mend = better, advice
    return Mistake(file, line, column, "", what, mend)


_UNCLOSED = ("unexpected end of stream", "expected ',' or")
_SYNTAX = (
    (r"'\t'", "a tab stands where YAML wants spaces", "indent with spaces"),
    (
        "mapping values are not allowed",
        'a second ":" in one line',
        'put quotes around a text that holds ": "',
    ),
    ("expected a single document", "a second document begins", "keep one description in a file"),
    ("but found another document", "a second document begins", 'remove the line "---"'),
    ("undefined alias", "an alias has no anchor", "define it above with &"),
    ("expected ',' or '}'", 'a "{" is not closed, or a comma is missing', 'close it with "}"'),
    ("expected ',' or ']'", 'a "[" is not closed, or a comma is missing', 'close it with "]"'),
    ("unexpected end of stream", "a quote is not closed", "close it"),
)


# ---- what pydantic says, for people -------------------------------------------------------------
def _named(
    details: Iterable[ErrorDetails], model: type[BaseModel], positions: _Positions, file: str
) -> Iterable[Mistake]:
    for detail in details:
        location = tuple(detail["loc"])
        holder = _model_at(model, location[:-1])
        what, mend = _explain(detail, holder)
        at_key = detail["type"] in ("extra_forbidden", "missing")
        line, column = (positions.key if at_key else positions.value)(location)
        yield Mistake(file, line, column, _dotted(location), what, mend)


def _dotted(location: Location) -> str:
    """Write a way into a file: "cases[2].steps[0].set.cell 3", places in lists from 1."""
    text = ""
    for part in location:
        if isinstance(part, int):
            text += f"[{part + 1}]"
        elif part != "[key]":
            text += f".{part}" if text else part
    return text


def _explain(detail: ErrorDetails, holder: type[BaseModel] | None) -> tuple[str, str]:
    kind, found, context = detail["type"], detail["input"], detail.get("ctx", {})
    last = str(detail["loc"][-1]) if detail["loc"] else ""
    match kind:
        case "mistake":
            said = str(context["what"]), str(context["mend"])
        case "extra_forbidden":
            said = f'"{last}" is not known here', suggest(last, _aliases(holder))
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


def _aliases(model: type[BaseModel] | None) -> list[str]:
    if model is None:
        return []
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
    properties = holder.model_json_schema(by_alias=True).get("properties", {})
    found: dict[str, Any] = properties.get(alias, {})
    return found


def _model_at(model: type[BaseModel], location: Location) -> type[BaseModel] | None:
    """Find the model that `location` leads into; None where it leads to something else."""
    here: Any = model
    for part in location:
        here = _child(here, part)
    return _as_model(here)


def _child(annotation: Any, part: int | str) -> Any:
    if (model := _as_model(annotation)) is not None:
        for name, info in model.model_fields.items():
            if part in (info.alias, name):
                return info.annotation
        return None
    for option in _options(annotation):
        arguments = typing.get_args(option)
        if arguments:
            return arguments[1] if isinstance(part, str) and len(arguments) > 1 else arguments[0]
    return None


def _as_model(annotation: Any) -> type[BaseModel] | None:
    for option in _options(annotation):
        if isinstance(option, type) and issubclass(option, BaseModel):
            return option
    return None


def _options(annotation: Any) -> list[Any]:
    """Look through Annotated, Optional and unions."""
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return _options(typing.get_args(annotation)[0])
    if origin in (typing.Union, types.UnionType):
        return [o for a in typing.get_args(annotation) for o in _options(a)]
    return [annotation]
