"""Keysight DAQ970A (and 34970A, 34972A) with a 20-channel multiplexer: DC volts over a scan.

Dialect: Keysight DAQ970A Programming Guide, pp. 149, 211, 215, 293. One ADC behind relays: channels
are read one after the other, so nothing here times a trip. An overload is no entry of the error
queue; it reads 9.9E37, which the session turns into NaN. `CONF` overwrites the scan list, so it is
sent before it. An actuator card in another slot (DAQM903A, 34903A: 20 form-C relays) is switched
by `ROUT:CLOS` and `ROUT:OPEN`; "open" is its rest, in which COM touches NC.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping

from rig.clock import Clock
from rig.errors import BenchError, LimitError
from rig.instruments.capabilities import Identity, Measured
from rig.instruments.dialect import (
    Accuracy,
    channel_list,
    check_errors,
    check_events,
    check_model,
    clear_status,
    identify,
    refused,
)
from rig.instruments.session import Framing, Session

FRAMING = Framing(timeout_s=30.0)  # a scan of twenty channels takes its time

ACCURACY = {  # DC volts by range: 1 year, 23 °C ± 5 K; DAQ970A data sheet, p. 10
    0.1: Accuracy(reading=5.0e-5, offset=6.0e-6),
    1.0: Accuracy(reading=3.5e-5, offset=6.0e-6),
    10.0: Accuracy(reading=3.0e-5, offset=4.0e-5),
    100.0: Accuracy(reading=4.0e-5, offset=6.0e-4),
    300.0: Accuracy(reading=4.0e-5, offset=6.0e-3),
}
NOISE_OF_RANGE = 1e-6  # rms at 1 NPLC, growing as 1/sqrt(NPLC) [u]
EXACT_NPLC, FAST_NPLC = 1.0, 0.2  # 20 ms and 4 ms at 50 Hz
EXACT_TO_V = 10.0  # ranges up to here read cells; above, gates and packs, of which speed is wanted
ACTUATORS = r"(DAQM|34)903A"  # form C
ARMATURE_S = 0.02  # until a contact has moved and stopped bouncing [u]


class KeysightDaq970a:
    """Meter and relays; channels by slot and number, 101 to 320."""

    channels = tuple(slot * 100 + n for slot in (1, 2, 3) for n in range(1, 21))
    relay_s = ARMATURE_S

    def __init__(self, session: Session, clock: Clock) -> None:
        self.session, self.clock = session, clock
        self._ranges: dict[int, float] = {}
        self._relays: tuple[int, ...] = ()

    def identity(self) -> Identity:
        """Ask who it is."""
        found = identify(self.session.query("*IDN?"))
        check_model(self.session, found, r"DAQ970A|3497[02]A")
        return found

    def prepare(self) -> None:
        """Forget errors of before; the ranges come with `configure`."""
        clear_status(self.session)
        check_errors(self.session)

    def safe(self) -> None:
        """Let every relay go that is in use; a meter itself feeds nothing."""
        if self._relays:
            self._rest(self._relays)

    def energised(self) -> tuple[int, ...]:
        """Relays in use that are moved."""
        if not self._relays:
            return ()
        question = f"ROUT:CLOS? {channel_list(self._relays)}"
        closed = self.session.query_numbers(question, len(self._relays))
        return tuple(n for n, is_closed in zip(self._relays, closed, strict=True) if is_closed)

    def check(self) -> None:
        """Find a restart and refused commands."""
        check_events(self.session)

    def configure(self, largest_v: Mapping[int, float]) -> None:
        """Fix each channel's range: choosing it anew at each reading costs time, and varies."""
        groups: dict[float, list[int]] = defaultdict(list)
        for channel, volts in largest_v.items():
            groups[self._range_for(volts)].append(channel)
        for range_v, channels in groups.items():
            listed = channel_list(channels)
            nplc = EXACT_NPLC if range_v <= EXACT_TO_V else FAST_NPLC
            self.session.write(f"CONF:VOLT:DC {range_v:g},{listed}")
            self.session.write(f"VOLT:DC:NPLC {nplc:g},{listed}")
            self._ranges |= dict.fromkeys(channels, range_v)
        check_errors(self.session)

    def read(self, channels: Iterable[int]) -> dict[int, Measured]:
        """Scan channels, in the order given."""
        chosen = tuple(channels)
        # One message: the path returns to the root at `;:`, which this family is known to follow.
        question = f"ROUT:SCAN {channel_list(chosen)};:READ?"
        values = self.session.query_numbers(question, len(chosen))
        return {
            channel: Measured(value=value, accuracy=self._accuracy(channel, value))
            for channel, value in zip(chosen, values, strict=True)
        }

    def claim(self, channels: Iterable[int]) -> None:
        """See that an actuator card is in the slots of these relays, and let them go."""
        self._relays = tuple(channels)
        for slot in sorted({channel // 100 for channel in self._relays}):
            card = identify(self.session.query(f"SYST:CTYP? {slot}00")).model
            if not re.fullmatch(ACTUATORS, card):
                raise BenchError(
                    f"in slot {slot} is {'a ' + card if card.strip('0') else 'no card'}",
                    self.session.where,
                    "put an actuator card (DAQM903A) there, or correct the bench's wiring",
                )
        self._rest(self._relays)

    def switch(self, channel: int, *, closed: bool) -> None:
        """Move one relay, and ask for it before anything else is said."""
        self._command("CLOS" if closed else "OPEN", (channel,))

    def _rest(self, relays: tuple[int, ...]) -> None:
        self._command("OPEN", relays)

    def _command(self, verb: str, relays: tuple[int, ...]) -> None:
        listed = channel_list(relays)
        question = f"ROUT:{verb}? {listed}"
        # One message, so that the question costs no way of its own: ROUT:OPEN (@201);OPEN? (@201)
        answers = self.session.query_numbers(f"ROUT:{verb} {listed};{verb}? {listed}", len(relays))
        if any(answer != 1.0 for answer in answers):
            raise refused(self.session, f"ROUT:{verb} {listed}", question, str(answers))

    def _range_for(self, volts: float) -> float:
        fitting = next((r for r in ACCURACY if volts <= r), None)
        if fitting is None:
            raise LimitError(
                f"{volts:g} V is above its largest range of {max(ACCURACY):g} V",
                self.session.where,
                "put a divider in front of the channel",
            )
        return fitting

    def _accuracy(self, channel: int, volts: float) -> float:
        range_v = self._ranges[channel]
        nplc = EXACT_NPLC if range_v <= EXACT_TO_V else FAST_NPLC
        noise = 3.0 * NOISE_OF_RANGE * range_v / math.sqrt(nplc)
        return ACCURACY[range_v].at(0.0 if math.isnan(volts) else volts) + noise
