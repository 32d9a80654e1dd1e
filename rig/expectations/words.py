"""Words that several kinds of expectation share in a plan: spans, time limits, instants."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from rig import bounds
from rig.description import Description, by_key, mistake_error, with_keys
from rig.instants import Crossing, Instant, Mark
from rig.quantities import unit_of
from rig.quantity import Interval, QuantityError, exact, parse, parse_interval, reader


class Words(Description):
    """What stands behind the name of an output, a signal … for one kind of expectation.

    Attributes
    ----------
    leads
        Words that say which kind it is; one of them stands there, or several where `together`.
    asks
        What a plan is asked, and told to add, where a word is missing that the kind needs.
    """

    leads: ClassVar[tuple[str, ...]]
    together: ClassVar[bool] = False
    asks: ClassVar[Mapping[str, tuple[str, str]]] = {}

    @classmethod
    def known(cls) -> dict[str, None]:
        """Give all words of this kind, those that lead first."""
        words = (info.alias or name for name, info in cls.model_fields.items())
        return dict.fromkeys((*cls.leads, *words))


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not re.fullmatch(r"[-+]?[\d.]+(e[-+]?\d+)?", str(value)):
        raise mistake_error(f'a signal has a number, not "{value}"', "write for example 1")
    return value


def _state(value: Any) -> Any:
    if value not in ("open", "closed"):
        raise mistake_error(f'"{value}" is no state of an output', "write open or closed")
    return value


Number = Annotated[float, BeforeValidator(_number)]
State = Annotated[Literal["open", "closed"], BeforeValidator(_state)]


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


if TYPE_CHECKING:
    After = Instant
else:
    After = Annotated[
        dict[str, Annotated[Any, by_key(_entry)]],
        BeforeValidator(_entries),
        AfterValidator(_instant),
        WithJsonSchema(
            {
                "anyOf": [{"type": "string"}, {"type": "object"}],
                "description": "a mark, or a quantity that crosses a level",
                "examples": ["{cell 3: above 3.65 V}"],
            }
        ),
    ]


def after_words(since: Instant) -> dict[str, Any]:
    """Write an instant."""
    if isinstance(since, Mark):
        return {"after": since.mark}
    way = "above" if since.rising else "below"
    level = {since.quantity: f"{way} {exact(since.level, unit_of(since.quantity))}"}
    return {"after": level | ({"since": since.after} if since.after else {})}


class Caused(Words):
    """What counts from an instant."""

    asks: ClassVar[Mapping[str, tuple[str, str]]] = {
        "after": ("since when does the time count?", "add after: with a mark or a crossing")
    }

    after: After


# ---- time limits --------------------------------------------------------------------------------
def _window(value: Any) -> Any:
    """Read "150 ms", at most so long; or an interval."""
    try:
        parse(value, "s")
    except QuantityError:
        return reader(parse_interval, "s", bounds.WINDOW)(value)
    return Interval(0.0, reader(parse, "s")(value), "s")


class Timed(Caused):
    """What comes within a time after an instant."""

    asks: ClassVar[Mapping[str, tuple[str, str]]] = {
        **Caused.asks,
        "within": ("within what time?", "add for example within: 150 ms"),
    }

    within: Annotated[
        Interval,
        BeforeValidator(_window),
        WithJsonSchema({"type": "string", "examples": ["150 ms"]}),
    ]


def seconds(low_s: float, high_s: float) -> str:
    """Write a time limit."""
    return f"{exact(low_s, 's')} to {exact(high_s, 's')}"


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
