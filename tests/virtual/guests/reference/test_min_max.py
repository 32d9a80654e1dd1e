"""Lowest and highest, whatever the order and however many values are missing."""

from __future__ import annotations

import math

from hypothesis import example, given
from hypothesis import strategies as st

from rig.virtual.guests.reference.afe import Readings
from rig.virtual.guests.reference.min_max import MinMax

VALUES = st.lists(st.one_of(st.floats(-50.0, 90.0), st.just(math.nan)), min_size=1, max_size=16)


@given(VALUES)
@example([1.0, 2.0, 3.0])
@example([3.0, 2.0, 1.0])
@example([math.nan])
def test_they_are_those_of_the_valid_values(values: list[float]) -> None:
    min_max = MinMax()

    min_max.look(Readings(cells_v=values, temperatures_degc=values[::-1], sensors_open=[],
                           sensors_short=[]))  # fmt: skip

    valid = [value for value in values if not math.isnan(value)]
    wanted = (min(valid), max(valid)) if valid else None
    for found in (min_max.cells_v, min_max.temperatures_degc):
        assert found == wanted if wanted else all(map(math.isnan, found))
