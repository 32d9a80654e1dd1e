"""Families about what it says of itself in health: messages and telemetry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rig.can_address import MessageAddress
from rig.dut.messages import MessagePromise
from rig.dut.profile import Profile, Report
from rig.expectations.message_timing import MessageTiming
from rig.expectations.telemetry_agrees import agrees
from rig.plan.families.choosing import delay_of, each_stimulus, is_slow
from rig.plan.families.draft import Draft, Options, setting
from rig.quantities import CELL, CURRENT, PACK, TEMPERATURE, together
from rig.quantity import format
from rig.steps import Step
from rig.steps.hold import Hold
from rig.steps.read import Read
from rig.steps.set import Set
from rig.steps.type_line import Type

_PRINTED_S = 0.05  # a line of a hundred characters takes 9 ms at 115200 baud


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
        message=MessageAddress(name),
        period_s=promise.period.value,
        tolerance_s=promise.period.tolerance,
        length=promise.length,
        counter=promise.counter,
        counter_last=promise.counter_last,
        crc=promise.crc,
        crc_kind=promise.crc_kind,
        spare_zero=promise.spare_zero,
        crc_data_id=promise.crc_data_id,
        begin=begin,
        end=end,
    )


def telemetry(profile: Profile, options: Options) -> Iterator[Draft]:
    """What it reports agrees with the meter, over the whole range that is promised."""
    points = round(setting(options, "points", 9, _at_least_two))
    quantities = {k.name: profile.names_of(k) for k in (CELL, TEMPERATURE, CURRENT)}
    for name, report in profile.telemetry.reports().items():
        if name == PACK.name and report.accuracy is not None:
            levels = _at_currents(profile, points) if profile.has_current else [{}]
            yield _telemetry_draft(profile, report, name, profile.names_of(PACK), levels)
        if name not in quantities or report.accuracy is None or report.within is None:
            continue
        allowed = profile.allowed(quantities[name][0])
        low, high = max(report.within.low, allowed.low), min(report.within.high, allowed.high)
        values = _levels(profile, name, low, high, points)
        levels = _at_different_levels(quantities[name], values)
        title = f"{name} reported from {format(values[0], report.unit)}"
        title += f" to {format(values[-1], report.unit)}"
        yield _telemetry_draft(profile, report, name, quantities[name], levels, title)


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


def _telemetry_draft(  # noqa: PLR0913, PLR0917
    profile: Profile,
    report: Report,
    name: str,
    quantities: tuple[str, ...],
    levels: Sequence[Mapping[str, float]],
    title: str = "",
) -> Draft:
    steps: list[Step] = []
    asked = _printed_when_asked(profile, report)
    for values in levels:
        steps += [
            *([Set(values=values)] if values else []),
            Hold(duration_s=report.settles_s + _reported_every_s(profile, report)),
            Read(quantities=quantities),
            *asked,
        ]
    return Draft(
        title=title or f"{name} as reported, at rest and under current",
        protection=None,
        parameters={"quantity": name},
        steps=steps,
        expectations=agrees(report, together(quantities)),
        traces_to=report.traces_to,
    )


def _printed_when_asked(profile: Profile, report: Report) -> list[Step]:
    """Have it print what it believes at once, instead of waiting until it does so by itself."""
    command = _status(profile) if report.also_console is not None else None
    return [Type(line=command), Hold(duration_s=_PRINTED_S)] if command is not None else []


def _status(profile: Profile) -> str | None:
    return profile.console.commands.get("status") if profile.console else None


def _reported_every_s(profile: Profile, report: Report) -> float:
    """Time in which a report surely comes: one and a half of its periods, wherever it is told."""
    told = report.signal_for(1)
    promise = profile.messages.get(told.message) if told else None
    waits_for_it = report.also_console is not None and _status(profile) is None
    on_console = report.console is not None or waits_for_it
    every_s = profile.console.every_s if profile.console and on_console else None
    period_s = max(promise.period.value if promise else 0.0, every_s or 0.0)
    return 1.5 * (period_s or 0.2)


def _at_currents(profile: Profile, points: int) -> list[dict[str, float]]:
    allowed = profile.allowed("current")
    amps = _levels(profile, "current", allowed.low, allowed.high, points)
    return [{"current": 0.0}, *({"current": value} for value in amps)]


def _levels(profile: Profile, name: str, low: float, high: float, points: int) -> list[float]:
    """Values to look at; a current only where no protection acts, or there would be none."""
    levels = [round(low + (high - low) * i / (points - 1), 6) for i in range(points)]
    if name != CURRENT.name:
        return levels
    stages = [p.level for p in profile.protections.values() if p.unit == "A"]
    most = min([x for x in stages if x > 0], default=high) * 0.9
    least = max([x for x in stages if x < 0], default=low) * 0.9
    return [round(least + (most - least) * i / (points - 1), 6) for i in range(points)]
