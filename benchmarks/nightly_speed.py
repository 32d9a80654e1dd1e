"""Virtual time over wall time for the nightly plan: sockets, evidence and reports included.

    python benchmarks/nightly_speed.py [PLAN]

The peer is the clock on the wall: how many seconds the BMS lives through in one of ours, from the
start of the command to its end. Wanted: 200, at least 100.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rig.evidence.run import load_run


def main() -> int:
    """Run the plan once, as `make nightly` does, and print the ratio."""
    plan = sys.argv[1] if len(sys.argv) > 1 else "testplans/nightly.yaml"
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        command = [sys.executable, "-m", "rig.cli", "run", plan, "-q", "--out", str(out)]
        began = time.perf_counter()
        ended = subprocess.run(
            [*command, "--alluredir", str(out / "allure")], check=False, capture_output=True
        )
        wall_s = time.perf_counter() - began
        if ended.returncode not in (0, 1, 3):
            print(ended.stdout.decode(), ended.stderr.decode())
            return ended.returncode
        run = load_run(next((out / "runs").iterdir()))
        inside_s = sum(case.wall_s or 0.0 for case in run.cases)
        print(f"{plan}: {len(run.cases)} cases, {dict(run.counts)}")
        print(f"virtual {run.virtual_s:.0f} s, wall {wall_s:.1f} s (cases alone {inside_s:.1f} s)")
        print(f"virtual / wall: {run.virtual_s / wall_s:.0f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
