"""Puts an instrument on a TCP port: bytes to program messages, replies to bytes. Knows no model."""

from __future__ import annotations

from collections.abc import Sequence

from rig.virtual.instruments.instrument import Obeyed, ScpiInstrument
from rig.virtual.loop import Connection, Loop

__all__ = ["ScpiServer"]


class ScpiServer:
    """A raw SCPI socket (`TCPIP::host::port::SOCKET`) and the instrument behind it.

    Parameters
    ----------
    port
        0: any free one; `self.port` tells which.
    """

    def __init__(
        self, loop: Loop, instrument: ScpiInstrument, port: int = 0, *, name: str = ""
    ) -> None:
        self.instrument = instrument
        self._loop = loop
        self._sessions: list[_Session] = []
        self._set_up: Sequence[Obeyed] | None = None
        self.port = loop.listen(self._accept, port, name=name)
        loop.add_endpoint(self)

    def busy(self) -> int | None:
        """Tell when the instrument takes its next step towards a reply that it owes."""
        return self.instrument.busy()

    def plug(self, instrument: ScpiInstrument) -> None:
        """Put another unit in the place of the present one; the sessions stay."""
        if self._set_up is None:
            self._set_up = tuple(self.instrument.obeyed)
        self.instrument = instrument

    def set_up(self) -> None:
        """Set the unit as the first one was when it was replaced."""
        self.instrument.set_up(self._set_up or ())

    def _accept(self, connection: Connection) -> None:
        limit = self.instrument.dialect.sessions
        for before in list(self._sessions):  # who hung up did so before this one came
            while before.connection.receive():
                pass
        if limit is not None and len(self._sessions) >= limit:
            connection.close()
            return
        session = _Session(self, connection)
        self._sessions.append(session)

    def ended(self, session: _Session) -> None:
        """A client hung up; its outputs stay as they are, as with any real instrument."""
        if session in self._sessions:
            self._sessions.remove(session)
            self.instrument.forget(session)

    def reboot(self) -> None:
        """The instrument lost power and came back: every session is cut."""
        for session in list(self._sessions):
            session.connection.close()
        self.instrument.reboot()


class _Session:
    """One client: its unfinished line."""

    def __init__(self, server: ScpiServer, connection: Connection) -> None:
        self._server, self.connection = server, connection
        self._buffer = bytearray()
        connection.on_data = self.receive
        connection.on_close = lambda: server.ended(self)
        ends = server.instrument.dialect.line_ends
        self._end = ends[:1]
        self._same_end = bytes.maketrans(ends, self._end * len(ends))

    def send(self, data: bytes) -> None:
        """Send a reply; a client that has gone doesn't get it."""
        self.connection.send(data)

    def receive(self, data: bytes) -> None:
        """Cut what arrived into program messages."""
        self._buffer += data.translate(self._same_end)
        *lines, rest = bytes(self._buffer).split(self._end)
        self._buffer[:] = rest
        instrument = self._server.instrument
        for line in lines:
            text = line.strip(b"\r\x00 \t").decode("latin-1")
            if len(line) > instrument.dialect.input_buffer:
                instrument.overrun()
            elif text:
                instrument.receive(self, text)
        if len(self._buffer) > instrument.dialect.input_buffer:
            self._buffer.clear()
            instrument.overrun()
