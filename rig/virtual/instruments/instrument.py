"""What all SCPI instruments share: the queue of commands, their latency, status and errors.

A command takes effect, and a query is answered, when its latency has passed in virtual time; one
instrument works through its commands one after the other, whichever session sent them. This
module must not open sockets (`server.py` does) nor know any model.
"""

import math
import random
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from rig.virtual.clock import LocalClock
from rig.virtual.instruments import scpi
from rig.virtual.instruments.scpi import Call, Command, ScpiError
from rig.virtual.kernel import Handle, Kernel

NS = 1_000_000_000

# Standard event status register (IEEE 488.2, 11.5.1).
OPERATION_COMPLETE, QUERY_ERROR, DEVICE_ERROR = 1, 4, 8
EXECUTION_ERROR, COMMAND_ERROR, POWER_ON = 16, 32, 128
# Status byte (SCPI-99 volume 1, 9.1).
ERROR_AVAILABLE, QUESTIONABLE, MESSAGE_AVAILABLE, EVENT_SUMMARY, OPERATION = 4, 8, 16, 32, 128


@dataclass(frozen=True, slots=True)
class Latency:
    """How long a class of commands takes: nine of ten between `least_s` and `usual_s`."""

    least_s: float
    usual_s: float
    most_s: float

    def draw_ns(self, rng: random.Random) -> int:
        """One command's latency."""
        if rng.random() < 0.9:
            return round(NS * rng.uniform(self.least_s, self.usual_s))
        return round(NS * rng.uniform(self.usual_s, self.most_s))


@dataclass(frozen=True, slots=True)
class Accuracy:
    """A data sheet's limit of error: half-width = `reading` x |value| + `offset`, as one limit."""

    reading: float
    offset: float

    def limit(self, value: float) -> float:
        """Half-width of the limit at a value."""
        return self.reading * abs(value) + self.offset

    def draw(self, rng: random.Random) -> "UnitError":
        """One unit's own error inside the limit (rectangular: a data sheet says no more)."""
        return UnitError(
            rng.uniform(-self.reading, self.reading), rng.uniform(-self.offset, self.offset)
        )


@dataclass(frozen=True, slots=True)
class UnitError:
    """The gain and offset error of one channel of one unit; constant over a run."""

    gain: float
    offset: float

    def apply(self, value: float) -> float:
        """What comes out (or is read) for `value`, both in its unit: value (1 + gain) + offset."""
        return value * (1.0 + self.gain) + self.offset


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How a model writes and what it puts up with."""

    idn: str
    reply_end: bytes = b"\n"
    line_ends: bytes = b"\n"  # each of these bytes ends a program message
    no_error: str = '0,"No error"'
    error_format: str = '{code},"{text}"'
    wording: Mapping[int, str] = field(default_factory=lambda: scpi.STANDARD_WORDING)
    error_depth: int = 20
    has_error_query: bool = True
    list_ranges: bool = True
    commands_between_queries: int | None = None  # more are lost (TDK)
    input_buffer: int = 4096  # bytes of one program message
    sessions: int | None = None  # None: no limit


# A command that was carried out: the pattern of its header, and what it was given.
Obeyed = tuple[str, Call]


class ReplySession(Protocol):
    """Where replies go."""

    def send(self, data: bytes) -> None:
        """Send bytes to the client."""


@dataclass(slots=True)
class _Message:
    session: ReplySession
    text: str
    has_query: bool
    units: deque[scpi.Unit | ScpiError] | None = None
    replies: list[bytes] = field(default_factory=list)


class ScpiInstrument:
    """An instrument that obeys program messages in virtual time.

    Parameters
    ----------
    kernel, clock
        Virtual time, and this instrument's own idea of it.
    rng
        Source of everything random about this unit: errors, noise, latencies.
    dialect, latencies
        The model's manners, and a `Latency` for each class that its commands name; `set` and
        `query` must be there and serve the classes that are not.

    Attributes
    ----------
    obeyed : list
        All commands carried out so far, queries apart, for as long as it `remembers`.
    """

    def __init__(
        self,
        kernel: Kernel,
        clock: LocalClock,
        rng: random.Random,
        dialect: Dialect,
        latencies: Mapping[str, Latency],
    ) -> None:
        self.kernel, self.clock, self.rng = kernel, clock, rng
        self.dialect, self.latencies = dialect, latencies
        self.esr, self.ese, self.sre = POWER_ON, 0, 0
        self.errors: deque[str] = deque()
        self._queue: deque[_Message] = deque()
        self._current: _Message | None = None
        self._step: Handle | None = None
        self._due_ns = 0
        self._since_query: dict[int, int] = {}
        self.obeyed: list[Obeyed] = []
        self.remembers = True
        self.table = scpi.CommandTable([*self.commands(), *self._common_commands()])

    # What a model supplies.

    def commands(self) -> Sequence[Command]:
        """The model's own commands."""
        raise NotImplementedError

    def reset(self) -> None:
        """`*RST`."""
        raise NotImplementedError

    def questionable(self) -> int:
        """The questionable condition register."""
        return 0

    def operation(self) -> int:
        """The operation condition register."""
        return 0

    def on_traffic(self) -> None:
        """Something was received: feeds a communication watchdog."""

    # What a bench does with a unit that takes another one's place.

    def draw_from(self, rng: random.Random) -> None:
        """Draw what is momentary (noise, latencies, phases) from `rng`; the unit's errors stay."""
        self.rng = rng

    def set_up(self, obeyed: Sequence[Obeyed]) -> None:
        """Carry these commands out at once, as if they had been sent long ago."""
        commands = {command.pattern: command for command in self.table.commands}
        for pattern, call in obeyed:
            command = commands[pattern]
            try:
                self._perform(command, call, is_query=False)
            except ScpiError as error:
                self.post(error)
        self.esr &= ~POWER_ON  # nobody switched it off
        self.obeyed, self.remembers = [], False

    # What the server and the loop use.

    def receive(self, session: ReplySession, text: str) -> None:
        """Take in one program message."""
        has_query = "?" in text
        self.on_traffic()
        if not self._has_room(session, has_query=has_query):
            return
        self._queue.append(_Message(session, text, has_query))
        if self._current is None:
            self._start_next()

    def busy(self) -> int | None:
        """Kernel time of the next step towards a reply that is owed, None if none is."""
        if self._current is None:
            return None
        owed = self._current.has_query or any(message.has_query for message in self._queue)
        return self._due_ns if owed else None

    def overrun(self) -> None:
        """A program message was longer than the input buffer; it was thrown away."""
        self.post(ScpiError(scpi.INPUT_OVERRUN))

    def forget(self, session: ReplySession) -> None:
        """A session ended: what it sent and hasn't been started is dropped."""
        self._queue = deque(m for m in self._queue if m.session is not session)
        self._since_query.pop(id(session), None)

    def reboot(self) -> None:
        """Power was cut and came back: settings gone, ESR bit 7 set, nothing answered."""
        if self._step is not None:
            self._step.cancel()
        self._current, self._step = None, None
        self._queue.clear()
        self.errors.clear()
        self.esr, self.ese, self.sre = POWER_ON, 0, 0
        self.reset()

    def post(self, error: ScpiError) -> None:
        """Put an error into the queue and its class into the event status register."""
        self.esr |= _event_bit(error.code)
        wording = self.dialect.wording.get(error.code, error.detail or "Unknown error")
        if len(self.errors) < self.dialect.error_depth:
            self.errors.append(self._error_text(error.code, wording))
        elif self.errors:
            text = self.dialect.wording.get(scpi.QUEUE_OVERFLOW, "Queue overflow")
            self.errors[-1] = self._error_text(scpi.QUEUE_OVERFLOW, text)

    # Working through the queue.

    def _has_room(self, session: ReplySession, *, has_query: bool) -> bool:
        most = self.dialect.commands_between_queries
        if most is None:
            return True
        sent = 0 if has_query else self._since_query.get(id(session), 0) + 1
        self._since_query[id(session)] = sent
        return sent <= most

    def _start_next(self) -> None:
        while self._current is None and self._queue:
            message = self._queue.popleft()
            message.units = deque(scpi.parse_message(message.text))
            self._current = message
            self._next_unit()

    def _next_unit(self) -> None:
        message = self._current
        if message is None:
            return
        if not message.units:
            self._finish(message)
            return
        unit = message.units.popleft()
        if isinstance(unit, ScpiError):
            self._schedule(self.latencies["set"].draw_ns(self.rng), lambda: self._refuse(unit))
            return
        self._schedule_unit(unit)

    def _schedule_unit(self, unit: scpi.Unit) -> None:
        try:
            command, call = self._look_up(unit)
        except ScpiError as error:
            refused = error  # the name bound by `except` is gone when the lambda runs
            self._schedule(self.latencies["set"].draw_ns(self.rng), lambda: self._refuse(refused))
            return
        kind = command.query_latency if unit.is_query else command.latency
        latency = self.latencies.get(kind, self.latencies["query" if unit.is_query else "set"])
        delay_ns = latency.draw_ns(self.rng)
        if command.extra_ns is not None:
            delay_ns += command.extra_ns(call)
        self._schedule(delay_ns, lambda: self._execute(command, call, is_query=unit.is_query))

    def _look_up(self, unit: scpi.Unit) -> tuple[Command, Call]:
        found = self.table.find(unit.header)
        if found is None:
            raise ScpiError(scpi.UNDEFINED_HEADER, unit.header)
        command, suffixes = found
        if (command.query if unit.is_query else command.set) is None:
            code = scpi.CANNOT_QUERY if unit.is_query else scpi.UNDEFINED_HEADER
            raise ScpiError(code, unit.header)
        arguments, channels = scpi.parse_arguments(unit.arguments, ranges=self.dialect.list_ranges)
        return command, Call(arguments, channels, suffixes)

    def _schedule(self, delay_ns: int, action: Callable[[], None]) -> None:
        self._due_ns = self.kernel.now_ns + delay_ns
        self._step = self.kernel.at(self._due_ns, action)

    def _execute(self, command: Command, call: Call, *, is_query: bool) -> None:
        try:
            self._perform(command, call, is_query=is_query)
        except ScpiError as error:
            self._refuse(error)
        else:
            self._next_unit()
            self._start_next()

    def _perform(self, command: Command, call: Call, *, is_query: bool) -> None:
        if not is_query:
            assert command.set is not None  # noqa: S101 - _look_up made sure
            command.set(call)
            if self.remembers:
                self.obeyed.append((command.pattern, call))
            return
        assert command.query is not None  # noqa: S101 - the same
        answer = command.query(call)
        if answer is not None and self._current is not None:
            self._current.replies.append(answer if isinstance(answer, bytes) else answer.encode())

    def _refuse(self, error: ScpiError) -> None:
        self.post(error)
        if self._current is not None and self._current.units and -200 < error.code <= -100:
            self._current.units.clear()
        self._next_unit()
        self._start_next()

    def _finish(self, message: _Message) -> None:
        self._current = None
        if message.replies:
            message.session.send(b";".join(message.replies) + self.dialect.reply_end)

    # Common commands and status.

    def _common_commands(self) -> list[Command]:
        common = [
            Command("*IDN", query=lambda _: self.dialect.idn, query_latency="idn"),
            Command("*RST", set=self._reset, latency="reset"),
            Command("*CLS", set=lambda _: self.clear_status()),
            Command("*ESE", set=self._set_ese, query=lambda _: self.integer(self.ese)),
            Command("*ESR", query=lambda _: self._read_esr(), query_latency="error"),
            Command("*SRE", set=self._set_sre, query=lambda _: self.integer(self.sre)),
            Command(
                "*STB", query=lambda _: self.integer(self.status_byte()), query_latency="error"
            ),
            Command(
                "*OPC", set=lambda _: self._complete(), query=lambda _: "1", query_latency="opc"
            ),
            Command("*WAI", set=lambda _: None),
            Command("*TST", query=lambda _: self.integer(0)),
        ]
        if self.dialect.has_error_query:
            next_error = Command(
                "SYSTem:ERRor[:NEXT]", query=lambda _: self._next_error(), query_latency="error"
            )
            common.append(next_error)
        return common

    def _reset(self, call: Call) -> None:
        call.nothing()
        self.reset()

    def clear_status(self) -> None:
        """`*CLS`: events and errors, not the enable registers."""
        self.esr = 0
        self.errors.clear()

    def status_byte(self) -> int:
        """Summary of errors, events and conditions."""
        summary = ERROR_AVAILABLE if self.errors else 0
        summary |= EVENT_SUMMARY if self.esr & self.ese else 0
        summary |= QUESTIONABLE if self.questionable() else 0
        summary |= OPERATION if self.operation() else 0
        return summary | (64 if summary & self.sre else 0)

    def integer(self, value: int) -> str:
        """An NR1 number as this model writes it."""
        return f"{value:d}"

    def _set_ese(self, call: Call) -> None:
        self.ese = int(scpi.within(scpi.parse_number(call.only()), 0, 255))

    def _set_sre(self, call: Call) -> None:
        self.sre = int(scpi.within(scpi.parse_number(call.only()), 0, 255)) & ~64

    def _read_esr(self) -> str:
        value, self.esr = self.esr, 0
        return self.integer(value)

    def _complete(self) -> None:
        self.esr |= OPERATION_COMPLETE

    def _next_error(self) -> str:
        return self.errors.popleft() if self.errors else self.dialect.no_error

    def _error_text(self, code: int, text: str) -> str:
        return self.dialect.error_format.format(code=code, text=text)


def _event_bit(code: int) -> int:
    """Event status bit of an error (SCPI-99 volume 2, 21.8)."""
    if -200 < code <= -100:
        return COMMAND_ERROR
    if -300 < code <= -200:
        return EXECUTION_ERROR
    if -500 < code <= -400:
        return QUERY_ERROR
    return DEVICE_ERROR


def quantise(value: float, step: float) -> float:
    """Round to a resolution, without the float residue of `step`."""
    return round(value / step) * step if math.isfinite(value) else value
