"""One case on one bench, from the first step to the trace. Must not judge, nor know a protection.

Every case starts at home: nominal values, and a BMS that was just powered up and is ready. Then
each digitizer begins one record over the whole case, the steps are done one by one, and what was
recorded comes back as a Trace, also where the bench failed half-way.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal, TypeVar

from rig.bench.bench import Bench
from rig.bench.partner import Partner
from rig.case import Case
from rig.console_name import OWN_CONSOLE
from rig.drive.home import go_home
from rig.drive.starting import Starting
from rig.drive.waiting import not_there, sleep_ns, wait_for
from rig.dut.can_link import CanLink
from rig.dut.profile import Profile
from rig.errors import BenchError, LimitError, NotReadyError
from rig.steps import Step
from rig.steps.conditions import Condition
from rig.trace.model import Command, Frames, Line, Marker, Reading, Start, Trace

_Stamped = TypeVar("_Stamped", Command, Reading)


def drive_case(case: Case, bench: Bench) -> Trace:
    """Drive `case` on `bench` and return all that was recorded.

    A BenchError becomes the trace's `error`; the bench is brought to its safe state before this
    returns. A LimitError passes on: the plan should have been refused.
    """
    return _Drive(case, bench).run()


def nothing_recorded(error: str) -> Trace:
    """Trace of a case from which a failure of the bench left nothing."""
    return Trace(
        begin_ns=0,
        end_ns=0,
        waveforms=(),
        commands=(),
        readings=(),
        frames=Frames.none(),
        lines=(),
        links={},
        markers={},
        error=error,
    )


class _Drive:
    """The state of one running case."""

    def __init__(self, case: Case, bench: Bench) -> None:
        self._case, self._bench, self._clock = case, bench, bench.clock
        self.random = random.Random(case.seed)  # noqa: S311 -- a dither, not a secret
        # Of its own, so that a wait is as long whether there is noise before it or not.
        self.noise = random.Random(f"noise {case.seed}")  # noqa: S311
        self._commands: list[Command] = []
        self._readings: list[Reading] = []
        self._markers: dict[str, Marker] = {}
        self._starting = Starting()
        self._begin_ns = self._clock.now_ns()

    def run(self) -> Trace:
        if self._bench.partner is not None:  # its jitter must not move the case's dither
            seed = f"partner {self._case.seed}"
            self._bench.partner.random = random.Random(seed)  # noqa: S311
        try:
            self._clock.lags()  # what lagged before is no matter
            go_home(self._bench, self._case.begins, self._starting)
            return self._record()
        except NotReadyError as error:
            return replace(self._broken(error), unready=True)
        except BenchError as error:
            return self._broken(error)
        except LimitError:
            self._bench.make_safe()
            raise

    # ---- the record -------------------------------------------------------------------------
    def _record(self) -> Trace:
        bench = self._bench
        for link in bench.links():
            link.begin()
        bench.begin_transcript()
        if self._case.capture is not None:
            bench.arm(self._case.capture)
        self._begin_ns = self._clock.now_ns()  # from here on everything is recorded
        for step in self._case.steps:
            self._take(step)
        return self._collect(error=None)

    def _collect(self, error: str | None) -> Trace:
        bench = self._bench
        armed = self._case.capture is not None and error is None
        if bench.partner is not None:
            bench.partner.reset()
        end_ns = self._clock.now_ns()
        waveforms = bench.collect() if armed else ()
        of_buses = {name: bus.end() for name, bus in bench.buses.items()}
        links = {name: link for name, (_, link) in of_buses.items()}
        of_consoles = {name: console.end() for name, console in bench.consoles.items()}
        links |= {name: link for name, (_, link) in of_consoles.items()}
        lines = [line for said, _ in of_consoles.values() for line in said]
        trace = Trace(
            begin_ns=self._begin_ns,
            end_ns=end_ns,
            waveforms=waveforms,
            commands=tuple(self._commands),
            readings=tuple(self._readings),
            frames=Frames.merged([frames for frames, _ in of_buses.values()]),
            lines=tuple(sorted(lines, key=lambda line: line.time_ns)),
            links=links,
            markers=self._markers,
            error=error,
            start=self._starting.seen() if self._case.begins == "ready" else None,
            lags=self._clock.lags(),
            begun_utc_ns=self._clock.date_ns(self._begin_ns),
            transcript=bench.end_transcript(),
        )
        return _from_zero(_as_late_as_the_bench(trace))

    def _broken(self, error: BenchError) -> Trace:
        """The trace of a case that the bench could not finish: whatever can still be had."""
        try:
            self._bench.make_safe()
            return self._collect(error=str(error))
        except BenchError as later:
            told = f"{error}\nand on the way to the safe state: {later}"
            return replace(nothing_recorded(told), transcript=self._bench.end_transcript())

    # ---- steps ------------------------------------------------------------------------------
    def _take(self, step: Step) -> None:
        begin_ns = self._clock.now_ns()
        step.do(self)
        if step.mark is not None:
            self._markers[step.mark] = Marker(
                name=step.mark, time_ns=self._clock.now_ns(), begin_ns=begin_ns
            )
        for link in self._bench.links():
            link.poll()

    # ---- what steps may use (rig.steps.driver.Driver) -----------------------------------------
    @property
    def profile(self) -> Profile:
        return self._bench.profile

    @property
    def bitrate(self) -> float:
        return self.profile.can.bitrate if self.profile.can else 0.0

    def now_ns(self) -> int:
        return self._clock.now_ns()

    def sleep_ns(self, duration_ns: int) -> None:
        sleep_ns(self._bench, duration_ns)

    def wait_for(self, until: Condition, within_s: float) -> bool:
        return wait_for(self._bench, until, within_s)

    def set(self, values: Mapping[str, float]) -> None:
        self._commands.extend(self._bench.set(values))

    def read(self, quantities: Sequence[str]) -> None:
        self._readings.extend(self._bench.read(quantities))

    def fault(self, fault: Literal["open", "short"], target: str, *, present: bool) -> None:
        self._commands.append(self._bench.fault(fault, target, present=present))

    def can(self, does: str, what: str) -> CanLink:
        if self._bench.can is None:
            raise not_there(does, "CAN bus", what)
        return self._bench.can

    def rest_bus(self, message: str) -> Partner:
        if self._bench.partner is None:
            raise not_there("sends on CAN", "CAN bus", message)
        return self._bench.partner

    def type_line(self, line: str, console: str) -> None:
        if console not in self._bench.consoles:
            raise not_there("types a line", console, line)
        if console == OWN_CONSOLE and self.profile.disturbs_settings(line):
            self._bench.settings = "disturbed"
        self._bench.consoles[console].type(line)

    def reset(self) -> None:
        if self._bench.console is None:
            raise not_there("resets by RTS", "console", "reset")
        self._bench.console.reset()


def _shifted(stamped: _Stamped, zero_ns: int) -> _Stamped:
    return replace(
        stamped, before_ns=stamped.before_ns - zero_ns, after_ns=stamped.after_ns - zero_ns
    )


def _start_from(start: Start, zero_ns: int) -> Start:
    """Count a start's times from the case's begin too."""
    ready = start.ready
    return replace(
        start,
        begun_ns=None if start.begun_ns is None else start.begun_ns - zero_ns,
        ready=ready and replace(ready, time_ns=ready.time_ns - zero_ns),
        asked_ns=None if start.asked_ns is None else start.asked_ns - zero_ns,
        readings=tuple(_shifted(r, zero_ns) for r in start.readings),
    )


def _as_late_as_the_bench(trace: Trace) -> Trace:
    """Let what a bench played in real time handed over be as late as it fell behind at the worst.

    The rig's own lag is in the stamps already: they say how long nobody looked.
    """
    lag_ns = max((lag.worst_ns for lag in trace.lags if lag.who == "bench"), default=0)
    if not lag_ns:
        return trace
    frames, start, lag_u_s = trace.frames, trace.start, lag_ns * 1e-9 / 12**0.5
    if start is not None and start.ready is not None:
        start = replace(start, ready=_later(start.ready, lag_ns))
    return replace(
        trace,
        start=start,
        lines=tuple(_later(line, lag_ns) for line in trace.lines),
        frames=replace(
            frames,
            time_ns=frames.time_ns - lag_ns // 2,  # late by none of it or by all: by half of it
            time_u_s=frames.time_u_s + lag_u_s,
            each_u_s=tuple(u_s + lag_u_s for u_s in frames.each_u_s),
        ),
    )


def _later(line: Line, lag_ns: int) -> Line:
    return replace(line, late_ns=line.late_ns + lag_ns)


def _from_zero(trace: Trace) -> Trace:
    """Count a trace's time from its begin, so that two equal cases have equal traces."""
    zero = trace.begin_ns
    return replace(
        trace,
        begin_ns=0,
        end_ns=trace.end_ns - zero,
        waveforms=tuple(replace(w, start_ns=w.start_ns - zero) for w in trace.waveforms),
        commands=tuple(_shifted(c, zero) for c in trace.commands),
        readings=tuple(_shifted(r, zero) for r in trace.readings),
        frames=replace(trace.frames, time_ns=trace.frames.time_ns - zero),
        lines=tuple(replace(line, time_ns=line.time_ns - zero) for line in trace.lines),
        start=trace.start and _start_from(trace.start, zero),
        markers={
            name: replace(m, time_ns=m.time_ns - zero, begin_ns=m.begin_ns - zero)
            for name, m in trace.markers.items()
        },
    )
