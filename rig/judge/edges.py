"""Samples to instants: when a sampled quantity crossed a level, and how surely.

Pure numpy on arrays; must not know cases, traces or verdicts. Times are seconds on the
digitizer's own clock, from sample 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

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
    bracket = _bracket(seen, level, max(sampling.accuracy, 3.5 * sampling.noise))
    if bracket is None:
        return None
    return _Rise.within(seen, level, bracket, sampling, label).located(first)


def _bracket(seen: Samples, level: float, band: float) -> tuple[int, int] | None:
    """Return the last sample below the band and the first above it, of the first lasting rise."""
    above, below = np.flatnonzero(seen >= level + band), np.flatnonzero(seen <= level - band)
    if not above.size:
        return None
    if seen[0] < level and (not below.size or above[0] < below[0]):
        below = np.concatenate([[0], below])  # it began inside the band, on the near side
    after = below[0] if below.size else seen.size
    while (k := int(np.searchsorted(above, after, side="right"))) < above.size:
        rise = int(above[k])
        i = int(np.searchsorted(below, rise))
        undone = int(below[i]) if i < below.size else seen.size + SPIKE_SAMPLES + 1
        if undone - rise > SPIKE_SAMPLES:
            return int(below[i - 1]), rise
        after = undone
    return None


@dataclass(frozen=True)
class _Rise:
    """One rise through the band around a level; a fall is seen as the rise of its negative."""

    seen: Samples
    level: float
    start: int  # last sample below the band
    end: int  # first sample above it
    first_up: int  # last sample before the level was first reached
    last_up: int  # and before it was last: the same but for noise
    sampling: Sampling
    label: str

    @staticmethod
    def within(
        seen: Samples, level: float, bracket: tuple[int, int], sampling: Sampling, label: str
    ) -> _Rise:
        """Return the rise between two samples on either side of the level."""
        start, end = bracket
        ups = _ups(seen, level, start, end)
        return _Rise(seen, level, start, end, int(ups[0]), int(ups[-1]), sampling, label)

    @cached_property
    def slope(self) -> float:
        """Slew from the crossing to the end of the channel's error, on the slower side, in unit/s.

        The mean over the band is no bound: where an edge flattens, or rests just below the level,
        an error of the channel moves the crossing by more than that says.
        """
        accuracy = self.sampling.accuracy
        if not accuracy:
            climb = float(self.seen[self.end] - self.seen[self.start])
            return climb / ((self.end - self.start) * self.sampling.interval_s)
        early, at, late = (self.passed(self.level + off) for off in (-accuracy, 0.0, accuracy))
        return accuracy / (max(at - early, late - at) * self.sampling.interval_s)

    def passed(self, level: float) -> float:
        """Return the fractional index at which a level within the band is passed: amid noise."""
        ups = _ups(self.seen, level, self.start, self.end)
        if not ups.size:  # the record begins above it
            return float(self.start)
        return 0.5 * (
            self.interpolated(int(ups[0]), level) + self.interpolated(int(ups[-1]), level)
        )

    @property
    def is_slow(self) -> bool:
        """The band alone spans many samples, so that the grid adds nothing."""
        return self.end - self.start >= _MANY_SAMPLES

    def steps(self) -> tuple[float, float, float] | None:
        """Return the climb before, across and after the crossing, None at the record's ends."""
        i = self.first_up
        if i < 1 or i + 2 >= self.seen.size:
            return None
        d0, d1, d2 = np.diff(self.seen[i - 1 : i + 3])
        return float(d0), float(d1), float(d2)

    def bend_s(self) -> float | None:
        """Return the half-width of interpolating, None where no line joins the samples.

        A knee between the two samples, where slope a becomes b, lies off the line by at most
        (b - a) Ts / 4: four times the bound for a smooth edge, Ts² V'' / 8.
        An exponential bends most at its begin, where V'' Ts is d ln(d / d') of two of its steps.
        """
        interval_s = self.sampling.interval_s
        if self.is_slow:
            return interval_s / (8.0 * (self.end - self.start))
        steps = self.steps()
        if steps is None:
            return None
        d0, d1, d2 = steps
        if min(d0, d2) < _STRAIGHT * d1 or max(d0, d2) > d1 / _STRAIGHT:
            return None
        bent = d1 * max(abs(math.log(d1 / d0)), abs(math.log(d2 / d1))) / 8.0
        off = max(abs(d2 - d0) / 4.0, bent)
        return min(interval_s * off / d1, interval_s / 2.0)

    def located(self, first: int) -> Edge:
        """Return the crossing, its indices counted from the record's begin."""
        bend_s = self.bend_s()
        if bend_s is None:
            at, rows = 0.5 * (self.first_up + self.last_up + 1), self.midpoint_rows()
        else:
            at = self.passed(self.level)
            rows = self.interpolated_rows(bend_s)
        return Edge(
            time_s=(first + at) * self.sampling.interval_s,
            before=first + self.first_up,
            after=first + self.last_up + 1,
            rows=rows,
        )

    def interpolated(self, i: int, level: float) -> float:
        """Return the fractional index at which the line from sample i to i + 1 meets a level."""
        return i + float((level - self.seen[i]) / (self.seen[i + 1] - self.seen[i]))

    def interpolated_rows(self, bend_s: float) -> tuple[Row, ...]:
        """Return level, noise and curvature."""
        bend = Row(
            name=f"interpolation at {self.label}",
            half_width=bend_s,
            source="a knee between two samples: change of slope over 4 slopes",
        )
        return (self.level_row(), self.noise_row(), bend)

    def midpoint_rows(self) -> tuple[Row, ...]:
        """Return the sampling row; level and noise matter only where the band spans more."""
        intervals = self.last_up - self.first_up + 1
        grid = Row(
            name=f"sampling at {self.label}",
            half_width=intervals * self.sampling.interval_s / 2.0,
            source=f"{self.sampling.source}: the edge lies between two samples",
        )
        if self.end - self.start == 1:
            return (grid,)
        return (grid, self.level_row(), self.noise_row())

    def noise_row(self) -> Row:
        """Return the noise of one sample as time."""
        return normal(
            f"noise at {self.label}",
            self.sampling.noise / self.slope,
            f"{self.sampling.source}: noise over slew",
        )

    def level_row(self) -> Row:
        """Return the channel's accuracy as time."""
        return Row(
            name=f"level at {self.label}",
            half_width=self.sampling.accuracy,
            sensitivity=1.0 / self.slope,
            source=f"{self.sampling.source}: accuracy over slew",
        )


def _ups(seen: Samples, level: float, start: int, end: int) -> NDArray[np.intp]:
    """Return the samples from `start` to before `end` after each of which a level is reached."""
    part = seen[start : end + 1]
    return np.flatnonzero((part[:-1] < level) & (part[1:] >= level)) + start


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

    def lasting_changes(self, *, closing: bool) -> NDArray[np.int64]:
        """Return the samples, shape (m,), of all changes to closed (or open), but for a spike's.

        With a spike goes the change back as well, so that what is left closes and opens in turn.
        """
        at = np.column_stack((self.starts, self.ends)).ravel()
        closes = np.arange(at.size) % 2 == 0
        inside = (at > 0) & (at < self.size)
        at, closes = at[inside], closes[inside]
        lasts = np.diff(at, append=self.size + SPIKE_SAMPLES + 1) > SPIKE_SAMPLES
        at, closes = at[lasts], closes[lasts]
        anew = closes != np.concatenate([[self.is_closed(0)], closes[:-1]])
        return np.asarray(at[anew & (closes == closing)], np.int64)


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
    """Return the standard deviation of a sample with its quantisation, in the unit of both.

    A step q of a reading adds q / sqrt 12 (JCGM 100:2008, F.2.2.1).
    """
    return math.hypot(noise, resolution / math.sqrt(12.0))
