"""How frames leave the BMS: mailboxes by priority, events that wait, the newest of the others.

The controller has few mailboxes. One is kept free for events, so that a bus full of more urgent
frames of others never leaves an alarm behind bulk. Must not know what a frame says.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from rig.virtual.carrier.pins import Pins


@dataclass(frozen=True, slots=True, kw_only=True)
class TransmitImage:
    """How the controller is set up."""

    mailboxes: int = 3
    for_events: int = 1  # of the mailboxes: no periodic frame ever gets the last one
    in_order: bool = False  # sends in order of filling instead of by identifier
    events_kept: int = 64


class Transmitter:
    """Holds what waits for a mailbox: every event in order, of each periodic frame the newest."""

    def __init__(self, pins: Pins, image: TransmitImage) -> None:
        self._pins, self.image = pins, image
        self._events: deque[tuple[int, bytes]] = deque(maxlen=image.events_kept)
        self._periodic: dict[int, bytes] = {}

    def start(self) -> None:
        """Switch the controller on; from here on each frame that left lets the next one in."""
        self._pins.on_can_sent = self.pump
        self._pins.can_enable(True, in_order=self.image.in_order)  # noqa: FBT003

    def post(self, can_id: int, data: bytes) -> None:
        """Send a periodic frame; while it waits, a newer one takes its place."""
        self._periodic[can_id] = data
        self.pump()

    def post_event(self, can_id: int, data: bytes) -> None:
        """Send a one-shot frame; it is kept until a mailbox takes it."""
        self._events.append((can_id, data))
        self.pump()

    def pump(self) -> None:
        """Fill the mailboxes: events first, then by identifier."""
        while self._events and self.has_room(keep=0) and self.hand_over(*self._events[0]):
            self._events.popleft()
        keep = self.image.for_events
        while self._periodic and self.has_room(keep=keep):
            can_id = min(self._periodic)
            self.hand_over(can_id, self._periodic.pop(can_id))

    def has_room(self, *, keep: int) -> bool:
        """Tell whether a mailbox is free beside those kept."""
        return self._pins.can_pending() < self.image.mailboxes - keep

    def hand_over(self, can_id: int, data: bytes) -> bool:
        """Put a frame into a mailbox; a controller that is off the bus takes none."""
        return self._pins.can_send(can_id, data)
