"""The SHA-256 of every file of a run folder: written once when the run ends, checked later."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rig.errors import EvidenceError
from rig.evidence.forms import MANIFEST, FileFacts, Manifest
from rig.evidence.journal import digest_of, read_plain

NAME = "manifest.json"
# Judgements made later are added to a finished run; everything else may never change.
GROWING = "judgements"


@dataclass(frozen=True, slots=True)
class Contents:
    """What lies in a run folder, by path below it: plain files, and whatever is none."""

    files: Mapping[str, FileFacts]
    strange: Mapping[str, str]  # links, pipes, devices, what can't be read; and why


def read_contents(folder: Path) -> Contents:
    """Hash every file below a folder. No link is followed, no pipe or device opened."""
    files: dict[str, FileFacts] = {}
    strange: dict[str, str] = {}
    for path in _walk(folder):
        name = path.relative_to(folder).as_posix()
        try:
            files[name] = FileFacts(size=path.lstat().st_size, sha256=digest_of(path))
        except OSError as error:
            strange[name] = f"can't be read ({error.strerror or error})"
    return Contents(files, strange)


def write_manifest(folder: Path) -> None:
    """Hash every file below `folder` and put the list on the disk."""
    found = read_contents(folder).files
    listed = {name: facts for name, facts in sorted(found.items()) if _is_listed(name)}
    write_durably(folder / NAME, MANIFEST.dump(Manifest(files=listed), indent=1) + b"\n")


def check_manifest(folder: Path, found: Contents) -> dict[str, str]:
    """Return what differs from the manifest: name of the file, and what is wrong with it."""
    try:
        listed = MANIFEST.load(read_plain(folder / NAME), NAME).files
    except FileNotFoundError:
        return {NAME: "missing, so the run was never finished or the file was removed"}
    except OSError as error:
        return {NAME: f"can't be read ({error.strerror or error})"}
    except EvidenceError as error:
        return {NAME: error.what}
    present = {name: facts for name, facts in found.files.items() if _is_listed(name)}
    missing = set(listed) - set(present)
    return (
        dict.fromkeys(missing, "missing, it was removed")
        | dict.fromkeys(set(present) - set(listed), "not in the manifest, it was added")
        | {
            name: "changed since the run (its SHA-256 is not the one written then)"
            for name, facts in present.items()
            if name in listed and listed[name] != facts
        }
    )


def write_durably(path: Path, data: bytes) -> None:
    """Write a file and return when it is on the disk."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def sync(path: Path) -> None:
    """Put a file, or the entries of a folder, on the disk."""
    if path.is_dir() and os.name == "nt":
        return  # Windows opens no folder; NTFS journals its entries by itself
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_listed(name: str) -> bool:
    return name != NAME and name.partition("/")[0] != GROWING


def _walk(folder: Path) -> list[Path]:
    """Return everything below a folder that is no folder itself, links to folders included."""
    found: list[Path] = []
    for above, folders, files in os.walk(folder):
        here = Path(above)
        links = [name for name in folders if not stat.S_ISDIR((here / name).lstat().st_mode)]
        found += [here / name for name in (*files, *links)]
    return sorted(found)
