"""Cell emulator in the dialect of the NGI N83624 (24 channels, model N83624-06-05).

Follows NGI's "N83624 Series Programming Guide SCPI" V20240130 (N1), and the limits of the driver in
ami3go/NGI-N83624-Battery-simulator (N2); [u]: unverified. Volts, but milliamperes and milliohms.
There is no `SYST:ERR?`: what the instrument refuses, it refuses in silence, and a query that it
doesn't know is never answered. Must not know what is wired to its channels.

=====================  ==========================================  ======
Figure                 Limit (half-width) or value                  Source
=====================  ==========================================  ======
set voltage            ±(0.01 % + 0.6 mV)                           [u]
set resolution         0.1 mV                                       [u]
read-back voltage      ±(0.01 % + 0.6 mV), 0.1 mV noise rms         [u]
read-back current      ±(0.05 % + 1 mA), 0.1 mA noise rms           [u]
slew, settling         500 V/s, then one pole of 0.2 ms             [u]
output off             one pole of 5 ms towards 0 V                 [u]
age of a reading       0 to 10, 120 or 480 ms (`MEAS:CAPR 0|1|2`)   N1
latency                set 5-15 ms (25), query 8-20 ms (40)         [u]
`*RST`                 10 s                                         N1
ranges                 0-6 V, 1 A source, 5 A charge                N2
=====================  ==========================================  ======
"""

import random
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
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
    quantise,
)
from rig.virtual.instruments.scpi import Call, Command, ScpiError
from rig.virtual.kernel import Handle, Kernel
from rig.virtual.signal import Signal

CHANNELS = 24
MOST_VOLTS = 6.0  # N2: driver's limits for the -06-05 model
MOST_SOURCE_MA = 1000.0  # N2
MOST_CHARGE_MA = 5000.0  # N2
MOST_MOHM = 10_000.0  # [u]
SET_ACCURACY = Accuracy(1e-4, 0.6e-3)  # [u]
SET_RESOLUTION_V = 1e-4  # [u]
READ_ACCURACY = Accuracy(1e-4, 0.6e-3)  # [u]
READ_NOISE_V = 1e-4  # rms [u]
CURRENT_ACCURACY = Accuracy(5e-4, 1e-3)  # A [u]
CURRENT_NOISE_A = 1e-4  # rms [u]
SLEW_V_PER_S = 500.0  # [u]
SETTLING_TAU_S = 0.2e-3  # [u]
OFF_TAU_S = 5e-3  # [u]
RELAY_S = 5e-3  # fault relay operates [u]
DEAD_V, DEAD_A = 0.05, 0.005  # terminals count as dead below both [u]
READ_PERIODS_S = (0.010, 0.120, 0.480)  # N1: MEAS:CAPR
RESET_S = 10.0  # N1
LATENCIES = {
    "set": Latency(0.005, 0.015, 0.025),  # [u]
    "query": Latency(0.008, 0.020, 0.040),  # [u]
    "opc": Latency(0.002, 0.005, 0.010),  # [u]
    "reset": Latency(RESET_S, RESET_S, RESET_S),
}
DIALECT = Dialect(idn="NGI,N83624,0,V1.00", has_error_query=False, list_ranges=False)

SOURCE, CHARGE, SOC = 0, 1, 3
NO_FAULT, OPEN_PLUS, OPEN_MINUS, SHORT, REVERSED = 0, 1, 4, 8, 96
ON, OVP, OCP, OPP, OTP, RELAY_LIVE, RELAY_MODE = (1 << bit for bit in range(7))
_RANGE_BITS = {0: 0, 3: 0, 2: 1 << 18}  # bits 16-18: measuring range in use
SOC_PERIOD_NS = 100_000_000  # how often the SOC model moves on [u]


@dataclass(slots=True)
class SocStep:
    """A row of a SOC table: charge, open-circuit voltage and resistance."""

    mah: float = 0.0
    volts: float = 0.0
    mohm: float = 0.0


@dataclass(slots=True)
class SocTable:
    """The table of a channel, and where on it the channel is."""

    rows: list[SocStep] = field(default_factory=lambda: [SocStep()])
    edited: int = 1
    mah: float = 0.0

    def row(self) -> SocStep:
        """The row being edited."""
        return self.rows[self.edited - 1]

    def now(self) -> SocStep:
        """Interpolate the table at the present charge."""
        charges = [row.mah for row in self.rows]
        above = bisect_right(charges, self.mah)
        if above == 0 or above == len(charges):
            return self.rows[min(above, len(charges) - 1)]
        low, high = self.rows[above - 1], self.rows[above]
        part = (self.mah - low.mah) / (high.mah - low.mah)
        volts = low.volts + part * (high.volts - low.volts)
        return SocStep(self.mah, volts, low.mohm + part * (high.mohm - low.mohm))

    def start_at(self, volts: float) -> None:
        """Put the charge where the table has this open-circuit voltage."""
        for low, high in zip(self.rows, self.rows[1:], strict=False):
            if low.volts <= volts <= high.volts and high.volts > low.volts:
                part = (volts - low.volts) / (high.volts - low.volts)
                self.mah = low.mah + part * (high.mah - low.mah)
                return
        self.mah = self.rows[0 if volts < self.rows[0].volts else -1].mah


@dataclass(slots=True)
class ChannelSettings:
    """What `*RST` puts back."""

    mode: int = SOURCE
    on: bool = False
    volts: float = 0.0
    most_ma: float = MOST_SOURCE_MA
    current_range: int = 3
    charge_volts: float = 0.0
    charge_ma: float = MOST_CHARGE_MA
    charge_mohm: float = 0.0
    read_rate: int = 0
    delay_us: float = 0.0
    ovp_v: float = 0.0  # 0: off
    ocp_ma: float = 0.0
    opp_mw: float = 0.0
    soc: SocTable = field(default_factory=SocTable)


@dataclass(slots=True)
class Channel:
    """One output: its terminals, its unit's errors, and its settings."""

    number: int
    signal: Signal
    current: Signal
    set_error: UnitError
    read_error: UnitError
    current_error: UnitError
    phase_ns: int
    settings: ChannelSettings = field(default_factory=ChannelSettings)
    fault: int = NO_FAULT
    tripped: int = 0
    events: int = 0
    pending: Handle | None = None
    target: float = 0.0
    sample: tuple[int, float, float] = (-1, 0.0, 0.0)


class CellEmulator(ScpiInstrument):
    """24 cell channels.

    Parameters
    ----------
    channels
        Terminal voltage of a channel, V, which this instrument drives; a channel left out has
        nothing connected.
    currents
        Current drawn from a channel, A (negative: pushed into it).
    open_relay
        Called with the channel and whether its lead is broken, when a fault relay moves.
    """

    def __init__(  # noqa: PLR0913 - wiring: one argument for each kind of net
        self,
        kernel: Kernel,
        clock: LocalClock,
        rng: random.Random,
        *,
        channels: Mapping[int, Signal],
        currents: Mapping[int, Signal] | None = None,
        open_relay: Callable[[int, bool], None] | None = None,
    ) -> None:
        super().__init__(kernel, clock, rng, DIALECT, LATENCIES)
        self._open_relay = open_relay or (lambda _channel, _open: None)
        amps = currents or {}
        self.channels = {n: self._channel(n, channels, amps) for n in range(1, CHANNELS + 1)}
        for channel in self.channels.values():
            channel.current.on_change(lambda c=channel: self._load_changed(c))  # type: ignore[misc]
        self._soc_running: Handle | None = None
        self.disconnect_action = False  # HMI:DISC:ENAB; what it does isn't documented [u]

    def _channel(
        self, number: int, volts: Mapping[int, Signal], amps: Mapping[int, Signal]
    ) -> Channel:
        nothing = Signal(self.kernel, f"emulator {number} current", "A", 0.0)
        terminals = Signal(self.kernel, f"emulator {number}", "V", 0.0)
        return Channel(
            number,
            volts.get(number, terminals),
            amps.get(number, nothing),
            SET_ACCURACY.draw(self.rng),
            READ_ACCURACY.draw(self.rng),
            CURRENT_ACCURACY.draw(self.rng),
            _drawn_phase_ns(self.rng),
        )

    def draw_from(self, rng: random.Random) -> None:
        """Draw the moments at which the ADCs sample anew, too."""
        super().draw_from(rng)
        for channel in self.channels.values():
            channel.phase_ns = _drawn_phase_ns(rng)

    def commands(self) -> Sequence[Command]:
        """The command set."""
        return [
            *self._output_commands(),
            *self._level_commands(),
            *self._measure_commands(),
            *self._soc_commands(),
        ]

    def _output_commands(self) -> list[Command]:
        return [
            Command(
                "OUTPut#:ONOFF", self._each(self._switch), self._read(lambda c: int(c.settings.on))
            ),
            Command(
                "OUTPut#:MODE", self._each(self._set_mode), self._read(lambda c: c.settings.mode)
            ),
            Command("OUTPut#:STATe", query=self._read(self._status)),
            Command("OUTPut#:EVENt", query=self._read(self._take_events)),
            Command("OUTPut#:ONDWell", *self._number("delay_us", 1e9)),
            Command(
                "FAULt#:SIMUlation", self._each(self._set_fault), self._read(lambda c: c.fault)
            ),
            Command(
                "HMI:DISConnect:ENABle",
                self._set_disconnect,
                lambda _: f"{self.disconnect_action:d}",
            ),
        ]

    def _level_commands(self) -> list[Command]:
        return [
            Command("SOURce#:VOLTage", *self._number("volts", MOST_VOLTS, "{:.4f}")),
            Command("SOURce#:OUTCURRent", *self._number("most_ma", MOST_SOURCE_MA, "{:.2f}")),
            Command(
                "SOURce#:RANGe",
                self._each(self._set_range),
                self._read(lambda c: c.settings.current_range),
            ),
            Command("CHARge#:VOLTage", *self._number("charge_volts", MOST_VOLTS, "{:.4f}")),
            Command("CHARge#:OUTCURRent", *self._number("charge_ma", MOST_CHARGE_MA, "{:.2f}")),
            Command("CHARge#:R", *self._number("charge_mohm", MOST_MOHM, "{:.2f}")),
            Command("PROtect#:VOLTage", *self._number("ovp_v", MOST_VOLTS * 1.1, "{:.4f}")),
            Command("PROtect#:CURRent", *self._number("ocp_ma", MOST_CHARGE_MA * 1.1, "{:.2f}")),
            Command("PROtect#:POWEr", *self._number("opp_mw", 33_000.0, "{:.2f}")),
        ]

    def _measure_commands(self) -> list[Command]:
        return [
            Command(
                "MEASure#:CAPRate",
                self._each(self._set_rate),
                self._read(lambda c: c.settings.read_rate),
            ),
            Command("MEASure#:VOLTage", query=self._read(lambda c: f"{self._sampled(c)[0]:.4f}")),
            Command(
                "MEASure#:CURRent", query=self._read(lambda c: f"{1e3 * self._sampled(c)[1]:.2f}")
            ),
            Command("MEASure#:POWer", query=self._read(self._power)),
        ]

    def _soc_commands(self) -> list[Command]:
        return [
            Command(
                "SOC#:EDIT:LENGth",
                self._each(self._set_length),
                self._read(lambda c: len(c.settings.soc.rows)),
            ),
            Command(
                "SOC#:EDIT:STEP",
                self._each(self._set_step),
                self._read(lambda c: c.settings.soc.edited),
            ),
            Command("SOC#:EDIT:VOLTage", *self._row("volts", MOST_VOLTS, "{:.4f}")),
            Command("SOC#:EDIT:R", *self._row("mohm", MOST_MOHM, "{:.2f}")),
            Command("SOC#:EDIT:Q", *self._row("mah", 1e7, "{:.3f}")),
            Command("SOC#:EDIT:SVOLtage", self._each(self._set_start)),
            Command(
                "SOC#:OPEN:VOLTage", query=self._read(lambda c: f"{c.settings.soc.now().volts:.4f}")
            ),
            Command(
                "SOC#:SIMulation:RESistance",
                query=self._read(lambda c: f"{c.settings.soc.now().mohm:.2f}"),
            ),
            Command("SOC#:RUN:Q", query=self._read(lambda c: f"{c.settings.soc.mah:.3f}")),
        ]

    # Addressing: `SOUR3:VOLT 3.65` or `SOUR:VOLT 3.65(@1,2,3)`.

    def _addressed(self, call: Call) -> list[Channel]:
        numbers = call.channels or (call.suffixes[0] or 1,)
        if any(n not in self.channels for n in numbers):
            raise ScpiError(scpi.HEADER_SUFFIX_OUT_OF_RANGE)
        return [self.channels[n] for n in numbers]

    def _each(self, action: Callable[[Channel, float], None]) -> scpi.Set:
        def apply(call: Call) -> None:
            value = scpi.parse_number(call.only())
            for channel in self._addressed(call):
                action(channel, value)

        return apply

    def _read(self, value: Callable[[Channel], object]) -> scpi.Query:
        return lambda call: ",".join(str(value(channel)) for channel in self._addressed(call))

    def _number(self, name: str, most: float, form: str = "{:g}") -> tuple[scpi.Set, scpi.Query]:
        def change(channel: Channel, value: float) -> None:
            setattr(channel.settings, name, scpi.within(value, 0.0, most))
            self._drive(channel)

        return self._each(change), self._read(lambda c: form.format(getattr(c.settings, name)))

    def _row(self, name: str, most: float, form: str) -> tuple[scpi.Set, scpi.Query]:
        def change(channel: Channel, value: float) -> None:
            setattr(channel.settings.soc.row(), name, scpi.within(value, 0.0, most))

        return self._each(change), self._read(
            lambda c: form.format(getattr(c.settings.soc.row(), name))
        )

    # Settings with rules of their own.

    def _switch(self, channel: Channel, value: float) -> None:
        on = value != 0
        if on and not channel.settings.on:
            channel.tripped = 0
        delay_ns = round(channel.settings.delay_us * 1000) if on else 0
        self._cancel(channel)
        if delay_ns:
            channel.pending = self.kernel.after(delay_ns, lambda: self._turn(channel, on=on))
        else:
            self._turn(channel, on=on)

    def _turn(self, channel: Channel, *, on: bool) -> None:
        channel.settings.on = on
        channel.events |= ON if on else 0
        self._drive(channel)
        self._run_soc()

    def _set_mode(self, channel: Channel, value: float) -> None:
        if value not in {SOURCE, CHARGE, SOC}:
            raise ScpiError(scpi.DATA_OUT_OF_RANGE)
        if channel.settings.on:  # N1 shows every mode change with the output off first
            raise ScpiError(scpi.SETTINGS_CONFLICT)
        channel.settings.mode = int(value)

    def _set_range(self, channel: Channel, value: float) -> None:
        if value not in _RANGE_BITS:
            raise ScpiError(scpi.DATA_OUT_OF_RANGE)
        channel.settings.current_range = int(value)

    def _set_rate(self, channel: Channel, value: float) -> None:
        channel.settings.read_rate = int(scpi.within(value, 0, len(READ_PERIODS_S) - 1))

    def _set_fault(self, channel: Channel, value: float) -> None:
        if value not in {NO_FAULT, OPEN_PLUS, OPEN_MINUS, SHORT, REVERSED}:
            raise ScpiError(scpi.DATA_OUT_OF_RANGE)
        if channel.settings.mode != SOURCE:
            channel.events |= RELAY_MODE
        elif self._is_live(channel):
            channel.events |= RELAY_LIVE
        else:
            channel.fault = int(value)
            self.kernel.after(round(RELAY_S * NS), lambda: self._move_relay(channel))

    def _is_live(self, channel: Channel) -> bool:
        dead = abs(channel.signal.value()) < DEAD_V and abs(channel.current.value()) < DEAD_A
        return channel.settings.on or not dead

    def _move_relay(self, channel: Channel) -> None:
        self._open_relay(channel.number, channel.fault in {OPEN_PLUS, OPEN_MINUS})
        self._drive(channel)

    def _set_disconnect(self, call: Call) -> None:
        self.disconnect_action = scpi.parse_boolean(call.only())

    def _set_length(self, channel: Channel, value: float) -> None:
        count = int(scpi.within(value, 1, 200))
        rows = channel.settings.soc.rows
        rows[:] = [rows[i] if i < len(rows) else SocStep() for i in range(count)]

    def _set_step(self, channel: Channel, value: float) -> None:
        channel.settings.soc.edited = int(scpi.within(value, 1, len(channel.settings.soc.rows)))

    def _set_start(self, channel: Channel, value: float) -> None:
        channel.settings.soc.start_at(scpi.within(value, 0.0, MOST_VOLTS))

    # The output.

    def _drive(self, channel: Channel) -> None:
        on = channel.settings.on
        volts = self._loaded_volts(channel) if on else 0.0
        if volts != channel.target:
            channel.target = volts
            tau_s = SETTLING_TAU_S if on else OFF_TAU_S
            channel.signal.approach(volts, slew=SLEW_V_PER_S, tau_s=tau_s)
        if on:
            self._watch(channel, volts)

    def _loaded_volts(self, channel: Channel) -> float:
        settings, amps = channel.settings, channel.current.value()
        volts, most_a = settings.volts, settings.most_ma / 1e3
        if settings.mode == CHARGE:
            volts = settings.charge_volts - amps * settings.charge_mohm / 1e3
            most_a = settings.charge_ma / 1e3
        elif settings.mode == SOC:
            row = settings.soc.now()
            volts, most_a = row.volts - amps * row.mohm / 1e3, MOST_CHARGE_MA / 1e3
        out = channel.set_error.apply(quantise(volts, SET_RESOLUTION_V))
        if amps > most_a:  # constant current: the load, taken as a resistor, pulls it down
            out *= most_a / amps
        return _faulted(channel.fault, out)

    def _load_changed(self, channel: Channel) -> None:
        if channel.settings.on:
            self._drive(channel)

    def _watch(self, channel: Channel, volts: float) -> None:
        """Protections look at the reading, so they act at its rate [u]."""
        bits = _violated(channel.settings, volts, abs(channel.current.value()))
        if not bits or channel.tripped:
            return
        period_ns = round(READ_PERIODS_S[channel.settings.read_rate] * NS)
        self._cancel(channel)
        channel.pending = self.kernel.after(period_ns, lambda: self._protect(channel))

    def _protect(self, channel: Channel) -> None:
        amps = abs(channel.current.value())
        bits = _violated(channel.settings, channel.signal.value(), amps)
        if bits and channel.settings.on:
            channel.tripped |= bits
            channel.events |= bits
            self._turn(channel, on=False)

    def _cancel(self, channel: Channel) -> None:
        if channel.pending is not None:
            channel.pending.cancel()
            channel.pending = None

    # Read-back.

    def _sampled(self, channel: Channel) -> tuple[float, float]:
        """The newest sample of the channel's slow ADC, V and A; its age is hidden."""
        period_ns = round(READ_PERIODS_S[channel.settings.read_rate] * NS)
        index, phase_ns = divmod(self.kernel.now_ns - channel.phase_ns, period_ns)
        if channel.sample[0] != index:
            at_ns = max(self.kernel.now_ns - phase_ns, 0)
            volts = channel.read_error.apply(channel.signal.value_at(at_ns))
            amps = channel.current_error.apply(channel.current.value_at(at_ns))
            volts += self.rng.gauss(0.0, READ_NOISE_V)
            channel.sample = (index, volts, amps + self.rng.gauss(0.0, CURRENT_NOISE_A))
        return channel.sample[1], channel.sample[2]

    def _power(self, channel: Channel) -> str:
        volts, amps = self._sampled(channel)
        return f"{volts * amps:.4f}"

    def _status(self, channel: Channel) -> int:
        state = channel.tripped | _RANGE_BITS[channel.settings.current_range]
        return state | (ON if channel.settings.on else 0)

    def _take_events(self, channel: Channel) -> int:
        events, channel.events = channel.events, 0  # reading clears [u]
        return events

    # The SOC model.

    def _run_soc(self) -> None:
        running = any(self._follows_soc(c) for c in self.channels.values())
        if running and self._soc_running is None:
            self._soc_running = self.kernel.every(SOC_PERIOD_NS, self._move_soc)
        elif not running and self._soc_running is not None:
            self._soc_running.cancel()
            self._soc_running = None

    def _follows_soc(self, channel: Channel) -> bool:
        return channel.settings.on and channel.settings.mode == SOC

    def _move_soc(self) -> None:
        hours = SOC_PERIOD_NS / NS / 3600.0
        for channel in self.channels.values():
            if self._follows_soc(channel):
                channel.settings.soc.mah -= 1e3 * channel.current.value() * hours
                self._drive(channel)

    def reset(self) -> None:
        """Back to the factory's settings: outputs and protections off, fault relays released."""
        for channel in self.channels.values():
            self._cancel(channel)
            channel.settings = ChannelSettings()
            channel.fault, channel.tripped, channel.events = NO_FAULT, 0, 0
            self._move_relay(channel)
        self._run_soc()


def _drawn_phase_ns(rng: random.Random) -> int:
    return rng.randrange(10_000_000)


def _faulted(fault: int, volts: float) -> float:
    if fault == SHORT:
        return 0.0
    return -volts if fault == REVERSED else volts


def _violated(settings: ChannelSettings, volts: float, amps: float) -> int:
    bits = OVP if settings.ovp_v and volts > settings.ovp_v else 0
    bits |= OCP if settings.ocp_ma and amps * 1e3 > settings.ocp_ma else 0
    return bits | (OPP if settings.opp_mw and volts * amps * 1e3 > settings.opp_mw else 0)
