"""What memory a case takes while it is driven and closed, by how long it lasts.

    python benchmarks/case_memory.py [SECONDS…]

Holds the reference BMS at nominal values for so many seconds of the bench's time, with records that
are streamed into files as in a run, and with all of them kept in memory. Printed is by how much the
process grows at most, without what the system may drop at any time (files it has mapped). Wanted:
streamed, the longest takes 4 MB more than the shortest at most. Linux only.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path

from rig.bench.bench import Bench
from rig.bench.connect import connect
from rig.bench.description import load_bench
from rig.case import Case
from rig.drive.drive import drive_case
from rig.drive.streams import Streams
from rig.dut.profile import load_profile
from rig.plan.expand import expand
from rig.plan.model import parse_plan
from rig.trace import files

BENCH, DUT = "virtual-esp32-4s", "esp32-4s"
LENGTHS_S = (60, 300, 1200)
WANTED_MB, LOOK_S = 4.0, 0.01
PLAN = """plan: memory
for: esp32-4s
cases:
  - name: holds
    steps: [{{hold: {length_s} s}}]
    expect: [{{charge path: stays closed}}]
"""


class Growth(threading.Thread):
    """Looks how much memory of its own this process has, and keeps the most."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._before, self._most = own_mb(), 0.0
        self._ended = threading.Event()

    def run(self) -> None:
        """Look, until told to end."""
        while not self._ended.wait(LOOK_S):
            self._most = max(self._most, own_mb())

    def end(self) -> float:
        """Give by how much it grew at most, in MB."""
        self._ended.set()
        self.join()
        return max(self._most, own_mb()) - self._before


def own_mb() -> float:
    """Memory that is this process's own, in MB: proc(5), RssAnon."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("RssAnon"))) * 1024e-6


def case_of(length_s: int) -> Case:
    """Give a case that holds for so long. Nothing is captured: a digitizer's memory has an end."""
    plan = parse_plan(PLAN.format(length_s=length_s), "memory.yaml")
    (case,) = expand(plan, load_profile(DUT), seed=1)
    return replace(case, capture=None)


def driven(case: Case, bench: Bench, *, streamed: bool) -> tuple[float, int]:
    """Drive and close a case; give by how many MB memory grew, and the frames heard."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        growth = Growth()
        growth.start()
        trace = drive_case(case, bench, Streams(folder / "live") if streamed else None)
        files.save(trace, folder / "closed")
        return growth.end(), trace.frames.time_ns.size


def measured(length_s: int, *, streamed: bool) -> None:
    """Print what one case takes, in a process that has driven a short one before."""
    with connect(load_bench(BENCH), load_profile(DUT), seed=1) as bench:
        driven(case_of(5), bench, streamed=streamed)
        began = time.perf_counter()
        grown_mb, heard = driven(case_of(length_s), bench, streamed=streamed)
        print(grown_mb, heard, time.perf_counter() - began)


def main() -> int:
    """Print a row for each length and way."""
    if sys.argv[1:2] == ["--one"]:
        measured(int(sys.argv[2]), streamed=sys.argv[3] == "streamed")
        return 0
    grown = {}
    lengths = sorted(map(int, sys.argv[1:])) or LENGTHS_S
    for way in ("streamed", "in memory"):
        for length_s in lengths:
            command = [sys.executable, __file__, "--one", str(length_s), way]
            ended = subprocess.run(command, capture_output=True, text=True, check=True)
            mb, heard, took_s = map(float, ended.stdout.split())
            grown[way, length_s] = mb
            print(
                f"{way:10}{length_s:>6,} s{heard:>10,.0f} frames   {mb:>6.1f} MB   {took_s:.1f} s",
                flush=True,
            )
    more = grown["streamed", lengths[-1]] - grown["streamed", lengths[0]]
    print(
        f"wanted: the longest {WANTED_MB:g} MB above the shortest at most; streamed: {more:.1f} MB"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
