"""Valid cases, traces and judgements of a 4-cell BMS, for tests that change one thing of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from rig.can_address import SignalAddress
from rig.case import Capture, Case
from rig.evidence import InstrumentFacts, RunMeta
from rig.expectations.signal_becomes import SignalBecomes
from rig.expectations.trips import Trips
from rig.facts import Output
from rig.judge.measurement import Measurement
from rig.judge.verdict import BudgetRow, EventMark, Finding, Judgement, Verdict
from rig.steps.conditions import OutputState
from rig.steps.hold import Hold
from rig.steps.random_phase import RandomPhase
from rig.steps.set import Set
from rig.steps.wait_for import WaitFor
from rig.time_reference import Crossing
from rig.trace.model import Channel, Command, Frames, Line, Link, Marker, Reading, Trace, Waveform

BEGUN = datetime(2026, 11, 25, 1, 2, 3, tzinfo=UTC)
Floats = NDArray[np.float64]


class TickingClock:
    """UTC that moves on by 25 ms each time it is read."""

    def __init__(self, begun: datetime = BEGUN) -> None:
        self.now = begun

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=25)
        return self.now


def a_meta(**changes: object) -> RunMeta:
    facts: dict[str, object] = {
        "dut": "esp32-4s",
        "dut_title": "ESP32 4S reference BMS",
        "plans": ("testplans/nightly.yaml",),
        "seed": 1,
        "firmware": "esp32-4s 1.0.0",
        "firmware_source": "console: version",
        "clock": "stepped",
        "command": "rig run testplans/nightly.yaml --bench virtual-esp32-4s --dut esp32-4s",
        "versions": {"rig": "0.1.0", "python": "3.11.9", "pyvisa": "1.16.2"},
        "instruments": (
            InstrumentFacts(
                role="emulator",
                manufacturer="NGI",
                model="N83624-06-05",
                serial="VB0001",
                firmware="1.08",
                certificate="virtual",
                calibration_due="2027-03-01",
            ),
            InstrumentFacts(
                role="digitizer",
                manufacturer="RIGOL",
                model="M300",
                serial="VB0002",
                firmware="4.1",
            ),
        ),
    }
    return RunMeta(**(facts | changes))  # type: ignore[arg-type]


def a_case(case_id: str = "trip[cell overvoltage,cell=3,repeat=1]", **changes: object) -> Case:
    crossed = Crossing(quantity="cell 3", level=3.65, rising=True, after="high")
    facts: dict[str, object] = {
        "id": case_id,
        "title": "Cell overvoltage on cell 3 opens the charge path in time",
        "plan": "nightly",
        "family": "trip",
        "protection": "cell overvoltage",
        "parameters": {"protection": "cell overvoltage", "cell": "3", "repeat": "1"},
        "steps": (
            RandomPhase(span_s=0.1),
            Set(values={"cell 3": 3.70}, mark="high"),
            WaitFor(until=OutputState(output="charge path", is_open=True), within_s=2.0),
            Hold(duration_s=0.2),
        ),
        "expectations": (
            Trips(output="charge path", since=crossed, low_s=0.9, high_s=1.1),
            SignalBecomes(
                signal=SignalAddress("BMS_Status.OV"),
                value=1,
                since=crossed,
                low_s=0.9,
                high_s=1.25,
            ),
        ),
        "outputs": {"charge path": Output(closed_above=6.0)},
        "capture": Capture(quantities=("cell 3", "charge path"), duration_s=3, interval_s=1e-3),
        "seed": 12345,
        "traces_to": ("SRS-001",),
        "severity": "blocker",
        "source": "testplans/nightly.yaml:12",
        "duration_s": 2.3,
    }
    return Case(**(facts | changes))  # type: ignore[arg-type]


def a_channel(name: str, values: Floats, unit: str = "V") -> Channel:
    return Channel(
        name=name,
        unit=unit,
        values=values,
        accuracy=0.002,
        noise=0.0004,
        resolution=0.0001,
        instrument="digitizer 1",
    )


def a_trace(
    channels: Mapping[str, Floats] | None = None,
    *,
    interval_s: float = 1e-3,
    begin_ns: int = 5_000_000_000,
    commands: Sequence[Command] = (),
    lines: Sequence[Line] = (),
    error: str | None = None,
) -> Trace:
    """Record these samples (volts) from the trace's begin on; frames each 100 ms."""
    if channels is None:
        time_s = np.arange(2000) * interval_s
        channels = {
            "cell 3": np.where(time_s < 0.5, 3.3, 3.7),
            "charge path": np.where(time_s < 1.53, 12.0, 0.0),
        }
    samples = max((len(v) for v in channels.values()), default=0)
    units = {"current": "A", "temperature 1": "°C"}
    wave = Waveform(
        start_ns=begin_ns,
        start_u_s=2e-6,
        interval_s=interval_s,
        rate_tolerance=25e-6,
        skew_s=1e-6,
        channels={n: a_channel(n, v, units.get(n, "V")) for n, v in channels.items()},
    )
    duration_ns = int(samples * interval_s * 1e9) or 3_000_000_000
    return Trace(
        begin_ns=begin_ns,
        end_ns=begin_ns + duration_ns,
        waveforms=(wave,) if channels else (),
        commands=tuple(commands),
        readings=(
            Reading(
                quantity="cell 3",
                value=3.3002,
                unit="V",
                accuracy=0.001,
                before_ns=begin_ns + 1000,
                after_ns=begin_ns + 900_000,
                instrument="dmm",
            ),
        ),
        frames=some_frames(begin_ns, duration_ns),
        lines=tuple(lines)
        or (Line(time_ns=begin_ns + 10**8, late_ns=10**6, text="I (100) bms: state=NORMAL"),),
        links={"can": Link(name="can", alive=True, received=20, dropped=0)},
        markers={"high": Marker(name="high", time_ns=begin_ns + 5 * 10**8, begin_ns=begin_ns)},
        error=error,
        transcript=("emulator > SOUR3:VOLT 3.7", "emulator < 3.7000"),
    )


def some_frames(begin_ns: int, duration_ns: int) -> Frames:
    time_ns = np.arange(begin_ns, begin_ns + duration_ns, 100_000_000, dtype=np.int64)
    count = len(time_ns)
    return Frames(
        time_ns=time_ns,
        can_id=np.full(count, 0x100, np.uint32),
        length=np.full(count, 8, np.uint8),
        data=np.arange(count * 8, dtype=np.int64).reshape(count, 8).astype(np.uint8),
        flags=np.zeros(count, np.uint8),
        time_u_s=1e-4,
    )


def a_finding(trip_s: float = 1.03, **changes: object) -> Finding:
    verdict = _within(trip_s, 0.003, 0.9, 1.1)
    facts: dict[str, object] = {
        "expectation": "charge path opens 0.900 s to 1.100 s after cell 3 rises above 3.650 V",
        "means": "output",
        "verdict": verdict,
        "sentence": f"charge path opened {trip_s * 1e3:.1f} ms after cell 3 crossed 3.650 V",
        "measurement": Measurement(value=trip_s, expanded=0.003, unit="s"),
        "low": 0.9,
        "high": 1.1,
        "budget": (
            BudgetRow(
                name="sampling interval",
                half_width=5e-4,
                distribution="rectangular",
                standard=2.9e-4,
                source="capture: 1 ms",
            ),
            BudgetRow(
                name="voltage accuracy over slew",
                half_width=2e-3,
                distribution="rectangular",
                standard=1.15e-3,
                source="digitizer data sheet, 0.05 %",
            ),
        ),
        "marks": (
            EventMark(label="threshold crossed", channel="cell 3", time_s=0.5, level=3.65),
            EventMark(label="charge path opened", channel="charge path", time_s=0.5 + trip_s),
        ),
    }
    return Finding(**(facts | changes))  # type: ignore[arg-type]


def a_judgement(case: Case | None = None, *findings: Finding) -> Judgement:
    found = findings or (a_finding(),)
    worst = max(found, key=lambda f: list(Verdict).index(f.verdict) if f.verdict != "fail" else 9)
    return Judgement(
        case_id=(case or a_case()).id,
        verdict=worst.verdict,
        sentence=worst.sentence,
        findings=tuple(found),
    )


def _within(value: float, expanded: float, low: float, high: float) -> Verdict:
    if low <= value - expanded and value + expanded <= high:
        return Verdict.PASS
    out = value + expanded < low or high < value - expanded
    return Verdict.FAIL if out else Verdict.INCONCLUSIVE
