"""An append-only journal of JSON lines, each with the SHA-256 of the line before it.

What the next case must not start without (`durable` lines) is on the disk when `write` returns;
the others reach the operating system at once, so that a killed process loses none of them and a
power cut at most those since the last durable line. Must not know what the lines mean.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from rig.documents import parsed_object
from rig.errors import EvidenceError

FIRST = "0" * 64  # what the first line names as the one before
_PIECE = 1 << 16  # bytes of a file that are in memory at once

Entry = dict[str, Any]


class Journal:
    """The writing end. One process at a time."""

    def __init__(self, path: Path, *, number: int = 0, previous: str = FIRST) -> None:
        self.path = path
        self._number, self._previous = number, previous
        # Unbuffered: a line is with the operating system when write() returns.
        self._file = path.open("ab", buffering=0)

    def write(self, kind: str, content: Mapping[str, object], *, durable: bool) -> None:
        """Append one line; with `durable`, return only when it is on the disk."""
        head = {"number": self._number, "previous": self._previous, "kind": kind}
        line = json.dumps({**head, **content}, ensure_ascii=False, allow_nan=False).encode()
        self._append(line + b"\n")
        if durable:
            os.fsync(self._file.fileno())
        self._number += 1
        self._previous = digest(line)

    def _append(self, data: bytes) -> None:
        """Write all of it or nothing: a full disk takes a part, and says no the next time."""
        end = self._file.seek(0, os.SEEK_END)
        try:
            while data:
                data = data[self._file.write(data) :]
        except OSError:
            self._file.truncate(end)
            raise

    def close(self) -> None:
        """Put everything on the disk and close."""
        if not self._file.closed:
            try:
                os.fsync(self._file.fileno())
            finally:
                self._file.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def digest(data: bytes) -> str:
    """SHA-256, as the journal and the manifest write it."""
    return hashlib.sha256(data).hexdigest()


def digest_of(path: Path) -> str:
    """SHA-256 of a plain file, which may be too large for memory; OSError where it is none."""
    if not stat.S_ISREG(path.lstat().st_mode):
        raise _no_plain_file()
    # In pieces of our own: hashlib.file_digest clears a quarter of a megabyte for each file, which
    # takes as long again as all the rest where a file has a few kilobytes, and most have.
    found = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while piece := file.read(_PIECE):
            found.update(piece)
    return found.hexdigest()


def read_journal(path: Path) -> tuple[list[Entry], list[str], int]:
    """Read what can be trusted.

    Returns
    -------
    entries : list of dict
        Every line up to the first that breaks the chain.
    problems : list of str
        Why reading stopped early. A torn last line (no line end) is no problem: the power went
        while it was written, and nothing after it can have been claimed to anybody.
    end : int
        Length in bytes of the trusted part, where a resumed run goes on writing.
    """
    entries: list[Entry] = []
    problems: list[str] = []
    previous, end = FIRST, 0
    # Not splitlines: it also splits at a carriage return, which only damage puts there.
    *whole, _torn = _read(path).split(b"\n")
    for number, raw in enumerate(whole, 1):
        entry, problem = _entry(raw, number - 1, previous)
        if problem:
            problems.append(f"journal.jsonl:{number}: {problem}; nothing after it is trusted")
            break
        entries.append(entry)
        previous, end = digest(raw), end + len(raw) + 1
    return entries, problems, end


def resume_journal(path: Path) -> Journal:
    """Open a journal again at the end of its trusted part; a torn last line is cut off.

    Raises
    ------
    EvidenceError
        Its trusted part is not as it was written.
    """
    entries, problems, end = read_journal(path)
    if problems:
        raise EvidenceError(problems[0], str(path), "start a new run; keep this one as it is")
    with path.open("r+b") as file:
        file.truncate(end)
    *lines, _ = [b"", *path.read_bytes().split(b"\n")]
    return Journal(path, number=len(entries), previous=digest(lines[-1]) if entries else FIRST)


def read_plain(path: Path) -> bytes:
    """Read a plain file; OSError for a link, a folder, a pipe or a device."""
    if not stat.S_ISREG(path.lstat().st_mode):
        raise _no_plain_file()
    return path.read_bytes()


def _no_plain_file() -> OSError:
    return OSError(errno.EINVAL, "it is no plain file")


def _read(path: Path) -> bytes:
    try:
        return read_plain(path)
    except OSError as error:
        raise EvidenceError(
            f"no journal can be read ({error.strerror or error})", str(path), "name a run folder"
        ) from error


def _entry(line: bytes, number: int, previous: str) -> tuple[Entry, str]:
    try:
        entry = parsed_object(line, "journal.jsonl")
    except EvidenceError:
        return {}, "the line is no JSON object, it was damaged"
    if entry.get("previous") != previous:
        return {}, "the chain of hashes is broken, a line was changed, added or removed"
    if entry.get("number") != number or not isinstance(entry.get("kind"), str):
        return {}, "the line bears no kind or not its number"
    return entry, ""
