"""What was found: mistakes, or what would run and the most that it would command. Data and text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from rig.case import Case
from rig.description import BrokenDescriptionError, Mistake
from rig.dut.profile import Profile
from rig.errors import DescriptionError
from rig.mistakes import reported
from rig.quantities import kind_of, kinds
from rig.quantity import duration
from rig.quantity import format as shown


@dataclass(frozen=True, slots=True)
class Report:
    """What was found."""

    mistakes: tuple[Mistake, ...] = ()
    refused: tuple[DescriptionError, ...] = ()  # mistakes that have no place in a file
    good: tuple[str, ...] = ()  # a line for each description that is well
    cases: tuple[Case, ...] = ()
    min_max: Mapping[str, tuple[float, float]] = field(default_factory=dict)  # least, most
    expected_s: float = 0.0  # of bench time, for all of the cases

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.mistakes or self.refused)

    def raise_mistakes(self) -> None:
        """Refuse what is wrong, in the mistakes' own words.

        Raises
        ------
        BrokenDescriptionError
            There are mistakes; each has its place and how to mend it.
        DescriptionError
            There are none, but something that has no place in a file.
        """
        if self.mistakes:
            raise BrokenDescriptionError(self.mistakes)
        if self.refused:
            raise self.refused[0]

    def text(self) -> str:
        """Write it for people: the mistakes, or what would run."""
        lines = [*reported(self.mistakes), *map(str, self.refused)]
        if lines:
            count = len(self.mistakes) + len(self.refused)
            return "\n".join([*lines, f"{count} mistake{'s' * (count != 1)}; nothing was touched"])
        lines = list(self.good)
        if self.cases:
            lines += [f"  {case.id}  {case.title}" for case in self.cases]
            lines.append(_total(self.cases, self.expected_s))
            lines.append("would command at most: " + _min_max(self.min_max))
        return "\n".join(lines)


def spans_of(cases: Iterable[Case], profile: Profile) -> dict[str, tuple[float, float]]:
    """Least and greatest value, in SI units, of each kind of quantity, nominal ones included."""
    spans: dict[str, tuple[float, float]] = {}
    for quantity, value in profile.nominal_values.items():
        spans = joined(spans, {_word(quantity): (value, value)})
    for case in cases:
        for step in case.steps:
            for quantity, value in step.commanded():
                spans = joined(spans, {_word(quantity): (value, value)})
    return spans


def _word(quantity: str) -> str:
    kind = kind_of(quantity)
    return kind.word if kind else quantity


def joined(
    one: Mapping[str, tuple[float, float]], other: Mapping[str, tuple[float, float]]
) -> dict[str, tuple[float, float]]:
    """Widen spans by others."""
    widened = dict(one)
    for kind, (low, high) in other.items():
        a, b = widened.get(kind, (low, high))
        widened[kind] = (min(a, low), max(b, high))
    return widened


def _min_max(spans: Mapping[str, tuple[float, float]]) -> str:
    return ", ".join(
        f"{kinds()[word].name} {shown(low, kinds()[word].unit)} to"
        f" {shown(high, kinds()[word].unit)}"
        for word, (low, high) in spans.items()
    )


def _total(cases: Sequence[Case], expected_s: float) -> str:
    most_s = max(expected_s, sum(case.duration_s for case in cases))
    return (
        f"{counted(cases)}, about {duration(expected_s)} of bench time, their starts included,"
        f" and {duration(most_s)} at most"
    )


def counted(cases: Sequence[Case]) -> str:
    """Write "1 case", "2 cases"."""
    return f"{len(cases)} case{'s' * (len(cases) != 1)}"
