"""What was reported and read of several quantities, as columns: judged without a loop over them.

Rows stand quantity by quantity, and in order of time within each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rig.trace.model import Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Reports:
    """Values that a BMS sent of n quantities, m in all."""

    times_ns: NDArray[np.int64]  # (m,)
    values: NDArray[np.float64]  # (m,)
    begins: NDArray[np.intp]  # (n + 1,), the first row of each quantity; m

    @staticmethod
    def of(parts: Sequence[tuple[NDArray[np.int64], NDArray[np.float64]]]) -> Reports:
        """Join times (ns) and values of each quantity, both of shape (k,), in the order given."""
        return Reports(
            times_ns=np.concatenate([times for times, _ in parts]),
            values=np.concatenate([values for _, values in parts]),
            begins=np.concatenate([[0], np.cumsum([times.size for times, _ in parts])]),
        )

    def part(self, at: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Give times (ns) and values, both of shape (k,), of the quantity at `at`, from 0."""
        own = slice(self.begins[at], self.begins[at + 1])
        return self.times_ns[own], self.values[own]

    @property
    def which(self) -> NDArray[np.intp]:
        """Give the quantity, from 0, of each row, shape (m,)."""
        return np.repeat(np.arange(self.begins.size - 1), np.diff(self.begins))

    def nearest(
        self,
        which: NDArray[np.intp],
        at_ns: NDArray[np.float64],
        begin_ns: NDArray[np.float64],
        end_ns: NDArray[np.float64],
    ) -> NDArray[np.intp]:
        """Find the row of a quantity that lies nearest to an instant, of those within a span.

        Parameters
        ----------
        which, at_ns, begin_ns, end_ns
            Of k searches, shape (k,). Of two rows equally near the earlier counts.

        Returns
        -------
        rows : shape (k,)
            -1 where the span has none.
        """
        if not self.times_ns.size:
            return np.full(which.size, -1)
        # All quantities on one axis, each on a stretch of its own: one binary search finds any.
        first_ns = int(self.times_ns.min())
        span_ns = int(self.times_ns.max()) - first_ns + 2
        keys = self.times_ns - first_ns + span_ns * self.which

        def key(times_ns: NDArray[np.float64], least: int, most: int) -> NDArray[np.int64]:
            return np.clip(times_ns - first_ns, least, most).astype(np.int64) + span_ns * which

        low = np.searchsorted(keys, key(np.ceil(begin_ns), 0, span_ns - 1))
        high = np.searchsorted(keys, key(np.floor(end_ns), -1, span_ns - 2), side="right")
        last = np.maximum(high - 1, 0)
        later = np.searchsorted(keys, key(np.ceil(at_ns), 0, span_ns - 1))
        rows = [np.clip(row, np.minimum(low, last), last) for row in (later - 1, later)]
        before, after = (np.abs(self.times_ns[row] - at_ns) for row in rows)
        found = np.searchsorted(keys, keys[np.where(before <= after, *rows)])
        return np.where(high > low, np.maximum(found, low), -1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """What meters read of n quantities, m readings in all."""

    of: tuple[Reading, ...]
    which: NDArray[np.intp]  # (m,), the quantity of each, from 0
    before_ns: NDArray[np.int64]  # (m,)
    after_ns: NDArray[np.int64]  # (m,)
    values: NDArray[np.float64]  # (m,)
    accuracy: NDArray[np.float64]  # (m,), half-widths

    @staticmethod
    def joined(parts: Sequence[Sequence[Reading]]) -> Readings:
        """Join the readings of each quantity."""
        of = tuple(reading for readings in parts for reading in readings)
        return Readings(
            of=of,
            which=np.repeat(np.arange(len(parts)), [len(readings) for readings in parts]),
            before_ns=np.array([reading.before_ns for reading in of], np.int64),
            after_ns=np.array([reading.after_ns for reading in of], np.int64),
            values=np.array([reading.value for reading in of], np.float64),
            accuracy=np.array([reading.accuracy for reading in of], np.float64),
        )
