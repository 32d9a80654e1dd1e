"""Periodic tasks that sleep until their next due tick, by the chip's 32-bit tick counter.

Must not know what a task does. The counter wraps after 49.7 days, and every sum here with it.
"""

from __future__ import annotations

from collections.abc import Callable

from rig.virtual.guests.esp32 import TICK_WRAP_MS, Chip, ticks_since
from rig.virtual.kernel import MS


class SoftTimers:
    """The periodic tasks of one run of the firmware."""

    def __init__(self, chip: Chip) -> None:
        self.chip = chip

    def every(self, period_ns: int, action: Callable[[], None], *, phase_ns: int) -> None:
        """Run a task, first `phase_ns` from now, at a period of whole milliseconds."""
        chip, period_ms = self.chip, period_ns // MS
        due_ms = 0

        def first() -> None:
            nonlocal due_ms
            due_ms = chip.ticks_ms()
            run()

        def run() -> None:
            nonlocal due_ms
            action()
            due_ms = self.next_due(due_ms, period_ms)
            chip.after(self.wait_ms(chip.ticks_ms(), due_ms) * MS, run)

        chip.after(phase_ns, first)

    def next_due(self, due_ms: int, period_ms: int) -> int:
        """Tell the tick, in ms, at which a task is due after this one."""
        return (due_ms + period_ms) % TICK_WRAP_MS

    def wait_ms(self, now_ms: int, due_ms: int) -> int:
        """Time to sleep; 0 where the due tick has passed already."""
        wait_ms = ticks_since(due_ms, now_ms)
        return wait_ms if wait_ms < TICK_WRAP_MS // 2 else 0
