"""`pbmslsuite-o`: does what the code of release A does, not what its documents claim.

Written from the facts in docs/pbmslsuite-o.md alone. It carries the original's faults on
purpose (undervoltage looks at the highest cell, no debounce, outputs before faults, …); they are
marked with the number that section "What its code does" gives them. Mending one would make this a
model of nothing.
"""

from __future__ import annotations

import enum
import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rig.virtual.carrier.pins import Pins
from rig.virtual.guests.esp32 import BootLog, Chip
from rig.virtual.kernel import MS, Kernel
from rig.virtual.seeds import Random

CELLS = 4
LED = "led"
BALANCE = tuple(f"balance {n + 1}" for n in range(CELLS))
OUTPUTS = (LED, *BALANCE)

ADC_REFERENCE_V, ADC_TOP = 3.3, 4095
DIVIDER_RATIO = 0.6  # 10 kohm over 15 kohm
NTC_R25_OHM, NTC_BETA_K, NTC_PULL_UP_OHM = 10_000.0, 3950.0, 10_000.0
NTC_OPEN_V, NTC_OPEN_DEGC = 3.29, -273.15
OV_V, UV_V, CHARGED_V, LOW_V, BALANCE_V = 4.25, 2.80, 4.10, 3.00, 4.10
HOT_DEGC, WARM_DEGC, COLD_DEGC = 60.0, 45.0, 0.0
FILTER_SAMPLES = 5  # (4) where the documents say 8
LOOP_DELAY_NS = 100 * MS
BLOCK_EVERY_MS = 1000
BLINK_MS = 250
INJECTION_MS = 5000
LINE_TIMEOUT_NS = 1000 * MS  # the Arduino core's wait for a line feed
RX_BUFFER_BYTES = 256
# A block of 2,094 bytes holds the loop for 178 ms: its wire time less what the UART still holds.
BYTE_NS = 86_806
HELD_BY_UART_NS = 2094 * BYTE_NS - 178 * MS

BOOT_LOG = BootLog(
    loads=(
        *("load:0x3fff0030,len:1448", "load:0x40078000,len:14844", "ho 0 tail 12 room 4"),
        *("load:0x40080400,len:4", "load:0x40080404,len:3356", "entry 0x4008059c"),
    )
)

Note = Callable[..., None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """One build."""

    divider: bool = False  # (2) the compile-time switch; off in both released images
    work_ns: tuple[int, int] = (200_000, 1_000_000)  # a loop's work, seeded: 100 or 101 ms in all
    boot_log: BootLog = BOOT_LOG


class State(enum.Enum):
    """What the state machine is in."""

    IDLE = "IDLE"
    BALANCING = "BALANCING"
    FAULT = "FAULT"


class Fault(enum.Enum):
    """The one fault that is known at a time (6)."""

    NONE = "NONE"
    OVER_VOLTAGE = "OVER-VOLTAGE (> 4.25V)"
    UNDER_VOLTAGE = "UNDER-VOLTAGE (< 2.80V)"
    OVER_TEMPERATURE = "OVER-TEMPERATURE (> 60°C)"
    UNDER_TEMPERATURE = "UNDER-TEMPERATURE (< 0°C)"


SHORT = {
    Fault.OVER_VOLTAGE: "OV",
    Fault.UNDER_VOLTAGE: "UV",
    Fault.OVER_TEMPERATURE: "OT",
    Fault.UNDER_TEMPERATURE: "UT",
}
INJECTIONS = {
    "OV": (4.5, None),
    "UV": (2.5, None),
    "OT": (None, 75.0),
    "UT": (None, -10.0),
}  # cells in V, all four at once, or temperature in degC


class MovingAverage:
    """Mean of the last five samples; of fewer at the start, so the first reading is unfiltered (4).

    It adds the new and subtracts the old instead of summing, so what rounding leaves over stays: a
    cell that went back to 0 V may read -0.000.
    """

    def __init__(self) -> None:
        self._samples: deque[float] = deque()
        self._sum = 0.0

    def take(self, value: float) -> float:
        """Take a sample and return the mean."""
        self._sum += value
        self._samples.append(value)
        if len(self._samples) > FILTER_SAMPLES:
            self._sum -= self._samples.popleft()
        return self._sum / len(self._samples)


@dataclass(slots=True)
class View:
    """What one loop works with, and what a block shows."""

    cells_v: Sequence[float] = (0.0,) * CELLS
    temperature_degc: float = 25.0
    soc_percent: float = 0.0
    soh_percent: float = 100.0
    state: State = State.IDLE
    fault: Fault = Fault.NONE


def thermistor_degc(counts: int) -> float:
    """Temperature as the code reckons it, sensor faults included (7)."""
    volts = counts * ADC_REFERENCE_V / ADC_TOP
    if volts >= NTC_OPEN_V:
        return NTC_OPEN_DEGC
    ohm = NTC_PULL_UP_OHM * volts / (ADC_REFERENCE_V - volts)
    if ohm == 0.0:  # the logarithm is minus infinity, so the temperature comes out as 0 K
        return NTC_OPEN_DEGC
    return 1.0 / (1.0 / 298.15 + math.log(ohm / NTC_R25_OHM) / NTC_BETA_K) - 273.15


def find_fault(view: View) -> Fault:
    """Judge the filtered values: highest cell for both voltages (1), first match wins (6)."""
    highest_v = max(view.cells_v)
    if highest_v > OV_V:
        return Fault.OVER_VOLTAGE
    if highest_v < UV_V:
        return Fault.UNDER_VOLTAGE
    if view.temperature_degc > HOT_DEGC:
        return Fault.OVER_TEMPERATURE
    return Fault.UNDER_TEMPERATURE if view.temperature_degc < COLD_DEGC else Fault.NONE


class PbmslSuiteO:
    """One run of the sketch, from `setup` to the next reset."""

    def __init__(self, chip: Chip, image: Image, note: Note) -> None:
        self._chip, self._image, self._note = chip, image, note
        self._filters = [MovingAverage() for _ in range(CELLS)]
        self._view = View()
        self._started_ns = chip.kernel.now_ns
        self._last_block_ms = 0
        self._received = b""
        self._waiting = 0  # counts waits for a line feed; odd while one lasts
        self._injection_enabled = False
        self._injected: tuple[float | None, float | None] = (None, None)
        self._injected_ms: int | None = None

    def start(self) -> None:
        """Run `setup`, then the loop."""
        self._chip.write(BANNER)
        self._chip.after(self._work_ns(), self._loop)

    def hear_can(self, can_id: int, data: bytes, extended: bool) -> None:  # noqa: FBT001
        """Ignore it: this board has no CAN."""

    # The loop

    def _loop(self) -> None:
        if self._received and not self._take_command():
            return  # stands still until a line feed or the time-out; `_go_on` takes it from there
        self._go_on()

    def _go_on(self) -> None:
        """Do one loop's work, in the code's order; so outputs follow faults one loop later (5)."""
        view = self._view
        self._read()
        self._judge_charge()
        self._run_state_machine()
        self._note_change(find_fault(view))
        busy_ns = (
            self._print_block() if self._millis() - self._last_block_ms > BLOCK_EVERY_MS else 0
        )
        self._chip.after(busy_ns + LOOP_DELAY_NS + self._work_ns(), self._loop)

    def _note_change(self, fault: Fault) -> None:
        view = self._view
        if fault is view.fault:
            return
        if view.fault is not Fault.NONE:
            self._note("cleared", protection=SHORT[view.fault])
        if fault is not Fault.NONE:
            self._note("trip", protection=SHORT[fault])
        view.fault = fault

    def _read(self) -> None:
        measured = [
            average.take(self._cell_v(f"cell {n + 1}")) for n, average in enumerate(self._filters)
        ]
        degc = thermistor_degc(self._chip.pins.adc("ntc 1"))  # (7) not filtered
        self._end_injection_when_due()
        volts, injected_degc = self._injected
        self._view.cells_v = measured if volts is None else [volts] * CELLS
        self._view.temperature_degc = degc if injected_degc is None else injected_degc

    def _judge_charge(self) -> None:
        view = self._view
        mean_v = sum(view.cells_v) / CELLS  # (8)
        view.soc_percent = min(max((mean_v - 3.00) / (4.20 - 3.00), 0.0), 1.0) * 100.0
        if not 10.0 <= view.temperature_degc <= 45.0:
            view.soh_percent = max(view.soh_percent - 0.01, 0.0)  # (9) each loop

    def _run_state_machine(self) -> None:
        """Follow the fault that the last loop found, and set LED and balance pins (5, 11)."""
        view, drive = self._view, self._chip.pins.drive
        if view.fault is not Fault.NONE:
            view.state = State.FAULT
        elif max(view.cells_v) > BALANCE_V:
            view.state = State.BALANCING
        else:
            view.state = State.IDLE
        balancing = view.state is State.BALANCING
        for name, volts in zip(BALANCE, view.cells_v, strict=True):
            drive(name, balancing and volts > BALANCE_V)
        blink = self._millis() // BLINK_MS % 2 == 0  # (12) chosen once a loop
        drive(LED, view.state is not State.FAULT or blink)

    # Reading the pins

    def _cell_v(self, name: str) -> float:
        ratio = DIVIDER_RATIO if self._image.divider else 1.0
        return self._chip.pins.adc(name) * ADC_REFERENCE_V / ADC_TOP / ratio

    # Commands

    def hear_uart(self, data: bytes) -> None:
        """Buffer bytes; a loop that waits for the end of a line goes on with it."""
        self._received = (self._received + data)[:RX_BUFFER_BYTES]
        if self._waiting % 2:
            self._waiting += 1
            if self._take_command():
                self._go_on()

    def _take_command(self) -> bool:
        """Obey one line if it is whole; else wait up to a second for more, and say False."""
        line, feed, rest = self._received.partition(b"\n")
        if not feed:
            self._waiting += 1
            ticket = self._waiting
            self._chip.after(LINE_TIMEOUT_NS, lambda: self._give_up_waiting(ticket))
            return False
        self._received = rest
        self._obey(line)
        return True

    def _give_up_waiting(self, ticket: int) -> None:
        if self._waiting == ticket:
            self._waiting += 1
            line, self._received = self._received, b""
            self._obey(line)
            self._go_on()

    def _obey(self, line: bytes) -> None:
        command = line.decode("utf-8", "replace").strip().upper()
        if command in ("ENABLE INJECTION", "DISABLE INJECTION"):
            self._injection_enabled = command.startswith("ENABLE")
            self._stop_injection()
            word = "ENABLED" if self._injection_enabled else "DISABLED"
            self._print_line(f"🧪 Fault injection {word}")
        elif command.startswith("INJECT ") and command[7:] in INJECTIONS:
            self._inject(command[7:])
        elif command == "CLEAR FAULT" and self._injection_enabled:
            self._stop_injection()
            self._note_change(Fault.NONE)
            self._print_line("🧹 Fault cleared")

    def _inject(self, kind: str) -> None:
        if not self._injection_enabled:
            self._print_line("⛔ Injection refused: send ENABLE INJECTION first")
            return
        self._injected, self._injected_ms = INJECTIONS[kind], self._millis()
        self._print_line(f"💉 Injecting {kind} for 5 s")

    def _stop_injection(self) -> None:
        self._injected, self._injected_ms = (None, None), None

    def _end_injection_when_due(self) -> None:
        began_ms = self._injected_ms
        if began_ms is not None and self._millis() - began_ms > INJECTION_MS:
            self._stop_injection()
            self._print_line("✅ Injection ended")

    # Console

    def _print_line(self, text: str) -> None:
        self._chip.write(text.encode() + b"\r\n")

    def _print_block(self) -> int:
        """Print a block and return for how long that holds the loop, in ns."""
        block = format_block(self._view, self._millis() // 1000)
        self._chip.write(block)
        busy_ns = len(block) * BYTE_NS - HELD_BY_UART_NS
        self._last_block_ms = (self._chip.kernel.now_ns + busy_ns - self._started_ns) // MS
        return busy_ns

    def _millis(self) -> int:
        return (self._chip.kernel.now_ns - self._started_ns) // MS

    def _work_ns(self) -> int:
        return int(self._chip.random.uniform(*self._image.work_ns))


# The console's texts are ours; layout, words, line ends and byte counts are the original's.
RULE = "═" * 59
BANNER = (
    "🔋 pBMSLSuite-O v1.0 — 4-cell battery management system\r\n"
    "📟 ESP32 DevKit C v4, console 115200 8N1\r\n"
    "🧪 Commands: ENABLE INJECTION, INJECT OV / UV / OT / UT\r\n"
    "🧹 CLEAR FAULT, DISABLE INJECTION.\r\n"
    "🚀 Starting now ...\r\n"
).encode()


def _cell_word(volts: float) -> str:
    if volts > OV_V:
        return "🔴 OV"
    if volts < UV_V:
        return "🔴 UV"
    if volts > CHARGED_V:
        return "🔵 CHARGED"
    return "🟡 LOW" if volts < LOW_V else "🟢 OK"


def _temperature_word(degc: float) -> str:
    if degc > HOT_DEGC:
        return "🔴 HOT"
    if degc < COLD_DEGC:
        return "🔵 COLD"
    return "🟡 WARM" if degc > WARM_DEGC else "🟢 OK"


STATE_WORDS = {
    State.IDLE: "🟢 IDLE (all quiet)",
    State.BALANCING: "🟡 BALANCING",
    State.FAULT: "🔴 FAULT (see the fault line below it)",
}


def format_block(view: View, seconds: int) -> bytes:
    """Build a block of 26 lines; cell, average, SoC and threshold lines end in LF alone."""
    mean_v = sum(view.cells_v) / CELLS
    cells = "".join(
        f"   Cell {n + 1}: {volts:6.3f}V  {_cell_word(volts)}\n"
        for n, volts in enumerate(view.cells_v)
    )
    active = "🔥 ACTIVE" if view.state is State.BALANCING else "💤 IDLE"
    fault = ("🟢 " if view.fault is Fault.NONE else "🔴 ") + view.fault.value
    degc = view.temperature_degc
    return (
        f"{RULE}\r\n"
        "         🔋 pBMSLSuite-O BATTERY MANAGEMENT SYSTEM\r\n"
        f"{RULE}\r\n"
        f"🕒 TIME: {seconds:8d} s since start\r\n"
        f"{RULE}\r\n"
        "🔋 CELL VOLTAGES:\r\n"
        f"{cells}"
        f"   Average: {mean_v:6.3f}V   Pack: {mean_v * CELLS:6.3f}V\n"
        f"{RULE}\r\n"
        f"🌡 TEMPERATURE: {degc:6.1f}°C  {_temperature_word(degc)}\r\n"
        f"{RULE}\r\n"
        f"📊 SoC: {view.soc_percent:5.1f}%   SoH: {view.soh_percent:6.2f}%\n"
        f"{RULE}\r\n"
        f"🧭 STATE: {STATE_WORDS[view.state]}\r\n"
        f"🔧 BALANCING: {active}\r\n"
        f"🚨 FAULT: {fault}\r\n"
        f"{RULE}\r\n"
        "📏 THRESHOLDS:\r\n"
        "   OV:  > 4.25 V    of cell voltage, shown as OV above\n"
        "   UV:  < 2.80 V    of cell voltage, shown as UV above\n"
        "   OT:  > 60.0 °C   at the sensor on GPIO 33, shown as HOT\n"
        "   UT:  <  0.0 °C   at the sensor on GPIO 33, shown as COLD\n"
        f"{RULE}\r\n"
    ).encode()


def power_up(  # noqa: PLR0913, PLR0917  (the form that a guest has)
    kernel: Kernel, pins: Pins, image: Image, specimen: Random, run: Random, note: Note
) -> Chip:
    """Put the educational BMS behind `pins`; `note` is told each change of the fault."""
    return Chip(
        kernel,
        pins,
        lambda chip: PbmslSuiteO(chip, image, note),
        boot=image.boot_log,
        outputs=OUTPUTS,
        random=run,
        specimen=specimen,
    )
