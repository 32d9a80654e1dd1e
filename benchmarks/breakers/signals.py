"""Signals (INT, TERM, HUP, KILL) to a run at random instants, in stepped and in real time.

    python benchmarks/breakers/signals.py [--seed N] [--tries N]

The instants are spread evenly over the cases, from the moment on at which the bench is connected:
whole cases by the journal, the rest by the time that the undisturbed control takes for one. The
bench is served by itself and outlives the run, so that its ground truth says afterwards whether an
output was left on. Wanted: none after INT, TERM and HUP; the exit code 128 + signal; evidence that
is whole; a run that goes on (`--resume`) to its end. In three of four tries outputs are to be seen
on just before a signal that ends the run, or the breaker breaks nothing. KILL is counted apart: it
comes with the guardian; and so is a case whose bench was too slow for real time, which a busy
machine makes.
"""

from __future__ import annotations

import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
from benchmarks.breakers.served import served
from benchmarks.breakers.trying import RigRun, Table, read_options, tried
from rig.evidence import RunCase, load_run
from rig.judge.verdict import Verdict

PLAN = "benchmarks/breakers/short.yaml"
OF_PACE = {"stepped": (), "real": ("-k", "OCC2 or OCD2 or messages")}  # in real time, not all
TRIES = 60
DEADLINE_S = 120.0
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL)
SHARE_ON = 0.75
SLOW = "machine too slow for real time"
TOO_SLOW = ("fell behind the wall clock", "this computer was busy")  # the bench; the rig
AT_ONCE = 2  # one in each pace
WANTED_0 = (
    *("outputs left on", "tracebacks", "hangs", "wrong exit codes", "evidence not whole"),
    *("not resumed", "wrong verdicts", "control not YES", "too few seen on"),
)


def one_try(
    folder: Path, number: int, case_s: dict[str, float], rng: random.Random
) -> Counter[str]:
    """One run and one signal."""
    pace = "real" if number % 2 else "stepped"
    struck = SIGNALS[number // 2 % len(SIGNALS)]
    counts = Counter(tries=1)
    with served(folder / str(number), pace, rng.randrange(1 << 30)) as bench:
        out = bench.bench.with_name("out")
        run = RigRun.started(out, PLAN, "--bench", str(bench.bench), *OF_PACE[pace])
        await_share(run, rng.random(), case_s[pace])
        was_on = bench.is_on()
        run.process.send_signal(struck)
        code = run.wait(DEADLINE_S)
        bench.settle()
        left_on = bench.is_on()
        has_ended = code == 0 or (run.is_finished() and code == ended_with(run))
        is_kill = struck == signal.SIGKILL
        counts["outputs seen on before the signal"] += was_on and not has_ended
        counts["outputs left on"] += left_on and not is_kill
        counts["left on after KILL (the guardian's)"] += left_on and is_kill
        counts += of_try(run, code)
        counts["wrong exit codes"] += not has_ended and code not in {None, exit_code_of(struck)}
        if has_ended:
            counts["came after the end"] += 1
        elif run.folder is not None:
            counts += of_resumed(run)
    reported = f"on: {was_on!s:6} left on: {left_on!s:6} exit code {code}"
    print(f"{pace:8}{struck.name:8} {reported}", flush=True)
    return counts


def await_share(run: RigRun, share: float, case_s: float) -> None:
    """Wait until a run has driven so large a share of its cases."""
    run.until(run.is_driving)
    begun, part = divmod(share * run.planned(), 1.0)
    run.until(lambda: len(run.results()) >= begun)
    time.sleep(part * case_s)


def exit_code_of(number: int) -> int:
    """Give the code that a run ends with at a signal."""
    return -number if number == signal.SIGKILL else 128 + number


def ended_with(run: RigRun) -> int:
    """Give the code of a run that came to its end: 3 where not every case passed."""
    assert run.folder is not None  # noqa: S101 -- it has ended by itself
    return 3 if of_verdicts(load_run(run.folder).cases)[SLOW] else 0


def of_try(run: RigRun, code: int | None) -> Counter[str]:
    """Count what is not as it should be."""
    counts: Counter[str] = Counter()
    counts["hangs"] += code is None
    counts["tracebacks"] += run.has_traceback
    if run.folder is not None and (run.folder / "run.json").exists():
        evidence = load_run(run.folder)
        counts["evidence not whole"] += bool(evidence.problems)
        counts += of_verdicts(evidence.cases)
    return counts


def of_verdicts(cases: tuple[RunCase, ...]) -> Counter[str]:
    """Count what is no pass: of a good BMS, none."""
    no_pass = [c for c in cases if c.verdict not in {Verdict.PASS, None}]
    behind = [c for c in no_pass if any(words in c.sentence for words in TOO_SLOW)]
    return Counter(
        {
            "wrong verdicts": len(no_pass) - len(behind),
            SLOW: len(behind),
        }
    )


def of_resumed(run: RigRun) -> Counter[str]:
    """Count what does not go on or does not come to its end."""
    again = RigRun.started(run.out.parent / "again", "--resume", str(run.folder))
    code = again.wait(DEADLINE_S)
    assert run.folder is not None  # noqa: S101 -- it is resumed
    verdicts = of_verdicts(load_run(run.folder).cases)
    counts = Counter(resumed=1, tracebacks=int(again.has_traceback))
    if code != ended_with(run) or not run.is_finished():
        counts["not resumed"] = 1
        print(f"not resumed, exit code {code}:\n{again.said}", flush=True)
    return counts + verdicts


def control(folder: Path, pace: str, seed: int) -> tuple[bool, float]:
    """Run undisturbed: whether it says YES, but for the machine, and how long it drives a case."""
    with served(folder / f"control {pace}", pace, seed) as bench:
        out = bench.bench.with_name("out")
        run = RigRun.started(out, PLAN, "--bench", str(bench.bench), *OF_PACE[pace])
        run.until(run.is_driving)
        began = time.perf_counter()
        run.until(lambda: len(run.results()) >= run.planned())
        case_s = (time.perf_counter() - began) / run.planned()
        is_good = run.says_yes(DEADLINE_S) or is_slow_alone(run)
        return is_good, case_s


def is_slow_alone(run: RigRun) -> bool:
    """Whether nothing kept a run from its YES but a machine too slow for real time."""
    if run.folder is None or not run.is_finished():
        return False
    verdicts = of_verdicts(load_run(run.folder).cases)
    return bool(verdicts[SLOW]) and not verdicts["wrong verdicts"]


def main() -> int:
    """Try, count and print."""
    options = read_options(__doc__, tries=TRIES)
    table = Table(WANTED_0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        controls = {pace: control(folder, pace, options.seed) for pace in OF_PACE}
        table.counts["control not YES"] = sum(not is_yes for is_yes, _ in controls.values())
        case_s = {pace: lasted_s for pace, (_, lasted_s) in controls.items()}
        for counts in tried(
            lambda number, rng: one_try(folder, number, case_s, rng), options, AT_ONCE
        ):
            table.counts.update(counts)
    seen = table.counts["outputs seen on before the signal"]
    if options.tries >= TRIES:  # of a few tries, the share says nothing
        table.counts["too few seen on"] = seen < SHARE_ON * options.tries
    return table.print()


if __name__ == "__main__":
    sys.exit(main())
