"""Since when and until when nothing was commanded, around an instant of a trace.

Asked for each reading of each cell, so the commands are put in order once: a look takes a binary
search, however many there are.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rig.trace.model import Trace


class Stillness:
    """The commands of a trace, in the order in which they were confirmed."""

    def __init__(self, trace: Trace) -> None:
        commands = sorted(trace.commands, key=lambda command: command.after_ns)
        self._begin_ns = trace.begin_ns
        self._after_ns = np.array([c.after_ns for c in commands], np.int64)
        self._settle_s = np.array([c.settle_s for c in commands], np.float64)
        before_ns = np.array([c.before_ns for c in commands], np.int64)
        next_ns = np.minimum.accumulate(before_ns[::-1])[::-1]
        self._next_ns = np.append(next_ns, trace.end_ns).astype(np.float64)
        self._steady_ns: dict[float, NDArray[np.float64]] = {}

    def around(
        self, at_ns: NDArray[np.int64], settle_s: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return when all stood still since the last command before, and when the next began.

        Parameters
        ----------
        at_ns
            Instants, shape (n,).
        settle_s
            How long after each command, and its own settling, it does not count as still.

        Returns
        -------
        since, until : shape (n,)
            In ns. The trace's own begin and end where there is no such command.
        """
        given = np.searchsorted(self._after_ns, at_ns, side="right")
        return self._steady(settle_s)[given], self._next_ns[given]

    def _steady(self, settle_s: float) -> NDArray[np.float64]:
        """When all before and up to each command has settled; the trace's begin before the first.

        Shape (commands + 1,).
        """
        if settle_s not in self._steady_ns:
            ends_ns = self._after_ns + (self._settle_s + settle_s) * 1e9
            steady_ns = [np.maximum.accumulate(ends_ns)] if ends_ns.size else []
            self._steady_ns[settle_s] = np.concatenate([[float(self._begin_ns)], *steady_ns])
        return self._steady_ns[settle_s]
