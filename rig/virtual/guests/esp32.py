"""The ESP32 itself: supply, EN, straps, ROM log, reset causes, brown-out, watchdog.

A program is put in with a factory and lives from one start of the application to the next reset.
The chip must not know what the program does, nor anything of cells or protections.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from rig.virtual.carrier.pins import Pins
from rig.virtual.kernel import MS, Handle, Kernel
from rig.virtual.seeds import Random

CRYSTAL_PPM = 10.0  # a usual 40 MHz crystal's tolerance at 25 degC
TICK_WRAP_MS = 1 << 32  # the tick counter has 32 bits of milliseconds: 49.7 days
_PANIC_NS = 30 * MS  # the panic handler prints for so long before it restarts the chip


class ResetCause(enum.Enum):
    """Why the ROM says that it starts (ESP32 numbers; the C3 and S3 have others)."""

    POWERON_RESET = 0x1
    TG1WDT_SYS_RESET = 0x8
    SW_CPU_RESET = 0xC
    RTCWDT_BROWN_OUT_RESET = 0xF


def ticks_since(now_ms: int, then_ms: int) -> int:
    """Milliseconds from one reading of the tick counter to a later one, across its wrap."""
    return (now_ms - then_ms) % TICK_WRAP_MS


class Program(Protocol):
    """What runs on the chip."""

    def start(self) -> None:
        """Run `app_main`: set up tasks and return."""

    def hear_uart(self, data: bytes) -> None:
        """Take bytes from the console."""

    def hear_can(self, can_id: int, data: bytes, extended: bool) -> None:  # noqa: FBT001
        """Take a frame from the bus."""


@dataclass(frozen=True, slots=True)
class BootLog:
    """What the ROM prints of the image in flash, and how long it is until `app_main`."""

    loads: tuple[str, ...]  # the lines from the first `load:` to `entry`
    app_start_ns: int = 280 * MS  # bootloader, image check and start-up code after the ROM log
    jitter_ns: int = 20 * MS  # seeded, uniform, on top: flash reads and oscillator start

    def text(self, cause: ResetCause, *, download: bool = False) -> bytes:
        """Build the ROM's lines; it ends each one in CR LF."""
        straps = "0x3 (DOWNLOAD_BOOT(UART0/UART1/SDIO_REI_REO_V2))"
        boot = straps if download else "0x13 (SPI_FAST_FLASH_BOOT)"
        head = (
            "ets Jul 29 2019 12:21:46",
            "",
            f"rst:0x{cause.value:x} ({cause.name}),boot:{boot}",
        )
        tail = (
            "configsip: 0, SPIWP:0xee",
            "clk_drv:0x00,q_drv:0x00,d_drv:0x00,cs0_drv:0x00,hd_drv:0x00,wp_drv:0x00",
            "mode:DIO, clock div:1",
            *self.loads,
        )
        lines = (*head, "waiting for download") if download else (*head, *tail)
        return "".join(line + "\r\n" for line in lines).encode("ascii")


class Chip:
    """One ESP32 in the socket.

    Parameters
    ----------
    kernel, pins
        Virtual time and the pins.
    program : callable
        Makes the program for each start of the application.
    boot
        The boot log of the image in flash.
    outputs : sequence of str
        Pins that the program drives: all fall to low in a reset, as pull-downs make them.
    random
        A seeded generator of the chip's own: boot jitter, and whatever the program draws.
    specimen : Random, optional
        Its crystal comes from this one; not given, from `random` too.
    tick_start_ms : int
        What the image sets its tick counter to at each start.
    """

    def __init__(  # noqa: PLR0913  (one for each thing that is soldered to it)
        self,
        kernel: Kernel,
        pins: Pins,
        program: Callable[[Chip], Program],
        *,
        boot: BootLog,
        outputs: tuple[str, ...],
        random: Random,
        specimen: Random | None = None,
        tick_start_ms: int = 0,
    ) -> None:
        self.kernel, self.pins, self.random = kernel, pins, random
        self._make_program, self._boot_log, self._outputs = program, boot, outputs
        crystal_ppm = (specimen or random).uniform(-CRYSTAL_PPM, CRYSTAL_PPM)
        self._tick_scale = 1.0 + crystal_ppm * 1e-6
        self._tick_start_ms = tick_start_ms
        self.cause = ResetCause.POWERON_RESET
        # RTC slow memory: it outlives every reset but that of a supply that was gone.
        self.rtc: dict[str, int] = {}
        self.program: Program | None = None
        self._epoch = 0
        self._handles: list[Handle] = []
        self._born_ns = self._fed_ns = 0
        self._collapsed, self._held = True, False
        pins.on_uart, pins.on_can = self._hear_uart, self._hear_can
        pins.on_power, pins.on_reset = self._power, self._enable
        pins.on_collapse = self._collapse
        self._let_go()
        if pins.powered:
            self._start(ResetCause.POWERON_RESET)

    # What a program uses

    def uptime_ms(self) -> int:
        """Milliseconds since the reset was released, by the chip's own crystal."""
        return int((self.kernel.now_ns - self._born_ns) / (self._tick_scale * MS))

    def ticks_ms(self) -> int:
        """Read the tick counter: 32 bits of milliseconds, which wrap."""
        return (self._tick_start_ms + self.uptime_ms()) % TICK_WRAP_MS

    def every(self, period_ns: int, action: Callable[[], None], *, phase_ns: int) -> None:
        """Run a periodic task, first `phase_ns` from now, until the next reset."""
        period = round(period_ns * self._tick_scale)
        first = self.kernel.now_ns + round(phase_ns * self._tick_scale)
        self._handles.append(self.kernel.every(period, action, first_ns=first))

    def after(self, delay_ns: int, action: Callable[[], None]) -> None:
        """Run `action` once, unless the chip is reset before."""
        epoch = self._epoch

        def act() -> None:
            if self._epoch == epoch:
                action()

        self.kernel.after(round(delay_ns * self._tick_scale), act)

    def write(self, data: bytes) -> None:
        """Print on UART0."""
        self.pins.uart_write(data)

    def arm_watchdog(self, timeout_ns: int) -> None:
        """Have timer group 1 reset the system unless `feed` is called within `timeout_ns`."""
        self._fed_ns = self.kernel.now_ns

        def look() -> None:
            # One event for each time-out, not one for each feeding: a fed watchdog costs nothing.
            left_ns = self._fed_ns + timeout_ns - self.kernel.now_ns
            if left_ns <= 0:
                self.restart(ResetCause.TG1WDT_SYS_RESET)
            else:
                self.after(left_ns, look)

        self.after(timeout_ns, look)

    def feed(self) -> None:
        """Feed the watchdog."""
        self._fed_ns = self.kernel.now_ns

    def restart(self, cause: ResetCause) -> None:
        """Reset the system at once."""
        self._stop()
        self._start(cause)

    def panic(self, reason: str) -> None:
        """Stop the program, print what the panic handler prints, then reset.

        The outputs stay as they are meanwhile, and the CAN controller goes on by itself.
        """
        self._end_program()
        text = f"\r\nGuru Meditation Error: Core  0 panic'ed ({reason}).\r\n\r\nRebooting...\r\n"
        self.write(text.encode("ascii"))
        self.after(_PANIC_NS, lambda: self.restart(ResetCause.SW_CPU_RESET))

    # What happens to it

    def _power(self, on: bool) -> None:  # noqa: FBT001
        if on:
            cold = self._collapsed
            self._collapsed = False
            if not self._held:
                cause = ResetCause.POWERON_RESET if cold else ResetCause.RTCWDT_BROWN_OUT_RESET
                self._start(cause)
        else:
            self._stop()
            # The detector's interrupt prints this if the supply lasts for the 3 ms it takes.
            self.after(4 * MS, self._tell_brown_out)

    def _tell_brown_out(self) -> None:
        if not self._collapsed and not self.pins.powered:
            self.write(b"\r\nBrownout detector was triggered\r\n\r\n")

    def _collapse(self) -> None:
        """Lose everything: a dip above this is a brown-out, one below it a power-on."""
        self._collapsed = True
        self.rtc.clear()

    def _enable(self, low: bool) -> None:  # noqa: FBT001
        if low == self._held:
            return
        self._held = low
        if low:
            self._stop()
        elif self.pins.powered:
            self._start(ResetCause.POWERON_RESET)  # EN counts as a power-on: the ROM says so

    def _stop(self) -> None:
        """Let every pin go and every task end, as a reset does."""
        self._end_program()
        self._let_go()

    def _end_program(self) -> None:
        self._epoch += 1
        self.program = None
        for handle in self._handles:
            handle.cancel()
        self._handles.clear()

    def _let_go(self) -> None:
        for name in self._outputs:
            self.pins.drive(name, False)  # noqa: FBT003
        self.pins.can_enable(False)  # noqa: FBT003
        self.pins.uart_reset()

    def _start(self, cause: ResetCause) -> None:
        self._epoch += 1
        self._collapsed = False
        self.cause, self._born_ns = cause, self.kernel.now_ns
        download = not self.pins.strap_high
        # Reference and oscillator settle before the ROM's first byte.
        text = self._boot_log.text(cause, download=download)
        self.after(8 * MS, lambda: self.write(text))
        if not download:
            jitter = round(self.random.uniform(0.0, self._boot_log.jitter_ns))
            self.after(self._boot_log.app_start_ns + jitter, self._run)

    def _run(self) -> None:
        self.program = self._make_program(self)
        self.program.start()

    def _hear_uart(self, data: bytes) -> None:
        if self.program is not None:
            self.program.hear_uart(data)

    def _hear_can(self, can_id: int, data: bytes, extended: bool) -> None:  # noqa: FBT001
        if self.program is not None:
            self.program.hear_can(can_id, data, extended)
