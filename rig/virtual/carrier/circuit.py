"""The power path between battery, charger and load. Must not know firmware or SCPI.

    battery (cells in series) - shunt - charge FET - discharge FET - pack terminals -+- charger
                                                                                     +- load

The net "pack" is the battery behind the shunt, "pack terminal" what charger and load see; where the
discharge FET blocks and nothing draws, the BMS's load detection pulls the terminals up a little.
Currents are positive when they charge. Each FET blocks one direction and carries the other through
its body diode while it is off. Solved anew on every change; the nets then move to the new solution
with the slew or the time constant of what caused the change.
"""

from __future__ import annotations

import math

from rig.virtual.carrier.board import Board
from rig.virtual.cells import CellString
from rig.virtual.kernel import Kernel
from rig.virtual.signal import Signal

__all__ = ["GATE_THRESHOLD_V", "PowerPath"]

GATE_THRESHOLD_V = 6.0  # a FET conducts above it (12 V drive: a typical plateau, [u])
SHUNT_OHMS = 0.1e-3  # [u]
FET_OHMS = 1.0e-3  # each of the two, on [u]
DIODE_V = 0.7  # a body diode's forward drop [u]
LOAD_DETECT_V = 5.0  # of the source behind the load-detect pin; any load pulls it down [u]
FET_TAU_S = 2e-6  # how fast the current dies when a FET goes off [u]
CHARGER_TAU_S = 0.2e-3  # the charger's output filter [u]
_REFRESH_NS = 200_000_000  # how often polarisation is followed while current flows
_RELAXING_NS = 1_000_000_000  # the same while no current flows
_AT_REST_V = 20e-6  # polarisation per cell below which the battery counts as at rest


class PowerPath:
    """Solves the path and moves the nets "current", "pack" and, its own, "pack terminal".

    Parameters
    ----------
    board : Board
        Must have the nets "charge gate", "discharge gate", "current" and "pack".
    battery : CellString
    """

    def __init__(self, kernel: Kernel, board: Board, battery: CellString) -> None:
        self._kernel, self._battery = kernel, battery
        self._current, self._pack = board.nets["current"], board.nets["pack"]
        self._terminal = board.add("pack terminal", "V", 0.0)
        self._load = Signal(kernel, "load current", "A", 0.0)
        self._charge = _Switch(kernel, board.nets["charge gate"], self)
        self._discharge = _Switch(kernel, board.nets["discharge gate"], self)
        self._source_on, self._source_v, self._source_a = False, 0.0, 0.0
        self._sink_a = 0.0
        self._pace = (math.inf, 0.0)  # slew [A/s] and time constant [s] of the latest cause
        self._stepped_ns = kernel.now_ns
        self._refreshing = False
        self.resettle(math.inf, 0.0)

    # What instruments do and read

    def charger_set(self, on: bool, volts: float, amps: float) -> None:  # noqa: FBT001
        """Set the charger's output: constant current up to `volts`, constant voltage there."""
        if on or self._source_on:  # else nothing changes
            self._source_on, self._source_v, self._source_a = on, volts, amps
            self.resettle(math.inf, CHARGER_TAU_S)

    def load_set(self, on: bool, amps: float, slew_a_per_s: float) -> None:  # noqa: FBT001
        """Set the load's constant current and how fast it moves there."""
        wanted_a = amps if on else 0.0
        if wanted_a or self._sink_a:  # else nothing changes
            self._sink_a = wanted_a
            self.resettle(slew_a_per_s, 0.0)

    def charger_measure(self) -> tuple[float, float]:
        """Tell the volts and amps at the charger's output."""
        amps = self._current.value() + self._load.value()
        return self._terminal.value(), max(amps, 0.0) if self._source_on else 0.0

    def load_measure(self) -> tuple[float, float]:
        """Tell the volts and amps at the load's input."""
        return self._terminal.value(), self._load.value()

    # Solving

    def resettle(self, slew_a_per_s: float, tau_s: float) -> None:
        """Solve the path and let the nets move there at the pace of the cause."""
        self._pace = (slew_a_per_s, tau_s)
        self._follow()

    def _follow(self) -> None:
        self._step_battery()
        amps, volts, sink_a = self._solve()
        self._move(amps, volts, sink_a)
        if not self._refreshing and (amps or self._battery.polarisation_v() > _AT_REST_V):
            self._refreshing = True
            self._kernel.after(_REFRESH_NS if amps else _RELAXING_NS, self._refresh)

    def _move(self, amps: float, volts: float, sink_a: float) -> None:
        """Let the nets go to a solution."""
        slew, tau_s = self._pace
        moved = abs(amps - self._current.value())
        self._load.approach(sink_a, slew=slew, tau_s=tau_s)
        self._current.approach(amps, slew=slew, tau_s=tau_s)
        pack_v = self._battery.emf_v() + amps * (self._battery.r0_ohms() + SHUNT_OHMS)
        for net, target_v in ((self._pack, pack_v), (self._terminal, volts)):
            # A voltage takes as long as the current that moves it.
            swing = abs(target_v - net.value())
            v_slew = slew * swing / moved if moved > 1e-9 else math.inf
            net.approach(target_v, slew=v_slew, tau_s=tau_s)

    def _refresh(self) -> None:
        self._refreshing = False
        self._follow()

    def _step_battery(self) -> None:
        """Carry the battery to now with the mean current since its last step."""
        now, since = self._kernel.now_ns, self._stepped_ns
        if now > since:
            self._battery.step(self._current.mean(since, now), (now - since) * 1e-9)
            self._stepped_ns = now

    def _solve(self) -> tuple[float, float, float]:
        """Find pack current, terminal voltage and load current at the end of all transients."""
        source_v = self._source_v if self._source_on else -math.inf
        unhelped_v = self._terminal_v(0.0 - self._sink_a)
        if unhelped_v >= source_v:  # the pack alone holds the terminals up
            amps = 0.0 - self._sink_a if unhelped_v > 0.0 else self._pack_a(0.0)
            return amps, max(unhelped_v, 0.0), abs(amps)
        limited_a = self._source_a - self._sink_a
        limited_v = self._terminal_v(limited_a)
        if limited_v <= source_v:  # constant current
            if limited_v > 0.0:
                return limited_a, limited_v, self._sink_a
            amps = self._pack_a(0.0)  # the load pulls the terminals down
            return amps, 0.0, self._source_a - amps
        return self._pack_a(source_v), source_v, self._sink_a  # constant voltage

    def _ohms(self) -> float:
        return self._battery.r0_ohms() + SHUNT_OHMS + 2.0 * FET_OHMS

    def _drops(self) -> tuple[float, float]:
        """Tell the diode drops against charging and against discharging; inf where blocked."""
        charge = math.inf if not self._charge.on else 0.0 if self._discharge.on else DIODE_V
        discharge = math.inf if not self._discharge.on else 0.0 if self._charge.on else DIODE_V
        return charge, discharge

    def _terminal_v(self, amps: float) -> float:
        """Tell the terminal voltage at which the pack takes `amps`; infinite if it cannot."""
        charge_drop, discharge_drop = self._drops()
        emf = self._battery.emf_v()
        if amps > 0.0:
            return emf + charge_drop + amps * self._ohms()
        if amps < 0.0:
            return emf - discharge_drop + amps * self._ohms()
        return (
            emf if self._discharge.on else LOAD_DETECT_V
        )  # nothing flows: a blocked pack isn't seen

    def _pack_a(self, volts: float) -> float:
        """Tell the current that the pack takes with `volts` at its terminals."""
        charge_drop, discharge_drop = self._drops()
        emf = self._battery.emf_v()
        if volts > emf + charge_drop:
            return (volts - emf - charge_drop) / self._ohms()
        if volts < emf - discharge_drop:
            return (volts - emf + discharge_drop) / self._ohms()
        return 0.0


class _Switch:
    """A FET that follows its gate's net through the threshold, at the exact crossing."""

    def __init__(self, kernel: Kernel, gate: Signal, path: PowerPath) -> None:
        self._kernel, self._gate, self._path = kernel, gate, path
        self.on = gate.value() >= GATE_THRESHOLD_V
        self._epoch = 0
        gate.on_change(self._gate_moves)

    def _gate_moves(self) -> None:
        self._epoch += 1
        if (self._gate.value() >= GATE_THRESHOLD_V) != self.on:
            self._toggle()
        at = self._gate.when(GATE_THRESHOLD_V, rising=not self.on)
        if at is not None:
            epoch = self._epoch
            self._kernel.at(at, lambda: self._arrive(epoch))

    def _arrive(self, epoch: int) -> None:
        if epoch == self._epoch:
            self._toggle()

    def _toggle(self) -> None:
        self.on = not self.on
        self._path.resettle(math.inf, FET_TAU_S)
