"""Thermistor simulator in the dialect of IET Labs' PRS-200/PRS-300 decade resistors, 7 decades.

Follows chapter 7 of the PRS-200 operation manual (manualshive.com, "PRS-200 Series", page 18):
`SOURce:DATA` takes a *resistance string* of ten digits, one for each decade, the last being 0.1 Ω,
so 600 567.9 Ω is `0006005679`; decades that the unit lacks are ignored. Open and short circuit are
one more decade above the highest: digit 1, 5, 9 open; 2, 3, 6, 7 short; 0, 4, 8 normal. One box has
one output; here two or more boxes share an address and `SOURce2:DATA` reaches the second, which
the real ones do not (a lab has one address a box). Must not know thermistors nor temperatures.

=====================  ==========================================  ======
Figure                 Limit (half-width) or value                  Source
=====================  ==========================================  ======
resistance             ±(0.02 % + 0.1 Ω)                            [u]
resolution             0.1 Ω                                        manual
range                  0 to 999 999.9 Ω, open (> 1 GΩ), short       manual; open [u]
switching              each decade within 2 ms, not together        [u]
latency                set 3-10 ms (20), query 5-15 ms (30)         [u]
=====================  ==========================================  ======

What that means on a 10 kΩ B3435 thermistor: 0.1 Ω is 0.003 K at 60 °C and 0.006 K at 80 °C;
0.02 % + 0.1 Ω is 0.008 K at 25 °C, 0.011 K at 60 °C.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

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
from rig.virtual.kernel import Handle, Kernel
from rig.virtual.signal import Signal

DECADES = 7
RESOLUTION_OHM = 0.1
ACCURACY = Accuracy(2e-4, 0.1)  # [u]
OPEN_OHM = 1e9  # [u]
SHORT_OHM = 0.05  # residual resistance of the short [u]
SWITCHING_S = 2e-3  # [u]
OPEN_DIGITS, SHORT_DIGITS = "159", "2367"
LATENCIES = {
    "set": Latency(0.003, 0.010, 0.020),  # [u]
    "query": Latency(0.005, 0.015, 0.030),  # [u]
}
DIALECT = Dialect(idn="IET Labs,PRS-300,A1-0000001,1.05", error_depth=10)  # [u exact]


@dataclass(slots=True)
class Resistor:
    """One output: what was asked for, and what its relays are doing."""

    signal: Signal
    error: UnitError
    data: str = "0" * 10
    relays: str = "0" * 10
    moving: list[Handle] = field(default_factory=list)


class ThermistorSimulator(ScpiInstrument):
    """Programmable resistors.

    Parameters
    ----------
    channels
        Resistance of an output, Ω, which this instrument drives.
    """

    def __init__(
        self,
        kernel: Kernel,
        clock: LocalClock,
        rng: random.Random,
        *,
        channels: Mapping[int, Signal],
    ) -> None:
        super().__init__(kernel, clock, rng, DIALECT, LATENCIES)
        self.resistors = {n: self._resistor(signal) for n, signal in channels.items()}

    def _resistor(self, signal: Signal) -> Resistor:
        """Start with what the net holds: the box remembers its setting over a power cycle [u]."""
        tenths = min(round(signal.value() / RESOLUTION_OHM), 10**DECADES - 1)
        resistor = Resistor(signal, ACCURACY.draw(self.rng))
        resistor.data = resistor.relays = f"{tenths:010d}"
        signal.jump(resistance_ohm(resistor.relays, resistor.error))
        return resistor

    def commands(self) -> Sequence[Command]:
        """The command set."""
        return [
            Command("SOURce#:DATA", self._set_data, lambda call: self._addressed(call).data),
            Command("SYSTem:VERSion", query=lambda _: "1999.0"),
        ]

    def _addressed(self, call: Call) -> Resistor:
        number = call.suffixes[0] or 1
        if number not in self.resistors:
            raise ScpiError(scpi.HEADER_SUFFIX_OUT_OF_RANGE)
        return self.resistors[number]

    def _set_data(self, call: Call) -> None:
        resistor, text = self._addressed(call), call.only()
        if not (text.isdecimal() and text.isascii()):
            raise ScpiError(scpi.DATA_TYPE_ERROR, text)
        if len(text) != 10:
            raise ScpiError(scpi.DATA_OUT_OF_RANGE, text)
        self._switch(resistor, text)

    def _switch(self, resistor: Resistor, data: str) -> None:
        """Set every decade that differs on its way; they don't arrive together."""
        for handle in resistor.moving:
            handle.cancel()
        resistor.data = data
        changed = [i for i in range(10) if data[i] != resistor.relays[i]]
        resistor.moving = [self._move(resistor, i, data[i]) for i in changed]

    def _move(self, resistor: Resistor, decade: int, digit: str) -> Handle:
        def arrive() -> None:
            relays = resistor.relays
            resistor.relays = relays[:decade] + digit + relays[decade + 1 :]
            resistor.signal.jump(resistance_ohm(resistor.relays, resistor.error))

        return self.kernel.after(round(self.rng.uniform(0.0, SWITCHING_S) * NS), arrive)

    def reset(self) -> None:
        """All outputs 0 Ω [u]."""
        for resistor in self.resistors.values():
            self._switch(resistor, "0" * 10)


def resistance_ohm(data: str, error: UnitError) -> float:
    """What is between the terminals for a resistance string."""
    mode = data[-DECADES - 1]
    if mode in OPEN_DIGITS:
        return OPEN_OHM
    if mode in SHORT_DIGITS:
        return SHORT_OHM
    return max(error.apply(int(data[-DECADES:]) * RESOLUTION_OHM), SHORT_OHM)
