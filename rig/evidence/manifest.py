"""The SHA-256 of every file of a run folder: written once when the run ends, checked later."""

from __future__ import annotations

import json
import os
from pathlib import Path

from rig.evidence.journal import digest

NAME = "manifest.json"
# Judgements made later are added to a finished run; everything else may never change.
GROWING = "judgements"
SCHEMA = "bms-hil-rig/manifest/1"


def write_manifest(folder: Path) -> None:
    """Hash every file below `folder` and put the list on the disk."""
    files = {name: _facts(folder / name) for name in _files(folder)}
    text = json.dumps({"schema": SCHEMA, "files": files}, indent=1, ensure_ascii=False)
    write_durably(folder / NAME, text.encode() + b"\n")


def check_manifest(folder: Path) -> list[str]:
    """What differs from the manifest, one sentence each; [] where nothing does."""
    try:
        listed = json.loads((folder / NAME).read_bytes())["files"]
    except OSError:
        return [f"{NAME}: missing, so the run was never finished or the file was removed"]
    except (ValueError, KeyError, TypeError):
        return [f"{NAME}: damaged, it does not list files"]
    present = set(_files(folder))
    problems = [f"{name}: missing, it was removed" for name in sorted(set(listed) - present)]
    problems += [f"{name}: not in the manifest, it was added" for name in present - set(listed)]
    problems += [
        f"{name}: changed since the run (its SHA-256 is not the one written then)"
        for name in sorted(present & set(listed))
        if _facts(folder / name) != listed[name]
    ]
    return sorted(problems)


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


def _files(folder: Path) -> list[str]:
    names = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(
        name.as_posix() for name in names if name.parts[0] != GROWING and name.as_posix() != NAME
    )


def _facts(path: Path) -> dict[str, object]:
    data = path.read_bytes()
    return {"size": len(data), "sha256": digest(data)}
