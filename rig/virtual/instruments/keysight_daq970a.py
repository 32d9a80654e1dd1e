"""Scanning meter in the dialect of a Keysight DAQ970A, a DAQM901A 20-channel multiplexer in slot 1.

A DAQM903A actuator with 20 form-C relays is in slot 2 where relays are wired: `ROUT:CLOS`,
`ROUT:OPEN` and their queries, as on the 34970A; a reset lets all of them go. Contacts don't bounce.

Follows the DAQ970A Programming Guide, pp. 149, 211, 215, 293 (K7 below). [u]: unverified. One ADC
behind relays: readings of a scan are one after the other, each the mean over its integration time.
An overload reads ±9.9E+37 and is no error. Must not know what is connected to its channels.

=====================  ==========================================  ======
Figure                 Limit (half-width) or value                  Source
=====================  ==========================================  ======
DC V, 1 year, Tcal±5   % of reading + % of range:                   data sheet p. 10
- 100 mV               0.0050 + 0.0060
- 1 V                  0.0035 + 0.0006
- 10 V                 0.0030 + 0.0004
- 100 V                0.0040 + 0.0006
- 300 V                0.0040 + 0.0020
over-range             20 % (300 V: none)                           [u]
integration            NPLC x 20 ms (50 Hz), default 1              K7; default [u]
noise                  0.0001 % of range rms at 1 NPLC, ∝ 1/√NPLC   [u]
channel change         5 ms                                         [u]
relay of the actuator  3-6 ms until its contact has moved           [u]
latency                set 3-8 ms (20), query 3-8 ms (20)           [u]
=====================  ==========================================  ======
"""

import random
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from rig.virtual.clock import LocalClock
from rig.virtual.instruments import scpi
from rig.virtual.instruments.instrument import (
    NS,
    Accuracy,
    Dialect,
    Latency,
    ScpiInstrument,
    UnitError,
)
from rig.virtual.instruments.scpi import Call, Command, ScpiError
from rig.virtual.kernel import Kernel
from rig.virtual.signal import Signal

FIRST_CHANNEL, LAST_CHANNEL = 101, 120
FIRST_RELAY, LAST_RELAY = 201, 220
RELAY_S = (0.003, 0.006)  # [u]
ACCURACY = {  # range: 1-year limit, DAQ970A data sheet p. 10
    0.1: Accuracy(5.0e-5, 6.0e-5 * 0.1),
    1.0: Accuracy(3.5e-5, 6.0e-6 * 1.0),
    10.0: Accuracy(3.0e-5, 4.0e-6 * 10.0),
    100.0: Accuracy(4.0e-5, 6.0e-6 * 100.0),
    300.0: Accuracy(4.0e-5, 2.0e-5 * 300.0),
}
OVER_RANGE = 1.2  # [u]
MOST_V = 300.0
NOISE_OF_RANGE = 1e-6  # rms at 1 NPLC [u]
LINE_PERIOD_S = 0.020  # 50 Hz
NPLCS = (0.02, 0.2, 1.0, 2.0, 10.0, 20.0, 100.0, 200.0)  # K7 [u]
CHANNEL_CHANGE_S = 5e-3  # [u]
SUB_SAMPLES = 32  # of an integration window
LATENCIES = {
    "set": Latency(0.003, 0.008, 0.020),  # [u]
    "query": Latency(0.003, 0.008, 0.020),  # [u]
    "reset": Latency(0.100, 0.200, 0.400),  # [u]
}
DIALECT = Dialect(
    idn="Keysight Technologies,DAQ970A,MY58000001,A.02.04-01.00-02.01-00.02-02.00-03-03",
    no_error='+0,"No error"',
    error_format='{code:+d},"{text}"',
    wording={**scpi.STANDARD_WORDING, -230: "Data stale"},
)
DATA_STALE = -230
OVERLOAD_BIT = 1  # STAT:QUES bit 0 [u]


@dataclass(slots=True)
class Input:
    """How one channel is measured."""

    range_v: float | None = None  # None: automatic
    nplc: float = 1.0


class ScannerDmm(ScpiInstrument):
    """DC volts over a scan list.

    Parameters
    ----------
    channels
        What is at a channel; a channel left out is open and reads close to 0 V.
    volts_per_unit
        Factor from a signal's unit to volts at the channel, such as 0.001 V/A of a shunt.
    relays
        What each wired relay of the actuator does, told whether it is moved (closed) or at rest.
    """

    def __init__(  # noqa: PLR0913  (what it is wired to)
        self,
        kernel: Kernel,
        clock: LocalClock,
        rng: random.Random,
        *,
        channels: Mapping[int, Signal],
        volts_per_unit: Mapping[int, float] | None = None,
        relays: Mapping[int, Callable[[bool], None]] | None = None,
    ) -> None:
        self._relays = dict(relays or {})  # the command set depends on them
        super().__init__(kernel, clock, rng, DIALECT, LATENCIES)
        self._signals = dict(channels)
        self._volts_per_unit = dict(volts_per_unit or {})
        self._errors: dict[float, UnitError] = {r: a.draw(rng) for r, a in ACCURACY.items()}
        self._inputs = {n: Input() for n in range(FIRST_CHANNEL, LAST_CHANNEL + 1)}
        self._scan: tuple[int, ...] = ()
        self._readings: deque[tuple[int, float]] = deque(maxlen=100_000)  # K7
        self._monitor: int | None = None
        self._overload = 0
        self._show_channel = False
        self._closed = dict.fromkeys(range(FIRST_RELAY, LAST_RELAY + 1), False)

    def integer(self, value: int) -> str:
        """Keysight writes a sign."""
        return f"{value:+d}"

    def commands(self) -> Sequence[Command]:
        """The command set."""
        volt = "VOLTage[:DC]"
        return [
            Command(f"MEASure[:SCALar]:{volt}", query=self._measure, extra_ns=self._measure_ns),
            Command(f"CONFigure[:SCALar]:{volt}", self._configure),
            Command("ROUTe:SCAN", self._set_scan, lambda _: self._scan_text()),
            Command("ROUTe:SCAN:SIZE", query=lambda _: self.integer(len(self._scan))),
            Command(
                "ROUTe:MONitor[:CHANnel]", self._set_monitor, lambda _: f"(@{self._monitor or ''})"
            ),
            Command("ROUTe:MONitor:DATA", query=self._read_monitor),
            Command(f"[SENSe:]{volt}:NPLC", self._set_nplc, self._read_nplc),
            Command(f"[SENSe:]{volt}:RANGe", self._set_range, self._read_range),
            Command(f"[SENSe:]{volt}:RANGe:AUTO", self._set_auto, self._read_auto),
            *self._scan_commands(),
            *(self._relay_commands() if self._relays else ()),
        ]

    def _relay_commands(self) -> list[Command]:
        return [
            Command(
                "ROUTe:CLOSe",
                lambda call: self._move(call, closed=True),
                lambda call: self._moved(call, closed=True),
            ),
            Command(
                "ROUTe:OPEN",
                lambda call: self._move(call, closed=False),
                lambda call: self._moved(call, closed=False),
            ),
        ]

    def _scan_commands(self) -> list[Command]:
        return [
            Command("READ", query=self._read, extra_ns=lambda _: self._scan_ns()),
            Command("INITiate", self._initiate, extra_ns=lambda _: self._scan_ns()),
            Command("FETCh", query=lambda _: self._fetch()),
            Command("DATA:POINts", query=lambda _: self.integer(len(self._readings))),
            Command("FORMat:READing:CHANnel", self._set_show, lambda _: f"{self._show_channel:d}"),
            Command("STATus:QUEStionable:CONDition", query=lambda _: self.integer(self._overload)),
            Command("STATus:QUEStionable[:EVENt]", query=lambda _: self._take_overload()),
            Command("SYSTem:CTYPe", query=self._card),
            Command("SYSTem:VERSion", query=lambda _: "1999.0"),
        ]

    # The actuator

    def _actuated(self, call: Call) -> tuple[int, ...]:
        if call.channels is None:
            raise ScpiError(scpi.MISSING_PARAMETER)
        if any(n not in self._closed for n in call.channels):
            raise ScpiError(scpi.DATA_OUT_OF_RANGE)
        return call.channels

    def _move(self, call: Call, *, closed: bool) -> None:
        for number in self._actuated(call):
            if self._closed[number] != closed:
                self._closed[number] = closed
                delay_ns = round(NS * self.rng.uniform(*RELAY_S))
                self.kernel.after(delay_ns, partial(self._arrive, number, closed))

    def _arrive(self, number: int, closed: bool) -> None:  # noqa: FBT001
        if number in self._relays and self._closed[number] == closed:
            self._relays[number](closed)

    def _moved(self, call: Call, *, closed: bool) -> str:
        return ",".join(f"{self._closed[n] == closed:d}" for n in self._actuated(call))

    # The scan list; MEAS? and CONF overwrite it (K7).

    def _listed(self, call: Call) -> tuple[int, ...]:
        numbers = self._scan if call.channels is None else call.channels
        if any(n not in self._inputs for n in numbers):
            raise ScpiError(scpi.DATA_OUT_OF_RANGE)
        return numbers

    def _configure(self, call: Call) -> None:
        """`CONF` and `MEAS?` overwrite the scan list and put NPLC back to its default."""
        if call.channels is None:
            raise ScpiError(scpi.MISSING_PARAMETER)
        channels = self._listed(call)
        range_v = _range(call.arguments[0]) if call.arguments else None
        for number in channels:
            self._inputs[number] = Input(range_v)
        self._scan = channels
        self._readings.clear()

    def _set_scan(self, call: Call) -> None:
        self._scan = self._listed(Call((), call.channels or ()))
        self._readings.clear()

    def _scan_text(self) -> str:
        listed = f"(@{','.join(map(str, self._scan))})"
        return f"#{len(str(len(listed)))}{len(listed)}{listed}"

    def _set_nplc(self, call: Call) -> None:
        nplc = scpi.limit_or_number(call.only(), NPLCS[0], NPLCS[-1], default=1.0)
        nplc = min((n for n in NPLCS if n >= nplc), default=NPLCS[-1])
        for number in self._listed(call):
            self._inputs[number].nplc = nplc

    def _read_nplc(self, call: Call) -> str:
        return ",".join(scpi.nr3(self._inputs[n].nplc) for n in self._listed(call))

    def _set_range(self, call: Call) -> None:
        range_v = _range(call.only())
        for number in self._listed(call):
            self._inputs[number].range_v = range_v

    def _read_range(self, call: Call) -> str:
        return ",".join(scpi.nr3(self._range_of(n, self._now_v(n))) for n in self._listed(call))

    def _set_auto(self, call: Call) -> None:
        automatic = scpi.parse_boolean(call.only())
        for number in self._listed(call):
            fixed = self._range_of(number, self._now_v(number))
            self._inputs[number].range_v = None if automatic else fixed

    def _read_auto(self, call: Call) -> str:
        return ",".join(f"{self._inputs[n].range_v is None:d}" for n in self._listed(call))

    # Measuring: the time of a scan passes first, then its readings are taken from the past.

    def _measure(self, call: Call) -> str:
        self._configure(call)
        return self._read(call)

    def _measure_ns(self, call: Call) -> int:
        channels = call.channels or ()
        return sum(self._channel_ns(Input()) for n in channels if n in self._inputs)

    def _scan_ns(self) -> int:
        return sum(self._channel_ns(self._inputs[n]) for n in self._scan)

    def _channel_ns(self, measured: Input) -> int:
        return round(NS * (CHANNEL_CHANGE_S + measured.nplc * LINE_PERIOD_S))

    def _initiate(self, call: Call) -> None:
        call.nothing()
        if not self._scan:
            raise ScpiError(scpi.SETTINGS_CONFLICT)
        self._readings.clear()
        end_ns = self.kernel.now_ns
        for number in reversed(self._scan):
            self._readings.appendleft((number, self._reading(number, end_ns)))
            end_ns -= self._channel_ns(self._inputs[number])

    def _read(self, _call: Call) -> str:
        self._initiate(Call())
        return self._fetch()

    def _fetch(self) -> str:
        if not self._readings:
            raise ScpiError(DATA_STALE)
        return ",".join(self._text(number, value) for number, value in self._readings)

    def _text(self, number: int, value: float) -> str:
        return f"{scpi.nr3(value)},{number}" if self._show_channel else scpi.nr3(value)

    def _reading(self, number: int, end_ns: int) -> float:
        measured = self._inputs[number]
        window_ns = measured.nplc * LINE_PERIOD_S * NS
        volts = self._mean(number, end_ns - window_ns, end_ns)
        range_v = self._range_of(number, volts)
        if not abs(volts) <= min(range_v * OVER_RANGE, MOST_V):  # also an open wire's NaN
            self._overload |= OVERLOAD_BIT
            return -scpi.INFINITY if volts < 0 else scpi.INFINITY
        noise = self.rng.gauss(0.0, NOISE_OF_RANGE * range_v / measured.nplc**0.5)
        return self._errors[range_v].apply(volts) + noise

    def _mean(self, number: int, start_ns: float, end_ns: float) -> float:
        signal = self._signals.get(number)
        if signal is None:
            return 0.0
        edges = np.linspace(start_ns, end_ns, SUB_SAMPLES + 1)
        mean = float(signal.sample((edges[:-1] + edges[1:]) / 2.0).mean())
        return mean * self._volts_per_unit.get(number, 1.0)

    def _now_v(self, number: int) -> float:
        signal = self._signals.get(number)
        return signal.value() * self._volts_per_unit.get(number, 1.0) if signal else 0.0

    def _range_of(self, number: int, volts: float) -> float:
        fixed = self._inputs[number].range_v
        if fixed is not None:
            return fixed
        return next((r for r in ACCURACY if abs(volts) <= r * OVER_RANGE), MOST_V)

    def _set_monitor(self, call: Call) -> None:
        channels = self._listed(Call((), call.channels or ()))
        self._monitor = channels[0] if channels else None

    def _read_monitor(self, call: Call) -> str:
        call.nothing()
        if self._monitor is None:
            return scpi.nr3(scpi.NOT_A_NUMBER)  # K7: monitor without data
        return scpi.nr3(self._reading(self._monitor, self.kernel.now_ns))

    def _set_show(self, call: Call) -> None:
        self._show_channel = scpi.parse_boolean(call.only())

    def _take_overload(self) -> str:
        value, self._overload = self._overload, 0
        return self.integer(value)

    def _card(self, call: Call) -> str:
        slot = call.only()[:1]
        cards = {"1": "DAQM901A,MY58100001,2.01"}
        if self._relays:
            cards["2"] = "DAQM903A,MY58300001,2.01"
        card = cards.get(slot, "0,0,0")
        return f"Keysight Technologies,{card}"

    def questionable(self) -> int:
        """Overload since it was last read."""
        return self._overload

    def reset(self) -> None:
        """Automatic range, 1 NPLC, nothing to scan, all relays at rest."""
        self._move(Call((), tuple(self._closed)), closed=False)
        self._inputs = {n: Input() for n in self._inputs}
        self._scan = ()
        self._readings.clear()
        self._monitor, self._overload, self._show_channel = None, 0, False


def _range(text: str) -> float | None:
    """Smallest range that holds a value; AUTO and DEF mean automatic."""
    if text.upper() in {"AUTO", "DEF", "DEFAULT"}:
        return None
    volts = scpi.limit_or_number(text, 0.1, MOST_V, "V")
    return next(r for r in ACCURACY if volts <= r)
