"""Virtual time: a heap of events. Must not read the wall clock, nor draw noise."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection

__all__ = ["MS", "Action", "Handle", "Kernel"]

MS = 1_000_000  # ns

Action = Callable[[], None]

_COMPACT_AT = 256  # dead entries tolerated in the heap before it is rebuilt


class Handle:
    """One pending event, or one periodic task; `cancel` ends it and may be called twice."""

    __slots__ = ("_kernel", "action", "period_ns")

    def __init__(self, kernel: Kernel, action: Action, period_ns: int) -> None:
        self._kernel = kernel
        self.action: Action | None = action
        self.period_ns = period_ns

    @property
    def pending(self) -> bool:
        """Whether it will still act."""
        return self.action is not None

    def cancel(self) -> None:
        """Never act again."""
        if self.action is not None:
            self.action = None
            self._kernel._forget_one()


class Kernel:
    """Integer nanoseconds of virtual time; events run in the order (time, arrival).

    Attributes
    ----------
    handed, taken : dict of int
        What went to clients and came from them so far, by link: CAN frames, console bytes.
    lost : str
        Why a participant that time waits for is there no more (`lockstep.py`); "" if none was lost.
    """

    __slots__ = (
        *("_dead", "_heap", "_sequence", "_watched", "_woken"),
        *("handed", "lost", "now_ns", "taken"),
    )

    def __init__(self) -> None:
        self.now_ns = 0
        self.lost = ""
        self.handed = {"can": 0, "console": 0}
        self.taken = {"can": 0, "console": 0}
        self._watched: Collection[str] | None = None
        self._heap: list[tuple[int, int, Handle]] = []
        self._sequence = 0
        self._dead = 0
        self._woken = False

    def at(self, time_ns: int, action: Action) -> Handle:
        """Run `action` at `time_ns`, after everything that is due at that instant already."""
        return self._push(time_ns, Handle(self, action, 0))

    def after(self, delay_ns: int, action: Action) -> Handle:
        """Run `action` `delay_ns` from now."""
        return self._push(self.now_ns + delay_ns, Handle(self, action, 0))

    def every(self, period_ns: int, action: Action, *, first_ns: int | None = None) -> Handle:
        """Run `action` at `first_ns` (default: a period from now) and each period after it.

        Raises
        ------
        ValueError
            The period is not above 0.
        """
        if period_ns <= 0:
            raise ValueError(f"a period of {period_ns} ns would never let time pass")
        first = self.now_ns + period_ns if first_ns is None else first_ns
        return self._push(first, Handle(self, action, period_ns))

    def _push(self, time_ns: int, handle: Handle) -> Handle:
        if time_ns < self.now_ns:
            raise ValueError(f"{time_ns} ns lies in the past: it is {self.now_ns} ns now")
        self._sequence += 1
        heapq.heappush(self._heap, (time_ns, self._sequence, handle))
        return handle

    def run_until(self, end_ns: int) -> None:
        """Run everything due up to and including `end_ns`; then it is `end_ns`."""
        self._run(end_ns, stop_when_woken=False)

    def run_until_woken(self, end_ns: int, links: Collection[str] | None = None) -> bool:
        """Run as `run_until` does, but stop after the first instant in which `wake` was called.

        Parameters
        ----------
        links : collection of str, optional
            Only what is handed over on these counts; any of them if not given.
        """
        self._woken, self._watched = False, links
        return self._run(end_ns, stop_when_woken=True)

    def wake(self, link: str = "", amount: int = 1) -> None:
        """Tell that `amount` frames or bytes were handed to the clients of "can" or "console".

        Counted once, however many clients there are; without a link, it wakes whoever waits.
        """
        if link:
            self.handed[link] = self.handed.get(link, 0) + amount
        if not link or self._watched is None or link in self._watched:
            self._woken = True

    def take(self, link: str, amount: int = 1) -> None:
        """Tell that `amount` frames or bytes of payload arrived from a client on `link`."""
        self.taken[link] = self.taken.get(link, 0) + amount

    def next_due_ns(self) -> int | None:
        """Tell when the next event is due, None if there is none."""
        heap = self._heap
        while heap and heap[0][2].action is None:
            heapq.heappop(heap)
            self._dead -= 1
        return heap[0][0] if heap else None

    def _run(self, end_ns: int, *, stop_when_woken: bool) -> bool:
        # The one hot loop of the virtual bench: local names, no call that can be avoided.
        heap, pop, replace = self._heap, heapq.heappop, heapq.heapreplace
        while heap and heap[0][0] <= end_ns:
            time_ns, _, handle = heap[0]
            action = handle.action
            if action is None:
                pop(heap)
                self._dead -= 1
                continue
            if stop_when_woken and self._woken and time_ns > self.now_ns:
                return True
            self.now_ns = time_ns
            if handle.period_ns:
                self._sequence += 1
                replace(heap, (time_ns + handle.period_ns, self._sequence, handle))
            else:
                pop(heap)
                handle.action = None
            action()
        if stop_when_woken and self._woken:
            return True
        self.now_ns = max(self.now_ns, end_ns)
        return False

    def _forget_one(self) -> None:
        self._dead += 1
        if self._dead > _COMPACT_AT and self._dead * 2 > len(self._heap):
            self._heap[:] = [entry for entry in self._heap if entry[2].action is not None]
            heapq.heapify(self._heap)
            self._dead = 0
