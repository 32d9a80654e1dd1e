"""Many lanes at once, each in a worker process: work in, what ran out, as it comes.

A worker is a fresh interpreter (spawn: the one way that every system has) that does one piece of
work after the other, each on a bench of its own. Nothing outlives the parent: a worker ends when
its pipe closes, and its bench when the worker is gone, however that died. A worker says now and
then that it lives, however long its case takes; one that is silent for `FROZEN_AFTER_S` is ended.
Must not write a file, nor judge what a piece of work is worth.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import re
import signal
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Literal, cast

from rig.bench.description import BenchFile, load_bench
from rig.case import Case
from rig.dut.profile import Profile, load_profile
from rig.errors import RigError
from rig.judge.verdict import Finding, Judgement, Verdict
from rig.lanes import Lane, LaneSetup
from rig.plan.expand import expand
from rig.plan.model import PlanFile, load_plan

Until = Literal["end", "fail"]
_SPAWN = multiprocessing.get_context("spawn")
_END_WITHIN_S = 5.0  # then a worker is killed
BEAT_S = 5.0  # a worker says as often that it lives
FROZEN_AFTER_S = 60.0  # of silence; on a busy machine its first word may take ten
_BEAT = "beat"


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Cases on one build of the firmware, with one seed.

    Attributes
    ----------
    order : tuple of str or None
        Which of the plan's cases, in which order, by their ids; None: all as the plan has them.
    cases : tuple of Case
        In place of a plan's.
    shows : str
        A regular expression: a fail counts only where its findings match it.
    until : str
        When to stop: at the "end" or at the first "fail".
    """

    name: str
    bench: Path
    profile: Path
    seed: int
    variant: str | None = None
    plan: Path | None = None
    order: tuple[str, ...] | None = None
    cases: tuple[Case, ...] = ()
    shows: str = ""
    until: Until = "end"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What became of one case."""

    work: str
    case_id: str
    family: str
    verdict: Verdict
    sentence: str  # of the finding that decided; "" for a pass, which nobody reads in thousands
    wall_s: float
    virtual_s: float
    names_it: bool = True  # of a fail: its findings match what the work is to show


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A piece of work has ended."""

    work: str
    wall_s: float
    trouble: str = ""  # why it could not be done, or not to its end


Event = Ran | Done


def run_all(works: Iterable[Work], jobs: int | None = None) -> Iterator[Event]:
    """Do all the work in `jobs` processes (one for each processor core), and tell what happens.

    Closing the iterator, or an exception where it is used (Ctrl-C), ends all workers at once.
    """
    queue = iter(works)
    busy: dict[Connection, _Worker] = {}
    try:
        for _, work in zip(range(jobs or os.cpu_count() or 1), queue, strict=False):
            worker = _Worker.started(work)
            busy[worker.link] = worker
        while busy:
            asked = time.perf_counter()
            heard = wait(list(busy), BEAT_S)
            # Where we ourselves stood still, as in a suspended session, nobody was silent for long.
            waited_s = min(time.perf_counter() - asked, BEAT_S)
            for worker in busy.values():
                worker.silent_s = 0.0 if worker.link in heard else worker.silent_s + waited_s
            for link in heard:
                # Windows has a class of its own for pipes, of which the stubs know nothing.
                yield from _heard(cast("Connection", link), busy, queue)
            for worker in [w for w in busy.values() if w.silent_s > FROZEN_AFTER_S]:
                done = worker.frozen()
                _replaced(worker, busy, queue)
                yield done
    finally:
        for worker in busy.values():
            worker.end()


@dataclass(slots=True)
class _Worker:
    """The parent's end of a worker process."""

    process: BaseProcess
    link: Connection
    work: Work
    began: float = field(default_factory=time.perf_counter)
    silent_s: float = 0.0

    @classmethod
    def started(cls, work: Work) -> _Worker:
        ends: tuple[Any, Any] = _SPAWN.Pipe()  # Windows has a class of its own for pipes
        link, theirs = ends
        process = _SPAWN.Process(target=serve, args=(theirs, BEAT_S), daemon=True)
        process.start()
        theirs.close()  # else its end could not be heard
        worker = cls(process=process, link=link, work=work)
        worker.next(work)
        return worker

    def next(self, work: Work) -> None:
        """Give it work; in a thread, as a frozen worker does not empty its pipe."""
        self.work, self.began = work, time.perf_counter()
        threading.Thread(target=self._send, args=(work,), daemon=True).start()

    def _send(self, work: Work) -> None:
        with contextlib.suppress(OSError):  # it has died, which is heard where it is listened to
            self.link.send(work)

    def end(self) -> None:
        self.link.close()
        self.process.terminate()
        self.process.join(_END_WITHIN_S)
        if self.process.is_alive():
            self.process.kill()

    def lost(self) -> Done:
        self.process.join(_END_WITHIN_S)
        return Done(
            work=self.work.name,
            wall_s=time.perf_counter() - self.began,
            trouble=f"its worker process died with exit code {self.process.exitcode}",
        )

    def frozen(self) -> Done:
        self.process.kill()  # what is stopped takes no other signal
        return Done(
            work=self.work.name,
            wall_s=time.perf_counter() - self.began,
            trouble=f"its worker process said nothing for {FROZEN_AFTER_S:g} s, so it was ended",
        )


def _heard(link: Connection, busy: dict[Connection, _Worker], queue: Iterator[Work]) -> list[Event]:
    """Take one message of a worker; when its work is done, give it the next."""
    worker = busy[link]
    try:
        event: Event | str = link.recv()
    except (EOFError, OSError):
        event = worker.lost()
        _replaced(worker, busy, queue)
        return [event]
    if isinstance(event, str):  # a beat
        return []
    if isinstance(event, Done):
        if (work := next(queue, None)) is not None:
            worker.next(work)
        else:
            busy.pop(link).end()
    return [event]


def _replaced(worker: _Worker, busy: dict[Connection, _Worker], queue: Iterator[Work]) -> None:
    """End a worker that is of no more use; a fresh one does what is left."""
    busy.pop(worker.link).end()
    if (work := next(queue, None)) is not None:
        fresh = _Worker.started(work)
        busy[fresh.link] = fresh


# ---- in the worker ------------------------------------------------------------------------------
def serve(link: Connection, beat_s: float) -> None:
    """Do work until the pipe closes: the main of a worker process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is the parent's, who then ends us
    one_at_a_time = threading.Lock()
    threading.Thread(target=_beat, args=(link, one_at_a_time, beat_s), daemon=True).start()
    with contextlib.suppress(EOFError, OSError):  # the parent has gone
        while True:
            work = link.recv()
            for event in do(work):
                with one_at_a_time:
                    link.send(event)


def _beat(link: Connection, one_at_a_time: threading.Lock, beat_s: float) -> None:
    pause = threading.Event()
    with contextlib.suppress(OSError):  # the parent has gone
        while not pause.wait(beat_s):
            with one_at_a_time:
                link.send(_BEAT)


def do(work: Work) -> Iterator[Event]:
    """Do one piece of work in this process."""
    began = time.perf_counter()
    trouble = ""
    try:
        yield from _ran(work)
    except RigError as error:
        trouble = str(error)
    yield Done(work=work.name, wall_s=time.perf_counter() - began, trouble=trouble)


def _ran(work: Work) -> Iterator[Ran]:
    setup = LaneSetup(
        bench=_bench(work.bench),
        profile=_profile(work.profile),
        seed=work.seed,
        variant=work.variant,
    )
    with Lane(setup) as lane:
        cases = cases_of(work)
        for case, following in zip(cases, [*cases[1:], None], strict=True):
            began = time.perf_counter()
            judgement, _ = lane.run(case, following)
            ran = _reported(work, case, judgement, time.perf_counter() - began, lane.lasted_s)
            yield ran
            found = ran.verdict is Verdict.FAIL and ran.names_it
            if lane.has_given_up or (found and work.until == "fail"):
                return


def cases_of(work: Work) -> list[Case]:
    """Give the cases of a piece of work, in its order, just as a run with its seed has them."""
    if work.plan is None:
        return list(work.cases)
    cases = {c.id: c for c in expand(_plan(work.plan), _profile(work.profile), work.seed)}
    return [cases[i] for i in (cases if work.order is None else work.order)]


def _reported(work: Work, case: Case, judgement: Judgement, wall_s: float, virtual_s: float) -> Ran:
    is_pass = judgement.verdict is Verdict.PASS
    return Ran(
        work=work.name,
        case_id=case.id,
        family=case.family,
        verdict=judgement.verdict,
        sentence="" if is_pass else judgement.sentence,
        wall_s=round(wall_s, 3),
        virtual_s=round(virtual_s, 3),
        names_it=names_it(judgement, work.shows),
    )


def names_it(judgement: Judgement, shows: str) -> bool:
    """Whether what failed names what was to be shown; without a pattern, anything does."""
    return not shows or any(
        finding.verdict is Verdict.FAIL and finding_names(judgement.case_id, finding, shows)
        for finding in judgement.findings
    )


def finding_names(case_id: str, finding: Finding, shows: str) -> bool:
    """Whether a finding names what was to be shown."""
    return bool(re.search(shows, f"{case_id}: {finding.expectation}: {finding.sentence}"))


# Read once by each worker: who edits a plan while it is tried out must not get half of each.
@lru_cache(maxsize=4)
def _plan(path: Path) -> PlanFile:
    return load_plan(path)


@lru_cache(maxsize=4)
def _bench(path: Path) -> BenchFile:
    return load_bench(path)


@lru_cache(maxsize=4)
def _profile(path: Path) -> Profile:
    return load_profile(path)
