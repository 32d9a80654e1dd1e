"""Brings all that was recorded in a case onto one time base, from the case's begin. Pure.

A trace that is given is used up: its frames are moved where they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import TypeVar

import numpy as np

from rig.trace.model import Command, Frames, Line, Reading, Start, Trace
from rig.trace.texts import each

_Stamped = TypeVar("_Stamped", Command, Reading)


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


def as_late_as_the_bench(trace: Trace) -> Trace:
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
        lines=each(trace.lines, partial(_later, lag_ns=lag_ns)),
        # Late by none of it or by all: by half of it.
        frames=replace(
            _sooner(frames, lag_ns // 2),
            time_u_s=frames.time_u_s + lag_u_s,
            each_u_s=tuple(u_s + lag_u_s for u_s in frames.each_u_s),
        ),
    )


def _later(line: Line, lag_ns: int) -> Line:
    return replace(line, late_ns=line.late_ns + lag_ns)


def _line_from(line: Line, zero_ns: int) -> Line:
    return replace(line, time_ns=line.time_ns - zero_ns)


def _sooner(frames: Frames, by_ns: int) -> Frames:
    """Move frames in time where they are: they may be too many to be there twice."""
    np.subtract(frames.time_ns, by_ns, out=frames.time_ns)
    return frames


def in_order(of_consoles: Sequence[Sequence[Line]]) -> Sequence[Line]:
    """Bring the lines of several consoles in order of time; those of one stay where they are."""
    if len(of_consoles) == 1:
        return of_consoles[0]
    return tuple(sorted(chain.from_iterable(of_consoles), key=lambda line: line.time_ns))


def from_zero(trace: Trace) -> Trace:
    """Count a trace's time from its begin, so that two equal cases have equal traces."""
    zero = trace.begin_ns
    return replace(
        trace,
        begin_ns=0,
        end_ns=trace.end_ns - zero,
        waveforms=tuple(replace(w, start_ns=w.start_ns - zero) for w in trace.waveforms),
        commands=tuple(_shifted(c, zero) for c in trace.commands),
        readings=tuple(_shifted(r, zero) for r in trace.readings),
        frames=_sooner(trace.frames, zero),
        lines=each(trace.lines, partial(_line_from, zero_ns=zero)),
        start=trace.start and _start_from(trace.start, zero),
        markers={
            name: replace(m, time_ns=m.time_ns - zero, begin_ns=m.begin_ns - zero)
            for name, m in trace.markers.items()
        },
    )
