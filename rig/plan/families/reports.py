"""Families about what it says of itself in health: messages, telemetry, balancing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rig.dut.profile import Profile
from rig.plan.case import Balances, Hold, MessageTiming, Read, Set, Step, TelemetryAgrees
from rig.plan.families.choosing import delay_of, each_stimulus, is_slow
from rig.plan.families.draft import Draft, Options
from rig.plan.stimulus import APPLIED
from rig.quantity import format

_REPORTED_S = 0.7  # a settled value is held so long that the slowest report of it is sent


def message_timing(profile: Profile, options: Options) -> Iterator[Draft]:
    """Every message keeps its period, length, counter and CRC, in quiet and while tripping."""
    situations: list[tuple[str, list[Step]]] = [("quiet", [Hold(duration_s=10.0)])]
    for stimulus, protection in each_stimulus(profile, options, only=is_slow):
        if protection.says:
            wait_s = delay_of(protection).high + 1.0
            provoked: list[Step] = [
                *stimulus.apply,
                Hold(duration_s=wait_s),
                *stimulus.remove,
                Hold(duration_s=5.0),
            ]
            situations.append((f"around {protection.short}", provoked))
            break
    for name, promise in profile.messages.items():
        for situation, steps in situations:
            yield Draft(
                title=f"{name} comes every {promise.period}, {situation}",
                protection=None,
                parameters={"message": name, "when": situation},
                steps=steps,
                expectations=[
                    MessageTiming(
                        message=name,
                        period_s=promise.period.value,
                        tolerance_s=promise.period.tolerance,
                        length=promise.length,
                        counter=promise.counter,
                        counter_last=promise.counter_last,
                        crc=promise.crc,
                        crc_data_id=promise.crc_data_id,
                    )
                ],
                traces_to=promise.traces_to,
            )


def telemetry(profile: Profile, options: Options) -> Iterator[Draft]:
    """What it reports agrees with the meter, over the whole range that is promised."""
    points = int(str(options.settings.get("points", 9)))
    quantities = {
        "cell voltage": profile.cell_names,
        "temperature": profile.temperature_names,
        "current": ("current",),
    }
    for name, report in profile.telemetry.reports().items():
        if name not in quantities or report.accuracy is None or report.within is None:
            continue
        allowed = profile.allowed(quantities[name][0])
        low, high = max(report.within.low, allowed.low), min(report.within.high, allowed.high)
        levels = _levels(profile, name, low, high, points)
        settle_s = report.settles_s + _REPORTED_S
        steps: list[Step] = []
        for value in levels:
            steps += [
                Set(values=dict.fromkeys(quantities[name], value)),
                Hold(duration_s=settle_s),
                Read(quantities=quantities[name]),
            ]
        yield Draft(
            title=f"{name} reported from {format(low, report.unit)} to {format(high, report.unit)}",
            protection=None,
            parameters={"quantity": name},
            steps=steps,
            expectations=[
                TelemetryAgrees(
                    quantity=quantity,
                    accuracy=report.accuracy,
                    relative=report.relative,
                    unit=report.unit,
                    message=report.message,
                    signal=report.signal_for(n),
                    pattern=report.pattern_for(n),
                    factor=report.factor,
                    settle_s=report.settles_s,
                )
                for n, quantity in enumerate(quantities[name], 1)
            ],
            traces_to=report.traces_to,
        )


def _levels(profile: Profile, name: str, low: float, high: float, points: int) -> list[float]:
    """Values to look at; a current only where no protection acts, or there would be none."""
    levels = [round(low + (high - low) * i / (points - 1), 6) for i in range(points)]
    if name != "current":
        return levels
    stages = [p.level for p in profile.protections.values() if p.unit == "A"]
    most = min([x for x in stages if x > 0], default=high) * 0.9
    least = max([x for x in stages if x < 0], default=low) * 0.9
    return [round(least + (most - least) * i / (points - 1), 6) for i in range(points)]


def balancing(profile: Profile, options: Options) -> Iterator[Draft]:  # noqa: ARG001
    """Just the high cells bleed, only when allowed to."""
    rules = profile.balancing
    if rules is None:
        return
    cells = range(1, profile.cells.count + 1)
    margin = rules.spread_v or 0.05
    high_v = round(rules.above_v + 4.0 * margin, 6)
    rest_v = round(rules.above_v + 0.01, 6) if rules.spread_v else profile.nominal.cells_v
    below_v = round(rules.above_v - 0.05, 6)
    situations: list[tuple[str, dict[int, float], tuple[int, ...], float]] = [
        *((f"cell {n} is high", {n: high_v}, (n,), rest_v) for n in cells),
        ("cells 1 and 3 are high", {1: high_v, 3: high_v}, (1, 3), rest_v),
        ("all cells are equal", {}, (), rest_v if rules.spread_v else below_v),
        ("a cell is high but low in charge", {2: below_v}, (), below_v - 2.0 * margin),
    ]
    for title, raised, expected, others_v in situations:
        values = {f"cell {n}": raised.get(n, others_v) for n in cells}
        yield _balancing_draft(profile, title, values, expected)


def _balancing_draft(
    profile: Profile, title: str, values: Mapping[str, float], expected: tuple[int, ...]
) -> Draft:
    rules = profile.balancing
    wait_s = (rules.at_rest_s + rules.begins_within_s if rules else 0.0) + 0.5
    looked = tuple(
        rules.output.replace("{n}", str(n)) if rules and rules.output else f"bleed {n}"
        for n in range(1, profile.cells.count + 1)
    )
    which = ", ".join(map(str, expected)) or "none"
    return Draft(
        title=f"{title}: bleeding cells are {which}",
        protection=None,
        parameters={"situation": title},
        steps=[
            Set(values=dict(values), mark=APPLIED),
            Hold(duration_s=wait_s),
            Read(quantities=looked, mark="looked"),
        ],
        expectations=[Balances(cells=expected, at="looked")],
        traces_to=rules.traces_to if rules else (),
    )
