"""Read a run folder, finished or not. Every report starts here; must not change what it reads.

A missing run-end line means that the run was aborted: planned cases without a result were not
run. Damage is reported in `Run.problems`, and what can still be trusted is read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from rig.errors import EvidenceError
from rig.evidence.journal import Entry, digest, read_journal
from rig.evidence.manifest import GROWING, check_manifest
from rig.evidence.meta import INSTRUMENTS_JSON, META_JSON, InstrumentFacts, RunMeta
from rig.evidence.names import try_folder
from rig.judge.verdict import JUDGEMENT_JSON, WORST_FIRST, Judgement, Verdict, tries_in_words
from rig.plan.case import CASE_JSON, Case
from rig.trace import files as trace_files
from rig.trace.model import Trace

NOT_RUN = "not run"
_JUDGEMENTS_JSON: TypeAdapter[dict[str, Judgement]] = TypeAdapter(dict[str, Judgement])
_PLAIN_NAME = re.compile(r"\w[\w.-]{0,99}", re.ASCII)  # no way out of its folder, on no system


@dataclass(frozen=True, kw_only=True)
class Try:
    """One time that a case was run."""

    number: int  # from 1
    folder: Path
    judgement: Judgement
    wall_s: float = 0.0
    virtual_s: float = 0.0
    is_stored: bool = False  # its files are those of its result

    @property
    def verdict(self) -> Verdict:
        """What this try came to."""
        return self.judgement.verdict

    def driven(self) -> Case:
        """Read the case as it was driven; a hand-written one is planned without its steps."""
        path = self.folder / "case.json"
        try:
            return CASE_JSON.validate_json(path.read_bytes())
        except (OSError, ValidationError) as error:
            raise EvidenceError(f"can't be read: {error}", str(path), "rig verify") from None

    @property
    def has_trace(self) -> bool:
        """Something was recorded."""
        return (self.folder / "trace.json").is_file()

    def trace(self) -> Trace:
        """Read what was recorded; EvidenceError where nothing was."""
        if not self.has_trace:
            raise EvidenceError("nothing was recorded", str(self.folder), "look at its judgement")
        return trace_files.load(self.folder)


@dataclass(frozen=True, kw_only=True)
class RunCase:
    """A planned case and what became of it: the first of its worst tries stands for it."""

    number: int  # its place in the plan, from 1
    case: Case
    folder: Path
    judgement: Judgement | None  # None: not run
    wall_s: float = 0.0
    virtual_s: float = 0.0
    is_stored: bool = False  # it has a result, and all files are those that its results name
    tries: tuple[Try, ...] = ()  # in order

    @property
    def verdict(self) -> Verdict | None:
        """None where the case was planned and has no result."""
        return self.judgement.verdict if self.judgement else None

    @property
    def outcome(self) -> str:
        """The verdict's word, or "not run"."""
        return self.judgement.verdict.value if self.judgement else NOT_RUN

    @property
    def has_trace(self) -> bool:
        """Something was recorded."""
        return (self.folder / "trace.json").is_file()

    def trace(self) -> Trace:
        """Read what was recorded; EvidenceError where nothing was."""
        if not self.has_trace:
            raise EvidenceError("nothing was recorded", str(self.folder), "look at its judgement")
        return trace_files.load(self.folder)

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
    problems: tuple[str, ...]  # of the evidence's integrity

    @property
    def run_id(self) -> str:
        """Bench and running number: "lab2-0017"."""
        return self.path.name

    @property
    def aborted(self) -> bool:
        """The run never came to its end."""
        return not self.finished

    @cached_property
    def counts(self) -> dict[str, int]:
        """How many cases there are of each outcome, all six words always present."""
        words = [*(v.value for v in Verdict), NOT_RUN]
        return {word: sum(c.outcome == word for c in self.cases) for word in words}

    @property
    def wall_s(self) -> float:
        """From the first journal line to the last."""
        return (self.ended - self.started).total_seconds()

    @property
    def virtual_s(self) -> float:
        """Time that the BMS lived through, over all cases."""
        return sum(case.virtual_s for case in self.cases)


def load_run(path: Path, *, judged: str | None = None) -> Run:
    """Read a run folder.

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
    entries, problems, _ = read_journal(path / "journal.jsonl")
    cases, bad = _cases(path, entries)
    run = Run(
        path=path,
        bench=facts["bench"],
        number=facts["number"],
        meta=_meta(facts["meta"], entries),
        inputs=facts["inputs"],
        started=_utc(facts["wall"]["started_utc"]),
        ended=_utc(entries[-1]["wall"]["utc"] if entries else facts["wall"]["started_utc"]),
        finished=any(e["kind"] == "run-end" for e in entries),
        cases=cases,
        bench_errors=tuple(e["error"] for e in entries if e["kind"] == "bench-error"),
        problems=(*problems, *bad),
    )
    return _judged_again(run, judged) if judged else run


def verify(path: Path) -> list[str]:
    """Everything about a run folder that is not as it was written; [] where all is well."""
    run = load_run(path)
    problems = [*run.problems]
    if run.aborted:
        problems.append("journal.jsonl: no run-end line, so the run was aborted or still runs")
    return sorted({*problems, *check_manifest(run.path)})


def add_judgements(path: Path, name: str, judgements: Mapping[str, Judgement]) -> Path:
    """Store a later judgement of recorded evidence in a new file; none is ever replaced."""
    target = later_judgement(path, name)
    target.parent.mkdir(exist_ok=True)
    try:
        with target.open("xb") as file:
            file.write(_JUDGEMENTS_JSON.dump_json(dict(judgements), indent=1) + b"\n")
    except FileExistsError:
        raise _stored_already(target) from None
    return target


def later_judgement(path: Path, name: str, *, is_new: bool = False) -> Path:
    """Return the file of a later judgement, which is always right below judgements/.

    Raises
    ------
    EvidenceError
        The name is no plain file name; or, where it `is_new`, it is taken.
    """
    folder = Path(path) / GROWING
    if not _PLAIN_NAME.fullmatch(name):
        raise EvidenceError(
            f"{name!r} is no name for a judgement",
            folder.as_posix(),
            "use letters, digits, '-', '_' and '.', beginning with a letter or digit",
        )
    target = folder / f"{name}.json"
    if is_new and target.exists():
        raise _stored_already(target)
    return target


def _stored_already(target: Path) -> EvidenceError:
    what = "a judgement of this name is stored already"
    return EvidenceError(what, target.as_posix(), "choose another name: none is ever replaced")


def _judged_again(run: Run, name: str) -> Run:
    path = later_judgement(run.path, name)
    try:
        later = _JUDGEMENTS_JSON.validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise EvidenceError(f"no judgement can be read: {error}", str(path), "rig judge") from None
    cases = (replace(c, judgement=later.get(c.case.id, c.judgement)) for c in run.cases)
    return replace(run, cases=tuple(cases))


def _facts(path: Path) -> dict[str, Any]:
    try:
        facts = json.loads((path / "run.json").read_bytes())
    except (OSError, ValueError) as error:
        mend = "name a run folder, for example out/runs/<bench>-0001"
        raise EvidenceError(f"no run can be read ({error})", str(path / "run.json"), mend) from None
    if not str(facts.get("schema", "")).startswith("bms-hil-rig/run/1"):
        raise EvidenceError(
            f"unknown schema {facts.get('schema')!r}", str(path / "run.json"), "update the rig"
        )
    return dict(facts)


def _meta(stored: object, entries: list[Entry]) -> RunMeta:
    meta = META_JSON.validate_python(stored)
    known: dict[str, InstrumentFacts] = {}
    for entry in entries:
        if entry.get("event") == "connected":  # each lane tells of its own bench
            known |= {f.role: f for f in INSTRUMENTS_JSON.validate_python(entry["instruments"])}
            meta = replace(meta, firmware=entry["firmware"] or meta.firmware)
    return replace(meta, instruments=tuple(known.values()) or meta.instruments)


def _cases(path: Path, entries: list[Entry]) -> tuple[tuple[RunCase, ...], list[str]]:
    folders = {
        p["case"]: path / "cases" / p["folder"]
        for entry in entries
        if entry["kind"] == "planned"
        for p in entry["cases"]
    }
    planned, problems = _planned(path / "inputs" / "cases.jsonl")
    results: dict[str, dict[int, Entry]] = {}
    for entry in (e for e in entries if e["kind"] == "result"):
        # A later line of one try replaces it: a resumed run repeats what was not whole.
        results.setdefault(entry["case"], {})[entry.get("try", 1)] = entry
    cases = []
    for number, case in enumerate(planned, 1):
        if case.id not in folders:
            problems.append(f"inputs/cases.jsonl: {case.id!r} is not among the planned cases")
            continue
        found, bad = _run_case(number, case, folders[case.id], results.get(case.id, {}))
        cases.append(found)
        problems += bad
    return tuple(cases), problems


def _planned(path: Path) -> tuple[list[Case], list[str]]:
    try:
        return [CASE_JSON.validate_json(line) for line in path.read_bytes().splitlines()], []
    except (OSError, ValidationError) as error:
        return [], [f"inputs/cases.jsonl: the planned cases can't be read: {error}"]


def _run_case(
    number: int, case: Case, folder: Path, results: Mapping[int, Entry]
) -> tuple[RunCase, list[str]]:
    if not results:
        return RunCase(number=number, case=case, folder=folder, judgement=None), []
    read = [
        _try(n, folder.with_name(try_folder(folder.name, n)), result)
        for n, result in sorted(results.items())
    ]
    tries = tuple(found for found, _ in read)
    counts = min(tries, key=lambda t: WORST_FIRST.index(t.verdict))
    case_found = RunCase(
        number=number,
        case=case,
        folder=counts.folder,
        judgement=counts.judgement,
        wall_s=counts.wall_s,
        virtual_s=counts.virtual_s,
        is_stored=all(t.is_stored for t in tries),
        tries=tries,
    )
    return case_found, [problem for _, problems in read for problem in problems]


def _try(number: int, folder: Path, result: Entry) -> tuple[Try, list[str]]:
    problems = [
        f"cases/{folder.name}/{name}: not the file that the journal's result names"
        for name, sha256 in result["files"].items()
        if _hash(folder / name) != sha256
    ]
    judgement, unreadable = _judgement(folder / "judgement.json", result)
    found = Try(
        number=number,
        folder=folder,
        judgement=judgement,
        wall_s=result["wall"]["case_s"],
        virtual_s=result["virtual_s"],
        is_stored=not problems,
    )
    return found, problems + unreadable


def _judgement(path: Path, result: Entry) -> tuple[Judgement, list[str]]:
    """The stored judgement; else what the journal knows of it, which no report may embellish."""
    try:
        judgement = JUDGEMENT_JSON.validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        verdict, sentence = Verdict(result["verdict"]), result["sentence"]
        lost = Judgement(case_id=result["case"], verdict=verdict, sentence=sentence, findings=())
        return lost, [f"cases/{path.parent.name}/judgement.json: can't be read: {error}"]
    if judgement.verdict != result["verdict"]:
        return judgement, [f"cases/{path.parent.name}: verdict differs from the journal's"]
    return judgement, []


def _hash(path: Path) -> str | None:
    try:
        return digest(path.read_bytes())
    except OSError:
        return None


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text)
