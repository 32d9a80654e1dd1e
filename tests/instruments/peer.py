"""A scripted TCP peer: an instrument that behaves as badly as a test wants."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable

Answer = Callable[[bytes], bytes | None]  # a line in; bytes out, or None: hang up


class Peer:
    """Listens on a free port and answers line by line, in a thread of its own."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.received: list[bytes] = []
        self.connections = 0
        self.server_side: socket.socket | None = None
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def resource(self) -> str:
        return f"TCPIP::127.0.0.1::{self.port}::SOCKET"

    def close(self) -> None:
        self._listener.close()
        if self.server_side is not None:
            self.server_side.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self.server_side = connection
            with connection:
                self._talk(connection)

    def _talk(self, connection: socket.socket) -> None:
        pending = b""
        while True:
            try:
                chunk = connection.recv(4096)
            except OSError:
                return
            if not chunk:
                return
            *lines, pending = (pending + chunk).split(b"\n")
            for line in lines:
                self.received.append(line)
                reply = self._answer(line)
                if reply is None:
                    return
                with contextlib.suppress(OSError):  # whoever asked may have gone meanwhile
                    connection.sendall(reply)


def a_dictionary(replies: dict[bytes, bytes | None]) -> Answer:
    """Answer from a table; other commands get no reply."""
    table = {b"*IDN?": b"ACME,42,7,1.0\n", **replies}
    return lambda line: table.get(line, b"")
