"""What all breakers share: a run of the rig as a process, what it left, and the table of counts."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

RIG = [sys.executable, "-m", "rig.cli", "run"]
_TRACEBACKS = ("Traceback (most recent call last)", "INTERNALERROR")


def read_options(doc: str | None, tries: int) -> argparse.Namespace:
    """Options that every breaker has."""
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument("--seed", type=int, default=1, help="of every random choice (1)")
    parser.add_argument("--tries", type=int, default=tries, help=f"how many ({tries})")
    return parser.parse_args()


@dataclass(slots=True)
class RigRun:
    """A run of the rig as a process of its own, in a session of its own."""

    out: Path
    process: subprocess.Popen[bytes]
    log: Path

    @classmethod
    def started(cls, out: Path, *arguments: str, prefix: Sequence[str] = ()) -> RigRun:
        """Start one; its output goes to a file apart."""
        log = Path(tempfile.mkstemp(suffix=".log")[1])  # not on the disk that the evidence is on
        place = [] if "--resume" in arguments else ["--out", str(out)]
        with log.open("wb") as said:
            process = subprocess.Popen(
                [*prefix, *RIG, *arguments, *place, "-p", "no:cacheprovider"],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_ignores_no_signal,
            )
        return cls(out=out, process=process, log=log)

    def wait(self, within_s: float) -> int | None:
        """Give its exit code; None where it hangs, which ends it."""
        try:
            return self.process.wait(within_s)
        except subprocess.TimeoutExpired:
            self.kill()
            return None

    def kill(self) -> None:
        """End what is left of it, with what it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    @property
    def said(self) -> str:
        """What it printed."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def says_yes(self, within_s: float) -> bool:
        """Whether it ends as a run does in which all is well."""
        return self.wait(within_s) == 0 and "\nYES: all " in self.said

    @property
    def has_traceback(self) -> bool:
        """Whether it showed its insides."""
        return any(word in self.said for word in _TRACEBACKS)

    @property
    def folder(self) -> Path | None:
        """Its run folder, if it came so far."""
        return next(iter(sorted(self.out.glob("runs/*-0001"))), None)

    def results(self) -> list[dict[str, Any]]:
        """The result lines of its journal that are whole."""
        return [e for e in self.journal() if e["kind"] == "result"]

    def journal(self) -> list[dict[str, Any]]:
        """All lines of its journal that are whole."""
        path = self.folder / "journal.jsonl" if self.folder else None
        if path is None or not path.is_file():
            return []
        *lines, _torn = path.read_bytes().split(b"\n")
        return [json.loads(line) for line in lines]

    def is_driving(self) -> bool:
        """Whether a bench is connected and the cases are driven on it.

        The journal has it with the first result only, a lane says it at once.
        """
        notes = self.folder.glob("staging/*/*.json") if self.folder else ()
        return bool(self.results()) or any(map(_is_connected, notes))

    def planned(self) -> int:
        """How many cases there are."""
        return next(len(e["cases"]) for e in self.journal() if e["kind"] == "planned")

    def is_finished(self) -> bool:
        """Whether its journal claims that it came to its end."""
        return any(entry["kind"] == "run-end" for entry in self.journal())

    def until(self, holds: Callable[[], bool], within_s: float = 60.0) -> bool:
        """Wait until something holds; False where it ended before."""
        deadline = time.perf_counter() + within_s
        while not holds():
            if self.process.poll() is not None or time.perf_counter() > deadline:
                return False
            time.sleep(0.01)
        return True


def _ignores_no_signal() -> None:
    """Undo what a shell's background job (SIGINT) and nohup (SIGHUP) leave to all they start."""
    for name in ("SIGINT", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_DFL)


def _is_connected(note: Path) -> bool:
    """Whether a lane says in a note of its own that it connected its bench."""
    try:
        return bool(json.loads(note.read_bytes())["kind"] == "connected")
    except FileNotFoundError:  # it was taken in meanwhile
        return False


def descendants(pid: int) -> list[int]:
    """Processes that a process started, and those that they started (Linux)."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, task.read_text(encoding="ascii").split()):
            found += [child, *descendants(child)]
    return found


def tried(
    one_try: Callable[[int, random.Random], Counter[str]], options: argparse.Namespace, at_once: int
) -> Iterator[Counter[str]]:
    """Make all tries, some at once, and give what each counts; a try is the same with any others.

    The random numbers of a try come from the seed and its own number.
    """
    with ThreadPoolExecutor(at_once) as pool:
        yield from pool.map(
            lambda number: one_try(number, random.Random(f"{options.seed} {number}")),
            range(options.tries),
        )


@dataclass(slots=True)
class Table:
    """How often what happened; what is wanted to be 0 and is not makes the exit code 1."""

    wanted_0: Sequence[str]
    counts: Counter[str] = field(default_factory=Counter)

    def print(self) -> int:
        """Print it and give the exit code."""
        for name in dict.fromkeys([*self.counts, *self.wanted_0]):
            wanted = "   (wanted: 0)" if name in self.wanted_0 else ""
            print(f"{self.counts[name]:6}  {name}{wanted}")
        return 1 if any(self.counts[name] for name in self.wanted_0) else 0
