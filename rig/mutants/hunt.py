"""Runs a plan against every variant, and against the released firmware, in parallel lanes."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from rig.bench.description import BenchFile, load_bench
from rig.case import Case
from rig.check import check
from rig.dut.profile import Profile, find_described, load_profile
from rig.errors import DescriptionError
from rig.mutants.order import cheap_first, killers_first
from rig.mutants.result import RELEASED, Control, Extent, Outcome, Result, Row, Variant
from rig.mutants.reverse import lost_without_family
from rig.plan.coverage import sentence_of, untested
from rig.plan.model import load_plan
from rig.pool import Done, Ran, Until, Work, run_all


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """A plan, checked against a BMS and a bench: what every hunt begins with."""

    plan: Path
    profile_path: Path
    profile: Profile
    bench_path: Path
    bench: BenchFile
    cases: tuple[Case, ...]
    seed: int


def ground(plan: Path, *, dut: str | None, bench: str | None, seed: int) -> Ground:
    """Read and check all descriptions.

    Raises
    ------
    DescriptionError
        Naming every mistake.
    """
    named = dut or load_plan(plan).dut
    if named is None:
        raise DescriptionError("no BMS is named", "--dut", "give for example --dut esp32-4s")
    profile_path = find_described(named, "duts", "profile.yaml")
    bench_path = find_described(bench or f"virtual-{profile_path.parent.name}", "benches")
    report = check([plan], bench=bench_path, dut=profile_path, seed=seed)
    report.raise_mistakes()
    return Ground(
        plan=plan,
        profile_path=profile_path,
        profile=load_profile(profile_path),
        bench_path=bench_path,
        bench=load_bench(bench_path),
        cases=tuple(report.cases),
        seed=seed,
    )


def variant_seed(seed: int, variant: str) -> int:
    """Seed of one variant's run, short enough to be typed: what `rig run --seed` takes."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{variant}".encode()).digest()[:4], "big") % 10**6


@dataclass(slots=True)
class Hunt:
    """The running matter: what each build's cases said up to now.

    Parameters
    ----------
    earlier
        A result whose killers come first.
    control
        What the good firmware runs: the whole "plan", or just the cases that had "findings".
    on_event
        Told after each case and each finished build.
    """

    ground: Ground
    variants: Sequence[Variant]
    extent: Extent = "fail"
    control: Control = "plan"
    jobs: int | None = None
    earlier: Result | None = None
    on_event: Callable[[Hunt, Ran | Done], None] = lambda _hunt, _event: None
    interrupted: bool = False
    began: float = field(default_factory=time.perf_counter)
    _outcomes: dict[str, list[Outcome]] = field(default_factory=dict)
    _done: dict[str, Done] = field(default_factory=dict)

    def run(self) -> None:
        """Run all; a Ctrl-C ends it, and what was found up to then stays."""
        try:
            for works in (self._works(), self._without_their_family(), self._control_of_findings()):
                for event in run_all(works, self.jobs):
                    self._take(event)
        except KeyboardInterrupt:
            self.interrupted = True

    def row(self, variant: Variant) -> Row:
        """What is known of one build."""
        done = self._done.get(variant.name)
        return Row(
            variant=variant,
            seed=variant_seed(self.ground.seed, variant.name),
            outcomes=tuple(self._outcomes.get(variant.name, ())),
            wall_s=round(done.wall_s, 3) if done else 0.0,
            trouble=done.trouble if done else "",
            finished=done is not None,
        )

    def result(self, command: str = "") -> Result:
        """All that is known, as it is stored and reported."""
        where = self.ground
        return Result(
            plan=where.plan.as_posix(),
            dut=where.profile_path.parent.name,
            bench=where.bench.name,
            seed=where.seed,
            until=self.extent,
            controlled=self.control,
            command=command,
            wall_s=round(self.lasted_s, 3),
            cases={case.id: case.family for case in where.cases},
            control=self.row(RELEASED),
            rows=tuple(self.row(variant) for variant in self.variants),
            untested=tuple(
                sentence_of(where.profile, p) for p in untested(where.profile, where.cases)
            ),
        )

    @property
    def lasted_s(self) -> float:
        """Wall time since it began."""
        return time.perf_counter() - self.began

    @property
    def finished(self) -> int:
        """How many builds are through, the good one not counted."""
        return len(set(self._done) - {RELEASED.name})

    def _take(self, event: Ran | Done) -> None:
        if isinstance(event, Done):
            before = self._done.get(event.work, event)
            if before is not event:
                event = replace(
                    event,
                    wall_s=before.wall_s + event.wall_s,
                    trouble=event.trouble or before.trouble,
                )
            self._done[event.work] = event
        else:
            self._outcomes.setdefault(event.work, []).append(_outcome(event))
        self.on_event(self, event)

    def _works(self) -> Iterator[Work]:
        if self.control == "plan":
            yield self._work(RELEASED, None, self._order(RELEASED), "end")
        for variant in self.variants:
            ids = self._order(variant)
            if self.earlier is not None:
                ids = tuple(killers_first(ids, self.earlier, variant.name))
            until: Until = "end" if self.extent == "end" else "fail"
            yield self._work(variant, variant.name, ids, until)

    def _without_their_family(self) -> Iterator[Work]:
        """For each family, until it is needed: what it found runs the rest of the other families.

        The families take turns, each with the variant that most cases let pass before it was found:
        it is the likeliest that no other family finds, and has the least to run.
        """
        found: dict[str, list[Row]] = {}
        if self.extent == "each family":
            for row in map(self.row, self.variants):
                if row.finding is not None:
                    found.setdefault(row.finding.family, []).append(row)
        for rows in found.values():
            rows.sort(key=lambda row: len(row.outcomes))
        while any(found.values()):
            for family, rows in found.items():
                if rows and not lost_without_family(self.result())[family]:
                    yield self._rest_of(rows.pop(), family)
                else:
                    rows.clear()

    def _rest_of(self, row: Row, family: str) -> Work:
        ran = {outcome.case_id for outcome in row.outcomes}
        family_of = {case.id: case.family for case in self.ground.cases}
        order = (i for i in self._order(row.variant) if i not in ran and family_of[i] != family)
        return self._work(row.variant, row.variant.name, tuple(order), "fail")

    def _order(self, variant: Variant) -> tuple[str, ...]:
        return tuple(case.id for case in cheap_first(self.ground.cases, variant.shows))

    def _control_of_findings(self) -> Iterator[Work]:
        """Let the good firmware run what found something: it shows what the findings are worth."""
        findings = [self.row(variant).finding for variant in self.variants]
        ids = tuple(dict.fromkeys(f.case_id for f in findings if f is not None))
        if self.control == "findings" and ids:
            yield self._work(RELEASED, None, ids, "end")

    def _work(
        self, variant: Variant, build: str | None, order: tuple[str, ...], until: Until
    ) -> Work:
        return Work(
            name=variant.name,
            bench=self.ground.bench_path,
            profile=self.ground.profile_path,
            seed=variant_seed(self.ground.seed, variant.name),
            variant=build,
            shows=variant.shows,
            plan=self.ground.plan,
            order=order,
            until=until,
        )


def _outcome(ran: Ran) -> Outcome:
    return Outcome(
        case_id=ran.case_id,
        family=ran.family,
        verdict=ran.verdict,
        sentence=ran.sentence,
        names_it=ran.names_it,
        wall_s=ran.wall_s,
        virtual_s=ran.virtual_s,
    )
