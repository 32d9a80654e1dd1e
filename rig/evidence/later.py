"""Judgements made after the run: each a file below judgements/, and none is ever replaced."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Set
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from rig.documents import parsed_object
from rig.errors import EvidenceError
from rig.evidence.forms import JUDGEMENTS, JUDGEMENTS_1, Judgements
from rig.evidence.journal import digest, read_plain
from rig.evidence.manifest import GROWING, Contents
from rig.judge.verdict import Judgement

# No way out of its folder, and a name that every system takes (Windows: CON, NUL, COM1 ...).
_PLAIN_NAME = re.compile(r"\w([\w.-]{0,98}[\w-])?", re.ASCII)
_DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.ASCII | re.IGNORECASE)
_MEND = "remove it, and judge again under another name"


def store_judgements(path: Path, name: str, content: Judgements) -> Path:
    """Store a later judgement in a new file; EvidenceError where there is one of its name."""
    target = later_judgement(path, name)
    target.parent.mkdir(exist_ok=True)
    try:
        with target.open("xb") as file:
            file.write(JUDGEMENTS.dump(content, indent=1) + b"\n")
    except FileExistsError:
        raise _stored_already(target) from None
    return target


def hash_of(judgements: Mapping[str, Judgement]) -> str:
    """Hash judgements as the file holds them, whatever its layout."""
    return _hash(JUDGEMENTS_1.dump_python(dict(judgements), mode="json"))


def later_judgement(path: Path, name: str, *, is_new: bool = False) -> Path:
    """Return the file of a later judgement, which is always right below judgements/.

    Raises
    ------
    EvidenceError
        The name is no plain file name; or, where it `is_new`, it is taken.
    """
    folder = Path(path) / GROWING
    if not _PLAIN_NAME.fullmatch(name) or _DEVICE.fullmatch(name):
        raise EvidenceError(
            f"{name!r} is no name for a judgement",
            folder.as_posix(),
            "use letters, digits, '-', '_' and '.', beginning with a letter or digit",
        )
    target = folder / f"{name}.json"
    if is_new and target.exists():
        raise _stored_already(target)
    return target


def read_judgements(path: Path, name: str, begin: str) -> Mapping[str, Judgement]:
    """Read a later judgement of the run whose journal begins so.

    Raises
    ------
    EvidenceError
        There is none, it was edited, or it is of another run.
    """
    target = later_judgement(path, name)
    where = f"{GROWING}/{target.name}"
    try:
        data = read_plain(target)
    except OSError as error:
        what = f"no judgement can be read ({error.strerror or error})"
        raise EvidenceError(what, where, "see what there is, or make it: rig judge") from None
    raw = parsed_object(data, where)
    if "schema" not in raw:
        try:
            judgements = JUDGEMENTS_1.validate_json(data)
        except ValidationError:
            judgements = {}
        if not judgements:
            raise EvidenceError("damaged: it holds no judgements", where, _MEND)
        return judgements
    stored = JUDGEMENTS.load(data, where)
    if stored.begin != begin:
        raise EvidenceError(f"it is a judgement of another run, {stored.run}", where, _MEND)
    if stored.sha256 != _hash(raw["judgements"]):
        raise EvidenceError("damaged: it was edited since it was judged", where, _MEND)
    return stored.judgements


def check_judgements(path: Path, contents: Contents, begin: str, cases: Set[str]) -> list[str]:
    """Return what among the later judgements is none, one sentence each."""
    below = f"{GROWING}/"
    names = sorted(n for n in (*contents.files, *contents.strange) if n.startswith(below))
    return [f"{name}: {why}" for name in names if (why := _wrong(path, name, begin, cases))]


def _wrong(path: Path, name: str, begin: str, cases: Set[str]) -> str:
    file = Path(name)
    if file.suffix != ".json" or len(file.parts) != 2 or not _PLAIN_NAME.fullmatch(file.stem):
        return "it is no judgement"
    try:
        judged = read_judgements(path, file.stem, begin)
    except EvidenceError as error:
        return error.what
    strangers = [
        case_id for case_id, j in judged.items() if case_id not in cases or case_id != j.case_id
    ]
    return f"it judges what is no case of this run: {strangers[0]!r}" if strangers else ""


def _hash(judgements: Any) -> str:
    return digest(json.dumps(judgements, sort_keys=True, separators=(",", ":")).encode())


def _stored_already(target: Path) -> EvidenceError:
    what = "a judgement of this name is stored already"
    return EvidenceError(what, target.as_posix(), "choose another name: none is ever replaced")
