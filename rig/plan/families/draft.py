"""What a family is: options in, drafts of cases out. Must not know any one family."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rig.case import Begins
from rig.dut.profile import Profile, Protection
from rig.errors import DescriptionError
from rig.expectations import Expectation
from rig.plan.reported import longest_period_s
from rig.plan.stimulus import Stimulus
from rig.quantities import number_of
from rig.quantity import Interval, format
from rig.steps import Step

_PHASE_S = 0.5  # spans the period of every task that nobody states
AFTER_S = 0.3  # recorded beyond the latest allowed reaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a plan says of a family."""

    protections: tuple[str, ...] | None = None  # None: all that the family can test
    targets: tuple[str, ...] | None = None  # "cell 3", "temperature 1"; None: each
    repeats: int = 1
    settings: Mapping[str, object] = field(default_factory=dict)  # a family's own


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A case before it has a plan, a seed and a record."""

    title: str
    protection: str | None
    parameters: Mapping[str, str]
    steps: Sequence[Step]
    expectations: Sequence[Expectation]
    severity: str = "normal"
    traces_to: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()  # that it answers as a whole, beside those of its expectations
    begins: Begins = "ready"


def phase_s(profile: Profile) -> float:
    """Give the span of a random wait after which the BMS's tasks stand at any phase."""
    return max(_PHASE_S, longest_period_s(profile))


def setting(options: Options, name: str, default: float, read: Callable[[Any], float]) -> float:
    """A family's own number, as the plan gives it, else its default.

    Raises
    ------
    DescriptionError
        What the plan gives can't be read.
    """
    if name not in options.settings:
        return default
    given = options.settings[name]
    try:
        return read(given)
    except (TypeError, ValueError) as error:
        what = f"the setting {name}: {given!r} can't be: {error}"
        raise DescriptionError(what, "settings of a family", "correct it in the plan") from error


def whose(name: str, target: str) -> str:
    """Name a protection in a title, and the cell or sensor at which it is provoked."""
    return name if number_of(target) is None else f"{name} at {target}"


def after(time: Interval) -> str:
    """Say in a title when something comes: "after 0.9 s to 1.1 s", "after at most 2 s"."""
    return f"after {time}" if time.low > 0.0 else f"after at most {format(time.high, time.unit)}"


Family = Callable[[Profile, Options], Iterator[Draft]]


def draft_of(  # noqa: PLR0913 -- the parts of a case, by name
    title: str,
    stimulus: Stimulus,
    protection: Protection,
    *,
    steps: Sequence[Step],
    expectations: Sequence[Expectation],
    parameters: Mapping[str, str] | None = None,
    claims: Sequence[str] = (),
    begins: Begins = "ready",
) -> Draft:
    """Draft of a case about one protection, provoked by one stimulus."""
    return Draft(
        title=title,
        protection=stimulus.protection,
        parameters={"at": stimulus.target} | dict(parameters or {}),
        steps=steps,
        expectations=expectations,
        severity=protection.severity,
        traces_to=protection.traces_to,
        claims=tuple(claims),
        begins=begins,
    )
