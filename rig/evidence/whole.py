"""What of a run folder is not as it was written: files, and the folder's own name.

Must not read a trace nor judge; a file is what its hash says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from rig.documents import parsed_object
from rig.errors import EvidenceError
from rig.evidence import unfinished
from rig.evidence.entries import Lines, Planned, Result, RunEnd, RunStart
from rig.evidence.forms import RUN, RunFacts
from rig.evidence.journal import read_plain
from rig.evidence.manifest import NAME, Contents, check_manifest
from rig.evidence.names import try_folder

_INPUTS = "inputs/"


def altered(path: Path, facts: RunFacts, journal: Lines, found: Contents) -> dict[str, str]:
    """Return each file that is not as it was written, and what is wrong with it."""
    wrong = {name: why for name, why in found.strange.items() if not name.startswith("judgements/")}
    for start in journal.of(RunStart)[:1]:
        wrong |= _inputs(start, found) | _facts(start, facts, found)
    wrong |= _results(journal, found) | unfinished.altered(journal, found)
    if journal.of(RunEnd) or NAME in found.files:
        wrong = check_manifest(path, found) | wrong
    return wrong


def _facts(start: RunStart, facts: RunFacts, found: Contents) -> dict[str, str]:
    stored = found.files.get("run.json")
    if start.facts is not None and stored is not None and stored.sha256 != start.facts:
        return {"run.json": "changed since the run (the journal names another SHA-256)"}
    if (start.run, start.inputs) != (facts.run, facts.inputs):
        return {"run.json": "it is of another run than the journal"}
    return {}


def _inputs(start: RunStart, found: Contents) -> dict[str, str]:
    present = {n.removeprefix(_INPUTS): f for n, f in found.files.items() if n.startswith(_INPUTS)}
    wrong = {name: "missing, it was removed" for name in start.inputs if name not in present}
    for name, facts in present.items():
        if name not in start.inputs:
            wrong[name] = "the run was made without it, it was added"
        elif facts.sha256 != start.inputs[name]:
            wrong[name] = "changed since the run (its SHA-256 is not the one written then)"
    return {_INPUTS + name: why for name, why in wrong.items()}


def _results(journal: Lines, found: Contents) -> dict[str, str]:
    """Compare the files of each try with those that its result names, by place and content."""
    folders = {case.case: case.folder for line in journal.of(Planned) for case in line.cases}
    tries = {(r.case, r.number): r for r in journal.of(Result) if r.case in folders}
    named = {
        f"cases/{try_folder(folders[case], number)}/{name}": sha256
        for (case, number), result in tries.items()
        for name, sha256 in result.files.items()
    }
    wrong = {}
    for name, sha256 in named.items():
        facts = found.files.get(name)
        if facts is None:
            wrong[name] = found.strange.get(name, "missing, it was removed")
        elif facts.sha256 != sha256:
            wrong[name] = "changed: it is not the file that the journal's result names"
    own = {name.rpartition("/")[0] for name in named}
    added = {n for n in found.files if n not in named and "/".join(n.split("/")[:2]) in own}
    return wrong | dict.fromkeys(added, "no result names it, it was added")


def planned_lines(path: Path) -> tuple[dict[str, bytes], list[str]]:
    """Return the planned cases as they stand there, by id; and what stands there besides."""
    lines: dict[str, bytes] = {}
    problems: list[str] = []
    try:
        data = read_plain(path)
    except OSError as error:
        return {}, [f"inputs/cases.jsonl: can't be read ({error.strerror or error})"]
    for number, line in enumerate(data.split(b"\n"), 1):
        if not line:
            continue
        try:
            lines[str(parsed_object(line, "")["id"])] = line
        except (EvidenceError, KeyError):
            problems.append(f"inputs/cases.jsonl:{number}: no case stands there, it was damaged")
    return lines, problems


# ---- the folder's name --------------------------------------------------------------------------
def misplaced(path: Path, facts: RunFacts) -> tuple[list[str], list[str]]:
    """Return notes and problems of a folder that is not called as its run is.

    An archive may call it what it likes. It is an error where the number that it bears, or that
    its new name says, is another run's, and where it leaves a gap in a series that goes on.
    """
    name = path.resolve().name
    if name == facts.run:
        return [], []
    notes = [f"the folder is called {name}; when the run was made it was {facts.run}"]
    series = [other for other in _runs_beside(path) if other[1].bench == facts.bench]
    series_name = facts.run.rpartition("-")[0]
    said = re.fullmatch(re.escape(series_name) + r"-([0-9]{4,9})", name)
    numbers = {facts.number, int(said[1])} if said else {facts.number}
    for other, its in series:
        if its.number in numbers:
            return notes, [
                f"run number {its.number} of {facts.bench} is there twice: in {name} and {other}"
            ]
    if any(other == its.run and its.number > facts.number for other, its in series):
        gap = f"the series of {facts.bench} has a gap at {facts.run}, which is now called {name}"
        return notes, [gap]
    return notes, []


def _runs_beside(path: Path) -> Iterator[tuple[str, RunFacts]]:
    here = path.resolve()
    for other in sorted(here.parent.iterdir()):
        if other != here:
            try:
                yield other.name, RUN.load(read_plain(other / "run.json"), str(other))
            except (OSError, EvidenceError):
                continue  # no run, or none whose number can be known
