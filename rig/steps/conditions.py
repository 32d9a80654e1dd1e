"""What a running case can wait for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputState:
    """An output is open or closed, as the bench's meter reads it."""

    output: str
    is_open: bool
    kind: Literal["output"] = "output"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalValue:
    """A CAN signal has this value in the newest frame."""

    message: str
    signal: str
    value: float
    kind: Literal["signal"] = "signal"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleLine:
    """A console line that matches this regular expression was received since the step began."""

    pattern: str
    kind: Literal["console"] = "console"


Condition = Annotated[OutputState | SignalValue | ConsoleLine, Field(discriminator="kind")]
