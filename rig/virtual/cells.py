"""Cells as equivalent circuits: OCV, R0 and RC pairs. Must not know kernels, nets or instruments.

Charge current is positive, `V = OCV(s) + I R0 + sum(v_i)`; a step is exact for a constant current:
`v_i <- a v_i + R_i (1 - a) I` with `a = exp(-dt / tau_i)`. Figures and their sources stand beside
them; [u] marks what could not be traced to a primary source.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from random import Random
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["CALB_58AH", "LFP_20AH", "NMC_20AH", "CellString", "Chemistry", "RcPair"]

_VECTORISE_ABOVE = 32  # cells; below, plain Python beats numpy's cost per call
_STEP_S = 10.0  # longest step over which the parameters may stay those of its beginning

_Number: TypeAlias = "float | NDArray[np.float64]"


@dataclass(frozen=True, slots=True)
class RcPair:
    """One RC pair over the state of charge."""

    ohms: tuple[float, ...]
    tau_s: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chemistry:
    """What one kind of cell is made of, over an axis of states of charge from 0 to 1.

    Attributes
    ----------
    r0_factor : tuple of (temperature in degC, factor)
        R0 relative to 25 degC, interpolated in its logarithm, constant beyond the ends.
    """

    name: str
    source: str
    capacity_ah: float
    soc: tuple[float, ...]
    ocv_v: tuple[float, ...]
    r0_ohms: tuple[float, ...]
    pairs: tuple[RcPair, ...]
    r0_factor: tuple[tuple[float, float], ...]

    def resized(self, capacity_ah: float, name: str) -> Chemistry:
        """Scale to another capacity: resistances go with its inverse, time constants stay."""
        by = self.capacity_ah / capacity_ah
        pairs = tuple(RcPair(tuple(r * by for r in pair.ohms), pair.tau_s) for pair in self.pairs)
        r0_ohms = tuple(r * by for r in self.r0_ohms)
        return replace(self, name=name, capacity_ah=capacity_ah, r0_ohms=r0_ohms, pairs=pairs)

    def r0_factor_at(self, temperature_c: float) -> float:
        """Tell how much larger R0 is than at 25 degC."""
        axis, factors = zip(*self.r0_factor, strict=True)
        return math.exp(float(np.interp(temperature_c, axis, np.log(factors))))


_AXIS_11 = tuple(i / 10 for i in range(11))
_AXIS_21 = tuple(i / 20 for i in range(21))


def _rising(*by_falling_soc: float) -> tuple[float, ...]:
    return tuple(reversed(by_falling_soc))


def _milli(*by_falling_soc: float) -> tuple[float, ...]:
    return tuple(value / 1e3 for value in reversed(by_falling_soc))


# 11 cells of CALB L148N58A: R0 1.958, 1.147 and 0.835 mOhm at 10, 25 and 40 degC.
_R0_FACTOR = ((10.0, 1.958 / 1.147), (25.0, 1.0), (40.0, 0.835 / 1.147))

CALB_58AH = Chemistry(
    name="NMC811, CALB L148N58A, 58 Ah, cell 59627, 25 degC, 3 RC",
    source="birol91/calb-3rc-param-extraction all_cell_params.json, fit of a public data set",
    capacity_ah=53.4357,
    soc=_AXIS_11,
    ocv_v=_rising(
        4.1959, 4.0763, 3.9631, 3.8527, 3.7382, 3.6736, 3.6337, 3.5916, 3.5323, 3.4626, 2.5000
    ),
    r0_ohms=_milli(
        1.0446, 1.0323, 1.0280, 1.0300, 1.0312, 1.0374, 1.0456, 1.0606, 1.0861, 1.1617, 1.1617
    ),
    pairs=(
        RcPair(
            _milli(
                0.1256,
                0.1619,
                0.1606,
                0.1414,
                0.1088,
                0.0993,
                0.0969,
                0.1089,
                0.1481,
                *[0.2195] * 2,
            ),
            _rising(2.4, 2.9, 3.0, 3.1, 3.1, 3.0, 2.9, 3.0, 3.5, 3.5, 3.5),
        ),
        RcPair(
            _milli(
                0.1573,
                0.1955,
                0.1966,
                0.1850,
                0.1590,
                0.1460,
                0.1475,
                0.1564,
                0.2083,
                *[0.3261] * 2,
            ),
            _rising(20.0, 27.0, 27.0, 27.0, 26.0, 25.0, 24.0, 24.0, 26.0, 25.0, 25.0),
        ),
        RcPair(
            _milli(
                0.0532,
                0.0386,
                0.0605,
                0.0619,
                0.0444,
                0.0603,
                0.0639,
                0.0670,
                0.0754,
                *[0.1056] * 2,
            ),
            _rising(74.0, 141.0, 148.0, 176.0, 159.0, 153.0, 158.0, 129.0, 135.0, 196.0, 196.0),
        ),
    ),
    r0_factor=_R0_FACTOR,
)

NMC_20AH = replace(
    CALB_58AH.resized(20.0, "NMC, 20 Ah, 2 RC"),
    source="OCV: LibreSolar/bms-firmware; R0 and the two faster pairs: CALB_58AH scaled to 20 Ah",
    soc=_AXIS_11,
    # every second point of the table in steps of 5 %
    ocv_v=_rising(4.198, 4.089, 4.026, 3.962, 3.883, 3.838, 3.803, 3.764, 3.726, 3.684, 2.800),
    pairs=CALB_58AH.resized(20.0, "").pairs[:2],
)

# A123 ANR26650M1B, 2.5 Ah: R0 8.0 mOhm, R1 6.0 mOhm, 180 s (after Nejad et al. 2016 [u]), scaled to
# 20 Ah. The faster pair has the share of R0 and the time constant of CALB_58AH at 50 % [u].
_LFP_R0 = 8.0e-3 * 2.5 / 20.0

LFP_20AH = Chemistry(
    name="LFP, 20 Ah, 2 RC",
    source="OCV: LibreSolar/bms-firmware (Apache-2.0); R0, slow pair: A123 ANR26650M1B scaled [u]",
    capacity_ah=20.0,
    soc=_AXIS_21,
    ocv_v=_rising(
        *(3.392, 3.314, 3.309, 3.308, 3.304, 3.296, 3.283, 3.275, 3.271, 3.268, 3.265),
        *(3.264, 3.262, 3.252, 3.240, 3.226, 3.213, 3.190, 3.177, 3.132, 2.833),
    ),
    r0_ohms=(_LFP_R0,) * 21,
    pairs=(
        RcPair((_LFP_R0 * 0.0993 / 1.0374,) * 21, (3.0,) * 21),
        RcPair((6.0e-3 * 2.5 / 20.0,) * 21, (180.0,) * 21),
    ),
    r0_factor=_R0_FACTOR,  # of NMC; for LFP no figures were found [u]
)


class _Table:
    """A column over the state of charge, extended by the slopes at its ends."""

    __slots__ = ("_axis", "_flat", "_values")

    def __init__(self, axis: tuple[float, ...], values: tuple[float, ...]) -> None:
        self._axis, self._values = axis, values
        self._flat = len(set(values)) == 1

    def at(self, soc: float) -> float:
        if self._flat:
            return self._values[0]
        axis, values = self._axis, self._values
        i = min(max(bisect_right(axis, soc) - 1, 0), len(axis) - 2)
        return values[i] + (values[i + 1] - values[i]) * (soc - axis[i]) / (axis[i + 1] - axis[i])

    def at_all(self, soc: NDArray[np.float64]) -> NDArray[np.float64]:
        axis, values = np.array(self._axis), np.array(self._values)
        i = np.clip(np.searchsorted(axis, soc, side="right") - 1, 0, len(axis) - 2)
        share = (soc - axis[i]) / (axis[i + 1] - axis[i])
        result: NDArray[np.float64] = values[i] + (values[i + 1] - values[i]) * share
        return result


class _Cells:
    """State and step of one cell (floats) or of many (arrays): the same formulas for both."""

    def __init__(
        self, chemistry: Chemistry, soc: _Number, capacity_ah: _Number, r0_share: _Number
    ) -> None:
        axis = chemistry.soc
        self.soc = soc
        self.polarisation: list[_Number] = [0.0 for _ in chemistry.pairs]
        self._capacity_as = capacity_ah * 3600.0
        self._r0_share = r0_share
        self._ocv = self._reader(_Table(axis, chemistry.ocv_v))
        self._r0 = self._reader(_Table(axis, chemistry.r0_ohms))
        self._pairs = [
            (self._reader(_Table(axis, pair.ohms)), self._reader(_Table(axis, pair.tau_s)))
            for pair in chemistry.pairs
        ]

    def _reader(self, table: _Table) -> Callable[[_Number], _Number]:
        reader: Callable[..., _Number] = (
            table.at_all if isinstance(self.soc, np.ndarray) else table.at
        )
        return reader

    def step(self, amps: float, duration_s: float) -> None:
        exp: Callable[..., _Number] = np.exp if isinstance(self.soc, np.ndarray) else math.exp
        for i, (ohms, tau_s) in enumerate(self._pairs):
            a = exp(-duration_s / tau_s(self.soc))
            self.polarisation[i] = a * self.polarisation[i] + ohms(self.soc) * (1.0 - a) * amps
        self.soc = self.soc + amps * duration_s / self._capacity_as

    def emf_v(self) -> _Number:
        return self._ocv(self.soc) + sum(self.polarisation)

    def r0_ohms(self) -> _Number:
        return self._r0(self.soc) * self._r0_share


class CellString:
    """Cells in series, all carrying the same current (charge positive).

    Parameters
    ----------
    chemistry : Chemistry
    count : int
    soc : float
        The state of charge that all start from, 0 to 1.
    spread : Random, optional
        Draws what sets one cell apart: ±1 % of capacity, ±3 % of R0, ±0.5 % of state of charge.
    """

    def __init__(
        self, chemistry: Chemistry, count: int, *, soc: float = 0.5, spread: Random | None = None
    ) -> None:
        self.chemistry, self.count = chemistry, count
        self.temperature_c = 25.0

        def draw(half_width: float) -> float:
            return spread.uniform(-half_width, half_width) if spread else 0.0

        drawn = [
            (
                soc + draw(0.005),
                chemistry.capacity_ah * (1.0 + draw(0.01)),
                1.0 + draw(0.03),
            )
            for _ in range(count)
        ]
        if count > _VECTORISE_ABOVE:
            self._cells = [_Cells(chemistry, *np.array(drawn).T.copy())]
        else:
            self._cells = [_Cells(chemistry, *cell) for cell in drawn]

    def step(self, amps: float, duration_s: float) -> None:
        """Carry a constant current for a while."""
        # At rest nothing moves along the tables, so that any rest is one exact step.
        steps = max(1, math.ceil(duration_s / _STEP_S)) if amps else 1
        for _ in range(steps):
            for cells in self._cells:
                cells.step(amps, duration_s / steps)

    def emf_v(self) -> float:
        """Tell the string's voltage behind its R0: OCV and polarisation."""
        return _total(cells.emf_v() for cells in self._cells)

    def r0_ohms(self) -> float:
        """Tell the string's R0 at its temperature."""
        factor = self.chemistry.r0_factor_at(self.temperature_c)
        return factor * _total(cells.r0_ohms() for cells in self._cells)

    def voltages_v(self, amps: float = 0.0) -> NDArray[np.float64]:
        """Tell each cell's terminal voltage in V, shape (cells,), while `amps` flow in."""
        factor = self.chemistry.r0_factor_at(self.temperature_c)
        parts = [cells.emf_v() + amps * factor * cells.r0_ohms() for cells in self._cells]
        return np.concatenate([np.atleast_1d(part) for part in parts])

    def polarisation_v(self) -> float:
        """Tell the largest voltage on any RC pair: how far from rest the string is."""
        pairs = (v for cells in self._cells for v in cells.polarisation)
        return float(max(abs(v) if isinstance(v, float) else np.abs(v).max() for v in pairs))

    def soc(self) -> NDArray[np.float64]:
        """Tell each cell's state of charge, 0 to 1, shape (cells,)."""
        return np.concatenate([np.atleast_1d(cells.soc) for cells in self._cells])


def _total(parts: Iterable[_Number]) -> float:
    # A few cells are plain floats, whose sum takes numpy ten times as long.
    return float(sum(part if isinstance(part, float) else part.sum() for part in parts))
