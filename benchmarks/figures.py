"""Runs every benchmark and study, keeps what it prints, and holds the docs' figures against that.

    python benchmarks/figures.py [NAME …] [--size reduced|full] [--list]

Reduced, all take about a minute, so CI runs them at every change (`make benchmarks`); full, they
print the figures that stand in the docs (`make benchmarks SIZE=full`, hours in all; or by name).
What each printed is kept in out/benchmarks/SIZE/NAME.txt, with its command and the commit above it,
ready to be put into a page as it is.

A figure in the docs is a block of text whose first line is `$ COMMAND    # at COMMIT`. Its *form*
is what is left of its lines when numbers, units, hashes and paths are masked. Each line of a figure
must have a form that its command still prints, at whatever size; and the other way round, but where
the figure leaves lines out with "…". Exit code 1: a benchmark failed, or a figure has another form.
"""

from __future__ import annotations

import argparse
import re
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
LEFT_OUT = "…"
HEAD = re.compile(r"^\$ (?P<command>.+?) +# at (?P<commit>[0-9a-f]{7,40})$")
FENCE = re.compile(r"^```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MASKS = (
    (re.compile(r"[\w./\\-]+\.(?:ya?ml|jsonl?|html|xml)\b|\bout/[\w./-]+"), "PATH"),
    (re.compile(r"\b(?=[a-f]*\d)[0-9a-f]{7,64}\b"), "#"),
    (re.compile(r"\(\d+:\d\d:\d\d\)"), ""),  # pytest tells minutes only where there are some
    (re.compile(r"[-+−]?\d[\d.,]*(?:e[-+]?\d+)?"), "#"),
    (re.compile(r"# ?(?:ms|µs|s|min|h|mV|V|mA|A|%)(?!\w)"), "#"),
    (re.compile(r"==+"), "="),
    (re.compile(r"\s+"), " "),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """One benchmark or study: the commands whose figures stand in the docs, and a reduced one.

    `{out}` in a command is a folder that is empty, and gone afterwards.
    """

    name: str
    full: tuple[str, ...]
    reduced: str


BENCHMARKS = (
    Benchmark(
        name="nightly_speed",
        full=("python benchmarks/nightly_speed.py",),
        reduced="python benchmarks/nightly_speed.py testplans/smoke.yaml",
    ),
    Benchmark(
        name="case_overhead",
        full=("python benchmarks/case_overhead.py",),
        reduced="python benchmarks/case_overhead.py 1 --cases 2 8",
    ),
    Benchmark(
        name="old_and_new",
        full=("python benchmarks/old_and_new.py ../old .",),
        reduced="python benchmarks/old_and_new.py . . 1 --plan testplans/smoke.yaml",
    ),
    Benchmark(
        name="begin",
        full=("python benchmarks/begin.py",),
        reduced="python benchmarks/begin.py 3",
    ),
    Benchmark(
        name="growth",
        full=("python benchmarks/growth.py",),
        reduced="python benchmarks/growth.py 16 32 64 128",
    ),
    Benchmark(
        name="case_memory",
        full=("python benchmarks/case_memory.py",),
        reduced="python benchmarks/case_memory.py 15 60 120",
    ),
    Benchmark(
        name="code_lines",
        full=("python benchmarks/code_lines.py",),
        reduced="python benchmarks/code_lines.py",
    ),
    Benchmark(
        name="side_by_side",
        full=("python benchmarks/side_by_side.py",),
        reduced="python benchmarks/side_by_side.py testplans/smoke.yaml",
    ),
    Benchmark(
        name="determinism",
        full=("python benchmarks/determinism.py",),
        reduced="python benchmarks/determinism.py 2 --part 'trip and OVP-cell1'",
    ),
    Benchmark(
        name="ground_truth",
        full=(
            "python benchmarks/ground_truth.py",
            "python benchmarks/ground_truth.py 90 --first 1001",
        ),
        reduced="python benchmarks/ground_truth.py 1 --first 3",
    ),
    Benchmark(
        name="false_alarms",
        full=(
            "python benchmarks/false_alarms.py --plan testplans/nightly.yaml"
            " --cases 50000 --seeds 200",
            "python benchmarks/false_alarms.py --cases 5000 --seeds 20 --load",
        ),
        reduced="python benchmarks/false_alarms.py --plan testplans/smoke.yaml"
        " --cases 16 --seeds 2 --out {out}",
    ),
    Benchmark(
        name="mutants",
        full=("rig mutants testplans/nightly.yaml",),
        reduced="rig mutants testplans/smoke.yaml --variants trips-on-one-sample"
        " --control findings --out {out}",
    ),
)


# ---- figures ------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """What a page says that a command printed."""

    page: str  # with its line
    command: str
    commit: str
    lines: tuple[str, ...]


def figures_of(page: str, text: str) -> Iterator[Figure]:
    """Give the figures of a page."""
    for block in FENCE.finditer(text):
        head, *lines = block[1].splitlines()
        if (said := HEAD.match(head)) is not None:
            line = text.count("\n", 0, block.start()) + 2
            yield Figure(page=f"{page}:{line}", lines=tuple(lines), **said.groupdict())


def program(command: str) -> str:
    """What a command runs, without its options: two figures of one program have one form."""
    return " ".join(shlex.split(command)[:2])


def form(line: str) -> str:
    """Give what is left of a line when all that may differ from run to run is masked."""
    for pattern, mask in MASKS:
        line = pattern.sub(mask, line)
    return line.strip()


def forms(lines: Iterable[str]) -> set[str]:
    """Give the forms of some lines, but of blank ones."""
    return {form(line) for line in lines} - {""}


def differences(figure: Figure, printed: Sequence[str]) -> list[str]:
    """Tell in which lines a figure has another form than what its command prints now."""
    known = forms(printed)
    wrong = [
        f"{figure.page}: {program(figure.command)} no longer prints {line.strip()!r}"
        for line in figure.lines
        if line.strip() not in ("", LEFT_OUT) and form(line) not in known
    ]
    if LEFT_OUT in {line.strip() for line in figure.lines}:
        return wrong
    shown = forms(figure.lines)
    return wrong + [
        f"{figure.page}: {program(figure.command)} also prints {line.strip()!r}"
        for line in dict.fromkeys(printed)
        if line.strip() and form(line) not in shown
    ]


# ---- running ------------------------------------------------------------------------------------
def commit() -> str:
    """Which state of the sources this is."""
    git = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    said = subprocess.run(git, cwd=ROOT, capture_output=True, text=True, check=False)
    return said.stdout.strip() or "unknown"


def run(command: str) -> tuple[int, list[str]]:
    """Run a command in the clone; give its exit code and all that it said."""
    with tempfile.TemporaryDirectory() as out:
        first, *rest = (word.replace("{out}", out) for word in shlex.split(command))
        start = [sys.executable] if first == "python" else [sys.executable, "-m", "rig.cli"]
        ended = subprocess.run(
            [*start, *rest],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            check=False,
        )
    return ended.returncode, [line.rstrip() for line in ended.stdout.splitlines()]


def keep(path: Path, command: str, state: str, lines: Sequence[str]) -> None:
    """Keep what a command printed, in the form in which a page shows it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "\n".join((f"$ {command}    # at {state}", *lines))
    path.write_text(f"{text}\n", encoding="utf-8")


def check(benchmark: Benchmark, size: str, figures: Sequence[Figure]) -> list[str]:
    """Run a benchmark and tell what is wrong with it, or with the figures that it once printed."""
    wrong = []
    for number, command in enumerate(
        benchmark.full if size == "full" else (benchmark.reduced,), start=1
    ):
        began, state = time.perf_counter(), commit()
        code, lines = run(command)
        file = (
            ROOT / "out/benchmarks" / size / f"{benchmark.name}{number if number > 1 else ''}.txt"
        )
        keep(file, command, state, lines)
        lasted_s = time.perf_counter() - began
        print(f"{benchmark.name:<16}{lasted_s:8.1f} s  exit code {code}  {command}", flush=True)
        if code != 0:
            wrong.append(f"{command} ended with exit code {code}:\n" + "\n".join(lines[-30:]))
            continue
        for figure in figures:
            if program(figure.command) == program(command):
                wrong += differences(figure, lines)
    return wrong


def main() -> int:
    """Run benchmarks, and say which figures of the docs need to be printed anew."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    names = [benchmark.name for benchmark in BENCHMARKS]
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of {', '.join(names)}")
    parser.add_argument("--size", choices=("reduced", "full"), default="reduced")
    parser.add_argument("--list", action="store_true", help="print the commands, run nothing")
    options = parser.parse_args()
    if unknown := set(options.names) - set(names):
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}")
    chosen = [b for b in BENCHMARKS if not options.names or b.name in options.names]
    if options.list:
        print("\n".join(line for b in chosen for line in (*b.full, f"  reduced: {b.reduced}")))
        return 0
    figures = [f for page in PAGES for f in figures_of(page.name, page.read_text("utf-8"))]
    wrong = [text for benchmark in chosen for text in check(benchmark, options.size, figures)]
    print("\n".join(wrong) or f"{len(figures)} figures of the docs have the form that is printed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
