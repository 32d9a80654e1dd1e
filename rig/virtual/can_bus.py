"""A classic CAN bus in virtual time: arbitration, true frame times, errors, bus-off and recovery.

Must not know who sits at a node: a virtual BMS, an adapter and a test use the same `CanNode`. Rules
after Bosch CAN Specification 2.0, section 8 (fault confinement), ISO 11898-1. One kernel event per
frame: who wins the bus is settled when a frame is asked for, and settled anew if another asks
before the first one's start of frame.

What the model leaves out, on purpose: bit timing and propagation (nodes agree on every bit), a bit
error inside an error flag (a failed attempt costs 8 TEC, whatever its flag met), overload frames.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from rig.virtual.can_bits import ACK_SLOT_END_BITS, IFS_BITS, TAIL_BITS, Frame, frame_bits

if TYPE_CHECKING:
    from rig.virtual.kernel import Handle, Kernel

__all__ = ["BusError", "CanBus", "CanNode", "FaultKind", "Frame", "NodeState"]

NodeState = Literal["active", "warning", "passive", "bus-off"]
ErrorKind = Literal["bit", "ack", "stuff"]
FaultKind = Literal["bit errors", "short", "stuck dominant"]

WARNING_AT: Final = 96
PASSIVE_AT: Final = 128
BUS_OFF_AT: Final = 256
REC_TOP: Final = PASSIVE_AT + 7  # beyond passive a controller need not count REC any further
FLAG_BITS: Final = 6
DELIMITER_BITS: Final = 8
SUSPEND_BITS: Final = 8  # an error-passive transmitter lets the others go first
RECESSIVE_RUN_BITS: Final = 11
RECOVERY_RUNS: Final = 128
# ACK delimiter, end of frame and intermission are one run of 11 recessive bits, and so are an error
# delimiter and intermission: the bus is seen recessive from here on before the interframe space.
RECESSIVE_TAIL_BITS: Final = RECESSIVE_RUN_BITS - IFS_BITS
# Behind each frame of a lone passive transmitter: recessive flag, delimiter, IFS and suspension.
PARKED_RUNS: Final = (FLAG_BITS + DELIMITER_BITS + IFS_BITS + SUSPEND_BITS) // RECESSIVE_RUN_BITS
# A disturbed bit hits just behind the DLC: arbitration is over, so each difference is an error.
BIT_ERROR_BITS: Final = {False: 20, True: 40}
# Dominant bits after which a stuck bus raises the counters by 8 again: 14, then each 8 (rule 6).
STUCK_FIRST_BITS: Final = 14
STUCK_NEXT_BITS: Final = 8


class BusError(NamedTuple):
    """An error frame as one node saw it."""

    kind: ErrorKind
    transmitting: bool  # this node was the transmitter


class _Request(NamedTuple):
    """A frame waiting in a node, in the order of the node's queue."""

    rank: int
    sequence: int
    frame: Frame
    priority: int


class _Attempt(NamedTuple):
    """A frame on the wire, or about to be: its start of frame may still lie ahead."""

    senders: list[tuple[CanNode, _Request]]
    start_ns: int
    frame: Frame
    priority: int
    error: ErrorKind | None


def _ignore_frame(_frame: Frame) -> None:
    """Nobody listens."""


def _ignore_error(_error: BusError) -> None:
    """Nobody listens."""


def _ignore_state(_state: NodeState) -> None:
    """Nobody listens."""


class CanNode:
    """A CAN controller with its transmit queue; made by `CanBus.attach`.

    Attributes
    ----------
    on_frame
        Called with every frame of the others, at its end of frame.
    on_sent
        Called with an own frame, when it has left the bus and was acknowledged.
    on_error
        Called at each error frame on the bus, when its delimiter is over.
    on_state
        Called with the new state whenever it changed.
    """

    def __init__(self, bus: CanBus, name: str, *, fifo: bool) -> None:
        self.name = name
        self.on_frame: Callable[[Frame], None] = _ignore_frame
        self.on_sent: Callable[[Frame], None] = _ignore_frame
        self.on_error: Callable[[BusError], None] = _ignore_error
        self.on_state: Callable[[NodeState], None] = _ignore_state
        self.tec = 0
        self.rec = 0
        self.ready_ns = 0  # suspend transmission, or recovery, lasts until here
        self.is_online = True  # takes part: its transceiver is powered and plugged in
        self.is_bus_off = False
        self.takes_part = True  # online and not in bus-off: acknowledges, receives, sends
        self.queue: list[_Request] = []
        self._bus = bus
        self.fifo = fifo  # sends in order of filling, not by identifier
        self._said: NodeState = "active"
        self._recovery: Handle | None = None

    @property
    def state(self) -> NodeState:
        """Error state, from the counters."""
        if self.is_bus_off:
            return "bus-off"
        worst = max(self.tec, self.rec)
        if worst >= PASSIVE_AT:
            return "passive"
        return "warning" if worst >= WARNING_AT else "active"

    @property
    def is_passive(self) -> bool:
        """Whether it is error passive."""
        return self.tec >= PASSIVE_AT or self.rec >= PASSIVE_AT

    @property
    def pending(self) -> int:
        """Frames that have not left yet, the one on the wire included."""
        return len(self.queue) + self._bus.in_flight_of(self)

    def send(
        self,
        can_id: int,
        data: bytes = b"",
        *,
        extended: bool = False,
        remote: bool = False,
        remote_dlc: int = 0,
    ) -> bool:
        """Queue a frame; False if the controller is off the bus and drops it.

        Raises
        ------
        ValueError
            If identifier or data do not fit a classic frame.
        """
        frame = Frame(can_id, data, extended, remote, remote_dlc)
        if not 0 <= can_id < (1 << 29 if extended else 1 << 11) or not 0 <= frame.dlc <= 8:
            raise ValueError(f"not a classic CAN frame: {frame}")
        if not self.takes_part:
            return False
        priority = frame.priority
        rank = 0 if self.fifo else priority
        request = _Request(rank, self._bus.next_sequence(), frame, priority)
        heapq.heappush(self.queue, request)
        self._bus.request(self, request)
        return True

    def set_online(self, *, online: bool) -> None:
        """Plug in or out (or power up or down); going offline loses queue and counters."""
        if online != self.is_online:
            self.reset()
            self.is_online = self.takes_part = online
            self._bus.membership_changed()

    def reset(self) -> None:
        """Reset the controller: queue empty, counters 0; a frame on the wire breaks off."""
        if self._recovery is not None:
            self._recovery.cancel()
            self._recovery = None
        self.queue.clear()
        self._bus.break_off(self)
        self.tec = self.rec = 0
        self.ready_ns = 0
        self.is_bus_off, self.takes_part = False, self.is_online
        self.tell_state()
        self._bus.membership_changed()

    def move_to(self, bus: CanBus) -> None:
        """Go to another bus with counters and queue, as when a wire is cut or mended."""
        old = self._bus
        if bus is old:
            return
        recovers = self._recovery is not None
        if self._recovery is not None:
            self._recovery.cancel()
            self._recovery = None
        old.take_back(self)
        old.nodes.remove(self)
        self._bus = bus
        bus.nodes.append(self)
        for changed in (old, bus):
            changed.membership_changed()
        if recovers:  # its count of recessive bits begins anew
            self.recover()

    def recover(self) -> None:
        """Leave bus-off after 128 times 11 recessive bits; without bus-off, do nothing."""
        if self.is_bus_off and self._recovery is None:
            self._await_runs(self._bus.recessive_runs() + RECOVERY_RUNS)

    def _await_runs(self, target: int) -> None:
        missing = target - self._bus.recessive_runs()
        if missing > 0:
            delay_ns = self._bus.span_ns(missing * RECESSIVE_RUN_BITS)
            self._recovery = self._bus.kernel.after(delay_ns, lambda: self._await_runs(target))
        else:
            self._recovery = None
            self.reset()

    def count_transmit_error(self) -> None:
        """TEC + 8; above 255 the controller leaves the bus and loses what was queued."""
        self.tec += 8
        if self.tec >= BUS_OFF_AT:
            self.is_bus_off, self.takes_part = True, False
            self.queue.clear()

    def tell_state(self) -> None:
        """Call `on_state` if the state is another than was reported last."""
        if (state := self.state) != self._said:
            self._said = state
            self.on_state(state)


class CanBus:
    """One CAN bus.

    Parameters
    ----------
    kernel : Kernel
    bitrate : int
        In bit/s.

    Attributes
    ----------
    on_end
        Ground truth: called with the exact kernel time of each end of frame, in ns, the sender's
        name and the frame, before any node hears of it.
    """

    def __init__(self, kernel: Kernel, bitrate: int = 500_000) -> None:
        self.kernel = kernel
        self.bitrate = bitrate
        self.nodes: list[CanNode] = []
        self.on_end: Callable[[int, str, Frame], None] | None = None
        self._ifs_ns = self.span_ns(IFS_BITS)
        self._run_ns = self.span_ns(RECESSIVE_RUN_BITS)
        self._tail_ns = self.span_ns(RECESSIVE_TAIL_BITS)
        self._sequence = itertools.count()
        self._attempt: _Attempt | None = None
        self._handle: Handle | None = None  # of the attempt's end; None while an attempt is parked
        self._period_ns = 0  # of a parked attempt's repetition
        self._delivering = False
        self._free_ns = 0  # first instant for a start of frame
        self._recessive_from_ns = 0
        self._runs = 0
        self._fault: FaultKind | None = None
        self._fault_victim: str | None = None
        self._fault_end: Handle | None = None
        self._stuck_sender: list[CanNode] = []
        self._stuck_handles: list[Handle] = []

    def attach(self, name: str, *, fifo: bool = False) -> CanNode:
        """Add a node.

        Its queue is ordered by priority, or by arrival with `fifo`, as behind a socket of Linux
        (and in the ESP32's TWAI driver).
        """
        node = CanNode(self, name, fifo=fifo)
        self.nodes.append(node)
        self.membership_changed()
        return node

    def span_ns(self, bits: int) -> int:
        """How long `bits` last, in ns."""
        return bits * 1_000_000_000 // self.bitrate

    # What nodes ask of their bus

    def next_sequence(self) -> int:
        """Number requests, so that equal priorities leave in order."""
        return next(self._sequence)

    def in_flight_of(self, node: CanNode) -> int:
        """Whether a frame of `node` is on the wire or has won the next turn (0 or 1)."""
        return self._attempt is not None and any(node is n for n, _ in self._attempt.senders)

    def request(self, node: CanNode, request: _Request) -> None:
        """Settle who sends next, unless that waits for the end of a frame on the wire."""
        attempt = self._attempt
        if attempt is None:
            if not self._delivering:
                self._settle()
        elif self._handle is None:
            if self.in_flight_of(node):
                self._unpark()
        elif self.kernel.now_ns <= attempt.start_ns and request.priority <= attempt.priority:
            # It might win (or, with the same identifier, collide); a lower one would only lose.
            self._withdraw()
            self._settle()

    def membership_changed(self) -> None:
        """Settle anew after a node came, went or left bus-off."""
        if self._attempt is None:
            if not self._delivering:
                self._settle()
        elif self._handle is None:
            self._unpark()
        elif self.kernel.now_ns <= self._attempt.start_ns:
            self._withdraw()
            self._settle()

    def break_off(self, node: CanNode) -> None:
        """End what `node` has on the wire: for the others that is an error."""
        self.take_back(node)
        node.queue.clear()

    def take_back(self, node: CanNode) -> None:
        """End what `node` has on the wire; the frame returns to its queue."""
        if not self.in_flight_of(node):
            return
        if self._handle is None:
            self._unpark()
        attempt = self._attempt
        if attempt is None:  # unparked into a bus without a request
            return
        started = self.kernel.now_ns > attempt.start_ns
        self._withdraw()
        if started:
            rest = [n for n, _ in attempt.senders if n is not node]
            self._occupy_with_error(rest, "stuff", 2 * FLAG_BITS + DELIMITER_BITS)

    def recessive_runs(self) -> int:
        """Runs of 11 recessive bits seen until now."""
        until_ns = self.kernel.now_ns
        if self._attempt is not None:  # what is on the wire is not idle
            until_ns = min(until_ns, self._attempt.start_ns)
        parked = PARKED_RUNS * self._repetitions_begun()
        return self._runs + self._idle_runs(until_ns) + parked

    def _repetitions_begun(self) -> int:
        """Repetitions of a parked attempt until now, the one under way included."""
        if self._attempt is None or self._handle is not None:
            return 0
        since_ns = self.kernel.now_ns - self._attempt.start_ns
        return -(-since_ns // self._period_ns) if since_ns > 0 else 0

    # Faults

    def fault(
        self, kind: FaultKind, duration_ns: int | None = None, *, victim: str | None = None
    ) -> None:
        """Disturb the bus from now on, for `duration_ns` or until `clear_fault`.

        "bit errors": each frame (of `victim`, or of all) is destroyed behind its DLC; the sender is
        in bus-off after 32 attempts. "short": CANH to CANL, the bus stays recessive and each start
        of frame is a bit error, to the same end. "stuck dominant": the sender of the moment counts
        up to bus-off, the others can neither start nor receive and become error passive.
        """
        self.clear_fault()
        self._fault = kind
        self._fault_victim = victim if kind == "bit errors" else None  # the others hit everybody
        if duration_ns is not None:
            self._fault_end = self.kernel.after(duration_ns, self.clear_fault)
        self._strike()

    def clear_fault(self) -> None:
        """End the fault; a bus that was stuck dominant is free after a delimiter."""
        kind, self._fault = self._fault, None
        if self._fault_end is not None:
            self._fault_end.cancel()
            self._fault_end = None
        if kind == "stuck dominant":
            self._release_stuck()
        if kind is not None and self._attempt is not None:
            self.membership_changed()

    def _strike(self) -> None:
        """Let a new fault hit what is on the wire."""
        attempt = self._attempt
        if attempt is not None and self._handle is None:
            self._unpark()
            attempt = self._attempt
        if attempt is not None:
            started = self.kernel.now_ns > attempt.start_ns
            hit = started and self._is_victim([node for node, _ in attempt.senders])
            if not started or hit:
                self._withdraw()
            if hit:
                senders = [node for node, _ in attempt.senders]
                if self._fault == "stuck dominant":
                    self._begin_stuck(senders)
                else:
                    self._occupy_with_error(senders, "bit", 2 * FLAG_BITS + DELIMITER_BITS)
                return
        if self._fault == "stuck dominant":
            self._begin_stuck([])
        elif self._attempt is None:
            self._settle()

    def _is_victim(self, senders: list[CanNode]) -> bool:
        victim = self._fault_victim
        return victim is None or any(node.name == victim for node in senders)

    def _begin_stuck(self, senders: list[CanNode]) -> None:
        """Count rule 6: TEC and REC + 8 at once, after 14 dominant bits, then after each 8."""
        self._runs += self._idle_runs(self.kernel.now_ns)
        self._recessive_from_ns = 1 << 62  # until the release
        self._stuck_sender = senders
        for node in self.nodes:
            if node.takes_part:
                self._stuck_count(node, FLAG_BITS + STUCK_FIRST_BITS)

    def _stuck_count(self, node: CanNode, next_bits: int) -> None:
        if node in self._stuck_sender:
            node.count_transmit_error()
        else:
            node.rec = min(node.rec + 8, REC_TOP)
        node.tell_state()
        if node.takes_part and (node in self._stuck_sender or node.rec < PASSIVE_AT):
            delay_ns = self.span_ns(next_bits)
            again = self.kernel.after(delay_ns, lambda: self._stuck_count(node, STUCK_NEXT_BITS))
            self._stuck_handles.append(again)

    def _release_stuck(self) -> None:
        for handle in self._stuck_handles:
            handle.cancel()
        self._stuck_handles.clear()
        self._stuck_sender = []
        self._recessive_from_ns = self.kernel.now_ns
        self._free_ns = self.kernel.now_ns + self.span_ns(DELIMITER_BITS + IFS_BITS)
        self._tell_error([], "stuff")
        self._settle()

    # One frame after the other

    def _settle(self) -> None:
        """Choose the next frame: earliest start, then arbitration; and set down its end."""
        if self._fault == "stuck dominant":
            return
        ready = [node for node in self.nodes if node.queue and node.takes_part]
        if not ready:
            return
        now_ns, free_ns = self.kernel.now_ns, self._free_ns
        start_ns = now_ns if now_ns > free_ns else free_ns
        if len(ready) == 1:
            node = ready[0]
            self._start(max(start_ns, node.ready_ns), [(node, heapq.heappop(node.queue))])
            return
        start_ns = max(start_ns, min(node.ready_ns for node in ready))
        ready = [node for node in ready if node.ready_ns <= start_ns]
        best = min(node.queue[0].priority for node in ready)
        winners = [node for node in ready if node.queue[0].priority == best]
        self._start(start_ns, [(node, heapq.heappop(node.queue)) for node in winners])

    def _start(self, start_ns: int, senders: list[tuple[CanNode, _Request]]) -> None:
        node, request = senders[0]
        frame = request.frame
        error, bits = self._outcome(senders, frame)
        self._attempt = _Attempt(senders, start_ns, frame, request.priority, error)
        if error == "ack" and node.tec >= PASSIVE_AT:
            # Alone and passive: nothing changes any more until somebody comes. An event for each
            # repetition would be 3,000 a second for nothing.
            self._period_ns = self.span_ns(bits + IFS_BITS + SUSPEND_BITS)
            return
        self._handle = self.kernel.at(start_ns + bits * 1_000_000_000 // self.bitrate, self._end)

    def _outcome(
        self, senders: list[tuple[CanNode, _Request]], frame: Frame
    ) -> tuple[ErrorKind | None, int]:
        """Tell what becomes of a frame, and the bits from its start to the end of it all."""
        if self._fault is not None and self._is_victim([node for node, _ in senders]):
            if self._fault == "short":
                return "bit", 1 + FLAG_BITS + DELIMITER_BITS
            return "bit", BIT_ERROR_BITS[frame.extended] + 2 * FLAG_BITS + DELIMITER_BITS
        if len(senders) > 1:
            if any(request.frame != frame for _, request in senders):
                # Two senders of one identifier: arbitration cannot part them, the data field does.
                return "bit", BIT_ERROR_BITS[frame.extended] + 2 * FLAG_BITS + DELIMITER_BITS
        elif not self._is_acknowledged(senders[0][0]):
            ack_end = frame_bits(frame) - TAIL_BITS + ACK_SLOT_END_BITS
            return "ack", ack_end + FLAG_BITS + DELIMITER_BITS
        return None, frame_bits(frame) - IFS_BITS

    def _is_acknowledged(self, sender: CanNode) -> bool:
        for node in self.nodes:  # noqa: SIM110  (at every frame: any() costs three times as much)
            if node.takes_part and node is not sender:
                return True
        return False

    def _end(self) -> None:
        attempt = self._attempt
        if attempt is None:
            return
        self._attempt = self._handle = None
        if attempt.error is None:
            self._deliver(attempt)
        else:
            for node, request in attempt.senders:
                heapq.heappush(node.queue, request)
            self._count_idle(attempt.start_ns)
            self._fail([node for node, _ in attempt.senders], attempt.error)
        if self._attempt is None:
            self._settle()

    def _deliver(self, attempt: _Attempt) -> None:
        now_ns = self.kernel.now_ns
        self._count_idle(attempt.start_ns)
        self._free_ns = now_ns + self._ifs_ns
        senders, frame = attempt.senders, attempt.frame
        self._delivering = True
        if self.on_end is not None:
            self.on_end(now_ns, senders[0][0].name, frame)
        own = [node for node, _ in senders]
        for node in own:
            if node.tec:
                node.tec -= 1
                node.tell_state()
            if node.is_passive:
                node.ready_ns = self._free_ns + self.span_ns(SUSPEND_BITS)
            node.on_sent(frame)
        for node in self.nodes:
            if node.takes_part and node not in own:
                if node.rec:
                    # From passive straight to 127 (rule 8 allows 119 to 127), else one down.
                    node.rec = PASSIVE_AT - 1 if node.rec >= PASSIVE_AT else node.rec - 1
                    node.tell_state()
                node.on_frame(frame)
        self._delivering = False

    def _count_idle(self, start_ns: int) -> None:
        """Book the recessive runs before `start_ns`; the next begin behind what just ended."""
        self._runs += self._idle_runs(start_ns)
        self._recessive_from_ns = self.kernel.now_ns - self._tail_ns

    def _idle_runs(self, until_ns: int) -> int:
        return max(0, (until_ns - self._recessive_from_ns) // self._run_ns)

    # Errors

    def _fail(self, senders: list[CanNode], kind: ErrorKind) -> None:
        """Count an error frame that has just ended, and tell every node of it."""
        self._free_ns = self.kernel.now_ns + self.span_ns(IFS_BITS)
        for node in senders:
            # Rule 3, exception 1: a passive transmitter does not count an ACK error.
            if not (kind == "ack" and node.tec >= PASSIVE_AT):
                node.count_transmit_error()
            if node.is_passive:
                node.ready_ns = self._free_ns + self.span_ns(SUSPEND_BITS)
        if self._fault != "short":  # through a short nobody hears the sender, nor its error flag
            for node in self.nodes:
                if node.takes_part and node not in senders:
                    node.rec = min(node.rec + 1, REC_TOP)
        self._tell_error(senders, kind)

    def _tell_error(self, senders: list[CanNode], kind: ErrorKind) -> None:
        self._delivering = True
        for node in self.nodes:
            if node in senders:
                node.on_error(BusError(kind, transmitting=True))
            elif node.takes_part and self._fault != "short":
                node.on_error(BusError("stuff", transmitting=False))
            node.tell_state()
        self._delivering = False

    def _occupy_with_error(self, senders: list[CanNode], kind: ErrorKind, bits: int) -> None:
        """Fill the wire with an error frame that begins now; `senders` have withdrawn theirs."""
        self._free_ns = self.kernel.now_ns + self.span_ns(bits + IFS_BITS)
        self._recessive_from_ns = self._free_ns - self.span_ns(RECESSIVE_RUN_BITS)
        self.kernel.after(self.span_ns(bits), lambda: self._fail_then_settle(senders, kind))

    def _fail_then_settle(self, senders: list[CanNode], kind: ErrorKind) -> None:
        self._fail(senders, kind)
        self.membership_changed()

    def _withdraw(self) -> None:
        """Take the attempt back: its frames return to the heads of their queues."""
        if self._attempt is None:
            return
        if self._handle is not None:
            self._handle.cancel()
        for node, request in self._attempt.senders:
            if node.takes_part:
                heapq.heappush(node.queue, request)
        self._attempt = self._handle = None

    def _unpark(self) -> None:
        """Return to real events, once the lone repetition on the wire has ended unheard."""
        attempt = self._attempt
        if attempt is None:
            return
        repetitions = self._repetitions_begun()
        if repetitions:
            self._runs += self._idle_runs(attempt.start_ns) + PARKED_RUNS * repetitions
            self._free_ns = attempt.start_ns + repetitions * self._period_ns
            self._recessive_from_ns = self._free_ns
        self._withdraw()
        self._settle()
