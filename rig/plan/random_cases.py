"""Cases drawn at random from what the families make: other levels, times, orders and pairs.

A drawn case keeps what its families claim, by construction: a level beyond a threshold stays well
beyond it and short of the next, a case that leaves the BMS at its nominal values may come before
another, and what no expectation speaks of may stand anywhere harmless. So the good firmware must
pass it, and whatever does not is firmware, or the rig, gone wrong. Pure; must not know a firmware.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rig.case import Case
from rig.dut.charge import REMAINING, SOC, signals_of
from rig.dut.profile import Profile, Protection
from rig.expectations import Expectation
from rig.expectations.recovers import Recovers
from rig.expectations.signal_within import SignalWithin
from rig.expectations.telemetry_agrees import TelemetryAgrees
from rig.expectations.threshold import ThresholdIs
from rig.expectations.trips import Trips
from rig.plan.complete import complete
from rig.plan.expand import case_seed, expand_family
from rig.plan.families import Options, families
from rig.plan.families.applicable import has_level
from rig.plan.stimulus import acting
from rig.quantities import SUPPLY
from rig.steps import Step
from rig.steps.fault import Fault
from rig.steps.hold import Hold
from rig.steps.power import Power
from rig.steps.ramp import Ramp
from rig.steps.random_phase import RandomPhase
from rig.steps.reset import Reset
from rig.steps.send import Send
from rig.steps.set import Set
from rig.steps.start_periodic import StartPeriodic
from rig.steps.type_line import Type
from rig.time_reference import Crossing, Mark

_LONGEST_S = 60.0  # of a case that is drawn from
_LEAST_BEYOND = 0.4  # part of a family's own overdrive that is left at least
_SETTLE_S = 2.0  # after a case that another one follows
_NEAR_V, _NEAR_K = 0.015, 8.0  # how far what nobody watches may stand from nominal
_COARSER = 1.2  # so much coarser a record may get by what is drawn before a case
_TAKE_BACK = ("pulse", "recovery", "latch")  # families that end with all let go and cleared
_PULSES = (0.4, 1.2)  # of the length of a family's own pulse, which is half the delay


@dataclass(frozen=True, slots=True)
class CaseGenerator:
    """Draws cases for a BMS.

    Parameters
    ----------
    cases
        What is drawn from; `drawer` takes all that the families make.
    """

    profile: Profile
    cases: tuple[Case, ...]
    preludes: tuple[Case, ...]

    def draw(self, seed: int, number: int) -> Case:
        """Draw the case of this number; the same for the same seed."""
        dice = random.Random(f"{seed}/{number}")  # noqa: S311  no secret
        main = self._changed(dice, dice.choice(self.cases))
        case = main
        if main.precondition == "ready":
            for _ in range(dice.choice((0, 1, 1, 2))):
                case = self._after(dice, case)
            case = self._among(dice, case)
        drawn_id = f"drawn[{seed}-{number}]"
        made = replace(case, id=drawn_id, family="drawn", seed=case_seed(seed, drawn_id))
        return complete(made, self.profile)

    # ---- one case ---------------------------------------------------------------------------
    def _changed(self, dice: random.Random, case: Case) -> Case:
        """Other levels beyond thresholds, other pulses, another phase."""
        part = dice.uniform(_LEAST_BEYOND, 1.0)
        if _expects_figures(case):
            part = 1.0  # they go with the level
        factor = dice.uniform(*_PULSES) if case.family == "pulse" else 1.0
        own = self._own(case)
        steps = [self._with_level(_with_time(step, factor), part, own) for step in case.steps]
        if case.precondition == "ready":
            waits: list[Step] = [Hold(duration_s=round(dice.uniform(0.0, 3.0), 3))]
            steps = [*waits, RandomPhase(span_s=round(dice.uniform(0.05, 1.0), 3)), *steps]
        return replace(case, steps=tuple(steps))

    def _own(self, case: Case) -> list[Protection]:
        """The protections that the case provokes by a level."""
        shorts = {case.parameters.get("with")}
        return [
            p
            for name, p in self.profile.protections.items()
            if (name == case.protection or p.short in shorts) and has_level(p)
        ]

    def _with_level(self, step: Step, part: float, own: Sequence[Protection]) -> Step:
        if not isinstance(step, Set):
            return step
        values = {q: self._level(q, value, part, own) for q, value in step.values.items()}
        return replace(step, values=values)

    def _level(self, q: str, value: float, part: float, own: Sequence[Protection]) -> float:
        """A level between the threshold that `value` is beyond and `value` itself."""
        nominal = self.profile.nominal_of(q)
        passed = [
            p.level
            for p in own
            if q in p.quantities(self.profile)
            and min(nominal, value) < p.level < max(nominal, value)
        ]
        if not passed:
            return value
        last = max(passed, key=lambda level: abs(level - nominal))
        return round(last + part * (value - last), 6)

    # ---- one after the other ----------------------------------------------------------------
    def _after(self, dice: random.Random, case: Case) -> Case:
        """A case that comes after another one, if both can be judged in one record."""
        before = self._changed(dice, dice.choice(self.preludes))
        if not _may_follow(case, before):
            return case
        both = joined(before, case, self.profile)
        intervals = [complete(c, self.profile).capture for c in (before, case, both)]
        *apart, together = (c.interval_s if c else math.inf for c in intervals)
        return case if together > _COARSER * min(apart) else both

    def _among(self, dice: random.Random, case: Case) -> Case:
        """What the case does not touch stands a little off nominal."""
        if _expects_figures(case):
            return case
        touched = _moved(case, self.profile)
        own = self.profile.protections.get(case.protection or "")
        spread = own is not None and own.is_of_spread
        near = {} if spread else dict.fromkeys(self.profile.cell_names, _NEAR_V)
        near |= dict.fromkeys(self.profile.temperature_names, _NEAR_K)
        nominal = self.profile.nominal_values
        values = {
            q: round(nominal[q] + dice.uniform(-span, span), 3)
            for q, span in near.items()
            if q not in touched
        }
        return replace(case, steps=(Set(values=values), *case.steps)) if values else case


def case_generator(profile: Profile, origin: Case) -> CaseGenerator:
    """Draw from everything that the families make of a profile."""
    made = [
        case
        for family in families()
        for case in expand_family(family, Options(), profile, origin, 0)
        if case.duration_s <= _LONGEST_S
    ]
    return CaseGenerator(profile, tuple(made), tuple(c for c in made if ends_nominal(c, profile)))


def ends_nominal(case: Case, profile: Profile) -> bool:
    """Whether the BMS is healthy at its end, and as it was, as far as the case itself claims it.

    Voltages can be given back to nominal after it; settings and the counted charge can not.
    """
    if case.precondition != "ready" or not case.expectations:
        return False
    if any(isinstance(step, Ramp | Send | StartPeriodic) for step in case.steps):
        return False  # a host that was heard once is missed when it falls silent
    faults = [step for step in case.steps if isinstance(step, Fault)]
    if faults and faults[-1].present:
        return False
    if _leaves_settings(case, profile) or _moves_charge(case, profile):
        return False
    provokes = bool(faults) or any(isinstance(e, Trips) for e in case.expectations)
    for step in case.steps:
        provokes |= isinstance(step, Set) and bool(acting(profile, step.values))
    return not provokes or case.family in _TAKE_BACK


def _leaves_settings(case: Case, profile: Profile) -> bool:
    """Whether it may end with other settings than the factory's: the next start restores them."""
    left = False
    for step in case.steps:
        if isinstance(step, Type) and profile.settings is not None:
            restores = step.line == profile.settings.restore
            left = not restores and (left or profile.disturbs_settings(step.line))
    return left


def _moves_charge(case: Case, profile: Profile) -> bool:
    """Whether the BMS may tell another state of charge after it, which moves its limits.

    A case that looks at the charge moves it; and at each start it is taken from the cells, so that
    it is another one where they are not at nominal.
    """
    reported = {said for name, said in signals_of(profile).items() if name in (SOC, REMAINING)}
    watched = {getattr(e, "signal", None) for e in case.expectations}
    if not reported.isdisjoint(watched):
        return True
    moved = _moved(case, profile)
    starts = any(isinstance(step, Power | Reset | Type) for step in case.steps)  # a line may reset
    return (starts or SUPPLY.word in moved) and not moved.isdisjoint(profile.cell_names)


def _moved(case: Case, profile: Profile) -> set[str]:
    """Quantities that its steps set, or ramp; of a sum its parts."""
    named = {q for step in case.steps if isinstance(step, Set) for q in step.values}
    named |= {step.quantity for step in case.steps if isinstance(step, Ramp)}
    return {part for name in named for part in profile.hierarchy.parts(name)}


def joined(first: Case, second: Case, profile: Profile) -> Case:
    """Two cases in one: the first, back to nominal, then the second, each with its expectations."""
    one, other = _Part("first"), _Part("then")
    touched = _moved(first, profile)
    nominal = {q: v for q, v in profile.nominal_values.items() if q in touched}
    between: list[Step] = [Hold(duration_s=0.0, mark=one.over)]
    if nominal:
        between.append(Set(values=nominal))
    between.append(Hold(duration_s=_SETTLE_S, mark=other.begun))
    expectations = [
        *(one.expectation(e) for e in first.expectations),
        *(other.expectation(e) for e in second.expectations),
    ]
    return replace(
        second,
        title=f"after {first.title}: {second.title}",
        steps=(
            *(one.step(step) for step in first.steps),
            *between,
            *(other.step(step) for step in second.steps),
        ),
        expectations=tuple(_once(expectations)),
        traces_to=tuple(dict.fromkeys((*first.traces_to, *second.traces_to))),
    )


@dataclass(frozen=True, slots=True)
class _Part:
    """One of two cases in one: its marks have the part's name before them."""

    name: str

    @property
    def begun(self) -> str:
        return f"{self.name}: begun"

    @property
    def over(self) -> str:
        return f"{self.name}: over"

    def mark(self, mark: str | None) -> str | None:
        return mark and f"{self.name}: {mark}"

    def step(self, step: Step) -> Step:
        return step.marked(self.mark(step.mark))

    def expectation(self, wanted: Expectation) -> Expectation:
        """The same, of this part alone: what began with the case begins with the part."""
        starts = None if self.name == "first" else self.begun
        ends = self.over if self.name == "first" else None
        changed: dict[str, Any] = {}
        since = getattr(wanted, "since", None)
        if isinstance(since, Mark):
            changed["since"] = replace(since, mark=f"{self.name}: {since.mark}")
        elif isinstance(since, Crossing):
            changed["since"] = replace(since, after=self.mark(since.after) or starts)
        for key, missing in (("begin", starts), ("end", ends)):
            if hasattr(wanted, key):
                changed[key] = self.mark(getattr(wanted, key)) or missing
        if hasattr(wanted, "at"):
            changed["at"] = f"{self.name}: {wanted.at}"
        return replace(wanted, **changed)


def _expects_figures(case: Case) -> bool:
    """Whether the BMS is to tell figures that hang on where each quantity stands."""
    return any(isinstance(e, SignalWithin) for e in case.expectations)


def _with_time(step: Step, factor: float) -> Step:
    if factor == 1.0 or not isinstance(step, Hold):
        return step
    return replace(step, duration_s=round(factor * step.duration_s, 3))


def _may_follow(case: Case, before: Case) -> bool:
    """Whether both can still be judged when they are in one record."""
    wanted = before.expectations
    if any(isinstance(e, ThresholdIs) for e in case.expectations):
        # A ramp's reaction is the first that its output shows.
        return not any(isinstance(e, Trips | Recovers) for e in wanted)
    if not (_agree_alone(case, before) and _agree_alone(before, case)):
        return False
    # An output that has recovered stays closed until a command; a line or a frame is none.
    says = any(isinstance(step, Type | Reset | Send | StartPeriodic) for step in case.steps)
    return not (says and any(isinstance(e, Recovers) for e in wanted))


def _agree_alone(case: Case, other: Case) -> bool:
    """Whether the reports that a case expects to agree with readings are not held to another's.

    A report is held to every reading of its quantity, and "the highest cell" is cell 1 in the one
    case and cell 4 in the other.
    """
    read = {quantity for step in other.steps for quantity in step.reads()}
    agreeing = (e for e in case.expectations if isinstance(e, TelemetryAgrees))
    return all(read.isdisjoint(e.looks_at()) or e in other.expectations for e in agreeing)


def _once(expectations: Iterable[Expectation]) -> Sequence[Expectation]:
    """Reports agree at every reading of the case, so that is expected only once of each."""
    kept: list[Expectation] = []
    for wanted in expectations:
        if not (isinstance(wanted, TelemetryAgrees) and wanted in kept):
            kept.append(wanted)
    return kept
