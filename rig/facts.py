"""What a trace is judged by that the BMS's profile claims of outputs and of the start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """How an output shows that it conducts; `steady_s` > 0 for a lamp that blinks in a fault."""

    closed_above: float  # V at the tap
    steady_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DbcFile:
    """By what the frames of a bus are understood; it lies among a run's inputs."""

    name: str
    id_step: int = 0  # from the identifiers of one module to the next one's


@dataclass(frozen=True, slots=True, kw_only=True)
class StartClaims:
    """What is claimed of the start that a case begins with, in whatever case."""

    ready: str | None  # a regular expression of the line that says so
    ready_within_s: float
    closes: tuple[str, ...]  # outputs, closed_within_s after it is ready, or asked
    closed_within_s: float
    outputs: Mapping[str, Output]  # those above and below
    only_asked: tuple[str, ...] = ()  # main and precharge contactor: open until they are asked for
    overlap_s: float = 0.0  # the precharge contactor stays closed after the main one, at the least
    supply_v: float | None = None  # None: it lives on its cells
    cells_v: float | None = None  # None: stored before this was


@dataclass(frozen=True, slots=True, kw_only=True)
class DutFacts:
    """The BMS's claims that hold for every case: the same all through a run, stored once."""

    cells: int = 0  # how many it has; 0: not said
    periods: Mapping[str, float] = field(default_factory=dict)  # s, of messages
    dbcs: Mapping[str, DbcFile] = field(default_factory=dict)  # of each bus; {}: stored before this
    prints_every_s: float | None = None  # its console
    start: StartClaims | None = None  # None: stored before this was
