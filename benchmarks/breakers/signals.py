"""Signals (INT, TERM, HUP, KILL) to a run at random instants, in stepped and in real time.

    python benchmarks/breakers/signals.py [--seed N] [--tries N]

The bench is served by itself and outlives the run, so that its ground truth says afterwards whether
an output was left on. Wanted: none after INT, TERM and HUP; the exit code 128 + signal; evidence
that is whole; a run that goes on (`--resume`) to its end. Outputs are to be seen on before the
signal in three of four tries, or the breaker breaks nothing. KILL is counted apart: it comes with
the guardian.
"""

from __future__ import annotations

import json
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[2]))
from benchmarks.breakers.trying import RigRun, Table, read_options
from rig.evidence import load_run
from rig.judge.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

PLAN = "benchmarks/breakers/short.yaml"
DUT = "esp32-4s"
DEADLINE_S = 120.0
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL)
SHARE_ON = 0.75
ON_V, ON_A = 1.0, 0.5
WANTED_0 = (
    *("outputs left on", "tracebacks", "hangs", "wrong exit codes", "evidence not whole"),
    *("not resumed", "wrong verdicts", "control not YES", "too few seen on"),
)
# What the run is told of the bench that is served already: it tells the addresses and waits.
_RELAY = "import sys; print(open(sys.argv[1]).read(), flush=True); sys.stdin.read()"


class Served:
    """A virtual bench that no run owns."""

    def __init__(self, folder: Path, pace: str, seed: int) -> None:
        command = [sys.executable, "-m", "rig.virtual", "--dut", DUT, "--time", pace]
        self._process = subprocess.Popen(
            [*command, "--seed", str(seed)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None  # noqa: S101 -- asked for above
        line = self._process.stdout.readline().decode()
        self._addresses = json.loads(line)
        self._pace = pace
        (folder / "addresses.json").write_text(line.strip(), encoding="utf-8")
        self.bench = folder / "bench.yaml"
        self.bench.write_text(_bench_file(folder, pace), encoding="utf-8")

    def end(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()

    def is_on(self) -> bool:
        """Whether anything feeds the BMS, by the ground truth."""
        nets = self._ask("truth", {"do": "nets"})
        watched = {n: u for n, u in nets.items() if n in {"supply", "current"} or n[:5] == "cell "}
        values = {n: self._ask("truth", {"do": "value", "net": n})["value"] for n in watched}
        return any(abs(v) > (ON_A if watched[n] == "A" else ON_V) for n, v in values.items())

    def settle(self) -> None:
        """Let what was switched off fall."""
        if self._pace == "real":
            time.sleep(0.5)
            return
        now_ns = self._ask("clock", {"do": "now"})["now_ns"]
        self._ask("clock", {"do": "advance", "until_ns": now_ns + 500_000_000})

    def _ask(self, port: str, request: dict[str, object]) -> dict[str, float]:
        host, _, number = self._addresses[port].rpartition(":")
        with socket.create_connection((host, int(number)), 60.0) as link:
            link.sendall(json.dumps(request).encode() + b"\n")
            answer: dict[str, float] = json.loads(link.makefile("rb").readline())
        return answer


def _bench_file(folder: Path, pace: str) -> str:
    """The virtual bench's description, with a relay in place of its process."""
    text = (Path(__file__).parents[2] / f"fixtures/benches/virtual-{DUT}.yaml").read_text("utf-8")
    relay = ["python", "-c", _RELAY, str(folder / "addresses.json")]
    text = text.replace("command: [python, -m, rig.virtual, --dut, esp32-4s]",
                        f"command: {json.dumps(relay)}")  # fmt: skip
    return text.replace("clock: stepped", "clock: wall") if pace == "real" else text


@contextmanager
def served(folder: Path, pace: str, seed: int) -> Iterator[Served]:
    """Serve a bench for one try."""
    folder.mkdir()
    bench = Served(folder, pace, seed)
    try:
        yield bench
    finally:
        bench.end()


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
