"""A case made in Python, held against BMS, DBC and bench before it is driven, as a plan's are.

All of its mistakes are reported at once, each with its step or expectation and what would be right.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import fields
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any

from rig.bench.description import read_bench
from rig.can_address import MessageAddress, SignalAddress
from rig.case import Case
from rig.check.fit import Fit
from rig.check.plans import PlanCheck
from rig.description import BrokenDescriptionError, Mistake
from rig.dut.profile import read_profile
from rig.expectations import Expectation
from rig.plan.complete import complete
from rig.steps import Step
from rig.steps.resolver import Resolver

_Found = tuple[str, str]  # what is wrong, how to mend it
_MARKS = ("begin", "end", "at", "after")


def checked_case(case: Case, *, profile: Path, bench: Path) -> Case:
    """Complete a case made in Python, unless something in it can't be meant.

    Raises
    ------
    BrokenDescriptionError
        It names what BMS, DBC or bench have not, or would command more than they allow.
    """
    fit = _fit(profile, bench)
    _refuse(_Names(case, fit).mistakes())
    case = complete(case, fit.profile)
    _refuse(_OnBench(case, fit).mistakes())
    return case


@lru_cache(maxsize=4)
def _fit(profile: Path, bench: Path) -> Fit:
    return Fit(read_profile(profile), read_bench(bench))


def _refuse(mistakes: Iterable[Mistake]) -> None:
    if found := list(mistakes):
        raise BrokenDescriptionError(found)


class _Names:
    """Steps and expectations of a case, held against the names that there are."""

    def __init__(self, case: Case, fit: Fit) -> None:
        self._case, self._fit = case, fit
        self._steps = [step for step in case.steps if isinstance(step, Step)]

    def mistakes(self) -> Iterator[Mistake]:
        """Find them all."""
        if not self._case.expectations:
            yield self._mistake("", "it expects nothing", "add an expectation, such as Stays(…)")
        for things, kinds, word, example in (
            (self._case.steps, Step, "step", "Hold(duration_s=1.0)"),
            (self._case.expectations, Expectation, "expectation", "Stays(output=…, is_open=…)"),
        ):
            for number, thing in enumerate(things, 1):
                place = f"{word} {number}"
                if not isinstance(thing, kinds):
                    yield self._mistake(place, f"{thing!r} is no {word}", f"write {example}")
                    continue
                yield from (self._mistake(place, *found) for found in self._of(thing))

    def _mistake(self, place: str, what: str, mend: str) -> Mistake:
        return Mistake(self._case.source, 0, 0, place, what, mend)

    def _of(self, thing: Step | Expectation) -> Iterator[_Found]:
        yield from _numbers(thing)
        if texts := list(_texts(thing)):
            yield from texts
            return
        found: list[_Found] = []
        profile, steps = self._fit.profile, self._steps
        thing.check(
            Resolver(profile, lambda _, what, mend: found.append((what, mend)), steps=steps)
        )
        yield from found
        signals = (self._fit.unknown_signal(name) for name, _ in thing.signals_named())
        yield from (unknown for unknown in signals if unknown and not found)


def _numbers(thing: Any) -> Iterator[_Found]:
    """Find times that are negative or no numbers."""
    for part in fields(thing):
        value = getattr(thing, part.name)
        if part.name.endswith("_s") and value is not None and not 0 <= value < math.inf:
            yield f"{part.name} is {value}", "give it in seconds, at least 0"


def _texts(thing: Any) -> Iterator[_Found]:
    """Find texts where the address of a signal or message belongs, which has parts."""
    kinds = {"signal": SignalAddress, "message": MessageAddress}
    holders = [thing] if isinstance(thing, Expectation) else [getattr(thing, "until", None)]
    for holder, (name, kind) in product(holders, kinds.items()):
        value = getattr(holder, name, None)
        if isinstance(value, str) and not isinstance(value, kind):
            yield f'{name} is a text, "{value}"', f'write {name}={kind.__name__}("{value}")'


class _OnBench(PlanCheck):
    """What a plan's case is held against, without a plan: limits, meters, relays and taps."""

    def __init__(self, case: Case, fit: Fit) -> None:
        self._case, self._fit = case, fit
        self._said = set()

    def mistakes(self) -> Iterator[Mistake]:
        """Find what the bench can't do or may not."""
        for number, step in enumerate(self._case.steps, start=1):
            yield from self._limits(self._case, number, step)
            yield from self._step_names(self._case, number, step)
        yield from self._consoles(self._case)
        yield from self._recorded(self._case)

    def _once(
        self, case: Case, number: int | None, name: str, kind: str, said: tuple[str, str]
    ) -> Iterator[Mistake]:
        if (name, kind, number) not in self._said:
            self._said.add((name, kind, number))
            yield Mistake(case.source, 0, 0, "", *said)
