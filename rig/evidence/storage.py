"""Room for evidence: what a run reserves before it starts, and one error where a write fails.

Must not know what is written.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rig.errors import StorageError

_MIB = 1 << 20
FIXED = 16 * _MIB  # journal, inputs, reports, and what else is written beside
A_CASE = _MIB // 8  # of evidence and page; in smoke 70 KiB on average, 136 at most (du)
LEAST = 8 * _MIB  # below it no case is begun: so much is left to end the run in good order


def reserve(folder: Path, cases: int) -> None:
    """See that a run of so many cases has room.

    Raises
    ------
    StorageError
        It has not.
    """
    _check(folder, FIXED + A_CASE * cases, "1 case needs" if cases == 1 else f"{cases} cases need")


def check_room(folder: Path) -> None:
    """See that there is room for one more case; StorageError where not."""
    _check(folder, LEAST, "another case needs")


def _check(folder: Path, wanted: int, what: str) -> None:
    free = shutil.disk_usage(folder).free
    if free < wanted:
        raise StorageError(
            f"the disk has {free / _MIB:.1f} MiB left, and {what} {wanted / _MIB:.0f} MiB",
            folder.as_posix(),
            "make room on this disk, or name another with --out",
        )


@contextmanager
def storing(folder: Path) -> Iterator[None]:
    """Make one clear error of whatever the operating system says of a write.

    Raises
    ------
    StorageError
        It could not be written.
    """
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"{error.strerror or error} ({_left(folder)} on the disk)",
            folder.as_posix(),
            "make room on this disk, then go on with rig run --resume and the run's folder",
        ) from error


def _left(folder: Path) -> str:
    try:
        return f"{shutil.disk_usage(folder).free / _MIB:.1f} MiB left"
    except OSError:
        return "nobody knows how much is left"
