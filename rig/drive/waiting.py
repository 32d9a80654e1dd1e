"""Letting time pass on a bench: for so long, or until something is seen. Decides nothing.

Console lines are stamped as they come, whatever is being waited for.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from rig.bench.bench import KEEP_UP_NS, Bench
from rig.clock import Links
from rig.errors import BenchError
from rig.steps.conditions import Condition, ConsoleLine, OutputState, SignalValue

_METER_PERIOD_NS = 50_000_000  # between two looks of a meter at an output


def sleep_ns(bench: Bench, duration_ns: int) -> None:
    """Let time pass, and stamp console lines as they come."""
    if duration_ns <= 0:
        return
    until_ns = bench.clock.now_ns() + duration_ns
    for console in bench.consoles.values():
        console.poll()
    _wait(bench, lambda: _listen(bench), until_ns, tuple(bench.consoles))


def wait_for(bench: Bench, condition: Condition, within_s: float) -> bool:
    """Let time pass until the condition holds, at most `within_s`; return whether it did."""
    until_ns = bench.clock.now_ns() + round(within_s * 1e9)
    if isinstance(condition, OutputState):
        return _watch_output(bench, condition, until_ns)
    if isinstance(condition, SignalValue):
        return _wait(bench, _signal_test(bench, condition), until_ns, ("can", *bench.consoles))
    return _wait(bench, _console_test(bench, condition), until_ns, tuple(bench.consoles))


def _listen(bench: Bench) -> bool:
    """Stamp the lines that have come, from within a wait; nothing that ends it."""
    for console in bench.consoles.values():
        console.poll(prompt=True)
    return False


def _wait(bench: Bench, ready: Callable[[], bool], until_ns: int, links: Links) -> bool:
    """Wait as the clock does; let the rest-bus send what falls due, and keep what comes."""
    rest_bus = bench.rest_bus
    while True:
        due_ns = min(until_ns, bench.clock.now_ns() + KEEP_UP_NS)
        if rest_bus is not None:
            rest_bus.pump()
            due_ns = min(due_ns, due_ns if rest_bus.due_ns is None else rest_bus.due_ns)
        done = bench.clock.wait(ready, due_ns, links)
        bench.keep_up()
        if done or due_ns >= until_ns:
            return done


def not_there(does: str, link: str, where: str) -> BenchError:
    """Return the error of a case that needs a link which this bench has not."""
    return BenchError(
        f"the case {does}, but this bench has no {link} to the BMS",
        where,
        "add it to the bench file, or run the case on a bench that has one",
    )


def _watch_output(bench: Bench, condition: OutputState, until_ns: int) -> bool:
    while True:
        if bench.output_is_open(condition.output) == condition.is_open:
            return True
        left_ns = until_ns - bench.clock.now_ns()
        if left_ns <= 0:
            return False
        sleep_ns(bench, min(_METER_PERIOD_NS, left_ns))


def _signal_test(bench: Bench, condition: SignalValue) -> Callable[[], bool]:
    signal = condition.signal
    can, messages = bench.buses.get(signal.bus), bench.messages.get(signal.bus)
    if can is None or messages is None:
        raise not_there("waits for a CAN signal", "CAN bus", signal)
    can_id = messages.can_id(signal.message)

    def seen() -> bool:
        _listen(bench)
        frame = can.newest(can_id)
        if frame is None:
            return False
        return messages.value_of(signal.message, signal.name, frame.data) == condition.value

    return seen


def _console_test(bench: Bench, condition: ConsoleLine) -> Callable[[], bool]:
    console = bench.consoles.get(condition.console)
    if console is None:
        raise not_there("waits for a console line", condition.console, condition.pattern)
    pattern = re.compile(condition.pattern)
    looked_at = console.count()

    def seen() -> bool:
        nonlocal looked_at
        _listen(bench)
        lines, looked_at = console.lines(looked_at), console.count()
        return any(line.search(pattern) for line in lines)

    return seen
