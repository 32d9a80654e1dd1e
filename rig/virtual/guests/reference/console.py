"""A line reader for the guests' consoles, and the stack of the task that obeys their lines."""

from __future__ import annotations

from rig.virtual.guests.esp32 import Chip

LONGEST = 256  # bytes; a longer line is thrown away as a whole, as a fixed buffer would


class LineReader:
    """Collects bytes and gives out lines that end in LF, without it and without a CR before it."""

    def __init__(self) -> None:
        self._held = b""
        self._skipping = False  # the rest of a line that was too long

    def take(self, data: bytes) -> list[str]:
        """Take bytes as they come; bytes that are no UTF-8 become U+FFFD."""
        *lines, held = (self._held + data).split(b"\n")
        if lines and self._skipping:
            self._skipping = False
            lines = lines[1:]
        self._skipping = self._skipping or len(held) > LONGEST
        self._held = b"" if self._skipping else held
        return [
            line.decode("utf-8", "replace").rstrip("\r") for line in lines if len(line) <= LONGEST
        ]


NEEDS_BYTES = {"status": 1900, "get": 1700, "set": 1700, "save": 2600, "factory": 2600}
NEEDS_ELSE_BYTES = 900


class ConsoleStack:
    """The stack of the console task: each command needs some, and a canary lies at its end.

    What they need [u]: formatting of floats and the flash driver take most of it.
    """

    def __init__(self, chip: Chip, size_bytes: int) -> None:
        self.chip, self._size_bytes = chip, size_bytes

    def has_room_for(self, command: str) -> bool:
        """Tell whether a command fits; where it doesn't, the canary resets the chip."""
        needs = NEEDS_BYTES.get(command.split()[0], NEEDS_ELSE_BYTES)
        if needs <= self._size_bytes:
            return True
        self.chip.panic("Unhandled debug exception: Stack canary watchpoint triggered (console)")
        return False
