"""Foreign load of a CAN bus as the rig's own adapter makes it: frames in bursts, then a pause.

Says what to hand over and how long to wait then. Must not open a bus, nor let time pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rig.steps.bus_load import Load

__all__ = ["Slot", "load_slots"]

# A standard frame of 8 bytes with its intermission, without stuff bits. Bits that are stuffed make
# each frame a little longer, so the adapter's queue never runs dry within a burst.
FRAME_BITS = 111
_SLOT_S = 10e-3  # handed over at once: more than a scheduler's hiccup, less than a driver's queue
_DATA = bytes((0x55,)) * 7


@dataclass(frozen=True, slots=True)
class Slot:
    """Frames to hand over at once, and how long they keep the bus busy."""

    frames: tuple[tuple[int, bytes], ...]
    duration_ns: int


def load_slots(load: Load, bitrate: float) -> Iterator[Slot]:
    """Split a load into slots; the last of each burst is followed by the pause."""
    frame_s = FRAME_BITS / bitrate
    per_burst = max(1, round(load.burst_s / frame_s))
    per_slot = max(1, round(_SLOT_S / frame_s))
    pause_ns = round(load.burst_s * (1.0 / load.share - 1.0) * 1e9)
    ids = load.last_id - load.first_id + 1
    sent = 0
    for _ in range(load.bursts):
        left = per_burst
        while left:
            count = min(per_slot, left)
            frames = tuple(
                (load.first_id + n % ids, _DATA + bytes((n & 0xFF,)))
                for n in range(sent, sent + count)
            )
            sent, left = sent + count, left - count
            yield Slot(frames, round(count * frame_s * 1e9))
        yield Slot((), pause_ns)
