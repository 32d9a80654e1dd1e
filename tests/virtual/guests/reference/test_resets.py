"""Resets by command, panic and stack, RTC memory, and time over the wrap of the tick counter."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest

from rig.virtual.guests import build_of
from rig.virtual.guests.esp32 import TICK_WRAP_MS, ticks_since
from rig.virtual.guests.reference.timers import SoftTimers
from rig.virtual.kernel import Kernel
from tests.virtual.guests.desk import MS, S, a_reference

CHARGE, DISCHARGE = "charge gate", "discharge gate"
WRAP_S = 20


@pytest.mark.parametrize(
    ("line", "says", "at_most_ms"),
    [
        ("reboot", "rst:0xc (SW_CPU_RESET)", 1),
        ("test panic", "Guru Meditation Error", 40),
        ("test hang", "rst:0x8 (TG1WDT_SYS_RESET)", 320),
    ],
)
def test_paths_open_soon_and_close_only_when_it_is_ready_again(
    line: str, says: str, at_most_ms: int
) -> None:
    desk = a_reference()

    typed_ns = desk.kernel.now_ns
    desk.say(line)
    desk.run(2.5)

    assert says in desk.console(typed_ns)
    for gate in (CHARGE, DISCHARGE):
        (opened_ns,) = desk.times(gate, 6.0, rising=False, since_ns=typed_ns)
        (closed_ns,) = desk.times(gate, 0.1, rising=True, since_ns=typed_ns)
        assert opened_ns - typed_ns < at_most_ms * MS
        ready_ns = next(t for t, d in desk.pins.uart if t > typed_ns and b"bms: ready" in d)
        assert closed_ns > ready_ns


def test_a_short_circuit_stays_latched_through_every_reset_but_a_power_cycle() -> None:
    desk = a_reference()
    desk.set(current=-120.0)
    desk.run(0.01)
    desk.set(current=0.0)
    desk.run(0.5)
    for line in ("reboot", "test panic", "test hang"):
        since_ns = desk.kernel.now_ns
        desk.say(line)
        desk.run(3.0)
        assert "prot: SCD" in desk.console(since_ns)
        assert not desk.times(DISCHARGE, 0.1, rising=True, since_ns=since_ns)

    desk.set(aux=0.0)
    desk.run(0.3)
    desk.set(aux=12.0)
    desk.run(1.5)

    assert desk.value(DISCHARGE) == 12.0


@pytest.mark.parametrize(("low_v", "kept"), [(4.0, {"n": 1}), (0.0, {})])
def test_rtc_memory_outlives_a_brown_out_but_no_supply_that_was_gone(
    low_v: float, kept: dict[str, int]
) -> None:
    desk = a_reference()
    desk.chip.rtc["n"] = 1

    desk.set(aux=low_v)
    desk.run(0.1)
    desk.set(aux=12.0)

    assert desk.chip.rtc == kept


def test_a_command_that_needs_more_stack_than_there_is_ends_in_the_canary() -> None:
    desk = a_reference(build=build_of("esp32-4s", "stack-in-words"))

    desk.say("status")
    desk.run(1.0)

    assert "Stack canary" in desk.console()
    assert "rst:0xc" in desk.console()


# ---- time ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(("now", "then", "since"), [(5, 3, 2), (2, TICK_WRAP_MS - 3, 5), (7, 7, 0)])
def test_a_difference_of_ticks_survives_the_wrap(now: int, then: int, since: int) -> None:
    assert ticks_since(now, then) == since


def test_no_frame_is_late_or_lost_where_the_tick_counter_wraps() -> None:
    desk = a_reference()
    desk.run(WRAP_S + 5.0)

    stamps = [f.time_ns for f in desk.pins.frames if f.can_id == 0x100]

    assert desk.chip.ticks_ms() < 10_000  # it did wrap
    assert all(99 * MS < b - a < 101 * MS for a, b in pairwise(stamps))
    assert desk.value(CHARGE) == 12.0


class _FakeChip:
    """Just time, with a tick counter near its wrap."""

    def __init__(self, start_ms: int) -> None:
        self.kernel, self._start_ms = Kernel(), start_ms

    def ticks_ms(self) -> int:
        return (self._start_ms + self.kernel.now_ns // MS) % TICK_WRAP_MS

    def after(self, delay_ns: int, action: Callable[[], None]) -> None:
        self.kernel.after(delay_ns, action)


def test_a_task_that_overran_its_period_runs_at_once_and_keeps_its_beat() -> None:
    chip = _FakeChip(TICK_WRAP_MS - 250)
    runs: list[int] = []
    SoftTimers(chip).every(100 * MS, lambda: runs.append(chip.kernel.now_ns), phase_ns=30 * MS)  # type: ignore[arg-type]

    chip.kernel.run_until(1 * S)

    assert [ns // MS for ns in runs] == list(range(30, 1000, 100))


def test_after_three_brown_outs_that_nobody_forgets_it_closes_no_more() -> None:
    desk = a_reference(build=build_of("esp32-4s", "third-brown-out-is-the-last"))
    closed = []
    for low_v in (4.0, 4.0, 4.0, 0.0):
        desk.set(aux=low_v)
        desk.run(0.1)
        desk.set(aux=12.0)
        desk.run(1.5)
        closed.append((desk.value("charge gate") > 6.0, desk.value("discharge gate") > 6.0))

    assert closed == [(True, True), (True, True), (False, False), (True, True)]


@pytest.mark.parametrize("variant", ["released", "never-says-ready"])
def test_a_start_with_a_quiet_console_closes_and_does_not_say_that_it_is_ready(
    variant: str,
) -> None:
    desk = a_reference(build=build_of("esp32-4s", variant), ready=False)
    desk.run(2.0)

    assert [done["output"] for done in desk.noted("closed")] == [CHARGE, DISCHARGE]
    assert ("bms: ready" in desk.console()) == (variant == "released")
    assert "bms: state=NORMAL" in desk.console()
