"""Which cells bleed at a mark: by the current that each draws, or by its own output.

A BMS pauses balancing while it measures, so one look may meet a pause: of several readings of a
cell at the mark the largest counts, and in a record the output must be on for half of the last
100 ms.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field, PlainSerializer

from rig.dut.profile import Profile
from rig.expectations.expectation import Around, Expectation
from rig.expectations.subjects import BALANCING
from rig.expectations.words import Words
from rig.judge.observed import Observed
from rig.judge.rules import NoEvidence
from rig.judge.timing import channel_of, index_at, marker_of
from rig.judge.verdict import Finding, Verdict
from rig.judge.wording import show
from rig.quantities import BALANCE, BLEED, CELL, kind_of, number_of
from rig.quantity import Amps, exact
from rig.steps.ramp import Ramp
from rig.steps.read import Read
from rig.steps.resolver import Resolver
from rig.steps.set import Set
from rig.trace.model import Marker, Reading, Trace

_BLEEDS_A = 0.02  # a cell bleeds when it draws more than this
_LOOK_S = 0.1  # of the record before the mark
_ON_SHARE = 0.5  # of that, to count as bleeding


class BalancesWords(Words):
    """Just these cells bleed at a mark, of all that a step read."""

    leads = ("cells",)
    asks: ClassVar[Mapping[str, tuple[str, str]]] = {
        "at": ("at which mark?", "add at: the mark of a step")
    }

    cells: tuple[int, ...]
    at: str
    low_a: Annotated[
        Amps,
        Field(alias="above", description="a cell bleeds when it draws more than this"),
        PlainSerializer(lambda amps: exact(amps, "A")),
    ] = _BLEEDS_A


@dataclass(frozen=True, slots=True, kw_only=True)
class Balances(Expectation):
    """At mark `at` just these cells bleed: by their bleed output, or by the current they draw."""

    cells: tuple[int, ...]
    at: str
    low_a: float = _BLEEDS_A  # a cell bleeds when it draws more than this
    kind: Literal["balances"] = "balances"
    means = "meter"
    subject = BALANCING
    words = BalancesWords

    def check(self, names: Resolver) -> None:
        Expectation.check(self, names)
        for cell in self.cells:
            names.at("cells").known(CELL.at(cell), names.profile.cell_names, "cell")
        if self.at in names.marks:
            self._must_be_read(names)

    def _must_be_read(self, names: Resolver) -> None:
        """The balancing of all cells is read at the mark or just before: the others don't bleed."""
        rules = names.profile.balancing
        outputs = rules.output if rules and rules.output else BLEED.word + " {n}"
        read: set[str] = set()
        for step in names.steps:
            if isinstance(step, Set | Ramp):
                read.clear()  # from before this: not how it is at the mark
            if isinstance(step, Read):
                read |= set(step.quantities)
            if step.mark == self.at:
                break
        shown = _numbered(outputs, names.profile)
        if all(read & {name, BLEED.at(n)} for n, name in enumerate(shown, 1)):
            return
        what = f'at "{self.at}" it was not read which cells bleed'
        names.refuse(what, f"give the mark to a step read: [{', '.join(shown)}]")

    def answers(self, around: Around) -> Iterator[str]:
        del around
        yield from (f"balancing@{cell}" for cell in CELL.names(self.cells))

    def looks_at(self) -> tuple[str, ...]:
        return BLEED.names(self.cells)

    def sentence(self) -> str:
        cells = ", ".join(map(str, self.cells))
        return f"at {self.at!r} {f'just cells {cells} bleed' if cells else 'no cell bleeds'}"

    def metered(self, profile: Profile) -> tuple[str, ...]:
        """Name the outputs by which cells are seen to bleed, where the BMS has them."""
        output = profile.balancing.output if profile.balancing else None
        return () if output is None else _numbered(output, profile)

    def judge(self, observed: Observed) -> Finding:
        """Judge that just the cells named bleed."""
        marker = marker_of(observed.trace, self.at)
        found = (*_by_current(observed.trace, self, marker), *_by_output(observed, marker))
        seen = {bleed.cell: bleed for bleed in sorted(found, key=lambda bleed: bleed.cell)}
        missing = sorted({*self.cells, *range(1, observed.dut.cells + 1)} - set(seen))
        if missing or not seen:
            names = ", ".join(map(str, missing)) or "any cell"
            raise NoEvidence(f"at {self.at!r} nothing was read of the balancing of {names}")
        return self.question.answer(*self._judged(list(seen.values())))

    def _judged(self, seen: Sequence[_Bleed]) -> tuple[Verdict, str]:
        wrong = [b for b in seen if b.surely is (b.cell not in self.cells)]
        unsure = [CELL.at(b.cell) for b in seen if b.surely is None]
        reported = ", ".join(f"{CELL.at(b.cell)} {b.shown}" for b in seen)
        if wrong:
            does = (
                f"{CELL.at(b.cell)} {'bleeds' if b.surely else 'does not bleed'}" for b in wrong
            )
            return Verdict.FAIL, f"{', '.join(does)}, against the expectation ({reported})"
        if unsure:
            which, why = ", ".join(unsure), f"too near to {show(self.low_a, 'A')} for the meter"
            return Verdict.INCONCLUSIVE, f"whether {which} bleeds can't be told ({reported}): {why}"
        return Verdict.PASS, f"just as expected ({reported})"


def _numbered(output: str, profile: Profile) -> tuple[str, ...]:
    """Name the output of each cell."""
    return tuple(output.replace("{n}", str(n)) for n in range(1, profile.cells.count + 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bleed:
    """What one cell was seen to do. `surely` is None where the uncertainty straddles the level."""

    cell: int
    surely: bool | None
    shown: str


def _by_current(trace: Trace, wanted: Balances, marker: Marker) -> list[_Bleed]:
    """Read the current that each cell draws from the emulator."""
    largest: dict[int, Reading] = {}
    for reading in _at_mark(trace, marker):
        cell = number_of(reading.quantity)
        if kind_of(reading.quantity) is not BLEED or cell is None or math.isnan(reading.value):
            continue
        if cell not in largest or reading.value > largest[cell].value:
            largest[cell] = reading
    return [_bleed(cell, reading, wanted.low_a) for cell, reading in largest.items()]


def _at_mark(trace: Trace, marker: Marker) -> list[Reading]:
    """Return the readings of the mark's own step, or the newest before it where it read nothing."""
    until = [r for r in trace.readings if r.after_ns <= marker.time_ns]
    if during := [r for r in until if r.before_ns >= marker.begin_ns]:
        return during
    commanded = (c.before_ns for c in trace.commands if c.before_ns <= marker.time_ns)
    changed_ns = max(commanded, default=trace.begin_ns)
    return [r for r in until if r.before_ns >= changed_ns]


def _bleed(cell: int, reading: Reading, level: float) -> _Bleed:
    above = reading.value - level
    surely = above > 0.0 if abs(above) > reading.accuracy else None
    current = f"{show(reading.value, reading.unit)} ± {show(reading.accuracy, reading.unit)}"
    verb = "draws" if reading.unit == "A" else "has its output at"
    return _Bleed(cell=cell, surely=surely, shown=f"{verb} {current}")


def _by_output(observed: Observed, marker: Marker) -> list[_Bleed]:
    """Read the balancing outputs, where the BMS has them: recorded, or by the meter."""
    trace, found = observed.trace, []
    at_mark = _at_mark(trace, marker)
    for name, output in observed.outputs.items():
        cell = number_of(name)
        if kind_of(name) is not BALANCE or cell is None:
            continue
        share = _on_share(trace, name, output.closed_above, marker)
        if share is not None:
            shown = f"is on for {share * 100:.0f} % of {show(_LOOK_S, 's')}"
            found.append(_Bleed(cell=cell, surely=share >= _ON_SHARE, shown=shown))
            continue
        readings = [r for r in observed.readings(name) if r in at_mark]
        if readings:
            best = max(readings, key=lambda reading: reading.value)
            found.append(_bleed(cell, best, output.closed_above))
    return found


def _on_share(trace: Trace, name: str, closed_above: float, marker: Marker) -> float | None:
    """Return for which share of the time before the mark a recorded output was on."""
    found = channel_of(trace, name)
    if found is None:
        return None
    waveform, channel = found
    last = index_at(waveform, marker.time_ns)
    first = index_at(waveform, marker.time_ns - _LOOK_S * 1e9)
    part = channel.values[first:last]
    return float(np.mean(part > closed_above)) if part.size else None
