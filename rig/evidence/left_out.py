"""Cases that a run left out, as its time was limited: stored with its inputs, read for reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from rig.evidence.run import Run

FILE = "left-out.json"  # in inputs/


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOutCase:
    """A case that was not planned, and how long it would have taken."""

    id: str
    title: str
    expected_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """What did not fit into the time that a run was given."""

    budget_s: float
    cases: tuple[LeftOutCase, ...]
    schema: Literal["bms-hil-rig/left-out/1"] = "bms-hil-rig/left-out/1"


_JSON: TypeAdapter[LeftOut] = TypeAdapter(LeftOut)


def stored(left_out: LeftOut) -> bytes:
    """Give it as it stands in inputs/."""
    return _JSON.dump_json(left_out, indent=1) + b"\n"


def left_out_of(run: Run) -> LeftOut | None:
    """Read what a run left out; None where it was given all the time it needs."""
    try:
        left_out = _JSON.validate_json((run.path / "inputs" / FILE).read_bytes())
    except (OSError, ValidationError):
        return None
    return left_out if left_out.cases else None
