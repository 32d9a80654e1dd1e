"""Keysight E36312A, three outputs (6 V/5 A, 25 V/1 A, 25 V/1 A); LAN port 5025.

Dialect: Keysight E36300 Series Programming Guide E36311-90008, and pymeasure 0.16's driver: a
channel list `(@n)` with every command, an error queue with `+0,"No error"`. Figures marked [u] are
unverified.
"""

from __future__ import annotations

from dataclasses import replace

from rig.clock import Clock
from rig.errors import BenchError
from rig.instruments.capabilities import Identity, Measured
from rig.instruments.dialect import (
    ON_OFF,
    Accuracy,
    Choice,
    ScpiSetting,
    check_errors,
    check_events,
    check_model,
    clear_status,
    identify,
)
from rig.instruments.session import Framing, Session

FRAMING = Framing()

READ_ACCURACY = Accuracy(reading=4e-4, offset=5e-3)  # V [u]
CURRENT_ACCURACY = Accuracy(reading=5e-4, offset=2e-3)  # A [u]
SETTLE_S = (
    50e-3  # rise to 1 %; an unloaded fall takes 200 to 400 ms (an older sibling's figure, R2)
)

# SIG: `VOLT? MAX` answers 6.18/25.75/25.75; currents and OVP [u].
_VOLTAGE = ScpiSetting(
    command="VOLT {value:.4f},(@{channel})", readback="VOLT? (@{channel})",
    unit="V", low=0.0, high=25.75, resolution=1e-3,
)  # fmt: skip
_CURRENT = ScpiSetting(
    command="CURR {value:.4f},(@{channel})", readback="CURR? (@{channel})",
    unit="A", low=0.0, high=1.03, resolution=1e-3,
)  # fmt: skip
_OVP = ScpiSetting(
    command="VOLT:PROT {value:.3f},(@{channel})", readback="VOLT:PROT? (@{channel})",
    unit="V", low=0.0, high=27.5, resolution=10e-3,
)  # fmt: skip
VOLTAGE = {1: replace(_VOLTAGE, high=6.18), 2: _VOLTAGE, 3: _VOLTAGE}
CURRENT = {1: replace(_CURRENT, high=5.15), 2: _CURRENT, 3: _CURRENT}
OVP = {1: replace(_OVP, high=6.6), 2: _OVP, 3: _OVP}
# The level of its over-current protection is the current limit; this arms it.
OCP_ARMED = Choice(
    command="CURR:PROT:STAT {value},(@{channel})", readback="CURR:PROT:STAT? (@{channel})",
    answers=ON_OFF,
)  # fmt: skip
OUTPUT = Choice(command="OUTP {value},(@{channel})", readback="OUTP? (@{channel})", answers=ON_OFF)


class KeysightE36312A:
    """The supply; channels 1 to 3."""

    channels = (1, 2, 3)
    settle_s = SETTLE_S

    def __init__(self, session: Session, clock: Clock) -> None:
        self.session, self.clock = session, clock
        self._on: set[int] = set()

    def identity(self) -> Identity:
        """Ask who it is."""
        found = identify(self.session.query("*IDN?"))
        check_model(self.session, found, "E36312A")
        return found

    def prepare(self) -> None:
        """Outputs off first, then forget trips and errors of before."""
        clear_status(self.session)
        self.safe()
        for channel in self.channels:
            # Clearing an OVP restores the output as it was (same family's guide): 0 V first.
            VOLTAGE[channel].put(self.session, 0.0, channel)
            self.session.write(f"OUTP:PROT:CLE (@{channel})")
        check_errors(self.session)

    def safe(self) -> None:
        """All outputs off."""
        for channel in self.channels:
            self.output(channel, on=False)

    def energised(self) -> tuple[int, ...]:
        """Channels whose output is on."""
        return tuple(n for n in self.channels if OUTPUT.get(self.session, n) == "1")

    def check(self) -> None:
        """Find trips, a restart, refused commands."""
        check_events(self.session)
        for channel in sorted(self._on):
            if self.is_tripped(channel):
                raise BenchError(
                    f"output {channel} was switched off by its own protection",
                    self.session.where,
                    "is its wire shorted, is the current limit enough for the BMS's start?",
                )

    def protect(self, channel: int, over_v: float, over_a: float) -> None:
        """Program OVP; over-current trips at the current limit, so the limit goes no higher."""
        OVP[channel].put(self.session, min(over_v, OVP[channel].high), channel)
        CURRENT[channel].put(self.session, min(over_a, CURRENT[channel].high), channel)
        OCP_ARMED.put(self.session, "1", channel)

    def set_level(self, channel: int, volts: float, amps: float) -> None:
        """Set voltage and current limit."""
        CURRENT[channel].put(self.session, amps, channel)
        VOLTAGE[channel].put(self.session, volts, channel)

    def set_voltage(self, channel: int, volts: float) -> None:
        """Set the voltage alone."""
        VOLTAGE[channel].put(self.session, volts, channel)

    def set_current(self, channel: int, amps: float) -> None:
        """Set the current limit alone."""
        CURRENT[channel].put(self.session, amps, channel)

    def output(self, channel: int, *, on: bool) -> None:
        """Switch an output."""
        OUTPUT.put(self.session, str(int(on)), channel)
        (self._on.add if on else self._on.discard)(channel)

    def measure(self, channel: int) -> tuple[Measured, Measured]:
        """Voltage and current."""
        volts = self.session.query_number(f"MEAS:VOLT? (@{channel})")
        amps = self.session.query_number(f"MEAS:CURR? (@{channel})")
        return (
            Measured(value=volts, accuracy=READ_ACCURACY.at(volts)),
            Measured(value=amps, accuracy=CURRENT_ACCURACY.at(amps)),
        )

    def is_tripped(self, channel: int) -> bool:
        """Whether OVP or OCP switched the output off."""
        # One question for OVP, OCP and over-temperature alike.
        return self.session.query_number(f"STAT:QUES:INST:ISUM{channel}:COND?") != 0

    def most(self, channel: int) -> tuple[float, float]:
        """Largest voltage and current that an output can be set to."""
        return VOLTAGE[channel].high, CURRENT[channel].high
