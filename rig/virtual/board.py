"""The nets between the instruments and a BMS. Must not know what drives them or who reads them."""

from __future__ import annotations

from collections.abc import Callable

from rig.virtual.kernel import Kernel
from rig.virtual.signal import Signal

__all__ = ["Board"]


class Board:
    """Named quantities over time, and which cell sense wires are broken.

    Attributes
    ----------
    nets : dict[str, Signal]
        "cell 1" [V], "ntc 1" [ohm], "current" [A, charge positive], "charge gate" [V], …
    sense_open : dict[str, bool]
        For each "cell n": the fault relay of the emulator is open, so the sense wire is broken.
    """

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.nets: dict[str, Signal] = {}
        self.sense_open: dict[str, bool] = {}
        self._watchers: list[Callable[[str], None]] = []

    def add(self, name: str, unit: str, value: float) -> Signal:
        """Create a net; a cell gets a sense wire with it."""
        if name in self.nets:
            raise ValueError(f"the board has a net {name!r} already")
        net = self.nets[name] = Signal(self.kernel, name, unit, value)
        if name.startswith("cell "):
            self.sense_open[name] = False
        return net

    def break_wire(self, name: str, *, is_open: bool) -> None:
        """Open or close the fault relay in a cell's sense wire."""
        if self.sense_open[name] != is_open:
            self.sense_open[name] = is_open
            for watcher in self._watchers:
                watcher(name)

    def on_wire(self, callback: Callable[[str], None]) -> None:
        """Call `callback` with the cell's name whenever its wire breaks or is mended."""
        self._watchers.append(callback)
