"""A way to talk to a simulated instrument without sockets: time passes only as far as it must."""

import random

from rig.virtual.clock import LocalClock
from rig.virtual.instruments import ScpiInstrument
from rig.virtual.kernel import Kernel
from rig.virtual.signal import Signal

MS = 1_000_000


class Desk:
    """One client at an instrument."""

    def __init__(self) -> None:
        self.kernel = Kernel()
        self.clock = LocalClock(self.kernel, 5_000_000, 20.0)
        self.replies: list[bytes] = []

    @staticmethod
    def rng(seed: int = 1) -> random.Random:
        """A unit of its own for each seed."""
        return random.Random(seed)  # noqa: S311 - noise, not secrets

    def send(self, data: bytes) -> None:
        """A reply arrived."""
        self.replies.append(data)

    def ask_raw(self, instrument: ScpiInstrument, text: str) -> bytes:
        """Send, and let time pass until no reply is owed."""
        self.replies.clear()
        instrument.receive(self, text)
        while (due := instrument.busy()) is not None:
            self.kernel.run_until(due)
        return b"".join(self.replies)

    def ask(self, instrument: ScpiInstrument, text: str) -> str:
        """Send a query, and return the reply without its end."""
        return self.ask_raw(instrument, text).decode().rstrip("\r\n")

    def numbers(self, instrument: ScpiInstrument, text: str) -> list[float]:
        """Send a query that is answered by numbers."""
        return [float(part) for part in self.ask(instrument, text).split(",")]

    def do(self, instrument: ScpiInstrument, *texts: str, then_ms: float = 500) -> None:
        """Send commands, one a message, and let time pass."""
        for text in texts:
            instrument.receive(self, text)
            self.kernel.run_until(self.kernel.now_ns + 100 * MS)
        self.kernel.run_until(self.kernel.now_ns + round(then_ms * MS))

    def net(self, name: str, value: float = 0.0, unit: str = "V") -> Signal:
        """A net to wire to an instrument."""
        return Signal(self.kernel, name, unit, value)
