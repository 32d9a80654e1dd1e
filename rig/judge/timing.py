"""When something happened: marks, crossings and commands of a trace as instants with a budget.

An instant keeps which clock stamped it, so that what two edges of one record share (its start
against the rig's clock) cancels in their difference and what they don't share does not: edges in
the records of two digitizers bear both clocks.
"""

from __future__ import annotations

from dataclasses import dataclass

from rig.judge.budget import DIVISORS, Budget, Row, normal
from rig.judge.edges import Edge, Sampling, find_crossing, quantised_noise
from rig.judge.observed import Observed
from rig.judge.rules import NoEvidence, NotReached
from rig.judge.verdict import EventMark
from rig.judge.wording import said_crossing, show
from rig.quantities import unit_of
from rig.time_reference import Crossing, Mark, TimeReference
from rig.trace.model import SENT, Channel, Command, Marker, Trace, Waveform

# Half-width of the rig's own rate error: crystals keep ±20 to ±100 ppm.
RIG_RATE_TOLERANCE = 50e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class At:
    """An instant in rig time, with the rows that are its own."""

    time_ns: float
    rows: tuple[Row, ...] = ()
    waveform: Waveform | None = None  # its clock, where the instant is an edge in it
    said: str = ""  # "cell 3 rose above 3.650 V"
    earliest_ns: float = 0.0  # an effect can't be older than this

    def since_start_s(self) -> float:
        """Time since the record began, for the drift of its clock."""
        return (self.time_ns - self.waveform.start_ns) * 1e-9 if self.waveform else 0.0


def elapsed(effect: At, cause: At) -> tuple[float, Budget]:
    """Return the time from cause to effect in s, and its budget."""
    rows = [*cause.rows, *effect.rows]
    if effect.waveform is not None and effect.waveform is cause.waveform:
        rows += _shared_clock(effect.waveform, (effect.time_ns - cause.time_ns) * 1e-9)
    else:
        rows += _to_rig_clock(effect, "effect") + _to_rig_clock(cause, "cause")
        rows.append(_rig_rate(effect, cause))
    return (effect.time_ns - cause.time_ns) * 1e-9, Budget.of(rows)


def _shared_clock(waveform: Waveform, duration_s: float) -> list[Row]:
    """Both edges in one record: its start cancels, its rate and the skew of its channels stay."""
    return [
        Row(
            name="time base",
            half_width=waveform.rate_tolerance,
            sensitivity=duration_s,
            source="digitizer data sheet: frequency tolerance over the duration",
        ),
        Row(
            name="channel skew",
            half_width=waveform.skew_s,
            source="digitizer data sheet: skew between channels",
        ),
    ]


def _to_rig_clock(at: At, which: str) -> list[Row]:
    """An edge compared with another clock: where its record began, and how its clock ran since."""
    if at.waveform is None:
        return []
    return [
        Row(  # between two stamps, so bounded; k = 2 would reach beyond them
            name=f"record start ({which})",
            half_width=at.waveform.start_u_s * DIVISORS["rectangular"],
            source="round trip of the start command: the record began between two stamps",
        ),
        Row(
            name=f"time base ({which})",
            half_width=at.waveform.rate_tolerance,
            sensitivity=at.since_start_s(),
            source="digitizer data sheet: frequency tolerance since the record began",
        ),
    ]


def _rig_rate(effect: At, cause: At) -> Row:
    """How far the rig's clock ran wrong between what it stamped: starts of records, or instants."""
    return Row(
        name="rig clock rate",
        half_width=RIG_RATE_TOLERANCE,
        sensitivity=(_stamped_ns(effect) - _stamped_ns(cause)) * 1e-9,
        source="crystal of the computer: ±50 ppm",
    )


def _stamped_ns(at: At) -> float:
    return at.time_ns if at.waveform is None else at.waveform.start_ns


def clock_u_s(waveform: Waveform, at_ns: float, other: Waveform | None = None) -> float:
    """Return U of a record's time against the rig's clock, or against that of another record."""
    at = At(time_ns=at_ns, waveform=waveform)
    return elapsed(at, At(time_ns=at_ns, waveform=other))[1].expanded


# ---- the record ---------------------------------------------------------------------------------
def sampling_of(waveform: Waveform, channel: Channel) -> Sampling:
    """Return what limits the reading of an edge in this channel."""
    return Sampling(
        interval_s=waveform.interval_s,
        accuracy=channel.accuracy,
        noise=quantised_noise(channel.noise, channel.resolution),
        source=channel.instrument,
    )


def index_at(waveform: Waveform, time_ns: float) -> int:
    """Return the first sample at or after a rig time, not below 0."""
    position = (time_ns - waveform.start_ns) * 1e-9 / waveform.interval_s
    return max(int(-(-(position - 1e-6) // 1)), 0)


def edge_at(waveform: Waveform, edge: Edge, said: str, earliest_ns: float = 0.0) -> At:
    """Return an edge of the record as an instant of the rig's time."""
    return At(
        time_ns=waveform.start_ns + edge.time_s * 1e9,
        rows=edge.rows,
        waveform=waveform,
        said=said,
        earliest_ns=earliest_ns,
    )


def event_mark(
    trace: Trace, label: str, channel: str, time_ns: float, level: float | None = None
) -> EventMark:
    """Return what a report draws of an instant."""
    time_s = (time_ns - trace.begin_ns) * 1e-9
    return EventMark(label=label, channel=channel, time_s=time_s, level=level)


def channel_of(trace: Trace, name: str) -> tuple[Waveform, Channel] | None:
    """Return the record of a quantity or output, None where the bench recorded none."""
    waveform = trace.record_of(name)
    if waveform is None:
        return None
    channel = waveform.channels[name]
    return (waveform, channel) if channel.values.size else None


# ---- marks --------------------------------------------------------------------------------------
def marker_of(trace: Trace, name: str) -> Marker:
    """Return a mark of the trace; NoEvidence where its step was never done."""
    if name not in trace.markers:
        raise NoEvidence(f"the step marked {name!r} was never done; marks seen: {_names(trace)}")
    return trace.markers[name]


def _names(trace: Trace) -> str:
    return ", ".join(sorted(trace.markers)) or "none"


def window_ns(trace: Trace, begin: str | None, end: str | None) -> tuple[int, int]:
    """Return the span between two marks; None means the case's own begin or end.

    Raises
    ------
    NoEvidence
        A mark is missing, or the end does not come after the begin.
    """
    begin_ns = trace.begin_ns if begin is None else marker_of(trace, begin).time_ns
    end_ns = trace.end_ns if end is None else marker_of(trace, end).time_ns
    if end_ns <= begin_ns:
        raise NoEvidence(f"nothing lies between {begin or 'the start'} and {end or 'the end'}")
    return begin_ns, end_ns


def search_start_ns(observed: Observed, since: TimeReference) -> int:
    """Return from when on a cause or effect is looked for."""
    trace = observed.trace
    mark = since.mark if isinstance(since, Mark) else since.after
    if mark is None:
        return trace.begin_ns
    marker = marker_of(trace, mark)
    # A step that acts may show its effect before its last confirmation, and a frame that was sent
    # is heard by the BMS before the rig hears it itself.
    if observed.sends(mark) and (sent := _sent_instant(observed, marker, mark)):
        return int(sent.time_ns)
    return marker.begin_ns if observed.acts(mark) else marker.time_ns


def find_instant(observed: Observed, since: TimeReference) -> At:
    """Return when `since` was; raise NoEvidence where the trace can't tell."""
    if isinstance(since, Mark):
        return _mark_instant(observed, since)
    start_ns = search_start_ns(observed, since)
    recorded = channel_of(observed.trace, since.quantity)
    if recorded is None:
        return _commanded_crossing(observed.trace, since, start_ns)
    early_ns = _misaligned_ns(recorded[0], start_ns)
    at = recorded_crossing(*recorded, since, start_ns - early_ns)
    if at is None:
        reason = _never_crossed(*recorded, since, start_ns)
        if path := _open_path(observed, since, start_ns):
            raise NotReached(f"{path} was open, so that no current could flow: {reason}")
        raise NoEvidence(reason)
    return at


def _open_path(observed: Observed, since: Crossing, at_ns: float) -> str | None:
    """Find an output that was open when a current was to flow through it, and closed before."""
    if since.quantity != "current":
        return None
    for name, output in observed.outputs.items():
        found = channel_of(observed.trace, name)
        if found is None or output.steady_s:
            continue
        closed = found[1].values[: index_at(found[0], at_ns) + 1] > output.closed_above
        if closed.any() and not closed[-1]:
            return name
    return None


def _mark_instant(observed: Observed, since: Mark) -> At:
    """Return the step's own instant: its last command, where it gave one."""
    trace = observed.trace
    marker = marker_of(trace, since.mark)
    said = f"{since.mark!r}"
    if observed.sends(since.mark) and (sent := _sent_instant(observed, marker, said)):
        return sent
    if not observed.acts(since.mark):
        return At(time_ns=marker.time_ns, said=said, earliest_ns=marker.time_ns)
    given = [c for c in trace.commands if marker.begin_ns <= c.before_ns <= marker.time_ns]
    if given:
        return command_instant(given[-1], said)
    return _between(marker.begin_ns, marker.time_ns, said, "the step's begin and confirmation")


def _sent_instant(observed: Observed, marker: Marker, said: str) -> At | None:
    """Return the end of the last frame that the step sent, by the adapter's stamp.

    The step is over only when the rig has heard its own frame, an adapter's latency later.
    """
    frames = observed.trace.frames if observed.sent is None else observed.sent
    own = (frames.flags & SENT != 0) & (frames.time_ns <= marker.time_ns)
    sent_ns = frames.time_ns[own]
    if not sent_ns.size:
        return None
    row = normal("CAN adapter clock (cause)", frames.time_u_s, "adapter's clock against the rig's")
    at_ns = float(sent_ns[-1])
    return At(time_ns=at_ns, rows=(row,), said=said, earliest_ns=at_ns)


def command_instant(command: Command, said: str) -> At:
    """Return when a commanded value became true: between its start and its settling."""
    late_ns = command.after_ns + command.settle_s * 1e9
    return _between(command.before_ns, late_ns, said, f"{command.instrument}: command to settled")


def _between(early_ns: float, late_ns: float, said: str, source: str) -> At:
    row = Row(name="command", half_width=(late_ns - early_ns) * 0.5e-9, source=source)
    middle_ns = 0.5 * (early_ns + late_ns)
    return At(time_ns=middle_ns, rows=(row,), said=said, earliest_ns=early_ns)


# ---- crossings ----------------------------------------------------------------------------------
def recorded_crossing(
    waveform: Waveform, channel: Channel, since: Crossing, start_ns: float
) -> At | None:
    """Return the crossing in the record of the quantity, None where there is none."""
    edge = find_crossing(
        channel.values,
        since.level,
        sampling_of(waveform, channel),
        rising=since.rising,
        first=index_at(waveform, start_ns),
        label="stimulus",
    )
    if edge is None:
        return None
    return edge_at(waveform, edge, said_crossing(since), start_ns)


def _misaligned_ns(waveform: Waveform, time_ns: float) -> float:
    """Return how early the record may show what happened at a rig time: its clock runs apart.

    A minute at 75 ppm is 4.5 ms, and a supply may follow its command sooner than that.
    """
    apart = waveform.rate_tolerance + RIG_RATE_TOLERANCE
    since_start_ns = max(time_ns - waveform.start_ns, 0.0)
    return waveform.start_u_s * DIVISORS["rectangular"] * 1e9 + apart * since_start_ns


def _never_crossed(waveform: Waveform, channel: Channel, since: Crossing, start_ns: float) -> str:
    """Return why nothing can be said: how far the quantity got."""
    seen = channel.values[index_at(waveform, start_ns) :]
    if not seen.size:
        return f"the record of {since.quantity} ended before the stimulus"
    furthest = float(seen.max() if since.rising else seen.min())
    verb = "rise above" if since.rising else "fall below"
    level = show(since.level, channel.unit)
    return (
        f"the bench never applied it: {since.quantity} did not {verb} {level} at the terminal by"
        f" more than its uncertainty (furthest {show(furthest, channel.unit)}"
        f" ± {show(channel.accuracy, channel.unit)})"
    )


def _commanded_crossing(trace: Trace, since: Crossing, start_ns: float) -> At:
    """Return the crossing from the commands, where no record of the quantity exists."""
    sign = 1.0 if since.rising else -1.0
    beyond = False
    for command in trace.commands:
        if command.quantity != since.quantity:
            continue
        was, beyond = beyond, sign * (command.value - since.level) > 0.0
        if beyond and not was and command.before_ns >= start_ns:
            return command_instant(command, said_crossing(since))
    raise NoEvidence(
        f"the bench never applied it: no command took {since.quantity}"
        f" {'above' if since.rising else 'below'} {show(since.level, unit_of(since.quantity))},"
        " and no record of it exists"
    )
