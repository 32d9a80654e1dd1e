"""Records go into files while a case runs: the same trace, and memory that does not grow."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from rig.bench.bench import Bench
from rig.bench.connect import connect
from rig.bench.description import load_bench
from rig.case import Case
from rig.drive.drive import drive_case
from rig.drive.streams import Streams
from rig.dut.profile import Profile
from rig.plan.complete import complete
from rig.steps import Step
from rig.steps.hold import Hold
from rig.steps.read import Read
from rig.steps.set import Set
from rig.trace import files
from rig.trace.model import CAN, CONSOLE, REST, SCPI, Command
from rig.trace.unfinished import load_unfinished
from tests.plan.test_families import ORIGIN


@pytest.fixture(scope="module")
def bench(esp32: Profile) -> Iterator[Bench]:
    """The virtual bench, connected as a run connects it."""
    with connect(load_bench("virtual-esp32-4s"), esp32, seed=1) as connected:
        yield connected


def a_case(profile: Profile, *steps: Step) -> Case:
    return complete(replace(ORIGIN, id="a case", steps=steps, seed=1, expectations=()), profile)


STEPS = (Hold(duration_s=5.0), Set(values={"cell 1": 3.5}), Read(quantities=("cell 1",)))


def test_what_was_streamed_closes_into_the_same_files(
    bench: Bench, esp32: Profile, tmp_path: Path
) -> None:
    case = a_case(esp32, *STEPS, Hold(duration_s=60.0, mark="held"))
    streams = Streams(tmp_path / "live", every_s=0.0)

    bench.begin_case(seed=1)
    files.save(drive_case(case, bench), tmp_path / "of memory")
    bench.begin_case(seed=1)
    files.save(drive_case(case, bench, streams), tmp_path / "of files")

    assert (tmp_path / "live" / "can.log").stat().st_size > 10_000
    for name in (CAN, CONSOLE, SCPI, REST):
        of_memory, of_files = (tmp_path / f"of {way}" / name for way in ("memory", "files"))
        assert of_memory.read_bytes() == of_files.read_bytes(), name


def test_what_is_left_of_a_case_is_what_its_trace_has(
    bench: Bench, esp32: Profile, tmp_path: Path
) -> None:
    streams = Streams(tmp_path / "live", every_s=0.0)

    trace = drive_case(a_case(esp32, *STEPS), bench, streams)
    left = load_unfinished(tmp_path / "live")

    assert [type(c) for c in left.commands] == [Command] * len(trace.commands)
    assert (left.commands, left.readings) == (trace.commands, trace.readings)
    assert tuple(left.lines) == tuple(trace.lines)
    assert tuple(left.transcript) == tuple(trace.transcript)
    assert left.frames.data.tobytes() == trace.frames.data.tobytes()
    assert abs(left.frames.time_ns - trace.frames.time_ns).max() < 1e9 * trace.frames.time_u_s * 4
    assert left.error is not None


def test_memory_does_not_grow_with_the_length_of_a_case(
    bench: Bench, esp32: Profile, tmp_path: Path
) -> None:
    peaks, heard = [], 0
    for number, length_s in enumerate((30.0, 30.0, 300.0)):  # the first one imports and warms up
        streams = Streams(tmp_path / f"{number}", every_s=0.0)
        gc.collect()
        tracemalloc.start()
        trace = drive_case(a_case(esp32, Hold(duration_s=length_s)), bench, streams)
        files.save(trace, tmp_path / f"{number} closed")
        heard = trace.frames.time_ns.size
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()

    assert heard > 15_000  # 13 MB as messages
    assert peaks[2] < peaks[1] + 2_000_000, peaks


def test_a_short_case_leaves_no_files(bench: Bench, esp32: Profile, tmp_path: Path) -> None:
    drive_case(a_case(esp32, Hold(duration_s=1.0)), bench, Streams(tmp_path / "live"))

    assert not (tmp_path / "live").exists()
