"""At which level the BMS reacted, from a ramp of levels read back by the meter.

Must not judge times. The reaction comes a delay after its cause: with the BMS's longest delay D, a
reaction at t proves that the threshold lies above every level that was held at t - D or before (it
would have reacted to that one already) and not above the level in force at t.

U is the whole half step with the meter's accuracy added, not 95 % of their convolution: thresholds
and steps both sit at round values, so true levels are not spread evenly between two steps but lie
close to one of them, just where a 95 % interval leaves off (91 % of them were inside it, 99.6 % are
inside the bounds; docs/ground-truth.md). The coverage factor is what that makes of u_c: 1.7 to 2.4.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from rig import bounds
from rig.dut.profile import Profile
from rig.expectations.expectation import Around, Expectation, Needs
from rig.expectations.words import OUTPUT, Subject, Words
from rig.judge.budget import Budget, Row
from rig.judge.observed import Observed
from rig.judge.outputs import Watched, watch
from rig.judge.rules import NoEvidence, NotReached, measurement
from rig.judge.timing import At, event_mark
from rig.judge.verdict import EventMark, Finding
from rig.judge.wording import show, show_measured, show_range
from rig.quantities import unit_of
from rig.quantity import (
    Seconds,
    Toleranced,
    bounded,
    exact,
    parse_toleranced,
    reader,
    unit_of_difference,
)
from rig.steps import Step
from rig.steps.ramp import Ramp
from rig.steps.resolver import Resolver
from rig.trace.model import Command, Reading, Trace

_NEAR = 0.1  # of a step: a source has steps of its own, and what it gives is so near


def _read_level(value: object) -> Toleranced:
    """Read a level; its unit shows which kind it is, and the ramp's quantity is asked later."""
    unit = next((u for u in ("A", "°C") if re.search(rf"\d\s*m?{u}", str(value))), "V")
    level: Toleranced = reader(parse_toleranced, unit)(value)
    return level


_Level = Annotated[Toleranced | None, BeforeValidator(_read_level)]


class ThresholdWords(Words):
    """An output that opens or closes at a level of the case's ramp."""

    leads: ClassVar[tuple[str, ...]] = ("opens at", "closes at")

    opens_at: _Level = None
    closes_at: _Level = None
    reaction_s: Annotated[
        Seconds,
        bounded(bounds.DELAY),
        Field(alias="reaction", description="the BMS's longest delay"),
    ] = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdIs(Expectation):
    """The level at which `output` reacted lies within tolerance of `level` (a Ramp)."""

    quantity: str
    output: str
    is_open: bool  # the reaction looked for: opened (trip threshold) or closed (recovery)
    level: float
    tolerance: float
    unit: str
    delay_s: float  # the BMS's longest delay: a reaction belongs to the level that long before
    kind: Literal["threshold"] = "threshold"
    means: ClassVar[str] = "output and meter"
    subject: ClassVar[Subject] = OUTPUT
    words: ClassVar[type[Words]] = ThresholdWords

    @classmethod
    def read(cls, name: str, content: ThresholdWords, names: Resolver) -> Iterator[Expectation]:
        word, level = "opens at", content.opens_at
        if level is None:
            word, level = "closes at", content.closes_at
        ramps = [step for step in names.steps if isinstance(step, Ramp)]
        if level is None or len(ramps) != 1:
            names.refuse("a threshold is found by one ramp among the steps", "add a step ramp:")
            return
        quantity = ramps[0].quantity
        if (unit := unit_of(quantity)) != level.unit:
            what = f"{level} is not of the kind of {quantity}"
            names.at(word).refuse(what, f"write it in {unit}")
        yield cls(
            quantity=quantity,
            output=name,
            is_open=word == "opens at",
            level=level.value,
            tolerance=level.tolerance,
            unit=level.unit,
            delay_s=content.reaction_s,
        )

    def written(self, profile: Profile) -> tuple[str, dict[str, Any]]:
        tolerance = exact(self.tolerance, unit_of_difference(self.unit))
        level = f"{exact(self.level, self.unit)} ± {tolerance}"
        word = "opens at" if self.is_open else "closes at"
        return self.output, {word: level, "reaction": exact(self.delay_s, "s")}

    def answers(self, around: Around) -> Iterator[str]:
        part = "threshold" if self.is_open else "recovers/level"
        yield from around.of_protection(part, at=self.quantity)

    def sentence(self) -> str:
        verb = "opens" if self.is_open else "closes"
        level, tolerance = show(self.level, self.unit), show(self.tolerance, self.unit)
        return f"{self.output} {verb} at {self.quantity} = {level} ± {tolerance}"

    def needs(self) -> Needs:
        """Record the output, and what is stepped."""
        return Needs((self.output,), (self.quantity,))

    def reacts_at(self, quantity: str) -> tuple[float, float] | None:
        return (self.level, self.delay_s) if quantity == self.quantity else None

    def judge(self, observed: Observed) -> Finding:
        """Judge that the level of the reaction lies within its tolerance."""
        levels = ramp_levels(observed, self.quantity)
        # The level before the start may have tripped it, and then it still is to open there.
        start = levels[0] if self.is_open else levels[min(1, len(levels) - 1)]
        seen = watch(observed, self.output, start.begin_ns, closing=not self.is_open)
        if seen.change is None:
            return _no_reaction(observed, self, levels, seen)
        low, high = _bracketing(levels, seen.change, self)
        budget = _budget(low, high)
        measured = measurement(0.5 * (low.value + high.value), budget, self.unit, bounds=True)
        limits = self.level - self.tolerance, self.level + self.tolerance
        sentence = (
            f"{seen.change.said} at {self.quantity} = {show_measured(measured)}, between the"
            f" steps {show(low.value, self.unit)} and {show(high.value, self.unit)};"
            f" allowed {show_range(*limits, self.unit)}"
        )
        marks = _marks(observed.trace, self, seen.change)
        return self.question.within(sentence, (measured, budget), limits, marks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """A step of the ramp: what was commanded, and what the meter found at the terminal."""

    value: float
    accuracy: float
    begin_ns: int  # from here on it may have been in force
    settled_ns: float  # from here on it surely was
    commanded: float
    read_ns: int | None  # when the reading was over, if there is one


def ramp_levels(observed: Observed, quantity: str) -> list[Level]:
    """Return every level of a quantity in order of time; the first may be where it stood before.

    Raises
    ------
    NoEvidence
        Nothing commanded it, or no meter read it back.
    """
    trace = observed.trace
    commands = [c for c in trace.commands if c.quantity == quantity]
    if not commands:
        raise NoEvidence(f"the bench never applied it: no command of {quantity}")
    ends = [command.before_ns for command in commands[1:]] + [trace.end_ns]
    readings = observed.readings(quantity)
    if not readings:
        raise NoEvidence(f"no level of {quantity} was read back by a meter")
    worst = max(reading.accuracy for reading in readings)
    first = _first_of_ramp(observed.steps, commands, quantity)
    return [
        _level(command, end_ns, readings, worst)
        for i, (command, end_ns) in enumerate(zip(commands, ends, strict=True))
        if i == first or (i > first and not _is_on_the_way(commands, i, readings))
    ]


def _is_on_the_way(commands: list[Command], i: int, readings: Sequence[Reading]) -> bool:
    """Tell whether a current's other source is set to 0 A before the one that gives it: no level.

    Nobody reads it, and nothing flowed there; only the ramp's own start comes from 0 A.
    """
    command, following = commands[i], commands[i + 1 : i + 2]
    if command.value != 0.0 or not following or following[0].instrument == command.instrument:
        return False
    between = command.after_ns, following[0].before_ns
    return not any(between[0] <= r.before_ns and r.after_ns <= between[1] for r in readings)


def _first_of_ramp(steps: Sequence[Step], commands: list[Command], quantity: str) -> int:
    """Return the index of the command before the ramp's own first, which sets its start."""
    stairs = [s for s in steps if isinstance(s, Ramp) and s.quantity == quantity]
    if not stairs:
        return 0
    near = _NEAR * abs(stairs[0].step)
    at_start = [i for i, c in enumerate(commands) if abs(c.value - stairs[0].start) < near]
    return max(at_start[0] - 1, 0) if at_start else 0


def _level(command: Command, end_ns: int, readings: Sequence[Reading], worst: float) -> Level:
    """Return a step with what the meter read while it was in force, else with its set value."""
    inside = [r for r in readings if r.before_ns >= command.after_ns and r.after_ns <= end_ns]
    read = inside[-1] if inside else None
    return Level(
        value=read.value if read else command.value,
        accuracy=read.accuracy if read else worst,
        begin_ns=command.before_ns,
        settled_ns=command.after_ns + command.settle_s * 1e9,
        commanded=command.value,
        read_ns=read.after_ns if read else None,
    )


def _bracketing(levels: list[Level], change: At, wanted: ThresholdIs) -> tuple[Level, Level]:
    """Return the last level that surely was too little, and the level in force at the reaction."""
    half_ns = 1e9 * sum(row.half_width for row in change.rows)  # polled by a meter: not exact
    early_ns, late_ns = change.time_ns - half_ns, change.time_ns + half_ns
    in_force = [i for i, level in enumerate(levels) if level.begin_ns <= late_ns]
    outlasted = [i for i in in_force if levels[i].settled_ns <= early_ns - wanted.delay_s * 1e9]
    if not in_force or in_force[-1] == 0:
        raise NotReached("the output reacted before the ramp took its first step")
    high = in_force[-1]
    # A BMS slower than claimed reacts to a level held longer than the delay: to that one then.
    low = min(outlasted[-1] if outlasted else 0, high - 1)
    if wanted.quantity == "current" and wanted.is_open:
        return levels[low], _as_reached(levels[high], levels[:high], early_ns)
    return levels[low], levels[high]


def _as_reached(level: Level, earlier: list[Level], reacted_ns: float) -> Level:
    """Return the current in force at the reaction, which ends it: a later reading is none of it.

    A BMS that counted at the level before may open just after the next command. What flowed then is
    the reading before and the step that the source was set to take.
    """
    before = earlier[-1]
    if before.read_ns is None or level.read_ns is None or level.read_ns <= reacted_ns:
        return level
    step = level.commanded - before.commanded
    accuracy = before.accuracy + _NEAR * abs(step)
    return replace(level, value=before.value + step, accuracy=accuracy)


def _budget(low: Level, high: Level) -> Budget:
    step = Row(
        name="step of the ramp",
        half_width=abs(high.value - low.value) / 2.0,
        source="the threshold lies between the two levels, often close to one",
    )
    meter = Row(
        name="meter",
        half_width=max(low.accuracy, high.accuracy),
        source="read-back of the level: data sheet or certificate",
    )
    return Budget.of((step, meter))


def _no_reaction(
    observed: Observed, wanted: ThresholdIs, levels: list[Level], seen: Watched
) -> Finding:
    """Judge that nothing reacted: a failure only if the last level was surely beyond the limit."""
    verb = "open" if wanted.is_open else "close"
    if not seen.was_ready:
        state = "closed" if wanted.is_open else "open"
        what = f"{wanted.output} was not {state} when the ramp began"
        if wanted.is_open:
            observed.must_have_shown_closed(wanted.output, what)
        raise NotReached(what)
    last = levels[-1]
    rising = last.value >= levels[0].value
    limit = wanted.level + wanted.tolerance * (1.0 if rising else -1.0)
    beyond = (last.value - limit) * (1.0 if rising else -1.0)
    held_s = (seen.until.time_ns - last.settled_ns) * 1e-9
    sentence = (
        f"{wanted.output} did not {verb} up to {wanted.quantity} = {show(last.value, wanted.unit)}"
        f" ± {show(last.accuracy, wanted.unit)}, held for {show(max(held_s, 0.0), 's')};"
        f" due at {show(limit, wanted.unit)} at the latest"
    )
    if beyond > last.accuracy and held_s > wanted.delay_s:
        return wanted.question.failed(sentence)
    return wanted.question.undecided(f"{sentence}; the ramp ended too early")


def _marks(trace: Trace, wanted: ThresholdIs, change: At) -> tuple[EventMark, ...]:
    level = event_mark(trace, "threshold", wanted.quantity, change.time_ns, wanted.level)
    return (level, event_mark(trace, change.said, wanted.output, change.time_ns))
