"""YAML text to plain data, where each value stands, and what is no YAML. Builds no object of a tag.

A description is small and flat. Whatever would not end, flood or exhaust whoever reads it (deep
nesting, aliases of aliases, devices) is a mistake like any other, found before it is followed.
"""

from __future__ import annotations

import codecs
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from rig.mistakes import BrokenDescriptionError, Mistake, suggest

Location = tuple[int | str, ...]

MOST_LEVELS = 32  # our deepest description has 7
MOST_REPEATED = 10_000  # values that come again by aliases; who needs more writes a program
MOST_CHARACTERS = 10_000  # of a text; a long regular expression has 100
MOST_BYTES = 4_000_000  # a bench of 16,384 cells has 2 MB
_MOST_DIGITS = 400  # of a number: a float holds less than 1.8e308


@dataclass(slots=True)
class Positions:
    """Line and column of keys and values, both from 1."""

    keys: dict[Location, tuple[int, int]] = field(default_factory=dict)
    values: dict[Location, tuple[int, int]] = field(default_factory=dict)

    def key(self, location: Location) -> tuple[int, int]:
        """Where a key stands."""
        return self._deepest(self.keys, location)

    def value(self, location: Location) -> tuple[int, int]:
        """Where a value stands."""
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


def dotted(location: Location) -> str:
    """Write a way into a file: "cases[2].steps[0].set.cell 3", places in lists from 1."""
    text = ""
    for part in location:
        if isinstance(part, int):
            text += f"[{part + 1}]"
        elif part != "[key]":
            text += f".{part}" if text else part
    return text


# ---- file to text -------------------------------------------------------------------------------
def shown_path(path: Path) -> str:
    """The shorter of the path as given and relative to here: what a person would click."""
    try:
        return path.resolve().relative_to(Path.cwd()).as_posix()
    except (ValueError, OSError, RuntimeError):  # elsewhere; or no path at all
        return str(path)


def is_file(path: Path) -> bool:
    """Whether there is such a file; a name that no file can have is none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def is_folder(path: Path) -> bool:
    """Whether there is such a folder."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def text_of(path: Path, shown: str) -> str:
    """Read a file, if it is one; else BrokenDescriptionError."""
    try:
        about = path.stat()
        if stat.S_ISDIR(about.st_mode):
            what, mend = "this is a folder", "name a YAML file in it"
        elif not stat.S_ISREG(about.st_mode):  # it may never end, or never begin
            what, mend = "it is no file, but a device or a pipe", "name a YAML file"
        elif about.st_size > MOST_BYTES:
            what = f"it is larger than {MOST_BYTES / 1e6:g} MB, which no description is"
            mend = "name a YAML file"
        else:
            return path.read_text(encoding="utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        what, mend = "there is no such file", _others(path)
    except UnicodeDecodeError as error:
        raise BrokenDescriptionError([_not_utf_8(error, shown)]) from None
    except ValueError:
        what, mend = "this is no name of a file", "check the path"
    except OSError as error:
        what, mend = f"it can't be read: {error.strerror}", "check its name and its permissions"
    raise BrokenDescriptionError([Mistake(shown, 1, 1, "", what, mend)])


def _not_utf_8(error: UnicodeDecodeError, shown: str) -> Mistake:
    raw = bytes(error.object)
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return Mistake(shown, 1, 1, "", "this is UTF-16", "save the file as UTF-8")
    before = raw[: error.start]
    column = len(before) - (before.rfind(b"\n") + 1) + 1
    what = f"this is not UTF-8: the byte 0x{raw[error.start]:02x}"
    return Mistake(shown, before.count(b"\n") + 1, column, "", what, "save the file as UTF-8")


def _others(path: Path) -> str:
    others = [p.name for p in path.parent.glob("*.y*ml")] if path.parent.is_dir() else []
    return suggest(path.name, others, f"in {path.parent}") if others else "check the path"


# ---- text to nodes ------------------------------------------------------------------------------
class _Loader(yaml.SafeLoader):
    """YAML 1.2's core words: `on`, `off`, `yes`, `no`, `1:30` and dates stay texts."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.tags: dict[tuple[int, int], str] = {}  # by the place of what bears them
        self._level = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Compose as if no tag were there, and not deeper than a description is."""
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        if tag := getattr(event, "tag", None):
            self.tags[_place(event.start_mark)] = tag.replace("tag:yaml.org,2002:", "!!")
            event.tag = None
            if isinstance(event, yaml.ScalarEvent):
                event.implicit = (not event.style, bool(event.style))
        self._level += 1
        if self._level > MOST_LEVELS:
            raise yaml.composer.ComposerError(None, None, "too deep", event.start_mark)
        try:
            return super().compose_node(parent, index)
        finally:
            self._level -= 1


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("bool", r"true|false|True|False|TRUE|FALSE", list("tfTF")),
    ("int", r"[-+]?[0-9]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", list("-+.0123456789")),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), _first
    )


def _place(mark: yaml.Mark) -> tuple[int, int]:
    return mark.line + 1, mark.column + 1


# ---- nodes to data ------------------------------------------------------------------------------
def plain_data(text: str, file: str) -> tuple[dict[str, Any], Positions, list[Mistake]]:
    """Read a text: its data, where each value stands, and what in it means nothing.

    Raises
    ------
    BrokenDescriptionError
        It is no YAML, empty, or no mapping.
    """
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
    except yaml.YAMLError as error:
        raise BrokenDescriptionError([_syntax_mistake(error, text, file)]) from None
    if node is None:
        raise BrokenDescriptionError(
            [Mistake(file, 1, 1, "", "the file is empty", "write a description")]
        )
    reader = _Reader(loader.tags, file)
    data = reader.take(node, (), ())
    if not isinstance(data, dict):
        what = "the file holds no mapping of keys to values"
        raise BrokenDescriptionError(
            [*reader.mistakes, Mistake(file, 1, 1, "", what, 'write lines such as "name: …"')]
        )
    return data, reader.positions, reader.mistakes


class _Reader:
    """Walks the nodes of a file: values on one side, their positions and mistakes on the other."""

    def __init__(self, tags: dict[tuple[int, int], str], file: str) -> None:
        self._tags, self._file = tags, file
        self._taken: set[int] = set()
        self._repeated = 0
        self.positions = Positions()
        self.mistakes: list[Mistake] = []

    def take(self, node: yaml.Node, location: Location, above: tuple[int, ...]) -> Any:
        """Turn a node into plain data."""
        place = _place(node.start_mark)
        self.positions.values[location] = place
        self.positions.keys.setdefault(location, place)
        if id(node) in above:
            self._add(node, location, "an alias holds itself", "write the value out")
            return None
        self._tagged(node, location)
        self._count(node, location)
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
            key = self._text(key_node, location, str(key_node.value))
            inner = (*location, key)
            self._tagged(key_node, inner)
            if key == "<<":
                what = "a merge key takes nothing over here"
                self._add(key_node, inner, what, "write the values out, or one alias for all")
                continue
            if key in data:
                first = self.positions.keys[inner][0]
                what = f'"{key}" stands here twice, first in line {first}'
                self._add(key_node, inner, what, "keep one of the two")
                continue
            self.positions.keys[inner] = _place(key_node.start_mark)
            data[key] = self.take(value_node, inner, above)
        return data

    def _scalar(self, node: yaml.Node, location: Location) -> Any:
        text = str(node.value)
        match node.tag.rpartition(":")[2]:
            case "bool":
                return text.casefold() == "true"
            case "null":
                return None
            case "int" | "float" as kind:
                if (number := _number(text, kind)) is None:
                    self._add(node, location, f"{text} is too large", "write a smaller number")
                return number
            case _ if len(text) > MOST_CHARACTERS:
                self._add(node, location, f"{text} is too long", "write a line or two")
                return None
            case _:
                return self._text(node, location, text)

    def _text(self, node: yaml.Node, location: Location, text: str) -> str:
        """Give a text that UTF-8 can hold; half of a surrogate pair is no character."""
        halves = [character for character in text if "\ud800" <= character <= "\udfff"]
        if not halves:
            return text
        what = f"the escape for U+{ord(halves[0]):04X} is no character"
        self._add(node, location, what, "write the character itself")
        return text.encode("utf-8", "replace").decode()

    def _tagged(self, node: yaml.Node, location: Location) -> None:
        if tag := self._tags.get(_place(node.start_mark)):
            self._add(node, location, f"the tag {tag} means nothing here", "remove the tag")

    def _count(self, node: yaml.Node, location: Location) -> None:
        """Refuse what grows by aliases of aliases, before it has grown."""
        self._repeated += id(node) in self._taken
        self._taken.add(id(node))
        if self._repeated > MOST_REPEATED:
            what = f"aliases repeat more than {MOST_REPEATED:,} values"
            self._add(node, location, what, "write out what is meant")
            raise BrokenDescriptionError(self.mistakes)

    def _add(self, node: yaml.Node, location: Location, what: str, mend: str) -> None:
        place = _place(node.start_mark)
        self.mistakes.append(Mistake(self._file, *place, dotted(location), what, mend))


def _number(text: str, kind: str) -> float | None:
    """Read a number; None: no float holds it."""
    if len(text) > _MOST_DIGITS:
        return None
    number: float = float(text) if kind == "float" else int(text, 16 if "x" in text else 10)
    return number if abs(number) < 1e308 else None


# ---- what is no YAML ----------------------------------------------------------------------------
def _syntax_mistake(error: yaml.YAMLError, text: str, file: str) -> Mistake:
    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
        column = error.position - text.rfind("\n", 0, error.position)
        what = f"a text holds the control character U+{error.character:04X}"
        return Mistake(file, line, column, "", what, "remove it")
    mark = getattr(error, "problem_mark", None)
    problem = str(getattr(error, "problem", None) or error).splitlines()[0]
    if any(sign in problem for sign in _UNCLOSED):  # then where it was opened says more
        mark = getattr(error, "context_mark", None) or mark
    line, column = _place(mark) if mark else (1, 1)
    what, mend = (
        f"this is not YAML: {problem}",
        "check the indentation and the quotes in this line or above",
    )
    for sign, better, advice in _SYNTAX:
        if sign in problem:
            what, mend = better, advice
    return Mistake(file, line, column, "", what, mend)


_UNCLOSED = ("unexpected end of stream", "expected ',' or", "could not find expected ':'")
_SYNTAX = (
    (r"'\t'", "a tab stands where YAML wants spaces", "write spaces instead"),
    (
        "could not find expected ':'",
        'a line has no ": " between key and value',
        'write "key: value", with a blank after the colon',
    ),
    (
        "unknown escape character",
        "a backslash in double quotes begins an escape that there is not",
        "write \\\\d, or put single quotes around it: '\\d'",
    ),
    (
        "expected '<document start>'",
        "text stands beside the keys",
        'write "key: value" in each line',
    ),
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
    (
        "too deep",
        f"it is nested deeper than {MOST_LEVELS} levels",
        "write it flatter: no description needs so many",
    ),
)
