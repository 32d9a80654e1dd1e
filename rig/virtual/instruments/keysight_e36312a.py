"""Auxiliary supply in the dialect of a Keysight E36312A (6 V/5 A, 25 V/1 A, 25 V/1 A).

Follows the E36300 Series Programming Guide E36311-90008; figures of libsigrok's
`scpi-pps/profiles.c` (SIG) and of Rigol's DP1308A Performance Verification Manual p. 5 (R2); [u]:
unverified. `(@n)` lists, NR3 replies, error queue with `+0,"No error"`. Must not know what its
outputs feed.

=====================  ==========================================  ======
Figure                 Limit (half-width) or value                  Source
=====================  ==========================================  ======
set voltage            ±(0.03 % + 5 mV)                             [u]
read-back voltage      ±(0.04 % + 5 mV), 0.5 mV noise rms           [u]
read-back current      ±(0.05 % + 2 mA); load not modelled: 0 A     [u]
set resolution         1 mV                                         SIG
rise                   one pole of 11 ms (to 1 % in 50 ms)          R2 (older sibling's figure)
fall, unloaded         one pole of 60 ms (to 1 % in 280 ms)         R2 (200-400 ms)
OVP                    acts in 1.5 ms                               R2
latency                set 5-15 ms (30), query 8-20 ms (50)         [u]
ranges                 6.18 / 25.75 / 25.75 V, 5.15 / 1.03 / 1.03 A SIG, current [u]
=====================  ==========================================  ======
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rig.virtual.clock import LocalClock
from rig.virtual.instruments import scpi
from rig.virtual.instruments.instrument import (
    NS,
    Accuracy,
    Dialect,
    Latency,
    ScpiInstrument,
    UnitError,
    quantise,
)
from rig.virtual.instruments.scpi import Call, Command, ScpiError
from rig.virtual.kernel import Handle, Kernel
from rig.virtual.signal import Signal

MOST_VOLTS = {1: 6.18, 2: 25.75, 3: 25.75}  # SIG
MOST_AMPS = {1: 5.15, 2: 1.03, 3: 1.03}  # [u]
MOST_OVP = {1: 6.6, 2: 27.5, 3: 27.5}  # [u]
SET_ACCURACY = Accuracy(3e-4, 5e-3)  # [u]
READ_ACCURACY = Accuracy(4e-4, 5e-3)  # [u]
CURRENT_ACCURACY = Accuracy(5e-4, 2e-3)  # A [u]
READ_NOISE_V, READ_NOISE_A = 0.5e-3, 0.1e-3  # rms [u]
RESOLUTION_V, RESOLUTION_A = 1e-3, 1e-3  # SIG; current [u]
RISE_TAU_S = 11e-3  # R2: 50 ms to 1 %
FALL_TAU_S = 60e-3  # R2: 200-400 ms to 1 % unloaded
OVP_DELAY_S = 1.5e-3  # R2
LATENCIES = {
    "set": Latency(0.005, 0.015, 0.030),  # [u]
    "query": Latency(0.008, 0.020, 0.050),  # [u]
    "opc": Latency(0.003, 0.006, 0.010),  # [u]
    "error": Latency(0.003, 0.008, 0.015),  # [u]
    "reset": Latency(0.100, 0.200, 0.300),  # [u]
}
DIALECT = Dialect(
    idn="Keysight Technologies,E36312A,MY00000001,2.1.0-1.0.4-1.12",
    no_error='+0,"No error"',
)
OVP_BIT, OCP_BIT = 1, 2  # questionable instrument summary [u]


@dataclass(slots=True)
class SupplyOutput:
    """One output and its settings."""

    number: int
    signal: Signal
    set_error: UnitError
    read_error: UnitError
    current_error: UnitError
    on: bool = False
    volts: float = 0.0
    amps: float = 0.0
    ovp: float = 0.0
    ocp_on: bool = False
    tripped: bool = False
    pending: Handle | None = None

    def defaults(self) -> None:
        """`*RST`."""
        self.on = self.ocp_on = self.tripped = False
        self.volts, self.amps = 0.0, MOST_AMPS[self.number]
        self.ovp = MOST_OVP[self.number]


class AuxSupply(ScpiInstrument):
    """Three outputs.

    Parameters
    ----------
    channels
        Terminal voltage of an output, V, which this instrument drives.
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
        self.outputs = {n: self._output(n, channels) for n in MOST_VOLTS}
        self._selected = 1

    def _output(self, number: int, channels: Mapping[int, Signal]) -> SupplyOutput:
        nothing = Signal(self.kernel, f"aux supply {number}", "V", 0.0)
        output = SupplyOutput(
            number,
            channels.get(number, nothing),
            SET_ACCURACY.draw(self.rng),
            READ_ACCURACY.draw(self.rng),
            CURRENT_ACCURACY.draw(self.rng),
        )
        output.defaults()
        return output

    def integer(self, value: int) -> str:
        """Keysight writes a sign."""
        return f"{value:+d}"

    def commands(self) -> Sequence[Command]:
        """The command set."""
        level = "[:LEVel][:IMMediate][:AMPLitude]"
        return [
            Command(f"[SOURce:]VOLTage{level}", self._set_volts, self._level("volts", MOST_VOLTS)),
            Command(f"[SOURce:]CURRent{level}", self._set_amps, self._level("amps", MOST_AMPS)),
            Command("APPLy", self._apply, self._query_apply),
            Command("OUTPut[:STATe]", self._each(self._switch), self._read(lambda o: f"{o.on:d}")),
            Command("OUTPut:PROTection:CLEar", self._clear),
            *self._protection_commands(),
            Command("MEASure[:SCALar]:VOLTage[:DC]", query=self._read(self._measure_volts)),
            Command("MEASure[:SCALar]:CURRent[:DC]", query=self._read(self._measure_amps)),
            Command("INSTrument:NSELect", self._select, lambda _: self.integer(self._selected)),
            Command("STATus:QUEStionable:INSTrument:ISUMmary#:CONDition", query=self._condition),
            Command("SYSTem:REMote", lambda _: None),
            Command("SYSTem:LOCal", lambda _: None),
            Command("SYSTem:RWLock", lambda _: None),
            Command("SYSTem:VERSion", query=lambda _: "1999.0"),
        ]

    def _protection_commands(self) -> list[Command]:
        return [
            Command(
                "[SOURce:]VOLTage:PROTection[:LEVel]", self._set_ovp, self._level("ovp", MOST_OVP)
            ),
            Command(
                "[SOURce:]VOLTage:PROTection:TRIPped", query=self._read(lambda o: f"{o.tripped:d}")
            ),
            Command("[SOURce:]VOLTage:PROTection:CLEar", self._clear),
            Command(
                "[SOURce:]CURRent:PROTection:STATe",
                self._each(self._set_ocp),
                self._read(lambda o: f"{o.ocp_on:d}"),
            ),
            Command("[SOURce:]CURRent:PROTection:TRIPped", query=self._read(lambda _: "0")),
            Command("[SOURce:]CURRent:PROTection:CLEar", self._clear),
        ]

    # Addressing: `(@1,2)`, else the output that `INST:NSEL` chose.

    def _addressed(self, call: Call) -> list[SupplyOutput]:
        numbers = call.channels or (self._selected,)
        if any(n not in self.outputs for n in numbers):
            raise ScpiError(scpi.DATA_OUT_OF_RANGE)
        return [self.outputs[n] for n in numbers]

    def _each(self, action: Callable[[SupplyOutput, str], None]) -> scpi.Set:
        def apply(call: Call) -> None:
            text = call.only()
            for output in self._addressed(call):
                action(output, text)

        return apply

    def _read(self, value: Callable[[SupplyOutput], str]) -> scpi.Query:
        return lambda call: ",".join(value(output) for output in self._addressed(call))

    def _level(self, name: str, most: Mapping[int, float]) -> scpi.Query:
        def one(output: SupplyOutput, choice: str) -> str:
            limits = {"MIN": 0.0, "MAX": most[output.number]}
            return scpi.nr3(limits.get(choice, getattr(output, name)))

        def read(call: Call) -> str:
            limits = ["MINimum", "MAXimum"]
            choice = scpi.parse_choice(call.only(), limits) if call.arguments else ""
            return ",".join(one(output, choice) for output in self._addressed(call))

        return read

    def _select(self, call: Call) -> None:
        self._selected = int(scpi.within(scpi.parse_number(call.only()), 1, len(self.outputs)))

    def _set_volts(self, call: Call) -> None:
        text = call.only()
        for output in self._addressed(call):
            self._program(
                output, volts=scpi.limit_or_number(text, 0.0, MOST_VOLTS[output.number], "V")
            )

    def _set_amps(self, call: Call) -> None:
        text = call.only()
        for output in self._addressed(call):
            self._program(
                output, amps=scpi.limit_or_number(text, 0.0, MOST_AMPS[output.number], "A")
            )

    def _apply(self, call: Call) -> None:
        name, *levels = call.arguments or ("",)
        word = name.upper()
        number = int(word.removeprefix("CH")) if word in {"CH1", "CH2", "CH3"} else 0
        if not number or not 1 <= len(levels) <= 2:
            raise ScpiError(scpi.ILLEGAL_PARAMETER)
        volts = scpi.limit_or_number(levels[0], 0.0, MOST_VOLTS[number], "V", 0.0)
        amps = self.outputs[number].amps
        if len(levels) == 2:
            amps = scpi.limit_or_number(levels[1], 0.0, MOST_AMPS[number], "A", MOST_AMPS[number])
        self._program(self.outputs[number], volts=volts, amps=amps)

    def _query_apply(self, call: Call) -> str:
        output = self._addressed(call)[0]
        return f'"{scpi.nr3(output.volts)},{scpi.nr3(output.amps)}"'

    def _program(
        self, output: SupplyOutput, *, volts: float | None = None, amps: float | None = None
    ) -> None:
        if volts is not None:
            output.volts = quantise(volts, RESOLUTION_V)
        if amps is not None:
            output.amps = quantise(amps, RESOLUTION_A)
        self._drive(output)

    def _set_ovp(self, call: Call) -> None:
        text = call.only()
        for output in self._addressed(call):
            output.ovp = scpi.limit_or_number(text, 0.0, MOST_OVP[output.number], "V")
            self._watch(output)

    def _set_ocp(self, output: SupplyOutput, text: str) -> None:
        output.ocp_on = scpi.parse_boolean(text)

    def _switch(self, output: SupplyOutput, text: str) -> None:
        output.on = scpi.parse_boolean(text)
        self._drive(output)

    def _drive(self, output: SupplyOutput) -> None:
        if not output.on or output.tripped:
            output.signal.approach(0.0, tau_s=FALL_TAU_S)
            return
        volts = output.set_error.apply(output.volts) if output.volts else 0.0
        rising = volts > output.signal.value()
        output.signal.approach(volts, tau_s=RISE_TAU_S if rising else FALL_TAU_S)
        self._watch(output)

    def _watch(self, output: SupplyOutput) -> None:
        if output.pending is not None:
            output.pending.cancel()
            output.pending = None
        at_ns = output.signal.when(output.ovp, rising=True)
        if output.signal.value() > output.ovp:
            at_ns = self.kernel.now_ns
        if output.on and not output.tripped and at_ns is not None:
            delay_ns = round(OVP_DELAY_S * NS)
            output.pending = self.kernel.at(at_ns + delay_ns, lambda: self._trip(output))

    def _trip(self, output: SupplyOutput) -> None:
        output.pending = None
        if output.on and output.signal.value() > output.ovp:
            output.tripped = True
            self._drive(output)

    def _clear(self, call: Call) -> None:
        """Clearing restores the output's state: still on and still too high, it trips again."""
        call.nothing()
        for output in self._addressed(call):
            output.tripped = False
            self._drive(output)

    def _measure_volts(self, output: SupplyOutput) -> str:
        volts = output.read_error.apply(output.signal.value())
        return scpi.nr3(volts + self.rng.gauss(0.0, READ_NOISE_V))

    def _measure_amps(self, output: SupplyOutput) -> str:
        return scpi.nr3(output.current_error.apply(0.0) + self.rng.gauss(0.0, READ_NOISE_A))

    def _condition(self, call: Call) -> str:
        number = call.suffixes[0] or 1
        if number not in self.outputs:
            raise ScpiError(scpi.HEADER_SUFFIX_OUT_OF_RANGE)
        return self.integer(OVP_BIT if self.outputs[number].tripped else 0)

    def questionable(self) -> int:
        """Any output tripped."""
        return OVP_BIT if any(output.tripped for output in self.outputs.values()) else 0

    def reset(self) -> None:
        """Outputs off, 0 V, current limit and protection at their maximum."""
        self._selected = 1
        for output in self.outputs.values():
            output.defaults()
            self._drive(output)
