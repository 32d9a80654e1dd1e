"""Which of the claims a run looked at: from its frozen profile and plans and its decided cases.

Nothing is stored for it, so that an older run can be asked too. Must not change what it reads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from rig.case import Case
from rig.dut.profile import Profile, load_profile
from rig.errors import RigError
from rig.evidence.run import Run
from rig.judge.verdict import Verdict
from rig.plan.coverage import claimed, left_out, untested
from rig.plan.expand import expand
from rig.plan.model import PlanFile, load_plan


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimCoverage:
    """What was claimed, and what became of it."""

    claimed: tuple[str, ...]
    not_looked_at: tuple[str, ...]  # by no case, and no plan says why
    left_out: Mapping[str, str]  # by the plans, with their reasons


def claim_coverage_of(run: Run) -> ClaimCoverage | None:
    """Tell what a run's passed and failed cases looked at; None: its profile can't be read."""
    inputs = run.path / "inputs"
    try:
        profile = load_profile(inputs / "profile.yaml", stored=True)
    except (RigError, OSError):
        return None
    decided = {Verdict.PASS, Verdict.FAIL}
    cases = [c.case for c in run.cases if c.verdict in decided]
    if not any(expectation.claims for case in cases for expectation in case.expectations):
        made = _made_today(inputs, profile)
        cases = [made.get(case.id, case) for case in cases]
    open_ = untested(profile, cases)
    reasons = {p: why for p, why in _reasons(inputs, profile).items() if p in open_}
    return ClaimCoverage(
        claimed=tuple(claimed(profile)),
        not_looked_at=tuple(p for p in open_ if p not in reasons),
        left_out=reasons,
    )


def _reasons(inputs: Path, profile: Profile) -> dict[str, str]:
    reasons: dict[str, str] = {}
    for plan in _plans(inputs):
        reasons |= left_out(plan.leaves_out, profile)
    return reasons


def _made_today(inputs: Path, profile: Profile) -> dict[str, Case]:
    """Make the cases of the plans again: those of before claims were stored name none."""
    made: dict[str, Case] = {}
    for plan in _plans(inputs):
        try:
            made |= {case.id: case for case in expand(plan, profile, 0)}
        except RigError:
            continue  # what it was then, nobody can make today
    return made


def _plans(inputs: Path) -> Iterator[PlanFile]:
    for path in sorted((inputs / "plans").rglob("*.y*ml")):
        try:
            yield load_plan(path, stored=True)
        except (RigError, OSError):
            continue  # a plan that can't be read gives no reason
