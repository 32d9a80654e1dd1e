"""What a YAML plan can't say: stimuli that are computed.

Run by ``pytest testplans/test_operating_range.py --dut esp32-4s``.

Needs a BMS with cell voltages; by default --dut esp32-4s on the virtual bench.
"""

from __future__ import annotations

import random

import pytest

from fixtures.bms import Bms
from rig.expectations.stays import Stays
from rig.plan.stimulus import just_inside, paths
from rig.steps import Step
from rig.steps.hold import Hold
from rig.steps.set import Set

pytestmark = pytest.mark.bms(traces_to=["SRS-001", "SRS-002"], severity="critical")


def _inside(bms: Bms) -> tuple[float, float]:
    """Range of cell voltage in which no protection may act."""
    levels = [p for p in bms.profile.protections.values() if p.watches == "cell voltage"]
    low = max(just_inside(p) for p in levels if p.direction == "below")
    high = min(just_inside(p) for p in levels if p.direction == "above")
    return low, high


def test_a_charge_with_a_knee_at_its_end_never_trips(bms: Bms) -> None:
    """Charge from empty to full, the cells spread by some millivolts as real ones do: no trip."""
    low, high = _inside(bms)
    spread = [0.0, 0.004, -0.006, 0.002]
    steps: list[Step] = []
    for i in range(60):
        soc = i / 59
        # A flat plateau between two steep ends: the shape of an LFP cell's charging voltage.
        mean = low + 0.02 + (high - low - 0.04) * (0.75 * soc**0.25 + 0.25 * soc**12)
        cells = zip(bms.profile.cell_names, spread, strict=False)
        steps.append(Set(values={cell: round(mean + d, 4) for cell, d in cells}))
        steps.append(Hold(duration_s=0.5))

    bms.check(steps, [Stays(output=path, is_open=False) for path in paths(bms.profile)])


def test_a_walk_at_random_inside_all_limits_never_trips(bms: Bms) -> None:
    """Two hundred operating points, drawn with the case's own seed: no trip."""
    low, high = _inside(bms)
    draw = random.Random(bms.seed)
    spread = 0.12  # V between cells, well inside the imbalance limit
    steps: list[Step] = []
    for _ in range(200):
        mean = draw.uniform(low + spread, high - spread)
        values = {c: round(mean + draw.uniform(-spread, spread), 4) for c in bms.profile.cell_names}
        steps += [Set(values=values), Hold(duration_s=draw.uniform(0.02, 0.3))]

    bms.check(steps, [Stays(output=path, is_open=False) for path in paths(bms.profile)])
