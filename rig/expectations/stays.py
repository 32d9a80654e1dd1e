"""The expectation `stays`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Stays:
    """`output` is open (or closed) all the time between two marks (None: start / end of case)."""

    output: str
    is_open: bool
    begin: str | None = None
    end: str | None = None
    kind: Literal["stays"] = "stays"
