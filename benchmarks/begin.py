"""What it costs to build a stepped bench anew before a case, on both sides of its sockets.

    python benchmarks/begin.py [CASES]

Connects each virtual bench as a run does, and before each of so many cases lets it begin anew; in
between, its BMS is powered and runs. Wanted: 5 ms of wall time at most, as the median of the cases.
"""

from __future__ import annotations

import statistics
import sys
import time

from rig.bench.bench import Bench
from rig.bench.connect import connect
from rig.bench.description import load_bench
from rig.drive.preconditions import establish_preconditions
from rig.dut.profile import load_profile

DUTS = ("esp32-4s", "esp32-16s", "pbmslsuite-o")
CASES = 50
WANTED_MS = 5.0


def begins_ms(bench: Bench, cases: int) -> list[float]:
    """Wall time of each begin, in ms, in rising order."""
    took_ms = []
    for seed in range(cases):
        began = time.perf_counter()
        bench.begin_case(seed)
        took_ms.append(1e3 * (time.perf_counter() - began))
        establish_preconditions(bench)
    return sorted(took_ms)


def main() -> int:
    """Print one line for each BMS."""
    cases = int(sys.argv[1]) if len(sys.argv) > 1 else CASES
    worst_ms = 0.0
    for dut in DUTS:
        with connect(load_bench(f"virtual-{dut}"), load_profile(dut), seed=1) as bench:
            took_ms = begins_ms(bench, cases)
        median_ms, nine_in_ten_ms = statistics.median(took_ms), took_ms[cases * 9 // 10]
        print(f"{dut:13} {median_ms:5.1f} ms a case, nine of ten below {nine_in_ten_ms:.1f} ms")
        worst_ms = max(worst_ms, median_ms)
    print(f"wanted: {WANTED_MS:g} ms at most; slowest: {worst_ms:.1f} ms")
    return 0


if __name__ == "__main__":
    sys.exit(main())
