"""Signals that end a run: Ctrl-C, a cancelled job (SIGTERM), a closed terminal (SIGHUP).

While they are watched, the first that comes raises `Ended` where the main thread is, as Python does
for Ctrl-C alone; those after it change nothing, so that nobody's second Ctrl-C keeps a bench from
being made safe. `held` puts the exception off to the end of a block. A signal that whoever started
us made ignored (nohup) stays ignored. Must not know what a run is.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

# SIGBREAK is Windows' Ctrl-Break, and what its C library makes of a console that is closed.
_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
NUMBERS = tuple(number for name in _NAMES if (number := getattr(signal, name, None)) is not None)
_CONSOLE_WAITS_S = 5.0  # Windows kills a process so long after its console was closed


class Ended(KeyboardInterrupt):
    """A signal asks the run to end."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


@dataclass(slots=True)
class _Watch:
    came: int | None = None  # the first signal
    is_reported: bool = False  # `Ended` was raised for it
    holds: int = 0
    is_on: bool = False

    def on_signal(self, number: int, _frame: FrameType | None) -> None:
        if self.came is None:
            self.came = number
        self.tell()

    def tell(self) -> None:
        if self.came is not None and not self.is_reported and not self.holds:
            self.is_reported = True
            raise Ended(self.came)


_watch = _Watch()


@contextmanager
def watched() -> Iterator[None]:
    """Let the signals that end a run raise `Ended` in this block; within another one, no change."""
    if _watch.is_on or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {n: signal.getsignal(n) for n in NUMBERS}
    _watch.came, _watch.is_reported, _watch.is_on = None, False, True
    try:
        for number, handler in before.items():
            if handler not in {signal.SIG_IGN, None}:  # None: not Python's, so not ours to replace
                signal.signal(number, _watch.on_signal)
        with _closing_console_waits():
            yield
    finally:
        _watch.is_reported = True  # from here on nothing is raised
        for number, handler in before.items():
            if handler is not None:
                signal.signal(number, handler)
        _watch.is_on = False


class held:  # noqa: N801 -- a context manager; one of contextlib's costs ten times as much
    """Put `Ended` off to the end of the block, which must not be cut in the middle."""

    def __enter__(self) -> None:
        if _may_end():
            _watch.holds += 1

    def __exit__(self, *_: object) -> None:
        if _may_end():
            _watch.holds -= 1
            if _watch.is_on:
                _watch.tell()


def _may_end() -> bool:
    """Whether this is the thread that gets signals."""
    return threading.current_thread() is threading.main_thread()


def exit_code(interrupt: BaseException | None = None) -> int:
    """What a program ends with that a signal ended: 128 + its number, as a shell says it."""
    number = interrupt.number if isinstance(interrupt, Ended) else _watch.came
    return 128 + (number or signal.SIGINT)


def over() -> None:
    """Let no signal end anything from here on: all that it could cut short is done."""
    _watch.is_reported = True


def has_come() -> bool:
    """Whether a signal asked for the end."""
    return _watch.is_on and _watch.came is not None


def check() -> None:
    """Raise `Ended` again where somebody swallowed it, as a callback of a library may."""
    if _watch.is_on and _watch.came is not None:
        _watch.is_reported = True
        raise Ended(_watch.came)


if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes

    @contextmanager
    def _closing_console_waits() -> Iterator[None]:
        """Keep a closed console, a log-off or a shutdown from killing us before we have ended.

        Windows kills a process when its handler of these events returns; the C library's own,
        which raises SIGBREAK, returns at once. Handlers are called last come, first served.
        """
        ended = threading.Event()
        kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
        handler_type = ctypes.WINFUNCTYPE(wintypes.BOOL, wintypes.DWORD)

        def on_event(event: int) -> bool:
            if event <= signal.CTRL_BREAK_EVENT:
                return False  # the C library's handler makes a signal of it
            signal.raise_signal(signal.SIGBREAK)
            ended.wait(_CONSOLE_WAITS_S)
            return True

        handler = handler_type(on_event)
        kernel32.SetConsoleCtrlHandler(handler, True)  # noqa: FBT003 -- Windows' own signature
        try:
            yield
        finally:
            ended.set()
            kernel32.SetConsoleCtrlHandler(handler, False)  # noqa: FBT003

else:

    @contextmanager
    def _closing_console_waits() -> Iterator[None]:
        """Only Windows has consoles that close so."""
        yield
