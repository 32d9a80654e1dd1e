"""Lanes side by side against one: how much sooner a plan ends, and whether it leaves the same.

    python benchmarks/side_by_side.py [PLAN] [--lanes N]

The peer is the same plan on one lane: whole commands, with sockets, evidence and Allure results.
Wanted: 1.6 times as fast with two lanes on two cores, every file of every case equal to the byte.
Ends with 1 where a verdict or a byte differs.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rig.evidence.run import Run, load_run


def main() -> int:
    """Run the plan both ways and print what differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("plan", nargs="?", default="testplans/nightly.yaml")
    parser.add_argument("--lanes", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        one, one_s = _ran(options.plan, Path(folder) / "one")
        many, many_s = _ran(options.plan, Path(folder) / "many", "-n", str(options.lanes))
        verdicts = [a.outcome == b.outcome for a, b in zip(one.cases, many.cases, strict=True)]
        files = _files_alike(one, many)
    ratio = one_s / many_s
    print(f"{options.plan}: {len(verdicts)} cases, {sum(verdicts)} with the same verdict")
    print(f"files of cases: {len(files)}, {sum(files)} equal to the byte")
    print(
        f"one lane {one_s:.1f} s, {options.lanes} lanes {many_s:.1f} s: {ratio:.2f} times as fast"
    )
    print(f"virtual / wall: {one.virtual_s / one_s:.0f} and {many.virtual_s / many_s:.0f}")
    return 0 if all(verdicts) and all(files) else 1


def _ran(plan: str, out: Path, *more: str) -> tuple[Run, float]:
    command = [sys.executable, "-m", "rig.cli", "run", plan, "-q", "--out", str(out), *more]
    began = time.perf_counter()
    subprocess.run([*command, "--alluredir", str(out / "allure")], check=False, capture_output=True)
    wall_s = time.perf_counter() - began
    return load_run(next((out / "runs").iterdir())), wall_s


def _files_alike(one: Run, many: Run) -> list[bool]:
    return [
        file.read_bytes() == (b.folder / file.name).read_bytes()
        for a, b in zip(one.cases, many.cases, strict=True)
        for file in sorted(a.folder.iterdir())
    ]


if __name__ == "__main__":
    sys.exit(main())
