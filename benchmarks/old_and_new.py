"""How long a plan takes with two states of the rig, in turn, and the new one's part of the old's.

    python benchmarks/old_and_new.py OLD NEW [ROUNDS] [--plan PLAN]

OLD and NEW are folders with the sources of each, such as `git worktree add` makes, each with a
virtual environment of its own in `.venv`; where one has none, that of this process is taken. Whole
commands, with sockets, evidence and Allure results; the plan is each one's own. Who comes first
changes from round to round. Wanted: 1.05 at most, as the median of the rounds.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a run took, its bench included."""

    cases: int
    wall_s: float
    cpu_s: float  # 0 on Windows, which does not tell it of processes that have ended


def main() -> int:
    """Run both in turn and print the ratios, round by round."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("rounds", nargs="?", type=int, default=5)
    parser.add_argument("--plan", default="testplans/nightly.yaml")
    options = parser.parse_args()
    rounds = []
    for number in range(options.rounds):
        in_turn = [("old", options.old), ("new", options.new)][:: -1 if number % 2 else 1]
        costs = {name: _cost(folder, options.plan) for name, folder in in_turn}
        old, new = costs["old"], costs["new"]
        rounds.append((new.wall_s / old.wall_s, new.cpu_s / old.cpu_s if old.cpu_s else 1.0))
        reported = f"old {_reported(old)}; new {_reported(new)}"
        print(f"round {number + 1}: {reported}; new / old {rounds[-1][0]:.2f}", flush=True)
    wall, cpu = (statistics.median(ratios) for ratios in zip(*rounds, strict=True))
    print(f"new / old: {wall:.2f} (median of {len(rounds)}), CPU time {cpu:.2f}")
    return 0


def _reported(cost: Cost) -> str:
    return f"{cost.cases} cases in {cost.wall_s:.1f} s, CPU {cost.cpu_s:.1f} s"


def _cost(folder: Path, plan: str) -> Cost:
    with tempfile.TemporaryDirectory() as out:
        command = [_python(folder), "-m", "rig.cli", "run", plan, "-q", "--out", out]
        began_s, cpu_s = time.perf_counter(), _children_s()
        ended = subprocess.run(
            [*command, "--alluredir", f"{out}/allure"], cwd=folder, check=False, capture_output=True
        )
        wall_s, cpu_s = time.perf_counter() - began_s, _children_s() - cpu_s
        if ended.returncode not in (0, 3):
            raise SystemExit(ended.stdout.decode() + ended.stderr.decode())
        cases = len([*Path(out).glob("runs/*/cases/*")])
    return Cost(cases=cases, wall_s=wall_s, cpu_s=cpu_s)


def _python(folder: Path) -> str:
    for name in ("bin/python", "Scripts/python.exe"):
        if (found := folder.resolve() / ".venv" / name).exists():
            return str(found)
    return sys.executable


def _children_s() -> float:
    """Time that the processes had, which this one waited for, and those that they waited for."""
    times = os.times()
    return times.children_user + times.children_system


if __name__ == "__main__":
    sys.exit(main())
