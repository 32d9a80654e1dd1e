"""A seeded random search for what a plan does not find, over so many hours of virtual time.

Each drawn case runs on the good firmware first: what does not pass there is a false alarm, of the
rig or of the way cases are drawn, and is reported so. What passes runs on every variant that the
plan leaves unfound; a case that finds one is kept, made as short as it can be, and proposed for the
plan, if the good firmware passes it wherever its tasks stand. Must not print, nor write a file.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from rig.case import Case
from rig.judge.verdict import Judgement, Verdict
from rig.lanes import Lane, LaneSetup
from rig.mutants.hunt import Ground, variant_seed
from rig.mutants.result import Variant
from rig.plan.expand import case_seed
from rig.plan.random_cases import CaseGenerator, case_generator
from rig.plan.written import written_id
from rig.pool import Done, Ran, Work, finding_names, run_all
from rig.shrink import Oracle, only, shrink, without_dither

_BATCH = 60  # cases between two starts of the workers: these take seconds, which must not count
_TRIALS = 60  # of shrinking one case
_GOOD = "the good firmware"
PROOFS = tuple(range(1, 9))  # seeds with which the good firmware must pass a case to be proposed


@dataclass(frozen=True, slots=True, kw_only=True)
class Find:
    """A drawn case that finds a variant which the plan does not."""

    variant: Variant
    case: Case | None  # as short as it could be made; None: nothing of it can be proposed
    drawn: str  # id of the case as it was drawn
    sentence: str
    seed: int
    why_not: str = "nothing of it is passed by the good firmware wherever its tasks stand"

    @property
    def title(self) -> str:
        """What the case is called where it is proposed."""
        return f"finds {self.variant.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """A drawn case that did not pass on the good firmware."""

    case: Case
    verdict: Verdict
    sentence: str
    seed: int


@dataclass(slots=True)
class Campaign:
    """The running search.

    Parameters
    ----------
    missed
        The variants that the plan does not find; they leave the list once they are found.
    hours
        Virtual time to be spent, over all benches.
    """

    ground: Ground
    missed: list[Variant]
    hours: float
    jobs: int | None = None
    on_batch: Callable[[Campaign], None] = lambda _: None
    finds: list[Find] = field(default_factory=list)
    alarms: list[Alarm] = field(default_factory=list)
    drawn: int = 0
    virtual_s: float = 0.0
    troubles: list[str] = field(default_factory=list)
    interrupted: bool = False
    began: float = field(default_factory=time.perf_counter)

    def run(self) -> None:
        """Search until the time is spent or, where there was something to find, all is found."""
        source = case_generator(self.ground.profile, _origin())
        hunting = bool(self.missed)
        try:
            while self.virtual_s < 3600.0 * self.hours and (self.missed or not hunting):
                before_s = self.virtual_s
                self._batch(source)
                self.on_batch(self)
                if self.virtual_s == before_s:  # else it would go on for ever
                    self.troubles.append("no case of the last batch could be driven")
                    break
            self._prove()
        except KeyboardInterrupt:
            self.interrupted = True

    @property
    def lasted_s(self) -> float:
        """Wall time since it began."""
        return time.perf_counter() - self.began

    def _batch(self, source: CaseGenerator) -> None:
        seed = self.ground.seed
        cases = [source.draw(seed, self.drawn + i) for i in range(_BATCH)]
        bench_seed = variant_seed(seed, f"from case {self.drawn}")
        self.drawn += len(cases)
        good = self._on_the_good_firmware(cases, bench_seed)
        works = [self._work(v.name, v.name, good, bench_seed, v.shows) for v in self.missed]
        by_id, by_name = {c.id: c for c in good}, {v.name: v for v in self.missed}
        found: dict[str, Ran] = {}
        for ran in self._ran(works):
            if ran.verdict is Verdict.FAIL and ran.names_it:
                found.setdefault(ran.work, ran)
        for name, ran in found.items():
            self.missed.remove(by_name[name])
            self.finds.append(self._find(by_name[name], by_id[ran.case_id], ran, bench_seed))

    def _on_the_good_firmware(self, cases: Sequence[Case], seed: int) -> list[Case]:
        """Give those that pass there; keep the others as alarms."""
        half = (len(cases) + 1) // 2  # two lanes, whatever the machine: the result is the same
        parts = [cases[:half], cases[half:]]
        works = [self._work(f"{_GOOD} {n}", None, part, seed) for n, part in enumerate(parts)]
        ran = {event.case_id: event for event in self._ran(works)}
        for case in cases:
            event = ran.get(case.id)
            if event is not None and event.verdict is not Verdict.PASS:
                self.alarms.append(
                    Alarm(case=case, verdict=event.verdict, sentence=event.sentence, seed=seed)
                )
        return [c for c in cases if c.id in ran and ran[c.id].verdict is Verdict.PASS]

    def _ran(self, works: Sequence[Work]) -> Iterator[Ran]:
        for event in run_all(works, self.jobs):
            if isinstance(event, Done):
                self.troubles += [f"{event.work}: {event.trouble}"] if event.trouble else []
                continue
            self.virtual_s += event.virtual_s
            yield event

    def _work(
        self, name: str, variant: str | None, cases: Sequence[Case], seed: int, shows: str = ""
    ) -> Work:
        return Work(
            name=name,
            bench=self.ground.bench_path,
            profile=self.ground.profile_path,
            seed=seed,
            variant=variant,
            shows=shows,
            cases=tuple(cases),
            until="fail" if variant else "end",
        )

    # ---- proving it -------------------------------------------------------------------------
    def _prove(self) -> None:
        """Let the good firmware run what is to be proposed, as a plan of it would, many times."""
        unproven = {written_id(f.title): f for f in self.finds if f.case is not None}
        works = [self._proof(unproven, seed) for seed in PROOFS] if unproven else []
        failed: list[Ran] = []
        for event in run_all(works, self.jobs):
            if isinstance(event, Done):
                self.troubles += [f"{event.work}: {event.trouble}"] if event.trouble else []
            elif event.verdict is not Verdict.PASS:
                failed.append(event)
        names = [work.name for work in works]  # whichever was done first, the first seed is told
        for ran in sorted(failed, key=lambda ran: names.index(ran.work)):
            if (find := unproven.pop(ran.case_id, None)) is not None:
                why = f"the good firmware does not pass it ({ran.work}, {ran.verdict}"
                refused = replace(find, case=None, why_not=f"{why}: {ran.sentence})")
                self.finds[self.finds.index(find)] = refused

    def _proof(self, finds: Mapping[str, Find], seed: int) -> Work:
        cases = [
            replace(f.case, id=case_id, seed=case_seed(seed, case_id))
            for case_id, f in finds.items()
            if f.case is not None
        ]
        return self._work(f"seed {seed}", None, cases, seed)

    # ---- making it short --------------------------------------------------------------------
    def _find(self, variant: Variant, case: Case, ran: Ran, seed: int) -> Find:
        return Find(
            variant=variant,
            case=self._shortened(variant, case, seed),
            drawn=case.id,
            sentence=ran.sentence,
            seed=seed,
        )

    def _shortened(self, variant: Variant, case: Case, seed: int) -> Case | None:
        """Give the shortest case that tells the variant from the good firmware; None: none does.

        It tells it wherever the BMS's tasks stand, if any of its findings does; that the good
        firmware passes there is a must.
        """
        profile = self.ground.profile
        broken = LaneSetup(
            bench=self.ground.bench, profile=profile, seed=seed, variant=variant.name
        )
        good = LaneSetup(bench=self.ground.bench, profile=profile, seed=seed)
        with Lane(broken) as wrong, Lane(good) as right:
            still = without_dither(case)
            judgement, _ = wrong.run(still)
            left: Case | None = None
            for number in _telling(judgement, variant.shows):
                sentence = judgement.of_expectations[number].sentence
                oracle = Oracle(broken=wrong, good=right, sentence=sentence)
                begin = only(still, number, profile)
                if not oracle.tells(begin):
                    continue
                for found in (shrink(begin, profile, oracle, most=_TRIALS).case, begin):
                    if oracle.tells_at_any_phase(found):
                        return found
                if left is None and oracle.passes_at_any_phase(begin):
                    left = begin
            return left


def _telling(judgement: Judgement, shows: str) -> list[int]:
    """Numbers of the findings that failed and name what the variant gets wrong."""
    return [
        number
        for number, finding in enumerate(judgement.of_expectations)
        if finding.verdict is Verdict.FAIL and finding_names(judgement.case_id, finding, shows)
    ]


def _origin() -> Case:
    return Case(
        id="",
        title="",
        plan="campaign",
        family="",
        protection=None,
        parameters={},
        steps=(),
        expectations=(),
        outputs={},
        capture=None,
        seed=0,
        severity="",
    )
