"""The thermistor simulator: resistance strings, open and short, relays that don't move together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.virtual.instruments import ThermistorSimulator
from rig.virtual.instruments.iet_prs import (
    ACCURACY,
    OPEN_OHM,
    SHORT_OHM,
    resistance_ohm,
)
from rig.virtual.signal import Signal
from tests.virtual.instruments.desk import MS, Desk


@pytest.fixture
def nets(desk: Desk) -> dict[int, Signal]:
    return {n: desk.net(f"ntc {n}", unit="ohm") for n in (1, 2)}


@pytest.fixture
def simulator(desk: Desk, nets: dict[int, Signal]) -> ThermistorSimulator:
    return ThermistorSimulator(desk.kernel, desk.clock, desk.rng(), channels=nets)


def test_a_resistance_string_counts_tenths_of_an_ohm(
    desk: Desk, simulator: ThermistorSimulator, nets: dict[int, Signal]
) -> None:
    desk.do(simulator, "SOUR:DATA 0000100000", "SOUR2:DATA 0000041605")

    assert abs(nets[1].value() - 10_000.0) <= ACCURACY.limit(10_000.0)
    assert abs(nets[2].value() - 4_160.5) <= ACCURACY.limit(4_160.5)
    assert desk.ask(simulator, "SOURCE2:DATA?") == "0000041605"


@pytest.mark.parametrize(("digit", "ohm"), [("1", OPEN_OHM), ("9", OPEN_OHM), ("2", SHORT_OHM)])
def test_the_decade_above_opens_or_shorts(
    desk: Desk, simulator: ThermistorSimulator, nets: dict[int, Signal], digit: str, ohm: float
) -> None:
    desk.do(simulator, "SOUR:DATA 0000100000", f"SOUR:DATA 00{digit}0100000")
    assert nets[1].value() == ohm

    desk.do(simulator, "SOUR:DATA 0000100000")

    assert abs(nets[1].value() - 10_000.0) <= ACCURACY.limit(10_000.0)


def test_every_decade_has_moved_two_milliseconds_later(
    desk: Desk, simulator: ThermistorSimulator, nets: dict[int, Signal]
) -> None:
    desk.do(simulator, "SOUR:DATA 0000099999")
    changes: list[int] = []
    nets[1].on_change(lambda: changes.append(desk.kernel.now_ns))

    desk.do(simulator, "SOUR:DATA 0000100000")

    assert len(changes) == 6
    assert changes[-1] - changes[0] < 2 * MS


@pytest.mark.parametrize("data", ["123", "00001000000", "12345678x0", "1e9"])
def test_what_is_no_resistance_string_is_refused(
    desk: Desk, simulator: ThermistorSimulator, data: str
) -> None:
    desk.do(simulator, f"SOUR:DATA {data}")

    assert not desk.ask(simulator, "SYST:ERR?").startswith("0,")
    assert desk.ask(simulator, "SOUR:DATA?") == "0000000000"


@given(st.integers(10, 9_999_999), st.integers(0, 1000))
def test_every_resistance_is_within_its_limit(tenths: int, seed: int) -> None:
    error = ACCURACY.draw(Desk.rng(seed))

    ohm = resistance_ohm(f"{tenths:010d}", error)

    assert abs(ohm - tenths / 10) <= ACCURACY.limit(tenths / 10) + 1e-9
