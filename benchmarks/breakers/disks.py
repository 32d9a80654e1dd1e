"""A disk that is too small, or that somebody else fills while a run writes to it.

    python benchmarks/breakers/disks.py [--seed N] [--tries N]

Each try has a tmpfs of its own size, in a mount namespace of its own; where that is not allowed, it
says so and tries nothing. The first third is smaller than what a run reserves; of the others all
but some KiB are taken after a few cases. Wanted: one clear message, exit code 2 (nothing was
started) or 3, no case claimed that is not whole, and a run that goes on once there is room.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
from benchmarks.breakers.trying import RigRun, Table, read_options, tried
from rig.evidence import load_run

PLAN = "benchmarks/breakers/short.yaml"
DEADLINE_S = 120.0
LARGE = 96 << 20
LEFT_KIB = (0, 4, 16, 64, 200, 500, 2000, 6000)
AT_ONCE = 2
WANTED_0 = (
    *("tracebacks", "hangs", "wrong exit codes", "not one clear message", "claimed as finished"),
    *("cases not whole", "not resumed", "control not YES"),
)


def inside_a_namespace() -> bool:
    """Whether this process may mount; enters a mount namespace of its own where it can."""
    if os.environ.get("BREAKER_MOUNTS"):
        return True
    unshare = ["unshare", "--mount", *([] if os.getuid() == 0 else ["--map-root-user"])]
    probe = subprocess.run([*unshare, "true"], capture_output=True, text=True, check=False)
    if probe.returncode:
        print(f"skipped: no mount namespace may be made here ({probe.stderr.strip()})")
        return False
    os.environ["BREAKER_MOUNTS"] = "1"
    return bool(os.execvp(unshare[0], [*unshare, sys.executable, *sys.argv]))  # does not return


def free(path: Path) -> int:
    """Bytes that can still be written there."""
    disk = os.statvfs(path)
    return disk.f_bavail * disk.f_frsize


def fill(path: Path, left: int) -> None:
    """Take all but `left` bytes of a disk."""
    with (path / "somebody else's").open("wb") as file:
        while (more := free(path) - left) > 0:
            try:
                file.write(bytes(min(more, 1 << 20)))
                file.flush()
            except OSError:
                return


def one_try(folder: Path, number: int, tries: int, rng: random.Random) -> Counter[str]:
    """One disk, one run."""
    disk = folder / f"disk{number}"
    disk.mkdir()
    is_small = number < tries // 3
    size = (1 << 16) << (2 * number) if is_small else LARGE + (number << 20)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(disk)]
    subprocess.run(mount, check=True)
    try:
        run = RigRun.started(disk / "out", PLAN)
        if is_small:
            return of_try(run, run.wait(DEADLINE_S), refused=True)
        cases, left = rng.randrange(1, 7), rng.choice(LEFT_KIB) << 10
        if run.until(lambda: len(run.results()) > cases):
            fill(disk, left)
        counts = of_try(run, run.wait(DEADLINE_S), refused=False)
        (disk / "somebody else's").unlink(missing_ok=True)
        return counts + of_resumed(run)
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def of_try(run: RigRun, code: int | None, *, refused: bool) -> Counter[str]:
    """Count what is not as it should be."""
    counts = Counter(tries=1)
    counts["hangs"] += code is None
    counts["tracebacks"] += run.has_traceback
    counts["wrong exit codes"] += code != (2 if refused else 3)
    counts["refused before the start"] += code == 2
    clear = [line for line in run.said.splitlines() if "MiB" in line and line[0] != "!"]
    counts["not one clear message"] += len(clear) != 1
    counts["claimed as finished"] += run.is_finished()
    if not refused and run.folder:
        evidence = load_run(run.folder)
        counts["cases not whole"] += len(evidence.problems)
        lost = (c.judgement is not None and c.judgement.is_without_evidence for c in evidence.cases)
        counts["cases whose trace had no room"] += sum(lost)
    print(f"exit code {code}, {len(run.results())} results; {' '.join(clear)}", flush=True)
    return counts


def of_resumed(run: RigRun) -> Counter[str]:
    """Count what does not go on or come to its end, once there is room."""
    again = RigRun.started(run.out.parent / "again", "--resume", str(run.folder))
    is_yes = again.says_yes(DEADLINE_S)
    goes_on = is_yes and run.is_finished()
    if not goes_on:
        print(f"not resumed:\n{again.said}", flush=True)
    return Counter({"tracebacks": again.has_traceback, "not resumed": not goes_on})


def main() -> int:
    """Try, count and print."""
    options = read_options(__doc__, tries=12)
    if not inside_a_namespace():
        return 0
    table = Table(WANTED_0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        control = RigRun.started(folder / "control", PLAN)
        is_yes = control.says_yes(DEADLINE_S) and control.is_finished()
        table.counts["control not YES"] += not is_yes
        for counts in tried(
            lambda number, rng: one_try(folder, number, options.tries, rng), options, AT_ONCE
        ):
            table.counts.update(counts)
    return table.print()


if __name__ == "__main__":
    sys.exit(main())
