"""The one sentence that a run comes down to: may I ship this? Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from reports import words
from rig.evidence import DAMAGED, NOT_RUN, Run, RunCase
from rig.evidence.claim_coverage import ClaimCoverage, claim_coverage_of
from rig.evidence.left_out import LeftOut, left_out_of
from rig.judge.verdict import ORIGINS, Origin, Verdict, origin_of_error
from rig.trace.text import plain

# Words of the outcomes that leave a question open, as the sentence counts them.
_OPEN = {
    Verdict.INCONCLUSIVE.value: "inconclusive",
    "not reached": "not reached (the BMS kept them from their stimulus)",
    Verdict.SKIPPED.value: "skipped",
    NOT_RUN: "not run",
    DAMAGED: "damaged",
}

_NOTHING_FAILED = "NOTHING FAILED"
_FEW = 6  # claims, named one by one
_MOST_NAMED = 4  # things of which claims are open; the page lists all


@dataclass(frozen=True, slots=True)
class Answer:
    """YES, NO, NOT PROVEN or NOTHING FAILED …, and why; `kind` is the verdict whose look it takes.

    `not_looked_at` names claims that no decided case looked at, `left_out` those of which a plan
    says why; `no_time` is what a limited time left out.
    """

    word: str
    why: str
    kind: str
    not_looked_at: tuple[str, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
    no_time: LeftOut | None = None

    def __str__(self) -> str:
        return f"{self.word}: {self.why}"

    @property
    def all_passed(self) -> bool:
        """Whether every planned case passed, and the evidence is whole."""
        return self.word == "YES" or self.word.startswith(_NOTHING_FAILED)


def answer(run: Run) -> Answer:
    """Yes only if every planned case passed, no claim is left open, the evidence is whole."""
    claims, no_time = claim_coverage_of(run), left_out_of(run)
    found = _of_cases(run)
    if found.word == "YES":
        found = _of_promises(found, claims)
    if no_time is not None:
        found = replace(found, why=f"{found.why} {told_left_out(run, no_time)}.", no_time=no_time)
    if claims is None:
        return found
    return replace(found, not_looked_at=claims.not_looked_at, left_out=claims.left_out)


def told_left_out(run: Run, no_time: LeftOut) -> str:
    """Say how much a limited time left out: "11 of 16 cases left out for the budget of 20 s"."""
    left, total = len(no_time.cases), len(no_time.cases) + len(run.cases)
    of = f"{left} of {words.plural(total, 'case')}"
    return f"{of} left out for the budget of {words.duration(no_time.budget_s)}"


def _of_promises(yes: Answer, claims: ClaimCoverage | None) -> Answer:
    """What a run comes to in which every case passed."""
    if claims is None:
        why = f"{yes.why[:-1]}; what they looked at can't be said without its inputs/profile.yaml."
        return Answer(_NOTHING_FAILED, why, "inconclusive")
    total = words.plural(len(claims.claimed), "claim")
    if open_ := claims.not_looked_at:
        word = f"{_NOTHING_FAILED}, {len(open_)} of {total} not looked at"
        return Answer(word, f"{_named(open_)}.", "inconclusive")
    if claims.left_out:
        why = f"{yes.why[:-1]}; the plan leaves out {len(claims.left_out)} of {total}."
        return replace(yes, why=why)
    return yes


def _named(claims: Sequence[str]) -> str:
    """Name a few claims; of many how many of each thing: "cell overvoltage (5)"."""
    if len(claims) <= _FEW:
        return words.joined([f"“{claim}”" for claim in claims])
    things = Counter(claim.partition(": ")[0] for claim in claims)
    first = list(things.items())[:_MOST_NAMED]
    return _counted(first, len(claims) - sum(count for _, count in first))


def _counted(first: Iterable[tuple[str, int]], more: int) -> str:
    """Name things with how many there are of each, and how many more: "trip (2) and 3 more"."""
    named = [f"{thing} ({count})" for thing, count in first]
    return words.joined(named + ([f"{more} more"] if more else []))


def _of_cases(run: Run) -> Answer:
    failed, total = run.counts["fail"], len(run.cases)
    if failed:
        of = f"{failed} of {words.plural(total, 'case')} failed"
        return Answer("NO", f"{of}: {_grouped(run.cases, Verdict.FAIL)}.{_also_open(run)}", "fail")
    if run.problems:
        first, *others = run.problems
        more = f"; and {words.plural(len(others), 'more problem')}" if others else ""
        why = f"the evidence is damaged: {plain(first)}{more}."
        return Answer("NOT PROVEN", why, "inconclusive")
    if run.aborted and run.counts["pass"] == total:
        why = "nothing failed, but the run never came to its end: tries may be missing."
        return Answer("NOT PROVEN", why, "inconclusive")
    if not total:
        return Answer("NOT PROVEN", "no case was planned.", "inconclusive")
    if run.counts["pass"] == total:
        return Answer("YES", f"all {words.plural(total, 'case')} passed.", "pass")
    still = total - run.counts["pass"]
    why = f"nothing failed, but {still} of {words.plural(total, 'case')} "
    why += f"{'is' if still == 1 else 'are'} not decided: {_open_counts(run)}."
    return Answer("NOT PROVEN", why, "inconclusive")


def group_of(case: RunCase) -> str:
    """What a case's result is counted under: its protection, else its family."""
    return case.case.protection or case.case.family


def _grouped(cases: Iterable[RunCase], verdict: Verdict) -> str:
    counts = Counter(group_of(c) for c in cases if c.verdict is verdict)
    return _counted(counts.most_common(_MOST_NAMED), max(len(counts) - _MOST_NAMED, 0))


def errors_by_origin(run: Run) -> Mapping[Origin, int]:
    """How many errors were the bench's, the rig's, the test's; only what there is."""
    errors = [c.judgement.sentence for c in run.cases if c.judgement and c.verdict is Verdict.ERROR]
    counts = Counter(origin_of_error(sentence) or "bench" for sentence in errors)
    return {origin: counts[origin] for origin in ORIGINS if counts[origin]}


def _open_counts(run: Run) -> str:
    errors = [f"{n} in error (the {origin})" for origin, n in errors_by_origin(run).items()]
    counts = Counter(case.counted for case in run.cases)
    rest = [f"{counts[o]} {text}" for o, text in _OPEN.items() if counts[o]]
    return words.joined([*errors, *rest])


def _also_open(run: Run) -> str:
    text = _open_counts(run)
    return f" Besides, {text}." if text else ""
