"""Shrinking: what is left is needed, and nothing that is needed is left out."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.bench.description import load_bench
from rig.case import Case
from rig.dut.profile import find_described, load_profile
from rig.judge.verdict import Finding, Judgement, Verdict
from rig.lanes import Lane, LaneSetup
from rig.plan.expand import expand
from rig.plan.model import load_plan
from rig.shrink import (
    Oracle,
    _fewer,
    _simpler,
    only,
    shrink,
    without_dither,
)
from rig.steps import Step
from rig.steps.conditions import OutputState
from rig.steps.hold import Hold
from rig.steps.ramp import Ramp
from rig.steps.random_phase import RandomPhase
from rig.steps.send import Send
from rig.steps.sequence import PlaySequence
from rig.steps.set import Set

ROOT = Path(__file__).parents[2]
PROFILE = load_profile(find_described("esp32-4s", "duts", "profile.yaml"))
NIGHTLY = {c.id: c for c in expand(load_plan(ROOT / "testplans" / "nightly.yaml"), PROFILE, 1)}
STEPS = [Hold(duration_s=float(n + 1)) for n in range(12)]


@given(st.sets(st.integers(0, 11), min_size=1))
def test_just_the_needed_steps_are_left(needed: set[int]) -> None:
    wanted = {STEPS[n] for n in needed}

    left = _fewer(list(STEPS), lambda steps: wanted <= set(steps))

    assert left == [step for step in STEPS if step in wanted]


@given(st.floats(0.05, 20.0))
def test_a_hold_is_shortened_for_as_long_as_it_still_fails(least_s: float) -> None:
    def tells(steps: Sequence[Step]) -> bool:
        return isinstance(steps[0], Hold) and steps[0].duration_s >= least_s

    [left] = _simpler([Hold(duration_s=30.0)], tells)

    assert isinstance(left, Hold)
    assert least_s <= left.duration_s <= max(1.3 * least_s, 0.06)


@pytest.mark.parametrize(
    "step",
    [
        Set(values={"cell 1": 3.0, "cell 2": 3.1}),
        Send(message="m", count=8),
        Ramp(
            quantity="cell 1",
            start=3.6,
            stop=3.7,
            step=0.01,
            dwell_s=1.0,
            until=OutputState(output="charge path", is_open=True),
        ),
    ],
    ids=lambda step: step.kind,
)
def test_every_simpler_form_is_another_step_of_its_kind(step: Step) -> None:
    forms = list(step.simpler())

    assert forms
    assert all(form != step and form.kind == step.kind for form in forms)


def test_random_waits_become_those_that_were_waited() -> None:
    case = NIGHTLY["trip[OVP-cell3-r1]"]

    fixed = without_dither(case)

    assert not any(isinstance(step, RandomPhase) for step in fixed.steps)
    assert fixed.steps == without_dither(case).steps
    assert len(fixed.steps) == len(case.steps)


def test_noise_before_a_random_wait_does_not_change_its_length() -> None:
    wait = RandomPhase(span_s=0.5, mark="waited")
    play = PlaySequence(quantity="cell 1", values=(3.3,), interval_s=0.02, times=3, noise=0.001)
    case = replace(NIGHTLY["trip[OVP-cell3-r1]"], expectations=(), steps=(play, wait))

    with a_lane(None) as lane:
        times = [lane.run(c)[1] for c in (case, without_dither(case))]

    waited = [t.markers["waited"] for t in times if t is not None]
    first, second = (m.time_ns - m.begin_ns for m in waited)
    assert abs(first - second) < 1e6


def a_lane(variant: str | None) -> Lane:
    bench = load_bench(find_described("virtual-esp32-4s", "benches"))
    return Lane(LaneSetup(bench=bench, profile=PROFILE, seed=1, variant=variant))


def judged(lane: Lane, case: Case) -> Verdict:
    return lane.run(case)[0].verdict


def test_what_is_left_fails_on_the_broken_firmware_and_passes_on_the_good_one() -> None:
    case = NIGHTLY["recovery[OVP-cell3]"]
    with a_lane("trips-on-one-sample") as broken, a_lane(None) as good:
        judgement, _ = broken.run(case)
        number = next(n for n, f in enumerate(judgement.findings) if f.verdict is Verdict.FAIL)
        oracle = Oracle(broken=broken, good=good, sentence=judgement.findings[number].sentence)
        found = shrink(only(without_dither(case), number, PROFILE), PROFILE, oracle)

        assert found.is_shortest
        assert found.is_compared
        assert len(found.case.steps) == 2  # set it, and wait
        assert judged(broken, found.case) is Verdict.FAIL
        assert judged(good, found.case) is Verdict.PASS


class FailsAt(Lane):
    """A lane without a bench, whose BMS fails where its tasks stand so."""

    seeds: Container[int] = range(10**9)

    def run(self, case: Case, following: Case | None = None) -> tuple[Judgement, None]:
        del following
        verdict = Verdict.FAIL if case.seed in self.seeds else Verdict.PASS
        found = Finding(expectation="", means="output", verdict=verdict, sentence="")
        judgement = Judgement(case_id=case.id, verdict=verdict, sentence="", findings=(found,))
        return judgement, None


class FailsOnce(FailsAt):
    seeds = (3,)


@pytest.mark.parametrize(("good", "tells"), [(FailsOnce, False), (None, True)])
def test_what_the_good_firmware_fails_at_one_phase_tells_nothing(
    good: type[Lane] | None, *, tells: bool
) -> None:
    setup = a_lane(None).setup
    oracle = Oracle(broken=FailsAt(setup), good=good(setup) if good else None, sentence="")

    assert oracle.tells_at_any_phase(replace(NIGHTLY["recovery[OVP-cell3]"], seed=0)) is tells


def test_a_search_that_may_try_nothing_leaves_the_case_as_it_is() -> None:
    case = replace(NIGHTLY["recovery[OVP-cell3]"])
    with a_lane("trips-on-one-sample") as broken:
        found = shrink(case, PROFILE, Oracle(broken=broken, good=None, sentence=""), most=0)

    assert found.case.steps == case.steps
    assert not found.is_shortest
