"""One finding on many quantities: the worst stands for all, and the figures of each are kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from rig.judge.measurement import Measurement
from rig.judge.rules import NoEvidence, Question, judge_within
from rig.judge.verdict import WORST_FIRST, Elements, Finding, Verdict
from rig.quantities import each, together

Codes = NDArray[np.int8]  # places in WORST_FIRST, so that the least is the worst
FAIL, ERROR, INCONCLUSIVE, PASS = (
    np.int8(WORST_FIRST.index(v))
    for v in (Verdict.FAIL, Verdict.ERROR, Verdict.INCONCLUSIVE, Verdict.PASS)
)
T = TypeVar("T", Finding, Finding | None)
_MOST_WORDS = 80  # characters that name what did not pass
_NEAR = 0.02  # of U: decimals are cut at a hundredth of it


def codes_within(
    values: NDArray[np.float64],
    expanded: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
) -> Codes:
    """Judge many measurements as `judge_within` does each, to the digit; all of shape (n,)."""
    least, most = values - expanded, values + expanded
    fails, passes = (most < low) | (high < least), (low <= least) & (most <= high)
    codes = np.where(fails, FAIL, np.where(passes, PASS, INCONCLUSIVE))
    gaps = np.abs(np.stack([most - low, least - high, least - low, most - high]))
    for i in np.flatnonzero(gaps.min(axis=0) <= _NEAR * expanded + 1e-9):  # decimals decide
        measured = Measurement(value=float(values[i]), expanded=float(expanded[i]), unit="")
        codes[i] = code_of(judge_within(measured, float(low[i]), float(high[i])))
    return codes


def code_of(verdict: Verdict) -> np.int8:
    """Give its place among all, the worst first."""
    return np.int8(WORST_FIRST.index(verdict))


def answered(question: Question, judge: Callable[[], T]) -> T | Finding:
    """Judge; what the trace can't answer is a finding too."""
    try:
        return judge()
    except NoEvidence as reason:
        return question.unanswered(reason)


def worst_of(  # noqa: PLR0913, PLR0917 -- the parts of a finding
    question: Question,
    of: str,
    codes: Codes,
    rank: NDArray[np.float64],
    finding: Callable[[int], Finding],
    label: Callable[[int], str] | None = None,
    **figures: NDArray[np.float64],
) -> Finding:
    """Give the finding on the worst of some quantities, with the verdicts and figures of all.

    Parameters
    ----------
    of
        Which they are: "cells 1 to 16"; of one alone its own finding is given as it is.
    codes, rank
        Of each, shape (n,); of several that are equally bad the one of the highest rank counts,
        of those without one (NaN) the first.
    finding
        Makes the finding on the one of a number, from 0.
    label
        Names it in the sentence; else it is called as it is ("cell 3").
    figures
        Columns of `Elements`, each of shape (n,); NaN where there is no figure.
    """
    names = each(of)
    rank = np.where(np.isnan(rank), -1.0, rank)
    at = int(np.argmax(np.where(codes == codes.min(), rank, -np.inf)))
    found = finding(at)
    if len(names) == 1:
        return found
    sentence = f"{label(at) if label else names[at]}, the worst of {len(names)}: {found.sentence}"
    elements = Elements(
        of=of,
        worst=names[at],
        verdicts=tuple(WORST_FIRST[code] for code in codes),
        **{name: tuple(_figures(column)) for name, column in figures.items()},
    )
    return replace(
        found,
        expectation=question.expectation,
        sentence=sentence + _but(names, codes),
        elements=elements,
    )


def _but(names: Sequence[str], codes: Codes) -> str:
    """Say which do not pass; of too many how many do."""
    bad = [names[at] for at in np.flatnonzero(codes != PASS).tolist()]
    if not bad:
        return ""
    words, passed = together(bad), len(names) - len(bad)
    if passed and len(words) < _MOST_WORDS:
        return f"; all but {words} pass"
    return f"; {passed or 'none'} of {len(names)} pass"


def _figures(column: NDArray[np.float64]) -> list[float | None]:
    return [None if value != value else value for value in column.tolist()]  # noqa: PLR0124 -- NaN
