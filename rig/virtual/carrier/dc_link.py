"""A power path with contactors: behind them a link with a capacitor, which a resistor precharges.

    battery - shunt - FETs -+- main contactor ----------------+- link -+- charger
                            +- precharge contactor - resistor -+        +- load
                                                                        +- capacitor, bleeder

A contactor follows its coil a few milliseconds late, as its armature must travel. Closing the main
one upon an empty capacitor makes the inrush that it would make. Must not know firmware or SCPI.
"""

from __future__ import annotations

import math

from rig.virtual.carrier.board import Board
from rig.virtual.carrier.circuit import FET_TAU_S, SHUNT_OHMS, PowerPath
from rig.virtual.cells import CellString
from rig.virtual.kernel import Kernel
from rig.virtual.signal import Signal

__all__ = ["MAIN", "PRECHARGE", "LinkedPowerPath"]

MAIN, PRECHARGE = "main contactor", "precharge contactor"
COIL_PULLS_V = 6.0  # of a 12 V coil [u]
CLOSES_NS, OPENS_NS = 15_000_000, 8_000_000  # travel of the armature [u]
PRECHARGE_OHMS = 47.0  # [u]
CONTACT_OHMS = 0.3e-3  # [u]
LINK_FARADS = 4.7e-3  # [u]
BLEEDER_OHMS = 4.7e3  # empties the link within a minute or two, as a maker would [u]


class LinkedPowerPath(PowerPath):
    """Solves a path with contactors; "pack terminal" is the link behind them.

    Parameters
    ----------
    board : Board
        Must have the nets of the coils beside those of a power path without contactors.
    """

    def __init__(self, kernel: Kernel, board: Board, battery: CellString) -> None:
        self._main = _Contact(kernel, board.nets[MAIN], self)
        self._precharge = _Contact(kernel, board.nets[PRECHARGE], self)
        super().__init__(kernel, board, battery)

    @property
    def _is_joined(self) -> bool:
        return self._main.closed or self._precharge.closed

    def _ohms(self) -> float:
        return super()._ohms() + (CONTACT_OHMS if self._main.closed else PRECHARGE_OHMS)

    def _drops(self) -> tuple[float, float]:
        return super()._drops() if self._is_joined else (math.inf, math.inf)

    def _terminal_v(self, amps: float) -> float:
        if not amps and not self._is_joined:
            return 0.0
        return super()._terminal_v(amps)

    def _move(self, amps: float, volts: float, sink_a: float) -> None:
        """Let the nets go there at the pace of the capacitor, which holds the link up meanwhile."""
        now_a = self._pack_a(
            self._terminal.value()
        )  # what the capacitor makes flow at this instant
        self._load.approach(sink_a, slew=self._pace[0])
        if amps or now_a:
            tau_s = self._ohms() * LINK_FARADS
            self._current.jump(now_a)
            self._current.approach(amps, tau_s=tau_s)
            self._terminal.approach(volts, tau_s=tau_s)
        else:
            self._current.approach(0.0, tau_s=FET_TAU_S)
            self._drift(volts, sink_a)
        pack_v = self._battery.emf_v() + amps * (self._battery.r0_ohms() + SHUNT_OHMS)
        self._pack.jump(pack_v)  # a precharge's current moves it by less than a meter can see

    def _drift(self, volts: float, sink_a: float) -> None:
        """Let a link that the battery does not feed go where charger, load or bleeder take it."""
        feeds = self._source_on and self._source_a > 0.0
        moving_a = max(self._source_a - sink_a, 0.0) if feeds else self._sink_a
        if moving_a > 0.0:
            self._terminal.approach(volts, slew=moving_a / LINK_FARADS)
        else:
            self._terminal.approach(volts, tau_s=BLEEDER_OHMS * LINK_FARADS)


class _Contact:
    """A contact that follows its coil's net, some milliseconds after it."""

    def __init__(self, kernel: Kernel, coil: Signal, path: LinkedPowerPath) -> None:
        self._kernel, self._coil, self._path = kernel, coil, path
        self.closed = self._pulled = False
        self._epoch = 0
        coil.on_change(self._coil_moves)

    def _coil_moves(self) -> None:
        self._epoch += 1
        pulled = self._coil.value() >= COIL_PULLS_V
        due = self._coil.when(COIL_PULLS_V, rising=not pulled)
        if due is not None:
            epoch = self._epoch
            self._kernel.at(due, lambda: self._pull(epoch, not pulled))
        if pulled != self._pulled:
            self._pull(self._epoch, pulled)

    def _pull(self, epoch: int, pulled: bool) -> None:  # noqa: FBT001
        if epoch != self._epoch:
            return
        self._pulled = pulled

        def travel() -> None:
            if self._pulled is pulled and self.closed is not pulled:
                self.closed = pulled
                self._path.resettle(math.inf, 0.0)

        self._kernel.after(CLOSES_NS if pulled else OPENS_NS, travel)
