"""What a case needs beyond its steps and expectations: its outputs, its record, its length.

The record is as fine as the tightest time limit asks for and as long as the steps can take.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import Any

from rig.case import Capture, Case
from rig.dut.claims import known, requirements_of
from rig.dut.profile import Profile
from rig.expectations.expectation import Around, Needs
from rig.facts import DbcFile, DutFacts, Output, StartClaims
from rig.quantities import CURRENT, TEMPERATURE, kind_of
from rig.steps import Step
from rig.steps.hold import Hold

_PER_WINDOW = 1000  # samples in the tightest time window, so that sampling is no issue there
_FINEST_S = 1e-6  # between two samples, however tight the window
_COARSEST_S = 1e-3  # likewise, however wide
_MOST_SAMPLES = 150_000  # a channel; beyond it the record gets coarser
_PER_CAUSE = 6  # samples, at the least, in a current that its own trip ends: fewer are a spike
_TAIL_S = 0.2  # after the last step, so that the record outlasts it


def complete(case: Case, profile: Profile) -> Case:
    """Fill in outputs, capture, duration and facts of the BMS; what is complete stays as it is."""
    needs = [wanted.needs() for wanted in case.expectations]
    recorded = [name for need in needs for name in need.outputs]
    metered = [name for wanted in case.expectations for name in wanted.metered(profile)]
    outputs = {name: _output(profile, name) for name in dict.fromkeys((*recorded, *metered))}
    steps = _seen_steady(case.steps, outputs.values())
    duration_s = sum(step.longest_s() for step in steps) + _TAIL_S
    return replace(
        case,
        steps=steps,
        outputs=outputs,
        dut=dut_facts(profile),
        capture=_capture(case, needs, profile, duration_s),
        duration_s=duration_s,
        **_claimed(case, profile),
    )


def _dbcs(profile: Profile) -> dict[str, DbcFile]:
    return {
        name: DbcFile(
            name=PurePath(bus.dbc).name, id_step=bus.modules.id_step if bus.modules else 0
        )
        for name, bus in profile.dbcs.items()
    }


def _claimed(case: Case, profile: Profile) -> dict[str, Any]:
    """Let each expectation name what it answers: what was said, else what its kind tells."""
    around = around_of(case, profile)
    answering = [known(profile, e.claims or e.answers(around)) for e in case.expectations]
    pairs = zip(case.expectations, answering, strict=True)
    whole = known(profile, case.claims)
    every = dict.fromkeys((*whole, *(name for names in answering for name in names)))
    return {
        "expectations": tuple(
            e if e.claims == names else replace(e, claims=names) for e, names in pairs
        ),
        "claims": whole,
        "requirements": requirements_of(profile, every),
    }


def around_of(case: Case, profile: Profile) -> Around:
    """Give what the expectations of a case see of it."""
    at = case.parameters.get("at")
    return Around(profile=profile, name=case.protection, at=at, steps=case.steps)


def _output(profile: Profile, name: str) -> Output:
    pin = profile.outputs[name]
    return Output(closed_above=pin.closed_above_v, steady_s=pin.steady_s)


def dut_facts(profile: Profile) -> DutFacts:
    """Give the claims that hold for every case."""
    return DutFacts(
        cells=profile.cells.count,
        periods=profile.periods,
        dbcs=_dbcs(profile),
        prints_every_s=profile.console.every_s if profile.console else None,
        start=_start(profile),
    )


def _start(profile: Profile) -> StartClaims:
    start, contactors = profile.start, profile.contactors
    only_asked = contactors.both if contactors else ()
    return StartClaims(
        ready=profile.console.ready if profile.console else None,
        ready_within_s=start.ready_within_s,
        closes=tuple(start.closes),
        closed_within_s=start.closed_within_s,
        outputs={name: _output(profile, name) for name in (*start.closes, *only_asked)},
        only_asked=only_asked,
        overlap_s=contactors.overlap.low if contactors else 0.0,
        supply_v=profile.nominal_values.get("supply"),
        cells_v=profile.nominal.cells_v,
    )


def _seen_steady(steps: tuple[Step, ...], outputs: Iterable[Output]) -> tuple[Step, ...]:
    """A lamp counts as on only after a steady while, which the record must have seen."""
    steady_s = max((output.steady_s for output in outputs), default=0.0)
    ahead = (Hold(duration_s=1.2 * steady_s),) if steady_s else ()
    return steps if steps[: len(ahead)] == ahead else (*ahead, *steps)


def _capture(
    case: Case, needs: Sequence[Needs], profile: Profile, duration_s: float
) -> Capture | None:
    """Record what is judged by its waveform, and what makes that understandable."""
    outputs = [name for need in needs for name in need.outputs]
    crossed = (name for need in needs for name in need.quantities)
    quantities = [name for name in crossed if kind_of(name) is not TEMPERATURE]
    if not outputs and not quantities:
        return None
    if profile.has_current and outputs:
        quantities.append(CURRENT.word)
    interval_s = max(_interval_s(needs), duration_s / _MOST_SAMPLES)
    interval_s = min(interval_s, _briefest_s(case, profile) / _PER_CAUSE)
    return Capture(
        quantities=tuple(dict.fromkeys([*quantities, *outputs])),
        duration_s=duration_s,
        interval_s=interval_s,
    )


def _briefest_s(case: Case, profile: Profile) -> float:
    """Return how long a current lasts at the least that the case's protection ends."""
    protection = profile.protections.get(case.protection or "")
    if protection is None or protection.delay is None or protection.unit != "A":
        return math.inf
    return protection.delay.low or math.inf


def _interval_s(needs: Iterable[Needs]) -> float:
    finest = min((need.window_s for need in needs), default=math.inf) / _PER_WINDOW
    return min(max(finest, _FINEST_S), _COARSEST_S)
