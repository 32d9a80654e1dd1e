"""The words of a judgement: verdicts, findings, marks on the waveform. Data only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pydantic import TypeAdapter

from rig.judge.measurement import Measurement


class Verdict(StrEnum):
    """What can be said of a case. Only `fail` speaks against the BMS."""

    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"  # the uncertainty straddles the limit, or it was not reached
    ERROR = "error"  # the bench failed, nothing can be said
    SKIPPED = "skipped"  # not run, with the reason


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
class Finding:
    """One expectation, judged."""

    expectation: str  # "charge path opens 0.900 to 1.100 s after cell 3 rises above 3.650 V"
    means: str  # how it was seen: "output", "CAN", "console", "meter"
    verdict: Verdict
    sentence: str  # why, in volts and milliseconds
    measurement: Measurement | None = None
    low: float | None = None
    high: float | None = None
    budget: tuple[BudgetRow, ...] = ()
    marks: tuple[EventMark, ...] = ()


OF_START = "start"  # how a finding was seen that is of the case's start, not of an expectation


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
        return tuple(found for found in self.findings if found.means != OF_START)


# How the sentence of a case begins that the BMS kept from its own stimulus.
NOT_REACHED = "not reached: "


def counted_as(judgement: Judgement) -> str:
    """Give the word under which a case is counted: its verdict, or "not reached", apart."""
    inconclusive = judgement.verdict is Verdict.INCONCLUSIVE
    kept = inconclusive and judgement.sentence.startswith(NOT_REACHED)
    return NOT_REACHED.removesuffix(": ") if kept else judgement.verdict.value


JUDGEMENT_JSON: TypeAdapter[Judgement] = TypeAdapter(Judgement)
