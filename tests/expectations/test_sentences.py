"""The one sentence of an expectation: findings, reports and the terminal show the same."""

from __future__ import annotations

import pytest

from rig.can_address import SignalAddress
from rig.expectations import Expectation
from rig.expectations.balances import Balances
from rig.expectations.signal_becomes import SignalBecomes
from rig.expectations.stays import Stays
from rig.expectations.trips import Trips
from rig.time_reference import Crossing

CROSSED = Crossing(quantity="cell 3", level=3.65, rising=True)


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        (
            Trips(output="charge path", since=CROSSED, low_s=0.9, high_s=1.1),
            "charge path opens 0.900 s to 1.100 s after cell 3 rises above 3.650 V",
        ),
        (
            SignalBecomes(signal=SignalAddress("M.OV"), value=1, since=CROSSED, high_s=0.15),
            "M.OV becomes 1 at most 150.0 ms after cell 3 rises above 3.650 V",
        ),
        (Balances(cells=(), at="rest"), "at 'rest' no cell bleeds"),
        (Balances(cells=(1, 4), at="rest"), "at 'rest' just cells 1, 4 bleed"),
        (
            Stays(output="led", is_open=False, begin="a", end="b"),
            "led stays closed from 'a' to 'b'",
        ),
    ],
)
def test_an_expectation_is_told_as_a_sentence(wanted: Expectation, text: str) -> None:
    assert wanted.sentence() == text
