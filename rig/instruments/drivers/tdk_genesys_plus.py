"""TDK-Lambda Genesys+ (GH, G, GSP) on LAN, TCP port 8003.

Dialect: TDK-Lambda GENESYS LAN manual IA672-04-01 Rev. I, and the GH10-100 manual:
LF, CR or `;` ends a command, so commands are never joined; replies end with CR LF; a 21st command
without a query in between is lost; one client at a time. Its ratings are in its name. Figures
marked [u] are unverified.
"""

from __future__ import annotations

import re

from rig.clock import Clock
from rig.errors import BenchError
from rig.instruments.capabilities import Identity, Measured
from rig.instruments.dialect import (
    ON_OFF,
    Choice,
    ScpiSetting,
    check_errors,
    check_events,
    check_model,
    clear_status,
    identify,
)
from rig.instruments.session import Framing, Session

FRAMING = Framing(timeout_s=3.0)

VOLTAGE_ERROR = 0.0005  # of the rating, set and read [u]
CURRENT_ERROR = 0.002  # of the rating, set and read [u]
RESOLUTION = 0.00012  # of the rating [u]
OVP_HEADROOM = 1.1  # OVP reaches this much above the rating [u]
SETTLE_S = 10e-3  # programming response [u]
_REFUSED_V = 0.01  # what the OVP's read-back may differ by [u]

OUTPUT = Choice(command="OUTP:STAT {value}", readback="OUTP:STAT?", answers=ON_OFF)


class TdkGenesysPlus:
    """The charger; one output, channel 0."""

    channels = (0,)
    settle_s = SETTLE_S

    def __init__(self, session: Session, clock: Clock) -> None:
        self.session, self.clock = session, clock
        self._rated: tuple[float, float] | None = None
        self._is_on = False

    def identity(self) -> Identity:
        """Ask who it is, and take its ratings from its name (`G20-75`: 20 V, 75 A)."""
        found = identify(self.session.query("*IDN?"))
        check_model(self.session, found, "LAMBDA")
        ratings = re.search(r"(\d+(?:\.\d+)?)-(\d+(?:\.\d+)?)", found.model)
        if ratings is None:
            raise BenchError(
                f"the model {found.model!r} does not tell its ratings",
                self.session.where,
                "this driver needs a Genesys+ whose name ends with volts-amperes",
            )
        self._rated = float(ratings[1]), float(ratings[2])
        return found

    def prepare(self) -> None:
        """Output off, level 0, then clear what tripped before."""
        clear_status(self.session)
        self.output(0, on=False)
        self.set_level(0, 0.0, 0.0)
        self.session.write("OUTP:PROT:CLE")
        check_errors(self.session)

    def safe(self) -> None:
        """Output off."""
        self.output(0, on=False)

    def energised(self) -> tuple[int, ...]:
        """Whether its output is on."""
        return self.channels if OUTPUT.get(self.session) == "1" else ()

    def check(self) -> None:
        """Find trips, a restart, refused commands."""
        check_events(self.session)
        if self._is_on and self.is_tripped(0):
            raise BenchError(
                "the output was switched off by a protection",
                self.session.where,
                "read the front panel; is the pack voltage above the charger's OVP?",
            )

    def protect(self, channel: int, over_v: float, over_a: float) -> None:
        """Program OVP. The current limit is never set above `over_a` by the bench.

        Its fold-back protection would trip in constant current, in which a charger works.
        """
        del channel, over_a
        self._setting("VOLT:PROT:LEV", "V", self.rated[0] * OVP_HEADROOM, _REFUSED_V).put(
            self.session, min(over_v, self.rated[0] * OVP_HEADROOM)
        )

    def set_level(self, channel: int, volts: float, amps: float) -> None:
        """Set voltage and current."""
        self.set_voltage(channel, volts)
        self.set_current(channel, amps)

    def set_voltage(self, channel: int, volts: float) -> None:
        """Set the voltage alone."""
        del channel
        rated_v = self.rated[0]
        self._setting("VOLT", "V", rated_v, rated_v * RESOLUTION).put(self.session, volts)

    def set_current(self, channel: int, amps: float) -> None:
        """Set the current alone."""
        del channel
        rated_a = self.rated[1]
        self._setting("CURR", "A", rated_a, rated_a * RESOLUTION).put(self.session, amps)

    def output(self, channel: int, *, on: bool) -> None:
        """Switch the output."""
        del channel
        OUTPUT.put(self.session, str(int(on)))
        self._is_on = on

    def measure(self, channel: int) -> tuple[Measured, Measured]:
        """Voltage and current."""
        del channel
        rated_v, rated_a = self.rated
        volts = self.session.query_number("MEAS:VOLT?")
        amps = self.session.query_number("MEAS:CURR?")
        return (
            Measured(value=volts, accuracy=VOLTAGE_ERROR * rated_v),
            Measured(value=amps, accuracy=CURRENT_ERROR * rated_a),
        )

    def is_tripped(self, channel: int) -> bool:
        """Whether a protection switched the output off: any questionable condition."""
        del channel
        return self.session.query_number("STAT:QUES:COND?") != 0

    def most(self, channel: int) -> tuple[float, float]:
        """Largest voltage and current that it can be set to."""
        del channel
        return self.rated

    @property
    def rated(self) -> tuple[float, float]:
        """Rated voltage and current."""
        if self._rated is None:
            self.identity()
        assert self._rated is not None  # noqa: S101  identity() sets it or raises
        return self._rated

    @staticmethod
    def _setting(command: str, unit: str, high: float, resolution: float) -> ScpiSetting:
        return ScpiSetting(
            command=f"{command} {{value:.4f}}",
            readback=f"{command}?",
            unit=unit,
            low=0.0,
            high=high,
            resolution=resolution,
        )
