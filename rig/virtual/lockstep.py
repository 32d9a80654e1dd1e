"""Participants with a time of their own, which virtual time waits for: an emulator, a process.

Virtual time does not pass such a participant: it is let go on by a quantum, and then the kernel
waits, on the wall clock, until it has said what it does next and when. So the kernel is at that
instant when it is done: what it samples is what was there, and what it drives moves then, however
long the other side takes to think. What reaches it meanwhile (a frame, a byte) goes along when it
is let go on, so by up to a quantum late. Must not know what is said, nor over what.

    kernel                              participant
      |-- advance(until 1 ms) ------------->|
      |<- next(): at 0.25 ms, sample --------|   events up to 0.25 ms are done before it is served
      |<- next(): at 0.40 ms, drive ---------|
      |<- next(): at 1 ms, nothing ----------|
      |-- advance(until 2 ms) ------------->|   with all that reached it since
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from rig.virtual.kernel import MS, Action, Handle, Kernel

__all__ = ["QUANTUM_NS", "Lockstep", "Participant", "ParticipantError", "Turn"]

QUANTUM_NS = 1 * MS


class ParticipantError(Exception):
    """A participant that can not be waited for any longer, and why."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What a participant does next.

    Attributes
    ----------
    time_ns : int
        When, in the kernel's time.
    act : callable or None
        What; None: it has got to the end of what it was let go on by.
    """

    time_ns: int
    act: Action | None = None


class Participant(Protocol):
    """Something outside of the kernel that has a time of its own."""

    def advance(self, until_ns: int) -> None:
        """Let it go on until then, with all that has reached it; does not wait for it.

        Raises
        ------
        ParticipantError
            It has gone.
        """

    def next(self) -> Turn:
        """Wait until it says what it does next: in order of time, the end of its quantum last.

        Must have a deadline on the wall clock.

        Raises
        ------
        ParticipantError
            It has gone, was silent for too long, or what it says can't be understood.
        """


class Lockstep:
    """One participant's membership of a kernel, from now on.

    A participant that is lost takes no part any more: what it drove stays as it is, time goes on,
    so that a bench can be switched off, and `Kernel.lost` says why to whoever asks for time.
    """

    def __init__(
        self, kernel: Kernel, participant: Participant, *, quantum_ns: int = QUANTUM_NS
    ) -> None:
        if quantum_ns <= 0:
            raise ValueError(f"a quantum of {quantum_ns} ns would never let time pass")
        self._kernel, self._participant, self._quantum_ns = kernel, participant, quantum_ns
        self._until_ns = kernel.now_ns
        self._due: Handle = kernel.at(kernel.now_ns, self._go_on)

    def leave(self) -> None:
        """Wait for it no more."""
        self._due.cancel()

    def _go_on(self) -> None:
        """Let it go on by a quantum from now."""
        self._until_ns = self._kernel.now_ns + self._quantum_ns
        try:
            self._participant.advance(self._until_ns)
        except ParticipantError as error:
            self._lose(error)
        else:
            self._wait()

    def _wait(self) -> None:
        """Wait for what it does next, and be there when it is due."""
        try:
            turn = self._participant.next()
            self._check(turn)
        except ParticipantError as error:
            self._lose(error)
            return
        act = turn.act
        self._due = self._kernel.at(turn.time_ns, self._go_on if act is None else self._serve(act))

    def _check(self, turn: Turn) -> None:
        now_ns, until_ns = self._kernel.now_ns, self._until_ns
        if not now_ns <= turn.time_ns <= until_ns:
            what = f"a participant acts at {turn.time_ns} ns"
            raise ParticipantError(f"{what}: it may from {now_ns} to {until_ns} ns")
        if turn.act is None and turn.time_ns != until_ns:
            what = f"a participant says that it got to {turn.time_ns} ns"
            raise ParticipantError(f"{what}: it was let go on to {until_ns} ns")

    def _serve(self, act: Action) -> Action:
        def serve() -> None:
            try:
                act()
            except ParticipantError as error:  # the answer did not reach it
                self._lose(error)
            else:
                self._wait()

        return serve

    def _lose(self, error: ParticipantError) -> None:
        self._kernel.lost = self._kernel.lost or str(error)
