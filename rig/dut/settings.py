"""What a user may change of a BMS, and how it keeps that: the section ``settings:`` of a profile.

A setting moves a figure of one protection; its factory value is what that protection claims, so
it is not repeated here. Must not hold defaults for claims: what is left out is not claimed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from rig import bounds
from rig.can_address import SignalAddress
from rig.description import Description, Location, Names, Pattern, Typed, mistake_error
from rig.quantity import Interval, QuantityError, Seconds, bounded, parse_range, reader

_UNITS = ("V", "A", "°C", "s")


def _range(value: Any) -> Any:
    """Read a range in whichever unit it is written; which one is right hangs on what it moves."""
    for unit in _UNITS:
        try:
            parse_range(value, unit)
        except QuantityError:
            continue
        return reader(parse_range, unit)(value)
    return reader(parse_range, "V")(value)  # names the mistake


class Setting(Description):
    """One setting: what it moves, and how far."""

    parameter: Literal["threshold", "recovery level", "delay"]
    of: str  # a protection
    within: Annotated[
        Interval,
        Field(alias="range"),
        BeforeValidator(_range),
        WithJsonSchema({"type": "string", "examples": ["3.45 V to 3.85 V"]}),
    ]
    values_s: Annotated[
        tuple[Annotated[Seconds, bounded(bounds.DELAY)], ...],
        Field(alias="values", description="of a delay: these alone"),
    ] = ()
    decimals: Annotated[int, Field(ge=0, le=6, description="as it is typed and shown")]

    def text(self, value: float) -> str:
        """Write a value as it is typed."""
        return f"{value:.{self.decimals}f}"


class Loss(Description):
    """What it does when it finds no good copy of its settings at a start."""

    provoked_by: str  # a console command: the maker's test hook
    flags: dict[SignalAddress, int]
    console: Pattern
    opens: Names  # outputs
    acknowledged_by: str  # a console command


class Settings(Description):
    """The settings, the console's words for them, and what is claimed of keeping them."""

    read: Typed  # "get {name}"
    write: Typed  # "set {name} {value}"
    save: Typed
    restore: Typed  # the factory's values, at once and saved
    shows: str  # a regular expression with {name} and {value}
    taken: Pattern
    saved: Pattern
    refused: Pattern
    answers_within_s: Annotated[
        Seconds, bounded(bounds.REPORT_TIME), Field(alias="answers within", gt=0)
    ]
    saved_within_s: Annotated[
        Seconds, bounded(bounds.REPORT_TIME), Field(alias="saved within", gt=0)
    ]
    each: Annotated[dict[str, Setting], Field(min_length=1)]
    loss: Loss | None = None
    traces_to: Names = ()

    @model_validator(mode="after")
    def _has_places(self) -> Settings:
        for key, text, places in (
            ("read", self.read, ("{name}",)),
            ("write", self.write, ("{name}", "{value}")),
            ("shows", self.shows, ("{name}", "{value}")),
        ):
            if missing := [place for place in places if place not in text]:
                what = f'{key}: "{text}" has no {missing[0]}'
                raise mistake_error(what, f"write {missing[0]} where it belongs")
        return self

    def reading(self, name: str) -> str:
        """Give the line that asks for a setting."""
        return self.read.replace("{name}", name)

    def writing(self, name: str, value: float | str) -> str:
        """Give the line that changes a setting; a text is written as it is."""
        text = value if isinstance(value, str) else self.each[name].text(value)
        return self.write.replace("{name}", name).replace("{value}", text)

    def shown(self, name: str, *values: float) -> str:
        """Give a regular expression for the answer that shows one of these values."""
        texts = "|".join(re.escape(self.each[name].text(value)) for value in values)
        shows = self.shows.replace("{name}", re.escape(name))
        return shows.replace("{value}", f"(?:{texts})")

    def signals(self) -> Iterator[tuple[Location, str]]:
        """Give every "Message.Signal" that the section names, with where it stands."""
        for said in self.loss.flags if self.loss else ():
            yield ("settings", "loss", "flags", said), said

    def touches(self, line: str) -> bool:
        """Whether a typed line may change a setting."""
        return line.split(maxsplit=1)[:1] == self.write.split(maxsplit=1)[:1]
