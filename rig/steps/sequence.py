"""The step `sequence`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator

from rig import bounds
from rig.description import Description
from rig.quantities import unit_of, unit_of_settable
from rig.quantity import Seconds, bounded, exact, parse, reader, unit_of_difference
from rig.steps.driver import Driver
from rig.steps.foresight import Foresight
from rig.steps.resolver import Resolver
from rig.steps.step import MOST_COMMAND_S, Step
from rig.wording import quantity


class Sequence(Description):
    """A list of values that one quantity goes through."""

    quantity: str
    values: Annotated[tuple[float, ...], Field(min_length=1)]
    interval_s: Annotated[Seconds, bounded(bounds.FASTEST), Field(alias="every")]
    times: Annotated[int, Field(ge=1, le=10_000)] = 1
    noise: Annotated[
        float, Field(ge=0, description="added to each value: at random within ± this")
    ] = 0.0

    @field_validator("values", mode="before")
    @classmethod
    def _values_in_the_unit(cls, given: object, info: ValidationInfo) -> tuple[float, ...]:
        unit = unit_of_settable(info.data.get("quantity", ""))
        listed = given if isinstance(given, list | tuple) else [given]
        return tuple(reader(parse, unit)(value) for value in listed)

    @field_validator("noise", mode="before")
    @classmethod
    def _noise_in_the_unit(cls, given: object, info: ValidationInfo) -> float:
        unit = unit_of_settable(info.data.get("quantity", ""))
        number: float = reader(parse, unit_of_difference(unit))(given)
        return number


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaySequence(Step):
    """Give a quantity these values, one every `interval_s`, the whole list `times` times.

    A bounce, a slow drift, a ripple as fast as commands go. `noise` is added to each value: uniform
    within ± `noise`, drawn from the case's own seed.
    """

    words: ClassVar[Mapping[str, Any]] = {"sequence": Sequence}
    acts: ClassVar[bool] = True

    quantity: str
    values: tuple[float, ...]
    interval_s: float
    times: int = 1
    noise: float = 0.0
    kind: Literal["sequence"] = "sequence"

    def check(self, names: Resolver) -> None:
        names.at("quantity").settable(self.quantity)
        names.at_least_one("times", self.times)

    def written(self) -> tuple[str, Any]:
        unit = unit_of(self.quantity)
        noise = {"noise": exact(self.noise, unit_of_difference(unit))} if self.noise else {}
        return "sequence", {
            "quantity": self.quantity,
            "values": [exact(value, unit) for value in self.values],
            "every": exact(self.interval_s, "s"),
            **({"times": self.times} if self.times > 1 else {}),
            **noise,
        }

    def sentence(self) -> str:
        unit, most = unit_of(self.quantity), 4
        few = [quantity(value, unit) for value in self.values[:most]]
        if len(self.values) > most:
            few = [few[0], "…", quantity(self.values[-1], unit)]
        times = f", {self.times} times" if self.times > 1 else ""
        noise = f", each ± up to {quantity(self.noise, unit)} at random" if self.noise else ""
        every = quantity(self.interval_s, "s")
        return f"Give {self.quantity} {', '.join(few)}, one every {every}{times}{noise}"

    def longest_s(self) -> float:
        return len(self.values) * self.times * self.interval_s + MOST_COMMAND_S

    def expected_s(self, foresight: Foresight) -> float:
        return self.longest_s()

    def commanded(self) -> Iterator[tuple[str, float]]:
        yield self.quantity, min(self.values) - self.noise
        yield self.quantity, max(self.values) + self.noise

    def simpler(self) -> Iterator[Step]:
        if self.times > 1:
            yield replace(self, times=self.times // 2)

    def do(self, driver: Driver) -> None:
        due_ns = driver.now_ns()
        for value in self.values * self.times:
            driver.sleep_ns(due_ns - driver.now_ns())
            off = driver.noise.uniform(-self.noise, self.noise) if self.noise else 0.0
            driver.set({self.quantity: value + off})
            due_ns += round(self.interval_s * 1e9)
        driver.sleep_ns(due_ns - driver.now_ns())
