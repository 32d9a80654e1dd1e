"""IET Labs PRS-200/PRS-300 programmable decade resistors, seven decades of 0.1 Ω and up.

Dialect: PRS-200 operation manual, chapter 7: `SOURce:DATA` takes ten digits, one for each decade,
the last 0.1 Ω, and answers the same; the decade above the highest opens (1, 5, 9) or shorts (2, 3,
6, 7) the terminals. A box has one output; `SOURce2:DATA` reaches the second box behind one address
[u]. Figures marked [u] are unverified.
"""

from __future__ import annotations

from collections.abc import Mapping

from rig.clock import Clock
from rig.errors import LimitError
from rig.instruments.capabilities import Identity
from rig.instruments.dialect import (
    Accuracy,
    check_errors,
    check_events,
    check_model,
    clear_status,
    identify,
    refused,
)
from rig.instruments.session import Framing, Session

FRAMING = Framing()

ACCURACY = Accuracy(reading=2e-4, offset=0.1)  # ohm [u]
RESOLUTION_OHM = 0.1
DECADES = 7
MOST_OHM = 999_999.9  # every decade at 9
SETTLE_S = 2e-3  # relays of the decades, which do not move together [u]
OPEN, SHORT = "0010000000", "0020000000"


class IetPrs:
    """The resistors, numbered from 1."""

    channels = (1, 2, 3, 4)
    settle_s = SETTLE_S

    def __init__(self, session: Session, clock: Clock) -> None:
        self.session, self.clock = session, clock

    def identity(self) -> Identity:
        """Ask who it is."""
        found = identify(self.session.query("*IDN?"))
        check_model(self.session, found, r"PRS-?[23]\d\d")
        return found

    def prepare(self) -> None:
        """Forget errors of before; resistors are passive, so they stay as they are."""
        clear_status(self.session)
        check_errors(self.session)

    def safe(self) -> None:
        """Nothing to switch off: a resistor feeds nothing."""

    def energised(self) -> tuple[int, ...]:
        """None: a resistor feeds nothing."""
        return ()

    def check(self) -> None:
        """Find a restart and refused commands."""
        check_events(self.session)

    def set_ohms(self, ohms: Mapping[int, float]) -> dict[int, float]:
        """Set resistors, each to the nearest 0.1 ohm."""
        for value in ohms.values():
            if not RESOLUTION_OHM <= value <= MOST_OHM:
                raise LimitError(
                    f"{value:g} ohm is outside {RESOLUTION_OHM:g} to {MOST_OHM:g} ohm",
                    self.session.where,
                    "name a simulator with a larger range, or keep the temperature inside it",
                )
        steps = {n: round(value / RESOLUTION_OHM) for n, value in ohms.items()}
        for channel, step in steps.items():
            self._put(channel, f"{step:010d}")
        return {channel: step * RESOLUTION_OHM for channel, step in steps.items()}

    def open(self, channel: int) -> None:
        """Open circuit (more than 1 Gohm)."""
        self._put(channel, OPEN)

    def short(self, channel: int) -> None:
        """Short circuit."""
        self._put(channel, SHORT)

    def accuracy_ohm(self, ohms: float) -> float:
        """Half-width of the error, the rounding included."""
        return ACCURACY.at(ohms) + RESOLUTION_OHM / 2

    def _put(self, channel: int, data: str) -> None:
        header = "SOUR:DATA" if channel == 1 else f"SOUR{channel}:DATA"
        self.session.write(f"{header} {data}")
        answer = self.session.query(f"{header}?")
        if answer != data:
            raise refused(self.session, f"{header} {data}", f"{header}?", answer)
