"""A stimulus shorter than the BMS's own period is given so often that none goes unseen."""

from __future__ import annotations

from pathlib import Path

import pytest

from rig.bench.description import load_bench
from rig.dut.profile import load_profile
from rig.judge.verdict import Verdict
from rig.lanes import Lane, LaneSetup
from rig.plan.expand import expand
from rig.plan.model import load_plan
from tests.boot_phases import PHASES

_PLAN = Path("testplans/pbmslsuite-o.yaml")
_PHASES_FILE = Path(__file__).with_name("boot_phases.py").as_posix()


@pytest.mark.parametrize("part", ["spike-of-the-temperature", "half-a-second-below"])
def test_a_missing_or_shorter_average_is_found_at_every_phase(part: str) -> None:
    """Its code averages five samples and no temperature, where its documents claim eight."""
    profile, bench = load_profile("pbmslsuite-o"), load_bench("virtual-pbmslsuite-o")
    found = {}
    for n in range(PHASES):
        [case] = [c for c in expand(load_plan(_PLAN), profile, n + 1) if part in c.id]
        build = f"divider+{_PHASES_FILE}:phase-{n}"
        with Lane(LaneSetup(bench=bench, profile=profile, seed=n + 1, variant=build)) as lane:
            found[n] = lane.run(case)[0].verdict

    assert {phase: v for phase, v in found.items() if v is not Verdict.FAIL} == {}
