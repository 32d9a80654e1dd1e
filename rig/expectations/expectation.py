"""What every kind of expectation can do. A kind is a module of its own beside this one."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

from rig.dut.profile import Profile
from rig.instants import Crossing, Instant
from rig.judge.observed import Observed
from rig.judge.rules import Question
from rig.judge.verdict import Finding


@dataclass(frozen=True, slots=True)
class Needs:
    """What the record of a case must hold, so that an expectation can be judged."""

    outputs: tuple[str, ...] = ()
    quantities: tuple[str, ...] = ()  # whose crossing of a level is looked for
    window_s: float = math.inf  # the time limit that the record must be fine enough for


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation(ABC):
    """One thing that is expected of a case's trace: frozen data, and its judge."""

    @property
    @abstractmethod
    def kind(self) -> str:
        """What a stored case calls this kind."""

    @property
    @abstractmethod
    def means(self) -> str:
        """How it is looked at: "output", "CAN", "console", "meter"."""

    @abstractmethod
    def sentence(self) -> str:
        """Return it in words, as findings and reports show it."""

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

    def needs(self) -> Needs:
        """Say what the digitizer must record for it; nothing by default."""
        return Needs()

    def metered(self, profile: Profile) -> tuple[str, ...]:
        """Name the outputs that a meter reads for it, so that no record is needed."""
        del profile
        return ()


def crossed(since: Instant) -> tuple[str, ...]:
    """Name the quantity whose crossing an instant is."""
    return (since.quantity,) if isinstance(since, Crossing) else ()
