"""The one sentence that a run comes down to: may I ship this? Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reports import words
from rig.evidence import NOT_RUN, Run, RunCase
from rig.judge.verdict import BLAMES, Verdict, Whose, whose_error

# Words of the outcomes that leave a question open, as the sentence counts them.
_OPEN = {
    Verdict.INCONCLUSIVE.value: "inconclusive",
    Verdict.SKIPPED.value: "skipped",
    NOT_RUN: "not run",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """YES, NO or NOT PROVEN, and why; `kind` is the verdict whose look it takes."""

    word: str
    why: str
    kind: str

    def __str__(self) -> str:
        return f"{self.word}: {self.why}"


def answer(run: Run) -> Answer:
    """Yes only if every planned case passed and the evidence is whole."""
    failed, total = run.counts["fail"], len(run.cases)
    if failed:
        of = f"{failed} of {words.plural(total, 'case')} failed"
        return Answer("NO", f"{of}: {_grouped(run.cases, Verdict.FAIL)}.{_also_open(run)}", "fail")
    if run.problems:
        why = f"the evidence is damaged ({words.plural(len(run.problems), 'problem')}), see below."
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
    named = [f"{group} ({count})" for group, count in counts.most_common(4)]
    more = len(counts) - len(named)
    return words.joined(named + ([f"{more} more"] if more > 0 else []))


def errors_by_whose(run: Run) -> Mapping[Whose, int]:
    """How many errors were the bench's, the rig's, the test's; only what there is."""
    errors = [c.judgement.sentence for c in run.cases if c.judgement and c.verdict is Verdict.ERROR]
    counts = Counter(whose_error(sentence) or "bench" for sentence in errors)
    return {whose: counts[whose] for whose in BLAMES if counts[whose]}


def _open_counts(run: Run) -> str:
    errors = [f"{n} in error (the {whose})" for whose, n in errors_by_whose(run).items()]
    rest = [f"{run.counts[o]} {text}" for o, text in _OPEN.items() if run.counts[o]]
    return words.joined([*errors, *rest])


def _also_open(run: Run) -> str:
    text = _open_counts(run)
    return f" Besides, {text}." if text else ""
