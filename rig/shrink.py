"""The shortest stimulus that still fails: delta debugging over the steps of a case.

Steps are left out by the minimising algorithm of Zeller and Hildebrandt ("Simplifying and Isolating
Failure-Inducing Input", IEEE TSE 28(2), 2002, fig. 3), then each step that remains is made simpler.
A shorter case counts only if it tells the broken firmware from the good one: the one fails, the
other passes. Where there is no good one to compare with, the failing sentence has to stay the same
but for its numbers. Must not decide a verdict, nor print.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

from rig.bench.description import BenchFile, load_bench
from rig.case import Case
from rig.dut.profile import Profile, load_profile
from rig.errors import DescriptionError, LimitError
from rig.evidence.run import Run, RunCase
from rig.judge.verdict import Finding, Judgement, Verdict
from rig.lanes import Lane, LaneSetup
from rig.plan.complete import complete
from rig.plan.expand import case_seed
from rig.plan.writing import plan_text, written_out
from rig.plan.written import written_id
from rig.steps import Step
from rig.steps.hold import Hold
from rig.steps.random_phase import RandomPhase

MOST_TRIALS = 120  # cases driven, at the most
_PHASES = 8  # more tries of what is to be no coin toss
_NUMBERS = re.compile(r"[-−]?\d[\d.,]*")

Tells = Callable[[Case], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shrunk:
    """What is left of a case."""

    case: Case
    trials: int  # cases that were driven on the way
    is_shortest: bool  # False: the trials came to an end before the search did
    is_compared: bool  # with a good firmware, which passes it


@dataclass(slots=True)
class Oracle:
    """Tells whether a case still shows the failure.

    Parameters
    ----------
    broken
        The lane whose BMS failed.
    good
        A lane with a firmware that passes; None where there is none.
    """

    broken: Lane
    good: Lane | None
    sentence: str  # of the finding that failed
    trials: int = 0
    _known: dict[str, bool] = field(default_factory=dict)

    def tells(self, case: Case) -> bool:
        """Drive it: whether it fails as before, and passes where the firmware is good."""
        key = repr((case.seed, case.steps))
        if key not in self._known:
            self._known[key] = self._fails(case) and self._passes(case)
        return self._known[key]

    def tells_at_any_phase(self, case: Case) -> bool:
        """Drive it several times more: whether it tells wherever the BMS's tasks stand."""
        return all(self._fails(each) and self._passes(each) for each in _at_phases(case))

    def passes_at_any_phase(self, case: Case) -> bool:
        """Drive it several times more: whether the good firmware passes it, wherever they stand."""
        return all(self._passes(each) for each in _at_phases(case))

    def _fails(self, case: Case) -> bool:
        self.trials += 1
        finding = _finding(self._judged(self.broken, case))
        if finding is None or finding.verdict is not Verdict.FAIL:
            return False
        return self.good is not None or _alike(finding.sentence, self.sentence)

    def _passes(self, case: Case) -> bool:
        if self.good is None:
            return True
        self.trials += 1
        judgement = self._judged(self.good, case)
        return judgement is not None and judgement.verdict is Verdict.PASS

    @staticmethod
    def _judged(lane: Lane, case: Case) -> Judgement | None:
        try:
            return lane.run(case)[0]
        except LimitError:
            return None


def _at_phases(case: Case) -> Iterator[Case]:
    return (replace(case, seed=case.seed + n) for n in range(1, _PHASES + 1))


def shrink(case: Case, profile: Profile, oracle: Oracle, *, most: int = MOST_TRIALS) -> Shrunk:
    """Find the shortest case that still fails as `case` does, which must tell by itself."""

    def made(steps: Sequence[Step]) -> Case:
        return complete(replace(case, steps=tuple(steps)), profile)

    def tells(steps: Sequence[Step]) -> bool:
        if oracle.trials >= most:
            return False
        return _can_be(case, steps) and oracle.tells(made(steps))

    steps = list(made(_fewer(list(case.steps), tells)).steps)
    # What completing puts before the others is not made simpler: it would be put there again.
    steps = _simpler(steps, lambda s: len(made(s).steps) == len(s) and tells(s))
    return Shrunk(
        case=made(steps),
        trials=oracle.trials,
        is_shortest=oracle.trials < most,
        is_compared=oracle.good is not None,
    )


def shrink_recorded(
    run: Run, recorded: RunCase, *, bench: BenchFile | None = None, most: int = MOST_TRIALS
) -> Shrunk | None:
    """Shrink a failed case of a run, on the run's own simulated bench or another.

    Returns
    -------
    None if the case does not fail there.

    Raises
    ------
    DescriptionError
        The case did not fail, or no simulated bench is known.
    """
    number = _failed_in(recorded)
    bench = bench or load_bench(run.path / "inputs" / "bench.yaml")
    if bench.clock != "stepped":
        raise DescriptionError(
            "a search drives a case a hundred times, which is for a simulated bench",
            f"bench {bench.name}",
            "name one: --bench virtual-…, or leave the search out with --as-recorded",
        )
    profile = load_profile(run.path / "inputs" / "profile.yaml", stored=True)
    setup = LaneSetup(
        bench=bench, profile=profile, seed=run.meta.seed, variant=run.meta.variant or None
    )
    assert recorded.judgement is not None  # noqa: S101 -- it failed
    sentence = recorded.judgement.of_expectations[number].sentence
    case = only(without_dither(recorded.case), number, profile)
    # With the seed that the plan will give it, what is found there repeats to the byte.
    reported = replace(case, seed=case_seed(run.meta.seed, written_id(_name(case))))
    for good in (replace(setup, variant=None), None) if setup.variant else (None,):
        with ExitStack() as stack:
            oracle = Oracle(
                broken=stack.enter_context(Lane(setup)),
                good=stack.enter_context(Lane(good)) if good else None,
                sentence=sentence,
            )
            for each in (reported, case):
                if oracle.tells(each):
                    return shrink(each, profile, oracle, most=most)
    return None


def shortest_plan(run: Run, found: Shrunk) -> str:
    """Return a plan with the shortest case, as a person can read, change and keep it."""
    case, profile = found.case, load_profile(run.path / "inputs" / "profile.yaml", stored=True)
    return plan_text(
        "shortest",
        run.meta.dut,
        [written_out(case, _name(case), profile)],
        why=f"What is left of {case.id} of {run.run_id} when every step is left out that can be.",
    )


def _name(case: Case) -> str:
    return f"shortest of {case.id}"


def _failed_in(recorded: RunCase) -> int:
    """Number of the first expectation that failed."""
    findings = recorded.judgement.of_expectations if recorded.judgement else ()
    same = len(findings) == len(recorded.case.expectations)
    for number, finding in enumerate(findings if same else ()):
        if finding.verdict is Verdict.FAIL:
            return number
    raise DescriptionError(
        f"none of its steps made it fail: {recorded.outcome}",
        recorded.case.id,
        "name a case that failed by what it expects, not by its start",
    )


def without_dither(case: Case) -> Case:
    """Return the case with each random wait as long as its seed makes it."""
    draw = random.Random(case.seed)  # noqa: S311 -- as the drive draws it
    steps = [
        Hold(duration_s=draw.uniform(0.0, step.span_s), mark=step.mark)
        if isinstance(step, RandomPhase)
        else step
        for step in case.steps
    ]
    return replace(case, steps=tuple(steps))


def only(case: Case, number: int, profile: Profile) -> Case:
    """Return a case with one expectation of all that it had."""
    wanted = (case.expectations[number],)
    return complete(replace(case, expectations=wanted), profile)


def _can_be(case: Case, steps: Sequence[Step]) -> bool:
    """Whether every mark that the expectation refers to is still borne by a step."""
    borne = {step.mark for step in steps if step.mark}
    return all(borne.issuperset(wanted.marks().values()) for wanted in case.expectations)


# ---- fewer steps ----------------------------------------------------------------------------
def _fewer(steps: list[Step], tells: Callable[[Sequence[Step]], bool]) -> list[Step]:
    """Leave out as many steps as can be (ddmin by complements)."""
    parts = 2
    while len(steps) >= 2:
        size = max(1, len(steps) // parts)
        kept = next(
            (rest for rest in _without_a_part(steps, size) if rest and tells(rest)),
            None,
        )
        if kept is not None:
            steps, parts = kept, max(parts - 1, 2)
        elif size == 1:
            break
        else:
            parts = min(len(steps), 2 * parts)
    return steps


def _without_a_part(steps: list[Step], size: int) -> Iterator[list[Step]]:
    for begin in range(0, len(steps), size):
        yield steps[:begin] + steps[begin + size :]


# ---- simpler steps --------------------------------------------------------------------------
def _simpler(steps: list[Step], tells: Callable[[Sequence[Step]], bool]) -> list[Step]:
    """Make each step simpler for as long as that goes."""
    for place in range(len(steps)):
        found = True
        while found:
            found = False
            for other in steps[place].simpler():
                changed = [*steps[:place], other, *steps[place + 1 :]]
                if tells(changed):
                    steps, found = changed, True
                    break
    return steps


def _finding(judgement: Judgement | None) -> Finding | None:
    return next(iter(judgement.of_expectations), None) if judgement is not None else None


def _alike(one: str, other: str) -> bool:
    """Whether two sentences differ in their numbers alone."""
    return _NUMBERS.sub("#", one) == _NUMBERS.sub("#", other)
