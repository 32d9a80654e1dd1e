"""A plan, from YAML, in the words of the BMS: families to expand, and cases written out in steps.

Shape and units are checked here, without a profile; whether the BMS has what is named is checked
where profile and plan meet (`rig.plan.written`, `rig.check`). Must not expand or resolve.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Field,
    PlainValidator,
    PrivateAttr,
    TypeAdapter,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from rig import bounds
from rig.description import (
    BrokenDescriptionError,
    Description,
    Document,
    Location,
    Mistake,
    Names,
    Pattern,
    Titled,
    Typed,
    mistake_error,
    read,
    regex,
    suggest,
)
from rig.description import parse as parse_description
from rig.quantities import is_settable, settable, unit_of
from rig.quantity import (
    Interval,
    Period,
    Promise,
    QuantityError,
    Ratio,
    Seconds,
    Toleranced,
    bounded,
    format,
    parse,
    parse_interval,
    parse_toleranced,
    reader,
    unit_of_difference,
)

_WAIT_TIME = TypeAdapter(Annotated[Seconds, bounded(bounds.WAIT)])
_EVERY = TypeAdapter(Annotated[Seconds, bounded(bounds.FASTEST)])
_JITTER = TypeAdapter(Annotated[Seconds, bounded(bounds.STEP_TIME)])


def _unit_of_settable(quantity: str) -> str:
    if not is_settable(quantity):
        raise mistake_error(
            f'"{quantity}" is nothing that can be set', suggest(quantity, settable())
        )
    return unit_of(quantity)


# ---- entries whose meaning hangs on their key ----------------------------------------------------
@dataclass(frozen=True, slots=True)
class _Keyed:
    """A value together with its key, so that its validator knows what it is."""

    key: str
    value: Any


def _with_keys(data: Any) -> Any:
    return {k: _Keyed(k, v) for k, v in data.items()} if isinstance(data, dict) else data


def _each(validate: Callable[[str, Any], Any]) -> PlainValidator:
    return PlainValidator(lambda entry: validate(entry.key, entry.value))


def _mapping_schema(example: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "object", "examples": [example]})


def _setting(key: str, value: Any) -> float:
    number: float = reader(parse, _unit_of_settable(key))(value)
    return number


def _wait(key: str, value: Any) -> Any:
    if key == "within":
        return _WAIT_TIME.validate_python(value)
    if isinstance(value, bool | int | float) or value in ("open", "closed"):
        return value
    if key == "console" and isinstance(value, str):
        return regex(value)
    hint = "write open or closed (an output), a number (a signal), or console: a regular expression"
    raise mistake_error(f'"{value}" is no state to wait for', hint)


def _sending(key: str, value: Any) -> Any:
    if key in ("every", "jitter"):
        return (_EVERY if key == "every" else _JITTER).validate_python(value)
    if key == "wrong":
        return _wrong(value)
    if key == "times":
        is_number = isinstance(value, int) and not isinstance(value, bool)
        if not is_number or not 1 <= value <= bounds.MOST_TIMES:
            what = f'"{value}" is no number of times: 1 to {bounds.MOST_TIMES:,}'
            raise mistake_error(what, "write for example times: 5")
        return value
    numbers = value or {}
    if not isinstance(numbers, dict) or not all(
        isinstance(v, int | float) for v in numbers.values()
    ):
        raise mistake_error(
            "signals are a mapping of names to numbers", "write for example {Mode: 1}"
        )
    return numbers


def _level(key: str, value: Any) -> tuple[bool, float]:
    """Read "above 3.65 V": the quantity crosses the level, rising or falling."""
    match = re.fullmatch(r"(above|below)\s+(.*)", str(value))
    if match is None:
        raise mistake_error(f'"{value}" does not say which way', 'write for example "above 3.65 V"')
    return match[1] == "above", reader(parse, unit_of(key))(match[2])


def _instant_entry(key: str, value: Any) -> Any:
    return str(value) if key in ("mark", "since") else _level(key, value)


def _instant(value: Any) -> Any:
    entries = {"mark": value} if isinstance(value, str) else value
    if isinstance(entries, dict) and len(entries.keys() - {"since"}) != 1:
        what = "an instant is one mark, or one quantity that crosses a level"
        raise mistake_error(what, 'write for example {cell 3: "above 3.65 V"}')
    return _with_keys(entries)


_WRONG = (
    *("crc", "bit", "counter stands", "counter skips"),
    *("length", "identifier", "data id", "swapped"),
)


def _wrong(value: Any) -> Any:
    """Read "crc", or {counter skips: 3, every: 2}: one way to be wrong, and how often."""
    given = {value: 0} if isinstance(value, str) else value
    if not isinstance(given, dict) or len(given.keys() - {"every"}) != 1:
        raise mistake_error(
            f'"{value}" is no way in which a frame is wrong', "write for example {length: 4}"
        )
    [what] = given.keys() - {"every"}
    if what not in _WRONG:
        raise mistake_error(f'a frame is not wrong by "{what}"', suggest(str(what), _WRONG))
    numbers = given[what], given.get("every", 1)
    if not all(isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in numbers):
        raise mistake_error(f'"{value}" counts in whole numbers', "write for example {length: 4}")
    return {"what": what, "by": numbers[0], "every": numbers[1]}


Settings = Annotated[
    dict[str, Annotated[float, _each(_setting)]],
    BeforeValidator(_with_keys),
    _mapping_schema("{cell 3: 3.70 V}"),
]
Sending = Annotated[
    dict[str, Annotated[Any, _each(_sending)]],
    BeforeValidator(_with_keys),
    _mapping_schema("{HostAlive: {}, times: 5, every: 200 ms}"),
]
Waiting = Annotated[
    dict[str, Annotated[Any, _each(_wait)]],
    BeforeValidator(_with_keys),
    _mapping_schema("{charge path: open, within: 2 s}"),
]
After = Annotated[
    dict[str, Annotated[Any, _each(_instant_entry)]],
    BeforeValidator(_instant),
    WithJsonSchema(
        {
            "anyOf": [{"type": "string"}, {"type": "object"}],
            "description": "a mark, or a quantity that crosses a level",
            "examples": ["{cell 3: above 3.65 V}"],
        }
    ),
]


# ---- steps --------------------------------------------------------------------------------------
class Ramp(Description):
    """A staircase, until something reacts."""

    quantity: str
    start: Annotated[float, Field(alias="from")]
    stop: Annotated[float, Field(alias="to")]
    step: float
    dwell_s: Annotated[Seconds, bounded(bounds.DWELL), Field(alias="dwell")]
    until: Waiting

    @field_validator("start", "stop", "step", mode="before")
    @classmethod
    def _in_the_unit(cls, value: object, info: ValidationInfo) -> float:
        unit = _unit_of_settable(info.data.get("quantity", ""))
        is_step = info.field_name == "step"
        number: float = reader(parse, unit_of_difference(unit) if is_step else unit)(value)
        return number

    @model_validator(mode="after")
    def _goes_somewhere(self) -> Ramp:
        if self.step == 0 or self.start == self.stop:
            raise mistake_error("a ramp of no height", "write from and to that differ, and a step")
        if self.step < 0:
            mend = "write it without its sign: from and to say which way it goes"
            raise mistake_error("the step is negative", mend)
        unit = unit_of(self.quantity)
        way, finest = abs(self.stop - self.start), bounds.FINEST[unit]
        step = format(self.step, unit_of_difference(unit))
        if self.step > way * (1 + 1e-9):
            raise mistake_error(f"its step of {step} is longer than the way", "write a smaller one")
        if self.step < finest:
            mend = f"write {format(finest, unit_of_difference(unit))} or more"
            raise mistake_error(f"its step of {step} is finer than any source sets", mend)
        if way / self.step > bounds.MOST_LEVELS:
            what = f"it has {way / self.step:,.0f} levels, and {bounds.MOST_LEVELS:,} are the most"
            raise mistake_error(what, "write a larger step, or a shorter way")
        return self


class Played(Description):
    """A list of values that one quantity goes through."""

    quantity: str
    values: Annotated[tuple[float, ...], Field(min_length=1)]
    every_s: Annotated[Seconds, bounded(bounds.FASTEST), Field(alias="every")]
    times: Annotated[int, Field(ge=1, le=10_000)] = 1
    noise: Annotated[
        float, Field(ge=0, description="added to each value: at random within ± this")
    ] = 0.0

    @field_validator("values", mode="before")
    @classmethod
    def _values_in_the_unit(cls, given: object, info: ValidationInfo) -> tuple[float, ...]:
        unit = _unit_of_settable(info.data.get("quantity", ""))
        listed = given if isinstance(given, list | tuple) else [given]
        return tuple(reader(parse, unit)(value) for value in listed)

    @field_validator("noise", mode="before")
    @classmethod
    def _noise_in_the_unit(cls, given: object, info: ValidationInfo) -> float:
        unit = _unit_of_settable(info.data.get("quantity", ""))
        number: float = reader(parse, unit_of_difference(unit))(given)
        return number


class FaultTarget(Description):
    """Where a wire is broken or shorted."""

    open: str | None = None
    short: str | None = None

    @model_validator(mode="after")
    def _one(self) -> FaultTarget:
        if (self.open is None) == (self.short is None):
            raise mistake_error(
                "a fault is either open or short", "write for example {open: cell 2}"
            )
        return self


class BusLoad(Description):
    """Foreign frames on the BMS's bus, in bursts."""

    share: Annotated[Ratio, Field(gt=0, le=1, description="of the bus's time, pauses included")]
    burst_s: Annotated[Seconds, bounded(bounds.STEP_TIME), Field(alias="burst", gt=0)]
    times: Annotated[int, Field(ge=1, le=10_000)] = 1
    first_id: Annotated[int, Field(alias="from", ge=0, lt=1 << 11)]
    last_id: Annotated[int, Field(alias="to", ge=0, lt=1 << 11)]

    @model_validator(mode="after")
    def _in_order(self) -> BusLoad:
        if self.first_id > self.last_id:
            raise mistake_error("no identifier lies between from and to", "lowest first")
        return self


ACTIONS = (
    "set",
    "hold",
    "dither",
    "wait for",
    "ramp",
    "play",
    "fault",
    "repair",
    "send",
    "traffic",
    "quiet",
    "load",
    "type",
    "power",
    "reset",
    "read",
    "repeat",
)


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


class PlanStep(Description):
    """One step: one action, and a mark where expectations refer to it."""

    set: Settings | None = None
    hold_s: Annotated[Seconds | None, bounded(bounds.STEP_TIME), Field(alias="hold")] = None
    dither_s: Annotated[Seconds | None, bounded(bounds.STEP_TIME), Field(alias="dither", gt=0)] = (
        None
    )
    wait_for: Waiting | None = None
    ramp: Ramp | None = None
    play: Played | None = None
    fault: FaultTarget | None = None
    repair: FaultTarget | None = None
    send: Sending | None = None
    traffic: Sending | None = None
    quiet: Annotated[str | None, Field(description="a message whose traffic ends")] = None
    load: BusLoad | None = None
    type: Annotated[Typed | None, Field(description="a line, or the name of a command")] = None
    power: Literal["on", "off"] | None = None
    reset: Literal["now"] | None = None
    read: Names = ()
    repeat: Repeat | None = None
    mark: Annotated[str | None, Field(alias="as")] = None

    @model_validator(mode="before")
    @classmethod
    def _bare_word(cls, data: Any) -> Any:
        if data == "reset":
            return {"reset": "now"}
        if isinstance(data, str):
            what = f'"{data}" is no step'
            raise mistake_error(what, suggest(data, ACTIONS))
        return data

    @property
    def actions(self) -> list[str]:
        """Give the actions that stand in this step."""
        return [info.alias or name for name, info in PlanStep.model_fields.items()
                if name != "mark" and getattr(self, name) not in (None, ())]  # fmt: skip

    @model_validator(mode="after")
    def _one_action(self) -> PlanStep:
        actions = self.actions
        if len(actions) != 1:
            named = " and ".join(actions) or "nothing"
            raise mistake_error(
                f"a step does one thing, this one does {named}", "make a step of each"
            )
        if self.wait_for is not None and ("within" not in self.wait_for or len(self.wait_for) != 2):
            raise mistake_error("wait for needs one state and within", f"write {_WAIT}")
        for name, sent in (("send", self.send), ("traffic", self.traffic)):
            if sent is not None and len(sent.keys() - _SENDING) != 1:
                what = f"{name} needs just one message"
                raise mistake_error(what, "write for example {HostAlive: {}}")
        return self


_SENDING = {"times", "every", "jitter", "wrong"}
_WAIT = "for example {charge path: open, within: 2 s}"


# ---- expectations -------------------------------------------------------------------------------
class Expected(Description):
    """What is expected of the output, signal, message or console that stands before it."""

    opens_within: Promise | None = None  # output
    closes_within: Promise | None = None
    opens_at: Toleranced | None = None  # output, after a ramp: the threshold
    closes_at: Toleranced | None = None
    reaction_s: Annotated[
        Seconds,
        bounded(bounds.DELAY),
        Field(alias="reaction", description="the BMS's longest delay"),
    ] = 0.0
    stays: Any = None  # output: open or closed; signal: a number
    becomes: float | None = None  # signal
    says: Pattern | None = None  # console
    never_says: Pattern | None = None
    every: Period | None = None  # message
    is_sound: Annotated[
        Literal[True, "but for its counter"] | None,
        Field(description="message: length, counter, checksum and spare bits of every frame"),
    ] = None
    cells: tuple[int, ...] | None = None  # balancing
    at: str | None = None
    agrees: Names = ()  # telemetry: quantities
    within: Annotated[
        Interval | None,
        BeforeValidator(lambda v: v if v is None else _within(v)),
        WithJsonSchema({"type": "string", "examples": ["150 ms"]}),
    ] = None
    after: After | None = None
    begin: Annotated[str | None, Field(alias="from")] = None
    end: Annotated[str | None, Field(alias="to")] = None
    between: Annotated[
        tuple[float, float] | None, Field(description="a signal's lowest and highest value")
    ] = None
    only_rises_but_for: Annotated[float | None, Field(ge=0)] = None  # signal
    only_falls_but_for: Annotated[float | None, Field(ge=0)] = None
    steps_at_most: Annotated[float | None, Field(ge=0)] = None
    moves_at_most: Annotated[float | None, Field(ge=0)] = None
    counts: Names = ()  # energy: what must change by the charge that flows
    follows_cells: Names = ()  # energy: what the cells' voltages make of it
    or_says: Annotated[
        float | None, Field(alias="or", description="a value beside between that is as good")
    ] = None
    unit: Annotated[str, Field(description="of between, for people")] = ""
    by: Annotated[
        str | None, Field(description="telemetry: which report of it, console or Message.Signal")
    ] = None
    once_sent: Annotated[
        bool, Field(alias="once sent", description="between: from the signal's first frame on")
    ] = False
    comes: Annotated[
        dict[str, float] | None, Field(description="a message with these values of its signals")
    ] = None
    times: Annotated[int | None, Field(ge=0, description="just so often; else once at least")] = (
        None
    )
    closes: Annotated[int | None, Field(ge=0, description="an output, just so often")] = None
    each: Promise | None = None  # how long it is closed each time ...
    pauses: Promise | None = None  # ... and open between
    lasts: Annotated[
        bool, Field(description="closes within: false where it may open again uncommanded")
    ] = True

    @model_validator(mode="before")
    @classmethod
    def _short_forms(cls, data: Any) -> Any:
        if isinstance(data, list):
            return {"agrees": data}
        if not isinstance(data, str):
            return data
        match = re.fullmatch(r"(stays|becomes|says|never says)\s+(.+)", data)
        if match is None:
            what = f'"{data}" is no expectation'
            raise mistake_error(what, 'write for example "stays closed", "stays 0", "says ready"')
        value: Any = match[2]
        if match[1] in ("stays", "becomes") and re.fullmatch(r"-?\d+(\.\d+)?", value):
            value = float(value)
        return {match[1]: value}

    @field_validator("opens_at", "closes_at", mode="before")
    @classmethod
    def _a_level(cls, value: object) -> Toleranced:
        """Its unit shows which kind it is; the ramp's quantity is checked where it is known."""
        unit = next((u for u in ("A", "°C") if re.search(rf"\d\s*m?{u}", str(value))), "V")
        level: Toleranced = reader(parse_toleranced, unit)(value)
        return level

    @field_validator("stays")
    @classmethod
    def _state(cls, value: Any) -> Any:
        if value in ("open", "closed") or (
            isinstance(value, int | float) and not isinstance(value, bool)
        ):
            return value
        raise mistake_error(f'"{value}" is no state', "write open or closed, or a signal's number")

    def given(self) -> set[str]:
        """Give the words that stand here."""
        return {
            info.alias or name
            for name, info in type(self).model_fields.items()
            if name in self.model_fields_set
        }


def _within(value: Any) -> Any:
    """Read "150 ms", at most so long; or an interval."""
    try:
        parse(value, "s")
    except QuantityError:
        return reader(parse_interval, "s", bounds.WINDOW)(value)
    return Interval(0.0, reader(parse, "s")(value), "s")


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
    begins: Annotated[
        Literal["ready", "off"],
        Field(description="off: the supply is off, and the steps start the BMS themselves"),
    ] = "ready"
    steps: tuple[PlanStep, ...] = ()
    expect: tuple[dict[str, Expected], ...] = ()
    traces_to: Names = ()
    severity: Literal["blocker", "critical", "normal", "minor", "trivial"] | None = None
    tags: Names = ()

    _document: Document[PlanFile] | None = PrivateAttr(default=None)
    _index: int = PrivateAttr(default=0)

    @property
    def single_steps(self) -> Iterator[PlanStep]:
        """Give the steps, those of a repeat once."""
        for step in self.steps:
            yield from step.repeat.steps if step.repeat else (step,)

    @model_validator(mode="after")
    def _one_kind(self) -> PlanCase:
        if (self.family is None) == (self.name is None):
            raise mistake_error(
                "a case has either a family or a name",
                "write family: trip, or name: … with steps and expect",
            )
        unfit = {"steps", "expect", "protection", "begins"} if self.family else _OF_FAMILIES
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
    """Read promises with their reasons: a mapping, or a list of mappings."""
    entries = given if isinstance(given, list) else [given]
    if not all(isinstance(entry, dict) for entry in entries):
        raise mistake_error("a promise that is left out needs its reason", _LEFT_OUT)
    reasons = {promise: why for entry in entries for promise, why in entry.items()}
    if bare := [promise for promise, why in reasons.items() if not str(why or "").strip()]:
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
        Field(description="promises that no case looks at, on purpose, and why; * is anything"),
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


def load_plan(path: Path | str) -> PlanFile:
    """Load a plan and check its shape; names every mistake."""
    return read_plan(path).model


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


__all__ = [
    "ACTIONS",
    "After",
    "BusLoad",
    "Expected",
    "FaultTarget",
    "PlanCase",
    "PlanFile",
    "PlanStep",
    "Ramp",
    "load_plan",
    "parse_plan",
    "read_plan",
]
