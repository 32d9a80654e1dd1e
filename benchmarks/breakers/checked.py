"""`rig check` on hostile files, in a process that may hang, exhaust itself or crash, unlike ours.

Used by `descriptions.py` and `dbcs.py`. Each answer goes through the real front door (`rig.cli`),
with a deadline and a limit of memory; a process that meets neither is replaced.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import multiprocessing
import re
import sys
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection

DEADLINE_S = 20.0  # the slowest of our own descriptions takes 0.3 s
MOST_MEMORY = 2 << 30
MOST_LINES, MOST_CHARACTERS = 110, 2500  # of a refusal
_PLACED = re.compile(r"[^\n]+?:\d+(:\d+)?: .+")
_MENDED = re.compile(r".*; \S.*")
_CLOSING = re.compile(r"\d+ mistakes?; nothing was touched|… and [\d,]+ more mistakes? in .*")


@dataclass(frozen=True)
class Answer:
    """What `rig check` made of a file."""

    accepted: bool = False
    text: str = ""
    hung: bool = False
    crash: str = ""  # a traceback, or how the process died
    seconds: float = 0.0

    def faults(self) -> Iterator[str]:
        """Name what is wrong with the answer itself."""
        if self.hung:
            yield "hangs"
        if self.crash:
            yield "tracebacks"
        if self.hung or self.crash or self.accepted:
            return
        lines = self.text.splitlines()
        if len(lines) > MOST_LINES or any(len(line) > MOST_CHARACTERS for line in lines):
            yield "floods"
        if not _is_well_told(lines):
            yield "badly told"


def _is_well_told(lines: Sequence[str]) -> bool:
    """Whether each mistake has its place and how to mend it."""
    reported = [line for line in lines if not _CLOSING.fullmatch(line)]
    mends = [line for line in reported if line.startswith("  to mend: ")]
    places = [line for line in reported if line not in mends]
    return bool(places) and all(
        _PLACED.fullmatch(line) and line.isprintable() and (_MENDED.fullmatch(line) or mends)
        for line in places
    )


class Checker:
    """`rig check` in a process of its own, begun anew when it was lost."""

    def __init__(self) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._begin()

    def __call__(self, arguments: Sequence[str]) -> Answer:
        """Check with these arguments of the command line."""
        begin = time.perf_counter()
        self._ours.send(list(arguments))
        if not self._ours.poll(DEADLINE_S):
            self.close()
            self._begin()
            return Answer(hung=True, seconds=time.perf_counter() - begin)
        try:
            code, text, crash = self._ours.recv()
        except EOFError:
            self.close()
            code, text, crash = None, "", f"the process ended with {self._process.exitcode}"
            self._begin()
        seconds = time.perf_counter() - begin
        return Answer(accepted=code == 0, text=text, crash=crash, seconds=seconds)

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.join()
        self._ours.close()

    def _begin(self) -> None:
        self._ours, theirs = self._context.Pipe()
        self._process = self._context.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()


def _serve(pipe: Connection) -> None:
    with contextlib.suppress(ImportError):  # there is none on Windows
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    from rig.cli import main

    while True:
        arguments = pipe.recv()
        buffer = io.BytesIO()
        said = io.TextIOWrapper(buffer, encoding="utf-8", write_through=True)
        crash = ""
        code: int | None = None
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            try:
                code = main(["check", *arguments])
            except SystemExit as ended:
                code = int(ended.code or 0)
            except BaseException:  # noqa: BLE001 -- whatever a file brings about is what is counted here
                crash = traceback.format_exc()
        pipe.send((code, buffer.getvalue().decode("utf-8", "replace"), crash[-3000:]))


# ---- trying --------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Mutant:
    """A file that is wrong on purpose."""

    kind: str
    what: str  # it differs in
    checked: Callable[[Checker], Answer]


def tried(
    doc: str | None,
    tries: int,
    refused: Callable[[Checker], Sequence[str]],
    mutants: Callable[[int, int], Iterable[Mutant]],
    *,
    never: Iterable[str] = (),
) -> int:
    """Check mutants as the command line asks, print what came of them and give the exit code.

    Parameters
    ----------
    refused
        Which of our own files, that are good, are refused.
    mutants
        Makes them, of a seed and so many.
    never
        Kinds of which none may be accepted.
    """
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tries", type=int, default=tries)
    parser.add_argument("--accepted", metavar="CLASS", help="show what was accepted of a class")
    options = parser.parse_args()
    checker, count = Checker(), Count()
    wrong = refused(checker)
    for mutant in mutants(options.seed, options.tries):
        answer = mutant.checked(checker)
        count.add(mutant.kind, mutant.what, answer)
        if answer.accepted and options.accepted in (mutant.kind, "all"):
            print(mutant.what)
    checker.close()
    return count.print("refused: " + ", ".join(wrong) if wrong else "all accepted", never=never)


def difference(old: bytes, new: bytes) -> str:
    """Show the first line that differs."""
    pairs = zip([*old.splitlines(), b""], [*new.splitlines(), b""], strict=False)
    a, b = next(((a, b) for a, b in pairs if a != b), (b"", b""))
    before, after = (line.strip().decode("utf-8", "replace") for line in (a, b))
    return f"{before[:100]!r} -> {after[:140]!r}"


# ---- counting -----------------------------------------------------------------------------------
@dataclass
class Count:
    """What came of the mutants of each class."""

    tries: Counter[str] = field(default_factory=Counter)
    accepted: Counter[str] = field(default_factory=Counter)
    faults: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    slowest_s: float = 0.0

    def add(self, kind: str, what: str, answer: Answer) -> None:
        """Count one."""
        self.tries[kind] += 1
        self.accepted[kind] += answer.accepted
        self.slowest_s = max(self.slowest_s, answer.seconds)
        for fault in answer.faults():
            self.faults[fault].append(f"{what}\n{(answer.crash or answer.text)[:1500]}")

    def print(self, control: str, *, never: Iterable[str] = ()) -> int:
        """Print the table; 1 where a count that is wanted 0 is not."""
        print(f"{'class':<28}{'tries':>7}{'refused':>9}{'accepted':>10}")
        for kind, tries in sorted(self.tries.items()):
            accepted = self.accepted[kind]
            print(f"{kind:<28}{tries:>7}{tries - accepted:>9}{accepted:>10}")
        total, taken = sum(self.tries.values()), sum(self.accepted.values())
        print(f"{'all':<28}{total:>7}{total - taken:>9}{taken:>10}")
        nonsense = sum(self.accepted[kind] for kind in never)
        print(f"\nwanted 0: nonsense accepted {nonsense}", end="")
        for fault in ("tracebacks", "hangs", "floods", "badly told"):
            print(f", {fault} {len(self.faults[fault])}", end="")
        print(f"; slowest answer {self.slowest_s:.1f} s\ncontrol: {control}")
        for fault, samples in self.faults.items():
            for sample in samples[:5]:
                print(f"\n--- {fault}: {sample}", file=sys.stderr)
        return int(nonsense > 0 or any(self.faults.values()) or control != "all accepted")
