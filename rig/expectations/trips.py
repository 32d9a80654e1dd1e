"""An output opens in time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from rig.expectations.answering import refused
from rig.expectations.expectation import Around, crossed
from rig.expectations.output import Reaction
from rig.expectations.words import Caused, Limits


class TripsWords(Caused):
    """An output that opens within a time."""

    leads = ("opens within",)

    within: Annotated[Limits, Field(alias="opens within")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trips(Reaction):
    """`output` opens between low_s and high_s after `since`."""

    kind: Literal["trips"] = "trips"
    closes = False
    words = TripsWords

    def answers(self, around: Around) -> Iterator[str]:
        p, place = around.protection, around.at or next(iter(crossed(self.since)), None)
        if p is None:
            return
        yield from around.of_protection("acts", f"opens/{self.output}", at=place)
        if p.delay and (self.low_s, self.high_s) == (p.delay.low, p.delay.high):
            yield from around.of_protection("delay", at=place)
        yield from refused(around)
