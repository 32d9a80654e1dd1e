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
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
from benchmarks.breakers.trying import RigRun, Table, read_options
from rig.evidence import load_run

PLAN = "benchmarks/breakers/short.yaml"
DEADLINE_S = 120.0
LARGE = 96 << 20
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


def one_try(table: Table, folder: Path, number: int, tries: int, rng: random.Random) -> None:
    """One disk, one run."""
    disk = folder / f"disk{number}"
    disk.mkdir()
    is_small = number < tries // 3
    size = (1 << 16) << (2 * number) if is_small else LARGE + (number << 20)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(disk)]
    subprocess.run(mount, check=True)
    try:
        run = RigRun.started(disk / "out", PLAN)
        if not is_small and run.until(lambda: len(run.results()) > rng.randrange(1, 7)):
            fill(disk, rng.choice([0, 4, 16, 64, 200, 500, 2000, 6000]) << 10)
        judge_try(table, run, run.wait(DEADLINE_S), refused=is_small)
        if not is_small:
            (disk / "somebody else's").unlink(missing_ok=True)
            judge_resumed(table, run)
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def judge_try(table: Table, run: RigRun, code: int | None, *, refused: bool) -> None:
    """Count what is not as it should be."""
    said = run.said
    table.counts["tries"] += 1
    table.counts["hangs"] += code is None
    table.counts["tracebacks"] += run.has_traceback
    table.counts["wrong exit codes"] += code not in ({2} if refused else {3})
    table.counts["refused before the start"] += code == 2
    clear = [line for line in said.splitlines() if "MiB" in line and line[0] != "!"]
    table.counts["not one clear message"] += len(clear) != 1
    table.counts["claimed as finished"] += run.is_finished()
    if not refused and run.folder:
        table.counts["cases not whole"] += len(load_run(run.folder).problems)


def judge_resumed(table: Table, run: RigRun) -> None:
    """See that it goes on, and comes to its end, once there is room."""
    again = RigRun.started(run.out.parent / "again", "--resume", str(run.folder))
    code = again.wait(DEADLINE_S)
    table.counts["tracebacks"] += again.has_traceback
    table.counts["not resumed"] += code != 0 or not run.is_finished()


def main() -> int:
    """Try, count and print."""
    options = read_options(__doc__, tries=12)
    if not inside_a_namespace():
        return 0
    table, rng = Table(WANTED_0), random.Random(options.seed)
    with tempfile.TemporaryDirectory() as name:
        control = RigRun.started(Path(name) / "control", PLAN)
        code = control.wait(DEADLINE_S)
        table.counts["control not YES"] += code != 0 or not control.is_finished()
        for number in range(options.tries):
            one_try(table, Path(name), number, options.tries, rng)
    return table.print()


if __name__ == "__main__":
    sys.exit(main())
