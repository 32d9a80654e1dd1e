"""Whether bench and rig kept up with the wall clock; where one did not, nothing can be said.

Stamps allow for a lag, but what the BMS got lasted longer, or came later, than the case says: by no
more than `rig.clock.MOST_LAG_NS`, or the case is an error. Must not know who measured it.
"""

from __future__ import annotations

from rig.clock import Lag
from rig.judge.wording import show
from rig.trace.model import Trace


def fell_behind(trace: Trace) -> str | None:
    """Say which one fell further behind than its times allow; None where both kept up."""
    beyond = (lag for lag in trace.lags if lag.is_beyond)
    return next((_sentence(lag) for lag in beyond), None)


def _sentence(lag: Lag) -> str:
    worst, allowed = show(lag.worst_ns * 1e-9, "s"), show(lag.allowed_ns * 1e-9, "s")
    often = "once" if lag.late == 1 else f"{lag.late} times"
    beyond = f"{often} by more than the {allowed} that a case allows"
    if lag.who == "bench":
        what = f"bench: it fell behind the wall clock by {worst}, {beyond}"
        mend = "give the bench's process a core of its own, or use clock: stepped"
    else:
        what = f"rig: this computer was busy: the rig came back from a wait {worst} late, {beyond}"
        mend = "let nothing else run on it, then run the case again"
    return f"{what}\n  to mend: {mend}"
