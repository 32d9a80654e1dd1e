"""In which order a plan's cases look for a defect, so that most are found within seconds. Pure."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice, product
from typing import TypeAlias

from rig.case import Case
from rig.mutants.result import Result

_Situation: TypeAlias = tuple[tuple[str, str], ...]
# Parameters that tell which of many that are alike; all others tell the situation.
_WHICH = frozenset(
    ("at", "with", "with at", "of", "setting", "to", "quantity", "highest", "bleeds", "repeat")
)
_START_S = 2.0  # added to each case: it starts the BMS and waits until it is ready
_SPEAKS = 100.0  # so much nearer comes a case that speaks of all that is to be shown
_WORD = re.compile(r"(?:\w|\[\w+\])+")  # with its choices of letters: UT[CD]
_SPELLINGS = 64  # of one word: a pattern may have more than anybody would wait for
_LETTERS = re.compile(r"\[(\w+)\]|(\w)")


def cheap_first(cases: Iterable[Case], shows: str = "") -> list[Case]:
    """Order cases by what they cost and by how many like them have looked before.

    The first case of a family is the likeliest to show something new, its tenth shows it seldom;
    but a family may know several situations (a loaded bus, a host that is gone), which differ
    more than two cells do. So a case's place is its virtual time multiplied by the number of its
    situation in its family and by the square of its own number in its situation. The first of all
    families come within a tenth of the plan's time, the cheap ones within seconds. In a situation
    the protections take turns, each with its cheapest case first.

    Parameters
    ----------
    shows
        What a finding must match to count (`Variant.shows`). A case that expects something in
        these words, above all in the rare ones, comes up to a hundred times nearer.
    """
    cases = list(cases)
    nearer = _nearer(cases, shows)
    places = [(place / nearer[case.id], n, case) for n, (place, case) in enumerate(_placed(cases))]
    return [case for _, _, case in sorted(places, key=lambda place: place[:2])]


def _placed(cases: Iterable[Case]) -> Iterator[tuple[float, Case]]:
    families: dict[str, dict[_Situation, list[Case]]] = {}
    for case in cases:
        families.setdefault(case.family, {}).setdefault(_situation(case), []).append(case)
    for situations in families.values():
        cheapest_first = sorted(situations.values(), key=lambda m: min(c.duration_s for c in m))
        for number, members in enumerate(cheapest_first, 1):
            place = 0.0
            for nth, case in enumerate(_in_turns(members), 1):
                # The turns stay as they are.
                place = max(place, (case.duration_s + _START_S) * number * nth**2)
                yield place, case


def _situation(case: Case) -> _Situation:
    return tuple(sorted((k, str(v)) for k, v in case.parameters.items() if k not in _WHICH))


def _in_turns(cases: Sequence[Case]) -> list[Case]:
    turns: Counter[str | None] = Counter()
    placed = []
    for case in sorted(cases, key=lambda c: c.duration_s):
        placed.append((turns[case.protection], case.duration_s, case))
        turns[case.protection] += 1
    return [case for _, _, case in sorted(placed, key=lambda place: place[:2])]


def _nearer(cases: Sequence[Case], shows: str) -> Mapping[str, float]:
    """By how much each case comes nearer for the words that it shares with what is to be shown.

    A word weighs the logarithm of how rare it is among the cases' texts (Sparck Jones 1972, inverse
    document frequency), so that "path", which all of them have, weighs next to nothing.
    """
    if not shows:
        return dict.fromkeys((case.id for case in cases), 1.0)
    texts = {case.id: _text(case) for case in cases}
    weights: dict[str, float] = {}
    for word in sorted(_words(shows)):  # sums of floats must not hang on the hash seed
        if count := sum(word in text for text in texts.values()):
            weights[word] = math.log(len(texts) / count)
    shared = {i: sum(w for word, w in weights.items() if word in t) for i, t in texts.items()}
    most = max(shared.values(), default=0.0) or 1.0
    return {case_id: _SPEAKS ** (weight / most) for case_id, weight in shared.items()}


def _text(case: Case) -> str:
    """What a finding of it says at least, before anything is seen."""
    return f"{case.id}: {' '.join(e.sentence() for e in case.expectations)}"


def _words(pattern: str) -> set[str]:
    """Words of a regular expression, of two letters at least; a choice of letters gives several."""
    spelled = re.sub(r"\\[a-zA-Z]", " ", pattern)  # an escape such as \b is no word
    return {
        "".join(letters)
        for word in _WORD.findall(spelled)
        for letters in islice(product(*_choices(word)), _SPELLINGS)
        if len(letters) > 1
    }


def _choices(word: str) -> list[str]:
    """What may stand at each place: "UT[CD]" gives "U", "T", "CD"."""
    return [several or one for several, one in _LETTERS.findall(word)]


def killers_first(order: Sequence[str], earlier: Result, variant: str) -> list[str]:
    """Put first what found this variant before, then what found most of the others."""
    killers: Counter[str] = Counter()
    own: set[str] = set()
    for row in earlier.rows:
        killers.update(list(row.found_by))
        own |= set(row.found_by) if row.variant.name == variant else set()
    return sorted(order, key=lambda case_id: (case_id not in own, -killers[case_id]))
