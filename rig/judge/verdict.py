"""The words of a judgement: verdicts and which of them is worst, findings, marks. Data only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal

from pydantic import TypeAdapter

from rig.judge.measurement import Measurement


class Verdict(StrEnum):
    """What can be said of a case. Only `fail` speaks against the BMS."""

    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"  # the uncertainty straddles the limit, or it was not reached
    ERROR = "error"  # the bench, the rig or the test failed: nothing can be said
    SKIPPED = "skipped"  # not run, with the reason


# Which verdict of several stands for all: only `fail` speaks against the BMS, and nothing hides it.
WORST_FIRST = (Verdict.FAIL, Verdict.ERROR, Verdict.INCONCLUSIVE, Verdict.SKIPPED, Verdict.PASS)

_ENDED = {
    Verdict.FAIL: "failed",
    Verdict.ERROR: "in error",
    Verdict.INCONCLUSIVE: "inconclusive",
    Verdict.SKIPPED: "skipped",
    Verdict.PASS: "passed",
}

# Whose an error is; its sentence begins with the word and a colon.
Origin = Literal["bench", "rig", "test"]
ORIGINS: tuple[Origin, ...] = ("bench", "rig", "test")


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the verdict that stands for all of them; of none at all, nothing is proven."""
    found = set(verdicts)
    return next((verdict for verdict in WORST_FIRST if verdict in found), Verdict.ERROR)


def blamed(origin: Origin, reason: str) -> str:
    """Give the sentence of an error, which begins with whose it is."""
    return reason if origin_of_error(reason) else f"{origin}: {reason}"


def tries_in_words(verdicts: Sequence[Verdict]) -> str:
    """How several tries of a case ended, by the worst: "failed 1 of 2 tries"; "" of one."""
    if len(verdicts) < 2:
        return ""
    counts = worst(verdicts)
    return f"{_ENDED[counts]} {list(verdicts).count(counts)} of {len(verdicts)} tries"


def blamed_on_bench(judgement: Judgement) -> Judgement:
    """Say of a judged trace's error that it is the bench's: nothing else can spoil a record."""
    if judgement.verdict is not Verdict.ERROR:
        return judgement
    return replace(judgement, sentence=blamed("bench", judgement.sentence))


def origin_of_error(sentence: str) -> Origin | None:
    """Whose an error is by its sentence; None where that does not say."""
    return next((origin for origin in ORIGINS if sentence.startswith(f"{origin}: ")), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetRow:
    """One contribution to an uncertainty (JCGM 100:2008, 4.3)."""

    name: str
    half_width: float
    distribution: str  # rectangular, normal, triangular, u-shaped
    standard: float  # u_i times |sensitivity|, in the measurement's unit
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EventMark:
    """An instant or level to draw into the waveform."""

    label: str  # "threshold crossed", "charge path opened"
    channel: str
    time_s: float  # since the trace began
    level: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Elements:
    """What was found of each of many quantities, in their order; columns of equal length.

    Figures are in the unit of the finding's measurement; None, or no column: there is none.
    """

    of: str  # "cells 1 to 16"
    worst: str  # "cell 3": its figures are the finding's
    verdicts: tuple[Verdict, ...]
    values: tuple[float | None, ...] = ()
    expanded: tuple[float | None, ...] = ()
    low: tuple[float | None, ...] = ()
    high: tuple[float | None, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One expectation, judged; of many quantities the worst of them."""

    expectation: str  # "charge path opens 0.900 to 1.100 s after cell 3 rises above 3.650 V"
    means: str  # how it was seen: "output", "CAN", "console", "meter"
    verdict: Verdict
    sentence: str  # why, in volts and milliseconds
    measurement: Measurement | None = None
    low: float | None = None
    high: float | None = None
    budget: tuple[BudgetRow, ...] = ()
    marks: tuple[EventMark, ...] = ()
    claims: tuple[str, ...] = ()  # ids of what the profile says that it answers
    requirements: tuple[str, ...] = ()  # of these claims; where there is none, of the case
    instruments: tuple[str, ...] = ()  # whose samples, readings, frames, lines it was judged by
    records: tuple[str, ...] = ()  # and where these are: "signals.parquet: cell 3", "can.blf"
    elements: Elements | None = None  # None: it is of one quantity


# How the sentence of a case begins that the BMS kept from its own stimulus.
NOT_REACHED = "not reached: "
# How a finding was seen that is of no expectation: of the case's start, or what no trace can show.
OF_START, BESIDE = "start", "test"
STORED = "its evidence is stored"  # what is expected of the rig itself, of each case


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A case, judged: the worst of its findings, and one sentence that says why."""

    case_id: str
    verdict: Verdict
    sentence: str
    findings: tuple[Finding, ...]
    rule: str = (
        "guard band w = U (ILAC-G8:09/2019, 4.2.3): inside by U passes, outside by U fails; the"
        " time of a reaction only if no limit lies within the bounds of all contributions either"
    )

    @property
    def of_expectations(self) -> tuple[Finding, ...]:
        """Give the findings on the case's expectations, in their order; none if it broke off."""
        return tuple(found for found in self.findings if found.means not in {OF_START, BESIDE})

    @property
    def beside(self) -> tuple[Finding, ...]:
        """What its trace knows nothing of: an assert of the test that failed, an exception."""
        return tuple(found for found in self.findings if found.means == BESIDE)

    @property
    def is_without_evidence(self) -> bool:
        """Whether what it was made from is lost, as there was no room for it."""
        return any(found.expectation == STORED for found in self.beside)


def with_beside(judgement: Judgement, beside: Sequence[Finding]) -> Judgement:
    """Join a judgement of a trace with what happened beside it; the worst of all counts."""
    if not beside:
        return judgement
    verdict = worst([judgement.verdict, *(found.verdict for found in beside)])
    deciding = (found.sentence for found in beside if found.verdict is verdict)
    sentence = judgement.sentence if verdict is judgement.verdict else next(deciding)
    return replace(
        judgement, verdict=verdict, sentence=sentence, findings=(*judgement.findings, *beside)
    )


def counted_as(judgement: Judgement) -> str:
    """Give the word under which a case is counted: its verdict, or "not reached", apart."""
    inconclusive = judgement.verdict is Verdict.INCONCLUSIVE
    kept = inconclusive and judgement.sentence.startswith(NOT_REACHED)
    return NOT_REACHED.removesuffix(": ") if kept else judgement.verdict.value


JUDGEMENT_JSON: TypeAdapter[Judgement] = TypeAdapter(Judgement)
