"""A family about lowest and highest: every cell and sensor in turn, in rising and falling order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rig.dut.profile import Profile, Report
from rig.expectations.telemetry_agrees import TelemetryAgrees, agrees
from rig.plan.families.draft import Draft, Options, family
from rig.plan.families.timing import SETTLED_S
from rig.quantity import Interval
from rig.steps import Step
from rig.steps.hold import Hold
from rig.steps.read import Read
from rig.steps.set import Set

_CELL_STEP_V = 0.04  # between neighbours; well above any accuracy, and no imbalance of four cells
_COLD_DEGC, _HOT_DEGC = -10.0, 40.0

_Both = tuple[Report | None, Report | None]  # of the lowest and of the highest


@family("min max report", was="extremes")
def min_max_report(profile: Profile, options: Options) -> Iterator[Draft]:  # noqa: ARG001
    """Make each cell and each sensor the highest in turn; who is lowest changes meanwhile."""
    reported = profile.telemetry
    yield from _of_cells(profile, (reported.lowest_cell, reported.highest_cell))
    yield from _of_sensors(profile, (reported.lowest_temperature, reported.highest_temperature))


def _of_cells(profile: Profile, reports: _Both) -> Iterator[Draft]:
    cells = profile.cell_names
    levels = _rising(profile.nominal.cells_v, len(cells) - 1)
    for at, highest in enumerate(cells if len(cells) > 1 and any(reports) else ()):
        others = [*cells[at + 1 :], *cells[:at]]
        orders = [
            dict(zip((highest, *order), levels, strict=True)) for order in (others, others[::-1])
        ]
        yield _draft(highest, orders, reports)


def _of_sensors(profile: Profile, reports: _Both) -> Iterator[Draft]:
    sensors = profile.temperature_names
    for hot in sensors if len(sensors) > 1 and any(reports) else ():
        stages = [
            {s: _between(profile, s, most if s == hot else _COLD_DEGC) for s in sensors}
            for most in (_HOT_DEGC, 0.0)
        ]
        yield _draft(hot, stages, reports)


def _rising(top_v: float, count: int) -> list[float]:
    """Voltages of their own for all cells: the highest, and the others' rising from the lowest."""
    part = min(1.0, 4 / max(count, 1))
    return [top_v, *(round(top_v - _CELL_STEP_V * (count - i) * part, 6) for i in range(count))]


def _between(profile: Profile, sensor: str, degc: float) -> float:
    allowed: Interval = profile.allowed(sensor)
    return min(max(degc, allowed.low), allowed.high)


def _draft(highest: str, stages: Sequence[Mapping[str, float]], reports: _Both) -> Draft:
    lowest = [min(values, key=lambda q: values[q]) for values in stages]
    steps: list[Step] = []
    for values, least in zip(stages, lowest, strict=True):
        read = Read(quantities=(least, highest))
        steps += [Set(values=values), Hold(duration_s=SETTLED_S), read]
    least_of, most_of = reports
    traces = (r for report in reports if report is not None for r in report.traces_to)
    return Draft(
        title=f"{highest} is told as the highest, and the lowest as the lowest",
        parameters={"highest": highest},
        steps=steps,
        expectations=[
            *(e for q in dict.fromkeys(lowest) for e in _agrees(q, least_of)),
            *_agrees(highest, most_of),
        ],
        traces_to=tuple(dict.fromkeys(traces)),
    )


def _agrees(quantity: str, report: Report | None) -> list[TelemetryAgrees]:
    return agrees(report, quantity) if report and report.accuracy is not None else []
