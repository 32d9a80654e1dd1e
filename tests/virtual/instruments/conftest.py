"""A desk to talk from, and instruments on real ports."""

import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from rig.virtual.instruments import ScpiInstrument, ScpiServer
from rig.virtual.kernel import Kernel
from rig.virtual.loop import Loop
from tests.virtual.instruments.desk import Desk


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def serve() -> Iterator[Callable[[Kernel, ScpiInstrument], str]]:
    """Put an instrument on a real port, in a thread of its own; returns the VISA resource."""
    stops: list[tuple[socket.socket, threading.Thread]] = []

    def start(kernel: Kernel, instrument: ScpiInstrument) -> str:
        loop = Loop(kernel)
        server = ScpiServer(loop, instrument)
        ours, theirs = socket.socketpair()
        loop.watch(theirs, loop.stop)

        def run() -> None:
            loop.run()
            theirs.close()

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        stops.append((ours, thread))
        return f"TCPIP::127.0.0.1::{server.port}::SOCKET"

    yield start
    for ours, thread in stops:
        ours.close()
        thread.join(5.0)
