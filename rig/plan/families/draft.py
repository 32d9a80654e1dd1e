"""What a family is: options in, drafts of cases out. Must not know any one family."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import wraps
from typing import Any, TypeVar

from rig.case import Precondition
from rig.dut.profile import Profile
from rig.errors import DescriptionError
from rig.expectations import Expectation
from rig.plan.families.timing import PHASE_S
from rig.plan.reported import longest_period_s
from rig.quantities import number_of
from rig.quantity import Interval, format
from rig.steps import Step
from rig.steps.random_phase import RandomPhase

T = TypeVar("T")
S = TypeVar("S")  # a section of a profile


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a plan says of a family."""

    protections: tuple[str, ...] | None = None  # None: all that the family can test
    targets: tuple[str, ...] | None = None  # "cell 3", "temperature 1"; None: each
    repeats: int = 1
    settings: Mapping[str, object] = field(default_factory=dict)  # a family's own


@dataclass(frozen=True, slots=True)
class Part:
    """Steps of a case, and what must come of them; one part follows another."""

    steps: Sequence[Step] = ()
    expectations: Sequence[Expectation] = ()

    def __add__(self, other: Part) -> Part:
        return Part((*self.steps, *other.steps), (*self.expectations, *other.expectations))


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A case before it has a plan, a seed and a record."""

    title: str
    protection: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    steps: Sequence[Step]
    expectations: Sequence[Expectation]
    severity: str | None = None  # of its family, unless said
    traces_to: tuple[str, ...] | None = None  # of its family's section, unless said
    claims: tuple[str, ...] = ()  # that it answers as a whole, beside those of its expectations
    precondition: Precondition = "ready"


Family = Callable[[Profile, Options], Iterator[Draft]]
_named: dict[str, Family] = {}
_names_before: dict[str, str] = {}  # by name of today


def family(name: str, *, was: str = "") -> Callable[[Family], Family]:
    """Make a function a family that plans call by this name.

    Parameters
    ----------
    was
        Its name before, where it had one: by that its cases keep their seeds.

    Raises
    ------
    DescriptionError
        Another function has that name.
    """

    def add(function: Family) -> Family:
        known = _named.setdefault(name, function)
        if (known.__module__, known.__qualname__) != (function.__module__, function.__qualname__):
            what = f'there is a family "{name}" already: {known.__module__}'
            raise DescriptionError(what, function.__module__, "give it a name of its own")
        if was:
            _names_before[name] = was
        return function

    return add


def name_before(family: str) -> str:
    """Give the name that a family had first."""
    return _names_before.get(family, family)


def family_of(
    name: str, section: Callable[[Profile], S | None], *, severity: str = "normal"
) -> Callable[[Callable[[Profile, Options, S], Iterator[Draft]]], Family]:
    """Make a function a family that goes by a section of the profile, and yields nothing without.

    Its cases are of this severity and trace to the section's requirements, unless they say.
    """

    def add(function: Callable[[Profile, Options, S], Iterator[Draft]]) -> Family:
        @wraps(function)
        def made(profile: Profile, options: Options) -> Iterator[Draft]:
            if (claimed := section(profile)) is not None:
                borne = getattr(claimed, "traces_to", ())
                for draft in function(profile, options, claimed):
                    traces_to = borne if draft.traces_to is None else draft.traces_to
                    yield replace(draft, severity=draft.severity or severity, traces_to=traces_to)

        return family(name)(made)

    return add


def named_families() -> Mapping[str, Family]:
    """Give the families of all modules that were imported, by name."""
    return dict(sorted(_named.items()))


def random_phase(profile: Profile, mark: str | None = None) -> RandomPhase:
    """Wait for a random time, after which the BMS's tasks stand at any phase."""
    return RandomPhase(span_s=max(PHASE_S, longest_period_s(profile)), mark=mark)


def setting(options: Options, name: str, default: T, read: Callable[[Any], T]) -> T:
    """A family's own setting, as the plan gives it, else its default.

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


def at_place(name: str, target: str) -> str:
    """Name a protection in a title, and the cell or sensor at which it is provoked."""
    return name if number_of(target) is None else f"{name} at {target}"


def after(time: Interval) -> str:
    """Say in a title when something comes: "after 0.9 s to 1.1 s", "after at most 2 s"."""
    return f"after {time}" if time.low > 0.0 else f"after at most {format(time.high, time.unit)}"
