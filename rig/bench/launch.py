"""Starts a bench's own process and learns its addresses. It never imports what it starts.

The process is told to end by closing its standard input, which the operating system also does when
this process dies, however it dies; RIG_ENDS_WITH_INPUT=1 in its environment says so to a program
that can also be served by itself (`rig virtual`). One JSON object on the first line of its output
names its endpoints; its error output is kept for the message that says why it failed.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import IO, Any

from rig.errors import BenchError

READY_WITHIN_S = 30.0
END_WITHIN_S = 10.0  # of wall time; then it is killed
TIED = {"RIG_ENDS_WITH_INPUT": "1"}
_TAIL_CHARACTERS = 2000  # of its error output, quoted in a message

if sys.platform == "win32":
    _OWN_GROUP: Mapping[str, Any] = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
else:
    _OWN_GROUP: Mapping[str, Any] = {"start_new_session": True}


class BenchProcess:
    """A running bench process; a context manager that ends it.

    Parameters
    ----------
    command
        What to start; a first word "python" means the interpreter that runs the rig.
    """

    def __init__(self, command: Sequence[str], *, ready_within_s: float = READY_WITHIN_S) -> None:
        self._given_up = False
        first, *rest = command
        self._command = [sys.executable if first == "python" else first, *rest]
        self._said: IO[str] = tempfile.TemporaryFile(  # noqa: SIM115  closed by close()
            "w+", encoding="utf-8", errors="replace"
        )
        try:
            self._process = subprocess.Popen(  # noqa: S603  the bench description names it
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._said,
                text=True,
                encoding="utf-8",
                env={**os.environ, **TIED},
                **_OWN_GROUP,
            )
        except OSError as error:
            self._said.close()
            raise self._failed(f"it can't be started: {error}") from error
        self.endpoints: Mapping[str, str] = {}
        try:
            self.endpoints = self._read_endpoints(ready_within_s)
        except BaseException:  # a Ctrl-C while it starts, too
            self._end()
            raise

    def __enter__(self) -> BenchProcess:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let it end by itself, then make it end.

        Raises
        ------
        BenchError
            It had ended before it was told to: then this is why all its links broke.
        """
        died = self._process.poll()
        words = self.last_words()
        self._end()
        if self._given_up:
            raise self._failed("it was ended, as it no longer answered", words)
        if died is not None and self.endpoints:
            raise self._failed(f"it ended with exit code {died} in the middle of the run", words)

    def give_up(self) -> None:
        """End it at once, as it is dead or frozen: then its links say so, and nobody waits more."""
        self._given_up = self._process.poll() is None
        self._process.kill()

    def _end(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        if not self._ends():
            self._process.terminate()
            if not self._ends():
                self._process.kill()
                self._ends()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._said.close()

    def _ends(self) -> bool:
        try:
            self._process.wait(END_WITHIN_S)
        except subprocess.TimeoutExpired:
            return False
        return True

    def last_words(self) -> str:
        """The end of its error output."""
        if self._said.closed:
            return ""
        self._said.flush()
        self._said.seek(0)
        return self._said.read()[-_TAIL_CHARACTERS:].strip()

    def _read_endpoints(self, within_s: float) -> Mapping[str, str]:
        line = self._first_line(within_s)
        try:
            endpoints = json.loads(line)
        except ValueError:
            endpoints = None
        if not isinstance(endpoints, dict):
            raise self._failed(f"its first line is no JSON object: {line.strip()[:200]!r}")
        return {str(name): str(address) for name, address in endpoints.items()}

    def _first_line(self, within_s: float) -> str:
        """Read with a deadline; a pipe has none on Windows, so a thread does the reading."""
        lines: queue.Queue[str] = queue.Queue()
        output = self._process.stdout
        assert output is not None  # noqa: S101  asked for above
        threading.Thread(target=lambda: lines.put(output.readline()), daemon=True).start()
        try:
            line = lines.get(timeout=within_s)
        except queue.Empty:
            self._process.kill()  # else the reading thread would hold the pipe open
            raise self._failed(f"it said nothing within {within_s:g} s") from None
        if not line:
            has_ended = self._ends()
            code = self._process.returncode
            what = f"ended with exit code {code}" if has_ended else "closed its output"
            raise self._failed(f"it {what} before it was ready")
        return line

    def _failed(self, what: str, words: str | None = None) -> BenchError:
        words = self.last_words() if words is None else words
        return BenchError(
            f"the bench's own process failed: {what}" + (f"\n{words}" if words else ""),
            " ".join(self._command),
            "run this command by hand to see what it says",
        )
