"""What resets a BMS and what it does then: the sections ``resets:`` and ``timers:`` of a profile.

Must not hold defaults for claims: what is left out is not claimed.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from rig import bounds
from rig.description import Description, Names, Pattern, mistake_error
from rig.quantity import Seconds, Volts, bounded


class ResetCause(Description):
    """One way to reset it."""

    by: Literal["power cycle", "reset line", "command", "supply dip"]
    command: str | None = None  # of console.commands
    dips_to_v: Annotated[Volts | None, bounded(bounds.SUPPLY), Field(alias="dips to")] = None
    console: Annotated[Pattern, Field(description="the line on the console that names the cause")]
    opens_within_s: Annotated[
        Seconds | None,
        bounded(bounds.REPORT_TIME),
        Field(alias="opens within", description="of all outputs, from the cause"),
    ] = None

    @model_validator(mode="after")
    def _complete(self) -> ResetCause:
        if (self.by == "command") != (self.command is not None):
            raise mistake_error("by command: which one?", "write by: command and command: …")
        if (self.by == "supply dip") != (self.dips_to_v is not None):
            raise mistake_error("a supply dip: to what voltage?", "write dips to: 5 V")
        return self


class Resets(Description):
    """Its resets; after each it starts as it does after power-up, its outputs open until ready."""

    causes: Annotated[dict[str, ResetCause], Field(min_length=1)]
    works_above_v: Annotated[
        Volts | None,
        bounded(bounds.SUPPLY),
        Field(alias="works above", description="supply that resets nothing"),
    ] = None
    traces_to: Names = ()


class Timers(Description):
    """When its timers wrap: an image for tests may start them shortly before."""

    wrap_after_s: Annotated[
        Seconds, Field(alias="wrap after", gt=0, description="from a start, whatever caused it")
    ]
    traces_to: Names = ()
