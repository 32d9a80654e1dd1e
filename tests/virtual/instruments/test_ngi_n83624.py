"""The cell emulator: NGI's dialect, and an output that moves as a real one does."""

import numpy as np
import pytest

from rig.virtual.instruments.ngi_n83624 import (
    READ_ACCURACY,
    READ_NOISE_V,
    SET_ACCURACY,
    SET_RESOLUTION_V,
    CellEmulator,
)
from rig.virtual.signal import Signal
from tests.virtual.instruments.desk import MS, Desk


class WiredEmulator:
    """An emulator with four cells wired."""

    def __init__(self, desk: Desk, seed: int = 1) -> None:
        self.cells = {n: desk.net(f"cell {n}") for n in range(1, 5)}
        self.amps = {n: desk.net(f"bleed {n}", unit="A") for n in range(1, 5)}
        self.broken: list[tuple[int, bool]] = []
        self.emulator = CellEmulator(
            desk.kernel,
            desk.clock,
            desk.rng(seed),
            channels=self.cells,
            currents=self.amps,
            open_relay=lambda n, is_open: self.broken.append((n, is_open)),
        )


@pytest.fixture
def bench(desk: Desk) -> WiredEmulator:
    return WiredEmulator(desk)


def test_it_says_who_it_is(desk: Desk, bench: WiredEmulator) -> None:
    assert desk.ask(bench.emulator, "*IDN?") == "NGI,N83624,0,V1.00"


def test_there_is_no_error_query(desk: Desk, bench: WiredEmulator) -> None:
    assert desk.ask_raw(bench.emulator, "SYST:ERR?") == b""


def test_a_list_sets_many_channels_and_reads_them_in_its_order(
    desk: Desk, bench: WiredEmulator
) -> None:
    desk.do(bench.emulator, "SOUR:VOLT 3.65(@1,3)", "SOUR2:VOLT 3.2")

    assert desk.numbers(bench.emulator, "SOUR:VOLT?(@3,2,1,4)") == [3.65, 3.2, 3.65, 0.0]


def test_ranges_in_a_list_are_refused_in_silence(desk: Desk, bench: WiredEmulator) -> None:
    desk.do(bench.emulator, "SOUR:VOLT 3.65(@1:3)", "SOUR25:VOLT 1", "SOUR1:VOLT 6.1")

    assert desk.numbers(bench.emulator, "SOUR:VOLT?(@1,2,3)") == [0.0, 0.0, 0.0]


def test_currents_are_in_milliamperes(desk: Desk, bench: WiredEmulator) -> None:
    bench.amps[1].jump(0.1)
    desk.do(bench.emulator, "SOUR1:VOLT 3.3", "OUTP1:ONOFF 1")

    assert desk.numbers(bench.emulator, "MEAS1:CURR?")[0] == pytest.approx(100.0, abs=2.0)
    assert desk.numbers(bench.emulator, "SOUR1:OUTCURR?") == [1000.0]


@pytest.mark.parametrize("seed", range(20))
def test_output_and_reading_keep_inside_the_data_sheet(desk: Desk, seed: int) -> None:
    bench = WiredEmulator(desk, seed)
    desk.do(bench.emulator, "SOUR:VOLT 3.65004(@1,2,3,4)", "OUTP:ONOFF 1(@1,2,3,4)")

    read = desk.numbers(bench.emulator, "MEAS:VOLT?(@1,2,3,4)")

    for n, cell in bench.cells.items():
        true = cell.value()
        assert abs(true - 3.65004) <= SET_ACCURACY.limit(3.65) + SET_RESOLUTION_V / 2
        assert abs(read[n - 1] - true) <= READ_ACCURACY.limit(true) + 5 * READ_NOISE_V + 5e-5


def test_a_step_slews_and_then_settles(desk: Desk, bench: WiredEmulator) -> None:
    desk.do(bench.emulator, "SOUR1:VOLT 3.0", "OUTP1:ONOFF 1", "SOUR1:VOLT 3.5")
    cell = bench.cells[1]
    middle_ns = cell.crossings(3.25, rising=True)[-1]

    volts = cell.sample(np.array([middle_ns - 100_000, middle_ns + 100_000]))

    assert (volts[1] - volts[0]) / 200e-6 == pytest.approx(500.0, rel=1e-3)
    assert cell.value_at(middle_ns + 10 * MS) == pytest.approx(3.5, abs=1.1e-3)


def test_the_age_of_a_reading_is_hidden(desk: Desk, bench: WiredEmulator) -> None:
    desk.do(bench.emulator, "SOUR1:VOLT 3.0", "OUTP1:ONOFF 1", "MEAS1:CAPR 2", then_ms=2000)
    bench.emulator.receive(desk, "SOUR1:VOLT 3.5")

    readings = [desk.numbers(bench.emulator, "MEAS1:VOLT?")[0] for _ in range(60)]

    fresh = bench.cells[1].crossings(3.25, rising=True)[-1]
    assert readings[0] == pytest.approx(3.0, abs=2e-3)
    assert readings[-1] == pytest.approx(3.5, abs=2e-3)
    assert len(set(readings)) <= 1 + (desk.kernel.now_ns - fresh) // (480 * MS) + 1


def test_the_output_falls_when_it_goes_off(desk: Desk, bench: WiredEmulator) -> None:
    desk.do(bench.emulator, "SOUR1:VOLT 3.0", "OUTP1:ONOFF 1", "OUTP1:ONOFF 0")

    assert bench.cells[1].value() == pytest.approx(0.0, abs=1e-6)
    assert desk.ask(bench.emulator, "OUTP1:STAT?") == "0"


def test_a_mode_is_changed_only_with_the_output_off(desk: Desk, bench: WiredEmulator) -> None:
    desk.do(bench.emulator, "OUTP1:ONOFF 1", "OUTP1:MODE 1")
    assert desk.ask(bench.emulator, "OUTP1:MODE?") == "0"

    desk.do(bench.emulator, "OUTP1:ONOFF 0", "OUTP1:MODE 1")

    assert desk.ask(bench.emulator, "OUTP1:MODE?") == "1"


def test_charge_mode_has_a_series_resistance(desk: Desk, bench: WiredEmulator) -> None:
    desk.do(bench.emulator, "OUTP1:MODE 1", "CHAR1:VOLT 3.3", "CHAR1:R 100", "OUTP1:ONOFF 1")
    before = bench.cells[1].value()

    bench.amps[1].jump(1.0)
    desk.do(bench.emulator)

    assert before - bench.cells[1].value() == pytest.approx(0.1, abs=1e-3)


def test_a_current_beyond_the_limit_pulls_the_cell_down(desk: Desk, bench: WiredEmulator) -> None:
    desk.do(bench.emulator, "SOUR1:VOLT 3.0", "SOUR1:OUTCURR 100", "OUTP1:ONOFF 1")

    bench.amps[1].jump(0.2)
    desk.do(bench.emulator)

    assert bench.cells[1].value() == pytest.approx(1.5, abs=0.01)


def test_a_fault_relay_is_refused_while_the_terminals_live(
    desk: Desk, bench: WiredEmulator
) -> None:
    desk.do(bench.emulator, "SOUR1:VOLT 3.0", "OUTP1:ONOFF 1", "FAUL1:SIMU 1")

    assert bench.broken == []
    assert int(desk.ask(bench.emulator, "OUTP1:EVEN?")) & 1 << 5


def test_a_fault_relay_is_refused_outside_source_mode(desk: Desk, bench: WiredEmulator) -> None:
    desk.do(bench.emulator, "OUTP1:MODE 1", "FAUL1:SIMU 1")

    assert bench.broken == []
    assert int(desk.ask(bench.emulator, "OUTP1:EVEN?")) & 1 << 6


def test_a_dead_lead_is_opened_and_mended(desk: Desk, bench: WiredEmulator) -> None:
    desk.do(bench.emulator, "SOUR1:VOLT 3.0", "OUTP1:ONOFF 1", "OUTP1:ONOFF 0", "FAUL1:SIMU 1")
    desk.do(bench.emulator, "FAUL1:SIMU 0")

    assert bench.broken == [(1, True), (1, False)]


def test_reversed_polarity_is_negative_at_the_terminals(desk: Desk, bench: WiredEmulator) -> None:
    desk.do(bench.emulator, "FAUL1:SIMU 96", "SOUR1:VOLT 3.0", "OUTP1:ONOFF 1")

    assert bench.cells[1].value() == pytest.approx(-3.0, abs=2e-3)


def test_over_voltage_protection_switches_off_and_says_so(desk: Desk, bench: WiredEmulator) -> None:
    desk.do(bench.emulator, "PRO1:VOLT 3.6", "SOUR1:VOLT 3.0", "OUTP1:ONOFF 1", "SOUR1:VOLT 3.7")

    assert bench.cells[1].value() == pytest.approx(0.0, abs=1e-6)
    assert desk.ask(bench.emulator, "OUTP1:STAT?") == str(1 << 1)


def test_a_soc_table_is_followed_as_charge_is_drawn(desk: Desk, bench: WiredEmulator) -> None:
    rows = [(0.0, 3.0), (100.0, 3.2), (200.0, 3.3)]
    desk.do(bench.emulator, "OUTP1:MODE 3", "SOC1:EDIT:LENG 3")
    for step, (mah, volts) in enumerate(rows, 1):
        desk.do(bench.emulator, f"SOC1:EDIT:STEP {step}", f"SOC1:EDIT:Q {mah};VOLT {volts};R 50")
    desk.do(bench.emulator, "SOC1:EDIT:SVOL 3.2", "OUTP1:ONOFF 1")
    assert bench.cells[1].value() == pytest.approx(3.2, abs=2e-3)

    bench.amps[1].jump(1.0)
    desk.do(bench.emulator, then_ms=180_000)  # 1 A for 3 min = 50 mAh

    assert desk.numbers(bench.emulator, "SOC1:RUN:Q?")[0] == pytest.approx(50.0, abs=0.1)
    assert bench.cells[1].value() == pytest.approx(3.1 - 0.05, abs=2e-3)


def test_a_factory_reset_takes_ten_seconds(desk: Desk, bench: WiredEmulator) -> None:
    desk.do(bench.emulator, "SOUR1:VOLT 3.0", "OUTP1:ONOFF 1")
    start_ns = desk.kernel.now_ns

    assert desk.ask(bench.emulator, "*RST;*OPC?") == "1"

    assert desk.kernel.now_ns - start_ns >= 10_000 * MS
    assert desk.numbers(bench.emulator, "SOUR1:VOLT?") == [0.0]


def test_a_steady_cell_is_not_driven_anew_when_its_load_changes(
    desk: Desk, bench: WiredEmulator
) -> None:
    desk.do(bench.emulator, "SOUR1:VOLT 3.0", "OUTP1:ONOFF 1")
    changes: list[Signal] = []
    bench.cells[1].on_change(lambda: changes.append(bench.cells[1]))

    for _ in range(10):
        bench.amps[1].jump(0.1)
        bench.amps[1].jump(0.0)

    assert changes == []
