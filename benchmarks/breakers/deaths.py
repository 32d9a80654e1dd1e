"""A bench that dies (SIGKILL) or freezes (SIGSTOP) in the middle of a run.

    python benchmarks/breakers/deaths.py [--seed N] [--tries N]

Strikes the virtual bench's process at a random instant. Wanted: the case under way is an error that
begins with `bench:`, the bench is started anew, all other cases pass, and the exit code is 3.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
from benchmarks.breakers.trying import RigRun, Table, descendants, read_options, tried
from rig.evidence import load_run
from rig.judge.verdict import Verdict

PLAN = "benchmarks/breakers/short.yaml"
DEADLINE_S = 240.0  # 30 s for the clock, and as much for an instrument that was asked meanwhile
AT_ONCE = 4  # of what is frozen, all wait for a deadline and nothing else
LAST_RESULT = 7  # of nine, so that a case comes after the one that is struck
WANTED_0 = (
    *("tracebacks", "hangs", "wrong exit codes", "wrong verdicts", "more than one case lost"),
    *("cases not judged", "control not YES"),
)


def one_try(out: Path, rng: random.Random) -> Counter[str]:
    """One run, struck once."""
    run = RigRun.started(out, PLAN)
    after = rng.randrange(LAST_RESULT)
    run.until(lambda: run.is_driving() and len(run.results()) >= after)
    time.sleep(rng.uniform(0.0, 0.4))
    victims = [pid for pid in descendants(run.process.pid) if _is_bench(pid)]
    number = rng.choice([signal.SIGKILL, signal.SIGSTOP])
    for pid in victims:
        os.kill(pid, number)
    code = run.wait(DEADLINE_S)
    cases = load_run(run.folder).cases if run.folder else ()
    errors = [c for c in cases if c.verdict is Verdict.ERROR]
    reported = f"after {after} results; cases lost: {len(errors)}, exit code {code}"
    print(f"{number.name:8} {reported if victims else 'no bench was there'}", flush=True)
    counts = Counter(tries=1)
    counts["struck"] += bool(victims)
    counts["hangs"] += code is None
    counts["tracebacks"] += run.has_traceback
    counts["cases lost"] += len(errors)
    counts["more than one case lost"] += len(errors) > 1
    counts["cases not judged"] += sum(c.judgement is None for c in cases)
    counts["wrong verdicts"] += sum(
        c.verdict not in {Verdict.PASS, Verdict.ERROR, None} for c in cases
    ) + sum(not c.sentence.startswith("bench: ") for c in errors)
    counts["wrong exit codes"] += code != (3 if errors else 0)
    return counts


def _is_bench(pid: int) -> bool:
    try:
        return b"rig.virtual" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def main() -> int:
    """Try, count and print."""
    options = read_options(__doc__, tries=20)
    if not Path("/proc/self/task").exists():
        print("skipped: the bench's process is found in /proc, which this system has not")
        return 0
    table = Table(WANTED_0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table.counts["control not YES"] += not RigRun.started(folder / "control", PLAN).says_yes(
            DEADLINE_S
        )
        for counts in tried(lambda n, rng: one_try(folder / str(n), rng), options, AT_ONCE):
            table.counts.update(counts)
    return table.print()


if __name__ == "__main__":
    sys.exit(main())
