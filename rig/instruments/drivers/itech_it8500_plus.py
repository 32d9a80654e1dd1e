"""ITECH IT8500+ electronic loads (IT8511+ to IT8514C+) in their SCPI dialect.

Dialect: ITECH IT8500+ programming guide V2.0 (December 2022). Not the 26-byte binary frames that
the older IT8500 speaks under nearly the same name. Constant current only. Figures marked [u] are
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

RATINGS = {  # V, A, W by model [u]
    "IT8511": (120.0, 30.0, 150.0),
    "IT8512": (120.0, 30.0, 300.0),
    "IT8513": (120.0, 120.0, 600.0),
    "IT8514": (120.0, 240.0, 1500.0),
}
ERROR_OF_READING, ERROR_OF_RANGE = 5e-4, 5e-4  # current, set and read [u]
VOLTAGE_ACCURACY = Accuracy(reading=2.5e-4, offset=2.5e-4 * 120.0)  # V [u]
SETTLE_S = 1e-3  # a step at the slew that the bench sets, and its ringing [u]

CURRENT = ScpiSetting(
    command="CURR {value:.4f}", readback="CURR?", unit="A", low=0.0, high=240.0, resolution=10e-3
)
SLEW = ScpiSetting(  # in A/s; the instrument speaks of A/µs
    command="CURR:SLEW {value:.4f}", readback="CURR:SLEW?",
    unit="A/s", low=1e3, high=2.5e6, resolution=1e3, scale=1e6,
)  # fmt: skip
OCP = ScpiSetting(
    command="CURR:PROT {value:.3f}", readback="CURR:PROT?",
    unit="A", low=0.0, high=252.0, resolution=10e-3,
)  # fmt: skip
OCP_DELAY = ScpiSetting(
    command="CURR:PROT:DEL {value:.3f}", readback="CURR:PROT:DEL?",
    unit="s", low=0.0, high=60.0, resolution=1e-3,
)  # fmt: skip
OCP_ARMED = Choice(command="CURR:PROT:STAT {value}", readback="CURR:PROT:STAT?", answers=ON_OFF)
OPP = ScpiSetting(
    command="POW:PROT {value:.2f}", readback="POW:PROT?",
    unit="W", low=0.0, high=1575.0, resolution=0.1,
)  # fmt: skip
INPUT = Choice(command="INP {value}", readback="INP?", answers=ON_OFF)
FUNCTION = Choice(command="FUNC {value}", readback="FUNC?", answers={"CURR": ("CURR", "CURRENT")})
_OCP_DELAY_S = 0.1  # longer than a step's ringing, shorter than a wire needs to get hot


class ItechIt8500Plus:
    """The load."""

    channels = (0,)
    settle_s = SETTLE_S

    def __init__(self, session: Session, clock: Clock) -> None:
        self.session, self.clock = session, clock
        self._rated: tuple[float, float, float] | None = None
        self._is_on = False

    def identity(self) -> Identity:
        """Ask who it is, and look its ratings up."""
        found = identify(self.session.query("*IDN?"))
        check_model(self.session, found, r"IT851[1-4]\w*\+")
        self._rated = RATINGS[found.model[:6].upper()]
        return found

    def prepare(self) -> None:
        """Remote, input off, 0 A, constant current over the whole range, trips forgotten."""
        self.session.write("SYST:REM")
        clear_status(self.session)
        self.input(on=False)
        FUNCTION.put(self.session, "CURR")
        self.session.write(f"CURR:RANG {self.rated[1]:g}")
        self.set_current(0.0)
        self.session.write("PROT:CLE")
        check_errors(self.session)

    def safe(self) -> None:
        """Input off; a load that nobody spoke to before is not in remote, and takes no command."""
        self.session.write("SYST:REM")
        self.input(on=False)

    def energised(self) -> tuple[int, ...]:
        """Whether its input is on."""
        return self.channels if INPUT.get(self.session) == "1" else ()

    def check(self) -> None:
        """Find trips, a restart, refused commands."""
        check_events(self.session)
        if self._is_on and not int(self.session.query_number("INP?")):
            raise BenchError(
                "the load switched its input off by itself (OCP, OPP or OVP)",
                self.session.where,
                "read its front panel; does the case draw more power than this load can take?",
            )

    def protect(self, over_a: float, over_w: float | None = None) -> None:
        """Program OCP (A, with a short delay) and OPP (W), as far as the rating allows."""
        _, rated_a, rated_w = self.rated
        OCP.put(self.session, min(over_a, rated_a * 1.05))
        OCP_DELAY.put(self.session, _OCP_DELAY_S)
        OCP_ARMED.put(self.session, "1")
        OPP.put(self.session, rated_w if over_w is None else min(over_w, rated_w))

    def set_slew(self, amps_per_s: float) -> None:
        """Set how fast the current may change, both ways."""
        SLEW.put(self.session, min(amps_per_s, SLEW.high))

    def set_current(self, amps: float) -> None:
        """Set the current drawn."""
        replace(CURRENT, high=self.rated[1]).put(self.session, amps)

    def input(self, *, on: bool) -> None:
        """Switch the input."""
        INPUT.put(self.session, str(int(on)))
        self._is_on = on

    def measure(self) -> tuple[Measured, Measured]:
        """Voltage and current."""
        volts = self.session.query_number("MEAS:VOLT?")
        amps = self.session.query_number("MEAS:CURR?")
        current = Accuracy(reading=ERROR_OF_READING, offset=ERROR_OF_RANGE * self.rated[1])
        return (
            Measured(value=volts, accuracy=VOLTAGE_ACCURACY.at(volts)),
            Measured(value=amps, accuracy=current.at(amps)),
        )

    def most(self) -> float:
        """Largest current that it can be set to."""
        return self.rated[1]

    @property
    def rated(self) -> tuple[float, float, float]:
        """Rated voltage, current and power."""
        if self._rated is None:
            self.identity()
        assert self._rated is not None  # noqa: S101  identity() sets it or raises
        return self._rated
