"""Which quantities a BMS has, and the words by which plans, cases and reports name them.

One row for each kind: its unit, the limit that guards it, what feeds it, what it is derived from. A
kind of your own needs no fork: an entry point "rig.quantities".

    [project.entry-points."rig.quantities"]
    pressure = "our_lab.quantities:PRESSURE"     # a Kind

A `Selection` is one or many of a kind: "cell 3", "cells", "cells 1, 2 and 4", "cells 1 to 16",
"pack", "module 2", "module 2/cell 7". Must not know a profile or a bench.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from importlib.metadata import entry_points
from itertools import groupby, pairwise
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, PlainSerializer

from rig.bounds import MOST_CELLS
from rig.errors import DescriptionError
from rig.mistakes import mistake_error, suggest
from rig.plugins import loaded
from rig.quantity import unit_of_difference

GROUP = "rig.quantities"
OUTPUT_UNIT = "V"  # of what is no quantity: an output, as a digitizer or a meter sees it


@dataclass(frozen=True, slots=True)
class Derived:
    """How a quantity comes from those of another kind."""

    of: str  # the word of that kind: "cell"
    by: Literal["sum", "spread"]

    def value(self, elements: NDArray[np.float64] | Sequence[float]) -> float:
        """Give the sum, or highest less lowest, of the elements, shape (n,), in their unit."""
        values = np.asarray(elements, dtype=np.float64)
        return float(values.sum() if self.by == "sum" else np.ptp(values))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)  # keys: there is one of each
class Kind:
    """A row of the table. Capabilities are named as in `rig.instruments.capabilities`."""

    name: str  # in profiles and bench files: "cell voltage"
    word: str  # in plans, before the number: "cell"
    unit: str
    numbered: bool = False  # there are many, "cell 3", or just one, "pack"
    limit: str | None = None  # the limit of bench files that guards it
    sources: Mapping[str, str] = field(default_factory=dict)  # wire -> capability
    derived: Derived | None = None
    # A profile's words for what a protection watches -> -1.0 where it counts the other way round.
    watched: Mapping[str, float] = field(default_factory=dict)

    @property
    def difference(self) -> str:
        """Unit of a difference, and so of a tolerance: K for °C."""
        return unit_of_difference(self.unit)

    @property
    def is_spread(self) -> bool:
        """Whether it is the distance of others: never commanded, but by moving one of them."""
        return self.derived is not None and self.derived.by == "spread"

    @property
    def is_sum(self) -> bool:
        """Whether it is commanded by what it is made of, each an equal share."""
        return self.derived is not None and self.derived.by == "sum"

    @property
    def group(self) -> str:
        """The word for all of them: "cells"."""
        return f"{self.word}s"

    def at(self, number: int) -> str:
        """Name one of them, counted from 1: "cell 3"."""
        return f"{self.word} {number}" if self.numbered else self.word

    def names(self, numbers: Iterable[int]) -> tuple[str, ...]:
        """Name some of them, counted from 1: "cell 1", "cell 2", …."""
        return tuple(self.at(number) for number in numbers)

    def some(self, numbers: Iterable[int]) -> str:
        """Name some of them as one, counted from 1: "cells 1 to 16"; "" for none."""
        index = tuple(number - 1 for number in numbers)
        return str(Selection(self, index)) if index else ""


CELL = Kind(
    name="cell voltage",
    word="cell",
    unit="V",
    numbered=True,
    limit="cell voltage",
    sources={"from": "VoltageSource"},
    watched={"cell voltage": 1.0},
)
TEMPERATURE = Kind(  # of the cells
    name="temperature",
    word="temperature",
    unit="°C",
    numbered=True,
    limit="temperature",
    sources={"from": "Resistors"},
    watched={"temperature": 1.0},
)
CURRENT = Kind(  # charge positive
    name="current",
    word="current",
    unit="A",
    limit="current",
    sources={"charge": "Supply", "discharge": "Load"},
    watched={"charge current": 1.0, "discharge current": -1.0},
)
SUPPLY = Kind(
    name="supply",
    word="supply",
    unit="V",
    limit="supply",
    sources={"from": "Supply"},
)
MODULE = Kind(
    name="module voltage",
    word="module",
    unit="V",
    numbered=True,
    derived=Derived("cell", "sum"),
    watched={"module voltage": 1.0},
)
STACK = Kind(  # at the BMS's sense wires, from the lowest to the highest
    name="stack voltage",
    word="stack",
    unit="V",
    derived=Derived("cell", "sum"),
    watched={"pack voltage": 1.0},  # which a BMS gets by adding its cells up
)
PACK = Kind(  # at the pack's terminals: batteries of their own, where an emulator plays the cells
    name="pack voltage", word="pack", unit="V"
)
LINK = Kind(  # beyond the contactors
    name="link voltage", word="link", unit="V"
)
SPREAD = Kind(
    name="cell spread",
    word="spread",
    unit="V",
    derived=Derived("cell", "spread"),
    watched={"cell spread": 1.0},
)
BLEED = Kind(  # what a BMS draws from a cell's terminals
    name="bleed current",
    word="bleed",
    unit="A",
    numbered=True,
)
BALANCE = Kind(  # an output that is on while a cell bleeds
    name="balance output",
    word="balance",
    unit="V",
    numbered=True,
)
OTHER_TEMPERATURE = Kind(  # of a board, a fuse, the air
    name="other temperature",
    word="other temperature",
    unit="°C",
    numbered=True,
    limit="temperature",
)
INSULATION = Kind(name="insulation", word="insulation", unit="Ω")

_OURS = (
    *(CELL, TEMPERATURE, CURRENT, SUPPLY, MODULE, STACK, PACK),
    *(LINK, SPREAD, BLEED, BALANCE, OTHER_TEMPERATURE, INSULATION),
)


@cache
def kinds() -> Mapping[str, Kind]:
    """Give all kinds by their words in plans: the rig's own and those of installed packages.

    Raises
    ------
    DescriptionError
        An entry point can't be loaded, is no `Kind`, or takes a word that is taken.
    """
    found = {kind.word: kind for kind in _OURS}
    for point in entry_points(group=GROUP):
        kind = loaded(point, "quantity", Kind)
        if kind.word in found:
            raise DescriptionError(
                f"there is a quantity {kind.word!r} already",
                f"entry point {point.value}",
                "give it a word of its own",
            )
        found[kind.word] = kind
    return found


@cache
def watched() -> Mapping[str, Kind]:
    """Give what a protection with a level can watch: a profile's words, and the kind of each."""
    return {words: kind for kind in kinds().values() for words in kind.watched}


# ---- one or many of a kind ----------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Place:
    """Where in a pack, counted from 0; None: it is not said, so all of them."""

    string: int | None = None
    module: int | None = None

    def __str__(self) -> str:
        named = (("string", self.string), ("module", self.module))
        return "".join(f"{level} {at + 1}/" for level, at in named if at is not None)


WHOLE = Place()


@dataclass(frozen=True, slots=True)
class Selection:
    """Some of a kind; as text, a plan's words.

    `index` counts from 0 within `place`; None: all there are. Of what there is only one of, (0,).
    """

    kind: Kind
    index: tuple[int, ...] | None = (0,)
    place: Place = WHOLE

    def __str__(self) -> str:
        return f"{self.place}{self._of_its_place()}"

    def _of_its_place(self) -> str:
        if not self.kind.numbered:
            return self.kind.word
        if self.index is None:
            return self.kind.group
        if len(self.index) == 1:
            return self.kind.at(self.index[0] + 1)
        *others, last = _runs(self.index)
        some = f"{', '.join(others)} and {last}" if others else last
        return f"{self.kind.group} {some}"

    @property
    def number(self) -> int | None:
        """The number in the word of one, "cell 3"; None of what has no number, and of many."""
        is_one = self.kind.numbered and self.index is not None and len(self.index) == 1
        return self.index[0] + 1 if is_one and self.index else None

    def indices(self, count: int) -> NDArray[np.intp]:
        """Give the index array, shape (n,), where there are `count` of the kind in its place."""
        return np.arange(count) if self.index is None else np.array(self.index, dtype=np.intp)

    def names(self, count: int) -> tuple[str, ...]:
        """Name each by itself, where there are `count` of the kind in its place."""
        return tuple(f"{self.place}{self.kind.at(int(at) + 1)}" for at in self.indices(count))


def _runs(index: Sequence[int]) -> Iterator[str]:
    """Say numbers from 1, three or more in a row as "1 to 16"."""
    begins = [i for i, at in enumerate(index) if not i or at != index[i - 1] + 1]
    for begin, end in pairwise((*begins, len(index))):
        run = [str(at + 1) for at in index[begin:end]]
        yield from [f"{run[0]} to {run[-1]}"] if len(run) > 2 else run


_PLACE = re.compile(r"(?:string ([1-9][0-9]*)/)?(?:module ([1-9][0-9]*)/)?")
_ONE = re.compile(r"(.+?)(?: ([1-9][0-9]*))?")
_RUN = r"[1-9][0-9]*(?: to [1-9][0-9]*)?"
_MANY = re.compile(rf"(.+?)(?: ({_RUN}(?:, {_RUN})* and {_RUN}|[1-9][0-9]* to [1-9][0-9]*))?")


@lru_cache(maxsize=1 << 16)
def find(words: str) -> Selection | None:
    """Read a plan's words, "cell 3"; None: they name no quantity (but perhaps an output)."""
    place = _PLACE.match(words)
    one, many = (p.fullmatch(words, place.end() if place else 0) for p in (_ONE, _MANY))
    if place is None or one is None or many is None:
        return None
    where = Place(*(None if n is None else int(n) - 1 for n in place.groups()))
    kind = kinds().get(one[1])
    if kind is not None and kind.numbered == (one[2] is not None):
        return Selection(kind, (int(one[2] or 1) - 1,), where)
    kind = next((k for k in kinds().values() if k.numbered and k.group == many[1]), None)
    if kind is None:
        return None
    if many[2] is None:
        return Selection(kind, None, where)
    index = _numbers(many[2])
    return Selection(kind, index, where) if index else None


def _numbers(some: str) -> tuple[int, ...]:
    """Read "1 to 3 and 7" as numbers from 0; () where a run leads backwards or is too long."""
    found: list[int] = []
    for run in re.findall(_RUN, some):
        first, _, last = run.partition(" to ")
        numbers = range(int(first) - 1, int(last or first))
        if not numbers or len(found) + len(numbers) > MOST_CELLS:
            return ()
        found += numbers
    return tuple(found)


@lru_cache(maxsize=1 << 12)
def each(words: str) -> tuple[str, ...]:
    """Name each of some by itself: "cells 1 to 3" as "cell 1" …; what is one, or all, as it is."""
    found = find(words)
    if found is None or found.index is None or len(found.index) < 2:
        return (words,)
    return found.names(len(found.index))


@lru_cache(maxsize=1 << 16)  # asked for each cell of each step
def kind_of(words: str) -> Kind | None:
    """Give the kind of what a plan names; None: it is no quantity."""
    found = find(words)
    return None if found is None else found.kind


def number_of(words: str) -> int | None:
    """Give the number, from 1, in "cell 3"; None where there is none."""
    found = find(words)
    return None if found is None else found.number


def unit_of(words: str) -> str:
    """Give the unit of what a plan names; what is no quantity is an output, seen in volts."""
    kind = kind_of(words)
    return kind.unit if kind else OUTPUT_UNIT


def together(names: Sequence[str]) -> str:
    """Write names of one kind and place as one: "cells 1 to 16"; one name stays as it is."""
    found = [one for one in map(find, names) if one is not None]
    if len(names) < 2 or len(found) < len(names):
        return ", ".join(names)
    at = tuple(n for one in found for n in one.index or ())
    return str(replace(found[0], index=at))


def _in_runs(values: Iterable[tuple[str, float]]) -> Iterator[tuple[str, float]]:
    """Write neighbours of one value as one, "cells 1 to 16"; read by `each`, in the same order."""

    def run(item: tuple[int, tuple[str, float]]) -> tuple[object, ...]:
        at, (name, value) = item
        one = find(name)
        if one is None or one.number is None:
            return (at,)
        return (one.kind.word, one.place, one.number - at, value)

    for _, items in groupby(enumerate(values), key=run):
        some = [item for _, item in items]
        yield together([name for name, _ in some]), some[0][1]


def _apart(stored: Any) -> Any:
    """Name each by itself; what is neither some names nor values of some is left as it is."""
    if isinstance(stored, Mapping):
        return {name: value for names, value in stored.items() for name in each(names)}
    if isinstance(stored, list) and all(isinstance(names, str) for names in stored):
        return [name for names in stored for name in each(names)]
    return stored


# Names of many, and values of many: a stored case says "cells 1 to 16" in place of each.
Many = Annotated[
    tuple[str, ...],
    BeforeValidator(_apart),
    PlainSerializer(lambda names: [n for n, _ in _in_runs((name, 0.0) for name in names)]),
]
Values = Annotated[
    Mapping[str, float],
    BeforeValidator(_apart),
    PlainSerializer(lambda values: dict(_in_runs(values.items()))),
]


def numbered(text: str, number: int) -> str:
    """Put a number, from 1, into a text: in place of {n}, of {n-1}, and of {n/4} its group's."""
    text = _GROUP_OF.sub(lambda m: str((number - 1) // int(m[1]) + 1), text)
    return text.replace("{n-1}", str(number - 1)).replace("{n}", str(number))


_GROUP_OF = re.compile(r"\{n/([1-9][0-9]*)\}")


def settable() -> tuple[str, ...]:
    """Give the words of all that can be set: "cell n", "cells", "current", …."""
    words: list[str] = []
    for kind in kinds().values():
        if kind.sources or kind.is_sum:
            words.append(f"{kind.word} n" if kind.numbered else kind.word)
        if kind.sources and kind.numbered:
            words.append(kind.group)
    return tuple(words)


def is_settable(words: str) -> bool:
    """Whether a plan's words name something that instruments feed, itself or all its parts."""
    kind = kind_of(words)
    return kind is not None and (bool(kind.sources) or kind.is_sum)


def unit_of_settable(words: str) -> str:
    """Give the unit of what an instrument feeds; to stand in the validator of a value of it.

    Raises
    ------
    PydanticCustomError
        It is nothing that can be set.
    """
    if not is_settable(words):
        raise mistake_error(f'"{words}" is nothing that can be set', suggest(words, settable()))
    return unit_of(words)


# ---- what a BMS has -----------------------------------------------------------------------------
class Hierarchy:
    """How many there are of each kind in one BMS, and which of them make up which.

    Parameters
    ----------
    counts
        Of each numbered kind that there is; the parts of a sum are dealt evenly over all of it.
    """

    def __init__(self, counts: Mapping[Kind, int]) -> None:
        self._names = {
            kind.word: kind.names(range(1, counts.get(kind, 0 if kind.numbered else 1) + 1))
            for kind in kinds().values()
        }
        self._all = {
            kind.word: kind.some(range(1, len(self._names[kind.word]) + 1))
            for kind in kinds().values()
        }
        self._parts = {
            name: self._parts_of(kind, at)
            for kind in kinds().values()
            if kind.is_sum
            for at, name in enumerate(self._names[kind.word])
        }

    def _parts_of(self, kind: Kind, at: int) -> tuple[str, ...]:
        parts = self._names[kind.derived.of] if kind.derived else ()
        each = len(parts) // len(self._names[kind.word])
        return parts[at * each : (at + 1) * each]

    def names_of(self, kind: Kind) -> tuple[str, ...]:
        """Name all of a kind: "module 1", "module 2"; () where there are none."""
        return self._names[kind.word]

    def all_of(self, kind: Kind) -> str:
        """Name all of a kind as one: "cells 1 to 16"; "" where there are none."""
        return self._all[kind.word]

    @property
    def sums(self) -> Mapping[str, tuple[str, ...]]:
        """All that are sums, with their parts: "module 1" of "cell 1", "cell 2" …."""
        return self._parts

    def parts(self, name: str) -> tuple[str, ...]:
        """Name what is commanded or read in place of a sum; itself, where it is none."""
        return self._parts.get(name, (name,))

    def apart(self, values: Mapping[str, float]) -> dict[str, float]:
        """Give each part of a sum its share; later values count where they meet."""
        if self._parts.keys().isdisjoint(values):
            return dict(values)
        shares: dict[str, float] = {}
        for name, value in values.items():
            parts = self.parts(name)
            shares |= dict.fromkeys(parts, value / len(parts))
        return shares

    def value(self, name: str, values: Mapping[str, float]) -> float:
        """Give a quantity's value, a sum from its parts' values."""
        return sum(values[part] for part in self.parts(name))
