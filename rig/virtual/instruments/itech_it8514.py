"""Electronic load in the SCPI dialect of an ITECH IT8514C+ (IT8500+ series; 120 V, 240 A, 1500 W).

Follows the ITECH IT8500+ programming guide V2.0 (December 2022); constant current only: the other
modes are refused as illegal parameters, which the real one would not do. [u]: not verified by a
source. Must not know what is connected to its input.

======================  ==========================================  ======
Figure                  Limit (half-width) or value                  Source
======================  ==========================================  ======
set current             ±(0.05 % + 0.05 % of range)                  [u]
read-back current       ±(0.05 % + 0.05 % of range)                  [u]
read-back voltage       ±(0.025 % + 0.025 % of 120 V)                [u]
ranges                  24 A and 240 A                               [u]
resolution              1 mA and 10 mA; 10 mV                        [u]
slew                    0.001 to 2.5 A/µs, default 0.1 A/µs          [u]
latency                 set 5-15 ms (30), query 8-20 ms (50)         [u]
protection              acts on readings taken every 10 ms           [u]
======================  ==========================================  ======
"""

import random
from collections.abc import Callable, Sequence

from rig.virtual.clock import LocalClock
from rig.virtual.instruments import scpi
from rig.virtual.instruments.instrument import (
    NS,
    Accuracy,
    Dialect,
    Latency,
    ScpiInstrument,
    quantise,
)
from rig.virtual.instruments.scpi import Call, Command, ScpiError
from rig.virtual.kernel import Handle, Kernel

RATED_V, LOW_RANGE_A, HIGH_RANGE_A, RATED_W = 120.0, 24.0, 240.0, 1500.0  # low range [u]
SET_ACCURACY = {a: Accuracy(5e-4, 5e-4 * a) for a in (LOW_RANGE_A, HIGH_RANGE_A)}  # [u]
READ_ACCURACY = SET_ACCURACY  # [u]
VOLTAGE_ACCURACY = Accuracy(2.5e-4, 2.5e-4 * RATED_V)  # [u]
RESOLUTION_A = {LOW_RANGE_A: 1e-3, HIGH_RANGE_A: 1e-2}  # [u]
VOLTAGE_RESOLUTION_V = 1e-2  # [u]
NOISE_A, NOISE_V = 5e-3, 5e-3  # rms of a reading [u]
LEAST_SLEW, MOST_SLEW, USUAL_SLEW = 0.001, 2.5, 0.1  # A/µs [u]
CHECK_S = 10e-3  # how often protection looks [u]
LATENCIES = {
    "set": Latency(0.005, 0.015, 0.030),  # [u]
    "query": Latency(0.008, 0.020, 0.050),  # [u]
    "opc": Latency(0.003, 0.006, 0.010),  # [u]
    "reset": Latency(0.100, 0.200, 0.300),  # [u]
}
DIALECT = Dialect(idn="ITECH Ltd.,IT8514C+,802201,1.30", no_error="0,'No Error'")
OCP_BIT, OPP_BIT, OVP_BIT = 1 << 1, 1 << 3, 1 << 0  # questionable condition [u]


class ElectronicLoad(ScpiInstrument):
    """A load that draws a constant current.

    Parameters
    ----------
    apply
        Sets the power path: (on, amps, amps per second).
    measure
        Reads the input: (volts, amps drawn).
    """

    def __init__(
        self,
        kernel: Kernel,
        clock: LocalClock,
        rng: random.Random,
        *,
        apply: Callable[[bool, float, float], None],
        measure: Callable[[], tuple[float, float]],
    ) -> None:
        super().__init__(kernel, clock, rng, DIALECT, LATENCIES)
        self._apply, self._measure = apply, measure
        self._set_error = {a: limit.draw(rng) for a, limit in SET_ACCURACY.items()}
        self._read_error = {a: limit.draw(rng) for a, limit in READ_ACCURACY.items()}
        self._volt_error = VOLTAGE_ACCURACY.draw(rng)
        self._checks: Handle | None = None
        self._defaults()

    def _defaults(self) -> None:
        self.on, self.shorted, self.amps, self.range_a = False, False, 0.0, HIGH_RANGE_A
        self.slew = USUAL_SLEW
        self.ocp_on, self.ocp_a, self.ocp_delay_s = False, HIGH_RANGE_A * 1.05, 3.0
        self.opp_w, self.opp_delay_s = RATED_W * 1.05, 3.0
        self.tripped = 0
        self._over_since: dict[int, int] = {}

    def commands(self) -> Sequence[Command]:
        """The command set."""
        return [
            Command("SYSTem:REMote", lambda _: None),
            Command("SYSTem:LOCal", lambda _: None),
            Command("SYSTem:RWLock", lambda _: None),
            Command("SYSTem:VERSion", query=lambda _: "1999.0"),
            Command("[SOURce:]INPut[:STATe]", self._switch, lambda _: f"{self.on:d}"),
            Command("[SOURce:]INPut:SHORt[:STATe]", self._short, lambda _: f"{self.shorted:d}"),
            Command("[SOURce:]FUNCtion[:MODE]", self._set_function, lambda _: "CURRENT"),
            *self._current_commands(),
            *self._protection_commands(),
            Command("MEASure[:SCALar]:VOLTage[:DC]", query=lambda _: f"{self._read_volts():.2f}"),
            Command("MEASure[:SCALar]:CURRent[:DC]", query=lambda _: f"{self._read_amps():.3f}"),
            Command(
                "MEASure[:SCALar]:POWer[:DC]",
                query=lambda _: f"{self._read_volts() * self._read_amps():.2f}",
            ),
            Command("STATus:QUEStionable:CONDition", query=lambda _: str(self.tripped)),
        ]

    def _current_commands(self) -> list[Command]:
        level = "[SOURce:]CURRent[:LEVel][:IMMediate][:AMPLitude]"
        return [
            Command(level, self._set_amps, self._level(lambda: self.amps, lambda: self.range_a)),
            Command("[SOURce:]CURRent:RANGe", self._set_range, lambda _: f"{self.range_a:.3f}"),
            Command("[SOURce:]CURRent:SLEW[:BOTH]", self._set_slew, lambda _: f"{self.slew:.4f}"),
        ]

    def _protection_commands(self) -> list[Command]:
        return [
            Command(
                "[SOURce:]CURRent:PROTection[:LEVel]", self._set_ocp, lambda _: f"{self.ocp_a:.3f}"
            ),
            Command(
                "[SOURce:]CURRent:PROTection:DELay",
                self._set_ocp_delay,
                lambda _: f"{self.ocp_delay_s:.3f}",
            ),
            Command(
                "[SOURce:]CURRent:PROTection:STATe",
                self._set_ocp_state,
                lambda _: f"{self.ocp_on:d}",
            ),
            Command(
                "[SOURce:]POWer:PROTection[:LEVel]", self._set_opp, lambda _: f"{self.opp_w:.2f}"
            ),
            Command(
                "[SOURce:]POWer:PROTection:DELay",
                self._set_opp_delay,
                lambda _: f"{self.opp_delay_s:.3f}",
            ),
            Command("[SOURce:]INPut:PROTection:CLEar", self._clear),
            Command("PROTection:CLEar", self._clear),
        ]

    def _level(self, value: Callable[[], float], most: Callable[[], float]) -> scpi.Query:
        def read(call: Call) -> str:
            choice = (
                scpi.parse_choice(call.only(), ["MINimum", "MAXimum"]) if call.arguments else ""
            )
            return f"{ {'MIN': 0.0, 'MAX': most()}.get(choice, value()):.3f}"

        return read

    def _set_function(self, call: Call) -> None:
        scpi.parse_choice(call.only(), ["CURRent"])

    def _set_range(self, call: Call) -> None:
        amps = scpi.limit_or_number(call.only(), 0.0, HIGH_RANGE_A, "A")
        if self.on:
            raise ScpiError(scpi.SETTINGS_CONFLICT)
        self.range_a = LOW_RANGE_A if amps <= LOW_RANGE_A else HIGH_RANGE_A
        self.amps = min(self.amps, self.range_a)

    def _set_amps(self, call: Call) -> None:
        amps = scpi.limit_or_number(call.only(), 0.0, self.range_a, "A")
        self.amps = quantise(amps, RESOLUTION_A[self.range_a])
        self._drive()

    def _set_slew(self, call: Call) -> None:
        self.slew = scpi.limit_or_number(call.only(), LEAST_SLEW, MOST_SLEW)
        self._drive()

    def _set_ocp(self, call: Call) -> None:
        self.ocp_a = scpi.limit_or_number(call.only(), 0.0, HIGH_RANGE_A * 1.05, "A")

    def _set_ocp_delay(self, call: Call) -> None:
        self.ocp_delay_s = scpi.limit_or_number(call.only(), 0.0, 60.0, "S")

    def _set_ocp_state(self, call: Call) -> None:
        self.ocp_on = scpi.parse_boolean(call.only())

    def _set_opp(self, call: Call) -> None:
        self.opp_w = scpi.limit_or_number(call.only(), 0.0, RATED_W * 1.05, "W")

    def _set_opp_delay(self, call: Call) -> None:
        self.opp_delay_s = scpi.limit_or_number(call.only(), 0.0, 60.0, "S")

    def _switch(self, call: Call) -> None:
        self.on = scpi.parse_boolean(call.only()) and not self.tripped
        self._drive()

    def _short(self, call: Call) -> None:
        """The load's own short: as much as it can draw."""
        self.shorted = scpi.parse_boolean(call.only())
        self._drive()

    def _clear(self, call: Call) -> None:
        call.nothing()
        self.tripped = 0
        self._over_since.clear()

    def _drive(self) -> None:
        amps = HIGH_RANGE_A if self.shorted else self.amps
        drawn = max(self._set_error[self.range_a].apply(amps), 0.0) if amps else 0.0
        self._apply(self.on, drawn if self.on else 0.0, self.slew * 1e6)
        can_trip = self.on and drawn > 0.0  # at 0 A neither current nor power can be too high
        if can_trip and self._checks is None:
            self._checks = self.kernel.every(round(CHECK_S * NS), self._protect)
        elif not can_trip and self._checks is not None:
            self._checks.cancel()
            self._checks = None

    def _protect(self) -> None:
        volts, amps = self._measure()
        self._watch(OCP_BIT, self.ocp_delay_s, over=self.ocp_on and amps > self.ocp_a)
        self._watch(OPP_BIT, self.opp_delay_s, over=volts * amps > self.opp_w)
        self._watch(OVP_BIT, 0.0, over=volts > RATED_V)

    def _watch(self, bit: int, delay_s: float, *, over: bool) -> None:
        if not over:
            self._over_since.pop(bit, None)
            return
        since_ns = self._over_since.setdefault(bit, self.kernel.now_ns)
        if self.on and self.kernel.now_ns - since_ns >= delay_s * NS:
            self.tripped |= bit
            self.on = False
            self._drive()

    def _read_volts(self) -> float:
        volts = self._volt_error.apply(self._measure()[0]) + self.rng.gauss(0.0, NOISE_V)
        return max(quantise(volts, VOLTAGE_RESOLUTION_V), 0.0)

    def _read_amps(self) -> float:
        amps = self._read_error[self.range_a].apply(self._measure()[1])
        return quantise(amps + self.rng.gauss(0.0, NOISE_A), RESOLUTION_A[self.range_a])

    def questionable(self) -> int:
        """What tripped."""
        return self.tripped

    def reset(self) -> None:
        """Input off, 0 A, high range, protections at their maximum."""
        self._defaults()
        self._drive()
