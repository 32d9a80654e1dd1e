"""Families about what it says of itself in health: messages and telemetry.

From the first second on, in every frame, and while cells bleed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rig.dut.messages import PeriodicMessage
from rig.dut.profile import Profile, Report
from rig.expectations.balances import Balances
from rig.expectations.message_timing import MessageTiming
from rig.expectations.telemetry_agrees import agrees
from rig.plan.families.applicable import is_slow
from rig.plan.families.bleeding import bleed_outputs
from rig.plan.families.contactor_requests import close_request
from rig.plan.families.draft import Draft, Options, family, setting
from rig.plan.families.links import carried_by
from rig.plan.families.provoked import each
from rig.plan.families.reset_steps import power_cycle
from rig.plan.families.timing import BRIEFLY_OFF_S, PRINTED_S, QUIET_S, SAME_LOAD_S
from rig.plan.reported import PERIODS
from rig.quantities import CELL, CURRENT, PACK, TEMPERATURE, together
from rig.quantity import format
from rig.steps import Step
from rig.steps.hold import Hold
from rig.steps.read import Read
from rig.steps.set import Set
from rig.steps.type_line import Type

_READ = {kind.name: kind for kind in (CELL, PACK, CURRENT, TEMPERATURE)}  # with a meter
_LOAD_A = -10.0


@family("message timing")
def message_timing(profile: Profile, options: Options) -> Iterator[Draft]:
    """Every message keeps its period, length, counter and CRC, in quiet and while tripping."""
    situations: dict[str, list[Step]] = {"quiet": [Hold(duration_s=QUIET_S)]}
    for it in each(profile, options, only=is_slow):
        if it.protection.flags:
            situations[f"around {it.short}"] = [
                *it.stimulus.apply,
                Hold(duration_s=it.delay.high + 1.0),
                *it.stimulus.remove,
                Hold(duration_s=0.5 * QUIET_S),
            ]
            break
    for name, claim in profile.messages.items():
        for situation, steps in situations.items():
            yield Draft(
                title=f"{name} comes every {claim.period}, {situation}",
                parameters={"message": name, "when": situation},
                steps=steps,
                expectations=[timing(name, claim)],
                traces_to=claim.traces_to,
            )


def timing(
    name: str, claim: PeriodicMessage, begin: str | None = None, end: str | None = None
) -> MessageTiming:
    """All that is claimed of a message's form and time, between two marks."""
    period = claim.period
    return MessageTiming.claimed(
        name, claim, period_s=period.value, tolerance_s=period.tolerance, begin=begin, end=end
    )


@family("telemetry")
def telemetry(profile: Profile, options: Options) -> Iterator[Draft]:
    """What it reports agrees with the meter, over the whole range that is claimed."""
    points = setting(options, "points", 9, _at_least_two)
    for name, report in profile.telemetry.reports().items():
        if name not in _READ or report.accuracy is None:
            continue
        if name == PACK.name:
            levels = _at_currents(profile, points) if profile.has_current else [{}]
            yield _draft(profile, name, "as reported, at rest and under current", levels)
        elif report.within is not None:
            quantities = profile.names_of(_READ[name])
            allowed = profile.allowed(quantities[0])
            low, high = max(report.within.low, allowed.low), min(report.within.high, allowed.high)
            values = _levels(profile, name, low, high, points)
            first, last = (format(value, report.unit) for value in (values[0], values[-1]))
            levels = _at_different_levels(quantities, values)
            yield _draft(profile, name, f"reported from {first} to {last}", levels)


def _at_different_levels(
    quantities: Sequence[str], values: Sequence[float]
) -> list[dict[str, float]]:
    """Let each go through all values, every second one downwards, no two beginning at one value.

    So a value at a wrong place shows, and each value is come to from either side.
    """
    count = len(values)
    apart = max(1, count // len(quantities))
    return [
        {
            quantity: values[(i + k * apart) % count if k % 2 == 0 else (k * apart - i) % count]
            for k, quantity in enumerate(quantities)
        }
        for i in range(count)
    ]


def _at_least_two(points: Any) -> int:
    if (count := int(points)) < 2:
        raise ValueError("a range takes two points at least")
    return count


def _draft(profile: Profile, name: str, title: str, levels: Sequence[Mapping[str, float]]) -> Draft:
    report, quantities = profile.telemetry.reports()[name], profile.names_of(_READ[name])
    status = profile.console.commands.get("status") if profile.console else None
    # It is asked to print at once, instead of waiting until it does so by itself.
    prints = status if report.also_console is not None else None
    asked = [Type(line=prints), Hold(duration_s=PRINTED_S)] if prints is not None else []
    wait_s = report.settles_s + _reported_every_s(profile, report, waits=prints is None)
    steps: list[Step] = []
    for values in levels:
        put = [Set(values=values)] if values else []
        steps += [*put, Hold(duration_s=wait_s), Read(quantities=quantities), *asked]
    return Draft(
        title=f"{name} {title}",
        parameters={"quantity": name},
        steps=steps,
        expectations=agrees(report, together(quantities)),
        traces_to=report.traces_to,
    )


def _reported_every_s(profile: Profile, report: Report, *, waits: bool) -> float:
    """Time in which a report surely comes: one and a half of its periods, on CAN or console."""
    reported = report.signal_for(1)
    claim = profile.messages.get(reported.message) if reported else None
    on_console = report.console is not None or (report.also_console is not None and waits)
    every_s = profile.console.every_s if profile.console and on_console else None
    period_s = max(claim.period.value if claim else 0.0, every_s or 0.0)
    return PERIODS * (period_s or 0.2)


def _at_currents(profile: Profile, points: int) -> list[dict[str, float]]:
    allowed = profile.allowed("current")
    amps = _levels(profile, "current", allowed.low, allowed.high, points)
    return [{"current": 0.0}, *({"current": value} for value in amps)]


def _levels(profile: Profile, name: str, low: float, high: float, points: int) -> list[float]:
    """Values to look at; a current only where no protection acts, or there would be none."""
    if name == CURRENT.name:
        stages = [p.level for p in profile.protections.values() if p.unit == "A"]
        high = min([x for x in stages if x > 0], default=high) * 0.9
        low = max([x for x in stages if x < 0], default=low) * 0.9
    return [round(low + (high - low) * i / (points - 1), 6) for i in range(points)]


# ---- in every frame, and while cells bleed -------------------------------------------------------
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
