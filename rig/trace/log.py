"""Records of a running case, in order: in memory, and on request in a file that grows.

What was written survives the process that wrote it, however that ends. Must not know when to
write, nor what a record means.
"""

from __future__ import annotations

import contextlib
import dataclasses
import mmap
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Generic, Protocol, TypeVar

import pyarrow as pa

from rig.trace.texts import StoredLines, encoded

T = TypeVar("T")
_STAY = 1_000  # newest records that stay in memory, for those who look back at what just came
_PIECE = 1 << 17  # bytes of whole lines that are handed out at once


class Growing(Protocol):
    """What a case's folder is told to write now and then."""

    @property
    def pending(self) -> int:
        """Number of records that only memory has."""

    def write(self, folder: Path) -> None:
        """Write them; OSError where that can't be."""

    def close(self) -> None:
        """Close the file, where there is one."""


class Log(Generic[T]):
    """Records that become a line of text each, of which memory keeps the newest.

    Parameters
    ----------
    name
        Of its file.
    encode, decode
        A record to its line, line end and all; and back, without that.
    """

    def __init__(
        self, name: str, encode: Callable[[T], str], decode: Callable[[str], T] | None = None
    ) -> None:
        self.name, self._encode, self._decode = name, encode, decode
        self.newest: list[T] = []
        self._gone = 0  # records before those
        self._written = 0  # of the newest
        self._file: BinaryIO | None = None
        self._path = Path()

    def __len__(self) -> int:
        return self._gone + len(self.newest)

    @property
    def pending(self) -> int:
        """Number of records that only memory has."""
        return len(self.newest) - self._written

    def append(self, record: T) -> None:
        """Add one."""
        self.newest.append(record)

    def since(self, number: int) -> Sequence[T]:
        """Give the records from this number on, counted from 0; of old ones those still there."""
        return self.newest[max(number - self._gone, 0) :]

    def write(self, folder: Path) -> None:
        """Write what only memory has, and forget all but the newest."""
        if self._file is None:
            self._path = folder / self.name
            self._file = self._path.open("xb")
        self._file.write(self._text(self.newest[self._written :]))
        self._file.flush()
        old = max(len(self.newest) - _STAY, 0)
        del self.newest[:old]
        self._gone += old
        self._written = len(self.newest)

    def close(self) -> None:
        """Close the file; what is in it can still be read."""
        if self._file is not None:
            self._file.close()

    def all(self) -> Sequence[T]:
        """Give all records; those of a file when they are asked for."""
        if self._file is None or self._decode is None:
            return tuple(self.newest)
        self.write(self._path.parent)
        return StoredLines(self._path, self._decode)

    def texts(self) -> Iterator[bytes]:
        """Give all lines, many at once."""
        if self._file is None:
            yield self._text(self.newest)
            return
        self.write(self._path.parent)
        yield from whole_lines(self._path)

    def room(self, size: int) -> mmap.mmap | bytearray:
        """Give so many bytes to put into other form what is here: of a file, where it is in one."""
        if self._file is None:
            return bytearray(size)
        with self._path.with_suffix(".columns").open("w+b") as file:
            os.truncate(file.fileno(), size)
            return mmap.mmap(file.fileno(), size)

    def _text(self, records: Iterable[T]) -> bytes:
        return encoded("".join(map(self._encode, records)))


def whole_lines(path: Path) -> Iterator[bytes]:
    """Give a file's lines, many at once; a torn last line is left out."""
    rest = b""
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            lines, end, rest = (rest + piece).rpartition(b"\n")
            yield lines + end


class Rows(Generic[T]):
    """Records of a few plain fields each, which become an Arrow IPC stream; memory keeps all.

    There are no more of them than a case's steps ask for.
    """

    def __init__(self, name: str, kind: type[Any]) -> None:
        self.name, self._schema = name, _schema(kind)
        self.all: list[T] = []
        self._written = 0
        self._file: BinaryIO | None = None
        self._writer: Any = None

    @property
    def pending(self) -> int:
        """Number of records that only memory has."""
        return len(self.all) - self._written

    def write(self, folder: Path) -> None:
        """Write what only memory has, as one batch."""
        if self._file is None:
            self._file = (folder / self.name).open("xb")
            self._writer = pa.ipc.new_stream(self._file, self._schema)
        if self.pending:
            new = [dataclasses.asdict(row) for row in self.all[self._written :]]  # type: ignore[call-overload]
            self._writer.write_batch(pa.RecordBatch.from_pylist(new, self._schema))
        self._file.flush()
        self._written = len(self.all)

    def close(self) -> None:
        """End the stream and close its file."""
        if self._file is not None:
            self._writer.close()
            self._file.close()


_TYPES = {"str": pa.string(), "float": pa.float64(), "int": pa.int64()}


def _schema(kind: type[Any]) -> pa.Schema:
    return pa.schema([(f.name, _TYPES[str(f.type)]) for f in dataclasses.fields(kind)])


def rows_of(path: Path, kind: Callable[..., T]) -> tuple[T, ...]:
    """Read what `Rows` wrote, up to where it broke off."""
    found: list[T] = []
    with path.open("rb") as source, contextlib.suppress(pa.ArrowInvalid, OSError):
        for batch in pa.ipc.open_stream(source):  # its process may have ended while it wrote
            found += [kind(**row) for row in batch.to_pylist()]
    return tuple(found)
