"""The nets between the instruments and a BMS. Must not know what drives them or who reads them."""

from __future__ import annotations

from collections.abc import Callable

from rig.virtual.kernel import Kernel
from rig.virtual.signal import Signal

__all__ = ["Board"]


class Board:
    """Named quantities over time, which cell sense wires are broken, and how its links are.

    Attributes
    ----------
    nets : dict[str, Signal]
        "cell 1" [V], "ntc 1" [ohm], "current" [A, charge positive], "charge gate" [V], …
    sense_open : dict[str, bool]
        For each "cell n": the fault relay of the emulator is open, so the sense wire is broken.
    links : dict[str, str]
        For each link through a relay of the bench ("afe link"): "healthy", "open" or "short".
    """

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.nets: dict[str, Signal] = {}
        self.sense_open: dict[str, bool] = {}
        self.links: dict[str, str] = {}
        self._watchers: list[Callable[[str], None]] = []
        self._moved: dict[str, set[str]] = {}  # relays of each link that are not at rest
        self._link_watchers: list[Callable[[str], None]] = []

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

    def add_link(self, name: str) -> None:
        """Lay a link between two parts of the BMS through the bench's relays; it is healthy."""
        self.links[name], self._moved[name] = "healthy", set()

    def move_relay(self, name: str, fault: str, *, moved: bool) -> None:
        """Move the relay that makes a link "open" or "short", or let it go back to rest.

        The one that shorts lies nearer to the controller: with both moved, it is what is seen.
        """
        relays = self._moved[name]
        (relays.add if moved else relays.discard)(fault)
        state = next((kind for kind in ("short", "open") if kind in relays), "healthy")
        if self.links[name] != state:
            self.links[name] = state
            for watcher in self._link_watchers:
                watcher(name)

    def on_link(self, callback: Callable[[str], None]) -> None:
        """Call `callback` with the link's name whenever its state changes."""
        self._link_watchers.append(callback)
