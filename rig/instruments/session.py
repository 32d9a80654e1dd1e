"""One VISA session to one instrument: text out, text in, and every failure a BenchError.

It knows how pyvisa-py behaves on raw sockets and cures it (each cure says what was measured). It
must not know what a command means, wait on a clock, or retry: after a failure the session is
closed, since a reply that is still on its way would answer the wrong question, and only `open()`,
which asks for the identity first, makes it usable again.
"""

from __future__ import annotations

import functools
import math
import os
import select
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import ModuleType
from typing import TYPE_CHECKING, Any

from rig import ending
from rig.clock import Clock
from rig.errors import BenchError
from rig.trace.log import Log
from rig.trace.model import SCPI
from rig.trace.texts import of_text, unescaped

if TYPE_CHECKING:
    from pyvisa.resources import MessageBasedResource

CHUNK_BYTES = 1 << 20  # of one read of a waveform; pyvisa's 20 KiB makes 50 calls of 1 MB
NO_NUMBER = 9.9e37  # SCPI-99 volume 1, 7.2.1.4 and 7.2.1.5: overload, and 9.91E37 "not a number"


@dataclass(frozen=True, slots=True)
class Framing:
    """How a dialect ends its messages, and how long its slowest answer may take."""

    write_end: str = "\n"
    read_end: str = "\n"  # last character of a reply; a CR before it is removed as well
    timeout_s: float = 5.0


def _nothing() -> None: ...


def _new_log() -> Log[str]:
    return Log(SCPI, of_text, unescaped)


@dataclass(slots=True)
class Transcript:
    """What was said to all instruments of a bench, in order.

    A line bears the rig's time that was last read (`now_ns`, kept by the bench): asking the clock
    for every line would cost as much as the exchange itself. `on_traffic` is called at each line:
    an instrument's latency lets time pass.
    """

    now_ns: int = 0
    on_traffic: Callable[[], None] = _nothing
    _lines: Log[str] = field(default_factory=_new_log)

    def stamp(self, clock: Clock) -> int:
        """Read the rig's clock, for the lines to come and for the caller."""
        self.now_ns = now_ns = clock.now_ns()
        return now_ns

    def note(self, name: str, direction: str, text: str) -> None:
        """Add one line; `direction` is ">" to the instrument, "<" from it, "!" a failure."""
        self._lines.append(f"{self.now_ns} {name} {direction} {text}")
        self.on_traffic()

    def begin(self) -> Log[str]:
        """Forget what was said so far; give what will be."""
        self._lines = _new_log()
        return self._lines

    def take(self) -> Sequence[str]:
        """The lines since the last call, each `<ns> <instrument> > <text>`."""
        lines, self._lines = self._lines, _new_log()
        return lines.all()


class _Socket(socket.socket):
    """A socket that says when its peer is gone.

    pyvisa-py takes an empty read for "nothing yet" and spins until its timeout (measured: 1.1 s of
    processor time in 1.5 s).
    """

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        data = super().recv(bufsize, flags)
        if not data:
            raise ConnectionResetError("the instrument closed the connection")
        return data


class Session:
    """The one open connection to an instrument.

    Parameters
    ----------
    name
        Role on the bench ("emulator"), for messages and transcript.
    resource
        VISA resource string.

    Raises
    ------
    BenchError
        From every method that talks: the session is not open, or the answer came late, not at
        all or in another form than asked for. After that the session is closed.
    """

    def __init__(
        self,
        name: str,
        resource: str,
        framing: Framing | None = None,
        transcript: Transcript | None = None,
    ) -> None:
        self.name, self.resource = name, resource
        self.framing = framing or Framing()
        self.transcript = transcript or Transcript()
        self._visa: MessageBasedResource | None = None
        self._socket: _Socket | None = None
        self._failures: tuple[type[Exception], ...] = (OSError,)

    @property
    def where(self) -> str:
        """Role and address, as error messages name them."""
        return f"{self.name} ({self.resource})"

    @property
    def is_open(self) -> bool:
        """Whether the session can be used."""
        return self._visa is not None

    # ---- life ------------------------------------------------------------------------------------
    def open(self) -> str:
        """Connect, and return the identity: proof that questions and answers go together."""
        self.close()
        pyvisa = _pyvisa()
        self._failures = (OSError, ValueError, pyvisa.errors.Error)
        try:
            self._visa = self._connected(pyvisa)
        except BenchError:
            raise
        except Exception as error:  # pyvisa-py raises a bare Exception when it can't connect
            raise self._failed("opening the session", error) from error
        return self.query("*IDN?")

    def _connected(self, pyvisa: ModuleType) -> MessageBasedResource:
        visa: Any = pyvisa.ResourceManager("@py").open_resource(self.resource)
        visa.read_termination = self.framing.read_end
        visa.write_termination = self.framing.write_end
        visa.timeout = self.framing.timeout_s * 1000.0
        visa.chunk_size = CHUNK_BYTES
        if self.resource.upper().endswith("::SOCKET"):
            self._socket = _cured(visa)
        return visa  # type: ignore[no-any-return]

    def close(self) -> None:
        """Let go of the instrument; whatever it still sends is lost."""
        visa, self._visa, self._socket = self._visa, None, None
        if visa is not None:
            try:
                visa.close()
            except self._failures:
                self.transcript.note(self.name, "!", "the session did not close cleanly")

    # ---- traffic ---------------------------------------------------------------------------------
    def write(self, command: str) -> None:
        """Send a command that has no answer. It may not have been carried out when this returns."""
        visa = self._ready(command)
        self.transcript.note(self.name, ">", command)
        with self._exchange(command):
            visa.write(command)

    def query(self, command: str) -> str:
        """Send a message that ends with a question, and return the answer."""
        visa = self._ready(command)
        note = self.transcript.note
        note(self.name, ">", command)
        with self._exchange(command):
            reply = visa.query(command).strip()
        note(self.name, "<", reply)
        return reply

    def answers(self, command: str, within_s: float) -> bool:
        """Whether the instrument knows a question; one that it doesn't costs a new connection."""
        visa: Any = self._ready(command)
        visa.timeout = within_s * 1000.0
        try:
            self.query(command)
        except BenchError:
            self.open()
            return False
        visa.timeout = self.framing.timeout_s * 1000.0
        return True

    def query_number(self, command: str) -> float:
        """Ask for one number; the instrument having none to give is a BenchError."""
        value = self.to_number(command, self.query(command))
        if math.isnan(value):
            raise BenchError(
                f"{command} gave no measurement (overload or nothing connected)",
                self.where,
                "check the wiring and the range of this channel",
            )
        return value

    def query_numbers(self, command: str, count: int) -> list[float]:
        """Ask for `count` numbers, in the units of the question; NaN for what it can't give.

        Raises
        ------
        BenchError
            It gave more or fewer; the session is closed.
        """
        reply = self.query(command)
        numbers = [self.to_number(command, part) for part in reply.split(",")]
        if len(numbers) != count:
            what = f"{command} gave {len(numbers)} numbers instead of {count}: {reply[:80]!r}"
            raise self.out_of_step(what)
        return numbers

    def query_block(self, command: str) -> bytes:
        """Ask for an IEEE 488.2 definite length block (8.7.9) and return what is in it."""
        visa = self._ready(command)
        self.transcript.note(self.name, ">", command)
        with self._exchange(command):
            block = self._read_block(visa, command)
        self.transcript.note(self.name, "<", f"block of {len(block)} bytes")
        return block

    def _read_block(self, visa: Any, command: str) -> bytes:
        visa.write(command)
        termchar_enabled = _pyvisa().constants.ResourceAttribute.termchar_enabled
        # Data may hold the termination character; with it enabled, pyvisa-py copies the rest of
        # its buffer at each one.
        visa.set_visa_attribute(termchar_enabled, state=False)
        inner = visa.visalib.sessions[visa.session]
        # Only here: a buffer of this size costs a short answer 80 µs (measured).
        short, inner.max_recv_size = getattr(inner, "max_recv_size", 0), CHUNK_BYTES
        try:
            head = visa.read_bytes(2)
            if head[:1] != b"#" or not head[1:].isdigit() or head == b"#0":
                raise ValueError(f"the answer begins with {head!r}, not with a block's '#n'")
            count = int(visa.read_bytes(int(head[1:])))
            data: bytes = visa.read_bytes(count)
        finally:
            visa.set_visa_attribute(termchar_enabled, state=True)
            inner.max_recv_size = short
        if rest := visa.read_raw().strip():  # the reply's own line end
            raise ValueError(f"the block is followed by {rest[:40]!r}")
        return data

    # ---- what went wrong -------------------------------------------------------------------------
    def to_number(self, command: str, text: str) -> float:
        """Read a number, NaN where SCPI says that there is none; BenchError for other text."""
        try:
            value = float(text)
        except ValueError:
            raise self.out_of_step(f"{command} was answered by {text[:80]!r}, no number") from None
        return value if abs(value) < NO_NUMBER else math.nan  # this way round NaN stays NaN

    def out_of_step(self, what: str) -> BenchError:
        """Close the session: its answers can't be trusted any more. The caller raises the error."""
        self.transcript.note(self.name, "!", what)
        self.close()
        return BenchError(
            f"{what}; session closed",
            self.where,
            "see the transcript; is another program using this instrument, is this its driver?",
        )

    @contextmanager
    def _exchange(self, command: str) -> Iterator[None]:
        """One question and its answer, which a Ctrl-C waits for: it would answer the next one.

        Raises
        ------
        BenchError
            It failed; the session is closed.
        """
        try:
            with ending.held():
                yield
        except self._failures as error:
            raise self._failed(command, error) from error
        except ending.Ended:  # came meanwhile; the exchange is whole
            raise
        except BaseException:  # what a time-out plugin raises in us, say
            self.close()
            raise

    def _ready(self, command: str) -> MessageBasedResource:
        """The VISA resource, if it is open and nothing unasked for has arrived."""
        if self._visa is None:
            raise BenchError(
                f"{command} can't be sent, the session is closed",
                self.where,
                "an earlier failure closed it; the next case opens it again",
            )
        # Unasked for: a late reply, which would answer the wrong question (measured: it does), or
        # the end of the connection, which a write would not notice (measured: the first succeeds).
        if self._socket is not None and select.select((self._socket,), (), (), 0)[0]:
            raise self._unasked(command)
        return self._visa

    def _unasked(self, command: str) -> BenchError:
        assert self._socket is not None  # noqa: S101  asked by the only caller
        try:
            data = self._socket.recv(4096)
        except OSError as error:
            return self._failed(command, error)
        return self.out_of_step(
            f"before {command} an answer lay there that nobody asked for: {data[:80]!r}"
        )

    def _failed(self, command: str, error: Exception) -> BenchError:
        what, mend = _explained(error, self.framing.timeout_s)
        self.transcript.note(self.name, "!", f"{command}: {what}")
        self.close()
        return BenchError(f"{command}: {what}; session closed", self.where, mend)


def _explained(error: Exception, timeout_s: float) -> tuple[str, str]:
    """What happened and how to mend it, of the exceptions that pyvisa and the socket raise."""
    if isinstance(error, ConnectionRefusedError):
        return "the connection was refused", "is the instrument on, and is this its SCPI port?"
    if isinstance(error, ConnectionError):
        return (
            "the connection is gone",
            "did the instrument restart, or another client take it over?",
        )
    if getattr(error, "abbreviation", "") == "VI_ERROR_TMO":
        mend = "does this model know the command? check cable and LAN lamp"
        return f"no answer within {timeout_s:g} s", mend
    return (
        f"{type(error).__name__}: {error}",
        "check the resource string, the cable and the address",
    )


def _cured(visa: Any) -> _Socket:
    """Make a pyvisa-py SOCKET session fit for measuring, and return its socket.

    pyvisa-py rejects the attribute that would switch Nagle's algorithm off, so that a write
    followed by a query takes 44 ms (measured) against 0.15 ms with it off; and opening a refused
    port "succeeds".
    """
    inner = visa.visalib.sessions[visa.session]
    cured = _Socket(fileno=inner.interface.detach())
    inner.interface = cured
    if refused := cured.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        visa.close()
        raise OSError(refused, os.strerror(refused))  # becomes ConnectionRefusedError by its number
    cured.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    cured.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)  # NAT forgets idle connections
    return cured


@functools.cache
def _pyvisa() -> ModuleType:
    """Import pyvisa at the first use: a tenth of a second that `rig check` needn't spend."""
    try:
        import pyvisa
        import pyvisa_py  # noqa: F401
    except ImportError as error:
        raise BenchError(
            f"the package {error.name} is missing", "VISA", "pip install pyvisa pyvisa-py"
        ) from error
    return pyvisa
