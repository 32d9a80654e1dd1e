"""The step `ramp`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from rig import bounds
from rig.description import Description, mistake_error
from rig.quantities import unit_of, unit_of_settable
from rig.quantity import Seconds, bounded, exact, format, parse, reader, unit_of_difference
from rig.steps.conditions import Condition, Until, condition
from rig.steps.driver import Driver
from rig.steps.foresight import Foresight
from rig.steps.resolver import Resolver
from rig.steps.step import COMMAND_S, READING_S, Step
from rig.wording import quantity

_PER_LEVEL_S = 0.6  # at most: command, meter reading
_REACTS = 0.5  # part of the levels at which it ends where no threshold is expected


class RampWords(Description):
    """A ramp, until something reacts."""

    quantity: str
    start: Annotated[float, Field(alias="from")]
    stop: Annotated[float, Field(alias="to")]
    step: float
    dwell_s: Annotated[Seconds, bounded(bounds.DWELL), Field(alias="dwell")]
    until: Until

    @field_validator("start", "stop", "step", mode="before")
    @classmethod
    def _in_the_unit(cls, value: object, info: ValidationInfo) -> float:
        unit = unit_of_settable(info.data.get("quantity", ""))
        is_step = info.field_name == "step"
        number: float = reader(parse, unit_of_difference(unit) if is_step else unit)(value)
        return number

    @model_validator(mode="after")
    def _goes_somewhere(self) -> RampWords:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Ramp(Step):
    """Go from `start` to `stop` in steps of `step`, holding each for `dwell_s`; end at `until`.

    Each level is read back by the bench's meter. `step` has the sign of stop - start; the last one
    is shorter where the way is no multiple of it.
    """

    words: ClassVar[Mapping[str, Any]] = {"ramp": RampWords}
    acts: ClassVar[bool] = True

    quantity: str
    start: float
    stop: float
    step: float
    dwell_s: float
    until: Condition
    kind: Literal["ramp"] = "ramp"

    @property
    def steps(self) -> int:
        """How many steps lead from start to stop; a millionth of one is rounding."""
        return math.ceil((self.stop - self.start) / self.step - 1e-6)

    @property
    def levels(self) -> tuple[float, ...]:
        """What is commanded: from start to stop, and nothing beyond."""
        return (*(self.start + i * self.step for i in range(self.steps)), self.stop)

    @classmethod
    def read(cls, word: str, content: RampWords, names: Resolver) -> Step:
        step = math.copysign(content.step, content.stop - content.start)
        return cls(**dict(content) | {"step": step, "until": condition(content.until)})

    def check(self, names: Resolver) -> None:
        names.at("quantity").settable(self.quantity)
        self.until.check(names.at("until"))
        if not (self.stop - self.start) * self.step > 0:
            what = f"steps of {self.step} never lead from {self.start} to {self.stop}"
            names.refuse(what, "give the step the sign of stop - start")

    def written(self) -> tuple[str, Any]:
        unit = unit_of(self.quantity)
        return "ramp", {
            "quantity": self.quantity,
            "from": exact(self.start, unit),
            "to": exact(self.stop, unit),
            "step": exact(abs(self.step), unit_of_difference(unit)),
            "dwell": exact(self.dwell_s, "s"),
            "until": self.until.written(),
        }

    def sentence(self) -> str:
        unit = unit_of(self.quantity)
        start, stop = quantity(self.start, unit), quantity(self.stop, unit)
        step, dwell = quantity(abs(self.step), unit), quantity(self.dwell_s, "s")
        way = f"Step {self.quantity} from {start} to {stop} by {step}"
        return f"{way}, holding {dwell} each, until {self.until.sentence()}"

    def longest_s(self) -> float:
        return (self.steps + 1) * (self.dwell_s + _PER_LEVEL_S)

    def expected_s(self, foresight: Foresight) -> float:
        return self._levels_up_to(foresight) * (self.dwell_s + COMMAND_S + READING_S)

    def _levels_up_to(self, foresight: Foresight) -> float:
        """Count the levels up to the one at which the output reacts, late by its delay."""
        most = (self.stop - self.start) / self.step + 1
        if (threshold := foresight.threshold(self.quantity)) is None:
            return most * _REACTS
        level, delay_s = threshold
        return min(abs(level - self.start) / abs(self.step) + delay_s / self.dwell_s + 1, most)

    def commanded(self) -> Iterator[tuple[str, float]]:
        yield self.quantity, self.start
        yield self.quantity, self.stop

    def reads(self) -> Iterator[str]:
        yield self.quantity
        yield from self.until.outputs()

    def signals_named(self) -> Iterator[tuple[str, float]]:
        return self.until.signals_named()

    def simpler(self) -> Iterator[Step]:
        if abs(self.stop - self.start) > 2.0 * abs(self.step):
            levels = self.steps // 2
            yield replace(self, start=round(self.stop - levels * self.step, 9))
            yield replace(self, stop=round(self.start + levels * self.step, 9))

    def do(self, driver: Driver) -> None:
        for level in self.levels:
            driver.set({self.quantity: level})
            driver.read((self.quantity,))
            # One look at the end of each level: when it reacted is seen in the record.
            driver.sleep_ns(round(self.dwell_s * 1e9))
            if driver.wait_for(self.until, 0.0):
                return
