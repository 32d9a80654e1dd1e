"""Charger in the dialect of a TDK-Lambda Genesys+ on LAN (GH20-75, 20 V, 75 A, and its siblings).

Follows T1 (TDK-Lambda GENESYS LAN manual IA672-04-01 Rev. I, pp. 8, 34-36) and T2 (GH10-100 manual
4.7.8, 5.10); [u]: unverified. CR LF ends a reply; LF, CR or `;` end a command;
the 21st command without a query between is lost; one client at a time. Must not know what the
output feeds.

======================  ==========================================  ======
Figure                  Limit (half-width) or value (of a GH20-75)   Source
======================  ==========================================  ======
set voltage             ±0.05 % of 20 V = ±10 mV                     [u]
set current             ±0.2 % of 75 A = ±150 mA                     [u]
read-back voltage       ±10 mV, 1 mV noise rms                       [u]
read-back current       ±150 mA, 10 mA noise rms                     [u]
resolution              0.012 % of rating: 2.4 mV, 9 mA              [u]
rise and fall           10 ms (ramp of 20 steps)                [u]
latency                 55 ms for 90 %, 85 ms at most                T1
- `SYST:ERR?`, `*ESR?`  10 ms, 15 ms                                 T1
- `STAT:…:COND?`        35 ms, 60 ms                                 T1
- `INST:SEL`            260 ms, 410 ms                               T1
- `*IDN?`, `*OPC?`      125 ms, 135 ms; 3 ms, 4 ms                   T1
watchdog                1 to 3600 s                                  T2
======================  ==========================================  ======
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace

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
from rig.virtual.instruments.slew import Slew
from rig.virtual.kernel import Handle, Kernel

RATED_V, RATED_A = 20.0, 75.0
LEAST_OVP_V = 1.0  # [u]
VOLTAGE_ACCURACY = Accuracy(0.0, 0.0005 * RATED_V)  # set and read [u]
CURRENT_ACCURACY = Accuracy(0.0, 0.002 * RATED_A)  # set and read [u]
RESOLUTION = 0.00012  # of the rating [u]
VOLTAGE_NOISE_V, CURRENT_NOISE_A = 1e-3, 10e-3  # rms [u]
RISE_S = 10e-3  # programming response time [u]
OVP_MARGIN = 1.05  # OVP at least 105 % of the set voltage
OVP_DELAY_S = 2e-3  # [u]
LATENCIES = {  # T1: 90 % below the second, all below the third; the first is [u]
    "set": Latency(0.020, 0.055, 0.085),
    "query": Latency(0.020, 0.055, 0.085),
    "error": Latency(0.003, 0.010, 0.015),
    "condition": Latency(0.015, 0.035, 0.060),
    "select": Latency(0.100, 0.260, 0.410),
    "idn": Latency(0.080, 0.125, 0.135),
    "opc": Latency(0.001, 0.003, 0.004),
}
PV_ABOVE_OVP, PV_BELOW_UVL, OVP_BELOW_PV, UVL_ABOVE_PV, ON_DURING_FAULT = 301, 302, 304, 306, 307
OVER_VOLTAGE, WATCHDOG_TIMEOUT = 324, 342
ADDRESS = "06"
DIALECT = Dialect(
    idn="TDK-LAMBDA,GH{rating},LSN-000-VIRTUAL,G:03.110",  # [u exact]
    reply_end=b"\r\n",
    line_ends=b"\n\r;",
    error_format='{code},"{text};' + ADDRESS + '"',
    wording={
        **scpi.STANDARD_WORDING,
        PV_ABOVE_OVP: "PV Above OVP",
        PV_BELOW_UVL: "PV Below UVL",
        OVP_BELOW_PV: "OVP Below PV",
        UVL_ABOVE_PV: "UVL Above PV",
        ON_DURING_FAULT: "On During Fault",
        OVER_VOLTAGE: "Over-Voltage Protection",
        WATCHDOG_TIMEOUT: "Communication Watchdog Timeout",
    },
    error_depth=10,
    commands_between_queries=20,
    sessions=1,
)
OVP_BIT, WATCHDOG_BIT = 1 << 4, 1 << 15  # questionable condition; OVP's place [u]
CV_BIT, CC_BIT = 1 << 0, 1 << 1  # operation condition [u]


class Charger(ScpiInstrument):
    """A single-output supply.

    Parameters
    ----------
    apply
        Sets the power path: (on, volts, amps).
    measure
        Reads what the output really does: (volts, amps).
    rated
        Volts and amps, as in the model's name.
    """

    def __init__(  # noqa: PLR0913
        self,
        kernel: Kernel,
        clock: LocalClock,
        rng: random.Random,
        *,
        apply: Callable[[bool, float, float], None],
        measure: Callable[[], tuple[float, float]],
        rated: tuple[float, float] = (RATED_V, RATED_A),
    ) -> None:
        name = f"{rated[0]:g}-{rated[1]:g}"
        dialect = replace(DIALECT, idn=DIALECT.idn.format(rating=name))
        # Settable above the rating [u].
        self._most_v, self._most_a = rated[0] * 1.05, rated[1] * 1.05
        self._most_ovp_v = rated[0] * 1.1
        super().__init__(kernel, clock, rng, dialect, LATENCIES)
        self._measure = measure
        self._resolution_v, self._resolution_a = RESOLUTION * rated[0], RESOLUTION * rated[1]
        self._least_cc_a = max(0.002 * rated[1], 0.05)
        self._ramp = Slew(kernel, apply)
        volts, amps = Accuracy(0.0, 0.0005 * rated[0]), Accuracy(0.0, 0.002 * rated[1])  # [u]
        self._set_v, self._set_a = volts.draw(rng), amps.draw(rng)
        self._read_v, self._read_a = volts.draw(rng), amps.draw(rng)
        self._watchdog: Handle | None = None
        self._defaults()

    def _defaults(self) -> None:
        self.on, self.volts, self.amps = False, 0.0, 0.0
        self.ovp, self.uvl = self._most_ovp_v, 0.0
        self.watchdog_on, self.watchdog_s = False, 5.0
        self.faults = 0
        self._ovp_check: Handle | None = None

    def commands(self) -> Sequence[Command]:
        """The command set."""
        return [
            Command("OUTPut[:STATe]", self._switch, lambda _: f"{self.on:d}"),
            Command("OUTPut:PROTection:CLEar", self._clear_protection),
            Command("OUTPut:MODE", query=lambda _: self._mode()),
            *self._level_commands(),
            Command("MEASure[:SCALar]:VOLTage[:DC]", query=lambda _: f"{self._read()[0]:.3f}"),
            Command("MEASure[:SCALar]:CURRent[:DC]", query=lambda _: f"{self._read()[1]:.3f}"),
            Command("INSTrument[:NSELect]", self._select, lambda _: ADDRESS, "select", "select"),
            Command("INSTrument:SELect", self._select, lambda _: ADDRESS, "select", "select"),
            *self._system_commands(),
        ]

    def _level_commands(self) -> list[Command]:
        level = "[:LEVel][:IMMediate][:AMPLitude]"
        return [
            Command(
                f"[SOURce:]VOLTage{level}", self._set_volts, self._level("volts", 0.0, self._most_v)
            ),
            Command(
                f"[SOURce:]CURRent{level}", self._set_amps, self._level("amps", 0.0, self._most_a)
            ),
            Command(
                "[SOURce:]VOLTage:PROTection[:LEVel]",
                self._set_ovp,
                self._level("ovp", LEAST_OVP_V, self._most_ovp_v),
            ),
            Command(
                "[SOURce:]VOLTage:PROTection:TRIPped",
                query=lambda _: f"{bool(self.faults & OVP_BIT):d}",
            ),
            Command(
                "[SOURce:]VOLTage:LIMit:LOW", self._set_uvl, self._level("uvl", 0.0, self._most_v)
            ),
        ]

    def _system_commands(self) -> list[Command]:
        return [
            Command(
                "STATus:QUEStionable:CONDition",
                query=lambda _: str(self.faults),
                query_latency="condition",
            ),
            Command(
                "STATus:OPERation:CONDition",
                query=lambda _: str(self.operation()),
                query_latency="condition",
            ),
            Command(
                "SYSTem:COMMunicate:WATCHdog:STATe",
                self._set_watchdog,
                lambda _: f"{self.watchdog_on:d}",
            ),
            Command(
                "SYSTem:COMMunicate:WATCHdog:TIMe",
                self._set_watchdog_time,
                lambda _: f"{self.watchdog_s:g}",
            ),
            Command("SYSTem:REMote[:STATe]", lambda _: None, lambda _: "REM"),
            Command("SYSTem:VERSion", query=lambda _: "1999.0"),
        ]

    def _level(self, name: str, low: float, high: float) -> scpi.Query:
        def read(call: Call) -> str:
            limits = {"MIN": low, "MINIMUM": low, "MAX": high, "MAXIMUM": high}
            if call.arguments:
                return f"{limits[scpi.parse_choice(call.only(), ['MINimum', 'MAXimum'])]:.3f}"
            return f"{getattr(self, name):.3f}"

        return read

    def _set_volts(self, call: Call) -> None:
        volts = scpi.limit_or_number(call.only(), 0.0, self._most_v, "V")
        if volts * OVP_MARGIN > self.ovp + 1e-9 and volts > 0:
            raise ScpiError(PV_ABOVE_OVP)
        if volts < self.uvl:
            raise ScpiError(PV_BELOW_UVL)
        self.volts = volts
        self._drive()

    def _set_amps(self, call: Call) -> None:
        self.amps = scpi.limit_or_number(call.only(), 0.0, self._most_a, "A")
        self._drive()

    def _set_ovp(self, call: Call) -> None:
        ovp = scpi.limit_or_number(call.only(), LEAST_OVP_V, self._most_ovp_v, "V")
        if ovp < self.volts * OVP_MARGIN - 1e-9:
            raise ScpiError(OVP_BELOW_PV)
        self.ovp = ovp
        self._check_ovp()

    def _set_uvl(self, call: Call) -> None:
        uvl = scpi.limit_or_number(call.only(), 0.0, self._most_v, "V")
        if uvl > self.volts:
            raise ScpiError(UVL_ABOVE_PV)
        self.uvl = uvl

    def _switch(self, call: Call) -> None:
        on = scpi.parse_boolean(call.only())
        if on and self.faults:
            raise ScpiError(ON_DURING_FAULT)
        self.on = on
        self._drive()

    def _drive(self) -> None:
        if not self.on:
            self._ramp.off()
            return
        volts = self._set_v.apply(quantise(self.volts, self._resolution_v))
        amps = self._set_a.apply(quantise(self.amps, self._resolution_a))
        # At 0 A the offset error would push current backwards: the regulator can't.
        self._ramp.go(max(volts, 0.0), max(amps, 0.0), round(RISE_S * NS))
        self._check_ovp()

    def _check_ovp(self) -> None:
        """The terminals can be above the limit without our doing: a pack is connected to them."""
        if self._ovp_check is None and self.on:
            self._ovp_check = self.kernel.after(round(OVP_DELAY_S * NS), self._trip_on_overvoltage)

    def _trip_on_overvoltage(self) -> None:
        self._ovp_check = None
        if self.on and self._measure()[0] > self.ovp:
            self._shut_down(OVP_BIT, OVER_VOLTAGE)

    def _shut_down(self, bit: int, code: int) -> None:
        self.on = False
        self._ramp.off()
        self.faults |= bit
        self.post(ScpiError(code))

    def _clear_protection(self, call: Call) -> None:
        call.nothing()
        self.faults = 0
        self._feed_watchdog()

    def _read(self) -> tuple[float, float]:
        volts, amps = self._measure()
        volts = self._read_v.apply(volts) + self.rng.gauss(0.0, VOLTAGE_NOISE_V)
        amps = self._read_a.apply(amps) + self.rng.gauss(0.0, CURRENT_NOISE_A)
        return quantise(volts, self._resolution_v), quantise(amps, self._resolution_a)

    def _mode(self) -> str:
        if not self.on:
            return "OFF"
        return "CC" if self._measure()[1] > self.amps - self._least_cc_a else "CV"

    def questionable(self) -> int:
        """Faults."""
        return self.faults

    def operation(self) -> int:
        """Regulation mode."""
        return {"OFF": 0, "CV": CV_BIT, "CC": CC_BIT}[self._mode()]

    # Watchdog (T2): counts from the first command after it was enabled, even an invalid one.

    def on_traffic(self) -> None:
        """Anything received starts the watchdog's time again."""
        self._feed_watchdog()

    def _set_watchdog(self, call: Call) -> None:
        self.watchdog_on = scpi.parse_boolean(call.only())
        if not self.watchdog_on:
            self._stop_watchdog()
            self.faults &= ~WATCHDOG_BIT

    def _set_watchdog_time(self, call: Call) -> None:
        self.watchdog_s = scpi.limit_or_number(call.only(), 1.0, 3600.0, "S")

    def _feed_watchdog(self) -> None:
        self._stop_watchdog()
        if self.watchdog_on:
            self._watchdog = self.kernel.after(round(self.watchdog_s * NS), self._bite)

    def _stop_watchdog(self) -> None:
        if self._watchdog is not None:
            self._watchdog.cancel()
            self._watchdog = None

    def _bite(self) -> None:
        self._watchdog = None
        self._shut_down(WATCHDOG_BIT, WATCHDOG_TIMEOUT)

    def _select(self, call: Call) -> None:
        if int(scpi.parse_number(call.only())) != int(ADDRESS):
            raise ScpiError(scpi.DATA_OUT_OF_RANGE)

    def reset(self) -> None:
        """Output off, all levels 0, protection at its maximum, watchdog off."""
        self._stop_watchdog()
        self._defaults()
        self._ramp.off()
