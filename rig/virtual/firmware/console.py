"""A line reader for the guests' consoles. Knows no command."""

from __future__ import annotations

LONGEST = 256  # bytes; a longer line is thrown away as a whole, as a fixed buffer would


class LineReader:
    """Collects bytes and gives out lines that end in LF, without it and without a CR before it."""

    def __init__(self) -> None:
        self._held = b""

    def take(self, data: bytes) -> list[str]:
        """Take bytes as they come; bytes that are no UTF-8 become U+FFFD."""
        *lines, self._held = (self._held + data).split(b"\n")
        if len(self._held) > LONGEST:
            self._held = b""
        return [line.decode("utf-8", "replace").rstrip("\r") for line in lines]
