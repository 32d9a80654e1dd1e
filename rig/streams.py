"""Standard streams that nobody need listen to, and that need not know every character.

A run goes on where its terminal has gone (`| head`, a closed window): its evidence is in the run
folder. What an old terminal's encoding can't show is shown as an escape.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any


@contextmanager
def tolerant() -> Iterator[None]:
    """Make standard output and error such streams in this block."""
    _occupy_closed()
    with ExitStack() as stack:
        for name in ("stdout", "stderr"):
            before = getattr(sys, name)
            stack.callback(setattr, sys, name, before)
            setattr(sys, name, _tolerant(before, stack))
        yield


def _occupy_closed() -> None:
    """See that no file of ours gets the number of a standard stream that is closed."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free: this one


def _tolerant(stream: Any, stack: ExitStack) -> Any:
    if stream is None:  # it was closed when we began
        return stack.enter_context(open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123 -- no path
    buffer = getattr(stream, "buffer", None)
    raw = getattr(buffer, "raw", buffer)  # with PYTHONUNBUFFERED there is none between
    if not isinstance(stream, io.TextIOWrapper) or not isinstance(raw, io.RawIOBase):
        return stream  # somebody's own, as pytest's
    wrapped = io.TextIOWrapper(
        io.BufferedWriter(_Unheard(raw)),
        encoding=stream.encoding,
        errors="backslashreplace",
        line_buffering=True,
    )
    stack.callback(wrapped.detach)  # the stream below lives on
    stack.callback(wrapped.flush)
    with contextlib.suppress(OSError):
        stream.flush()
    return wrapped


class _Unheard(io.RawIOBase):
    """A stream that takes in everything, also where the one below does so no more."""

    def __init__(self, below: io.RawIOBase) -> None:
        self._below = below

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        with contextlib.suppress(OSError):  # broken pipe, hung-up terminal, full disk
            written = self._below.write(data)
            if written is not None:
                return written
        return len(data)

    def fileno(self) -> int:
        return self._below.fileno()

    def isatty(self) -> bool:
        return self._below.isatty()
