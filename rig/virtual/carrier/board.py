"""The nets between the instruments and a BMS. Must not know what drives them or who reads them.

Nets lie in a hierarchy by their names: "module 3/cell 7" is the net "cell 7" of the part "module
3". A part is a board of its own, by local names, so that what is made for one BMS sits on it
unchanged; whoever looks from above sees its nets, wires and links by their whole names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rig.virtual.kernel import Kernel
from rig.virtual.signal import Signal

__all__ = ["Board"]


class Board:
    """Named quantities over time, which cell sense wires are broken, and how its links are.

    Parameters
    ----------
    place, above
        What its names begin with for whoever looks from above, and who that is; see `part`.

    Attributes
    ----------
    nets : dict[str, Signal]
        "cell 1" [V], "ntc 1" [ohm], "current" [A, charge positive], "charge gate" [V], …
    sense_open : dict[str, bool]
        For each "cell n": the fault relay of the emulator is open, so the sense wire is broken.
    links : dict[str, str]
        For each link through a relay of the bench ("afe link"): "healthy", "open" or "short".
    """

    def __init__(self, kernel: Kernel, *, place: str = "", above: Board | None = None) -> None:
        self.kernel, self.place, self._above = kernel, place, above
        self.nets: dict[str, Signal] = {}
        self.sense_open: dict[str, bool] = {}
        self.links: dict[str, str] = {}
        self._parts: dict[str, Board] = {}
        self._watchers: list[Callable[[str], None]] = []
        self._moved: dict[str, set[str]] = {}  # relays of each link that are not at rest
        self._link_watchers: list[Callable[[str], None]] = []

    def part(self, name: str) -> Board:
        """Find or make a part ("module 3"): a board whose nets are seen from here as well."""
        if name not in self._parts:
            self._parts[name] = Board(self.kernel, place=f"{self.place}{name}/", above=self)
        return self._parts[name]

    def add(self, name: str, unit: str, value: float) -> Signal:
        """Create a net; a cell gets a sense wire with it.

        Raises
        ------
        ValueError
            There is one of that name.
        """
        owner, own = self._owner(name)
        if own in owner.nets:
            raise ValueError(f"the board has a net {name!r} already")
        net = Signal(self.kernel, owner.place + own, unit, value)
        for board, seen in owner._seen_by(own):
            board.nets[seen] = net
            if own.startswith("cell "):
                board.sense_open[seen] = False
        return net

    def break_wire(self, name: str, *, is_open: bool) -> None:
        """Open or close the fault relay in a cell's sense wire."""
        if self.sense_open[name] == is_open:
            return
        owner, own = self._owner(name)
        for board, seen in owner._seen_by(own):
            board.sense_open[seen] = is_open
        for board, seen in owner._seen_by(own):
            for watcher in board._watchers:
                watcher(seen)

    def on_wire(self, callback: Callable[[str], None]) -> None:
        """Call `callback` with the cell's name whenever its wire breaks or is mended."""
        self._watchers.append(callback)

    def add_link(self, name: str) -> None:
        """Lay a link between two parts of the BMS through the bench's relays; it is healthy."""
        owner, own = self._owner(name)
        owner._moved[own] = set()
        for board, seen in owner._seen_by(own):
            board.links[seen] = "healthy"

    def move_relay(self, name: str, fault: str, *, moved: bool) -> None:
        """Move the relay that makes a link "open" or "short", or let it go back to rest.

        The one that shorts lies nearer to the controller: with both moved, it is what is seen.
        """
        owner, own = self._owner(name)
        relays = owner._moved[own]
        (relays.add if moved else relays.discard)(fault)
        state = next((kind for kind in ("short", "open") if kind in relays), "healthy")
        if owner.links[own] == state:
            return
        for board, seen in owner._seen_by(own):
            board.links[seen] = state
        for board, seen in owner._seen_by(own):
            for watcher in board._link_watchers:
                watcher(seen)

    def on_link(self, callback: Callable[[str], None]) -> None:
        """Call `callback` with the link's name whenever its state changes."""
        self._link_watchers.append(callback)

    def _owner(self, name: str) -> tuple[Board, str]:
        """Find the board that a name belongs to, and its name there."""
        *places, own = name.split("/")
        board = self
        for place in places:
            board = board.part(place)
        return board, own

    def _seen_by(self, own: str) -> Iterator[tuple[Board, str]]:
        """Give this board and all above it, each with its name for something of this one."""
        board: Board | None = self
        while board is not None:
            yield board, self.place[len(board.place) :] + own
            board = board._above
