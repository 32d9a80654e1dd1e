"""Synthetic cases and traces with a known truth, for tests of the judge."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from rig.case import Case
from rig.dut.e2e import CrcKind
from rig.expectations import Expectation
from rig.facts import Output
from rig.steps import Step
from rig.time_reference import Crossing
from rig.trace.model import (
    Channel,
    Command,
    Frames,
    Line,
    Link,
    Marker,
    Reading,
    Trace,
    Waveform,
)

S = 1_000_000_000
MS = 1_000_000
CELL_RISES = Crossing(quantity="cell 3", level=3.65, rising=True)
OUTPUTS = {"charge path": Output(closed_above=6.0), "led": Output(closed_above=1.65, steady_s=1.0)}


def a_case(
    *expectations: Expectation,
    steps: tuple[Step, ...] = (),
    outputs: Mapping[str, Output] = OUTPUTS,
) -> Case:
    return Case(
        id="case",
        title="a case",
        plan="plan",
        family="trip",
        protection=None,
        parameters={},
        steps=steps,
        expectations=expectations,
        outputs=outputs,
        capture=None,
        seed=1,
    )


def a_channel(name: str, values: NDArray[np.float64], **changes: float | str) -> Channel:
    channel = Channel(
        name=name,
        unit="A" if name == "current" else "V",
        values=np.asarray(values, np.float64),
        accuracy=0.002,
        noise=0.0,
        resolution=0.0,
        instrument="digitizer 1",
    )
    return replace(channel, **changes)  # type: ignore[arg-type]


def a_waveform(*channels: Channel, interval_s: float = 1e-4, **changes: float | int) -> Waveform:
    waveform = Waveform(
        start_ns=0,
        start_u_s=0.0,
        interval_s=interval_s,
        rate_tolerance=0.0,
        skew_s=0.0,
        channels={channel.name: channel for channel in channels},
    )
    return replace(waveform, **changes)  # type: ignore[arg-type]


def a_trace(
    *waveforms: Waveform,
    end_s: float = 3.0,
    commands: Iterable[Command] = (),
    readings: Iterable[Reading] = (),
    frames: Frames | None = None,
    lines: Iterable[Line] = (),
    links: Iterable[Link] = (),
    marks: Mapping[str, tuple[float, float]] | None = None,
    error: str | None = None,
) -> Trace:
    """Return a trace; marks are name: (begin, done) in s."""
    return Trace(
        begin_ns=0,
        end_ns=round(end_s * S),
        waveforms=waveforms,
        commands=tuple(commands),
        readings=tuple(readings),
        frames=Frames.none() if frames is None else frames,
        lines=tuple(lines),
        links={link.name: link for link in links},
        markers={
            name: Marker(name=name, time_ns=round(done * S), begin_ns=round(begin * S))
            for name, (begin, done) in (marks or {}).items()
        },
        error=error,
    )


def a_command(quantity: str, value: float, at_s: float, **changes: float) -> Command:
    command = Command(
        quantity=quantity,
        value=value,
        before_ns=round(at_s * S),
        after_ns=round(at_s * S),
        settle_s=0.0,
        instrument="emulator",
    )
    return replace(command, **changes)  # type: ignore[arg-type]


def a_reading(quantity: str, value: float, at_s: float, accuracy: float = 0.001) -> Reading:
    return Reading(
        quantity=quantity,
        value=value,
        unit="A" if quantity.startswith(("bleed", "current")) else "V",
        accuracy=accuracy,
        before_ns=round(at_s * S),
        after_ns=round(at_s * S),
        instrument="dmm",
    )


def a_link(name: str = "can", *, alive: bool = True, received: int = 10, dropped: int = 0) -> Link:
    return Link(name=name, alive=alive, received=received, dropped=dropped)


def step(n: int, at: float, before: float, after: float) -> NDArray[np.float64]:
    """Return n samples that jump between samples ceil(at) - 1 and ceil(at)."""
    return np.where(np.arange(n) < at, before, after).astype(np.float64)


def trip_trace(trip_s: float, *, n: int = 30_000, rise_s: float = 0.5, **changes: float) -> Trace:
    """Return a cell that jumps to 3.70 V at rise_s, and a gate that falls trip_s later."""
    interval_s = 1e-4
    cell = a_channel("cell 3", step(n, rise_s / interval_s, 3.3, 3.7))
    gate = a_channel("charge path", step(n, (rise_s + trip_s) / interval_s, 12.0, 0.0))
    return a_trace(a_waveform(cell, gate, interval_s=interval_s, **changes), end_s=n * interval_s)


def some_frames(
    times_s: Iterable[float],
    data: NDArray[np.uint8] | None = None,
    *,
    can_id: int = 0x100,
    length: int = 8,
    time_u_s: float = 0.0,
) -> Frames:
    times = np.round(np.asarray(list(times_s), np.float64) * S).astype(np.int64)
    n = times.size
    return Frames(
        time_ns=times,
        can_id=np.full(n, can_id, np.uint32),
        length=np.full(n, length, np.uint8),
        data=np.zeros((n, 8), np.uint8) if data is None else data,
        flags=np.zeros(n, np.uint8),
        time_u_s=time_u_s,
    )


class Bytes:
    """A decoder without a DBC: message "m" is 0x100, signal "b3" is byte 3; "b0" the checksum."""

    def rows(self, frames: Frames, message: str) -> NDArray[np.intp]:
        return np.flatnonzero(frames.can_id == (0x100 if message == "m" else 0x200))

    def __call__(
        self, frames: Frames, message: str, signal: str
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        rows = self.rows(frames, message)
        return frames.time_ns[rows], frames.data[rows, int(signal[1:])].astype(np.float64)

    def check_crc(
        self,
        frames: Frames,
        message: str,
        signal: str,
        data_id: int,
        kind: CrcKind = "E2E P01",
    ) -> NDArray[np.bool_]:
        del data_id, kind
        rows = self.rows(frames, message)
        return np.asarray(frames.data[rows, int(signal[1:])] == 0xCC)

    def spare_is_zero(self, frames: Frames, message: str) -> NDArray[np.bool_]:
        """Byte 7 is nobody's."""
        return np.asarray(frames.data[self.rows(frames, message), 7] == 0)
