"""The one sentence that a run comes down to: may I ship this? Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from reports import words
from rig.evidence import NOT_RUN, Run, RunCase
from rig.judge.verdict import Verdict, counted_as

# Words of the outcomes that leave a question open, as the sentence counts them.
_OPEN = {
    Verdict.INCONCLUSIVE.value: "inconclusive",
    "not reached": "not reached (the BMS kept them from their stimulus)",
    Verdict.ERROR.value: "in error (the bench, not the BMS)",
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


def _open_counts(run: Run) -> str:
    counts = Counter(counted_as(c.judgement) if c.judgement else c.outcome for c in run.cases)
    return words.joined([f"{counts[o]} {text}" for o, text in _OPEN.items() if counts[o]])


def _also_open(run: Run) -> str:
    text = _open_counts(run)
    return f" Besides, {text}." if text else ""
