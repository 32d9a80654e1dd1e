"""A console: lines with the time of their end. Must not interpret them.

A line's end was on the wire somewhere between `time_ns - late_ns` and `time_ns`: the adapter's
latency, and however long nobody looked. On a wall clock that counts from the look before the last,
as a reader (pyserial's thread for RFC 2217, a driver) may hand over at one look what came before
the one before.
"""

from __future__ import annotations

import contextlib
import queue
import time
from collections.abc import Sequence

import serial

from rig.clock import Clock
from rig.console_name import OWN_CONSOLE
from rig.errors import BenchError
from rig.trace.log import Log
from rig.trace.model import Line, Link
from rig.trace.texts import of_line, plain_name, to_line

_ARRIVE_S = 5.0  # wall time for bytes that a simulated bench has already handed over
_TAKES_WITHIN_S = 5.0  # wall time for a port to take in what is typed
_BITS_A_BYTE = 10  # 8N1
_RESET_LOW_NS = 50_000_000


class ConsoleLink:
    """A serial console, by pyserial.

    Parameters
    ----------
    clock : Clock
        The rig's time.
    url : str
        Anything that pyserial opens: ``COM3``, ``/dev/ttyUSB0``, ``rfc2217://host:port``.
    baud : int
        Bit rate.
    latency_s : float
        Longest time from a byte's end to the rig's hand (FTDI: 16 ms unless set to 1 ms).
    newline : str
        What is taken there as the end of a typed line.
    name : str
        Of the console on its bench.
    """

    def __init__(  # noqa: PLR0913 -- a port in all its parts
        self,
        clock: Clock,
        url: str,
        baud: int,
        latency_s: float,
        newline: str = "\n",
        *,
        name: str = OWN_CONSOLE,
    ) -> None:
        self.name = name
        self._clock, self._url, self._newline, self._baud = clock, url, newline, baud
        self._latency_ns = round(latency_s * 1e9)
        self._received = self._typed = self._dropped = 0
        self._handed_before = clock.handed_over(self.name)
        try:
            self._port = serial.serial_for_url(url, baudrate=baud, timeout=1, do_not_open=True)
            if "://" not in url:  # RFC 2217's client knows no such deadline: its socket has 5 s
                self._port.write_timeout = _TAKES_WITHIN_S
            self._port.dtr = self._port.rts = False  # asserted lines would hold an ESP32 in reset
            self._port.open()
        except (OSError, ValueError) as error:  # SerialException is an OSError
            raise self._lost(f"it can't be opened: {error}") from error
        self._partial = b""
        self._forget()
        self._looks_ns = (clock.now_ns(),) * 2  # when the last look began, and the one before

    def poll(self, *, prompt: bool = False) -> None:
        """Take in what has arrived; `prompt`: called from a wait, so as soon as the clock can."""
        (last_ns, before_ns), began_ns = self._looks_ns, self._clock.now_ns()
        self._looks_ns = began_ns, last_ns
        chunk = self._read_arrived()
        if not chunk:
            return
        now_ns = self._clock.now_ns()
        if self._clock.wakes_at_arrival:
            unseen_ns = 0 if prompt else now_ns - last_ns
        else:
            unseen_ns = now_ns - before_ns
        *ended, self._partial = (self._partial + chunk).split(b"\n")
        late_ns = self._latency_ns + unseen_ns
        for raw in ended:
            text = raw.decode("utf-8", "replace").rstrip("\r")
            line = Line(time_ns=now_ns, late_ns=late_ns, text=text, console=self.name)
            self._lines.append(line)

    def renew(self) -> None:
        """Know nothing any more: bench and time have begun anew, and the connection is the same.

        What was handed over before is taken in, so that the counts stay right.
        """
        self._release()
        self.poll()
        self._partial, self._dropped = b"", 0
        self._forget()
        self._looks_ns = (self._clock.now_ns(),) * 2

    def begin(self) -> Log[Line]:
        """Forget the lines heard before; give those that will be."""
        self.poll()
        self._forget()
        return self._lines

    def end(self) -> tuple[Sequence[Line], Link]:
        """Lines heard since `begin`."""
        self.poll()
        alive = bool(self._port.is_open)
        link = Link(name=self.name, alive=alive, received=len(self._lines), dropped=self._dropped)
        return self._lines.all(), link

    def count(self) -> int:
        """Number of lines heard so far since `begin`."""
        return len(self._lines)

    def lines(self, since: int = 0) -> Sequence[Line]:
        """Lines heard so far since `begin`, but for the first so many; the newest last.

        In a case that lasts long, old ones are in a file and not among them.
        """
        return self._lines.since(since)

    def _forget(self) -> None:
        self._lines = Log(f"{plain_name(self.name)}.txt", of_line, to_line)

    def type(self, line: str) -> None:
        """Type a line, and return when its last bit has left.

        Raises
        ------
        BenchError
            The port does not take it.
        """
        data = (line + self._newline).encode()
        try:
            self._port.write(data)
        except OSError as error:
            raise self._lost(f"writing failed: {error}") from error
        self._typed += len(data)
        self._clock.expect(self.name, self._typed)
        on_the_wire_ns = round(len(data) * _BITS_A_BYTE * 1e9 / self._baud)
        self._clock.sleep_until(self._clock.now_ns() + on_the_wire_ns)

    def reset(self) -> None:
        """Pulse EN low for 50 ms by RTS, with DTR (IO0) left high: the ESP32 auto-reset circuit.

        Raises
        ------
        BenchError
            RTS can't be driven.
        """
        try:
            self._port.rts = True
            self._clock.sleep_until(self._clock.now_ns() + _RESET_LOW_NS)
        except (OSError, ValueError) as error:  # its far end may refuse, or say nothing for 3 s
            raise self._lost(f"RTS can't be driven: {error}") from error
        self._release()

    def _release(self) -> None:
        """Let EN rise, where a reset broke off in the middle too."""
        try:
            if self._port.rts:
                self._port.rts = False
        except (OSError, ValueError) as error:
            raise self._lost(f"RTS can't be driven: {error}") from error

    def close(self) -> None:
        """Close the port; nobody is left to be told of one that was broken."""
        with contextlib.suppress(OSError):
            self._port.close()

    def _read_arrived(self) -> bytes:
        chunk = self._read()
        if (due := self._clock.handed_over(self.name) - self._handed_before) <= self._received:
            return chunk
        # pyserial's RFC 2217 client reads in a thread of its own; in stepped time the bytes that
        # the bench has handed over belong to this instant, so they are waited for (wall time).
        deadline = time.perf_counter() + _ARRIVE_S
        while self._received < due:
            if time.perf_counter() > deadline:
                raise self._lost(f"{due - self._received} bytes did not arrive in {_ARRIVE_S:g} s")
            time.sleep(0.00005)  # noqa: TID251 -- gives the reader thread its turn; no rig time passes
            chunk += self._read()
        return chunk

    def _read(self) -> bytes:
        try:
            # Only what is there is read, so this never waits; but with a timeout of 0 pyserial's
            # RFC 2217 client would return a single byte.
            waiting = self._port.in_waiting
            chunk: bytes = self._taken(waiting) if waiting else b""
        except OSError as error:
            raise self._lost(f"reading failed: {error}") from error
        self._received += len(chunk)
        return chunk

    def _taken(self, count: int) -> bytes:
        """Read `count` bytes that are there.

        pyserial 3.5's RFC 2217 client hands over byte by byte through a queue, at 8 us each; a
        night's console would cost half a minute. Its queue is emptied in one go instead.
        """
        buffer: queue.Queue[bytes] | None = getattr(self._port, "_read_buffer", None)
        if not isinstance(buffer, queue.Queue):
            return bytes(self._port.read(count))
        with buffer.mutex:
            pieces = list(buffer.queue)
            buffer.queue.clear()
        if None in pieces:  # the reader's sign that the connection has gone
            raise OSError("the connection was closed by its far end")
        return b"".join(pieces)

    def _lost(self, what: str) -> BenchError:
        return BenchError(
            what, f"{self.name} {self._url}", "check the cable and that no terminal holds the port"
        )
