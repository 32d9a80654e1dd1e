"""What of a message's frames is right: length, counter, checksum, spare bits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rig.can_address import MessageAddress
from rig.dut.e2e import CrcKind
from rig.judge.can_signals import Times, Values
from rig.judge.instants import window_ns
from rig.judge.listening import must_have_listened
from rig.judge.observed import Observed
from rig.judge.wording import show


class Content(Protocol):
    """A message between two marks, and what is promised of each of its frames."""

    @property
    def message(self) -> MessageAddress: ...  # noqa: D102
    @property
    def length(self) -> int: ...  # noqa: D102
    @property
    def counter(self) -> str | None: ...  # noqa: D102
    @property
    def counter_last(self) -> int: ...  # noqa: D102
    @property
    def crc(self) -> str | None: ...  # noqa: D102
    @property
    def crc_kind(self) -> CrcKind: ...  # noqa: D102
    @property
    def crc_data_id(self) -> int: ...  # noqa: D102
    @property
    def spare_zero(self) -> bool: ...  # noqa: D102
    @property
    def begin(self) -> str | None: ...  # noqa: D102
    @property
    def end(self) -> str | None: ...  # noqa: D102


def said_content(wanted: Content) -> str:
    """Return what of a frame is looked at: "8 bytes, counter, checksum"."""
    checks = [f"{wanted.length} bytes"]
    checks += ["counter"] if wanted.counter else []
    checks += ["checksum"] if wanted.crc else []
    checks += ["spare bits"] if wanted.spare_zero else []
    return ", ".join(checks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """The frames of one message in the span."""

    rows: NDArray[np.intp]
    inside: NDArray[np.bool_]  # which of all frames of the message these are
    times: Times
    begin_ns: int
    end_ns: int

    @property
    def intervals_s(self) -> Values:
        """Shape (n - 1,)."""
        return np.diff(self.times) * 1e-9


def received(observed: Observed, wanted: Content) -> Received:
    """Return the frames of a message between its marks, on proof that something listened."""
    trace = observed.trace
    must_have_listened(trace, wanted.message.bus)
    begin_ns, end_ns = window_ns(trace, wanted.begin, wanted.end)
    rows = observed.rows(wanted.message)
    times = trace.frames.time_ns[rows]
    inside = (times >= begin_ns) & (times <= end_ns)
    return Received(
        rows=rows[inside], inside=inside, times=times[inside], begin_ns=begin_ns, end_ns=end_ns
    )


def content_faults(observed: Observed, wanted: Content, received: Received) -> list[str]:
    """Return what is wrong with length, counter, checksum and spare bits, one clause each."""
    trace, decode, inside = observed.trace, observed.decode, received.inside
    faults = []
    lengths = trace.frames.length[received.rows]
    if np.any(lengths != wanted.length):
        odd = int(lengths[lengths != wanted.length][0])
        count = int((lengths != wanted.length).sum())
        faults.append(f"{count} frames of {odd} bytes, not {wanted.length}")
    if wanted.counter is not None:
        faults += _counter_faults(observed, wanted, received)
    if wanted.crc is not None:
        right = decode.check_crc(
            trace.frames, wanted.message, wanted.crc, wanted.crc_data_id, wanted.crc_kind
        )
        wrong = np.flatnonzero(~right[inside])
        if wrong.size:
            at_s = (int(received.times[wrong[0]]) - trace.begin_ns) * 1e-9
            faults.append(f"{wrong.size} wrong checksums, the first at {show(at_s, 's')}")
    if wanted.spare_zero:
        clean = decode.spare_is_zero(trace.frames, wanted.message)[inside]
        if not clean.all():
            at_s = (int(received.times[~clean][0]) - trace.begin_ns) * 1e-9
            count = int((~clean).sum())
            faults.append(f"{count} frames with spare bits set, the first at {show(at_s, 's')}")
    return faults


def _counter_faults(observed: Observed, wanted: Content, received: Received) -> list[str]:
    """Return a clause if the counter ever fails to go up by one (after its last value: to 0)."""
    times, counter = observed.signal(wanted.message.signal(wanted.counter or ""))
    kept = np.isin(times, received.times)
    times, counter = times[kept], counter[kept]
    due = np.where(counter[:-1] == wanted.counter_last, 0.0, counter[:-1] + 1.0)
    wrong = np.flatnonzero(counter[1:] != due)
    if not wrong.size:
        return []
    i = int(wrong[0])
    at_s = (int(times[i + 1]) - observed.trace.begin_ns) * 1e-9
    return [
        f"counter {wanted.counter} went from {counter[i]:g} to {counter[i + 1]:g} at"
        f" {show(at_s, 's')} ({wrong.size} times out of order)"
    ]
