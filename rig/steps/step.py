"""What every kind of step has: its words in a plan, its sentence, its time, and what it does.

A kind is one file of this package, or of a plugin (`rig.kinds`): a frozen dataclass below `Step`,
with `kind` among its fields. Must do no I/O.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema

from rig.kinds import kinds_of, one_of
from rig.quantities import BLEED, CURRENT, TEMPERATURE, kind_of
from rig.steps.driver import Driver, Foresight
from rig.steps.resolver import Resolver

MOST_COMMAND_S = 0.35  # a slow instrument's command and its confirmation
MOST_READING_S = 0.35  # of a quantity, by a scanner at its slowest
COMMAND_S = 0.03  # of a usual instrument, with its confirmation
READING_S = 0.02  # of a usual meter, a quantity
_READ_BACK = (BLEED, TEMPERATURE, CURRENT)  # from what plays it, where no meter is wired


@dataclass(frozen=True, slots=True, kw_only=True)
class Step(ABC):
    """One step of a case.

    Attributes
    ----------
    mark
        Names the instant at which it was done, for expectations to refer to.
    words
        Its word in a plan, or several, and the type of what stands behind each: pydantic checks
        shape and units by that, without a profile.
    bare
        A word that may stand alone, and what it is short for.
    acts
        It does something to the BMS; else it lets time pass, or looks.
    """

    mark: str | None = None
    words: ClassVar[Mapping[str, Any]]
    bare: ClassVar[Mapping[str, Any]] = {}
    acts: ClassVar[bool] = False

    @property
    @abstractmethod
    def kind(self) -> str:
        """What tells it from others where it is stored."""

    # ---- its words ------------------------------------------------------------------------------
    @classmethod
    def read(cls, word: str, content: Any, names: Resolver) -> Step:
        """Make it of what stands behind its word; `check` follows."""
        return cls(**dict(content))

    @abstractmethod
    def written(self) -> tuple[str, Any]:
        """Give its word and what stands behind it, so that reading gives the same step again."""

    @abstractmethod
    def sentence(self) -> str:
        """Say what it does, as an instruction: "Hold for 600 ms"."""

    def check(self, names: Resolver) -> None:  # noqa: B027 -- many name nothing
        """Hold the names in it against the profile, and its figures against each other."""

    # ---- what it needs --------------------------------------------------------------------------
    def longest_s(self) -> float:
        """Upper bound of the time that it takes."""
        return MOST_COMMAND_S

    def expected_s(self, foresight: Foresight) -> float:
        """Time that it takes where the BMS does what is expected of it."""
        return COMMAND_S

    def commanded(self) -> Iterator[tuple[str, float]]:
        """Give each quantity that it sets, with its value; of many values the ends."""
        return iter(())

    def reads(self) -> Iterator[str]:
        """Give the quantities that it reads."""
        return iter(())

    def metered(self) -> Iterator[str]:
        """Give what it reads with a meter; a sensor's value is read back from what plays it."""
        return (quantity for quantity in self.reads() if kind_of(quantity) not in _READ_BACK)

    def signals_named(self) -> Iterator[tuple[str, float]]:
        """Give each "Message.Signal" that it names, with the value."""
        return iter(())

    # ---- what it does ---------------------------------------------------------------------------
    @abstractmethod
    def do(self, driver: Driver) -> None:
        """Do it."""

    # ---- others like it -------------------------------------------------------------------------
    def simpler(self) -> Iterator[Step]:
        """Give forms of it that do less, the boldest first."""
        return iter(())

    def marked(self, mark: str | None) -> Self:
        """Give the same step with another mark."""
        return replace(self, mark=mark)

    # ---- all kinds ------------------------------------------------------------------------------
    @staticmethod
    def kinds() -> Mapping[str, type[Step]]:
        """Give all kinds by their `kind`."""
        return kinds_of(Step)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return one_of(Step, source, handler)
