"""The cases of a plan, held against limits, wiring and DBC, naming the step of each mistake."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rig.bench.description import BenchFile
from rig.bounds import LONGEST_CASE_S
from rig.case import Case
from rig.check.fit import Fit
from rig.console_name import OWN_CONSOLE
from rig.description import Document, Location, Mistake, suggest
from rig.plan.model import PlanCase, PlanFile
from rig.steps import Step
from rig.steps.fault import Fault


class PlanCheck:
    """The cases of a plan, held against limits, wiring and DBC."""

    def __init__(self, plan: Document[PlanFile], fit: Fit, cases: Sequence[Case]) -> None:
        self._plan, self._fit, self._cases = plan, fit, cases
        self._indices = {case.source: i for i, case in enumerate(plan.model.cases)}
        self._said: set[tuple[Any, ...]] = set()

    def mistakes(self) -> Iterator[Mistake]:
        """Find them; of a family that makes many cases, each kind of mistake is named once."""
        for index, planned in enumerate(self._plan.model.cases):
            yield from self._chosen(index, planned)
        for case in self._cases:
            for number, step in enumerate(case.steps, start=1):
                yield from self._limits(case, number, step)
                yield from self._step_names(case, number, step)
            yield from self._expectation_names(case)
            yield from self._consoles(case)
            yield from self._recorded(case)
            yield from self._duration(case)

    def _duration(self, case: Case) -> Iterator[Mistake]:
        if case.duration_s > LONGEST_CASE_S:
            hours = LONGEST_CASE_S / 3600
            what = f"{case.id} takes {case.duration_s / 3600:,.0f} h, longer than {hours:g} h"
            where = ("cases", self._indices.get(case.source, 0))
            yield self._plan.mistake(where, what, "make it shorter, or several cases of it")

    def _chosen(self, index: int, planned: PlanCase) -> Iterator[Mistake]:
        """Cells and sensors that there are not; a family that finds nothing to test."""
        profile, where = self._fit.profile, ("cases", index)
        found = False
        for key, chosen, count in (
            ("cells", planned.cell_numbers(profile.cells.count), profile.cells.count),
            ("sensors", *self._sensors(planned)),
        ):
            if missing := [n for n in chosen if n > count]:
                what = f"{profile.name} has {count} {key}, and no {missing[0]}"
                yield self._plan.mistake((*where, key), what, f"choose from 1 to {count}")
                found = True
        if not found and planned.source not in {case.source for case in self._cases}:
            what = f'"{planned.family}" finds nothing to test in what {profile.name} claims'
            yield self._plan.mistake(where, what, "choose other protections, or remove it")

    def _sensors(self, planned: PlanCase) -> tuple[tuple[int, ...], int]:
        count = len(self._fit.profile.temperature_names)
        chosen = planned.sensor_numbers(count) if planned.sensors != "first" or count else ()
        return chosen, count

    def _limits(self, case: Case, number: int, step: Step) -> Iterator[Mistake]:
        for quantity, value in step.commanded():
            if found := self._fit.beyond(quantity, value):
                what = f"step {number}: {found}; nothing was switched on"
                mend = "change the step, or the limit if BMS and bench bear it"
                yield from self._once(case, number, quantity, found, (what, mend))

    def _step_names(self, case: Case, number: int, step: Step) -> Iterator[Mistake]:
        for signal, value in step.signals_named():
            yield from self._signal(case, number, signal, value)
        bench = self._fit.bench
        if bench is None:
            return
        if isinstance(step, Fault):
            yield from self._relay(case, number, step, bench)
        for name in self._metered(step, bench):
            wiring = bench.wiring.get(name)
            if wiring is None or wiring.meter is None:
                what = f"step {number} reads {name}, and {bench.name} has no meter there"
                mend = self._wire(name, "meter", "dmm 101")
                yield from self._once(case, number, name, "meter", (what, mend))

    def _metered(self, step: Step, bench: BenchFile) -> Iterator[str]:
        """What a meter reads; of a sum that has no wire of its own the parts."""
        for name in step.metered():
            yield from [name] if name in bench.wiring else self._fit.profile.hierarchy.parts(name)

    def _relay(self, case: Case, number: int, step: Fault, bench: BenchFile) -> Iterator[Mistake]:
        """A link is broken or shorted by a relay, which the bench must have."""
        if step.target not in self._fit.profile.links:
            return
        wiring = bench.wiring.get(step.target)
        if wiring is None or step.fault not in dict(wiring.wires()):
            what = (
                f"step {number} makes {step.target} {step.fault}: {bench.name} has no relay there"
            )
            mend = self._wire(step.target, step.fault, "dmm 201")
            yield from self._once(case, number, step.target, step.fault, (what, mend))

    def _expectation_names(self, case: Case) -> Iterator[Mistake]:
        for expectation in case.expectations:
            for name, value in expectation.signals_named():
                yield from self._signal(case, None, name, value)

    def _consoles(self, case: Case) -> Iterator[Mistake]:
        """A console that is not the BMS's own must be on the bench."""
        bench = self._fit.bench
        named = [(number, step) for number, step in enumerate(case.steps, start=1)]
        for number, thing in (*named, *((None, wanted) for wanted in case.expectations)):
            name = getattr(getattr(thing, "until", thing), "console", OWN_CONSOLE)
            if bench is not None and name != OWN_CONSOLE and name not in bench.consoles:
                what = f'the bench {bench.name} has no "{name}"'
                said = (what, suggest(name, bench.consoles))
                yield from self._once(case, number, name, "console", said)

    def _signal(
        self, case: Case, number: int | None, name: str, value: float | None = None
    ) -> Iterator[Mistake]:
        if found := self._fit.unknown_signal(name):
            yield from self._once(case, number, name, "signal", found)
        elif value is not None and (found := self._fit.misfit(name, value)):
            yield from self._once(case, number, name, "value", found)

    def _recorded(self, case: Case) -> Iterator[Mistake]:
        """An output that is to be recorded needs a tap; a quantity has its command instead."""
        bench = self._fit.bench
        for name in case.capture.quantities if bench is not None and case.capture else ():
            if name not in self._fit.profile.outputs:
                continue
            wiring = bench.wiring.get(name) if bench else None
            if wiring is None or wiring.tap is None:
                what = f"{name} is judged, and {bench.name if bench else ''} has no tap there"
                mend = self._wire(name, "tap", "digitizer 5")
                yield from self._once(case, None, name, "tap", (what, mend))

    def _wire(self, name: str, key: str, example: str) -> str:
        assert self._fit.bench_document is not None  # noqa: S101 -- it was found without
        where = self._fit.bench_document.at(("wiring", name))
        return f"add {name}: {{{key}: {example}}} to the wiring ({where}), or choose another bench"

    def _once(
        self, case: Case, number: int | None, name: str, kind: str, said: tuple[str, str]
    ) -> Iterator[Mistake]:
        index = self._indices.get(case.source, 0)
        planned = self._plan.model.cases[index]
        written = planned.family is None
        where: Location = ("cases", index)
        if written and number is not None:
            where = (*where, "steps", number - 1)
            where = (*where, "set", name) if "would be" in said[0] else where
        elif written:
            places = [i for i, entry in enumerate(planned.expect) if name in entry]
            where = (*where, "expect", *places[:1], *([name] if places else []))
        key = (index, name, kind, number if written else None)
        if key in self._said:
            return
        self._said.add(key)
        what = said[0] if written else f"{case.id}: {said[0]}"
        yield self._plan.mistake(where, what, said[1])
