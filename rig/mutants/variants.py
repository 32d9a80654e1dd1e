"""Which builds of the firmware there are: the bench's own list, a user's file, a seeded sample."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from rig.bench.description import BenchFile
from rig.description import suggest
from rig.errors import DescriptionError
from rig.mutants.result import Variant

_LIST_WITHIN_S = 60.0
_SHOWN = 80  # characters of a line that is no variant


def listed(bench: BenchFile, own: Path | None = None) -> list[Variant]:
    """Ask the program that is the bench for its variants, or for those of a user's own file.

    Raises
    ------
    DescriptionError
        The bench is no virtual one, its program lists none, or the file can't be read.
    """
    if bench.start is None or bench.clock != "stepped":
        raise DescriptionError(
            "its firmware can't be chosen, so it has no variants",
            f"bench {bench.name}",
            "name a virtual bench: a lab's BMS runs what was flashed",
        )
    first, *rest = bench.start.command
    command = [sys.executable if first == "python" else first, *rest, "--list-variants"]
    command += [str(own)] if own else []
    return [_variant(line, command) for line in _said(command).splitlines() if line.strip()]


def _said(command: Sequence[str]) -> str:
    """Run a program, which may be anybody's, and give what it prints."""
    where = " ".join(command)
    try:
        said = subprocess.run(  # noqa: S603  the bench description names it
            command,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=_LIST_WITHIN_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        what = f"it had not listed its variants after {_LIST_WITHIN_S:g} s"
        raise DescriptionError(what, where, "run this command by hand") from None
    except OSError as error:
        what = f"it can't be started: {error}"
        raise DescriptionError(what, where, "correct the bench's start:") from None
    if said.returncode != 0:
        what = (said.stderr.strip().splitlines() or [f"exit code {said.returncode}"])[-1]
        raise DescriptionError(what, where, "run this command by hand")
    return said.stdout


def chosen(known: Sequence[Variant], names: str) -> list[Variant]:
    """Choose variants, each once: "all", or names with commas; "a+b" is both in one build.

    Raises
    ------
    DescriptionError
        There is no such variant.
    """
    if names == "all":
        return list(known)
    by_name = {variant.name: variant for variant in known}
    found: dict[str, Variant] = {}
    for name in filter(None, map(str.strip, names.split(","))):
        parts = name.split("+")
        if unknown := [part for part in parts if part not in by_name]:
            what, where = f'there is no variant "{unknown[0]}"', f"--variants {names}"
            raise DescriptionError(what, where, suggest(unknown[0], list(by_name)))
        both = _both([by_name[part] for part in parts])
        found[both.name] = both
    return list(found.values())


def sampled(variants: Sequence[Variant], count: int, seed: int) -> list[Variant]:
    """Draw so many of them, in their own order; the same for the same seed."""
    if count >= len(variants):
        return list(variants)
    drawn = random.Random(seed).sample(range(len(variants)), count)  # noqa: S311  no secret
    return [variants[i] for i in sorted(drawn)]


def _variant(line: str, command: Sequence[str]) -> Variant:
    try:
        reported = json.loads(line)
    except ValueError:
        reported = None
    if not isinstance(reported, dict) or not reported.get("name"):
        raise DescriptionError(
            f"this line of it is no variant: {line[:_SHOWN]!r}",
            " ".join(command),
            'let it print one JSON object a line, as {"name": "trips-late"}: docs/mutants.md',
        )
    keys = ("name", "row", "severity", "title", "shows")
    variant = Variant(**{key: str(reported.get(key, "")) for key in keys})
    try:
        re.compile(variant.shows)
    except re.error as error:
        what = f"what it shows is no regular expression: {error}: {variant.shows!r}"
        raise DescriptionError(what, f"variant {variant.name}", "correct its shows=") from error
    return variant


def _both(variants: Sequence[Variant]) -> Variant:
    """Several defects in one build; the gravest gives the severity."""

    def joined(parts: Iterable[str], by: str) -> str:
        return by.join(dict.fromkeys(filter(None, parts)))

    return Variant(
        name=joined((v.name for v in variants), "+"),
        row=joined((v.row for v in variants), " "),
        severity=min(v.severity for v in variants),
        title=joined((v.title for v in variants), "; "),
        shows=joined((v.shows for v in variants), "|"),
    )
