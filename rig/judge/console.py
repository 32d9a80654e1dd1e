"""When a line of the console ended, and proof that it speaks. Must not know a serial port."""

from __future__ import annotations

from collections.abc import Sequence

from rig.judge.budget import Row
from rig.judge.rules import NoEvidence
from rig.judge.timing import At, event_mark
from rig.judge.verdict import EventMark
from rig.trace.model import Line, Trace


def line_instant(line: Line) -> At:
    """Return when a line ended: it can only be stamped late."""
    half_s = line.late_ns * 0.5e-9
    row = Row(
        name="console latency",
        half_width=half_s,
        source="adapter latency and polling: the stamp is late by 0 to twice this; mean corrected",
    )
    return At(time_ns=line.time_ns - 0.5 * line.late_ns, rows=(row,), said=f"{line.plain!r}")


def must_have_spoken(lines: Sequence[Line], console: str) -> None:
    """Raise NoEvidence for a console that never said anything: its silence proves nothing."""
    if not lines:
        raise NoEvidence(
            f"the {console} said nothing in the whole case: no proof that it is connected"
        )


def line_mark(trace: Trace, line: Line) -> EventMark:
    """Return what a report draws of a line."""
    return event_mark(trace, f"{line.console}: {line.plain}", line.console, line.time_ns)
