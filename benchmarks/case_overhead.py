"""What a case costs with the rig, against the shortest hand-written script that does the same.

    python benchmarks/case_overhead.py [ROUNDS] [--cases SHORT LONG]

Both run the trip test of cell 1's overvoltage many times on a bench of their own; start-up is taken
out by the difference between a long and a short run. The rig's share holds everything that a user
gets: uncertainty, evidence on the disk, JUnit and run page. Wanted: 1.5 at most.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

_PLAN = """plan: overhead
for: esp32-4s
cases:
  - {{family: trip, protections: [cell overvoltage], cells: [1], repeats: {count}}}
"""


def _wall_s(command: list[str]) -> float:
    began = time.perf_counter()
    ended = subprocess.run(command, check=False, capture_output=True)
    if ended.returncode != 0:
        raise SystemExit(ended.stdout.decode() + ended.stderr.decode())
    return time.perf_counter() - began


def _by_hand_s(count: int) -> float:
    return _wall_s([sys.executable, "benchmarks/by_hand.py", str(count)])


def _by_rig_s(count: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        plan = Path(folder) / "overhead.yaml"
        plan.write_text(_PLAN.format(count=count), encoding="utf-8")
        run = [sys.executable, "-m", "rig.cli", "run", str(plan), "-q", "--out", folder]
        return _wall_s(run)


def _per_case_s(run_s: Callable[[int], float], short: int, long: int) -> float:
    return (run_s(long) - run_s(short)) / (long - short)


def main() -> int:
    """Print both costs and their ratio, round by round."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("rounds", nargs="?", type=int, default=5)
    parser.add_argument("--cases", nargs=2, type=int, default=(5, 65), metavar=("SHORT", "LONG"))
    options = parser.parse_args()
    ratios = []
    for number in range(options.rounds):
        hand_s, rig_s = (_per_case_s(run_s, *options.cases) for run_s in (_by_hand_s, _by_rig_s))
        ratios.append(rig_s / hand_s)
        costs = f"by hand {hand_s * 1e3:.1f} ms, rig {rig_s * 1e3:.1f} ms"
        print(f"round {number + 1}: {costs} a case, ratio {ratios[-1]:.2f}", flush=True)
    print(f"rig / by hand: {statistics.median(ratios):.2f} (median of {len(ratios)})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
