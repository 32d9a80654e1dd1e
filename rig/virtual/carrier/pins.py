"""What a controller sees of the world: the pins of its socket. A guest must not reach past them.

Counts of a converter, levels of inputs, outputs, a UART, a CAN controller, I²C and SPI at
transaction level, supply and reset. The same would be given to an emulated ESP32, so nothing in
here may know which firmware runs behind it, nor what the board is made of. Which lines there are,
and how much a count of a converter is, a board's own page says (`reference.py`, `educational.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

__all__ = ["BusError", "BusTimeoutError", "I2c", "NoAnswerError", "Pins", "Spi"]


class BusError(Exception):
    """A transaction that did not come to its end."""


class NoAnswerError(BusError):
    """Nobody acknowledged the address."""


class BusTimeoutError(BusError):
    """A line stayed low for longer than the driver waits."""


class I2c(Protocol):
    """An I²C bus with one chip on it; a transaction takes no time."""

    def read(self, register: int, count: int) -> bytes:
        """Read registers, and after them what the chip sends as their checksum.

        Raises
        ------
        NoAnswerError, BusTimeoutError
        """

    def write(self, register: int, data: bytes) -> None:
        """Write registers; `data` ends with the checksum.

        Raises
        ------
        NoAnswerError, BusTimeoutError
        """

    def recover(self) -> None:
        """Clock nine times and make a stop condition, which frees a chip that holds SDA."""


class Spi(Protocol):
    """An SPI bus with one chip on it; a transaction takes no time."""

    def transfer(self, out: bytes, count: int = 0) -> bytes:
        """Select the chip, send bytes, then take in `count`; where nobody drives they are 0xFF."""


class Pins(Protocol):
    """The pins of one controller.

    Attributes
    ----------
    on_uart, on_can, on_can_sent
        Called with bytes of the console; with a frame (identifier, data, whether it is extended);
        when a frame has left, so that a mailbox is free.
    on_power, on_collapse
        Called with whether the supply is above the brown-out level, at each change; when it is so
        low that no memory lasts.
    on_reset
        Called with True when EN is pulled low, with False when it is released.
    powered, strap_high : bool
        The supply is there; IO0 when EN is released: low asks for the ROM's download mode.
    i2c, spi
        The buses of the board; nobody answers on one that it has not.
    """

    on_uart: Callable[[bytes], None]
    on_can: Callable[[int, bytes, bool], None]
    on_can_sent: Callable[[], None]
    on_power: Callable[[bool], None]
    on_collapse: Callable[[], None]
    on_reset: Callable[[bool], None]
    powered: bool
    strap_high: bool
    i2c: I2c
    spi: Spi

    def adc(self, name: str) -> int:
        """Convert a channel now, in counts."""

    def level(self, name: str) -> bool:
        """Tell whether an input is high now."""

    def drive(self, name: str, on: bool) -> None:  # noqa: FBT001
        """Drive an output: a gate, a GPIO, a bleed transistor."""

    def uart_write(self, data: bytes) -> None:
        """Hand bytes to the UART; they leave at its rate."""

    def uart_reset(self) -> None:
        """Lose what the UART was still sending, as a reset of the chip does."""

    def can_send(self, can_id: int, data: bytes, *, extended: bool = False) -> bool:
        """Queue a frame; False: a full queue or a controller off the bus dropped it."""

    def can_pending(self) -> int:
        """Tell how many frames are queued, the one on the wire included."""

    def can_enable(self, on: bool, *, in_order: bool = False) -> None:  # noqa: FBT001
        """Switch the CAN controller on or off; off, it loses what was queued.

        It sends by identifier, or `in_order` of queueing.
        """

    def can_is_off(self) -> bool:
        """Tell whether the CAN controller is in bus-off."""

    def can_recover(self) -> None:
        """Start bus-off recovery if the CAN controller is in bus-off, else do nothing."""
