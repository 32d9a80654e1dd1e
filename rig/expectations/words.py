"""Words that several kinds of expectation share in a plan: spans, time limits, instants."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema
from pydantic.fields import FieldInfo

from rig import bounds
from rig.description import Description, by_key, mistake_error, with_keys
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
            both = _both(info)
            made |= zip(both.names, _ends(value), strict=True) if both else {name: value}
        return made

    @classmethod
    def of(cls, made: object) -> dict[str, Any]:
        """Write the words that make an expectation so: the reverse of `fields`."""
        values: dict[str, Any] = {}
        for name, info in cls.model_fields.items():
            both = _both(info)
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


def _both(info: FieldInfo) -> Both | None:
    return next((tag for tag in info.metadata if isinstance(tag, Both)), None)


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
Figures = Mapping[str, tuple[str, str]]  # a field's word, and its unit: "" where it has none
NONE = "none"  # in place of a figure that the profile has


def given(words: Words, figures: Figures) -> dict[str, Any]:
    """Give the figures that a plan writes in place of the profile's."""
    found = {name: getattr(words, name) for name in figures}
    return {n: None if value == NONE else value for n, value in found.items() if value is not None}


def differing(made: Any, usual: Any, figures: Figures) -> dict[str, Any]:
    """Write the figures that are not the profile's."""
    return {
        word: _figure(getattr(made, name), unit)
        for name, (word, unit) in figures.items()
        if getattr(made, name) != getattr(usual, name)
    }


def _figure(value: Any, unit: str) -> Any:
    if isinstance(value, tuple):
        return [_figure(part, unit) for part in value]
    return NONE if value is None else exact(value, unit) if unit else value
