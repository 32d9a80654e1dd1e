"""The right to write a run folder, which one process at a time has. Must not read evidence.

It is the operating system's own lock on the journal: it ends with the process that has it, however
that ends, and is part of no copy. Whoever only reads asks for none. Who has it is written into
`staging/`, which is no evidence and goes when the run ends.
"""

from __future__ import annotations

import contextlib
import errno
import os
import platform
import sys
from pathlib import Path

from rig.errors import EvidenceError

JOURNAL, STAGING = "journal.jsonl", "staging"
_HOLDER = "holder"
_HELD = {errno.EACCES, errno.EAGAIN, errno.EWOULDBLOCK, errno.EDEADLK}
# What Windows locks nobody else can read, so it is one byte that no journal ever reaches.
_FAR = 0x7FFFFFFE

if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        os.lseek(descriptor, _FAR, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        # Not lockf: its lock would end as soon as this process reads the journal and closes it.
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


class Hold:
    """The right to write one run folder, until it is let go of.

    Raises
    ------
    EvidenceError
        Another process has it. On a file system that knows no locks, nobody is kept out.
    """

    def __init__(self, path: Path) -> None:
        self._holder = path / STAGING / _HOLDER
        self._descriptor: int | None = os.open(path / JOURNAL, os.O_RDWR)
        try:
            _lock(self._descriptor)
        except OSError as error:
            if error.errno in _HELD:
                self._close()
                raise _held(path, self._holder) from None
        _open_here.add(self)
        with contextlib.suppress(OSError):  # on a full disk a holder has no name
            self._holder.parent.mkdir(exist_ok=True)
            who = f"process {os.getpid()} on {platform.node()}"
            self._holder.write_text(who, encoding="utf-8")

    def let_go(self) -> None:
        """Let others write it; to say so twice does no harm."""
        _open_here.discard(self)
        self._close()

    def _close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


_open_here: set[Hold] = set()


def _held(path: Path, holder: Path) -> EvidenceError:
    try:
        who = holder.read_text(encoding="utf-8")
    except OSError:
        who = "another process"
    return EvidenceError(
        f"{who} is still writing this run", str(path), "wait until it has ended, or end it"
    )


def _nothing_is_held() -> None:
    for hold in tuple(_open_here):
        hold.let_go()


# A copy of the process, as multiprocessing makes one, would keep the lock when this one has died.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_nothing_is_held)
