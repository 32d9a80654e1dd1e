"""What an output did: its runs in the record, its first change after an instant.

Judged from the digitizer's record of the output; a meter's polled readings serve where there is no
record, with the uncertainty that polling has. Must not know instruments or files.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from rig.facts import Output
from rig.judge.budget import Row
from rig.judge.edges import Edge, Runs, closed_runs, find_crossing
from rig.judge.observed import Observed
from rig.judge.rules import NoEvidence
from rig.judge.timing import (
    At,
    channel_of,
    clock_u_s,
    edge_at,
    index_at,
    sampling_of,
)
from rig.judge.wording import show
from rig.trace.model import Channel, Reading, Waveform

_OPENED, _CLOSED = "opened", "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """An output in the record: its samples, and the runs in which it conducts."""

    name: str
    output: Output
    waveform: Waveform
    channel: Channel
    runs: Runs

    def edge(self, index: int, *, closing: bool) -> Edge:
        """Return the exact instant of the change whose first sample is `index`."""
        verb = _CLOSED if closing else _OPENED
        sampling = sampling_of(self.waveform, self.channel)
        edge = find_crossing(
            self.channel.values,
            self.output.closed_above,
            sampling,
            rising=closing,
            first=self._calm_before(index),
            label="output",
        )
        if edge is None or edge.before > index:  # too small or too short to be placed any better
            row = Row(
                name="sampling at output",
                half_width=sampling.interval_s / 2.0,
                source=f"{sampling.source}: {verb} between two samples",
            )
            at_s = (index - 0.5) * sampling.interval_s
            return Edge(time_s=at_s, before=index - 1, after=index, rows=(row,))
        return edge

    def _calm_before(self, index: int) -> int:
        """Return where the samples went over to the near side of this change: no earlier blink."""
        high = self.channel.values[:index] > self.output.closed_above
        far = np.flatnonzero(high != high[index - 1])
        return int(far[-1]) + 1 if far.size else 0

    def time_ns(self, index: int) -> float:
        """Return the rig time of a sample."""
        return self.waveform.start_ns + index * self.waveform.interval_s * 1e9

    @property
    def end_ns(self) -> float:
        """Rig time of the last sample."""
        return self.time_ns(self.channel.values.size - 1)


def recorded_output(observed: Observed, name: str) -> Recorded | None:
    """Return the record of an output, None where the bench recorded none."""
    found = channel_of(observed.trace, name)
    if found is None:
        return None
    waveform, channel = found
    output = observed.output(name)
    steady = int(output.steady_s / waveform.interval_s)
    runs = closed_runs(channel.values, output.closed_above, steady)
    return Recorded(name=name, output=output, waveform=waveform, channel=channel, runs=runs)


# ---- the first change after an instant ----------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What was seen of an output: its change, or that there was none until an instant."""

    change: At | None
    until: At
    was_ready: bool  # the output was in the opposite state at first, so that it could change
    means: str


def watch(observed: Observed, name: str, from_ns: float, *, closing: bool) -> Watched:
    """Look for the first change of an output to closed (or open) from an instant on."""
    recorded = recorded_output(observed, name)
    if recorded is not None:
        return _watch_record(recorded, from_ns, closing=closing)
    return _watch_meter(observed, name, from_ns, closing=closing)


def _watch_record(recorded: Recorded, from_ns: float, *, closing: bool) -> Watched:
    runs, first = recorded.runs, index_at(recorded.waveform, from_ns)
    until = At(time_ns=recorded.end_ns, waveform=recorded.waveform)
    changes = runs.lasting_changes(closing=closing)
    later = changes[changes > first]
    ready = runs.is_closed(min(first, runs.size - 1)) is not closing
    if closing and not ready and (change := _still_blinking(recorded, first)) is not None:
        return Watched(change=change, until=until, was_ready=True, means="output")
    if not later.size:
        return Watched(change=None, until=until, was_ready=ready, means="output")
    index = int(later[0])
    verb = _CLOSED if closing else _OPENED
    edge = recorded.edge(index, closing=closing)
    if closing:
        edge = _by_its_last_phase(recorded, index, edge)
    change = edge_at(recorded.waveform, edge, f"{recorded.name} {verb}")
    return Watched(change=change, until=until, was_ready=ready, means="output")


def _by_its_last_phase(recorded: Recorded, index: int, edge: Edge) -> Edge:
    """Place the closing of a lamp that blinked: somewhere in the phase that never ended.

    Where it stayed dark for less long than ever before, its lighting up was the closing itself.
    """
    if recorded.output.steady_s == 0.0:
        return edge
    opened = recorded.runs.ends[recorded.runs.ends <= index]
    first = int(opened[-1]) if opened.size else 0
    lit = closed_runs(recorded.channel.values[first:index], recorded.output.closed_above)
    if not lit.starts.size:
        return edge
    dark = lit.starts[1:] - lit.ends[:-1]
    if dark.size and index - first - int(lit.ends[-1]) < int(dark.min()):
        return edge
    half_s = int((lit.ends - lit.starts).max()) * recorded.waveform.interval_s / 2.0
    source = f"{recorded.channel.instrument}: it may have been lit by blinking when it closed"
    row = Row(name="blinking", half_width=half_s, source=source)
    return replace(edge, time_s=edge.time_s + half_s, rows=(*edge.rows, row))


def _still_blinking(recorded: Recorded, index: int) -> At | None:
    """Find that a lamp stopped blinking in the middle of a light phase: it never went out again.

    It closed somewhere between this sample and the moment at which it had been lit for steady_s.
    """
    steady_s = recorded.output.steady_s
    lit = recorded.runs.starts[recorded.runs.starts <= index]
    lit_s = (index - int(lit[-1])) * recorded.waveform.interval_s if lit.size else steady_s
    if lit_s >= steady_s or int(lit[-1]) == 0:
        return None
    half_s = (steady_s - lit_s) / 2.0
    source = f"{recorded.channel.instrument}: lit by chance when it closed"
    row = Row(name="blinking", half_width=half_s, source=source)
    at_s = index * recorded.waveform.interval_s + half_s
    edge = Edge(time_s=at_s, before=index, after=index + 1, rows=(row,))
    return edge_at(recorded.waveform, edge, f"{recorded.name} {_CLOSED}")


def _watch_meter(observed: Observed, name: str, from_ns: float, *, closing: bool) -> Watched:
    """Look through polled readings: the change lies between two of them."""
    output = observed.output(name)
    if output.steady_s > 0.0:
        raise NoEvidence(f"{name} may blink, which takes a record of it; the bench made none")
    readings = [r for r in observed.readings(name) if r.after_ns >= from_ns]
    if not readings:
        raise NoEvidence(f"{name} was neither recorded nor read by a meter")
    until = At(time_ns=readings[-1].before_ns)
    closed = [reading.value > output.closed_above for reading in readings]
    ready = closed[0] is not closing
    for i in range(1, len(readings)):
        if closed[i] is closing and closed[i - 1] is not closing:
            verb = _CLOSED if closing else _OPENED
            change = _between_readings(readings[i - 1], readings[i], f"{name} {verb}")
            return Watched(change=change, until=until, was_ready=ready, means="meter")
    return Watched(change=None, until=until, was_ready=ready, means="meter")


def _between_readings(earlier: Reading, later: Reading, said: str) -> At:
    half_s = (later.after_ns - earlier.before_ns) * 0.5e-9
    row = Row(name="polling", half_width=half_s, source=f"{later.instrument}: polled readings")
    return At(time_ns=0.5 * (later.after_ns + earlier.before_ns), rows=(row,), said=said)


# ---- what a record covers ---------------------------------------------------------------------
def must_cover(recorded: Recorded, begin_ns: float, end_ns: float) -> None:
    """Raise NoEvidence for a span that the record does not hold."""
    slack_ns = 1.5e9 * recorded.waveform.interval_s + 1e9 * clock_u_s(recorded.waveform, end_ns)
    start_ns = recorded.waveform.start_ns
    if start_ns > begin_ns + slack_ns or recorded.end_ns < end_ns - slack_ns:
        missing_s = max(start_ns - begin_ns, end_ns - recorded.end_ns) * 1e-9
        raise NoEvidence(
            f"the record of {recorded.name} misses {show(missing_s, 's')} of the span: nothing"
            " proves what it did then"
        )
