"""Cells against the vectors of the measurement reference, section 6."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.virtual.cells import CALB_58AH, LFP_20AH, NMC_20AH, CellString, Chemistry, RcPair
from rig.virtual.seeds import stream

_FLAT = (0.0, 1.0)
_BOTH = pytest.mark.parametrize("chemistry", [LFP_20AH, NMC_20AH], ids=lambda c: c.name)


def _held(ocv_v: float, r0: float, *pairs: tuple[float, float], amp_hours: float) -> Chemistry:
    """A cell whose parameters do not move with its state of charge."""
    return replace(
        CALB_58AH,
        capacity_ah=amp_hours,
        soc=_FLAT,
        ocv_v=(ocv_v,) * 2,
        r0_ohms=(r0,) * 2,
        pairs=tuple(RcPair((ohms,) * 2, (tau_s,) * 2) for ohms, tau_s in pairs),
    )


def test_nmc_follows_the_vector_of_the_58_ah_cell() -> None:
    cell = _held(
        3.67357,
        1.03739e-3,
        (9.93330e-5, 3.02677),
        (1.45959e-4, 25.4010),
        (6.03309e-5, 153.386),
        amp_hours=53.4357,
    )
    string, seen = CellString(cell, 1), list[float]()
    for duration_s in (0.0, 1.0, 9.0, 50.0):
        string.step(-53.44, duration_s)
        seen.append(float(string.voltages_v(-53.44)[0]))
    assert seen == pytest.approx([3.61813, 3.61632, 3.61028, 3.60471], abs=6e-6)


def test_lfp_follows_the_vector_of_the_2_5_ah_cell() -> None:
    string = CellString(_held(3.3, 8.0e-3, (6.0e-3, 180.0), amp_hours=2.5), 1)
    drops = list[float]()
    for duration_s in (0.0, 10.0, 170.0):
        string.step(-2.5, duration_s)
        drops.append(3.3 - float(string.voltages_v(-2.5)[0]))
    assert drops == pytest.approx([0.0200000, 0.0208106, 0.0294818], abs=5e-8)


def test_the_exact_step_has_the_factors_of_the_reference() -> None:
    string = CellString(_held(0.0, 0.0, (9.93330e-5, 3.02677), amp_hours=50.0), 1)
    string.step(1.0, 0.1)
    assert string.emf_v() == pytest.approx(3.22819e-6, rel=1e-5)


@_BOTH
def test_the_tables_run_from_empty_to_full(chemistry: Chemistry) -> None:
    lengths = {len(chemistry.soc), len(chemistry.ocv_v), len(chemistry.r0_ohms)}
    lengths |= {len(column) for pair in chemistry.pairs for column in (pair.ohms, pair.tau_s)}
    assert len(lengths) == 1
    assert len(chemistry.pairs) == 2
    assert (np.diff(chemistry.ocv_v) > 0).all()
    assert (chemistry.soc[0], chemistry.soc[-1]) == (0.0, 1.0)


def test_known_points_of_the_tables_come_back() -> None:
    assert CellString(LFP_20AH, 1, soc=0.5).emf_v() == pytest.approx(3.265)
    assert CellString(NMC_20AH, 1, soc=0.9).emf_v() == pytest.approx(4.089)
    assert CellString(CALB_58AH, 1, soc=0.2).emf_v() == pytest.approx(3.5323)


@pytest.mark.parametrize(("celsius", "milliohms"), [(10.0, 1.958), (25.0, 1.147), (40.0, 0.835)])
def test_r0_follows_the_temperature_as_eleven_cells_did(celsius: float, milliohms: float) -> None:
    assert 1.147 * CALB_58AH.r0_factor_at(celsius) == pytest.approx(milliohms)


@_BOTH
@given(amps=st.floats(-60, 60), hours=st.floats(0.0, 0.1))
def test_charge_is_counted(chemistry: Chemistry, amps: float, hours: float) -> None:
    string = CellString(chemistry, 2)
    string.step(amps, hours * 3600.0)
    assert string.soc() == pytest.approx([0.5 + amps * hours / 20.0] * 2, abs=1e-9)


@_BOTH
def test_many_cells_as_arrays_are_what_they_are_one_by_one(chemistry: Chemistry) -> None:
    few = CellString(chemistry, 32, spread=stream(1, "pack"))
    many = CellString(chemistry, 64, spread=stream(1, "pack"))
    for amps, duration_s in ((15.0, 95.0), (0.0, 30.0), (-40.0, 7.0)):
        few.step(amps, duration_s)
        many.step(amps, duration_s)
    assert many.voltages_v(-40.0)[:32] == pytest.approx(few.voltages_v(-40.0), abs=1e-12)
    assert many.emf_v() > few.emf_v()


@_BOTH
def test_a_rest_brings_the_open_circuit_voltage_back(chemistry: Chemistry) -> None:
    string = CellString(chemistry, 4, soc=0.55)
    string.step(20.0, 60.0)
    assert string.polarisation_v() > 1e-3
    string.step(0.0, 3600.0)
    at_rest = CellString(chemistry, 4, soc=float(string.soc()[0]))
    assert string.emf_v() == pytest.approx(at_rest.emf_v(), abs=1e-6)


@given(st.floats(1.0, 40.0))
def test_one_long_step_is_many_short_ones(amps: float) -> None:
    long, short = CellString(LFP_20AH, 1), CellString(LFP_20AH, 1)
    long.step(amps, 60.0)
    for _ in range(600):
        short.step(amps, 0.1)
    assert long.emf_v() == pytest.approx(short.emf_v(), abs=1e-4)
