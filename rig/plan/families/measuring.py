"""Families about measuring: from the first second on, in every frame, while cells bleed."""

from __future__ import annotations

from collections.abc import Iterator

from rig.dut.profile import Profile
from rig.expectations.balances import Balances
from rig.expectations.telemetry_agrees import agrees
from rig.plan.families.bleeding import bleed_outputs
from rig.plan.families.contactor_requests import close_request
from rig.plan.families.draft import Draft, Options, family, setting
from rig.plan.families.links import carried_by
from rig.plan.families.reset_steps import power_cycle
from rig.plan.families.timing import BRIEFLY_OFF_S, SAME_LOAD_S
from rig.quantities import CELL
from rig.steps import Step
from rig.steps.hold import Hold
from rig.steps.read import Read
from rig.steps.set import Set

_LOAD_A = -10.0


@family("load after start")
def load_after_start(profile: Profile, options: Options) -> Iterator[Draft]:
    """Start it several times, with a load step at once: every frame reports what flows.

    A number that is wrong for one frame in a hundred, or frozen for the first minutes, shows in no
    single look at a BMS that has long been running.
    """
    current = profile.telemetry.current
    if current is None or current.accuracy is None:
        return
    starts = setting(options, "starts", 4, int)
    steps: list[Step] = []
    for n in range(1, starts + 1):
        steps += [
            Set(values={"current": 0.0}),
            *power_cycle(BRIEFLY_OFF_S),
            Hold(duration_s=profile.start.up_within_s),
            *close_request(profile),
            Set(values={"current": _LOAD_A}),
            Hold(duration_s=current.settles_s, mark=f"steady {n}"),
            Hold(duration_s=0.5 * SAME_LOAD_S),
            Read(quantities=("current",)),
            Hold(duration_s=0.5 * SAME_LOAD_S, mark=f"end {n}"),
        ]
    links = [name for name, link in profile.links.items() if link.carries]
    yield Draft(
        title=f"{starts} starts, each with a load step at once: every frame tells what there is",
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


@family("reports while bleeding")
def reports_while_bleeding(profile: Profile, options: Options) -> Iterator[Draft]:  # noqa: ARG001
    """While a cell bleeds, its report and its neighbours' agree with the meter all the same."""
    rules, report = profile.balancing, profile.telemetry.cell_voltage
    if rules is None or rules.spread_v is None or report is None or report.accuracy is None:
        return
    names, settle = profile.cell_names, Hold(duration_s=report.settles_s)
    low_v = round(rules.above_v + 0.01, 6)
    for n in dict.fromkeys((2, len(names))):  # one with two neighbours, one at the end
        # Well above the others, where balancing may begin and nothing trips.
        high = {CELL.at(n): round(low_v + 3.0 * rules.spread_v, 6)}
        yield Draft(
            title=f"while cell {n} bleeds all cells are reported right",
            parameters={"bleeds": CELL.at(n)},
            steps=[
                Set(values=dict.fromkeys(names, low_v) | high),
                Hold(duration_s=rules.at_rest_s + rules.begins_within_s + report.settles_s),
                Read(quantities=bleed_outputs(profile), mark="bleeding"),
                *([Read(quantities=names), settle] * 2),
            ],
            expectations=[
                Balances(cells=(n,), at="bleeding"),
                *agrees(report, profile.hierarchy.all_of(CELL)),
            ],
            traces_to=report.traces_to,
        )
