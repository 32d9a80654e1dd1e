"""What every kind of expectation can do. A kind is a module of its own beside this one."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, TypeVar

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema

from rig.can_address import OWN_BUS, Address
from rig.console_name import OWN_CONSOLE
from rig.dut.profile import Profile, Protection
from rig.expectations.subjects import Subject
from rig.expectations.words import Words
from rig.judge.observed import Observed
from rig.judge.rules import Question
from rig.judge.verdict import Finding
from rig.judge.wording import said_span, said_window
from rig.kinds import kinds_of, one_of
from rig.quantities import LINK
from rig.steps.conditions import Condition
from rig.steps.resolver import Resolver
from rig.steps.step import Step
from rig.time_reference import Crossing, TimeReference

S = TypeVar("S", bound=Step)


@dataclass(frozen=True, slots=True)
class Needs:
    """What the record of a case must hold, so that an expectation can be judged."""

    outputs: tuple[str, ...] = ()
    quantities: tuple[str, ...] = ()  # whose crossing of a level is looked for
    window_s: float = math.inf  # the time limit that the record must be fine enough for


@dataclass(frozen=True, kw_only=True)  # without slots, for what all expectations ask of the steps
class Around:
    """The case around an expectation, as far as it says which claims that answers."""

    profile: Profile
    name: str | None  # of the protection that the case is about
    at: str | None  # where that is provoked, if the case says so
    steps: tuple[Step, ...]

    @property
    def protection(self) -> Protection | None:
        """The protection that the case is about."""
        return self.profile.protections.get(self.name or "")

    def each(self, kind: type[S]) -> list[S]:
        """Give the steps of a kind, in order."""
        return self._of_kind.get(kind, [])

    @cached_property
    def _of_kind(self) -> dict[type[Step], list[Any]]:
        found: dict[type[Step], list[Any]] = {}
        for step in self.steps:
            found.setdefault(type(step), []).append(step)
        return found

    def of_protection(self, *parts: str, at: str | None = None) -> Iterator[str]:
        """Give ids of its claims, at the place where it is provoked."""
        place = self.at or at
        yield from (f"protections/{self.name}/{p}" + (f"@{place}" if place else "") for p in parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation(ABC):
    """One thing that is expected of a case's trace: frozen data, and its judge.

    Fields of one name mean the same in all kinds: `output`, `message`, `signal`, `pattern` (of
    a line), `console` (its name), `since` (an instant), `begin`, `end` and `at` (marks), `low_s`
    and `high_s`.

    Attributes
    ----------
    subject
        What it is expected of; a plan names that first.
    words
        What a plan says behind the name.
    claims
        Ids of the profile's claims that it answers (see `rig.dut.claims`); no part of what is
        expected, so that two of the same are equal whatever they answer.
    """

    subject: ClassVar[Subject]
    words: ClassVar[type[Words]]
    claims: tuple[str, ...] = field(default=(), compare=False, repr=False)

    @property
    @abstractmethod
    def kind(self) -> str:
        """What a stored case calls this kind."""

    @property
    @abstractmethod
    def means(self) -> str:
        """How it is looked at: "output", "CAN", "console", "meter"."""

    # ---- its words ------------------------------------------------------------------------------
    @classmethod
    def read(cls, name: str, content: Any, names: Resolver) -> Iterator[Expectation]:
        """Make it of its `words` and the name before them; of a list several. `check` follows."""
        del names
        given: dict[str, Any] = cls.subject.fields(name) | content.fields()
        yield cls(**given)

    def written(self, profile: Profile) -> tuple[str, dict[str, Any]]:
        """Give the name and its words, so that reading gives the same again with this profile."""
        del profile
        return self.subject.name_of(self), self.words.of(self)

    @abstractmethod
    def sentence(self) -> str:
        """Return it in words, as findings and reports show it."""

    def check(self, names: Resolver) -> None:
        """Hold the names in it against the profile."""
        output, since = getattr(self, "output", None), getattr(self, "since", None)
        outputs = names.profile.outputs
        if output is not None:
            names.known(output, outputs, "output")
        if isinstance(since, Crossing):
            link = (LINK.word,) if names.profile.contactors else ()
            known = (*names.profile.settable, *link, *outputs)
            names.at("after", since.quantity).known(since.quantity, known, "quantity")
        if (address := self._address) is not None:
            names.has_place(address)
        if getattr(self, "pattern", None) is not None:
            names.has_console(getattr(self, "console", OWN_CONSOLE))
        for word, mark in self.marks().items():
            names.at(word).mark(mark)

    def marks(self) -> Mapping[str, str]:
        """Give the marks of steps that it refers to, by their words in a plan."""
        since = getattr(self, "since", None)
        named = {
            "from": getattr(self, "begin", None),
            "to": getattr(self, "end", None),
            "at": getattr(self, "at", None),
            "after": since.after if isinstance(since, Crossing) else getattr(since, "mark", None),
        }
        return {word: mark for word, mark in named.items() if mark is not None}

    # ---- what it answers -------------------------------------------------------------------------
    def answers(self, around: Around) -> Iterator[str]:
        """Name the claims that it answers where nobody has said so; not all need be there."""
        del around
        yield from ()

    # ---- what it needs --------------------------------------------------------------------------
    def needs(self) -> Needs:
        """Say what the digitizer must record for it; nothing by default."""
        return Needs()

    def metered(self, profile: Profile) -> tuple[str, ...]:
        """Name the outputs that a meter reads for it, so that no record is needed."""
        del profile
        return ()

    def signals_named(self) -> Iterator[tuple[str, float | None]]:
        """Give each "Message.Signal", or message, that it names, with a value that it must have."""
        if (address := self._address) is not None:
            yield address, getattr(self, "value", None)

    @property
    def bus(self) -> str:
        """The CAN bus that it is looked at on, if on any."""
        return OWN_BUS if self._address is None else self._address.bus

    @property
    def _address(self) -> Address | None:
        return getattr(self, "signal", None) or getattr(self, "message", None)

    def looks_at(self) -> tuple[str, ...]:
        """Name the quantities and outputs that it is judged by, recorded or read."""
        own = (getattr(self, "quantity", None), getattr(self, "output", None))
        need = self.needs()
        names = (*own, *crossed(getattr(self, "since", None)), *need.outputs, *need.quantities)
        return tuple(dict.fromkeys(name for name in names if name))

    def comes_s(self, until: Condition) -> float | None:
        """When the condition is expected to come true, in the middle of its window."""
        del until
        return None

    def reacts_at(self, quantity: str) -> tuple[float, float] | None:
        """Level of a ramp of this quantity at which an output reacts, and its delay in s."""
        del quantity
        return None

    # ---- its judge ------------------------------------------------------------------------------
    @abstractmethod
    def judge(self, observed: Observed) -> Finding:
        """Judge it on a trace.

        Raises
        ------
        NoEvidence
            The trace can't answer it.
        """

    @property
    def question(self) -> Question:
        """Give the expectation in words, and what answers it."""
        return Question(expectation=self.sentence(), means=self.means)

    # ---- all kinds ------------------------------------------------------------------------------
    @staticmethod
    def kinds() -> Mapping[str, type[Expectation]]:
        """Give all kinds by their `kind`."""
        return kinds_of(Expectation)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return one_of(Expectation, source, handler)


@dataclass(frozen=True, slots=True, kw_only=True)
class InTime(Expectation):
    """Something that is to come between low_s and high_s after an instant."""

    since: TimeReference
    high_s: float
    low_s: float = 0.0

    @property
    def when(self) -> str:
        """Say when it is due."""
        return said_window(self.low_s, self.high_s, self.since)

    def awaited(self) -> Condition | None:
        """Give what a step can wait for that becomes true by it."""
        return None

    def comes_s(self, until: Condition) -> float | None:
        return (self.low_s + self.high_s) / 2 if until == self.awaited() else None

    def needs(self) -> Needs:
        """Record what its cause crosses."""
        return Needs(quantities=crossed(self.since))


@dataclass(frozen=True, slots=True, kw_only=True)
class InSpan(Expectation):
    """Something that holds between two marks; None: the begin and the end of the case."""

    begin: str | None = None
    end: str | None = None

    @property
    def span(self) -> str:
        """Say between which marks."""
        return said_span(self.begin, self.end)


def crossed(since: TimeReference | None) -> tuple[str, ...]:
    """Name the quantity whose crossing an instant is."""
    return (since.quantity,) if isinstance(since, Crossing) else ()


def must_be_read(quantity: str, names: Resolver) -> None:
    """See that some step reads it with a meter, or a ramp does, at each of its levels."""
    if quantity not in {name for step in names.steps for name in step.reads()}:
        what = f"no step reads {quantity}, so its report has nothing to agree with"
        names.refuse(what, f"add a step read: [{quantity}] where it stands still")
