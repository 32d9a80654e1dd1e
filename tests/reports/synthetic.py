"""A whole night of made-up but plausible results, written by the real evidence writer.

Only pictures and layout are judged by it: values come from a seeded generator, not from a bench.
"""

# ruff: noqa: FBT003, PLR0917, E501 - tables of made-up figures read best as tables
from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rig.can_address import MessageAddress, SignalAddress
from rig.case import Case
from rig.dut.profile import find_described
from rig.evidence import RunFolder
from rig.expectations import Expectation
from rig.expectations.message_timing import MessageTiming
from rig.expectations.signal_becomes import SignalBecomes
from rig.expectations.stays import Stays
from rig.expectations.telemetry_agrees import TelemetryAgrees
from rig.expectations.threshold import ThresholdIs
from rig.expectations.trips import Trips
from rig.facts import Output
from rig.judge.measurement import Measurement
from rig.judge.verdict import EventMark, Finding, Judgement, Verdict
from rig.steps import Step
from rig.steps.conditions import OutputState
from rig.steps.hold import Hold
from rig.steps.random_phase import RandomPhase
from rig.steps.read import Read
from rig.steps.set import Set
from rig.steps.wait_for import WaitFor
from rig.time_reference import Crossing, Mark
from rig.trace.model import Command, Line, Trace
from tests.evidence.factories import (
    TickingClock,
    a_case,
    a_finding,
    a_meta,
    a_trace,
)


@dataclass(frozen=True)
class Protection:
    name: str
    short: str
    quantity: str
    nominal: float
    level: float
    beyond: float
    rising: bool
    low_s: float
    high_s: float
    output: str
    unit: str
    requirement: str


PROTECTIONS = (
    Protection("cell overvoltage", "OV", "cell 3", 3.3, 3.65, 3.7, True, 0.9, 1.1,
               "charge path", "V", "SRS-001"),
    Protection("cell undervoltage", "UV", "cell 2", 3.3, 2.5, 2.45, False, 0.9, 1.1,
               "discharge path", "V", "SRS-002"),
    Protection("charge overcurrent 1", "OCC", "current", 0, 22, 23.5, True, 0.9, 1.1,
               "charge path", "A", "SRS-003"),
    Protection("charge overcurrent 2", "OCC", "current", 0, 30, 32, True, 0.12, 0.2,
               "charge path", "A", "SRS-004"),
    Protection("discharge overcurrent 1", "OCD", "current", 0, -30, -32, False, 1.15, 1.41,
               "discharge path", "A", "SRS-005"),
    Protection("discharge overcurrent 2", "OCD", "current", 0, -50, -52, False, 0.12, 0.2,
               "discharge path", "A", "SRS-006"),
    Protection("short circuit", "SCD", "current", 0, -80, -95, False, 200e-6, 500e-6,
               "discharge path", "A", "SRS-007"),
    Protection("charge overtemperature", "OTC", "temperature 1", 25, 45, 48, True, 1.8, 2.2,
               "charge path", "°C", "SRS-008"),
    Protection("discharge undertemperature", "UTD", "temperature 2", 25, -20, -23, False, 1.8, 2.2,
               "discharge path", "°C", "SRS-009"),
    Protection("communication time-out", "CommTimeout", "cell 1", 3.3, 3.4, 3.5, True, 0.9, 1.1,
               "charge path", "V", "SRS-010"),
)  # fmt: skip
_PLAN = b'plan: nightly\nfor: esp32-4s\nleaves out: {"*": made up}\ncases: [{family: trip}]\n'
CELLS = [f"cell {n}" for n in (1, 2, 3, 4)]


def write_night(out: Path, count: int = 300, *, bad: bool = True, stop_after: int = 0) -> Path:
    """Write a run of `count` cases; with `bad`, some of each verdict."""
    cases = list(the_cases(count))
    inputs: dict[str, Path | bytes] = {
        "plans/nightly.yaml": _PLAN,
        "profile.yaml": find_described("esp32-4s", "duts", "profile.yaml"),
    }
    folder = RunFolder.create(out, "virtual-esp32-4s", a_meta(), inputs, cases, now=TickingClock())
    for number, case in enumerate(cases[: stop_after or count]):
        folder.case_started(case)
        trace, judgement = an_outcome(case, number, bad=bad)
        folder.case_done(case, trace, judgement, wall_s=0.021, virtual_s=case.duration_s)
    return folder.finish("aborted" if stop_after else "finished")


def the_cases(count: int) -> Iterator[Case]:
    makers = [_trip, _trip, _no_trip, _threshold, _recovery, _telemetry, _timing]
    number = 0
    while number < count:
        protection = PROTECTIONS[number // len(makers) % len(PROTECTIONS)]
        yield makers[number % len(makers)](protection, number)
        number += 1


def an_outcome(case: Case, number: int, *, bad: bool) -> tuple[Trace | None, Judgement]:
    rng = np.random.default_rng(number)
    protection = next(p for p in PROTECTIONS if p.name == case.protection)
    if bad and number == 77:
        why = "emulator (TCPIP::10.0.0.7): no answer to MEAS:VOLT? within 2.0 s; session closed"
        return a_trace(error=why), Judgement(
            case_id=case.id, verdict=Verdict.ERROR, sentence=why, findings=()
        )
    if bad and number in {80, 81, 150, 151}:
        why = "the bench has no meter on the pack terminals"
        return None, Judgement(case_id=case.id, verdict=Verdict.SKIPPED, sentence=why, findings=())
    if case.family in {"trip", "recovery"}:
        return _trip_outcome(case, protection, rng, number if bad else -1)
    if case.family == "no trip":
        return _calm_outcome(case, protection)
    if case.family == "threshold":
        return _level_outcome(case, protection, rng)
    return _table_outcome(case, rng)


# ---- cases --------------------------------------------------------------------------------------
def _case(family: str, p: Protection, number: int, steps: Sequence[Step],
          expectations: Sequence[Expectation], title: str) -> Case:  # fmt: skip
    return a_case(
        f"{family}[{p.name},{p.quantity.replace(' ', '=')},repeat={number}]",
        title=title,
        family=family,
        protection=p.name,
        parameters={"protection": p.name, "quantity": p.quantity, "repeat": str(number)},
        steps=tuple(steps),
        expectations=tuple(expectations),
        outputs={p.output: Output(closed_above=6.0)},
        traces_to=(p.requirement,),
        severity="blocker" if family == "trip" else "normal",
        duration_s=1.0 + 2 * p.high_s,
        source=f"testplans/nightly.yaml:{10 + number % 40}",
    )


def _trip(p: Protection, number: int) -> Case:
    crossed = Crossing(quantity=p.quantity, level=p.level, rising=p.rising, after="beyond")
    steps = (
        Set(values={**dict.fromkeys(CELLS, 3.3), "temperature 1": 25.0, "current": 0.0}),
        RandomPhase(span_s=0.1),
        Set(values={p.quantity: p.beyond}, mark="beyond"),
        WaitFor(until=OutputState(output=p.output, is_open=True), within_s=2 * p.high_s),
        Hold(duration_s=0.2),
    )
    wanted = (
        Trips(output=p.output, since=crossed, low_s=p.low_s, high_s=p.high_s),
        SignalBecomes(signal=SignalAddress(f"BMS_Status.{p.short}"), value=1, since=crossed,
                      low_s=p.low_s, high_s=p.high_s + 0.15),
    )  # fmt: skip
    verb = "above" if p.rising else "below"
    title = f"{p.name.capitalize()}: {p.output} opens in time when {p.quantity} goes {verb} limit"
    return _case("trip", p, number, steps, wanted, title)


def _recovery(p: Protection, number: int) -> Case:
    crossed = Crossing(quantity=p.quantity, level=p.level, rising=not p.rising, after="back")
    steps = (
        Set(values={p.quantity: p.beyond}, mark="beyond"),
        Hold(duration_s=p.high_s),
        Set(values={p.quantity: p.nominal}, mark="back"),
        Hold(duration_s=2.2),
    )
    wanted = (Trips(output=p.output, since=crossed, low_s=p.low_s, high_s=p.high_s),)
    title = f"{p.name.capitalize()} recovers once {p.quantity} is back"
    return _case("recovery", p, number, steps, wanted, title)


def _no_trip(p: Protection, number: int) -> Case:
    inside = p.level * 0.99
    steps = (Set(values={p.quantity: inside}, mark="inside"), Hold(duration_s=2 * p.high_s))
    wanted = (Stays(output=p.output, is_open=False, begin="inside"),)
    title = f"{p.output.capitalize()} stays closed with {p.quantity} just inside the limit"
    return _case("no trip", p, number, steps, wanted, title)


def _threshold(p: Protection, number: int) -> Case:
    wanted = ThresholdIs(quantity=p.quantity, output=p.output, is_open=True, level=p.level,
                         tolerance=abs(p.level) * 0.003, unit=p.unit, delay_s=p.high_s)  # fmt: skip
    steps = (Set(values={p.quantity: p.level * 0.97}, mark="near"), Read(quantities=(p.quantity,)))
    return _case("threshold", p, number, steps, [wanted], f"Threshold of {p.name}")


def _telemetry(p: Protection, number: int) -> Case:
    wanted = TelemetryAgrees(quantity="cell 1", accuracy=0.005, unit="V",
                             signal=SignalAddress("BMS_CellVoltages.Cell1_V"))  # fmt: skip
    steps = (Set(values={"cell 1": 2.0 + number % 20 / 10}, mark="set"), Hold(duration_s=0.6),
             Read(quantities=("cell 1", "cell 2")))  # fmt: skip
    return _case("telemetry", p, number, steps, [wanted], "Cell voltages reported on CAN are true")


def _timing(p: Protection, number: int) -> Case:
    wanted = MessageTiming(
        message=MessageAddress("BMS_Status"), period_s=0.1, tolerance_s=0.005, length=8
    )
    steps = (Hold(duration_s=10.0, mark="listen"),)
    return _case("message timing", p, number, steps, [wanted], "BMS_Status comes every 100 ms")


# ---- outcomes -----------------------------------------------------------------------------------
def _waves(p: Protection, change_s: float, opened_s: float | None, interval_s: float) -> Trace:
    end_s = (opened_s or change_s + 2 * p.high_s) + max(0.3, 0.2 * p.high_s)
    time_s = np.arange(int(end_s / interval_s)) * interval_s
    rng = np.random.default_rng(1)

    def noisy(level: np.ndarray[tuple[int], np.dtype[np.float64]] | float, noise: float):  # type: ignore[no-untyped-def]
        return np.asarray(level + rng.normal(0, noise, len(time_s)))

    waves = {n: noisy(3.3, 4e-4) for n in CELLS}
    waves["current"] = noisy(0.0, 0.02)
    blend = 1 - np.exp(-np.clip(time_s - change_s, 0, None) / max(interval_s * 2, p.low_s / 400))
    if not p.quantity.startswith("temperature"):
        spread = 0.03 if p.unit == "A" else 4e-4
        waves[p.quantity] = noisy(p.nominal + (p.beyond - p.nominal) * blend, spread)
    for path in ("charge path", "discharge path"):
        opens = opened_s if path == p.output and opened_s else 1e9
        fall = np.exp(-np.clip(time_s - opens, 0, None) / max(20e-6, interval_s / 2))
        waves[path] = noisy(12.0 * fall, 0.02)
    begin_ns = 5_000_000_000
    command = Command(quantity=p.quantity, value=p.beyond, settle_s=0.001, instrument="emulator",
                      before_ns=begin_ns + int((change_s - 0.002) * 1e9),
                      after_ns=begin_ns + int(change_s * 1e9))  # fmt: skip
    first = Command(quantity=p.quantity, value=p.nominal, settle_s=0.001, instrument="emulator",
                    before_ns=begin_ns, after_ns=begin_ns + 10**6)  # fmt: skip
    lines = [Line(time_ns=begin_ns + n * 10**9, late_ns=10**6,
                  text=f"I ({n}000) bms: state=NORMAL v=3.301,3.301,3.300,3.302 i=0.02 t=25.0,25.1")
             for n in range(int(end_s) + 1)]  # fmt: skip
    if opened_s:
        lines.append(Line(time_ns=begin_ns + int((opened_s + 0.02) * 1e9), late_ns=10**6,
                          text=f"W ({opened_s * 1e3:.0f}) prot: {p.short} {p.quantity}"))  # fmt: skip
    return a_trace(waves, interval_s=interval_s, commands=(first, command), lines=lines)


def _trip_outcome(
    case: Case, p: Protection, rng: np.random.Generator, number: int
) -> tuple[Trace, Judgement]:
    change_s = 0.4 + float(rng.uniform(0, 0.1))
    span = p.high_s - p.low_s
    took = p.low_s + span * float(rng.uniform(0.25, 0.6))
    if number in {0, 7 * 10 + 1}:
        took = p.high_s + span * 0.62
    if p.name == "short circuit" and number % 140 < 70 and number >= 0:
        took = p.high_s - span * 0.012
    never = p.name == "communication time-out" and number == 63
    interval_s = 20e-6 if p.high_s < 1e-3 else 1e-3
    trace = _waves(p, change_s, None if never else change_s + took, interval_s)
    u = 0.5 * interval_s + 0.001 * took
    marks = (
        EventMark(label=f"{p.quantity} crossed {p.level:.3f} {p.unit}", channel=p.quantity,
                  time_s=change_s, level=p.level),
        EventMark(label=f"{p.output} opened", channel=p.output, time_s=change_s + took, level=6.0),
        EventMark(label="earliest allowed", channel=p.output, time_s=change_s + p.low_s),
        EventMark(label="latest allowed", channel=p.output, time_s=change_s + p.high_s),
    )  # fmt: skip
    words = f"{p.output} opens {p.low_s:.3f} s to {p.high_s:.3f} s after {p.quantity} crosses"
    if never:
        why = f"{p.output} did not open: watched for 2.200 s; allowed {p.low_s:.3f} s to 1.100 s"
        found = Finding(expectation=words, means="output", verdict=Verdict.FAIL, sentence=why,
                        marks=marks[:1])  # fmt: skip
        unseen = Finding(expectation=f"BMS_Status.{p.short} becomes 1 in time", means="CAN",
                         verdict=Verdict.FAIL, marks=marks[:1],
                         sentence=f"BMS_Status.{p.short} stayed 0 in 24 frames")  # fmt: skip
        return trace, _judged(case, (found, unseen))
    main = _timed(words, "output", took, u, p.low_s, p.high_s, marks, p)
    flag_s = took + float(rng.uniform(0.002, 0.1))
    flag = EventMark(label=f"BMS_Status.{p.short} = 1", channel=f"BMS_Status.{p.short}",
                     time_s=change_s + flag_s)  # fmt: skip
    can = _timed(f"BMS_Status.{p.short} becomes 1 in time", "CAN", flag_s, 0.0011, p.low_s,
                 p.high_s + 0.15, (marks[0], flag), p)  # fmt: skip
    found_all = (main, can) if case.family == "trip" else (main,)
    return trace, _judged(case, found_all)


def _timed(words: str, means: str, value: float, u: float, low: float, high: float,
           marks: tuple[EventMark, ...], p: Protection) -> Finding:  # fmt: skip
    inside = low + u <= value <= high - u
    outside = value + u < low or high + u < value
    verdict = Verdict.PASS if inside else Verdict.FAIL if outside else Verdict.INCONCLUSIVE
    what = p.output + " opened" if means == "output" else f"BMS_Status.{p.short} became 1"
    unit, factor = ("µs", 1e6) if high < 1e-3 else ("ms", 1e3)
    sentence = (
        f"{what} ({value * factor:.1f} ± {u * factor:.1f}) {unit} after {p.quantity} crossed"
        f" {p.level:.3f} {p.unit}; allowed {low * factor:.0f} {unit} to {high * factor:.0f} {unit}"
    )
    return a_finding(
        expectation=words, means=means, verdict=verdict, sentence=sentence, low=low, high=high,
        measurement=Measurement(value=value, expanded=u, unit="s"), marks=marks,
    )  # fmt: skip


def _calm_outcome(case: Case, p: Protection) -> tuple[Trace, Judgement]:
    quiet = Protection(**{**p.__dict__, "beyond": p.level * 0.99})
    found = Finding(expectation=f"{p.output} stays closed", means="output", verdict=Verdict.PASS,
                    sentence=f"{p.output} stayed closed for 2.2 s, 2200 samples, least 11.93 V"
                    )  # fmt: skip
    return _waves(quiet, 0.4, None, 1e-3), _judged(case, (found,))


def _level_outcome(case: Case, p: Protection, rng: np.random.Generator) -> tuple[Trace, Judgement]:
    tolerance = abs(p.level) * 0.003
    value = p.level + tolerance * float(rng.uniform(-0.5, 0.6))
    found = a_finding(
        expectation=f"{p.output} opens where {p.quantity} is {p.level} ± {tolerance:.3f} {p.unit}",
        means="meter", verdict=Verdict.PASS, low=p.level - tolerance, high=p.level + tolerance,
        sentence=f"{p.output} opened at ({value:.4f} ± {tolerance / 9:.4f}) {p.unit}",
        measurement=Measurement(value=value, expanded=tolerance / 9, unit=p.unit), marks=(),
    )  # fmt: skip
    return _waves(p, 0.4, 0.4 + p.high_s, 1e-3), _judged(case, (found,))


def _table_outcome(case: Case, rng: np.random.Generator) -> tuple[Trace, Judgement]:
    value, u, low, high, unit = (
        (float(rng.normal(0, 1e-3)), 8e-4, -0.005, 0.005, "V")
        if case.family == "telemetry"
        else (0.1 + float(rng.normal(0, 1e-3)), 2e-4, 0.095, 0.105, "s")
    )
    found = a_finding(
        expectation=case.title, means="CAN", verdict=Verdict.PASS, low=low, high=high, marks=(),
        sentence="largest deviation of 101 intervals" if unit == "s" else "largest difference",
        measurement=Measurement(value=value, expanded=u, unit=unit),
    )  # fmt: skip
    return a_trace({}), _judged(case, (found,))


def _judged(case: Case, findings: tuple[Finding, ...]) -> Judgement:
    order = [Verdict.FAIL, Verdict.ERROR, Verdict.INCONCLUSIVE, Verdict.PASS]
    worst = min(findings, key=lambda f: order.index(f.verdict))
    return Judgement(case_id=case.id, verdict=worst.verdict, sentence=worst.sentence,
                     findings=findings)  # fmt: skip


def a_mark(name: str) -> Mark:
    return Mark(mark=name)
