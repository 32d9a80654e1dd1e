"""Records as lines of text, one each, and back. Must not interpret them.

A file of them that grew too large for memory is read a line at a time (`StoredLines`).
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, overload
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from rig.console_name import OWN_CONSOLE
from rig.trace.model import Line

T = TypeVar("T")
U = TypeVar("U")
_NEWLINE = ord("\n")
_PIECE = 1 << 22  # bytes that are looked through at once


def encoded(text: str) -> bytes:
    """Give text as a file holds it: what a console sends may be no UTF-8."""
    return text.encode("utf-8", "surrogatepass")


def decoded(data: bytes) -> str:
    """Give a file's text."""
    return data.decode("utf-8", "surrogatepass")


def escaped(text: str) -> str:
    """Keep one line one line; only a backslash and the two line ends are changed."""
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")


def unescaped(text: str) -> str:
    """Undo `escaped`."""
    if "\\" not in text:
        return text
    parts = (part.replace("\\n", "\n").replace("\\r", "\r") for part in text.split("\\\\"))
    return "\\".join(parts)


def plain_name(link: str) -> str:
    """Give a link's name as a column of a log, and a file, can bear it."""
    return quote(link, safe="").replace("%", "_")


def of_text(text: str) -> str:
    """Give a text as a line; `unescaped` undoes it, but for the line end."""
    return f"{escaped(text)}\n"


def of_line(line: Line) -> str:
    """Give "12.345678901<tab>-120000ns<tab>text": seconds, earliest end before that."""
    sign = "-" if line.time_ns < 0 else ""
    seconds, ns = divmod(abs(line.time_ns), 1_000_000_000)
    on = "" if line.console == OWN_CONSOLE else f" {line.console}"
    return f"{sign}{seconds}.{ns:09d}\t-{line.late_ns}ns{on}\t{escaped(line.text)}\n"


def to_line(text: str) -> Line:
    """Undo `of_line`, without its line end; ValueError where it is none."""
    time, late, said = text.split("\t", maxsplit=2)
    late, _, console = late.partition(" ")
    return Line(
        time_ns=int(time.replace(".", "")),
        late_ns=int(late.removeprefix("-").removesuffix("ns")),
        text=unescaped(said),
        console=console or OWN_CONSOLE,
    )


class StoredLines(Sequence[T]):
    """Records of a file of lines, each made when it is asked for; a torn last line is none.

    Parameters
    ----------
    decode
        Makes a record of a line without its end. It can be pickled, as this can.
    """

    def __init__(self, path: Path, decode: Callable[[str], T]) -> None:
        self._path, self._decode = path, decode
        with path.open("rb") as file:
            is_empty = not file.seek(0, 2)
            self._data = b"" if is_empty else mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._ends = _line_ends(self._data)

    def __len__(self) -> int:
        return int(self._ends.size)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[T, ...]: ...
    def __getitem__(self, index: int | slice) -> T | tuple[T, ...]:
        """Make the record, or those of a slice."""
        numbers = range(len(self))[index]
        if isinstance(numbers, range):
            return tuple(map(self._record, numbers))
        return self._record(numbers)

    def __reduce__(self) -> tuple[Any, ...]:
        return StoredLines, (self._path, self._decode)

    def each(self, change: Callable[[T], U]) -> StoredLines[U]:
        """Give the same records, each changed when it is asked for."""
        return StoredLines(self._path, partial(_changed, self._decode, change))

    def _record(self, number: int) -> T:
        begin = int(self._ends[number - 1]) + 1 if number else 0
        return self._decode(decoded(self._data[begin : int(self._ends[number])]))


def each(records: Iterable[T], change: Callable[[T], U]) -> Sequence[U]:
    """Change each record; of those in a file, when it is asked for."""
    if isinstance(records, StoredLines):
        return records.each(change)
    return tuple(map(change, records))


def _changed(decode: Callable[[str], T], change: Callable[[T], U], text: str) -> U:
    return change(decode(text))


def _line_ends(data: bytes | mmap.mmap) -> NDArray[np.int64]:
    raw = np.frombuffer(data, np.uint8)
    pieces = [
        np.flatnonzero(raw[at : at + _PIECE] == _NEWLINE) + at for at in range(0, raw.size, _PIECE)
    ]
    return np.concatenate(pieces) if pieces else np.empty(0, np.int64)
