"""The same seed gives the same bytes: verdicts, measurements and traces, also on a busy machine.

    python benchmarks/determinism.py [RUNS] [--part EXPRESSION]

Runs a part of the nightly plan again and again with one seed, every second time beside two
processes that burn all cores, and compares every file of every case. Wanted: 20 of 20.
"""

from __future__ import annotations

import argparse
import hashlib
import multiprocessing
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PART = "cell1 or HostAlive or power_up or telemetry or OCC1 or SCD"


def _burn() -> None:
    while True:
        sum(range(10_000))


@contextmanager
def _busy(*, wanted: bool) -> Iterator[None]:
    burners = [multiprocessing.Process(target=_burn, daemon=True) for _ in range(2 * wanted)]
    for burner in burners:
        burner.start()
    yield
    for burner in burners:
        burner.terminate()


def _bytes_of_a_run(out: Path, part: str) -> tuple[str, int]:
    """SHA-256 over all case files of one run, in order, and the number of cases."""
    command = [sys.executable, "-m", "rig.cli", "run", "testplans/nightly.yaml", "-q"]
    ended = subprocess.run(
        [*command, "-k", part, "--seed", "7", "--out", str(out)], check=False, capture_output=True
    )
    if ended.returncode not in (0, 1, 3):
        raise SystemExit(ended.stdout.decode() + ended.stderr.decode())
    run = next((out / "runs").iterdir())
    digest = hashlib.sha256()
    files = sorted(p for p in (run / "cases").rglob("*") if p.is_file())
    for path in files:
        digest.update(path.relative_to(run).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest(), len({p.parent for p in files})


def main() -> int:
    """Print how many runs agree."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("runs", nargs="?", type=int, default=20)
    parser.add_argument("--part", default=_PART, help="which cases, as pytest's -k")
    options = parser.parse_args()
    runs = options.runs
    seen: Counter[str] = Counter()
    for number in range(runs):
        with tempfile.TemporaryDirectory() as folder, _busy(wanted=bool(number % 2)):
            digest, cases = _bytes_of_a_run(Path(folder), options.part)
        seen[digest] += 1
        load = "busy" if number % 2 else "idle"
        print(f"run {number + 1:2} ({load}): {cases} cases, {digest[:16]}", flush=True)
    same = max(seen.values())
    print(f"identical: {same} of {runs}")
    return 0 if same == runs else 1


if __name__ == "__main__":
    sys.exit(main())
