"""Which cells bleed at a mark: by the current that each draws, or by its own output.

A BMS pauses balancing while it measures, so one look may meet a pause: of several readings of a
cell at the mark the largest counts, and in a record the output must be on for half of the last
100 ms.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from rig.case import Case
from rig.expectations.balances import Balances
from rig.judge.instants import channel_of, index_at, marker_of, readings_of
from rig.judge.rules import NoEvidence, Question
from rig.judge.verdict import Finding, Verdict
from rig.judge.wording import show
from rig.quantities import BALANCE, BLEED, CELL, kind_of, number_of
from rig.trace.model import Marker, Reading, Trace

_LOOK_S = 0.1  # of the record before the mark
_ON_SHARE = 0.5  # of that, to count as bleeding


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bleed:
    """What one cell was seen to do. `surely` is None where the uncertainty straddles the level."""

    cell: int
    surely: bool | None
    shown: str


def judge_balances(case: Case, trace: Trace, wanted: Balances, question: Question) -> Finding:
    """Judge that just the cells named bleed."""
    marker = marker_of(trace, wanted.at)
    seen = {
        b.cell: b for b in (*_by_current(trace, wanted, marker), *_by_output(case, trace, marker))
    }
    missing = sorted({*wanted.cells, *range(1, case.cells + 1)} - set(seen))
    if missing or not seen:
        names = ", ".join(map(str, missing)) or "any cell"
        raise NoEvidence(f"at {wanted.at!r} nothing was read of the balancing of {names}")
    wrong = [b for b in seen.values() if b.surely is (b.cell not in wanted.cells)]
    unsure = [b for b in seen.values() if b.surely is None]
    told = ", ".join(
        f"{CELL.at(b.cell)} {b.shown}" for b in sorted(seen.values(), key=lambda b: b.cell)
    )
    if wrong:
        names = ", ".join(
            f"{CELL.at(b.cell)} {'bleeds' if b.surely else 'does not bleed'}" for b in wrong
        )
        return question.answer(Verdict.FAIL, f"{names}, against the expectation ({told})")
    if unsure:
        names = ", ".join(CELL.at(b.cell) for b in unsure)
        level = show(wanted.low_a, "A")
        return question.answer(
            Verdict.INCONCLUSIVE,
            f"whether {names} bleeds can't be told ({told}): too near to {level} for the meter",
        )
    return question.answer(Verdict.PASS, f"just as expected ({told})")


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
    during = [
        r for r in trace.readings if r.before_ns >= marker.begin_ns and r.after_ns <= marker.time_ns
    ]
    if during:
        return during
    changed_ns = max(
        (c.before_ns for c in trace.commands if c.before_ns <= marker.time_ns),
        default=trace.begin_ns,
    )
    return [r for r in trace.readings if changed_ns <= r.before_ns and r.after_ns <= marker.time_ns]


def _bleed(cell: int, reading: Reading, level: float) -> _Bleed:
    above = reading.value - level
    surely = above > 0.0 if abs(above) > reading.accuracy else None
    current = f"{show(reading.value, reading.unit)} ± {show(reading.accuracy, reading.unit)}"
    verb = "draws" if reading.unit == "A" else "has its output at"
    return _Bleed(cell=cell, surely=surely, shown=f"{verb} {current}")


def _by_output(case: Case, trace: Trace, marker: Marker) -> list[_Bleed]:
    """Read the balancing outputs, where the BMS has them: recorded, or by the meter."""
    found = []
    for name, output in case.outputs.items():
        cell = number_of(name)
        if kind_of(name) is not BALANCE or cell is None:
            continue
        share = _on_share(trace, name, output.closed_above, marker)
        if share is not None:
            shown = f"is on for {share * 100:.0f} % of {show(_LOOK_S, 's')}"
            found.append(_Bleed(cell=cell, surely=share >= _ON_SHARE, shown=shown))
            continue
        readings = [r for r in readings_of(trace, name) if r in _at_mark(trace, marker)]
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
