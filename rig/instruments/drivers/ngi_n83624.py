"""NGI N83624, 24 isolated cell channels, model N83624-06-05; TCP port 7000.

Dialect: NGI "N83624 Series Programming Guide SCPI" V20240130: volts, but milliamperes; no error
queue, so that reading back is the only proof; a query that it does not know is never answered.
Figures marked [u] are unverified.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from rig.clock import Clock
from rig.errors import BenchError
from rig.instruments.capabilities import Identity, Measured
from rig.instruments.dialect import (
    Accuracy,
    ScpiSetting,
    channel_list,
    check_model,
    identify,
    refused,
)
from rig.instruments.session import Framing, Session

FRAMING = Framing(timeout_s=6.0)  # N2: reading 24 currents may take 4.5 s

SET_ACCURACY = Accuracy(reading=1e-4, offset=0.6e-3)  # V [u]
READ_ACCURACY = Accuracy(reading=1e-4, offset=0.6e-3)  # V [u]
CURRENT_ACCURACY = Accuracy(reading=5e-4, offset=1e-3)  # A [u]
SETTLE_S = 12e-3  # 6 V at 500 V/s, and what follows it [u]
RELAY_S = 5e-3  # a fault relay operates [u]
DEAD_V = 0.03  # its relays move below 50 mV [u]; the reading is 10 ms old and 0.6 mV wrong
DEAD_WITHIN_S = 5.0  # an unloaded output falls 20 to 30 times slower than it rises
PRESENT_WITHIN_S = 1.0  # a query that a unit without the option does not know is never answered

# `SOUR:VOLT 3.65(@1,2,3)`: no comma before the list.
VOLTAGE = ScpiSetting(
    command="SOUR:VOLT {value:.4f}{channel}", readback="SOUR:VOLT?{channel}",
    unit="V", low=0.0, high=6.0, resolution=1e-4,
)  # fmt: skip
CURRENT_LIMIT = ScpiSetting(
    command="SOUR:OUTCURR {value:.2f}{channel}", readback="SOUR:OUTCURR?{channel}",
    unit="A", low=0.0, high=1.0, resolution=1e-4, scale=1e-3,
)  # fmt: skip
OVP = ScpiSetting(
    command="PRO:VOLT {value:.4f}{channel}", readback="PRO:VOLT?{channel}",
    unit="V", low=0.0, high=6.6, resolution=1e-3,
)  # fmt: skip
OCP = ScpiSetting(
    command="PRO:CURR {value:.2f}{channel}", readback="PRO:CURR?{channel}",
    unit="A", low=0.0, high=5.5, resolution=1e-3, scale=1e-3,
)  # fmt: skip

SOURCE_MODE, HIGH_CURRENT_RANGE, READ_EVERY_10_MS = 0, 0, 0
NO_FAULT, OPEN_PLUS = 0, 1
_TRIPS = {1: "OVP", 2: "OCP", 3: "OPP", 4: "OTP"}  # bits of OUTP:STAT?
_RELAY_REFUSED = 0b110_0000  # bits 5 and 6 of OUTP:EVEN?


class NgiN83624:
    """The emulator; its channels are told apart by the number on its back."""

    channels = tuple(range(1, 25))
    settle_s = SETTLE_S
    relay_s = RELAY_S

    def __init__(self, session: Session, clock: Clock) -> None:
        self.session, self.clock = session, clock
        self._on: set[int] = set()  # channels that must be on, so that a trip is noticed
        self._has_relays: bool | None = None  # fault relays are an option; None: not asked yet

    # ---- every instrument ------------------------------------------------------------------------
    def identity(self) -> Identity:
        """Ask who it is."""
        found = identify(self.session.query("*IDN?"))
        check_model(self.session, found, "NGI N83624")
        return found

    def prepare(self) -> None:
        """Outputs off, source mode, the wide current range, the fast reading.

        `*RST` would also reset its address, and takes 10 s. The narrow current range can drop a
        cell for a moment when the load rises, the automatic one when it switches.
        """
        self.output(self.channels, on=False)
        for command, value in (
            ("OUTP:MODE", SOURCE_MODE),
            ("SOUR:RANG", HIGH_CURRENT_RANGE),
            ("MEAS:CAPR", READ_EVERY_10_MS),
        ):
            self._choose(command, value, self.channels)
        self._put(VOLTAGE, dict.fromkeys(self.channels, 0.0))
        self._mend_all()

    def safe(self) -> None:
        """All outputs off, from the top of the stack down."""
        self._on.clear()
        for channel in reversed(self.energised()):
            self.session.write(f"OUTP{channel}:ONOFF 0")
        self._confirm("OUTP:ONOFF", 0, self.channels)

    def energised(self) -> tuple[int, ...]:
        """Channels whose output is on."""
        lit = self.session.query_numbers(f"OUTP:ONOFF?{channel_list(self.channels)}", 24)
        return tuple(n for n, on in zip(self.channels, lit, strict=True) if on)

    def check(self) -> None:
        """Find out whether a protection switched a channel off behind our back."""
        if not self._on:
            return
        channels = sorted(self._on)
        states = self.session.query_numbers(f"OUTP:STAT?{channel_list(channels)}", len(channels))
        for channel, state in zip(channels, map(int, states), strict=True):
            if not state & 1:
                trips = " ".join(name for bit, name in _TRIPS.items() if state >> bit & 1)
                raise BenchError(
                    f"channel {channel} switched itself off ({trips or 'no reason given'})",
                    self.session.where,
                    "is its wire shorted, or does the BMS draw more than the bench allows?",
                )

    # ---- VoltageSource ---------------------------------------------------------------------------
    def protect(self, channels: Iterable[int], over_v: float, over_a: float) -> None:
        """Program OVP and OCP, and the current limit of sourcing to the OCP's level."""
        chosen = tuple(channels)
        self._put(OVP, dict.fromkeys(chosen, min(over_v, OVP.high)))
        self._put(OCP, dict.fromkeys(chosen, min(over_a, OCP.high)))
        self._put(CURRENT_LIMIT, dict.fromkeys(chosen, min(over_a, CURRENT_LIMIT.high)))

    def set_voltage(self, volts: Mapping[int, float]) -> None:
        """Set channels; those that get the same level share a command."""
        self._put(VOLTAGE, volts)

    def output(self, channels: Iterable[int], *, on: bool) -> None:
        """Switch channels together."""
        chosen = tuple(channels)
        self._choose("OUTP:ONOFF", int(on), chosen)
        self._on = self._on | set(chosen) if on else self._on - set(chosen)

    def measure_v(self, channels: Iterable[int]) -> dict[int, Measured]:
        """Voltages; a reading is up to 10 ms old."""
        return self._measure("MEAS:VOLT?", channels, READ_ACCURACY, 1.0)

    def measure_a(self, channels: Iterable[int]) -> dict[int, Measured]:
        """Currents; a reading is up to 10 ms old."""
        return self._measure("MEAS:CURR?", channels, CURRENT_ACCURACY, 1e-3)

    def await_dead(self, channel: int) -> None:
        """Wait until the terminals have come down far enough for the fault relays."""
        question = f"MEAS:VOLT?(@{channel})"
        deadline_ns = self.clock.now_ns() + round(DEAD_WITHIN_S * 1e9)
        while abs(volts := self.session.query_number(question)) >= DEAD_V:
            now_ns = self.clock.now_ns()
            if now_ns > deadline_ns:
                raise BenchError(
                    f"channel {channel} still has {volts:.3f} V {DEAD_WITHIN_S:g} s after it was"
                    " switched off, so that its fault relay can't be moved",
                    self.session.where,
                    "does something else feed this cell's wire?",
                )
            self.clock.sleep_until(now_ns + 5_000_000)

    def open_wire(self, channel: int, *, present: bool) -> None:
        """Move the relay in the positive lead; refused by the instrument while the lead is live."""
        if self._has_relays is False:
            raise BenchError(
                "this unit has no fault relays (an option)",
                self.session.where,
                "leave the open-wire cases out, or use a switch matrix",
            )
        value = OPEN_PLUS if present else NO_FAULT
        self.session.query(f"OUTP{channel}:EVEN?")  # forget refusals of before
        self.session.write(f"FAUL{channel}:SIMU {value}")
        question = f"FAUL{channel}:SIMU?"
        answer = self.session.query(question)
        events = int(self.session.query_number(f"OUTP{channel}:EVEN?"))
        if events & _RELAY_REFUSED or int(float(answer)) != value:
            raise refused(self.session, f"FAUL{channel}:SIMU {value}", question, answer)

    def accuracy_v(self, volts: float) -> float:
        """Half-width of the error of a level."""
        return SET_ACCURACY.at(volts)

    # ---- private ---------------------------------------------------------------------------------
    def _mend_all(self) -> None:
        """Release fault relays that an earlier run may have left open, if there are any."""
        if self._has_relays is None:
            self._has_relays = self.session.answers("FAUL1:SIMU?", within_s=PRESENT_WITHIN_S)
        if not self._has_relays:
            return
        states = self.session.query_numbers(f"FAUL:SIMU?{channel_list(self.channels)}", 24)
        for channel, state in zip(self.channels, states, strict=True):
            if state != NO_FAULT:
                self.await_dead(channel)
                self.open_wire(channel, present=False)

    def _put(self, setting: ScpiSetting, values: Mapping[int, float]) -> None:
        groups: dict[float, list[int]] = defaultdict(list)
        for channel, value in values.items():
            setting.check(self.session, value)
            groups[value].append(channel)
        for value, channels in groups.items():
            command = setting.command.format(
                value=value / setting.scale, channel=channel_list(channels)
            )
            self.session.write(command)
        question = setting.readback.format(channel=channel_list(values))
        answers = self.session.query_numbers(question, len(values))
        for (channel, value), answer in zip(values.items(), answers, strict=True):
            if not abs(answer * setting.scale - value) <= setting.resolution:
                command = f"{setting.name}, channel {channel}, {value:g} {setting.unit}"
                raise refused(self.session, command, question, f"{answer:g}")

    def _choose(self, command: str, value: int, channels: tuple[int, ...]) -> None:
        self.session.write(f"{command} {value}{channel_list(channels)}")
        self._confirm(command, value, channels)

    def _confirm(self, command: str, value: int, channels: tuple[int, ...]) -> None:
        question = f"{command}?{channel_list(channels)}"
        answers = self.session.query_numbers(question, len(channels))
        if any(answer != value for answer in answers):
            answered = ",".join(f"{answer:g}" for answer in answers)
            raise refused(self.session, f"{command} {value}", question, answered)

    def _measure(
        self, question: str, channels: Iterable[int], accuracy: Accuracy, scale: float
    ) -> dict[int, Measured]:
        chosen = tuple(channels)
        answers = self.session.query_numbers(f"{question}{channel_list(chosen)}", len(chosen))
        return {
            channel: Measured(value=answer * scale, accuracy=accuracy.at(answer * scale))
            for channel, answer in zip(chosen, answers, strict=True)
        }
