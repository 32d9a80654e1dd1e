"""Waveforms as text for a terminal: the strips of the SVG, in Braille dots or in plain ASCII.

Two dots across and four down make a character (Unicode 2800 to 28FF). Every dot column spans from
the least to the greatest sample in it, so that no glitch of one sample is lost. Must not judge, nor
print.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from reports.svg import Allowed, Axis, Floats, PlotLane, flags_of, lanes_of, windows_of
from rig.case import Case
from rig.judge.verdict import EventMark, Judgement
from rig.trace.model import Trace

LABEL = 16  # characters to the left of a strip
COLUMNS = 78 - LABEL
ROWS = 5  # characters of a strip's height
_DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])  # by row and column
_FLAGS = "123456789"

Dots = NDArray[np.bool_]


def waveform_text(
    case: Case,
    trace: Trace,
    judgement: Judgement,
    span_s: tuple[float, float],
    *,
    braille: bool = True,
) -> list[str]:
    """Draw a part of a case, `span_s` in seconds since its trace began; returns lines."""
    axis = Axis(*span_s)
    windows = [w for w in windows_of(case, judgement) if w.begin_s <= span_s[1]]
    lanes = lanes_of(case, trace, judgement, windows)
    flags = flags_of(case, judgement, axis)[: len(_FLAGS)]
    lines: list[str] = []
    for lane in lanes:
        lines += _strip(lane, axis, braille=braille) if lane.series else _events(lane, axis)
    return [*lines, *_time_axis(axis), *_legend(flags, windows, axis)]


def _strip(lane: PlotLane, axis: Axis, *, braille: bool) -> Iterator[str]:
    """Yield a strip with its scale at the left."""
    parts = [_inside(s.time_s, s.values, axis) for s in lane.series]
    seen = [values for _, values in parts if values.size]
    if not seen:
        return
    ends = [*lane.levels, *(float(v.min()) for v in seen), *(float(v.max()) for v in seen)]
    low, high = min(ends), max(ends)
    air = 0.05 * (high - low) or 0.05
    dots = np.zeros((4 * ROWS, 2 * COLUMNS), np.bool_)
    for time_s, values in parts:
        _draw(dots, time_s, values, axis, (low - air, high + air))
    for number, text in enumerate(_characters(dots, braille=braille)):
        yield f"{_label(lane, number, low, high):>{LABEL - 1}} {text}".rstrip()


def _inside(time_s: Floats, values: Floats, axis: Axis) -> tuple[Floats, Floats]:
    kept = (time_s >= axis.begin_s) & (time_s <= axis.end_s)
    return time_s[kept], values[kept]


def _draw(
    dots: Dots,
    time_s: Floats,
    values: Floats,
    axis: Axis,
    limits: tuple[float, float],
) -> None:
    """Fill every dot column from the least to the greatest value in it, and on to the next one."""
    if not values.size:
        return
    rows, columns = dots.shape
    at = ((time_s - axis.begin_s) / (axis.end_s - axis.begin_s) * (columns - 1)).astype(int)
    height = ((values - limits[0]) / (limits[1] - limits[0]) * (rows - 1)).astype(int)
    least, most = np.full(columns, rows), np.full(columns, -1)
    np.minimum.at(least, at, height)
    np.maximum.at(most, at, height)
    before = -1
    for column in range(columns):
        if most[column] < 0:
            if before < 0:
                continue
            least[column] = most[column] = before  # no sample here: the last one holds
        low, high = int(least[column]), int(most[column])
        if before >= 0:
            low, high = min(low, before), max(high, before)
        dots[rows - 1 - high : rows - low, column] = True
        last = height[at == column]
        before = int(last[-1]) if last.size else before


def _characters(dots: Dots, *, braille: bool) -> Iterator[str]:
    """Yield the lines of text that dots make."""
    rows, columns = dots.shape[0] // 4, dots.shape[1] // 2
    cells = dots.reshape(rows, 4, columns, 2)
    if braille:
        codes = 0x2800 + (cells * _DOTS[None, :, None, :]).sum(axis=(1, 3))
        yield from ("".join(map(chr, row)) for row in codes.tolist())
        return
    filled: Dots = np.any(cells, axis=(1, 3)).reshape(rows, columns)
    yield from ("".join("*" if filled[r, c] else " " for c in range(columns)) for r in range(rows))


def _label(lane: PlotLane, row: int, low: float, high: float) -> str:
    if row == 0:
        return f"{high:.4g} {lane.unit}".rstrip()
    if row == ROWS - 1:
        return f"{low:.4g} {lane.unit}".rstrip()
    return lane.label[: LABEL - 1] if row == ROWS // 2 else ""


def _events(lane: PlotLane, axis: Axis) -> Iterator[str]:
    """Yield a strip of things that have no value."""
    if shown := [tick for tick in lane.ticks if axis.shows(tick)]:
        yield f"{lane.label[-LABEL + 1 :]:>{LABEL - 1}} {_placed(shown, '|' * len(shown), axis)}"


def _placed(times: Sequence[float], signs: str, axis: Axis) -> str:
    text = [" "] * COLUMNS
    for time_s, sign in zip(times, signs, strict=False):
        text[_column(time_s, axis)] = sign
    return "".join(text).rstrip()


def _column(time_s: float, axis: Axis) -> int:
    part = (time_s - axis.begin_s) / (axis.end_s - axis.begin_s)
    return min(max(int(part * COLUMNS), 0), COLUMNS - 1)


def _time_axis(axis: Axis) -> Iterator[str]:
    ends = f"{axis.begin_s:.4g} s", f"{axis.end_s:.4g} s"
    yield " " * LABEL + "-" * COLUMNS
    yield " " * LABEL + ends[0] + ends[1].rjust(COLUMNS - len(ends[0]))


def _legend(flags: Sequence[EventMark], windows: Sequence[Allowed], axis: Axis) -> Iterator[str]:
    """Yield where the judge looked, and what was allowed."""
    if flags:
        yield " " * LABEL + _placed([flag.time_s for flag in flags], _FLAGS, axis)
    for sign, flag in zip(_FLAGS, flags, strict=False):
        yield f"  {sign}  {flag.time_s:.4f} s  {flag.label} ({flag.channel})"
    for window in windows:
        begin_s, end_s = window.begin_s + window.low_s, window.begin_s + window.high_s
        yield f"     {window.channel} was due {begin_s:.4f} s to {end_s:.4f} s"
