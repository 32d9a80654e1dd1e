"""One test case, fully resolved: steps and expectations in the BMS's own terms, SI numbers.

A case is data: it can be stored as JSON beside its evidence and judged again years later. It names
quantities of the BMS ("cell 3", "temperature 1", "current", "charge path"), never an instrument.
Must not read a file, a clock or an instrument.

Quantities: ``cell n`` [V], ``temperature n`` [°C], ``current`` [A, charge positive], ``supply`` [V,
the BMS's own supply]. Outputs: the names that the profile gives them ("charge path", "led").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from rig.expectations import Expectation
from rig.facts import DutFacts, Output, StartClaims
from rig.steps import Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """One record of the digitizer over the whole case, begun before the first step."""

    quantities: tuple[str, ...]  # quantities and outputs to record
    duration_s: float  # upper bound; ended early where the steps end early
    interval_s: float  # between samples, at most


Precondition = Literal["ready", "off"]
"""What a case needs before its first step: a BMS that has just started and is ready; or one whose
supply is off, because the case judges the start itself (where no start is a `fail`, no `error`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A case: what is done, in order, and what is expected of the trace."""

    id: str  # unique in the plan, stable: "trip[cell overvoltage,cell=3,repeat=1]"
    title: str  # a sentence
    plan: str
    family: str  # "trip", ... or "steps" where it is written out
    protection: str | None
    parameters: Mapping[str, str]  # what tells this case from its siblings, as shown to people
    steps: tuple[Step, ...]
    expectations: tuple[Expectation, ...]
    outputs: Mapping[str, Output]  # those that expectations name
    capture: Capture | None
    seed: int  # of this case alone, derived from the run's seed and the id
    traces_to: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()  # ids that it answers as a whole, beside those of expectations
    requirements: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # of claims, by path
    severity: str = "normal"  # blocker critical normal minor trivial
    tags: tuple[str, ...] = ()
    source: str = ""  # file:line of the plan that it came from
    duration_s: float = 0.0  # upper bound of what the steps take
    precondition: Precondition = "ready"
    # Those of its run, which are stored there: a reader gives them to each case that it reads.
    dut: Annotated[DutFacts, Field(exclude=True)] = field(default_factory=DutFacts, compare=False)

    @property
    def start(self) -> StartClaims | None:
        """The claims of the start that it begins with; None where it begins with none."""
        return self.dut.start if self.precondition == "ready" else None


CASE_JSON: TypeAdapter[Case] = TypeAdapter(Case)
