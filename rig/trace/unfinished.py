"""What a case had recorded when the process that drove it ended: read from the streams it left.

    stream.json       since when, until when, marks, and how the adapters' clocks stood to the rig's
    BUS.log           CAN frames of each bus, as `candump -L` writes them, in the adapter's time
    console.txt       console lines, on the rig's time base
    scpi.txt          the instruments' transcript
    commands.arrow, readings.arrow    Arrow IPC streams

The digitizer's record is not among them: it was still in the instrument. Such a trace says how far
a case came, and is never judged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter

from rig.documents import Document
from rig.errors import EvidenceError
from rig.trace import candump
from rig.trace.log import rows_of, whole_lines
from rig.trace.model import SCPI, Command, Frames, Link, Marker, Reading, Trace
from rig.trace.texts import StoredLines, plain_name, to_line, unescaped
from rig.trace.time_base import from_zero, in_order

STREAM, COMMANDS, READINGS = "stream.json", "commands.arrow", "readings.arrow"
CUT_OFF = "the process that drove the case ended before it did"
_MEND = "restore the run folder from its archive"

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Offset:
    """How an adapter's clock stands to the rig's: `ns` is to be added to its stamps."""

    ns: int
    time_u_s: float  # standard uncertainty of that


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamProgress:
    """What stream.json holds: all in the rig's time."""

    begin_ns: int
    end_ns: int  # of the last writing
    begun_utc_ns: int
    markers: Mapping[str, Marker]
    offsets: Mapping[str, Offset] = field(default_factory=dict)  # by bus, those that are known


PROGRESS: Document[StreamProgress] = Document("stream", 1, TypeAdapter(StreamProgress))


def load_unfinished(folder: Path) -> Trace:
    """Read what a case left that was cut off; it bears `CUT_OFF` as its error.

    Raises
    ------
    EvidenceError
        Nothing was left, or it can't be read.
    """
    try:
        reported = PROGRESS.load((folder / STREAM).read_bytes(), str(folder / STREAM))
        trace = _trace(folder, reported)
    except (OSError, ValueError, LookupError) as cause:
        raise EvidenceError(f"can't be read ({cause})", str(folder), _MEND) from cause
    return from_zero(trace)


def _trace(folder: Path, reported: StreamProgress) -> Trace:
    of_buses = [_frames(folder, bus, offset) for bus, offset in reported.offsets.items()]
    consoles = [path for path in sorted(folder.glob("*.txt")) if path.name != SCPI]
    lines = in_order([StoredLines(path, to_line) for path in consoles])
    heard = {frames.buses[0]: frames.time_ns.size for frames in of_buses}
    links = {
        name: Link(name=name, alive=False, received=count, dropped=0, note=CUT_OFF)
        for name, count in {**heard, "console": len(lines)}.items()
    }
    return Trace(
        begin_ns=reported.begin_ns,
        end_ns=reported.end_ns,
        waveforms=(),
        commands=rows_of(folder / COMMANDS, Command),
        readings=rows_of(folder / READINGS, Reading),
        frames=Frames.merged(of_buses),
        lines=lines,
        links=links,
        markers=reported.markers,
        error=f"rig: {CUT_OFF}",
        begun_utc_ns=reported.begun_utc_ns,
        transcript=StoredLines(folder / SCPI, unescaped),
    )


def _frames(folder: Path, bus: str, offset: Offset) -> Frames:
    path = folder / f"{plain_name(bus)}.log"
    parts = [candump.parsed(lines) for lines in whole_lines(path)]
    count = sum(part.time_ns.size for part in parts)
    is_fd = any(part.is_fd for part in parts)
    frames = Frames.room(count, is_fd=is_fd, bus=bus, time_u_s=offset.time_u_s)
    at = 0
    for part in parts:
        frames.put(at, replace(part, time_ns=part.time_ns + offset.ns))
        at += part.time_ns.size
    return frames
