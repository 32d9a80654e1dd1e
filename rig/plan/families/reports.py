"""Families about what it says of itself in health: messages, telemetry, balancing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rig.dut.profile import MessagePromise, Profile, Report
from rig.plan.case import (
    Balances,
    Expectation,
    Hold,
    MessageTiming,
    Read,
    Set,
    SignalStays,
    Step,
    TelemetryAgrees,
)
from rig.plan.families.choosing import delay_of, each_stimulus, is_slow
from rig.plan.families.draft import Draft, Options, setting
from rig.plan.stimulus import APPLIED, beyond
from rig.quantity import format


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
                expectations=[timing(name, promise)],
                traces_to=promise.traces_to,
            )


def timing(
    name: str, promise: MessagePromise, begin: str | None = None, end: str | None = None
) -> MessageTiming:
    """All that is promised of a message's form and time, between two marks."""
    return MessageTiming(
        message=name,
        period_s=promise.period.value,
        tolerance_s=promise.period.tolerance,
        length=promise.length,
        counter=promise.counter,
        counter_last=promise.counter_last,
        crc=promise.crc,
        crc_kind=promise.crc_kind,
        crc_data_id=promise.crc_data_id,
        begin=begin,
        end=end,
    )


def telemetry(profile: Profile, options: Options) -> Iterator[Draft]:
    """What it reports agrees with the meter, over the whole range that is promised."""
    points = round(setting(options, "points", 9, _at_least_two))
    quantities = {
        "cell voltage": profile.cell_names,
        "temperature": profile.temperature_names,
        "current": ("current",),
    }
    for name, report in profile.telemetry.reports().items():
        if name == "pack voltage" and report.accuracy is not None:
            levels = _at_currents(profile, points) if profile.has_current else [{}]
            yield _telemetry_draft(profile, report, name, ("pack",), levels)
        if name not in quantities or report.accuracy is None or report.within is None:
            continue
        allowed = profile.allowed(quantities[name][0])
        low, high = max(report.within.low, allowed.low), min(report.within.high, allowed.high)
        values = _levels(profile, name, low, high, points)
        levels = [dict.fromkeys(quantities[name], value) for value in values]
        title = f"{name} reported from {format(values[0], report.unit)}"
        title += f" to {format(values[-1], report.unit)}"
        yield _telemetry_draft(profile, report, name, quantities[name], levels, title)


def _at_least_two(points: Any) -> int:
    if (count := int(points)) < 2:
        raise ValueError("a range takes two points at least")
    return count


def _telemetry_draft(  # noqa: PLR0913, PLR0917
    profile: Profile,
    report: Report,
    name: str,
    quantities: tuple[str, ...],
    levels: Sequence[Mapping[str, float]],
    title: str = "",
) -> Draft:
    steps: list[Step] = []
    for values in levels:
        steps += [
            *([Set(values=values)] if values else []),
            Hold(duration_s=report.settles_s + _reported_every_s(profile, report)),
            Read(quantities=quantities),
        ]
    return Draft(
        title=title or f"{name} as reported, at rest and under current",
        protection=None,
        parameters={"quantity": name},
        steps=steps,
        expectations=[
            TelemetryAgrees(
                quantity=quantity,
                accuracy=report.accuracy or 0.0,
                relative=report.relative,
                unit=report.unit,
                message=report.message,
                signal=report.signal_for(n),
                pattern=report.pattern_for(n),
                factor=report.factor,
                settle_s=report.settles_s,
            )
            for n, quantity in enumerate(quantities, 1)
        ],
        traces_to=report.traces_to,
    )


def _reported_every_s(profile: Profile, report: Report) -> float:
    """Time in which a report surely comes: one and a half of its periods."""
    promise = profile.messages.get(report.message or "")
    if promise is not None:
        return 1.5 * promise.period.value
    every_s = profile.console.every_s if profile.console and report.console else None
    return 1.5 * (every_s or 0.2)


def _at_currents(profile: Profile, points: int) -> list[dict[str, float]]:
    allowed = profile.allowed("current")
    amps = _levels(profile, "current", allowed.low, allowed.high, points)
    return [{"current": 0.0}, *({"current": value} for value in amps)]


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
    high_v = round(rules.above_v + min(4.0 * margin, _room_above(profile, rules.above_v)), 6)
    rest_v = round(rules.above_v + 0.01, 6) if rules.spread_v else profile.nominal.cells_v
    below_v = round(rules.above_v - 0.05, 6)
    one_high = {f"cell {n}": high_v if n == 1 else rest_v for n in cells}
    for n in cells:
        values = {f"cell {m}": high_v if m == n else rest_v for m in cells}
        yield _balancing_draft(profile, (f"cell {n} is high", f"cell {n}"), [values], (n,))
    alternate = tuple(n for n in cells if n % 2)
    values = {f"cell {n}": high_v if n % 2 else rest_v for n in cells}
    yield _balancing_draft(
        profile, ("every second cell is high", "every-second"), [values], alternate
    )
    equal_v = rest_v if rules.spread_v else below_v
    equal = {f"cell {n}": equal_v for n in cells}
    yield _balancing_draft(profile, ("all cells are equal", "equal"), [equal], ())
    low = {f"cell {n}": below_v if n == 2 else round(below_v - 2.0 * margin, 6) for n in cells}
    yield _balancing_draft(profile, ("a cell is high but low in charge", "low-charge"), [low], ())
    stopped_v = round(rules.stops_below_v - 0.02, 6)
    emptied = {
        q: stopped_v if q == "cell 1" else round(stopped_v - 2.0 * margin, 6) for q in one_high
    }
    yield _balancing_draft(
        profile, ("a bleeding cell falls low", "falls-low"), [one_high, emptied], ()
    )
    if rules.spread_v:
        yield _balancing_draft(
            profile, ("a bleeding cell is level", "level"), [one_high, equal], ()
        )
    if rules.rest_below_a is not None and profile.has_current:
        charging = one_high | {"current": 5.0 * rules.rest_below_a}
        yield _balancing_draft(
            profile, ("a cell is high while charging", "charging"), [charging], ()
        )
    if rules.not_in_a_fault and (hot := _a_fault(profile)):
        yield _balancing_draft(
            profile, ("a cell is high in a fault", "fault"), [one_high | hot], ()
        )


def _room_above(profile: Profile, above_v: float) -> float:
    """Half the way to the lowest level at which a high cell trips something."""
    lowest = [
        p.level - p.threshold.tolerance
        for p in profile.protections.values()
        if p.watches == "cell voltage" and p.rising and p.threshold
    ]
    return 0.5 * (min(lowest) - above_v) if lowest else above_v


def _a_fault(profile: Profile) -> dict[str, float]:
    """A fault that has nothing to do with cell voltages: a temperature."""
    names = [n for n, p in profile.protections.items() if p.watches == "temperature" and p.opens]
    if not names:
        return {}
    return {profile.temperature_names[0]: beyond(profile, names[0])}


def _balancing_draft(
    profile: Profile,
    situation: tuple[str, str],
    stages: Sequence[Mapping[str, float]],
    expected: tuple[int, ...],
) -> Draft:
    """Go through the stages, then look which cells bleed, and what the BMS says of it.

    `situation` is said in full for the title, and in short for the case's id.
    """
    rules = profile.balancing
    wait_s = (rules.at_rest_s + rules.begins_within_s if rules else 0.0) + 0.5
    looked = tuple(
        rules.output.replace("{n}", str(n)) if rules and rules.output else f"bleed {n}"
        for n in range(1, profile.cells.count + 1)
    )
    steps: list[Step] = []
    for values in stages:
        steps += [Set(values=values, mark=APPLIED), Hold(duration_s=wait_s)]
    which = ", ".join(map(str, expected)) or "none"
    return Draft(
        title=f"{situation[0]}: bleeding cells are {which}",
        protection=None,
        parameters={"situation": situation[1]},
        steps=[
            *steps,
            Hold(duration_s=0.0, mark="settled"),
            Read(quantities=looked, mark="looked"),
            Hold(duration_s=0.5, mark="told"),
        ],
        expectations=[
            Balances(cells=expected, at="looked"),
            *_reported_bits(profile, expected),
        ],
        traces_to=rules.traces_to if rules else (),
    )


def _reported_bits(profile: Profile, expected: tuple[int, ...]) -> Iterator[Expectation]:
    rules = profile.balancing
    if rules is None or rules.signal is None:
        return
    for n in range(1, profile.cells.count + 1):
        message, signal = rules.signal.replace("{n}", str(n)).split(".", 1)
        bleeds = 1.0 if n in expected else 0.0
        yield SignalStays(message=message, signal=signal, value=bleeds, begin="settled", end="told")
