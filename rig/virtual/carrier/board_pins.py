"""The socket of a carrier board: `Pins` over its nets, a CAN node, a UART and the chips on it.

What is soldered on (`reference.py`, `educational.py`) uses the same lines: it compares, measures
and drives nets. Must not know which firmware runs behind it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from rig.virtual.carrier.pins import I2c, NoAnswerError, Spi

if TYPE_CHECKING:
    from rig.virtual.can_bus import CanNode, Frame
    from rig.virtual.carrier.board import Board
    from rig.virtual.kernel import Handle, Kernel
    from rig.virtual.signal import Signal
    from rig.virtual.uart import Uart

# A gate or a GPIO needs about 50 us from one rail to the other (gate driver into the FET's charge).
GATE_EDGE_S = 50e-6
# The TWAI driver's transmit queue as commonly configured; a full queue refuses, it does not grow.
CAN_QUEUE_FRAMES = 16


def _nothing() -> None:
    """Do nothing: no guest is in the socket yet."""


def _ignore_level(_level: bool, /) -> None:  # noqa: FBT001  (a pin's level)
    """Do nothing: no guest is in the socket yet."""


class Comparator(Protocol):
    """A hardware comparator on a line of the carrier board."""

    def move(self, level: float) -> None:
        """Compare with another level, in the net's unit, from now on."""


class NobodyThere:
    """A bus that no chip is on: nobody acknowledges, nobody drives a line."""

    def read(self, register: int, count: int) -> bytes:  # noqa: ARG002
        """Address nobody."""
        raise NoAnswerError

    def write(self, register: int, data: bytes) -> None:  # noqa: ARG002
        """Address nobody."""
        raise NoAnswerError

    def recover(self) -> None:
        """Clock nobody."""

    def transfer(self, out: bytes, count: int = 0) -> bytes:  # noqa: ARG002
        """Take in a line that is pulled up."""
        return b"\xff" * count


class _Comparator:
    """Calls back at each crossing of a level, however the signal comes to move."""

    def __init__(
        self,
        kernel: Kernel,
        signal: Signal,
        level: float,
        *,
        rising: bool,
        then: Callable[[], None],
    ) -> None:
        self._kernel, self._signal, self._level = kernel, signal, level
        self._rising, self._then = rising, then
        self._handle: Handle | None = None
        self._beyond = self._is_beyond()
        signal.on_change(self._look)
        self._look()

    def move(self, level: float) -> None:
        """Compare with another level; where the signal is beyond it already, that crosses it."""
        self._level = level
        self._look()

    def _is_beyond(self) -> bool:
        value = self._signal.value()
        return value >= self._level if self._rising else value <= self._level

    def _look(self) -> None:
        """Follow a new course of the signal: an ideal jump crosses now, a ramp later."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        beyond = self._is_beyond()
        crossed, self._beyond = beyond and not self._beyond, beyond
        if crossed:
            self._then()
            return
        due_ns = self._signal.when(self._level, rising=self._rising)
        if due_ns is not None:
            self._handle = self._kernel.at(due_ns, self._cross)

    def _cross(self) -> None:
        self._handle = None
        self._beyond = True
        self._then()


class BoardPins:
    """`Pins` over the nets of a virtual board, and what the chips on it use.

    Attributes
    ----------
    channels, inputs, hooks : dict
        By the name of the pin: what converts a channel, what tells an input's level, and what takes
        the level of an output that drives no net.

    Parameters
    ----------
    kernel, board
        The bench's kernel and nets.
    high
        What "on" means for a driven net, in the net's unit: 12 V for a FET gate, 3.3 V for a
        GPIO, 0.1 A for a bleed. Nets not named are GPIOs.
    power_on_v, power_off_v : float
        Levels of the net "aux" at which the controller comes up and browns out, in V.
    uart, can
        The console's UART and the controller's CAN node, where it has them.
    """

    def __init__(  # noqa: PLR0913  (one for each plug of the socket)
        self,
        kernel: Kernel,
        board: Board,
        *,
        high: dict[str, float],
        power_on_v: float,
        power_off_v: float,
        uart: Uart | None = None,
        can: CanNode | None = None,
    ) -> None:
        self.on_uart: Callable[[bytes], None] = lambda _data: None
        self.on_can: Callable[[int, bytes, bool], None] = lambda _id, _data, _extended: None
        self.on_can_sent: Callable[[], None] = _nothing
        self.on_power: Callable[[bool], None] = _ignore_level
        self.on_collapse: Callable[[], None] = _nothing
        self.on_reset: Callable[[bool], None] = _ignore_level
        self.strap_high = True
        self.i2c: I2c = NobodyThere()
        self.spi: Spi = NobodyThere()
        self.channels: dict[str, Callable[[], int]] = {}
        self.inputs: dict[str, Callable[[], bool]] = {}
        self.hooks: dict[str, Callable[[bool], None]] = {}
        self._kernel, self._nets, self._sense_open = kernel, board.nets, board.sense_open
        self._links, self._on_link = board.links, board.on_link
        self._high, self._uart, self._can = high, uart, can
        self.powered = self._nets["aux"].value() >= power_on_v
        self.when("aux", power_on_v, rising=True, then=lambda: self._power(on=True))
        self.when("aux", power_off_v, rising=False, then=lambda: self._power(on=False))
        if uart is not None:
            uart.on_receive = lambda data: self.on_uart(data)
        if can is not None:
            can.on_frame = self._hear
            can.on_sent = lambda _frame: self.on_can_sent()

    # What the controller uses

    def adc(self, name: str) -> int:
        """Convert a channel now, in counts."""
        return self.channels[name]()

    def level(self, name: str) -> bool:
        """Tell whether an input is high now."""
        return self.inputs[name]()

    def drive(self, name: str, on: bool) -> None:  # noqa: FBT001
        """Move a driven net towards its rail; a net that is there or on its way is left alone."""
        if (hook := self.hooks.get(name)) is not None:
            hook(on)
            return
        high = self._high.get(name, 3.3)
        self._nets[name].approach(high if on else 0.0, slew=high / GATE_EDGE_S)

    def uart_write(self, data: bytes) -> None:
        """Hand bytes to the UART."""
        if self._uart is not None:
            self._uart.write(data)

    def uart_reset(self) -> None:
        """Lose what the UART was still sending."""
        if self._uart is not None:
            self._uart.reset()

    def can_enable(self, on: bool, *, in_order: bool = False) -> None:  # noqa: FBT001
        """Take part in the bus or leave it; a controller in reset acknowledges nothing."""
        if self._can is not None:
            self._can.fifo = in_order
            self._can.set_online(online=on)

    def can_send(self, can_id: int, data: bytes, *, extended: bool = False) -> bool:
        """Queue a frame unless the queue is full or the controller is off the bus."""
        if self._can is None or self._can.pending >= CAN_QUEUE_FRAMES:
            return False
        return self._can.send(can_id, data, extended=extended)

    def can_pending(self) -> int:
        """Tell how many frames are queued, the one on the wire included."""
        return 0 if self._can is None else self._can.pending

    def can_is_off(self) -> bool:
        """Tell whether the CAN controller is in bus-off."""
        return self._can is not None and self._can.is_bus_off

    def can_recover(self) -> None:
        """Start bus-off recovery; what was queued is lost, as in the TWAI driver."""
        if self._can is not None and self._can.is_bus_off:
            self._can.recover()

    # What the board uses

    def analog(self, name: str) -> float:
        """Return what a net carries now; NaN where the sense wire is open."""
        if self._sense_open.get(name):
            return math.nan
        return self._nets[name].value()

    def when(
        self, name: str, level: float, *, rising: bool, then: Callable[[], None]
    ) -> Comparator:
        """Have a hardware comparator call `then` at every crossing from now on."""
        return _Comparator(self._kernel, self._nets[name], level, rising=rising, then=then)

    def link(self, name: str) -> str:
        """Tell how the lines of a bus are; one that no relay of the bench is in stays healthy."""
        return self._links.get(name, "healthy")

    def on_link(self, name: str, then: Callable[[], None]) -> None:
        """Call `then` whenever these lines change."""
        self._on_link(lambda changed: then() if changed == name else None)

    def set_enable(self, low: bool) -> None:  # noqa: FBT001
        """Pull EN low or release it (the console adapter's RTS, or a button)."""
        self.on_reset(low)

    def set_strap(self, high: bool) -> None:  # noqa: FBT001
        """Set the level of IO0 (the console adapter's DTR)."""
        self.strap_high = high

    def collapse(self) -> None:
        """Tell that the supply is too low for any memory."""
        self.on_collapse()

    def _power(self, *, on: bool) -> None:
        if on != self.powered:
            self.powered = on
            self.on_power(on)

    def _hear(self, frame: Frame) -> None:
        if not frame.remote:
            self.on_can(frame.can_id, frame.data, frame.extended)
