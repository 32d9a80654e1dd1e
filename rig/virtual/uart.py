"""A UART line and the ESP32 board's auto-reset circuit, in virtual time.

Must not know telnet or what the bytes mean. A chunk of bytes arrives as one event, when the stop
bit of its last byte is over; chunks end at line ends, so that a line is seen when it is complete.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rig.virtual.kernel import Handle, Kernel

__all__ = ["AutoReset", "Uart", "heard_at"]

BITS_PER_BYTE: Final = 10  # 8N1: start, 8 data, stop
# Longest run without a line end that is handed over as one: 22 ms at 115200 baud.
CHUNK_BYTES: Final = 256
# Half a bit over ten bit times is the sampling limit of a receiver; beyond it bytes are misread.
BAUD_TOLERANCE: Final = 0.04
# 10 kohm and 10 uF (the most that Espressif's boards have) to 0.75 VDD: R C ln 4. Less,
# and a client that needs 50 ms for each line (pyserial's) lets EN rise between DTR on and RTS off.
EN_RISE_NS: Final = 138_600_000


def _ignore(_data: bytes) -> None:
    """Nobody listens."""


class _Lane:
    """One direction of the line: chunks arrive in order, each at its true time."""

    def __init__(self, kernel: Kernel, baud: int, arrive: Callable[[bytes], None]) -> None:
        self.baud = baud
        self._kernel, self._arrive = kernel, arrive
        self._free_ns = 0  # when the last byte asked for has left
        self._under_way: deque[tuple[Handle, bytes]] = deque()

    def put(self, data: bytes) -> None:
        """Queue bytes behind those under way."""
        for chunk in _chunks(data):
            start_ns = max(self._kernel.now_ns, self._free_ns)
            self._free_ns = start_ns + len(chunk) * BITS_PER_BYTE * 1_000_000_000 // self.baud
            self._under_way.append((self._kernel.at(self._free_ns, self._land), chunk))

    def clear(self) -> None:
        """Lose what has not arrived yet."""
        for handle, _ in self._under_way:
            handle.cancel()
        self._under_way.clear()
        self._free_ns = 0

    def _land(self) -> None:
        _, chunk = self._under_way.popleft()
        self._arrive(chunk)


class Uart:
    """The line between a controller's UART and the USB adapter of whoever looks at it.

    Parameters
    ----------
    kernel : Kernel
    baud : int
        The controller's rate, 8N1.

    Attributes
    ----------
    on_receive
        Called with bytes that have arrived at the controller.
    on_transmit
        Called with bytes that have arrived at the adapter.
    baud, adapter_baud
        Rates of the two ends in bit/s. Where they differ, bytes are misread as they would be.
    """

    def __init__(self, kernel: Kernel, baud: int = 115_200) -> None:
        self.on_receive: Callable[[bytes], None] = _ignore
        self.on_transmit: Callable[[bytes], None] = _ignore
        self._to_adapter = _Lane(kernel, baud, self._reach_adapter)
        self._to_controller = _Lane(kernel, baud, self._reach_controller)

    @property
    def baud(self) -> int:
        """The controller's rate in bit/s."""
        return self._to_adapter.baud

    @baud.setter
    def baud(self, baud: int) -> None:
        self._to_adapter.baud = baud

    @property
    def adapter_baud(self) -> int:
        """The adapter's rate in bit/s."""
        return self._to_controller.baud

    @adapter_baud.setter
    def adapter_baud(self, baud: int) -> None:
        self._to_controller.baud = baud

    def write(self, data: bytes) -> None:
        """Send from the controller."""
        self._to_adapter.put(data)

    def feed(self, data: bytes) -> None:
        """Send from the adapter."""
        self._to_controller.put(data)

    def reset(self) -> None:
        """Lose what the controller was sending (its FIFO is cleared by a reset)."""
        self._to_adapter.clear()

    def purge_feed(self) -> None:
        """Lose what the adapter was sending."""
        self._to_controller.clear()

    def _reach_adapter(self, data: bytes) -> None:
        self.on_transmit(heard_at(data, self.baud, self.adapter_baud))

    def _reach_controller(self, data: bytes) -> None:
        self.on_receive(heard_at(data, self.adapter_baud, self.baud))


def _chunks(data: bytes) -> Iterator[bytes]:
    """Cut at line ends, and long lines at `CHUNK_BYTES`."""
    for line in data.splitlines(keepends=True):
        for start in range(0, len(line), CHUNK_BYTES):
            yield line[start : start + CHUNK_BYTES]


def heard_at(data: bytes, sent_baud: int, heard_baud: int) -> bytes:
    """Tell which bytes a receiver at `heard_baud` makes of 8N1 bytes sent at `sent_baud`.

    It waits for a falling edge, then looks at the middle of each of its own bit times; a missing
    stop bit (a framing error) loses the byte, as adapters do.
    """
    if abs(sent_baud - heard_baud) <= BAUD_TOLERANCE * heard_baud:
        return data
    levels = [level for byte in data for level in (0, *(byte >> n & 1 for n in range(8)), 1)]
    step = sent_baud / heard_baud  # a bit of the receiver, in bits of the sender
    heard, now = bytearray(), 0.0
    while (edge := _falling_edge(levels, now)) is not None:
        looks = [_level(levels, edge + (n + 0.5) * step) for n in range(10)]
        if looks[0] == 1:  # too short for a start bit
            now = edge + 0.5 * step
            continue
        if looks[9] == 1:
            heard.append(sum(bit << n for n, bit in enumerate(looks[1:9])))
        now = edge + 9.5 * step
    return bytes(heard)


def _level(levels: list[int], at_bits: float) -> int:
    """Level of the line; it idles at 1."""
    return levels[int(at_bits)] if at_bits < len(levels) else 1


def _falling_edge(levels: list[int], from_bits: float) -> int | None:
    """First beginning of a 0 at or behind `from_bits`, after a 1."""
    first = -int(-from_bits // 1)
    for index in range(first, len(levels)):
        if levels[index] == 0 and (index == 0 or levels[index - 1] == 1):
            return index
    return None


class AutoReset:
    """DTR and RTS of a USB adapter on EN and IO0, as on Espressif's boards.

    Two transistors, each between one line's collector and the other's base: RTS alone pulls EN low,
    DTR alone pulls IO0 low, and both together (which many programs assert on opening) do nothing
    (esptool's documentation, "Boot Mode Selection"). EN falls at once, and rises as its capacitor
    charges.

    Parameters
    ----------
    kernel : Kernel
    rise_ns : int
        From the release of EN to the level at which the chip starts, in ns.

    Attributes
    ----------
    on_reset
        Called with True when EN is low, with False when it has risen again.
    on_boot_strap
        Called with the level of IO0: False asks for the ROM's download mode when EN rises.
    """

    def __init__(self, kernel: Kernel, rise_ns: int = EN_RISE_NS) -> None:
        self.dtr = self.rts = False
        self.on_reset: Callable[[bool], None] = lambda _low: None
        self.on_boot_strap: Callable[[bool], None] = lambda _high: None
        self._kernel, self._rise_ns = kernel, rise_ns
        self._rise: Handle | None = None
        self._en_low, self._io0_high = False, True

    def set_lines(self, *, dtr: bool, rts: bool) -> None:
        """Set both at once; a level that stays is not told again."""
        self.dtr, self.rts = dtr, rts
        io0_high = not (dtr and not rts)
        if io0_high != self._io0_high:
            self._io0_high = io0_high
            self.on_boot_strap(io0_high)
        if rts and not dtr:
            self._pull_down()
        elif self._en_low and self._rise is None:
            self._rise = self._kernel.after(self._rise_ns, self._risen)

    def _pull_down(self) -> None:
        if self._rise is not None:
            self._rise.cancel()
            self._rise = None
        if not self._en_low:
            self._en_low = True
            self.on_reset(self._en_low)

    def _risen(self) -> None:
        self._rise = None
        self._en_low = False
        self.on_reset(self._en_low)
