"""A CAN signal changes by the charge that flows, by the bench's meter.

The current between two commands is what the meter read while it flowed; a command itself takes from
its start to its settling, and in that time the current may be anything between the two levels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from rig.can_address import SignalAddress
from rig.description import Names
from rig.dut.charge import REMAINING, SOC_STEP, claimed, signals_of
from rig.dut.profile import Profile
from rig.expectations.expectation import Around, Expectation, must_be_read
from rig.expectations.subjects import ENERGY, Subject
from rig.expectations.words import Words, differing, given
from rig.judge.budget import Budget, Row
from rig.judge.can_signals import adapter_row
from rig.judge.listening import must_have_listened
from rig.judge.observed import Observed
from rig.judge.rules import NoEvidence, judge_within, measurement, why_undecided
from rig.judge.timing import marker_of
from rig.judge.verdict import Finding, Verdict
from rig.judge.wording import show, show_measured
from rig.quantities import CURRENT
from rig.quantity import AmpHours, Amps
from rig.steps.resolver import Resolver
from rig.trace.model import Command, Trace

_HOUR_NS = 3600e9
# Figures that may differ from the profile's, with their words and units.
_FIGURES = {
    "ah_per_unit": ("ah per unit", ""),
    "accuracy_a": ("accuracy", "A"),
    "relative": ("relative", ""),
    "resolution_ah": ("resolution", "Ah"),
}


class CountsChargeWords(Words):
    """A reported charge that changes by what flows between two marks."""

    leads: ClassVar[tuple[str, ...]] = ("counts",)
    asks: ClassVar[Mapping[str, tuple[str, str]]] = dict.fromkeys(
        ("from", "to"), ("charge is counted between two marks", "add from: and to:")
    )

    counts: Names
    begin: Annotated[str, Field(alias="from")]
    end: Annotated[str, Field(alias="to")]
    ah_per_unit: float | None = None  # this and the next: else as the profile claims it
    accuracy_a: Annotated[Amps | None, Field(alias="accuracy")] = None
    relative: float | None = None  # a part: 0.01 is 1 %
    resolution_ah: Annotated[AmpHours | None, Field(alias="resolution")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CountsCharge(Expectation):
    """Between two marks a CAN signal changes by the charge that flowed, by the bench's meter.

    Allowed is `accuracy_a` of the mean current, `relative` of the charge that passed either way,
    and `resolution_ah`. Every current but 0 must have been read while it flowed.
    """

    quantity: str  # the profile's word for it: "soc", "remaining capacity"
    signal: SignalAddress
    ah_per_unit: float
    accuracy_a: float
    relative: float
    resolution_ah: float
    begin: str
    end: str
    kind: Literal["counts charge"] = "counts charge"
    means: ClassVar[str] = "CAN and meter"
    subject: ClassVar[Subject] = ENERGY
    words: ClassVar[type[Words]] = CountsChargeWords

    @classmethod
    def read(cls, name: str, content: CountsChargeWords, names: Resolver) -> Iterator[Expectation]:
        for word in content.counts:
            if names.known(word, signals_of(names.profile), "reported charge or health"):
                yield replace(
                    counts(names.profile, word, content.begin, content.end),
                    **given(content, _FIGURES),
                )

    def written(self, profile: Profile) -> tuple[str, dict[str, Any]]:
        words = {"counts": [self.quantity], "from": self.begin, "to": self.end}
        usual = counts(profile, self.quantity, self.begin, self.end)
        return ENERGY.name, words | differing(self, usual, _FIGURES)

    def check(self, names: Resolver) -> None:
        Expectation.check(self, names)
        must_be_read(CURRENT.word, names)

    def answers(self, around: Around) -> Iterator[str]:
        del around
        yield f"energy/{self.quantity}/counted"

    def looks_at(self) -> tuple[str, ...]:
        return (CURRENT.word,)

    def sentence(self) -> str:
        return (
            f"{self.signal} changes by the charge that flows from {self.begin!r} to"
            f" {self.end!r}, to ± {show(self.accuracy_a, 'A')} ± {self.relative * 100:g} %"
            f" ± {self.resolution_ah:g} Ah"
        )

    def judge(self, observed: Observed) -> Finding:
        """Judge the change of the signal against the integral of the current."""
        trace, question = observed.trace, self.question
        must_have_listened(trace, self.signal.bus)
        times, values = observed.signal(self.signal)
        ends = [_newest(trace, self, times, mark) for mark in (self.begin, self.end)]
        begin_ns, end_ns = (int(times[at]) for at in ends)
        stretches = _stretches(observed, begin_ns, end_ns)
        counted_ah = float(values[ends[1]] - values[ends[0]]) * self.ah_per_unit
        flowed_ah = sum(s.amps * s.hours for s in stretches)
        gross_ah = sum(abs(s.amps) * s.hours for s in stretches)
        hours = (end_ns - begin_ns) / _HOUR_NS
        limit_ah = self.accuracy_a * hours + self.relative * gross_ah + self.resolution_ah
        budget = _budget(trace, stretches)
        measured = measurement(counted_ah - flowed_ah, budget, "Ah")
        verdict = judge_within(measured, -limit_ah, limit_ah)
        sentence = (
            f"{self.signal} changed by {counted_ah:.4f} Ah where"
            f" {flowed_ah:.4f} Ah flowed in {show(hours * 3600.0, 's')}: off by"
            f" {show_measured(measured)}, allowed ± {limit_ah:.4f} Ah"
        )
        if verdict is Verdict.INCONCLUSIVE:
            sentence += f"; {why_undecided(measured, budget, -limit_ah, limit_ah)}"
        return question.measured(verdict, sentence, (measured, budget), (-limit_ah, limit_ah))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stretch:
    """A time in which the current was one value, or moved from one to another."""

    begin_ns: float
    end_ns: float
    amps: float
    meter_a: float = 0.0  # half-width, by the meter
    moving_a: float = 0.0  # half-width, as it moved meanwhile

    @property
    def hours(self) -> float:
        return (self.end_ns - self.begin_ns) / _HOUR_NS


def _newest(trace: Trace, wanted: CountsCharge, times: np.ndarray, mark: str) -> int:
    """Find the newest frame at a mark."""
    before = int(np.searchsorted(times, marker_of(trace, mark).time_ns, side="right")) - 1
    if before < 0:
        raise NoEvidence(f"no {wanted.signal.message} came before {mark!r}")
    return before


def _stretches(observed: Observed, begin_ns: int, end_ns: int) -> list[_Stretch]:
    """Cut the time between two frames where the current was commanded."""
    found: list[_Stretch] = []
    amps = 0.0  # a case starts without current
    since_ns = float(begin_ns)
    for command in observed.trace.commands:
        if command.quantity != "current" or command.before_ns >= end_ns:
            continue
        settled_ns = command.after_ns + command.settle_s * 1e9
        if settled_ns > begin_ns:
            found.append(_held(observed, amps, since_ns, max(float(command.before_ns), since_ns)))
            found.append(_switched(command, amps, found[-1].end_ns, min(settled_ns, end_ns)))
            since_ns = found[-1].end_ns
        amps = command.value
    found.append(_held(observed, amps, since_ns, float(end_ns)))
    return [stretch for stretch in found if stretch.end_ns > stretch.begin_ns]


def _held(observed: Observed, amps: float, begin_ns: float, end_ns: float) -> _Stretch:
    """Take a commanded current as the meter read it; no current was commanded off, and is 0."""
    inside = [
        r for r in observed.readings("current") if begin_ns <= r.before_ns and r.after_ns <= end_ns
    ]
    if amps == 0.0 or end_ns <= begin_ns:
        return _Stretch(begin_ns=begin_ns, end_ns=end_ns, amps=0.0)
    if not inside:
        raise NoEvidence(f"the current was never read while {show(amps, 'A')} were commanded")
    read, meter_a = [r.value for r in inside], max(r.accuracy for r in inside)
    amps, moving_a = sum(read) / len(read), 0.5 * (max(read) - min(read))
    return _Stretch(begin_ns=begin_ns, end_ns=end_ns, amps=amps, meter_a=meter_a, moving_a=moving_a)


def _switched(command: Command, before_a: float, begin_ns: float, end_ns: float) -> _Stretch:
    return _Stretch(
        begin_ns=begin_ns,
        end_ns=max(end_ns, begin_ns),
        amps=0.5 * (before_a + command.value),
        moving_a=0.5 * abs(command.value - before_a),
    )


def _budget(trace: Trace, stretches: list[_Stretch]) -> Budget:
    """Add the parts up: one meter is off the same way all the time."""
    edge_a = max(abs(stretches[0].amps), abs(stretches[-1].amps)) if stretches else 0.0
    return Budget.of(
        (
            Row(
                name="current meter",
                half_width=sum(s.meter_a * s.hours for s in stretches),
                source="meter's accuracy over the time that it stands for",
            ),
            Row(
                name="current between readings",
                half_width=sum(s.moving_a * s.hours for s in stretches),
                source="commands from start to settled; spread of the readings",
            ),
            replace(adapter_row(trace.frames), sensitivity=edge_a / 3600.0),
        )
    )


# ---- as a profile claims it -------------------------------------------------------------------
def counts(profile: Profile, name: str, begin: str, end: str) -> CountsCharge:
    """Expect that a quantity changes by the charge that flows between two marks."""
    energy, capacity_ah, factor = claimed(profile)
    counting = energy.state_of_charge.counts
    if name == REMAINING and energy.remaining_capacity is not None:
        resolution_ah, ah_per_unit = energy.remaining_capacity.resolution_ah, 1.0
    else:
        ah_per_unit, resolution_ah = capacity_ah * factor, capacity_ah * SOC_STEP
    return CountsCharge(
        quantity=name,
        signal=signals_of(profile)[name],
        ah_per_unit=ah_per_unit,
        accuracy_a=counting.accuracy_a,
        relative=counting.relative,
        resolution_ah=resolution_ah,
        begin=begin,
        end=end,
    )
