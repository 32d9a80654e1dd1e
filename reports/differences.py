"""What a BMS does otherwise than claimed, one line for each claim that was not kept.

A claim that is broken at four cells, in three families, is one difference and not twelve: failed
findings are gathered by what they ask, whatever cell or sensor they ask it of. Must not judge.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from reports import words
from rig.evidence import Run, RunCase
from rig.judge.verdict import Finding, Verdict

_TARGET = re.compile(
    r"(?:\b|(?<=\\b))(cells?|temperature|balance|bleed|Temp|Cell|Bal)"
    r"( |_|\\s\*)?\d+(?:(?:, | to | and )\d+)*(?=\b|_)"
)
_TIME = re.compile(r"(?:at most )?\d[\d.]* [mµ]?s(?: to \d[\d.]* [mµ]?s)?")
SEVERITIES = ("blocker", "critical", "normal", "minor", "trivial")


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One claim that was not kept.

    Attributes
    ----------
    claim : str
        What was expected, "cell n" standing for every cell of which it was asked.
    seen : str
        What was seen instead, of the first case that failed.
    failed, asked : int
        Findings that failed, and all that were decided.
    """

    subject: str
    claim: str
    seen: str
    failed: int
    asked: int
    traces_to: tuple[str, ...]
    severity: str
    case_ids: tuple[str, ...]

    @property
    def often(self) -> str:
        """How often it was not kept: "each of 5 times", "4 of 5 times"."""
        if self.failed < self.asked:
            return f"{self.failed} of {self.asked} times"
        return "once asked" if self.asked == 1 else f"each of {self.asked} times"


def differences(run: Run) -> list[Difference]:
    """Return the claims that were not kept, the gravest first."""
    asked: dict[tuple[str, str], list[tuple[RunCase, Finding]]] = {}
    for case, finding in _decided(run):
        asked.setdefault(_key(case, finding), []).append((case, finding))
    found = [_difference(subject, seen) for (subject, _), seen in asked.items()]
    broken = [difference for difference in found if difference is not None]
    return sorted(broken, key=lambda d: (SEVERITIES.index(d.severity), d.subject, d.claim))


def _decided(run: Run) -> Iterator[tuple[RunCase, Finding]]:
    for case in run.cases:
        for finding in case.judgement.findings if case.judgement else ():
            if finding.verdict in {Verdict.PASS, Verdict.FAIL}:
                yield case, finding


def _key(case: RunCase, finding: Finding) -> tuple[str, str]:
    subject = case.case.protection or case.case.family
    return subject, f"{finding.means}: {_TIME.sub('in time', of_any(finding.expectation))}"


def of_any(expectation: str) -> str:
    """Return an expectation of whichever cell or sensor."""
    return _TARGET.sub(lambda found: f"{found[1]}{found[2] or ''}n", expectation)


def _difference(subject: str, seen: Sequence[tuple[RunCase, Finding]]) -> Difference | None:
    bad = [(case, finding) for case, finding in seen if finding.verdict is Verdict.FAIL]
    if not bad:
        return None
    first, finding = bad[0]
    severities = {case.case.severity for case, _ in bad}
    return Difference(
        subject=subject,
        claim=of_any(finding.expectation),
        seen=finding.sentence,
        failed=len(bad),
        asked=len(seen),
        traces_to=tuple(dict.fromkeys(r for case, _ in bad for r in case.case.traces_to)),
        severity=min(severities, key=SEVERITIES.index),
        case_ids=tuple(dict.fromkeys([first.case.id, *(case.case.id for case, _ in bad)])),
    )


def reported(found: Sequence[Difference]) -> Iterator[str]:
    """Yield the differences as lines for a terminal."""
    end = ":" if found else ""
    yield f"{words.plural(len(found), 'difference')} from what was claimed{end}"
    for number, difference in enumerate(found, 1):
        traces = f" [{', '.join(difference.traces_to)}]" if difference.traces_to else ""
        yield f"{number:3}. {difference.subject}{traces}: not kept, {difference.often}"
        yield f"     claimed: {difference.claim}"
        yield f"     seen:     {difference.seen} ({difference.case_ids[0]})"
