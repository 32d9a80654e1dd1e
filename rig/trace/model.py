"""What was recorded during one case, all on the rig's time base (ns since the run began).

A trace carries the uncertainty of its own time stamps and readings, so that judging needs nothing
else. Must not read a file, a clock or an instrument. Arrays are numpy, shapes stand beside them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rig.can_address import OWN_BUS
from rig.clock import Lag
from rig.console_name import OWN_CONSOLE
from rig.trace.text import plain


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One recorded quantity: float64 samples, shape (n,), in `unit` at the BMS's terminal."""

    name: str  # the BMS's name for it: "cell 3", "charge path", "current"
    unit: str
    values: NDArray[np.float64]
    accuracy: float  # half-width of the reading, rectangular, in `unit` (data sheet, certificate)
    noise: float  # standard deviation of one sample
    resolution: float  # one code
    instrument: str  # "digitizer 3"


@dataclass(frozen=True, slots=True, kw_only=True)
class Waveform:
    """One capture of one digitizer, on that one's own clock."""

    start_ns: int  # rig time of sample 0
    start_u_s: float  # standard uncertainty of start_ns against the rig's clock
    interval_s: float  # on the digitizer's own clock
    rate_tolerance: float  # half-width of its relative frequency error (25e-6 = 25 ppm)
    skew_s: float  # half-width of the difference between two of its channels
    channels: Mapping[str, Channel]


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A value that was commanded: it became true between before_ns and after_ns + settle_s."""

    quantity: str
    value: float
    before_ns: int
    after_ns: int
    settle_s: float  # data sheet: until the output is within its accuracy
    instrument: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A value that an instrument measured between before_ns and after_ns."""

    quantity: str
    value: float
    unit: str
    accuracy: float  # half-width, rectangular
    before_ns: int
    after_ns: int
    instrument: str


EXTENDED, REMOTE, ERROR, SENT, FD, SWITCHED, PASSIVE = (1 << bit for bit in range(7))
CLASSIC_BYTES, FD_BYTES = 8, 64
# The files of a stored trace, as findings name what they were judged by.
SIGNALS, CAN, CONSOLE, REST = "signals.parquet", "can.blf", "console.txt", "trace.json"
SCPI = "scpi.txt"  # the instruments' transcript, by which nothing is judged


def signals_file(number: int) -> str:
    """Name the file of a record by its place in `Trace.waveforms`."""
    return SIGNALS if number == 0 else f"signals-{number + 1}.parquet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Frames:
    """CAN frames of all buses in order of time; n of them.

    `data` is as wide as the longest frame there can be: 64 bytes where any is FD, else 8. Bytes
    beyond a frame's length are 0. The bits of `flags` are EXTENDED identifier, REMOTE request,
    ERROR frame, SENT by the rig; CAN FD, its bit rate SWITCHED, its sender error PASSIVE.
    """

    time_ns: NDArray[np.int64]  # (n,) end of frame, on the rig's time base
    can_id: NDArray[np.uint32]  # (n,)
    length: NDArray[np.uint8]  # (n,) bytes
    data: NDArray[np.uint8]  # (n, 8) or (n, 64)
    flags: NDArray[np.uint8]  # (n,)
    time_u_s: float  # standard uncertainty of the adapters' clocks against the rig's: the largest
    buses: tuple[str, ...] = (OWN_BUS,)  # their names on the bench
    bus: NDArray[np.uint8] = field(default_factory=lambda: _FIRST)  # (n,) index into `buses`
    each_u_s: tuple[float, ...] = ()  # `time_u_s` of each bus's own adapter; (): the same of all

    def __post_init__(self) -> None:
        if self.bus is _FIRST:
            object.__setattr__(self, "bus", np.zeros(self.time_ns.size, np.uint8))

    @staticmethod
    def none(bus: str = OWN_BUS) -> Frames:
        """No frames at all."""
        return Frames(
            time_ns=np.empty(0, np.int64),
            can_id=np.empty(0, np.uint32),
            length=np.empty(0, np.uint8),
            data=np.empty((0, CLASSIC_BYTES), np.uint8),
            flags=np.empty(0, np.uint8),
            time_u_s=0.0,
            buses=(bus,),
        )

    def on(self, bus: str) -> Frames:
        """Give those of one bus; none where it was not recorded."""
        if self.buses == (bus,):
            return self
        if bus not in self.buses:
            return Frames.none(bus)
        at = self.buses.index(bus)
        chosen = self.rows(np.flatnonzero(self.bus == at))
        return replace(
            chosen,
            time_u_s=self.each_u_s[at] if self.each_u_s else self.time_u_s,
            each_u_s=(),
            buses=(bus,),
            bus=np.zeros(chosen.time_ns.size, np.uint8),
        )

    def rows(self, rows: NDArray[np.intp] | slice) -> Frames:
        """Give those at some indices, shape (k,); of a slice without a copy."""
        return replace(
            self,
            time_ns=self.time_ns[rows],
            can_id=self.can_id[rows],
            length=self.length[rows],
            data=self.data[rows],
            flags=self.flags[rows],
            bus=self.bus[rows],
        )

    @staticmethod
    def room(
        count: int,
        *,
        is_fd: bool,
        bus: str,
        time_u_s: float,
        memory: Callable[[int], Any] = bytearray,
    ) -> Frames:
        """Give rows of zeros for so many frames of one bus; `memory` makes so many bytes."""
        widths = (8, 4, 1, 1, 1, FD_BYTES if is_fd else CLASSIC_BYTES)
        kinds = (np.int64, np.uint32, np.uint8, np.uint8, np.uint8, np.uint8)
        block = np.frombuffer(memory(count * sum(widths)), np.uint8)
        parts = np.split(block, count * np.cumsum(widths)[:-1])
        columns = [part.view(kind) for part, kind in zip(parts, kinds, strict=True)]
        time_ns, can_id, length, flags, numbers, data = columns
        return Frames(
            time_ns=time_ns,
            can_id=can_id,
            length=length,
            data=data.reshape(count, widths[-1]),
            flags=flags,
            time_u_s=time_u_s,
            buses=(bus,),
            bus=numbers,
        )

    @property
    def is_fd(self) -> bool:
        """Whether any of them is CAN FD."""
        return bool(np.any(self.flags & FD))

    def put(self, first: int, frames: Frames) -> None:
        """Put frames into the rows from `first` on."""
        rows = slice(first, first + frames.time_ns.size)
        self.time_ns[rows], self.can_id[rows] = frames.time_ns, frames.can_id
        self.length[rows], self.flags[rows] = frames.length, frames.flags
        self.data[rows, : frames.data.shape[1]] = frames.data

    @staticmethod
    def merged(of_buses: Sequence[Frames]) -> Frames:
        """Bring the frames of several buses, of one each, in order of time."""
        if len(of_buses) <= 1:
            return of_buses[0] if of_buses else Frames.none()
        order = np.argsort(np.concatenate([f.time_ns for f in of_buses]), kind="stable")
        width = max(f.data.shape[1] for f in of_buses)
        wide = [np.pad(f.data, ((0, 0), (0, width - f.data.shape[1]))) for f in of_buses]
        numbers = [np.full(f.time_ns.size, i, np.uint8) for i, f in enumerate(of_buses)]
        return Frames(
            time_ns=np.concatenate([f.time_ns for f in of_buses])[order],
            can_id=np.concatenate([f.can_id for f in of_buses])[order],
            length=np.concatenate([f.length for f in of_buses])[order],
            data=np.concatenate(wide)[order],
            flags=np.concatenate([f.flags for f in of_buses])[order],
            time_u_s=max(f.time_u_s for f in of_buses),
            each_u_s=tuple(f.time_u_s for f in of_buses),
            buses=tuple(f.buses[0] for f in of_buses),
            bus=np.concatenate(numbers)[order],
        )


_FIRST: NDArray[np.uint8] = np.empty(0, np.uint8)  # stands for: all on the first bus


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A console line, stamped at its end, which truly lies in [time_ns - late_ns, time_ns]."""

    time_ns: int
    late_ns: int
    text: str  # as it came, escape codes included
    console: str = OWN_CONSOLE  # its name on the bench

    @property
    def plain(self) -> str:
        """What a terminal shows of it."""
        return plain(self.text)

    def search(self, pattern: re.Pattern[str] | str) -> re.Match[str] | None:
        """Find a pattern in what a terminal shows of it, else in the line as it came."""
        return re.search(pattern, self.plain) or re.search(pattern, self.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Proof that something was listening on a link: without it, silence proves nothing."""

    name: str  # of a bus or console: "can", "console"
    alive: bool  # the receiver was connected and reading from begin to end
    received: int  # frames or lines in this case
    dropped: int
    note: str = ""
    unanswered: int = 0  # frames of the rig's own that nobody acknowledged


@dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    """A named instant of the case: the step's last command was confirmed at time_ns."""

    name: str
    time_ns: int
    begin_ns: int  # when the step began


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """How the BMS came up before the case's first step, whose times it counts from."""

    begun_ns: int | None  # its supply had settled, or it was let go of its reset; None: never
    heard: int  # lines of its console from then until it was ready, or given up
    ready: Line | None  # the line that says so
    asked_ns: int | None  # it was asked to close its outputs, or let do so by itself
    readings: tuple[Reading, ...]  # its outputs until they were closed, or given up; its supply
    told_closed: tuple[str, ...]  # outputs of which it said itself that they are closed


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """Everything recorded in one case."""

    begin_ns: int
    end_ns: int
    waveforms: tuple[Waveform, ...]  # one of each digitizer that recorded; no channel is in two
    commands: tuple[Command, ...]
    readings: tuple[Reading, ...]
    frames: Frames
    lines: Sequence[Line]  # of all consoles, in order of time
    links: Mapping[str, Link]
    markers: Mapping[str, Marker]
    error: str | None = None  # the bench failed: what, where, how to mend; the verdict is `error`
    begun_utc_ns: int = 0  # date of begin_ns, in ns since 1970-01-01 UTC; 0: not known
    unready: bool = False  # the error is that the BMS did not get ready; no step was done
    start: Start | None = None  # None: the case starts the BMS itself, or stored before this was
    lags: tuple[Lag, ...] = ()  # who fell how far behind the wall clock
    transcript: Sequence[str] = field(default=())  # SCPI traffic, one line each

    @property
    def channels(self) -> dict[str, Channel]:
        """All that was recorded, by quantity or output, whichever digitizer did it."""
        return {name: c for waveform in self.waveforms for name, c in waveform.channels.items()}

    def record_of(self, name: str) -> Waveform | None:
        """Give the record that holds a quantity or output; None where there is none."""
        return next((w for w in self.waveforms if name in w.channels), None)

    def said_on(self, console: str) -> tuple[Line, ...]:
        """Give the lines of one console."""
        return tuple(line for line in self.lines if line.console == console)
