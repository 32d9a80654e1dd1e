"""Firmware that is wrong in one known way: one variant for each row of a list of real defects.

A variant is a function from a good `Build` to a broken one, and small. It is written as an engineer
would have got it wrong (the wrong comparison, the missing reset of a counter, the stale buffer),
never as the symptom. Variants combine: each changes what the one before it left.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from rig.errors import DescriptionError

__all__ = ["BOTH", "Change", "Variant", "from_file", "named", "variant"]

BOTH = ("esp32-4s", "esp32-16s")  # the reference BMS in either form

Change = Callable[[Any], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One defect.

    Attributes
    ----------
    name : str
        After its symptom: "trips-on-one-sample".
    row : str
        Where it comes from: "D62" or "1.6.4", a row of docs/known-defects.md, which names the
        public tracker, change log or commit.
    severity : str
        S1 protection lost … S4 availability or diagnosis, as that list has it.
    title : str
        What is wrong, in one clause.
    shows : str
        A regular expression that a report which finds it for the right reason matches: the
        protection, message, line or quantity that goes wrong. Tools that test plans look for it in
        what failed; no plan and no judge knows it.
    duts : tuple of str
        The virtual BMS that can carry it.
    """

    name: str
    row: str
    severity: str
    title: str
    duts: tuple[str, ...]
    change: Change
    shows: str = ""


def variant(  # noqa: PLR0913  (what a list of defects says of each)
    name: str,
    row: str,
    severity: str,
    title: str,
    *,
    duts: tuple[str, ...] = ("esp32-4s",),
    shows: str = "",
) -> Callable[[Change], Variant]:
    """Make a variant of a function from Build to Build."""

    def decorate(change: Change) -> Variant:
        return Variant(
            name=name,
            row=row,
            severity=severity,
            title=title,
            duts=duts,
            change=change,
            shows=shows,
        )

    return decorate


def found_in(modules: Iterable[ModuleType], dut: str) -> dict[str, Variant]:
    """Gather the variants that modules define for one BMS, in their order.

    Raises
    ------
    ValueError
        Two bear one name.
    """
    found: dict[str, Variant] = {}
    for module in modules:
        for thing in vars(module).values():
            if not isinstance(thing, Variant) or dut not in thing.duts:
                continue
            if found.setdefault(thing.name, thing) is not thing:
                raise ValueError(f"two variants are called {thing.name}")
    return found


def from_file(path: Path, dut: str) -> Mapping[str, Variant]:
    """Load the variants of a Python file of the user's own.

    Raises
    ------
    DescriptionError
        It can't be read or run.
    """
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise DescriptionError("there is no such Python file", str(path), "name a .py file")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever a stranger's file raises
        what = f"it can't be loaded: {type(error).__name__}: {error}"
        raise DescriptionError(what, str(path), "see docs/variants.md for the form") from error
    return found_in([module], dut)


def named(
    dut: str, wanted: str, builtin: Mapping[str, Variant], also: Iterable[str] = ()
) -> list[Variant]:
    """Find variants by name: "a", "a+b" for both in one build, "file.py:a" for one's own.

    Raises
    ------
    DescriptionError
        There is none of that name; those that there are get named.
    """
    found = []
    for part in wanted.split("+"):
        file, _, name = part.rpartition(":")
        known = from_file(Path(file), dut) if file else builtin
        if name not in known:
            what = f"{file or dut} has no variant {name!r}"
            names = sorted(known) if file else [*also, *sorted(known)]
            raise DescriptionError(what, "--variant", f"name one of: {', '.join(names)}")
        found.append(known[name])
    return found
