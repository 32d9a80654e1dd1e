"""One case on one bench, from the first step to the trace. Must not judge, nor know a protection.

Every case starts from its preconditions: nominal values, and a BMS just powered up and ready. Then
each digitizer begins one record over the whole case, the steps are done one by one, and what was
recorded comes back as a Trace, also where the bench failed half-way.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from rig.bench.bench import Bench, no_one
from rig.bench.rest_bus import RestBusSimulation
from rig.case import Case
from rig.console_name import OWN_CONSOLE
from rig.drive.preconditions import establish_preconditions
from rig.drive.starting import Starting
from rig.drive.streams import Streams
from rig.drive.waiting import not_there, sleep_ns, wait_for
from rig.dut.can_link import CanLink
from rig.dut.profile import Profile
from rig.errors import BenchError, LimitError, NotReadyError
from rig.steps import Step
from rig.steps.conditions import Condition
from rig.trace.log import Rows
from rig.trace.model import Command, Frames, Marker, Reading, Trace
from rig.trace.time_base import as_late_as_the_bench, from_zero, in_order
from rig.trace.unfinished import COMMANDS, READINGS, StreamProgress


def drive_case(case: Case, bench: Bench, streams: Streams | None = None) -> Trace:
    """Drive `case` on `bench` and return all that was recorded.

    `streams` is where records go meanwhile; None keeps them in memory. A BenchError becomes the
    trace's `error`; the bench is brought to its safe state before this returns. A LimitError
    passes on: the plan should have been refused.
    """
    return _Drive(case, bench, streams or Streams()).run()


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

    def __init__(self, case: Case, bench: Bench, streams: Streams) -> None:
        self._case, self._bench, self._clock = case, bench, bench.clock
        self.random = random.Random(case.seed)  # noqa: S311 -- a random phase, not a secret
        # Of its own, so that a wait is as long whether there is noise before it or not.
        self.noise = random.Random(f"noise {case.seed}")  # noqa: S311
        self._streams = streams
        self._commands: Rows[Command] = Rows(COMMANDS, Command)
        self._readings: Rows[Reading] = Rows(READINGS, Reading)
        self._markers: dict[str, Marker] = {}
        self._starting = Starting()
        self._begin_ns = self._clock.now_ns()

    def run(self) -> Trace:
        if self._bench.rest_bus is not None:  # its jitter must not move the case's random phase
            seed = f"partner {self._case.seed}"
            self._bench.rest_bus.random = random.Random(seed)  # noqa: S311
        try:
            self._clock.lags()  # what lagged before is no matter
            establish_preconditions(self._bench, self._case.precondition, self._starting)
            return self._record()
        except NotReadyError as error:
            return replace(self._broken(error), unready=True)
        except BenchError as error:
            return self._broken(error)
        except LimitError:
            self._bench.make_safe()
            raise
        finally:
            self._bench.on_kept_up = no_one
            self._streams.close()

    # ---- the record -------------------------------------------------------------------------
    def _record(self) -> Trace:
        bench = self._bench
        heard = [link.begin() for link in bench.links()]
        said = bench.begin_transcript()
        if self._case.capture is not None:
            bench.arm(self._case.capture)
        self._begin_ns = self._clock.now_ns()  # from here on everything is recorded
        self._streams.begin([*heard, said, self._commands, self._readings])
        bench.on_kept_up = self._keep
        for step in self._case.steps:
            self._take(step)
        return self._collect(error=None)

    def _collect(self, error: str | None) -> Trace:
        bench = self._bench
        self._keep(is_last=True)
        armed = self._case.capture is not None and error is None
        if bench.rest_bus is not None:
            bench.rest_bus.reset()
        end_ns = self._clock.now_ns()
        waveforms = bench.collect() if armed else ()
        of_buses = {name: bus.end() for name, bus in bench.buses.items()}
        links = {name: link for name, (_, link) in of_buses.items()}
        of_consoles = {name: console.end() for name, console in bench.consoles.items()}
        links |= {name: link for name, (_, link) in of_consoles.items()}
        trace = Trace(
            begin_ns=self._begin_ns,
            end_ns=end_ns,
            waveforms=waveforms,
            commands=tuple(self._commands.all),
            readings=tuple(self._readings.all),
            frames=Frames.merged([frames for frames, _ in of_buses.values()]),
            lines=in_order([lines for lines, _ in of_consoles.values()]),
            links=links,
            markers=self._markers,
            error=error,
            start=self._starting.seen() if self._case.precondition == "ready" else None,
            lags=self._clock.lags(),
            begun_utc_ns=self._clock.date_ns(self._begin_ns),
            transcript=bench.end_transcript(),
        )
        return from_zero(as_late_as_the_bench(trace))

    def _broken(self, error: BenchError) -> Trace:
        """The trace of a case that the bench could not finish: whatever can still be had."""
        try:
            self._bench.make_safe()
            return self._collect(error=str(error))
        except BenchError as later:
            reported = f"{error}\nand on the way to the safe state: {later}"
            return replace(nothing_recorded(reported), transcript=self._bench.end_transcript())

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
        self._keep()

    def _keep(self, *, is_last: bool = False) -> None:
        """Store what came since, where it is time to."""
        buses = self._bench.buses
        if self._streams.is_due or (is_last and self._streams.has_begun):
            self._streams.write(
                StreamProgress(
                    begin_ns=self._begin_ns,
                    end_ns=self._clock.now_ns(),
                    begun_utc_ns=self._clock.date_ns(self._begin_ns),
                    markers=self._markers,
                    offsets={name: o for name, bus in buses.items() if (o := bus.offset())},
                )
            )

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
        self._commands.all.extend(self._bench.set(values))

    def read(self, quantities: Sequence[str]) -> None:
        self._readings.all.extend(self._bench.read(quantities))

    def fault(self, fault: Literal["open", "short"], target: str, *, present: bool) -> None:
        self._commands.all.append(self._bench.fault(fault, target, present=present))

    def can(self, does: str, what: str) -> CanLink:
        if self._bench.can is None:
            raise not_there(does, "CAN bus", what)
        return self._bench.can

    def rest_bus(self, message: str) -> RestBusSimulation:
        if self._bench.rest_bus is None:
            raise not_there("sends on CAN", "CAN bus", message)
        return self._bench.rest_bus

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
