"""Families about measuring: from the first second on, in every frame, while cells bleed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rig.dut.profile import Balancing, Profile
from rig.expectations.balances import Balances
from rig.expectations.telemetry_agrees import agrees
from rig.plan.families.balancing import bleed_outputs
from rig.plan.families.draft import Draft, Options, setting
from rig.plan.families.links import carried_by
from rig.plan.families.requesting import asked_to_close
from rig.quantities import CELL
from rig.steps import Step
from rig.steps.hold import Hold
from rig.steps.power import Power
from rig.steps.read import Read
from rig.steps.set import Set

_OFF_S = 0.3
_LOAD_A = -10.0
_SAME_LOAD_S = 2.0


def load_after_start(profile: Profile, options: Options) -> Iterator[Draft]:
    """Start it several times, with a load step at once: every frame tells what flows.

    A number that is wrong for one frame in a hundred, or frozen for the first minutes, shows in no
    single look at a BMS that has long been running.
    """
    current = profile.telemetry.current
    if current is None or current.accuracy is None:
        return
    starts = round(setting(options, "starts", 4, int))
    ready_s, asked = profile.start.up_within_s, asked_to_close(profile)
    steps: list[Step] = []
    for n in range(1, starts + 1):
        steps += [
            Set(values={"current": 0.0}),
            Power(on=False),
            Hold(duration_s=_OFF_S),
            Power(on=True),
            Hold(duration_s=ready_s),
            *asked,
            Set(values={"current": _LOAD_A}),
            Hold(duration_s=current.settles_s, mark=f"steady {n}"),
            Hold(duration_s=0.5 * _SAME_LOAD_S),
            Read(quantities=("current",)),
            Hold(duration_s=0.5 * _SAME_LOAD_S, mark=f"end {n}"),
        ]
    links = [name for name, link in profile.links.items() if link.carries]
    yield Draft(
        title=f"{starts} starts, each with a load step at once: every frame tells what there is",
        protection=None,
        parameters={},
        steps=steps,
        expectations=[
            *agrees(current, "current"),
            *(
                carried.within(f"steady {n}", f"end {n}")
                for n in range(1, starts + 1)
                for link in links
                for carried in carried_by(profile, link, amps=_LOAD_A)
            ),
        ],
        traces_to=current.traces_to,
    )


def reports_while_bleeding(profile: Profile, options: Options) -> Iterator[Draft]:  # noqa: ARG001
    """While a cell bleeds, its report and its neighbours' agree with the meter all the same."""
    rules, report = profile.balancing, profile.telemetry.cell_voltage
    if rules is None or rules.spread_v is None or report is None or report.accuracy is None:
        return
    names = profile.cell_names
    for n in dict.fromkeys((2, len(names))):  # one with two neighbours, one at the end
        yield Draft(
            title=f"while cell {n} bleeds all cells are reported right",
            protection=None,
            parameters={"bleeds": CELL.at(n)},
            steps=[
                Set(values=_one_high(profile, rules, n)),
                Hold(duration_s=rules.at_rest_s + rules.begins_within_s + report.settles_s),
                Read(quantities=bleed_outputs(profile), mark="bleeding"),
                Read(quantities=names),
                Hold(duration_s=report.settles_s),
                Read(quantities=names),
                Hold(duration_s=report.settles_s),
            ],
            expectations=[
                Balances(cells=(n,), at="bleeding"),
                *agrees(report, profile.hierarchy.all_of(CELL)),
            ],
            traces_to=report.traces_to,
        )


def _one_high(profile: Profile, rules: Balancing, n: int) -> Mapping[str, float]:
    """One cell well above the others, where balancing may begin and nothing trips."""
    spread_v = rules.spread_v or 0.0
    low_v = round(rules.above_v + 0.01, 6)
    cells = range(1, profile.cells.count + 1)
    return {CELL.at(m): round(low_v + 3.0 * spread_v, 6) if m == n else low_v for m in cells}
