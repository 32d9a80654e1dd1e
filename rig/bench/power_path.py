"""Charger and load as one quantity: "current", charge positive.

Must not know how either is spoken to, nor check limits: the bench has done so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rig.errors import RigError
from rig.instruments.capabilities import Load, Measured, Supply
from rig.trace.model import Command

# The load's step: fast enough for a short circuit's delay of 200 µs, and not so fast that the
# wiring's inductance (some µH) rings by more than a few volts.
SLEW_A_PER_S = 1e6


@dataclass(slots=True, kw_only=True)
class PowerPath:
    """A charger, a load, or both, at the pack terminals.

    Parameters
    ----------
    charge_v
        Voltage limit of the charger, above any pack voltage, so that its current is constant.
    stamp
        Reads the rig's clock.
    """

    charger: Supply | None
    charger_channel: int
    charger_name: str
    load: Load | None
    load_name: str
    charge_v: float
    stamp: Callable[[], int]
    _charging: bool = False
    _loaded: bool = False  # the input is on; it stays on at 0 A, where it draws nothing

    def protect(self, charge_a: float, discharge_a: float) -> None:
        """Program the protections; currents are the largest that may be commanded.

        Each stands a tenth above its largest set point, so that a setting's own error trips none.
        """
        if self.charger is not None:
            self.charger.protect(self.charger_channel, 1.1 * self.charge_v, 1.1 * charge_a)
            self.charger.set_level(self.charger_channel, self.charge_v, 0.0)
        if self.load is not None:
            self.load.protect(1.1 * discharge_a)
            self.load.set_slew(SLEW_A_PER_S)

    def set(self, amps: float) -> list[Command]:
        """Go to a current; going from charge to discharge passes through 0, and is two commands."""
        done: list[Command] = []
        if amps <= 0.0 and self._charging:
            done.append(self._stop_charging())
        if amps >= 0.0 and self._loaded and (amps > 0.0 or not done):
            done.append(self._draw(0.0))
        if amps > 0.0:
            done.append(self._charge(amps))
        elif amps < 0.0:
            done.append(self._draw(-amps))
        return done

    def renew(self) -> None:
        """Know that both are off, as they are on a bench that was built anew."""
        self._charging = self._loaded = False

    def off(self) -> None:
        """Charger off, then load off: the other way round the charger would lift the pack."""
        errors: list[RigError] = []
        for instrument in (self.charger, self.load):
            if instrument is not None:
                try:
                    instrument.safe()
                except RigError as error:
                    errors.append(error)
        self.renew()
        if errors:
            raise errors[0]

    def measure(self) -> tuple[Measured, str]:
        """The current that flows, and which instruments say so."""
        value = accuracy = 0.0
        names: list[str] = []
        if self.charger is not None and self._charging:
            amps = self.charger.measure(self.charger_channel)[1]
            value, accuracy = value + amps.value, accuracy + amps.accuracy
            names.append(self.charger_name)
        if self.load is not None and (self._loaded or not self._charging):
            amps = self.load.measure()[1]
            value, accuracy = value - amps.value, accuracy + amps.accuracy
            names.append(self.load_name)
        return Measured(value=value, accuracy=accuracy), " and ".join(names)

    def _charge(self, amps: float) -> Command:
        assert self.charger is not None  # noqa: S101  limits let no charge current through else
        before_ns = self.stamp()
        self.charger.set_current(self.charger_channel, amps)
        if not self._charging:
            before_ns = self.stamp()
            self.charger.output(self.charger_channel, on=True)
            self._charging = True
        return self._command(amps, before_ns, self.charger.settle_s, self.charger_name)

    def _stop_charging(self) -> Command:
        assert self.charger is not None  # noqa: S101  it was charging
        before_ns = self.stamp()
        self.charger.output(self.charger_channel, on=False)
        self._charging = False
        return self._command(0.0, before_ns, self.charger.settle_s, self.charger_name)

    def _draw(self, amps: float) -> Command:
        assert self.load is not None  # noqa: S101  limits let no discharge current through else
        if not self._loaded:
            self.load.input(on=True)  # at 0 A, so that the step itself has the slew of a step
            self._loaded = True
        before_ns = self.stamp()
        self.load.set_current(amps)
        return self._command(-amps, before_ns, self.load.settle_s, self.load_name)

    def _command(self, amps: float, before_ns: int, settle_s: float, name: str) -> Command:
        return Command(
            quantity="current",
            value=amps,
            before_ns=before_ns,
            after_ns=self.stamp(),
            settle_s=settle_s,
            instrument=name,
        )
