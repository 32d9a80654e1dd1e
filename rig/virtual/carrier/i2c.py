"""An I2C bus between a controller and one chip, transaction by transaction, each with its CRC-8.

Bytes are made, may be hurt on their way and are checked by whoever receives them; single bits and
their times are not modelled. Must not know what the chip's registers mean.
"""

from __future__ import annotations

from typing import Protocol

from rig.virtual.carrier.afe_map import OF_READ, OF_WRITE, crc8
from rig.virtual.carrier.board_pins import BoardPins
from rig.virtual.carrier.pins import BusTimeoutError, NoAnswerError
from rig.virtual.kernel import MS, Kernel
from rig.virtual.seeds import Random

BOUNCE_NS = 3 * MS  # for so long after it moved, a relay in the lines hurts what passes [u]


class Target(Protocol):
    """The chip at the other end."""

    @property
    def answers(self) -> bool:
        """Whether it has supply enough to acknowledge its address."""

    def read(self, register: int, count: int) -> bytes:
        """Give the content of `count` registers from `register` on."""

    def write(self, register: int, data: bytes) -> None:
        """Take the content of registers from `register` on."""


class I2cBus:
    """The lines, as both ends see them.

    A transaction that meets a shorted line leaves the chip in the middle of a byte: it holds SDA
    low after the short is gone, until it has been clocked through that byte (`recover`).

    Parameters
    ----------
    link : str
        The link of the board that the lines go through.
    random
        Seeded: where in a transaction a relay that bounces loses contact.
    """

    def __init__(
        self, kernel: Kernel, pins: BoardPins, target: Target, *, link: str, random: Random
    ) -> None:
        self._kernel, self._pins, self._target = kernel, pins, target
        self._link, self._random = link, random
        self._held = False  # SDA, by the chip
        self._is_free = pins.link(link) == "healthy"
        self._bounces_until_ns, self._idle = 0, b"\xff"
        pins.on_link(link, self._moved)

    def read(self, register: int, count: int) -> bytes:
        """Read registers; the last byte returned is the CRC that the chip made.

        Raises
        ------
        NoAnswerError, BusTimeoutError
        """
        if not (self._is_free and self._target.answers):
            self._fail()
        data = self._target.read(register, count)
        reply = data + bytes((crc8(data, OF_READ[register]),))
        return self._hurt(reply) if self._kernel.now_ns < self._bounces_until_ns else reply

    def write(self, register: int, data: bytes) -> None:
        """Write registers; `data` ends with the CRC, and a chip that finds it wrong ignores all.

        Raises
        ------
        NoAnswerError, BusTimeoutError
        """
        if not (self._is_free and self._target.answers):
            self._fail()
        if self._kernel.now_ns < self._bounces_until_ns:
            data = self._hurt(data)
        if crc8(data, OF_WRITE[register]) == 0:
            self._target.write(register, data[:-1])

    def recover(self) -> None:
        """Clock nine times and make a stop condition, which frees a chip that holds SDA."""
        if self._pins.link(self._link) != "short":
            self._held = False
        self._look()

    def _moved(self) -> None:
        self._bounces_until_ns = self._kernel.now_ns + BOUNCE_NS
        state = self._pins.link(self._link)
        if state != "healthy":  # a relay that goes back bounces between whole and what was
            self._idle = b"\x00" if state == "short" else b"\xff"
        self._look()

    def _look(self) -> None:
        self._is_free = not self._held and self._pins.link(self._link) == "healthy"

    def _fail(self) -> None:
        if self._pins.link(self._link) == "short":
            self._held = True
            self._look()
        if self._held:
            raise BusTimeoutError
        raise NoAnswerError

    def _hurt(self, data: bytes) -> bytes:
        """Lose the contact at some byte: from there on the line is high, or low where shorted."""
        kept = int(self._random.uniform(0.0, float(len(data))))
        return data[:kept] + self._idle * (len(data) - kept)
