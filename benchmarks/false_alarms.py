"""Does the rig ever cry wolf? The good firmware under a plan, over many seeds: nothing may fail.

    python benchmarks/false_alarms.py --plan testplans/nightly.yaml --cases 50000 --seeds 200

A seed draws everything anew: task phases, noise, clocks' drift, instruments' tolerances, the cells
and the errors of the board. Each seed runs its share of the plan's cases in an order of its own, so
dealt that over all seeds every case runs about equally often. One JSON line for each case run goes
to out/false-alarms/; started again, it goes on where it was stopped, however it was stopped.

Wanted: no fail; inconclusive and error at most 0.1 % of all. Exit code 0 where that holds, 1 where
not, 2 where it was stopped before its end or asked for something wrong.

    --repeat SEED CASE   this case with this seed once more, and what came out
    --load               beside processes that burn all cores (kept in a file of its own)
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rig.errors import DescriptionError, RigError
from rig.judge.verdict import Verdict
from rig.mutants.hunt import Ground, ground
from rig.pool import Done, Event, Ran, Work, run_all

MOST_UNDECIDED = 1e-3  # of all cases
_NOT_DONE = 2


def deal(ids: Sequence[str], seeds: int, cases: int) -> list[list[str]]:
    """Deal the cases to the seeds: none twice to one seed, all about equally often.

    It is a game of cards: shuffled decks of all cases, one after the other. A seed takes from the
    top what it has not yet got.
    """
    if cases > seeds * len(ids):
        raise DescriptionError(
            f"{seeds} seeds can run at most {seeds * len(ids)} cases of this plan",
            f"--cases {cases}",
            "ask for fewer, or for more seeds",
        )
    shuffle = random.Random("false alarms").shuffle  # noqa: S311  no secret
    deck: list[str] = []
    hands = []
    for number in range(seeds):
        hand: list[str] = []
        for _ in range(cases * (number + 1) // seeds - cases * number // seeds):
            if not set(deck) - set(hand):
                fresh = list(ids)
                shuffle(fresh)
                deck += fresh
            card = next(card for card in deck if card not in hand)
            deck.remove(card)
            hand.append(card)
        hands.append(hand)
    return hands


# ---- the journal --------------------------------------------------------------------------------
@dataclass(slots=True)
class Journal:
    """One JSON line for each session and each case run; a torn last line is dropped."""

    path: Path
    sessions: list[dict[str, Any]]
    runs: list[dict[str, Any]]

    @classmethod
    def read(cls, path: Path) -> Journal:
        """Read what there is, and cut off what a kill left half-written."""
        text = path.read_bytes() if path.exists() else b""
        whole = text[: text.rfind(b"\n") + 1]
        if whole != text:
            path.write_bytes(whole)
        lines = [json.loads(line) for line in whole.splitlines()]
        return cls(
            path=path,
            sessions=[line for line in lines if "commit" in line],
            runs=[line for line in lines if "case" in line],
        )

    def begin(self, facts: dict[str, Any], *, any_commit: bool) -> int:
        """Begin a session; return its number. Refuses to mix results of different commits."""
        others = {session["commit"] for session in self.sessions} - {facts["commit"]}
        if others and not any_commit:
            raise DescriptionError(
                f"it holds results of {', '.join(sorted(others))}, and this is {facts['commit']}",
                self.path.as_posix(),
                "move it away to begin anew, or mix them on purpose with --any-commit",
            )
        facts = {"session": len(self.sessions) + 1, **facts}
        self.sessions.append(facts)
        self._append(facts)
        return int(facts["session"])

    def add(self, session: int, seed: int, ran: Ran) -> None:
        """Keep one case run."""
        run = {
            "seed": seed,
            "session": session,
            "case": ran.case_id,
            "verdict": ran.verdict.value,
            "sentence": ran.sentence,
            "wall_s": ran.wall_s,
            "virtual_s": ran.virtual_s,
        }
        self.runs.append(run)
        self._append(run)

    def _append(self, line: dict[str, Any]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8", newline="\n") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")

    @property
    def done(self) -> set[tuple[int, str]]:
        """Which case ran with which seed."""
        return {(run["seed"], run["case"]) for run in self.runs}


def commit() -> str:
    """Which state of the sources this is."""
    said = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=12"],  # noqa: S607
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return said.stdout.strip() or "unknown"


# ---- running ------------------------------------------------------------------------------------
def works(options: argparse.Namespace, where: Ground, journal: Journal) -> list[Work]:
    """Give what is still to do, a piece of work for each seed."""
    hands = deal([case.id for case in where.cases], options.seeds, options.cases)
    done = journal.done
    left = {
        seed: tuple(case_id for case_id in hand if (seed, case_id) not in done)
        for seed, hand in enumerate(hands, options.first_seed)
    }
    return [a_work(where, seed, ids) for seed, ids in left.items() if ids]


def a_work(where: Ground, seed: int, ids: Sequence[str]) -> Work:
    """Cases of the plan on the good firmware, with a seed."""
    return Work(
        name=str(seed),
        bench=where.bench_path,
        profile=where.profile_path,
        plan=where.plan,
        seed=seed,
        order=tuple(ids),
    )


@contextmanager
def busy(*, wanted: bool) -> Iterator[None]:
    """Burn all cores for as long as the block lasts."""
    count = (os.cpu_count() or 1) * wanted
    burners = [multiprocessing.Process(target=_burn, daemon=True) for _ in range(count)]
    for burner in burners:
        burner.start()
    try:
        yield
    finally:
        for burner in burners:
            burner.terminate()


def _burn() -> None:
    while True:
        sum(range(10_000))


class Progress:
    """Tells what did not pass as it comes, and where things stand after each seed."""

    def __init__(self, left: int) -> None:
        self._left, self._ran, self._began = left, 0, time.perf_counter()

    def show(self, event: Event) -> None:
        """Show one event."""
        if isinstance(event, Ran):
            self._ran += 1
            if event.verdict is not Verdict.PASS:
                print(f"{event.verdict}: seed {event.work}, {event.case_id}: {event.sentence}")
            return
        if event.trouble:
            print(f"seed {event.work}: {event.trouble}")
        lasted_s = time.perf_counter() - self._began
        rest_s = (self._left - self._ran) * lasted_s / max(self._ran, 1)
        print(
            f"seed {event.work} done; {self._ran} of {self._left} cases of this session,"
            f" {lasted_s / max(self._ran, 1):.3f} s each, about {rest_s / 60.0:.0f} min left",
            flush=True,
        )


def run(options: argparse.Namespace, where: Ground, journal: Journal) -> bool:
    """Run what is left; return whether it came to its end."""
    todo = works(options, where, journal)
    session = journal.begin(
        {"commit": commit(), "plan": where.plan.as_posix(), "load": options.load},
        any_commit=options.any_commit,
    )
    left = sum(len(work.order or ()) for work in todo)
    print(f"{left} cases to run, {len(journal.runs)} are in {journal.path.as_posix()}", flush=True)
    progress = Progress(left)
    try:
        with busy(wanted=options.load):
            for event in run_all(todo, options.jobs):
                if isinstance(event, Ran):
                    journal.add(session, int(event.work), event)
                progress.show(event)
    except KeyboardInterrupt:
        print("stopped; the same command goes on from here")
        return False
    return not works(options, where, journal)


def repeat(where: Ground, seed: int, case_id: str) -> int:
    """Run one case once more, which gives what it gave among others, and say what came out."""
    if case_id not in {case.id for case in where.cases}:
        what = f"{where.plan.as_posix()} has no case {case_id}"
        raise DescriptionError(what, f"--repeat {seed} {case_id}", "name one of its cases")
    ran: Ran | None = None
    for event in run_all([a_work(where, seed, [case_id])], 1):
        if isinstance(event, Done):
            print(event.trouble, end="")
        else:
            ran = event
    if ran is None:
        print(f"{case_id} was not run")
        return _NOT_DONE
    print(f"{ran.verdict} {ran.case_id} {ran.sentence}")
    return 0 if ran.verdict is Verdict.PASS else 1


# ---- what came out ------------------------------------------------------------------------------
def report(journal: Journal, plan: str) -> int:
    """Print the counts, every case that did not pass, and how to repeat it."""
    counts = Counter(run["verdict"] for run in journal.runs)
    total = len(journal.runs)
    for run in journal.runs:
        if run["verdict"] != Verdict.PASS:
            print(f"{run['verdict']:12}  seed {run['seed']:4}  {run['case']}: {run['sentence']}")
            print(
                f"{'':12}  python benchmarks/false_alarms.py --plan {plan}"
                f" --repeat {run['seed']} '{run['case']}'"
            )
    undecided = counts[Verdict.INCONCLUSIVE] + counts[Verdict.ERROR]
    ratio = undecided / total if total else 0.0
    print(f"{total} cases over {len({run['seed'] for run in journal.runs})} seeds:", end=" ")
    print(", ".join(f"{counts[v]} {v}" for v in Verdict if v is not Verdict.SKIPPED))
    print(
        f"fail: {counts[Verdict.FAIL]} (wanted 0);"
        f" undecided: {100.0 * ratio:.3f} % (wanted {100.0 * MOST_UNDECIDED:g} % at most)"
    )
    return 0 if total and not counts[Verdict.FAIL] and ratio <= MOST_UNDECIDED else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--plan", type=Path, default=Path("testplans/nightly.yaml"))
    add("--dut", help="the one that the plan is for")
    add("--bench", help="the virtual one of the BMS")
    add("--cases", type=int, default=50_000)
    add("--seeds", type=int, default=200)
    add("--first-seed", type=int, default=1)
    add("--jobs", type=int)
    add("--load", action="store_true")
    add("--any-commit", action="store_true", help="mix results of different states of the sources")
    add("--repeat", nargs=2, metavar=("SEED", "CASE"))
    add("--out", type=Path, default=Path("out/false-alarms"))
    return parser.parse_args()


def main() -> int:
    """Run, resume or repeat; print what came out."""
    options = _options()
    name = f"{options.plan.stem}-load" if options.load else options.plan.stem
    try:
        where = ground(options.plan, dut=options.dut, bench=options.bench, seed=1)
        if options.repeat:
            return repeat(where, int(options.repeat[0]), options.repeat[1])
        journal = Journal.read(options.out / f"{name}.jsonl")
        finished = run(options, where, journal)
    except RigError as error:
        print(error, file=sys.stderr)
        return _NOT_DONE
    code = report(journal, options.plan.as_posix())
    return code if finished else _NOT_DONE


if __name__ == "__main__":
    sys.exit(main())
