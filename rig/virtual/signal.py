"""A quantity over time, its past included. Must not know what it is a quantity of.

A signal is a row of pieces, each `base + slope * t + amplitude * exp(-rate * t)` with t counted
from the piece's own start, which is a whole nanosecond. Every piece is monotonic, so it crosses a
level at most once, and the crossing is found exactly, without sampling: it is the first whole
nanosecond at which the level is reached and was not reached one nanosecond before.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rig.virtual.kernel import Kernel

__all__ = ["Signal"]

_KEEP_NS = 120 * 10**9  # what a digitizer may still ask for, unless it registered for more
_TRIM_AT = 512  # pieces held before the first look at what may be forgotten
_SAMPLES_A_PIECE = 64  # from so many on, a slice a piece is faster than a look-up a sample
_FOREVER = 2**62  # ns, 146 years
_SETTLED = 40.0  # time constants after which an exponential is its target, to a double's precision

# start, base, slope per ns, amplitude, rate per ns
_Piece = tuple[int, float, float, float, float]


def _at(piece: _Piece, time_ns: float) -> float:
    start, base, slope, amplitude, rate = piece
    t = time_ns - start
    if amplitude:
        return base + amplitude * math.exp(-rate * t)
    return base + slope * t if slope else base


def _integral(piece: _Piece, begin: int, end: int) -> float:
    start, base, slope, amplitude, rate = piece
    length = end - begin
    total = base * length + slope * length * (begin + end - 2 * start) / 2.0
    if amplitude:
        fading = math.exp(-rate * (begin - start)) * -math.expm1(-rate * length)
        total += amplitude / rate * fading
    return total


def _sample_rising(pieces: Sequence[_Piece], times: NDArray[Any]) -> NDArray[np.float64]:
    """Piece by piece: rising times make each piece one slice, and most pieces are constant."""
    edges = np.searchsorted(times, [piece[0] for piece in pieces[1:]], side="left")
    result, begin = np.empty(times.size), 0
    for piece, end in zip(pieces, [*edges.tolist(), times.size], strict=True):
        start, base, slope, amplitude, rate = piece
        if end > begin:
            result[begin:end] = base
            if slope or amplitude:
                t = np.maximum(times[begin:end] - start, 0)
                result[begin:end] += slope * t + amplitude * np.exp(-rate * t)
        begin = max(begin, end)
    return result


class Signal:
    """One net or quantity; `keep_ns` says how much of its past is kept at least."""

    __slots__ = (
        "_kernel",
        "_pieces",
        "_starts",
        "_trim_at",
        "_watchers",
        "keep_ns",
        "name",
        "unit",
    )

    def __init__(self, kernel: Kernel, name: str, unit: str, value: float) -> None:
        self._kernel = kernel
        self.name, self.unit = name, unit
        self.keep_ns = _KEEP_NS
        self._pieces: list[_Piece] = [(kernel.now_ns, float(value), 0.0, 0.0, 0.0)]
        self._starts: list[int] = [kernel.now_ns]
        self._trim_at = _TRIM_AT
        self._watchers: list[Callable[[], None]] = []

    # Reading

    def value(self) -> float:
        """Read it now."""
        # Firmware does this a thousand times a second, mostly in a piece without an exponential.
        start, base, slope, amplitude, _ = self._pieces[-1]
        t = self._kernel.now_ns - start
        if amplitude or t < 0:
            return self.value_at(self._kernel.now_ns)
        return base + slope * t if slope else base

    def value_at(self, time_ns: int) -> float:
        """Read it at any time: the past as it was, the future as it will be if nothing changes."""
        if time_ns >= self._starts[-1]:
            return _at(self._pieces[-1], time_ns)
        index = bisect_right(self._starts, time_ns) - 1
        if index < 0:  # before its first moment it was what it was at its first moment
            return _at(self._pieces[0], self._starts[0])
        return _at(self._pieces[index], time_ns)

    def sample(self, times_ns: NDArray[np.int64] | NDArray[np.float64]) -> NDArray[np.float64]:
        """Read it, in its unit, at many times at once, in any order; shape as `times_ns`."""
        times = np.asarray(times_ns)
        if not times.size:
            return np.zeros(times.shape)
        first = max(bisect_right(self._starts, int(times.min())) - 1, 0)
        last = bisect_right(self._starts, int(times.max()))
        pieces = self._pieces[first : max(last, first + 1)]
        few = len(pieces) * _SAMPLES_A_PIECE <= times.size
        if few and times.ndim == 1 and not (times[1:] < times[:-1]).any():
            return _sample_rising(pieces, times)
        starts = np.array([piece[0] for piece in pieces], dtype=np.int64)
        table = np.array([piece[1:] for piece in pieces])
        index = np.maximum(np.searchsorted(starts, times, side="right") - 1, 0)
        base, slope, amplitude, rate = table[index].T
        t = np.maximum(times - starts[index], 0)
        result: NDArray[np.float64] = base + slope * t + amplitude * np.exp(-rate * t)
        return result

    def mean(self, from_ns: int, to_ns: int) -> float:
        """Average it over a stretch of time, exactly."""
        starts, total = self._starts, 0.0
        for index in range(max(bisect_right(starts, from_ns) - 1, 0), len(starts)):
            begin = max(starts[index], from_ns)
            end = min(starts[index + 1] if index + 1 < len(starts) else to_ns, to_ns)
            if begin >= to_ns:
                break
            total += _integral(self._pieces[index], begin, end)
        return total / (to_ns - from_ns)

    # Changing

    def jump(self, value: float) -> None:
        """Step to `value`, in its unit, now, ideally."""
        now = self._kernel.now_ns
        last = self._pieces[-1]
        if last[1] == value and not last[2] and not last[3] and last[0] <= now:
            return
        self._put([(now, float(value), 0.0, 0.0, 0.0)])

    def approach(self, target: float, *, slew: float = math.inf, tau_s: float = 0.0) -> None:
        """Go to `target` at `slew` units a second, the last of it with time constant `tau_s`.

        The ramp hands over to the exponential where both are equally steep, as an amplifier's does.
        """
        now, value = self._kernel.now_ns, self.value()
        delta = target - value
        if not math.isfinite(delta) or not delta or (slew == math.inf and not tau_s):
            self.jump(target)
            return
        pieces: list[_Piece] = []
        rest = math.copysign(min(abs(delta), slew * tau_s) if tau_s else 0.0, delta)
        if abs(delta) > abs(rest):
            length = max(1, round(abs(delta - rest) / slew * 1e9))
            # The slope is adjusted by less than a nanosecond's worth, to end on a whole one.
            pieces.append((now, value, (delta - rest) / length, 0.0, 0.0))
            now += length
        if rest:
            pieces.append((now, target, 0.0, -rest, 1e-9 / tau_s))
            now += max(1, math.ceil(_SETTLED * tau_s * 1e9))
        pieces.append((now, float(target), 0.0, 0.0, 0.0))
        self._put(pieces)

    def on_change(self, callback: Callable[[], None]) -> None:
        """Call `callback` after each jump or approach."""
        self._watchers.append(callback)

    def _put(self, pieces: list[_Piece]) -> None:
        now = self._kernel.now_ns
        while self._starts and self._starts[-1] >= now:  # a future that will not come
            self._starts.pop()
            self._pieces.pop()
        self._pieces += pieces
        self._starts += [piece[0] for piece in pieces]
        if len(self._starts) > self._trim_at:
            self.forget_before(now - self.keep_ns)
            self._trim_at = max(_TRIM_AT, 2 * len(self._starts))
        for watcher in self._watchers:
            watcher()

    def forget_before(self, time_ns: int) -> None:
        """Drop the pieces that ended before `time_ns`."""
        index = bisect_right(self._starts, time_ns) - 1
        if index > 0:
            del self._starts[:index]
            del self._pieces[:index]

    # Crossing levels

    def crossings(self, level: float, *, rising: bool, since_ns: int = 0) -> list[int]:
        """Find every crossing of `level`, in ns, from `since_ns` up to now."""
        return list(self._crossings(level, 1.0 if rising else -1.0, since_ns, self._kernel.now_ns))

    def when(self, level: float, *, rising: bool) -> int | None:
        """Find the next crossing after now, in ns, if nothing changes; None if it never comes."""
        sign = 1.0 if rising else -1.0
        return next(self._crossings(level, sign, self._kernel.now_ns + 1, _FOREVER), None)

    def _crossings(self, level: float, sign: float, since: int, until: int) -> Iterator[int]:
        starts = self._starts
        since = max(since, starts[0] + 1)
        for index in range(bisect_right(starts, since) - 1, len(starts)):
            begin = max(starts[index], since)
            end = min(starts[index + 1] - 1 if index + 1 < len(starts) else _FOREVER, until)
            if begin > end:
                return
            at = _reached(self._pieces[index], level, sign, begin, end)
            if at == begin and sign * self.value_at(begin - 1) >= sign * level:
                continue  # it was there before
            if at is not None:
                yield at


def _reached(piece: _Piece, level: float, sign: float, begin: int, end: int) -> int | None:
    """Find the first whole nanosecond of `begin` … `end` at which one piece has reached `level`."""
    threshold = sign * level
    if sign * _at(piece, begin) >= threshold:
        return begin
    if sign * _at(piece, end) < threshold:
        return None
    guess = _solved(piece, level, sign)
    if guess is None:  # an exponential's own target, reached in the end by rounding
        guess = float(end)
    if guess > end + 1e3:
        return None
    # The guess is right to rounding; bisect to the very nanosecond that value_at agrees with.
    low, high = begin, end
    near = min(max(math.floor(guess), begin + 1), end - 1)
    for probe in (near + 2, near - 2):
        if low < probe < high:
            low, high = (low, probe) if sign * _at(piece, probe) >= threshold else (probe, high)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if sign * _at(piece, middle) >= threshold else (middle, high)
    return high


def _solved(piece: _Piece, level: float, sign: float) -> float | None:
    """Solve one piece for `level`, in ns; None if it runs the other way or not so far."""
    start, base, slope, amplitude, rate = piece
    if amplitude:
        ratio = (level - base) / amplitude
        return start - math.log(ratio) / rate if sign * amplitude < 0 and ratio > 0.0 else None
    return start + (level - base) / slope if sign * slope > 0 else None
