"""Signals (INT, TERM, HUP, KILL) to a run at random instants, in stepped and in real time.

    python benchmarks/breakers/signals.py [--seed N] [--tries N]

The bench is served by itself and outlives the run, so that its ground truth says afterwards whether
an output was left on. Wanted: none after INT, TERM and HUP; the exit code 128 + signal; evidence
that is whole; a run that goes on (`--resume`) to its end. Outputs are to be seen on before the
signal in three of four tries, or the breaker breaks nothing. KILL is counted apart: it comes with
the guardian.
"""

from __future__ import annotations

import random
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
from benchmarks.breakers.served import served
from benchmarks.breakers.trying import RigRun, Table, read_options
from rig.evidence import load_run
from rig.judge.verdict import Verdict

PLAN = "benchmarks/breakers/short.yaml"
DEADLINE_S = 120.0
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL)
SHARE_ON = 0.75
WANTED_0 = (
    *("outputs left on", "tracebacks", "hangs", "wrong exit codes", "evidence not whole"),
    *("not resumed", "wrong verdicts", "control not YES", "too few seen on"),
)


def one_try(table: Table, folder: Path, pace: str, number: int, rng: random.Random) -> None:
    """One run and one signal."""
    with served(folder, pace, rng.randrange(1 << 30)) as bench:
        options = ["--bench", str(bench.bench)]
        if pace == "real":
            options += ["-k", "OCC2 or OCD2 or messages"]
        run = RigRun.started(folder / "out", PLAN, *options)
        _wait_a_while(run, pace, rng)
        was_on = bench.is_on()
        run.process.send_signal(number)
        code = run.wait(DEADLINE_S)
        bench.settle()
        name = signal.Signals(number).name
        left_on = bench.is_on()
        table.counts["tries"] += 1
        table.counts["outputs seen on before the signal"] += was_on
        table.counts["outputs left on"] += left_on and number != signal.SIGKILL
        table.counts["left on after KILL (the guardian's)"] += left_on and number == signal.SIGKILL
        judge_try(table, run, code, number)
        if code == 0:
            table.counts["came after the end"] += 1
        elif run.folder is not None:
            resume(table, run)
        told = f"on: {was_on!s:6} left on: {left_on!s:6} exit code {code}"
        print(f"{pace:8}{name:8} {told}", flush=True)


def _wait_a_while(run: RigRun, pace: str, rng: random.Random) -> None:
    """Wait into the run: often into a case, sometimes into connecting."""
    run.until(lambda: run.folder is not None)
    if rng.random() < 0.85:
        cases = rng.randrange(0, 2 if pace == "real" else 6)
        run.until(lambda: any(e["kind"] == "case-start" for e in run.journal()))
        run.until(lambda: len(run.results()) >= cases)
        time.sleep(1.0 if pace == "stepped" and not cases else 0.0)
    time.sleep(rng.uniform(0.0, 6.0 if pace == "real" else 0.3))


def judge_try(table: Table, run: RigRun, code: int | None, number: int) -> None:
    """Count what is not as it should be."""
    wanted = {-number} if number == signal.SIGKILL else {128 + number}
    table.counts["hangs"] += code is None
    table.counts["tracebacks"] += run.has_traceback
    table.counts["wrong exit codes"] += code is not None and code not in {0, *wanted}
    if run.folder is not None and (run.folder / "run.json").exists():
        evidence = load_run(run.folder)
        table.counts["evidence not whole"] += bool(evidence.problems)
        table.counts["wrong verdicts"] += sum(
            c.verdict not in {Verdict.PASS, None} for c in evidence.cases
        )


def resume(table: Table, run: RigRun) -> None:
    """See that it goes on and comes to its end."""
    again = RigRun.started(run.out.parent / "again", "--resume", str(run.folder))
    code = again.wait(DEADLINE_S)
    table.counts["resumed"] += 1
    table.counts["tracebacks"] += again.has_traceback
    table.counts["not resumed"] += code != 0 or not run.is_finished()


def main() -> int:
    """Try, count and print."""
    options = read_options(__doc__, tries=60)
    table, rng = Table(WANTED_0), random.Random(options.seed)
    with tempfile.TemporaryDirectory() as name:
        with served(Path(name) / "control", "stepped", options.seed) as bench:
            control = RigRun.started(Path(name) / "control/out", PLAN, "--bench", str(bench.bench))
            table.counts["control not YES"] += control.wait(DEADLINE_S) != 0
        for number in range(options.tries):
            pace = "real" if number % 2 else "stepped"
            struck = SIGNALS[number // 2 % len(SIGNALS)]
            one_try(table, Path(name) / str(number), pace, struck, rng)
    seen = table.counts["outputs seen on before the signal"]
    table.counts["too few seen on"] = seen < SHARE_ON * options.tries
    return table.print()


if __name__ == "__main__":
    sys.exit(main())
