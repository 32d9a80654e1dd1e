"""How a BMS comes up before a case: watched, and handed on as it was seen. Decides nothing.

Whether a start keeps its claims is for the judge; this only waits until a case can begin.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from rig.bench.bench import Bench
from rig.drive.waiting import not_there, sleep_ns, wait_for
from rig.errors import NotReadyError
from rig.quantities import CELL, SUPPLY, kind_of
from rig.steps.conditions import ConsoleLine, OutputState
from rig.steps.start_periodic import StartPeriodic
from rig.trace.model import Line, Reading, Start

_READY_MARGIN_S = 1.0  # waited beyond what the profile claims before the bench gives up
_NOT_YET_PERIODS = 1.5  # of the host's message, in which it does not ask yet
_LOOK_PERIOD_NS = 20_000_000  # between two looks of a meter at the outputs


@dataclass(slots=True)
class Starting:
    """What has been seen of a start so far."""

    begun_ns: int | None = None
    frames: int = 0  # heard before that
    heard: int = 0  # lines of the console since then
    ready: Line | None = None
    asked_ns: int | None = None
    readings: list[Reading] = field(default_factory=list)
    told_closed: set[str] = field(default_factory=set)

    @property
    def took_s(self) -> float:
        """From its begin to the word that it is ready; 0 where one of them is not known."""
        if self.begun_ns is None or self.ready is None:
            return 0.0
        return (self.ready.time_ns - self.ready.late_ns - self.begun_ns) * 1e-9

    def seen(self) -> Start:
        """Give it as a trace holds it."""
        return Start(
            begun_ns=self.begun_ns,
            heard=self.heard,
            ready=self.ready,
            asked_ns=self.asked_ns,
            readings=tuple(self.readings),
            told_closed=tuple(sorted(self.told_closed)),
        )


def ready_within_s(bench: Bench) -> float:
    """Longest time for which a BMS is waited for until it is ready."""
    return bench.profile.start.ready_within_s + _READY_MARGIN_S


def await_ready(bench: Bench, starting: Starting, settle_s: float = 0.0) -> None:
    """Wait for the console's word, then until the paths that conduct in health do so.

    `settle_s` is what the supply needs after its command, which is now confirmed.

    Raises
    ------
    NotReadyError
        It does not get ready, or a path that conducts in health stays open.
    """
    starting.begun_ns = bench.clock.now_ns() + round(settle_s * 1e9)
    starting.frames = bench.can.count() if bench.can is not None else 0
    _await_word(bench, starting)
    _look(bench, _asked_for(bench), starting)
    _request_to_close(bench, starting)
    _await_closed(bench, starting)
    if contactors := bench.profile.contactors:  # a case begins when closing is over
        ended = OutputState(output=contactors.precharge, is_open=True)
        wait_for(bench, ended, contactors.overlap.high)


def _await_word(bench: Bench, starting: Starting) -> None:
    console = bench.profile.console
    if console is None or bench.console is None:
        return
    within_s = ready_within_s(bench)
    before = bench.console.count()
    # Half of the start is slept through: to be woken by each line of a boot log helps nobody.
    bench.clock.sleep_until(bench.clock.now_ns() + round(0.5e9 * within_s / 2.0))
    came = wait_for(bench, ConsoleLine(pattern=console.ready), within_s)
    lines = bench.console.lines(before)
    starting.heard = len(lines)
    starting.ready = next((line for line in lines if line.search(console.ready)), None)
    if not came:
        starting.readings += _fed(bench)
        raise NotReadyError(
            f"the BMS did not say {console.ready!r} within {within_s:g} s of its start",
            "start of the case",
            "look at the console transcript: is it powered, and is this its firmware?",
        )
    if starting.took_s > bench.profile.start.ready_within_s:
        starting.readings += _fed(bench)


def _fed(bench: Bench) -> Sequence[Reading]:
    """Read what the BMS is fed with: where that is not there, it can't start, or not in time."""
    fed = [name for name in bench.profile.fed if kind_of(name) in (SUPPLY, CELL)]
    return bench.read(fed)


def _asked_for(bench: Bench) -> tuple[str, ...]:
    """Outputs that close only once somebody asks."""
    contactors = bench.profile.contactors
    return contactors.both if contactors else ()


def _request_to_close(bench: Bench, starting: Starting) -> None:
    """Be the host at whose request the outputs close; it goes on while the case runs."""
    profile = bench.profile
    received = profile.can.receives if profile.can else {}
    for message, signals in profile.start.request.items():
        if bench.rest_bus is None:
            raise not_there("is started by a message", "CAN bus", message)
        period_s = received[message].period_s
        asked = profile.contactors.request if profile.contactors else None
        if asked is not None and asked.message == message:  # to be new, it takes another before it
            none = {asked.signal: float(asked.none)}
            bench.rest_bus.begin(StartPeriodic(message=message, signals=none, period_s=period_s))
            sleep_ns(bench, round(_NOT_YET_PERIODS * period_s * 1e9))
            _look(bench, _asked_for(bench), starting)
        bench.rest_bus.begin(StartPeriodic(message=message, signals=signals, period_s=period_s))
    starting.asked_ns = bench.clock.now_ns()


def _await_closed(bench: Bench, starting: Starting) -> None:
    """Look until all outputs have been closed for as long as each takes to count as closed."""
    within_s = bench.profile.start.closed_within_s + _READY_MARGIN_S
    due_ns = bench.clock.now_ns() + round(bench.profile.start.closed_within_s * 1e9)
    until_ns = due_ns + round(_READY_MARGIN_S * 1e9)
    closes = bench.profile.start.closes
    watched = tuple(dict.fromkeys((*closes, *_asked_for(bench))))
    since_ns: dict[str, int] = {}
    while True:
        _look(bench, watched, starting, since_ns)
        now_ns = bench.clock.now_ns()
        left = [o for o in closes if not _is_closed(bench, o, since_ns, now_ns)]
        if not left:
            if any(at_ns > due_ns for at_ns in since_ns.values()):
                starting.readings += _fed(bench)
            return
        if now_ns >= until_ns:
            starting.readings += _fed(bench)
            raise NotReadyError(
                f"{left[0]} did not close within {within_s:g} s of the BMS being ready",
                "start of the case",
                "look for a latched fault on the console, and at the wiring of the output",
            )
        sleep_ns(bench, min(_LOOK_PERIOD_NS, until_ns - now_ns))


def _is_closed(bench: Bench, output: str, since_ns: dict[str, int], now_ns: int) -> bool:
    steady_ns = round(bench.profile.outputs[output].steady_s * 1e9)
    return output in since_ns and now_ns - since_ns[output] >= steady_ns


def _look(
    bench: Bench,
    outputs: Iterable[str],
    starting: Starting,
    since_ns: dict[str, int] | None = None,
) -> None:
    """Read outputs by the meter, and what the BMS itself says of them."""
    readings = bench.read(tuple(outputs))
    starting.readings += readings
    untold = {reading.quantity for reading in readings} - starting.told_closed
    starting.told_closed |= {name for name in untold if _is_told_closed(bench, name, starting)}
    if since_ns is None:
        return
    for reading in readings:
        if reading.value >= bench.profile.outputs[reading.quantity].closed_above_v:
            since_ns.setdefault(reading.quantity, reading.before_ns)
        else:
            since_ns.pop(reading.quantity, None)


def _is_told_closed(bench: Bench, output: str, starting: Starting) -> bool:
    said = bench.profile.outputs[output].signal
    if said is None or said.bus not in bench.buses or said.bus not in bench.messages:
        return False
    messages = bench.messages[said.bus]
    frame = bench.buses[said.bus].newest(messages.can_id(said.message), since=starting.frames)
    if frame is None:
        return False
    return bool(messages.value_of(said.message, said.name, frame.data))
