"""Letting time pass on a bench: for so long, or until something is seen. Decides nothing.

Console lines are stamped as they come, whatever is being waited for.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from rig.bench.bench import Bench
from rig.clock import Links
from rig.errors import BenchError
from rig.steps.conditions import Condition, ConsoleLine, OutputState, SignalValue

_METER_PERIOD_NS = 50_000_000  # between two looks of a meter at an output


def sleep_ns(bench: Bench, duration_ns: int) -> None:
    """Let time pass, and stamp console lines as they come."""
    if duration_ns <= 0:
        return
    until_ns = bench.clock.now_ns() + duration_ns
    console = bench.console

    def listen() -> bool:
        if console is not None:
            console.poll(prompt=True)
        return False

    if console is not None:
        console.poll()
    _wait(bench, listen, until_ns, ("console",) if console is not None else ())


def wait_for(bench: Bench, condition: Condition, within_s: float) -> bool:
    """Let time pass until the condition holds, at most `within_s`; return whether it did."""
    until_ns = bench.clock.now_ns() + round(within_s * 1e9)
    if isinstance(condition, OutputState):
        return _watch_output(bench, condition, until_ns)
    if isinstance(condition, SignalValue):
        return _wait(bench, _signal_test(bench, condition), until_ns, ("can", "console"))
    return _wait(bench, _console_test(bench, condition), until_ns, ("console",))


def _wait(bench: Bench, ready: Callable[[], bool], until_ns: int, links: Links) -> bool:
    """Wait as the clock does, and let the partner send what falls due meanwhile."""
    partner = bench.partner
    if partner is None:
        return bench.clock.wait(ready, until_ns, links)
    while True:
        partner.pump()
        due_ns = partner.due_ns
        if due_ns is None or due_ns >= until_ns:
            return bench.clock.wait(ready, until_ns, links)
        if bench.clock.wait(ready, due_ns, links):
            return True


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
    can, messages, console = bench.can, bench.messages, bench.console
    if can is None or messages is None:
        raise not_there("waits for a CAN signal", "CAN bus", condition.signal)
    signal = condition.signal
    can_id = messages.can_id(signal.message)

    def seen() -> bool:
        if console is not None:
            console.poll(prompt=True)
        frame = can.newest(can_id)
        if frame is None:
            return False
        values = messages.decode_one(signal.message, bytes(frame.data))
        return values[signal.name] == condition.value

    return seen


def _console_test(bench: Bench, condition: ConsoleLine) -> Callable[[], bool]:
    console = bench.console
    if console is None:
        raise not_there("waits for a console line", "console", condition.pattern)
    pattern = re.compile(condition.pattern)
    already = len(console.lines())

    def seen() -> bool:
        console.poll(prompt=True)
        return any(line.search(pattern) for line in console.lines()[already:])

    return seen
