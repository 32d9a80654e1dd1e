"""Where a case's records go while it runs: into files, once it has lasted for a while.

A case that is over before that leaves no trace of this and pays nothing for it. Must not know what
a record means.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from rig.errors import StorageError
from rig.trace.log import Growing
from rig.trace.unfinished import PROGRESS, STREAM, StreamProgress

# A process that is killed loses what came since the last writing: so much wall time, or so many
# records, which memory holds (0.7 KB each at most).
EVERY_S, MOST_PENDING = 2.0, 20_000


class Streams:
    """The growing files of one case.

    Parameters
    ----------
    folder
        Where they are put, made with the first of them; None keeps all in memory.
    begun
        What is put there first: name of a file, and what makes its content.
    every_s
        Wall time between two writings.
    """

    def __init__(
        self,
        folder: Path | None = None,
        begun: tuple[str, Callable[[], bytes]] | None = None,
        every_s: float = EVERY_S,
    ) -> None:
        self.folder, self._begun, self._every_s = folder, begun, every_s
        self._logs: Sequence[Growing] = ()
        self._written_s = 0.0

    def begin(self, logs: Sequence[Growing]) -> None:
        """A case's record begins, with these logs."""
        self._logs, self._written_s = logs, time.perf_counter()

    @property
    def has_begun(self) -> bool:
        """Whether there are files."""
        return self.folder is not None and self.folder.exists()

    @property
    def is_due(self) -> bool:
        """Whether there is something to write."""
        if self.folder is None:
            return False
        is_old = time.perf_counter() - self._written_s >= self._every_s
        return is_old or sum(log.pending for log in self._logs) >= MOST_PENDING

    def write(self, progress: StreamProgress) -> None:
        """Write what came since; StorageError where that can't be."""
        if self.folder is None:
            return
        try:
            self._write(self.folder, progress)
        except OSError as error:
            raise StorageError(
                f"a case's records can't be stored: {error.strerror or error}",
                self.folder.as_posix(),
                "make room on this disk, then go on with rig run --resume and the run's folder",
            ) from error
        self._written_s = time.perf_counter()

    def close(self) -> None:
        """End the files; what is in them stays."""
        for log in self._logs:
            log.close()

    def _write(self, folder: Path, progress: StreamProgress) -> None:
        if not self.has_begun:
            folder.mkdir(parents=True)
            if self._begun is not None:
                name, content = self._begun
                (folder / name).write_bytes(content())
        for log in self._logs:
            log.write(folder)
        unfinished = folder / f"{STREAM}.part"
        unfinished.write_bytes(PROGRESS.dump(progress))
        unfinished.replace(folder / STREAM)
