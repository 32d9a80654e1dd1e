"""Samples to instants: when a sampled quantity crossed a level, and how surely.

Pure numpy on arrays; must not know cases, traces or verdicts. Times are seconds on the
digitizer's own clock, from sample 0. Estimators after measurement.md 3.1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rig.judge.budget import Row, normal

Samples = NDArray[np.float64]

SPIKE_SAMPLES = 2  # a run this short is a disturbance of the recorder, undone at once
_MANY_SAMPLES = 8  # an edge over so many samples surely spans the sampling grid
_STRAIGHT = 0.25  # neighbours at least this steep, relative: the samples lie on the edge itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """What limits the reading of an edge in one channel."""

    interval_s: float
    accuracy: float  # half-width, in the samples' unit
    noise: float  # standard deviation of a sample, quantisation included
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """A crossing: the estimate, where it lies among the samples, and its own budget rows."""

    time_s: float
    before: int  # index of the last sample on the near side
    after: int  # index of the first sample beyond
    rows: tuple[Row, ...]


def find_crossing(  # noqa: PLR0913 - one question, asked in full
    values: Samples,
    level: float,
    sampling: Sampling,
    *,
    rising: bool,
    first: int = 0,
    last: int | None = None,
    label: str = "crossing",
) -> Edge | None:
    """Find the first crossing of `level`, beyond its uncertainty and not undone at once.

    A crossing counts when the quantity went from below the band level ± h to above it, with
    h = max(accuracy, 3.5 noise), so that neither noise nor the channel's error can fake one.

    Parameters
    ----------
    values : float64, shape (n,)
    first, last : int
        Only samples first <= i < last are looked at.

    Returns
    -------
    Edge or None
        None if it never crossed: whether that is a failure is the caller's question.
    """
    seen = values[first:last]
    if not rising:
        seen, level = -seen, -level
    band = max(sampling.accuracy, 3.5 * sampling.noise)
    bracket = _bracket(seen, level, band)
    if bracket is None:
        return None
    return _locate(seen, level, band, bracket, first, sampling, label)


def _bracket(seen: Samples, level: float, band: float) -> tuple[int, int] | None:
    """Return the last sample below the band and the first above it, of the first lasting rise."""
    if seen.size == 0:
        return None
    above = np.flatnonzero(seen >= level + band)
    if above.size == 0:
        return None
    below = np.flatnonzero(seen <= level - band)
    if below.size == 0 or above[0] < below[0]:
        if seen[0] < level:  # it began inside the band, on the near side
            below = np.concatenate([np.zeros(1, below.dtype), below])
        elif below.size == 0:
            return None
    start = below[0]
    while True:
        i = int(np.searchsorted(above, start, side="right"))
        if i == above.size:
            return None
        rise = int(above[i])
        k = int(np.searchsorted(below, rise))
        undone = int(below[k]) if k < below.size else seen.size + SPIKE_SAMPLES
        if undone - rise > SPIKE_SAMPLES or seen.size - rise <= SPIKE_SAMPLES:
            return int(below[k - 1]), rise
        start = undone


def _locate(  # noqa: PLR0913
    seen: Samples,
    level: float,
    band: float,
    bracket: tuple[int, int],
    first: int,
    sampling: Sampling,
    label: str,
) -> Edge:
    """Place the crossing between two samples, or at the middle of the noise around it."""
    a, b = bracket
    part = seen[a : b + 1]
    ups = np.flatnonzero((part[:-1] < level) & (part[1:] >= level)) + a
    i, j = int(ups[0]), int(ups[-1])
    slope = float(seen[b] - seen[a]) / ((b - a) * sampling.interval_s)
    on_edge = b - a >= _MANY_SAMPLES or _is_straight(seen, i)
    if on_edge:
        at = 0.5 * (_interpolated(seen, level, i) + _interpolated(seen, level, j))
        rows = _interpolated_rows(seen, i, a, b, slope, sampling, label)
    else:
        at = 0.5 * (i + j + 1)
        rows = _midpoint_rows(j - i + 1, a, b, slope, sampling, label)
    time_s = (first + at) * sampling.interval_s
    return Edge(time_s=time_s, before=first + i, after=first + j + 1, rows=rows)


def _is_straight(seen: Samples, i: int) -> bool:
    """Tell whether samples i and i + 1 both lie on the edge, so that a line joins them."""
    if i < 1 or i + 2 >= seen.size:
        return False
    d0, d1, d2 = np.diff(seen[i - 1 : i + 3])
    return bool(min(d0, d2) >= _STRAIGHT * d1 and max(d0, d2) <= d1 / _STRAIGHT)


def _interpolated(seen: Samples, level: float, i: int) -> float:
    """Return the fractional index at which the line from sample i to i + 1 meets the level."""
    return i + float((level - seen[i]) / (seen[i + 1] - seen[i]))


def _interpolated_rows(  # noqa: PLR0913
    seen: Samples, i: int, a: int, b: int, slope: float, sampling: Sampling, label: str
) -> tuple[Row, ...]:
    """Return noise, level accuracy and curvature (measurement.md 3.1: Ts^2 V'' / 8 V')."""
    step = sampling.interval_s
    if b - a >= _MANY_SAMPLES:  # curvature over one sample of many is below the noise's share
        bend = step / (8.0 * (b - a))
    else:
        d0, d1, d2 = np.diff(seen[i - 1 : i + 3])
        bend = step * float(max(abs(d1 - d0), abs(d2 - d1)) / (8.0 * d1))
    return (
        _level_row(slope, sampling, label),
        normal(f"noise at {label}", sampling.noise / slope, f"{sampling.source}: noise over slew"),
        Row(
            name=f"interpolation at {label}",
            half_width=min(bend, step / 2.0),
            source="curvature between samples, Ts² V'' / (8 V')",
        ),
    )


def _midpoint_rows(  # noqa: PLR0913
    intervals: int, a: int, b: int, slope: float, sampling: Sampling, label: str
) -> tuple[Row, ...]:
    """Return the sampling row; level and noise matter only where the band spans more samples."""
    grid = Row(
        name=f"sampling at {label}",
        half_width=intervals * sampling.interval_s / 2.0,
        source=f"{sampling.source}: the edge lies between two samples",
    )
    if b - a == 1:
        return (grid,)
    return (grid, _level_row(slope, sampling, label))


def _level_row(slope: float, sampling: Sampling, label: str) -> Row:
    return Row(
        name=f"level at {label}",
        half_width=sampling.accuracy,
        sensitivity=1.0 / slope,
        source=f"{sampling.source}: accuracy over slew",
    )


# ---- states of an output ------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """Stretches in which an output is closed: samples starts[i] <= n < ends[i]."""

    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    size: int

    def is_closed(self, index: int) -> bool:
        """Tell the state at one sample."""
        i = int(np.searchsorted(self.starts, index, side="right")) - 1
        return i >= 0 and index < int(self.ends[i])


def closed_runs(values: Samples, closed_above: float, steady_samples: int = 0) -> Runs:
    """Find where an output conducts; high for less than `steady_samples` is a blink, so open.

    A short run that the record's begin or end cuts may have been a blink: it is not taken as
    closed, since nothing recorded proves that it was.
    """
    high = values > closed_above
    flips = np.flatnonzero(high[1:] != high[:-1]) + 1
    bounds = np.concatenate([[0], flips, [high.size]]).astype(np.int64)
    begin = 0 if high.size and high[0] else 1
    starts, ends = bounds[begin:-1:2], bounds[begin + 1 :: 2]
    if steady_samples > 0:
        keep = ends - starts >= steady_samples
        starts, ends = starts[keep], ends[keep]
    return Runs(starts=starts, ends=ends, size=int(high.size))


def quantised_noise(noise: float, resolution: float) -> float:
    """Return the standard deviation of a sample with its quantisation (q / sqrt 12)."""
    return math.hypot(noise, resolution / math.sqrt(12.0))
