"""What cases had recorded that were cut off with their process. It is no try and has no verdict.

While a case runs its records grow in a folder of their own below `staging/`. Where nobody stores
the case, that folder is moved to `unfinished/` when the run ends or goes on, and the journal names
its files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from rig.documents import parsed_object
from rig.errors import EvidenceError
from rig.evidence.entries import Event, Lines
from rig.evidence.hold import STAGING
from rig.evidence.journal import read_plain
from rig.evidence.manifest import Contents
from rig.trace.model import Trace
from rig.trace.unfinished import STREAM, load_unfinished

LIVE, CASE_FILE = ".live", "case.json"
FOLDER, EVENT = "unfinished", "unfinished"


@dataclass(frozen=True, kw_only=True)
class Unfinished:
    """What one case left that began and was cut off."""

    case_id: str
    folder: Path
    damage: tuple[str, ...] = ()  # why it can't be believed

    def trace(self) -> Trace:
        """Read what was recorded; EvidenceError where it is damaged."""
        if self.damage:
            mend = "restore the run folder from its archive"
            raise EvidenceError(self.damage[0], str(self.folder), mend)
        return load_unfinished(self.folder)

    def sentence(self) -> str:
        """Say how far it came."""
        where = f"{self.folder.parent.name}/{self.folder.name}"
        try:
            trace = self.trace()
        except EvidenceError as error:
            return f"a try was cut off, and what it left can't be read: {error.what} ({where})"
        counts = (
            f"{trace.frames.time_ns.size} CAN frames, {len(trace.lines)} console lines,"
            f" {len(trace.commands)} commands, {len(trace.readings)} readings"
        )
        return (
            f"a try was cut off and has no verdict: {trace.end_ns / 1e9:.1f} s of it are recorded,"
            f" {counts} ({where})"
        )


def left_in(staging: Path) -> Iterator[Unfinished]:
    """Give what lies in `staging/` of cases that nobody has stored."""
    for folder in sorted(staging.glob(f"*/*{LIVE}")):
        try:
            case_id = parsed_object(read_plain(folder / CASE_FILE), str(folder))["id"]
        except (OSError, EvidenceError, KeyError):
            continue  # it had not begun to write
        if (folder / STREAM).is_file():
            yield Unfinished(case_id=str(case_id), folder=folder)


def kept(path: Path, journal: Lines, wrong: Mapping[str, str]) -> Iterator[Unfinished]:
    """Give all that a run has: what its journal names, and what a run that died has in staging."""
    for line in _events(journal):
        below = f"{FOLDER}/{line.folder}/"
        damage = tuple(f"{name}: {why}" for name, why in wrong.items() if name.startswith(below))
        yield Unfinished(case_id=line.case, folder=path / FOLDER / line.folder, damage=damage)
    yield from left_in(path / STAGING)


def altered(journal: Lines, found: Contents) -> dict[str, str]:
    """Return each of its files that is not as the journal says, and what is wrong with it."""
    wrong = {}
    for line in _events(journal):
        for file, sha256 in line.files.items():
            name = f"{FOLDER}/{line.folder}/{file}"
            facts = found.files.get(name)
            if facts is None:
                wrong[name] = found.strange.get(name, "missing, it was removed")
            elif facts.sha256 != sha256:
                wrong[name] = "changed: it is not the file that the journal names"
    return wrong


def _events(journal: Lines) -> list[Event]:
    return [line for line in journal.of(Event) if line.event == EVENT and line.folder]
