"""How the cost of a plan grows with the cells of a BMS: to expand, to store, to judge.

    python benchmarks/growth.py [CELLS…]

Makes of esp32-16s a BMS of so many cells, with the messages that they need, and expands nightly-16s
over it. Judged are two cases on a made-up trace, in which each step was done and the BMS reports
each cell as it is: telemetry of the cells, and balancing of the first one. Behind each cost per
cell stands its ratio to that at 64 cells. Wanted: 1.3 at most, at 512 cells.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rig.case import CASE_JSON, Case
from rig.dut.profile import Profile, load_profile
from rig.judge.decoder import NoMessages
from rig.judge.verdict import Verdict
from rig.judging import judge
from rig.plan.expand import expand
from rig.plan.model import load_plan
from rig.quantities import BLEED, CELL, kind_of, number_of, unit_of
from rig.steps.hold import Hold
from rig.steps.read import Read
from rig.steps.set import Set
from rig.trace.model import Command, Frames, Line, Link, Marker, Reading, Trace

PLAN = Path(__file__).parents[1] / "testplans/nightly-16s.yaml"
CELLS = (16, 64, 256, 512)
REFERENCE, WANTED = 64, 1.3
JUDGINGS = 5  # the shortest counts: what other processes take is no cost of the rig
JUDGED = ("telemetry[cellvoltage]", "balancing[cell1]")
PERIOD_NS, STEP_NS, SECOND_NS = 100_000_000, 10_000_000, 1_000_000_000
BLEED_A = 0.1


def profile_of(cells: int) -> Profile:
    """Give esp32-16s with so many cells, and the messages that tell their voltages."""
    few = load_profile("esp32-16s")
    report = few.telemetry.cell_voltage
    reported = (report.signal_for(n) for n in range(1, cells + 1) if report)
    named = {signal.message for signal in reported if signal}
    claim = few.messages["BMS_CellVoltages1"]
    changed = {
        "cells": few.cells.model_copy(update={"count": cells}),
        "messages": few.messages | dict.fromkeys(sorted(named), claim),
    }
    content = {name: getattr(few, name) for name in type(few).model_fields}
    return Profile.model_construct(**content | changed)


# ---- a case as if driven ------------------------------------------------------------------------
@dataclass
class Tape:
    """What instruments would note while a case is driven, and a BMS that reports what is there."""

    values: dict[str, float]
    bleeding: frozenset[int]
    now_ns: int = 0
    commands: list[Command] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    markers: dict[str, Marker] = field(default_factory=dict)
    frames: list[tuple[int, Mapping[str, float]]] = field(default_factory=list)

    def drive(self, case: Case) -> None:
        """Note what all its steps set and read."""
        for step in case.steps:
            begin_ns = self.now_ns
            self._pass(round(step.duration_s * 1e9) if isinstance(step, Hold) else STEP_NS)
            if isinstance(step, Set):
                self.values = self.values | step.values
                self.commands += [self._command(*item) for item in step.values.items()]
            if isinstance(step, Read):
                self.readings += [self._reading(quantity) for quantity in step.quantities]
            if step.mark:
                self.markers[step.mark] = Marker(
                    name=step.mark, time_ns=self.now_ns, begin_ns=begin_ns
                )

    def _pass(self, span_ns: int) -> None:
        """Let time pass, in which it sends and prints."""
        end_ns = self.now_ns + span_ns
        for at_ns in range(-(-self.now_ns // PERIOD_NS) * PERIOD_NS, end_ns, PERIOD_NS):
            self.frames.append((at_ns, self.values))
            if at_ns % SECOND_NS == 0:
                volts = ",".join(f"{v:.3f}" for q, v in self.values.items() if kind_of(q) is CELL)
                self.lines.append(Line(time_ns=at_ns, late_ns=0, text=f"bms: v={volts}"))
        self.now_ns = end_ns

    def _command(self, quantity: str, value: float) -> Command:
        return Command(
            quantity=quantity,
            value=value,
            before_ns=self.now_ns,
            after_ns=self.now_ns,
            settle_s=0.0,
            instrument="source",
        )

    def _reading(self, quantity: str) -> Reading:
        bleeds = kind_of(quantity) is BLEED and number_of(quantity) in self.bleeding
        return Reading(
            quantity=quantity,
            value=BLEED_A if bleeds else self.values.get(quantity, 0.0),
            unit=unit_of(quantity),
            accuracy=0.001,
            before_ns=self.now_ns,
            after_ns=self.now_ns,
            instrument="meter",
        )

    @property
    def trace(self) -> Trace:
        """What a judge is given."""
        heard = len(self.frames)
        times = np.array([at_ns for at_ns, _ in self.frames], np.int64)
        frames = Frames(
            time_ns=times,
            can_id=np.ones(heard, np.uint32),
            length=np.full(heard, 8, np.uint8),
            data=np.zeros((heard, 8), np.uint8),
            flags=np.zeros(heard, np.uint8),
            time_u_s=0.0,
        )
        links = {"can": heard, "console": len(self.lines)}
        return Trace(
            begin_ns=0,
            end_ns=self.now_ns,
            waveforms=(),
            commands=tuple(self.commands),
            readings=tuple(self.readings),
            frames=frames,
            lines=tuple(self.lines),
            links={n: Link(name=n, alive=True, received=c, dropped=0) for n, c in links.items()},
            markers=self.markers,
        )


class Reports(NoMessages):
    """A decoder of what a BMS of many cells sends: one frame of each message in each period."""

    def __init__(self, tape: Tape) -> None:
        self._times = tape.trace.frames.time_ns
        cells = [q for q in tape.values if kind_of(q) is CELL]
        volts = np.array([[values[cell] for cell in cells] for _, values in tape.frames])
        self._volts = {f"Cell{n}_V": volts[:, n - 1] for n in range(1, len(cells) + 1)}
        self._bleeding = {f"Bal{n}" for n in tape.bleeding}

    def __call__(
        self, frames: Frames, message: str, signal: str
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return times and values of a cell's voltage, or whether it bleeds."""
        del frames, message
        bleeds = np.full(self._times.size, float(signal in self._bleeding))
        return self._times, self._volts.get(signal, bleeds)

    def rows(self, frames: Frames, message: str) -> NDArray[np.intp]:
        """Return a frame for each time."""
        del frames, message
        return np.arange(self._times.size)


# ---- what it costs ------------------------------------------------------------------------------
def judging_s(case: Case, profile: Profile) -> float:
    """CPU time of judging a case whose BMS does all that is expected of it."""
    bleeding = frozenset({1} if case.family == "balancing" else ())
    tape = Tape(dict(profile.nominal_values), bleeding)
    tape.drive(case)
    trace, reports = tape.trace, Reports(tape)
    begun = replace(case, precondition="off")  # no start was made up
    began = time.process_time()
    judgement = judge(begun, trace, reports)
    took_s = time.process_time() - began
    if judgement.verdict is not Verdict.PASS:
        raise SystemExit(f"{case.id}: {judgement.verdict}, {judgement.sentence}")
    return took_s


def costs(cells: int) -> dict[str, float]:
    """Give all that is printed for one size; what costs more with each cell has a unit."""
    profile, plan = profile_of(cells), load_plan(PLAN)
    began = time.process_time()
    cases = expand(plan, profile, seed=1)
    expand_s = time.process_time() - began
    judged = {
        case.id: min(judging_s(case, profile) for _ in range(JUDGINGS))
        for case in cases
        if case.id in JUDGED
    }
    return {
        "cases": len(cases),
        "expectations of the largest": max(len(case.expectations) for case in cases),
        "expand, s": expand_s,
        "JSON, MB": 1e-6 * sum(len(CASE_JSON.dump_json(case)) for case in cases),
        "JSON of the largest, MB": 1e-6 * max(len(CASE_JSON.dump_json(case)) for case in cases),
        **{f"judge {case_id}, s": judged[case_id] for case_id in JUDGED},
    }


def main() -> int:
    """Print each cost at each size, and the ratio of a cell's share to that at 64 cells."""
    sizes = sorted({REFERENCE, *(map(int, sys.argv[1:]) if sys.argv[1:] else CELLS)})
    found = {cells: costs(cells) for cells in sizes}
    print(f"{'cells':32}" + "".join(f"{cells:>18,}" for cells in sizes))
    worst = 0.0
    for name, reference in found[REFERENCE].items():
        cost = {cells: found[cells][name] for cells in sizes}
        ratio = {cells: cost[cells] / cells / (reference / REFERENCE) for cells in sizes}
        shown = (f"{cost[n]:{'.3f' if ', ' in name else ',.0f'}} ({ratio[n]:.2f})" for n in sizes)
        print(f"{name:32}" + "".join(f"{text:>18}" for text in shown))
        worst = max(worst, ratio[sizes[-1]])
    print(f"wanted: a cell's share at most {WANTED:g} times that at {REFERENCE}; most: {worst:.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
