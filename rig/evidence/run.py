"""Read a run folder, finished or not. Every report starts here; must not change what it reads.

Whoever reads evidence checks it: the journal's chain is the spine, its lines name the hashes of the
inputs and of every case's files, the manifest those of all files of a finished run. A case whose
files are not those is damaged; all others are read. A missing run-end line means that the run was
aborted: planned cases without a result were not run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path

from rig.case import Case
from rig.errors import EvidenceError
from rig.evidence.entries import (
    BenchFailed,
    Event,
    Lines,
    Planned,
    PlannedCase,
    Result,
    RunEnd,
    RunStart,
    understood,
)
from rig.evidence.forms import CASE, DUT, DUT_NAME, JUDGEMENT, RUN, Judgements, RunFacts
from rig.evidence.journal import read_journal, read_plain
from rig.evidence.later import (
    check_judgements,
    hash_of,
    read_judgements,
    store_judgements,
)
from rig.evidence.manifest import Contents, read_contents
from rig.evidence.meta import InstrumentFacts, RunMeta
from rig.evidence.names import try_folder
from rig.evidence.unfinished import Unfinished, kept
from rig.evidence.whole import altered, misplaced, planned_lines
from rig.facts import DutFacts
from rig.judge.verdict import WORST_FIRST, Judgement, Verdict, counted_as, tries_in_words
from rig.trace import files as trace_files
from rig.trace.model import Trace

NOT_RUN = "not run"
DAMAGED = "damaged"
_INPUT_DUT = f"inputs/{DUT_NAME}"


@dataclass(frozen=True, kw_only=True)
class Try:
    """One time that a case was run."""

    number: int  # from 1
    folder: Path
    judgement: Judgement
    case: Case | None  # as it was driven; None: that can't be read
    wall_s: float = 0.0
    virtual_s: float = 0.0
    is_stored: bool = False  # its files are those of its result
    damage: tuple[str, ...] = ()  # why its files can't be believed; its judgement is the journal's

    @property
    def verdict(self) -> Verdict:
        """What this try came to."""
        return self.judgement.verdict

    @property
    def is_kept(self) -> bool:
        """Whether a run that goes on leaves it as it is; a fail stays one, whatever was lost."""
        is_lost = self.judgement.is_without_evidence and self.verdict is not Verdict.FAIL
        return self.is_stored and not is_lost

    @property
    def is_complete(self) -> bool:
        """Whether a run that goes on has nothing to add to it: its evidence is there."""
        return self.is_kept and not self.judgement.is_without_evidence

    @property
    def has_trace(self) -> bool:
        """Something was recorded that can be believed."""
        return _has_trace(self.folder, self.damage)

    def trace(self) -> Trace:
        """Read what was recorded; EvidenceError where nothing was, or it is damaged."""
        return _trace(self.folder, self.damage)


@dataclass(frozen=True, kw_only=True)
class RunCase:
    """A planned case and what became of it: the first of its worst tries stands for it."""

    number: int  # its place in the plan, from 1
    case: Case
    folder: Path
    judgement: Judgement | None  # None: not run
    wall_s: float = 0.0
    virtual_s: float = 0.0
    tries: tuple[Try, ...] = ()  # in order
    damage: tuple[str, ...] = ()  # why nothing can be said of it: files changed or unreadable
    unfinished: tuple[Unfinished, ...] = ()  # what was recorded of tries that were cut off

    @property
    def verdict(self) -> Verdict | None:
        """None where the case was planned and has no result, or none that can be believed."""
        return self.judgement.verdict if self.judgement else None

    @property
    def is_done(self) -> bool:
        """Whether a run that goes on has nothing to add to it: results and evidence are there."""
        return all(t.is_kept for t in self.tries) and any(t.is_complete for t in self.tries)

    @property
    def outcome(self) -> str:
        """The verdict's word, or "damaged", or "not run"."""
        if self.damage:
            return DAMAGED
        return self.judgement.verdict.value if self.judgement else NOT_RUN

    @property
    def counted(self) -> str:
        """Its outcome, but for "not reached", which is counted apart."""
        if self.damage or self.judgement is None:
            return self.outcome
        return counted_as(self.judgement)

    @property
    def has_trace(self) -> bool:
        """Something was recorded that can be believed."""
        return _has_trace(self.folder, self.damage)

    def trace(self) -> Trace:
        """Read what was recorded; EvidenceError where nothing was, or it is damaged."""
        return _trace(self.folder, self.damage)

    @property
    def tried(self) -> str:
        """How its tries ended, where there are several: "failed 1 of 2 tries"; else ""."""
        return tries_in_words([t.verdict for t in self.tries])

    @property
    def sentence(self) -> str:
        """Why it came to its verdict, and in how many of its tries; "" where it was not run."""
        if self.judgement is None:
            return ""
        return f"{self.tried}: {self.judgement.sentence}" if self.tried else self.judgement.sentence


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run folder, read."""

    path: Path
    bench: str
    number: int
    meta: RunMeta
    inputs: Mapping[str, str]  # name in inputs/ -> SHA-256
    started: datetime  # UTC
    ended: datetime  # UTC, of the last journal line
    finished: bool  # False: aborted, or still running
    cases: tuple[RunCase, ...]
    bench_errors: tuple[str, ...]
    problems: tuple[str, ...]  # of the evidence's integrity, those of damaged cases included
    notes: tuple[str, ...] = ()  # what is worth knowing and damages nothing: another name
    begin: str = ""  # SHA-256 of the first line of its journal, which no other run has

    @property
    def run_id(self) -> str:
        """Bench and running number, as the folder is called today: "lab2-0017"."""
        return self.path.resolve().name

    @property
    def aborted(self) -> bool:
        """The run never came to its end."""
        return not self.finished

    @cached_property
    def counts(self) -> dict[str, int]:
        """How many cases there are of each outcome, all seven words always present."""
        words = [*(v.value for v in Verdict), NOT_RUN, DAMAGED]
        return {word: sum(c.outcome == word for c in self.cases) for word in words}

    @property
    def are_inputs_whole(self) -> bool:
        """Whether plan, profile, bench, DBC and planned cases are those that it was run with."""
        return not any(problem.startswith("inputs/") for problem in self.problems)

    @property
    def wall_s(self) -> float:
        """From the first journal line to the last."""
        return max((self.ended - self.started).total_seconds(), 0.0)

    @property
    def virtual_s(self) -> float:
        """Time that the BMS lived through, over all cases."""
        return sum(case.virtual_s for case in self.cases)


def load_run(path: Path, *, judged: str | None = None) -> Run:
    """Read a run folder, and check what is read.

    Parameters
    ----------
    judged
        Name of a later judgement (``judgements/<judged>.json``) to read in place of the first.

    Raises
    ------
    EvidenceError
        There is no run to read; damage within one is in `Run.problems` instead.
    """
    path = Path(path)
    facts = _facts(path)
    entries, broken, _ = read_journal(path / "journal.jsonl")
    begin = str(entries[1]["previous"]) if len(entries) > 1 else ""
    journal = understood(entries)
    contents = read_contents(path)
    wrong = altered(path, facts, journal, contents)
    dut = _dut(path, journal, wrong)
    cases, unread = _cases(_Read(path, contents, journal, wrong, tuple(broken), dut))
    cut_off = tuple(kept(path, journal, wrong))
    notes, doubled = misplaced(path, facts)
    later = check_judgements(path, contents, begin, {c.case.id for c in cases})
    files = [f"{name}: {why}" for name, why in wrong.items()]
    run = Run(
        path=path,
        bench=facts.bench,
        number=facts.number,
        meta=_meta(facts.meta, journal),
        inputs=facts.inputs,
        started=facts.wall.started_utc,
        ended=journal.lines[-1].wall.utc if journal.lines else facts.wall.started_utc,
        finished=bool(journal.of(RunEnd)),
        cases=tuple(_with_unfinished(case, cut_off) for case in cases),
        bench_errors=tuple(line.error for line in journal.of(BenchFailed)),
        problems=(*broken, *journal.problems, *sorted(files), *unread, *doubled, *later),
        notes=tuple(notes),
        begin=begin,
    )
    return _judged_again(run, judged) if judged else run


def verify(path: Path) -> list[str]:
    """Everything about a run folder that is not as it was written; [] where all is well."""
    return verified(path)[0]


def verified(path: Path) -> tuple[list[str], list[str]]:
    """What `verify` says, and notes: what is worth knowing and damages nothing."""
    try:
        run = load_run(path)
    except EvidenceError as error:
        if not (Path(path) / "run.json").is_file():  # then it is no run folder at all
            raise
        return [f"{error.where}: {error.what}"], []
    problems = {*run.problems}
    if run.aborted:
        problems.add("journal.jsonl: no run-end line, so the run was aborted or still runs")
    return sorted(problems), [*run.notes]


def add_judgements(run: Run, name: str, judgements: Mapping[str, Judgement]) -> Path:
    """Store a later judgement of a run in a new file; none is ever replaced."""
    content = Judgements(
        run=run.run_id,
        begin=run.begin,
        judgements=dict(judgements),
        sha256=hash_of(judgements),
        damaged={case.case.id: case.damage[0] for case in run.cases if case.damage},
    )
    return store_judgements(run.path, name, content)


def _with_unfinished(case: RunCase, cut_off: Sequence[Unfinished]) -> RunCase:
    its = tuple(each for each in cut_off if each.case_id == case.case.id)
    return replace(case, unfinished=its) if its else case


def _judged_again(run: Run, name: str) -> Run:
    later = read_judgements(run.path, name, run.begin)
    cases = (
        c if c.damage else replace(c, judgement=later.get(c.case.id, c.judgement))
        for c in run.cases
    )
    return replace(run, cases=tuple(cases))


def _facts(path: Path) -> RunFacts:
    name = path / "run.json"
    try:
        data = read_plain(name)
    except OSError as error:
        mend = "name a run folder, for example out/runs/<bench>-0001"
        what = f"no run can be read ({error.strerror or error}), so it is none or damaged"
        raise EvidenceError(what, str(name), mend) from None
    return RUN.load(data, str(name))


def _dut(path: Path, journal: Lines, wrong: dict[str, str]) -> DutFacts | None:
    """Read the claims that hold for every case; in older runs each case has them."""
    named = any(DUT_NAME in start.inputs for start in journal.of(RunStart))
    if not named or _INPUT_DUT in wrong:
        return None
    try:
        return DUT.load(read_plain(path / _INPUT_DUT), _INPUT_DUT)
    except OSError as error:
        wrong[_INPUT_DUT] = f"can't be read ({error.strerror or error})"
    except EvidenceError as error:
        wrong[_INPUT_DUT] = error.what
    return None


def _meta(meta: RunMeta, journal: Lines) -> RunMeta:
    known: dict[str, InstrumentFacts] = {}
    for line in journal.of(Event):
        if line.event == "connected":  # each lane tells of its own bench
            known |= {facts.role: facts for facts in line.instruments}
            meta = replace(meta, firmware=line.firmware or meta.firmware)
    return replace(meta, instruments=tuple(known.values()) or meta.instruments)


# ---- cases --------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class _Read:
    """A run folder under the reader's eye."""

    path: Path
    contents: Contents
    journal: Lines
    wrong: Mapping[str, str]  # file to what is wrong with it
    broken: tuple[str, ...]  # why the journal can't be trusted to its end
    dut: DutFacts | None = None  # None: there are none, or none that can be believed
    unread: list[str] = field(default_factory=list)

    @property
    def lacks_dut(self) -> bool:
        """Whether what the cases were judged by is lost: then none can be judged again."""
        return self.dut is None and _INPUT_DUT in self.wrong

    def case(self, data: bytes, where: str) -> Case:
        """Read a stored case, and give it the run's facts; EvidenceError where it can't be."""
        case = CASE.load(data, where)
        return case if self.dut is None else replace(case, dut=self.dut)

    def damage_of(self, folder: str) -> tuple[str, ...]:
        """What is wrong with the files of a case's folder."""
        below = f"cases/{folder}/"
        return tuple(f"{n}: {why}" for n, why in self.wrong.items() if n.startswith(below))


def _cases(read: _Read) -> tuple[tuple[RunCase, ...], list[str]]:
    lines, problems = planned_lines(read.path / "inputs" / "cases.jsonl")
    planned = [case for line in read.journal.of(Planned) for case in line.cases]
    results: dict[str, dict[int, Result]] = {p.case: {} for p in planned}
    for number, result in enumerate(read.journal.of(Result), 1):
        if result.case not in results:
            problems.append(f"journal.jsonl: result {number} is of {result.case!r}, not planned")
            continue
        # A later line of one try replaces it: a resumed run repeats what was not whole.
        results[result.case][result.number] = result
    cases = tuple(
        _run_case(read, number, case, results[case.case], lines.get(case.case))
        for number, case in enumerate(planned, 1)
    )
    known = {case.case for case in planned}
    problems += [
        f"inputs/cases.jsonl: {case_id!r} is not among the planned cases"
        for case_id in lines
        if case_id not in known and planned
    ]
    return cases, [*problems, *read.unread]


def _run_case(
    read: _Read,
    number: int,
    planned: PlannedCase,
    results: Mapping[int, Result],
    line: bytes | None,
) -> RunCase:
    folder = read.path / "cases" / planned.folder
    tries = tuple(
        _try(read, n, folder.with_name(try_folder(folder.name, n)), result)
        for n, result in sorted(results.items())
    )
    case, lost = _case(read, planned, tries, line)
    found = RunCase(number=number, case=case, folder=folder, judgement=None, tries=tries)
    if lost or not tries:
        # Where the chain is broken, what came after is not unrun: nobody knows.
        return replace(found, damage=lost or read.broken)
    counts = _counting(tries)
    return replace(
        found,
        folder=counts.folder,
        judgement=None if counts.damage else counts.judgement,
        damage=counts.damage,
        wall_s=counts.wall_s,
        virtual_s=counts.virtual_s,
    )


def _counting(tries: Sequence[Try]) -> Try:
    """Return the try that stands for its case: a fail that holds, else damage, else the worst."""
    worst = min(tries, key=lambda t: (bool(t.damage), WORST_FIRST.index(t.verdict)))
    if worst.verdict is Verdict.FAIL and not worst.damage:
        return worst
    return next((t for t in tries if t.damage), worst)


def _case(
    read: _Read, planned: PlannedCase, tries: Sequence[Try], line: bytes | None
) -> tuple[Case, tuple[str, ...]]:
    """Return a case as it was run, else as it was planned; a stand-in and the reason if neither."""
    driven = next((each.case for each in tries if each.case is not None), None)
    if driven is not None:  # one that is written by hand is planned without its steps
        return driven, ()
    where = f"inputs/cases.jsonl: {planned.case}"
    if line is None:
        return _stand_in(planned.case), (f"{where}: it is not there",)
    try:
        return read.case(line, where), ()
    except EvidenceError as error:
        why = f"{where}: {error.what}"
        read.unread.append(why)
        return _stand_in(planned.case), (why,)


def _stand_in(case_id: str) -> Case:
    """Make a case of which nothing is known but its name."""
    return Case(
        id=case_id,
        title=case_id,
        plan="",
        family="unreadable",
        protection=None,
        parameters={},
        steps=(),
        expectations=(),
        outputs={},
        capture=None,
        seed=0,
    )


def _try(read: _Read, number: int, folder: Path, result: Result) -> Try:
    damage = read.damage_of(folder.name)
    judgement = Judgement(
        case_id=result.case, verdict=result.verdict, sentence=result.sentence, findings=()
    )
    is_stored, case = not damage, _driven(read, folder)
    if not damage:
        judgement, damage = _judgement(folder, judgement)
        damage = damage or ((case,) if isinstance(case, str) else ())
        read.unread.extend(damage)
    if damage:  # what the journal knows of it, which no report may embellish
        damage = (*damage, f"the journal says {result.verdict}: {result.sentence}")
    return Try(
        number=number,
        folder=folder,
        judgement=judgement,
        case=None if isinstance(case, str) or read.lacks_dut else case,
        wall_s=result.wall.case_s,
        virtual_s=result.virtual_s,
        is_stored=is_stored,
        damage=damage,
    )


def _driven(read: _Read, folder: Path) -> Case | str:
    """Return a case as it was driven, or why it can't be read."""
    name = f"cases/{folder.name}/case.json"
    if name in read.wrong:
        return f"{name}: {read.wrong[name]}"
    try:
        return read.case(read_plain(folder / "case.json"), name)
    except OSError as error:
        return f"{name}: can't be read ({error.strerror or error})"
    except EvidenceError as error:
        return f"{name}: {error.what}"


def _judgement(folder: Path, reported: Judgement) -> tuple[Judgement, tuple[str, ...]]:
    """Return the stored judgement; what the journal told, and why, where it can't be had."""
    below = f"cases/{folder.name}"
    try:
        data = read_plain(folder / "judgement.json")
        judgement = JUDGEMENT.load(data, f"{below}/judgement.json")
        if _has_trace(folder, ()):
            trace_files.check_version(folder)
    except OSError as error:
        return reported, (f"{below}/judgement.json: can't be read ({error.strerror or error})",)
    except EvidenceError as error:
        return reported, (f"{Path(error.where).name}: {error.what}",)
    if (judgement.verdict, judgement.case_id) != (reported.verdict, reported.case_id):
        return reported, (f"{below}/judgement.json: case or verdict differ from the journal's",)
    return judgement, ()


def _has_trace(folder: Path, damage: tuple[str, ...]) -> bool:
    return not damage and (folder / "trace.json").is_file()


def _trace(folder: Path, damage: tuple[str, ...]) -> Trace:
    if damage:
        raise EvidenceError(damage[0], str(folder), "restore the run folder from its archive")
    if not _has_trace(folder, damage):
        raise EvidenceError("nothing was recorded", str(folder), "look at its judgement")
    return trace_files.load(folder)
