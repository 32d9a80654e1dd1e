"""Write a run folder, case by case, so that a power cut loses at most the case that was running.

    out/runs/<bench>-0001/      a running number per bench: a missing number is visible
      run.json                  who, where, with what; wall time in its `wall` object alone
      journal.jsonl             see rig.evidence.journal
      inputs/                   plan, profile, bench, DBC as used; cases.jsonl, every planned case
      cases/0001-…/             the trace (rig.trace.files), case.json, judgement.json
      cases/0001-….try2/        the same case, run again: no try replaces another
      staging/                  while the run lasts: who writes it, and what lanes have stored
                                and nobody took in yet
      unfinished/0003-…/        what a case had recorded that was cut off with its process
      judgements/               a later `rig judge`: new files, the first judgement untouched
      manifest.json             SHA-256 of all of it, once the run has ended

What is durable when: `create` returns with run.json, inputs and the planned cases on the disk.
`take_in` returns with the result line on the disk: verdict, sentence, and the SHA-256 of each file
of the case. The files themselves are with the operating system by then and are forced to the disk
by a thread of their own while the next case runs (seven fsyncs of 2.4 ms each, measured on a
virtual disk, would else be most of what a case costs). If the power goes in that window, the hashes
tell, and a resumed run repeats the case. Nothing below cases/ depends on the wall clock, so that
two runs with one seed can be compared byte by byte. Must not judge, nor read an instrument.
"""

from __future__ import annotations

import itertools
import re
import shutil
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from rig.case import Case
from rig.errors import EvidenceError, StorageError
from rig.evidence import run as reader
from rig.evidence import unfinished
from rig.evidence.entries import JOURNAL
from rig.evidence.forms import CASE, JUDGEMENT, RUN, RunFacts, Started
from rig.evidence.hold import STAGING, Hold
from rig.evidence.journal import Journal, digest, digest_of, resume_journal
from rig.evidence.manifest import sync, write_durably, write_manifest
from rig.evidence.meta import INSTRUMENTS_JSON, InstrumentFacts, RunMeta
from rig.evidence.names import case_folder, slug, try_folder
from rig.evidence.storage import check_room, reserve, storing
from rig.judge.verdict import Judgement
from rig.trace import files as trace_files
from rig.trace.model import Trace

Now = Callable[[], datetime]


def _utc_now() -> datetime:
    return datetime.now(UTC)


class RunFolder:
    """One run being written. `create` or `resume` makes it, `finish` ends it.

    As a context manager it ends the run as aborted unless `finish` came first.
    """

    def __init__(
        self, path: Path, hold: Hold, journal: Journal, planned: Sequence[Case], now: Now
    ) -> None:
        self.path, self._hold = path, hold
        self.planned = tuple(planned)
        self.remaining = self.planned
        self._folders = {c.id: case_folder(n, c.id) for n, c in enumerate(planned, 1)}
        self._journal, self._now = journal, now
        self._to_disk = ThreadPoolExecutor(1, thread_name_prefix="evidence to disk")
        self._pending: list[Future[None]] = []
        self._finished = False
        self._tries: defaultdict[str, set[int]] = defaultdict(set)  # numbers on record, by case
        self._own = itertools.count(1)
        self._firmware = ""  # that the BMS said it runs

    @property
    def staging(self) -> Path:
        """Where a case is stored before it is taken in: on the file system of the run."""
        return self.path / STAGING

    @property
    def run_id(self) -> str:
        """Bench and running number: "lab2-0017"."""
        return self.path.name

    # ---- begin --------------------------------------------------------------------------------
    @classmethod
    def create(  # noqa: PLR0913 - five facts of a run, and the clock for tests
        cls,
        out: Path,
        bench: str,
        meta: RunMeta,
        inputs: Mapping[str, Path | bytes],
        planned: Sequence[Case],
        *,
        now: Now = _utc_now,
    ) -> RunFolder:
        """Open the bench's next run below ``out/runs`` and name every planned case.

        Parameters
        ----------
        inputs
            Name in inputs/ (may hold one "/") to the file or the bytes to freeze there.
        planned
            Every case that is to run, in order, before the first one does.

        Raises
        ------
        EvidenceError
            Two cases bear one id.
        StorageError
            There is no room for all of them.
        """
        _check_unique(planned)
        runs = Path(out) / "runs"
        runs.mkdir(parents=True, exist_ok=True)
        reserve(runs, len(planned))
        path, number = _next_folder(runs, slug(bench))
        try:
            hashes = _freeze(path, {**inputs, "cases.jsonl": _cases_jsonl(planned)})
            wall = _began(now())
            facts = RunFacts(
                run=path.name, bench=bench, number=number, inputs=hashes, meta=meta, wall=wall
            )
            stored = RUN.dump(facts, indent=1) + b"\n"
            write_durably(path / "run.json", stored)
            journal = Journal(path / "journal.jsonl")
            folder = cls(path, Hold(path), journal, planned, now)
            start = {"run": path.name, "inputs": hashes, "facts": digest(stored)}
            folder._write("run-start", {"schema": JOURNAL, **start}, durable=False)
            folder._write("planned", {"cases": folder._planned_entries()}, durable=True)
            sync(path)
        except (OSError, StorageError):
            shutil.rmtree(path, ignore_errors=True)  # nothing was started
            raise
        return folder

    @classmethod
    def resume(cls, path: Path, *, now: Now = _utc_now) -> RunFolder:
        """Go on with a run that ended before its time; `remaining` names what is still to run.

        Raises
        ------
        EvidenceError
            The run came to its end, its folder is not as it was written, or it is still written to.
        """
        hold = Hold(path)
        try:
            return cls._resumed(path, hold, now)
        except BaseException:
            hold.let_go()
            raise

    @classmethod
    def _resumed(cls, path: Path, hold: Hold, now: Now) -> RunFolder:
        run = _can_go_on(path)
        journal = resume_journal(path / "journal.jsonl")
        folder = cls(path, hold, journal, [c.case for c in run.cases], now)
        folder.remaining = tuple(c.case for c in run.cases if not c.is_done)
        reserve(path, len(folder.remaining))
        folder._firmware = run.meta.firmware
        for case in run.cases:  # what is not whole is run again, under its own number
            folder._tries[case.case.id] |= {t.number for t in case.tries if t.is_kept}
        folder._keep_unfinished()
        for left in folder.staging.glob("*/"):  # by lanes that nobody heard out
            shutil.rmtree(left, ignore_errors=True)
        folder._write("event", {"event": "resumed", "left": len(folder.remaining)}, durable=True)
        return folder

    # ---- along the way ------------------------------------------------------------------------
    def connected(self, instruments: Sequence[InstrumentFacts], *, firmware: str = "") -> None:
        """Record what answered when the bench was connected (after `create`, before a case).

        Raises
        ------
        EvidenceError
            The BMS runs another firmware than the run began with.
        """
        if self._firmware and firmware and firmware != self._firmware:
            raise EvidenceError(
                f"the BMS says {firmware!r}, but the run began with {self._firmware!r}",
                str(self.path),
                "flash the firmware that the run began with, or start a new run",
            )
        self._firmware = self._firmware or firmware
        facts = INSTRUMENTS_JSON.dump_python(tuple(instruments), mode="json")
        content = {"event": "connected", "instruments": facts, "firmware": firmware}
        self._write("event", content, durable=False)

    def event(self, text: str) -> None:
        """Record anything else that a reader of the run may ask for."""
        self._write("event", {"event": text}, durable=False)

    def bench_error(self, text: str) -> None:
        """Record that the bench failed outside a case: what, where, how to mend it."""
        self._write("bench-error", {"error": text}, durable=True)

    def case_started(self, case: Case) -> None:
        """Say which case is running, so that a crash has a name.

        Raises
        ------
        StorageError
            There is no room for another case.
        """
        check_room(self.path)
        self._write("case-start", {"case": case.id}, durable=False)

    def case_done(
        self,
        case: Case,
        trace: Trace | None,
        judgement: Judgement,
        *,
        wall_s: float,
        virtual_s: float,
    ) -> Path:
        """Store a try of a case and return its folder; the result is on the disk then.

        `trace` is None where the case was skipped or the bench failed before it began.

        Raises
        ------
        EvidenceError
            The case was not planned.
        StorageError
            It could not be written.
        """
        self._folder_of(case.id)
        stored = store_case(self.staging / f"own-{next(self._own)}", case, trace, judgement)
        return self.take_in(stored, judgement, wall_s=wall_s, virtual_s=virtual_s)

    def take_in(
        self, stored: Path, judgement: Judgement, *, wall_s: float, virtual_s: float
    ) -> Path:
        """Make a stored case (see `store_case`) the next try of it, and return its folder.

        The result is on the disk then. `stored` must lie on the file system of the run.

        Raises
        ------
        StorageError
            It could not be written.
        """
        with storing(self.path):
            return self._take_in(stored, judgement, wall_s, virtual_s)

    def _take_in(self, stored: Path, judgement: Judgement, wall_s: float, virtual_s: float) -> Path:
        case_id = judgement.case_id
        number = next(n for n in itertools.count(1) if n not in self._tries[case_id])
        path = self.path / "cases" / try_folder(self._folder_of(case_id), number)
        shutil.rmtree(path, ignore_errors=True)  # what a crash left: no result names it
        path.parent.mkdir(exist_ok=True)
        stored.rename(path)
        files = sorted(path.iterdir())
        content = {
            "case": case_id,
            "try": number,
            "folder": path.name,
            "verdict": judgement.verdict.value,
            "sentence": judgement.sentence,
            "virtual_s": virtual_s,
            "files": {file.name: digest_of(file) for file in files},
        }
        self._write("result", content, durable=True, wall_s=wall_s)
        self._tries[case_id].add(number)
        self._pending.append(self._to_disk.submit(_sync_all, [*files, path]))
        return path

    # ---- end ----------------------------------------------------------------------------------
    def __enter__(self) -> RunFolder:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.finish("aborted")

    def finish(self, state: str = "finished") -> Path:
        """End the run ("finished" or "aborted"), write the manifest, return the folder.

        An aborted run gets no manifest, so that it can be resumed.

        Raises
        ------
        StorageError
            It could not be written; the folder is let go of all the same.
        """
        if self._finished:
            return self.path
        self._finished = True
        with storing(self.path):
            try:
                self._keep_unfinished()
                shutil.rmtree(self.staging, ignore_errors=True)
                self._settle()
                if state == "finished":
                    check_room(self.path)
                    self._write("run-end", {"state": state}, durable=True)
                else:
                    self._write("event", {"event": state}, durable=True)
            finally:
                self._journal.close()
                self._hold.let_go()
            if state == "finished":
                write_manifest(self.path)
                sync(self.path)
        return self.path

    def _keep_unfinished(self) -> None:
        """Make evidence of what cases left that were cut off."""
        for left in unfinished.left_in(self.staging):
            if left.case_id not in self._folders:
                continue
            above, name = self.path / unfinished.FOLDER, self._folders[left.case_id]
            tries = (above / try_folder(name, number) for number in itertools.count(1))
            path = next(each for each in tries if not each.exists())
            above.mkdir(exist_ok=True)
            for unneeded in (*left.folder.glob("*.columns"), *left.folder.glob("*.part")):
                unneeded.unlink()
            left.folder.rename(path)
            files = sorted(path.iterdir())
            content = {
                "event": unfinished.EVENT,
                "case": left.case_id,
                "folder": path.name,
                "files": {file.name: digest_of(file) for file in files},
            }
            self._write("event", content, durable=True)
            _sync_all([*files, path])

    def _settle(self) -> None:
        self._to_disk.shutdown(wait=True)
        for done in self._pending:
            done.result()

    def _folder_of(self, case_id: str) -> str:
        if case_id not in self._folders:
            raise EvidenceError(
                f"the case {case_id!r} was not planned",
                str(self.path),
                "name every case in RunFolder.create before the first one runs",
            )
        return self._folders[case_id]

    def _planned_entries(self) -> list[dict[str, str]]:
        return [{"case": c.id, "folder": self._folders[c.id]} for c in self.planned]

    def _write(
        self,
        kind: str,
        content: Mapping[str, object],
        *,
        durable: bool,
        wall_s: float | None = None,
    ) -> None:
        wall: dict[str, object] = {"utc": self._now().isoformat(timespec="milliseconds")}
        if wall_s is not None:
            wall["case_s"] = round(wall_s, 6)
        with storing(self.path):
            self._journal.write(kind, {**content, "wall": wall}, durable=durable)


def _can_go_on(path: Path) -> reader.Run:
    """Read a run that is to go on, and see that it can."""
    run = reader.load_run(path)
    if run.finished:
        raise EvidenceError(
            "the run has ended, its evidence is closed", str(path), "start a new run"
        )
    if not run.are_inputs_whole:
        bad = next(problem for problem in run.problems if problem.startswith("inputs/"))
        raise EvidenceError(bad, str(path), "start a new run; keep this one as it is")
    for case in run.cases:
        if case.damage and not any(each.damage for each in case.tries):  # it can't be driven
            raise EvidenceError(case.damage[0], str(path), "go on with the rig that began it")
    return run


def store_case(folder: Path, case: Case, trace: Trace | None, judgement: Judgement) -> Path:
    """Write the files of a case into a new folder, for `RunFolder.take_in`; return the folder."""
    folder.mkdir(parents=True)
    if trace is not None:
        trace_files.save(trace, folder)
    (folder / "case.json").write_bytes(CASE.dump(case, indent=1) + b"\n")
    (folder / "judgement.json").write_bytes(JUDGEMENT.dump(judgement, indent=1) + b"\n")
    return folder


def _check_unique(planned: Sequence[Case]) -> None:
    seen: set[str] = set()
    for case in planned:
        if case.id in seen:
            raise EvidenceError(
                f"two planned cases bear the id {case.id!r}",
                case.source or case.plan,
                "give one of them another name: results could not be told apart",
            )
        seen.add(case.id)


def _next_folder(runs: Path, bench: str) -> tuple[Path, int]:
    # "lab-2-0003" is the third run of lab-2, and none of lab; nor is "lab-2" the second of lab.
    own = re.compile(re.escape(bench) + r"-([0-9]{4,})")
    taken = [own.fullmatch(p.name) for p in runs.iterdir()]
    number = max((int(found[1]) for found in taken if found), default=0) + 1
    while True:
        path = runs / f"{bench}-{number:04d}"
        try:
            path.mkdir()
        except FileExistsError:  # another run of this bench was quicker
            number += 1
            continue
        return path, number


def _freeze(folder: Path, inputs: Mapping[str, Path | bytes]) -> dict[str, str]:
    hashes = {}
    for name, source in inputs.items():
        data = source if isinstance(source, bytes) else source.read_bytes()
        target = folder / "inputs" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        write_durably(target, data)
        hashes[name] = digest(data)
    return hashes


def _cases_jsonl(cases: Sequence[Case]) -> bytes:
    return b"".join(CASE.dump(case) + b"\n" for case in cases)


def _began(now: datetime) -> Started:
    return Started(started_utc=now, started_local=now.astimezone().isoformat(timespec="seconds"))


def _sync_all(paths: Sequence[Path]) -> None:
    for path in paths:
        sync(path)
