"""No verdict hangs on the phase at which a BMS happens to boot."""

from __future__ import annotations

from pathlib import Path

import pytest

from rig.bench.description import load_bench
from rig.dut.profile import load_profile
from rig.lanes import Lane, LaneSetup
from rig.plan.expand import expand
from rig.plan.model import load_plan
from tests.boot_phases import PHASES

_FILE = Path(__file__).with_name("boot_phases.py").as_posix()


def verdicts(dut: str, plan: str, build: str, starting: tuple[str, ...]) -> dict[str, str]:
    """Give the verdict of each case whose id begins so, on a build."""
    profile = load_profile(dut)
    cases = [
        case
        for case in expand(load_plan(Path("testplans") / plan), profile, 1)
        if case.id.startswith(starting)
    ]
    bench = load_bench(f"virtual-{dut}")
    with Lane(LaneSetup(bench=bench, profile=profile, seed=1, variant=build)) as lane:
        return {case.id: lane.run(case)[0].verdict for case in cases}


@pytest.mark.parametrize("phase", range(1, PHASES, 2))
@pytest.mark.parametrize(
    ("dut", "plan", "build", "starting"),
    [
        pytest.param(
            "pbmslsuite-o",
            "pbmslsuite-o.yaml",
            "divider+",
            ("balancing[", "telemetry[", "start_with_fault[OT", "start_with_fault[UT", "hold[UT"),
            id="pbmslsuite-o",
        ),
        pytest.param(
            "esp32-4s",
            "release.yaml",
            "",
            (
                "balancing[",
                "min_max_report[",
                "reports_while_bleeding[",
                "from_cells[",
                "telemetry[",
            ),
            id="esp32-4s",
        ),
        pytest.param(
            "esp32-16s",
            "release-16s.yaml",
            "",
            (
                "balancing[",
                "min_max_report[",
                "reports_while_bleeding[",
                "from_cells[",
                "telemetry[",
            ),
            id="esp32-16s",
        ),
    ],
)
def test_every_boot_phase_gives_the_same_verdicts(
    dut: str, plan: str, build: str, starting: tuple[str, ...], phase: int
) -> None:
    found = verdicts(dut, plan, f"{build}{_FILE}:phase-{phase}", starting)

    assert found
    assert {case_id: verdict for case_id, verdict in found.items() if verdict != "pass"} == {}
