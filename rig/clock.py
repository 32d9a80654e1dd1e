"""The rig's time: one protocol, a wall clock for the lab, a stepped clock for a simulated bench.

Everything that lets time pass in the rig takes a Clock; nothing else may sleep or read the time.
A stepped clock's time stands still until somebody sleeps or waits; then the bench's kernel jumps
to that instant, event by event.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, Protocol

from rig import ending
from rig.errors import BenchError

Links = tuple[str, ...]

STEPPED_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)  # when each case of a simulated bench begins

_POLL_S = 0.0005  # a wall clock looks this often whether what it waits for has happened
_SPIN_S = 0.002  # time.sleep is late by up to 2.3 ms here, so the rest is spun
# How far a rig or a bench may fall behind a wall clock in a case: by so much a stimulus may last
# longer than it says, or reach the BMS later. A little more than a slow serial adapter's 16 ms.
MOST_LAG_NS = 20_000_000
ANSWERS_WITHIN_S = 30.0  # wall time: a bench that is silent for longer is dead or frozen
# Of the bench's time in one request, which takes 0.4 s of wall time at a hundred and fifty times
# real time: so that an hour of it is no reason to be silent for long.
_SLICE_NS = 60 * 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class Lag:
    """How far something that keeps time by the wall clock fell behind it, over a while."""

    who: Literal["rig", "bench"]  # this process; a simulated bench that is played in real time
    worst_ns: int
    late: int  # how often it was further behind than allowed
    allowed_ns: int

    @property
    def is_beyond(self) -> bool:
        """Whether times and stimuli of that while can't be trusted."""
        return self.worst_ns > self.allowed_ns


class Clock(Protocol):
    """Monotonic time in ns, from an arbitrary origin; within a case, where `begin_case` says so."""

    @property
    def wakes_at_arrival(self) -> bool:
        """Whether a wait ends at the very instant of an arrival; else when it is next looked."""
        ...

    def now_ns(self) -> int:
        """Now."""
        ...

    def date_ns(self, begin_ns: int) -> int:
        """Date of a case that began at `begin_ns`, in ns since 1970-01-01 UTC."""
        ...

    def sleep_until(self, time_ns: int) -> None:
        """Return at `time_ns`, at once if it has passed."""
        ...

    def wait(self, ready: Callable[[], bool], until_ns: int, links: Links = ("console",)) -> bool:
        """Wait until `ready()` is true, at most until `until_ns`; return what it last said.

        `ready` is called whenever something may have arrived on one of `links` ("console", "can");
        it should take in what there is.
        """
        ...

    def touched(self) -> None:
        """Tell the clock that somebody talked to an instrument, whose latency lets time pass."""
        ...

    def handed_over(self, link: str) -> int:
        """Bytes (console) or frames (CAN) that a simulated bench has handed to its sockets so far.

        They belong to the present instant even where they are still on their way through the
        operating system. Always 0 on a wall clock, where nobody can know.
        """
        ...

    def expect(self, link: str, sent: int) -> None:
        """Let time go on only after the bench has taken in `sent` bytes or frames on `link`."""
        ...

    def begin_case(self, seed: int) -> bool:
        """Have a simulated bench built anew for a case with this seed; tell whether it was.

        Its time then begins anew too: no instant of before means anything any more. On a wall
        clock nothing happens.
        """
        ...

    def begin_soon(self, seed: int) -> None:
        """Let a simulated bench be built anew meanwhile, for the case that is to come.

        `begin_case` with this seed then waits for no more than what is left of it. Whatever is
        asked first, the bench is as new; so nobody may want the one of before any more.
        """
        ...

    def lags(self) -> tuple[Lag, ...]:
        """Tell who fell behind the wall clock since this was last asked; nobody, in stepped time.

        Raises
        ------
        BenchError
            A simulated bench does not answer.
        """
        ...

    def close(self) -> None:
        """Let go of whatever the clock is connected to."""
        ...


class WallClock:
    """Real time, from the highest resolution counter that the machine has.

    Parameters
    ----------
    played : SteppedClock, optional
        The clock of a simulated bench that is played in real time, which knows its own lag.
    """

    wakes_at_arrival = False

    def __init__(self, played: SteppedClock | None = None) -> None:
        self._played = played
        self._noting = threading.Lock()  # of what follows: more than one thread may wait
        self._worst_ns = self._late = 0

    def now_ns(self) -> int:
        """Now, by perf_counter: on Windows `time.monotonic` ticks at 16 ms."""
        return time.perf_counter_ns()

    def date_ns(self, begin_ns: int) -> int:
        """By the computer's clock as it is set now."""
        return time.time_ns() - self.now_ns() + begin_ns

    def sleep_until(self, time_ns: int) -> None:
        """Sleep to 2 ms before, then spin: a bare sleep may return a scheduler tick late."""
        left_s, slept = (time_ns - self.now_ns()) / 1e9, False
        while left_s > 0:
            if left_s > _SPIN_S:
                time.sleep(left_s - _SPIN_S)
            left_s, slept = (time_ns - self.now_ns()) / 1e9, True
        if slept:
            self._note(-left_s * 1e9)

    def wait(self, ready: Callable[[], bool], until_ns: int, links: Links = ("console",)) -> bool:  # noqa: ARG002 -- a poll looks at all of them
        """Poll every half millisecond."""
        done, now_ns = ready(), self.now_ns()
        while not done and now_ns < until_ns:
            time.sleep(_POLL_S)
            looks_ns = self.now_ns()
            self._note(looks_ns - now_ns - _POLL_S * 1e9)
            done, now_ns = ready(), self.now_ns()
        if not done:
            self._note(now_ns - until_ns)
        return done

    def touched(self) -> None:
        """Real time passes anyway."""

    def handed_over(self, link: str) -> int:  # noqa: ARG002 -- nobody can know
        """Return 0: what is on its way is not known."""
        return 0

    def expect(self, link: str, sent: int) -> None:
        """Real time goes on by itself."""

    def begin_case(self, seed: int) -> bool:  # noqa: ARG002 -- a lab can't be built anew
        """Return False: a lab's bench is as the case before it left it."""
        return False

    def begin_soon(self, seed: int) -> None:
        """Do nothing: a lab can't be built anew."""

    def lags(self) -> tuple[Lag, ...]:
        """How late the rig came back from its sleeps and waits, and what the bench says of itself.

        What stands still elsewhere, such as between a command and its confirmation, lies between
        two stamps and is in the uncertainty already.
        """
        with self._noting:
            own = Lag(who="rig", worst_ns=self._worst_ns, late=self._late, allowed_ns=MOST_LAG_NS)
            self._worst_ns = self._late = 0
        return (own,) if self._played is None else (own, self._played.lag())

    def close(self) -> None:
        """Let go of the played bench's clock."""
        if self._played is not None:
            self._played.close()

    def _note(self, late_ns: float) -> None:
        with self._noting:
            self._worst_ns = max(self._worst_ns, round(late_ns))
            self._late += late_ns > MOST_LAG_NS


class SteppedClock:
    """The clock of a simulated bench, told by its control port (JSON lines over TCP).

    Parameters
    ----------
    address : str
        ``host:port`` of the control port.
    answers_within_s : float
        Wall time that one answer may take; then it is given up for good.
    on_lost : callable
        Called when it was given up.
    """

    wakes_at_arrival = True

    def __init__(
        self,
        address: str,
        *,
        answers_within_s: float = ANSWERS_WITHIN_S,
        on_lost: Callable[[], None] = lambda: None,
    ) -> None:
        self._address, self._within_s, self._on_lost = address, answers_within_s, on_lost
        self._given_up = ""
        self._link = contextlib.ExitStack()
        self._connect()
        self._now_ns, self._is_stale = 0, True
        self._handed: dict[str, int] = {}
        self._sent: dict[str, int] = {}
        self._owed: int | None = None  # seed of a begin whose answer nobody has read yet
        try:
            self.now_ns()
        except BenchError:
            self.close()
            raise

    def now_ns(self) -> int:
        """Now."""
        if self._is_stale:
            self._take(self._ask(b'{"do":"now"}\n'))
        return self._now_ns

    def date_ns(self, begin_ns: int) -> int:  # noqa: ARG002 -- equal cases leave equal files
        """Return `STEPPED_EPOCH`, whenever the case ran."""
        return round(STEPPED_EPOCH.timestamp()) * 1_000_000_000

    def sleep_until(self, time_ns: int) -> None:
        """Let the bench run until then."""
        while time_ns - self.now_ns() > _SLICE_NS:
            self._advance(time_ns, ())
        self._advance(time_ns, ())

    def wait(self, ready: Callable[[], bool], until_ns: int, links: Links = ("console",)) -> bool:
        """Let the bench run from one arrival on one of the links to the next."""
        while not (done := ready()):
            self._advance(until_ns, links)
            if self._now_ns >= until_ns:
                return ready()
        return done

    def touched(self) -> None:
        """Ask anew next time; between two touches and advances time stands still."""
        self._is_stale = True

    def handed_over(self, link: str) -> int:
        """What the bench said with its last answer."""
        if self._is_stale:
            self.now_ns()
        return self._handed.get(link, 0)

    def expect(self, link: str, sent: int) -> None:
        """Tell the bench with the next advance."""
        self._sent[link] = sent

    def begin_case(self, seed: int) -> bool:
        """Have the bench built anew; the links stay open, and their counts go on."""
        request = self._begin_request(seed)
        self._take(self._owed_answer(request) if self._owed == seed else self._ask(request))
        return True

    def begin_soon(self, seed: int) -> None:
        """Ask for it, and leave the answer to whoever asks next."""
        if self._owed is None and not self._given_up:
            with ending.held(), contextlib.suppress(OSError):  # the next to ask says what is wrong
                self._socket.sendall(self._begin_request(seed))
                self._owed = seed

    def lags(self) -> tuple[Lag, ...]:
        """Nobody is ever late where time waits."""
        return ()

    def lag(self) -> Lag:
        """How far a bench played in real time fell behind; BenchError where it does not answer."""
        answer = self._ask(b'{"do":"lag"}\n')
        try:
            worst_ns, late = int(answer["worst_ns"]), int(answer["late"])
        except (KeyError, TypeError, ValueError) as error:
            raise self._lost(f"it answered {answer!r}, which tells no lag") from error
        return Lag(who="bench", worst_ns=worst_ns, late=late, allowed_ns=MOST_LAG_NS)

    def close(self) -> None:
        """Close the connection; the bench's time then stands still."""
        self._link.close()

    def _connect(self) -> None:
        host, _, port = self._address.rpartition(":")
        try:
            self._socket = socket.create_connection((host, int(port)), timeout=self._within_s)
        except (OSError, ValueError) as error:
            raise self._lost(f"no stepped clock answers: {error}") from error
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._answers = self._socket.makefile("rb")
        self._link.callback(self._socket.close)
        self._link.callback(self._answers.close)

    def _advance(self, until_ns: int, links: Links) -> None:
        """Advance towards an instant, by one slice at most."""
        if until_ns - self._now_ns > _SLICE_NS:
            until_ns = min(until_ns, self.now_ns() + _SLICE_NS)
        wake = [link for link in links if link in self._handed]  # others are not the bench's own
        request = {"do": "advance", "until_ns": until_ns, "wake": wake, "sent": self._known_sent()}
        self._take(self._ask(json.dumps(request).encode() + b"\n"))

    def _begin_request(self, seed: int) -> bytes:
        request = {"do": "begin", "seed": seed, "sent": self._known_sent()}
        return json.dumps(request).encode() + b"\n"

    def _known_sent(self) -> dict[str, int]:
        return {link: sent for link, sent in self._sent.items() if link in self._handed}

    def _take(self, answer: dict[str, Any]) -> None:
        try:
            self._now_ns, self._handed = int(answer["now_ns"]), dict(answer["handed"])
        except (KeyError, TypeError, ValueError) as error:
            raise self._failed(f"it answered {answer!r}, which tells no time") from error
        self._is_stale = False

    def _ask(self, request: bytes) -> Any:
        if self._owed is not None:
            self._owed_answer(self._begin_request(self._owed))
        return self._answer(request, unsent=request)

    def _owed_answer(self, request: bytes) -> Any:
        self._owed = None
        return self._answer(request, unsent=b"")

    def _answer(self, request: bytes, *, unsent: bytes) -> Any:
        if self._given_up:
            raise self._lost(self._given_up)
        try:
            with ending.held():  # an answer that nobody waited for would be taken for the next
                self._socket.sendall(unsent)
                line = self._answers.readline()
        except TimeoutError as error:
            raise self._lost(f"no answer within {self._within_s:g} s, it was given up") from error
        except OSError as error:
            raise self._lost(f"the stepped clock failed: {error}") from error
        except BaseException:  # what a time-out plugin raises in us, say
            self.close()
            self._connect()
            raise
        if not line:
            raise self._lost("the stepped clock closed its connection")
        try:
            answer = json.loads(line)
        except ValueError as error:
            raise self._failed(f"it answered {line!r}: is this a control port?") from error
        if "error" in answer:
            raise self._failed(f"it refused {request.decode().strip()}: {answer['error']}")
        return answer

    def _lost(self, what: str) -> BenchError:
        """Give it up for good: who waits for it again waits in vain."""
        if not self._given_up:
            self._given_up = what
            self.close()
            self._on_lost()
        return self._failed(what)

    def _failed(self, what: str) -> BenchError:
        return BenchError(what, f"clock {self._address}", "see the bench process's own output")
