"""How far a corrected record may be off: near the levels of its correction, and far from them."""

from __future__ import annotations

import numpy as np
import pytest

from rig.bench.recorder import Correction

CORRECTION = Correction(accuracy=0.002, low=2.8, high=3.5, slope_error=0.005)


@pytest.mark.parametrize(
    ("values", "accuracy"),
    [
        pytest.param([2.8, 3.3, 3.5], 0.002, id="between its levels"),
        pytest.param([3.3, 4.5], 0.002 + 0.005, id="1 V above"),
        pytest.param([0.8, 3.3], 0.002 + 0.01, id="2 V below"),
        pytest.param([0.8, 4.5], 0.002 + 0.01, id="the furthest sample counts"),
        pytest.param([], 0.002, id="no sample"),
    ],
)
def test_a_record_is_as_good_as_its_sample_furthest_from_the_correction(
    values: list[float], accuracy: float
) -> None:
    assert CORRECTION.accuracy_over(np.array(values)) == pytest.approx(accuracy)


def test_what_was_never_compared_is_known_by_its_data_sheet_alone() -> None:
    assert Correction().accuracy_over(np.array([3.3])) == np.inf
