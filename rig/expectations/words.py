"""Words that several kinds of expectation share in a plan: subjects, spans, time limits, instants.

A subject stands before them: an output, a signal, a message, or one of a fixed name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema
from pydantic.fields import FieldInfo

from rig import bounds
from rig.can_address import MessageAddress, SignalAddress
from rig.console_name import OWN_CONSOLE, is_console
from rig.description import Description, by_key, mistake_error, with_keys
from rig.dut.profile import Profile
from rig.quantities import unit_of
from rig.quantity import (
    Interval,
    QuantityError,
    TimeWindow,
    Toleranced,
    exact,
    parse,
    parse_interval,
    reader,
    unitless,
)
from rig.time_reference import Crossing, Mark, TimeReference


# ---- what something is expected of --------------------------------------------------------------
def _nothing(name: str, profile: Profile) -> bool:
    del name, profile
    return False


@dataclass(frozen=True, slots=True)
class Subject:
    """What stands before an expectation in a plan.

    Parameters
    ----------
    said
        In a sentence: "an output".
    name
        Its name where it has always the same; "" where a profile or a DBC gives names.
    is_named
        Whether a profile, or a bench, has one of this name.
    field, kind
        The field of an expectation that holds the name, and its type; "" where it is `name`.
    """

    said: str
    name: str = ""
    is_named: Callable[[str, Profile], bool] = _nothing
    field: str = ""
    kind: type[str] = str

    def has(self, name: str, profile: Profile) -> bool:
        """Whether it is this that is called so in a BMS."""
        return name == self.name or self.is_named(name, profile)

    def fields(self, name: str) -> dict[str, str]:
        """Give the field of an expectation that a name makes."""
        return {self.field: self.kind(name)} if self.field else {}

    def name_of(self, made: object) -> str:
        """Give the name that an expectation has in a plan: the reverse of `fields`."""
        return str(getattr(made, self.field)) if self.field else self.name


def _is_message(name: str, profile: Profile) -> bool:
    events, address = profile.events, MessageAddress(name)
    elsewhere = (address.bus in profile.buses or address.module) and "." not in address.name
    of_events = events is not None and name == events.message
    return name in profile.messages or of_events or bool(elsewhere)


SIGNAL = Subject(  # the DBC is asked later
    "a signal",
    is_named=lambda name, _: bool(SignalAddress(name).name),
    field="signal",
    kind=SignalAddress,
)
MESSAGE = Subject("a message", is_named=_is_message, field="message", kind=MessageAddress)
OUTPUT = Subject(
    "an output", is_named=lambda name, profile: name in profile.outputs, field="output"
)
CONSOLE = Subject("the console", OWN_CONSOLE, lambda name, _: is_console(name), field="console")
TELEMETRY = Subject("telemetry", "telemetry")
BALANCING = Subject("balancing", "balancing")
ENERGY = Subject("energy", "energy")


# ---- what is expected of it ---------------------------------------------------------------------
class Words(Description):
    """What stands behind the name of an output, a signal … for one kind of expectation.

    Attributes
    ----------
    leads
        Words that say which kind it is; one of them stands there, or several where `together`.
    asks
        What a plan is asked, and told to add, where a word is missing that the kind needs.
    """

    leads: ClassVar[tuple[str, ...]] = ()
    together: ClassVar[bool] = False
    asks: ClassVar[Mapping[str, tuple[str, str]]] = {}

    def fields(self) -> dict[str, Any]:
        """Give the fields of an expectation that they make; a field of that name for each word."""
        made: dict[str, Any] = {}
        for name, info in type(self).model_fields.items():
            value = getattr(self, name)
            both = _tag(info, Both)
            made |= zip(both.names, _ends(value), strict=True) if both else {name: value}
        return made

    @classmethod
    def of(cls, made: object) -> dict[str, Any]:
        """Write the words that make an expectation so: the reverse of `fields`."""
        values: dict[str, Any] = {}
        for name, info in cls.model_fields.items():
            both = _tag(info, Both)
            ends = tuple(getattr(made, end) for end in both.names) if both else ()
            is_left_out = both and not any(ends) and not info.is_required()
            values[name] = None if is_left_out else ends if both else getattr(made, name)
        words = cls.model_construct(**values)
        found = words.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        return {word: found[word] for word in cls.known() if word in found}

    @classmethod
    def known(cls) -> dict[str, None]:
        """Give all words of this kind, those that lead first."""
        words = (info.alias or name for name, info in cls.model_fields.items())
        return dict.fromkeys((*cls.leads, *words))


class Both:
    """Tag of a word that makes two fields of an expectation: its ends, its value and tolerance."""

    def __init__(self, *names: str) -> None:
        self.names = names


class Figure:
    """Tag of a word for a figure that a profile has too; its unit, "" where it has none."""

    def __init__(self, unit: str = "") -> None:
        self.unit = unit


T = TypeVar("T", Both, Figure)


def _tag(info: FieldInfo, kind: type[T]) -> T | None:
    return next((tag for tag in info.metadata if isinstance(tag, kind)), None)


def _ends(value: Any) -> tuple[float, float]:
    if isinstance(value, Interval):
        return value.low, value.high
    return (value.value, value.tolerance) if isinstance(value, Toleranced) else value or (0.0, 0.0)


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not re.fullmatch(r"[-+]?[\d.]+(e[-+]?\d+)?", str(value)):
        raise mistake_error(f'a signal has a number, not "{value}"', "write for example 1")
    return value


def _is_open(state: Any) -> bool:
    if state not in ("open", "closed"):
        raise mistake_error(f'"{state}" is no state of an output', "write open or closed")
    return bool(state == "open")


Number = Annotated[float, BeforeValidator(_number), PlainSerializer(unitless)]
IsOpen = Annotated[
    bool,
    BeforeValidator(_is_open),
    PlainSerializer(lambda is_open: "open" if is_open else "closed"),
    WithJsonSchema({"enum": ["open", "closed"], "type": "string"}),
]


# ---- instants -----------------------------------------------------------------------------------
def _level(key: str, value: Any) -> tuple[bool, float]:
    """Read "above 3.65 V": the quantity crosses the level, rising or falling."""
    match = re.fullmatch(r"(above|below)\s+(.*)", str(value))
    if match is None:
        raise mistake_error(f'"{value}" does not say which way', 'write for example "above 3.65 V"')
    return match[1] == "above", reader(parse, unit_of(key))(match[2])


def _entry(key: str, value: Any) -> Any:
    return str(value) if key in ("mark", "since") else _level(key, value)


def _entries(value: Any) -> Any:
    entries = {"mark": value} if isinstance(value, str) else value
    if isinstance(entries, dict) and len(entries.keys() - {"since"}) != 1:
        what = "an instant is one mark, or one quantity that crosses a level"
        raise mistake_error(what, 'write for example {cell 3: "above 3.65 V"}')
    return with_keys(entries)


def _instant(entries: Any) -> Any:
    if "mark" in entries:
        return Mark(mark=entries["mark"])
    since = entries.pop("since", None)
    [(quantity, (rising, level))] = entries.items()
    return Crossing(quantity=quantity, level=level, rising=rising, after=since)


def _instant_words(since: TimeReference) -> Any:
    if isinstance(since, Mark):
        return since.mark
    way = "above" if since.rising else "below"
    level = {since.quantity: f"{way} {exact(since.level, unit_of(since.quantity))}"}
    return level | ({"since": since.after} if since.after else {})


if TYPE_CHECKING:
    After = TimeReference
else:
    After = Annotated[
        dict[str, Annotated[Any, by_key(_entry)]],
        BeforeValidator(_entries),
        AfterValidator(_instant),
        PlainSerializer(_instant_words),
        WithJsonSchema(
            {
                "anyOf": [{"type": "string"}, {"type": "object"}],
                "description": "a mark, or a quantity that crosses a level",
                "examples": ["{cell 3: above 3.65 V}"],
            }
        ),
    ]


class Caused(Words):
    """What counts from an instant."""

    asks: ClassVar[Mapping[str, tuple[str, str]]] = {
        "after": ("since when does the time count?", "add after: with a mark or a crossing")
    }

    since: Annotated[After, Field(alias="after")]


# ---- time limits --------------------------------------------------------------------------------
def _window(value: Any) -> Any:
    """Read "150 ms", at most so long; or an interval."""
    try:
        parse(value, "s")
    except QuantityError:
        return reader(parse_interval, "s", bounds.WINDOW)(value)
    return Interval(0.0, reader(parse, "s")(value), "s")


SECONDS = PlainSerializer(lambda ends: f"{exact(ends[0], 's')} to {exact(ends[1], 's')}")
Limits = Annotated[TimeWindow, SECONDS, Both("low_s", "high_s")]


class Timed(Words):
    """What comes within a time after an instant."""

    asks: ClassVar[Mapping[str, tuple[str, str]]] = {
        **Caused.asks,
        "within": ("within what time?", "add for example within: 150 ms"),
    }

    within: Annotated[
        Interval,
        BeforeValidator(_window),
        WithJsonSchema({"type": "string", "examples": ["150 ms"]}),
        SECONDS,
        Both("low_s", "high_s"),
    ]
    since: Annotated[After, Field(alias="after")]


# ---- spans --------------------------------------------------------------------------------------
class Spanned(Words):
    """What holds between two marks; left out: the begin and the end of the record."""

    begin: Annotated[str | None, Field(alias="from")] = None
    end: Annotated[str | None, Field(alias="to")] = None


def span_words(begin: str | None, end: str | None) -> dict[str, Any]:
    """Write a span."""
    ends = {"from": begin, "to": end}
    return {word: mark for word, mark in ends.items() if mark is not None}


# ---- figures that a profile has too -------------------------------------------------------------
NONE = "none"  # in place of a figure that the profile has


def given(words: Words) -> dict[str, Any]:
    """Give the figures that a plan writes in place of the profile's."""
    found = {name: getattr(words, name) for name, _, _ in _figures(type(words))}
    return {n: None if value == NONE else value for n, value in found.items() if value is not None}


def differing(words: type[Words], made: object, usual: object) -> dict[str, Any]:
    """Write the figures that are not the profile's."""
    return {
        word: _figure(getattr(made, name), unit)
        for name, word, unit in _figures(words)
        if getattr(made, name) != getattr(usual, name)
    }


def _figures(words: type[Words]) -> Iterator[tuple[str, str, str]]:
    """Give the field, the word and the unit of each figure."""
    for name, info in words.model_fields.items():
        if (figure := _tag(info, Figure)) is not None:
            yield name, info.alias or name, figure.unit


def _figure(value: Any, unit: str) -> Any:
    if isinstance(value, tuple):
        return [_figure(part, unit) for part in value]
    return NONE if value is None else exact(value, unit) if unit else value
