"""A BLF file bears the date at which its record began, and no stamp of it lies before that."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import can
import numpy as np
import pytest

from rig.bench.bench import Bench
from rig.bench.connect import connect
from rig.bench.description import load_bench
from rig.clock import SteppedClock, WallClock
from rig.drive.drive import drive_case
from rig.dut.profile import find_described, load_profile
from rig.plan.complete import complete
from rig.steps.hold import Hold
from rig.trace import files
from rig.trace.blf import frames_to_blf
from rig.trace.model import Frames, Trace
from tests.evidence.factories import a_trace
from tests.plan.test_families import ORIGIN

STEPPED = datetime(2000, 1, 1, tzinfo=UTC)  # docs/run-folder.md says so
BEGUN = datetime(2026, 11, 30, 21, 15, 7, 250_000, tzinfo=UTC)


def begun_ns(begun: datetime = BEGUN) -> int:
    return round(begun.timestamp() * 1000) * 1_000_000


def some_frames(*times_ns: int) -> Frames:
    n = len(times_ns)
    return Frames(
        time_ns=np.array(times_ns, np.int64),
        can_id=np.full(n, 0x100, np.uint32),
        length=np.full(n, 8, np.uint8),
        data=np.zeros((n, 8), np.uint8),
        flags=np.zeros(n, np.uint8),
        time_u_s=1e-4,
    )


def a_dated_trace(*times_ns: int) -> Trace:
    trace = a_trace(begin_ns=0)
    return replace(trace, frames=some_frames(*times_ns), begun_utc_ns=begun_ns())


def test_python_can_reads_the_date_of_every_frame() -> None:
    content = frames_to_blf(some_frames(0, 1_500_000_000), begun_utc_ns=begun_ns())

    reader = can.BLFReader(io.BytesIO(content))
    stamps = [message.timestamp for message in reader]

    assert reader.start_timestamp == BEGUN.timestamp()
    assert stamps == pytest.approx([BEGUN.timestamp(), BEGUN.timestamp() + 1.5], abs=1e-6)


def test_a_frame_from_just_before_the_begin_has_its_date_too(tmp_path: Path) -> None:
    trace = a_dated_trace(-1_700_000, 0, 250_000)
    files.save(trace, tmp_path)

    stamps = [message.timestamp for message in can.BLFReader(str(tmp_path / "can.blf"))]

    first = BEGUN.timestamp() - 1.7e-3
    assert stamps == pytest.approx([first, first + 1.7e-3, first + 1.95e-3], abs=2e-6)
    np.testing.assert_array_equal(files.load(tmp_path).frames.time_ns, trace.frames.time_ns)
    assert files.load(tmp_path).begun_utc_ns == trace.begun_utc_ns


def test_an_asc_file_made_of_it_says_the_right_day(tmp_path: Path) -> None:
    files.save(a_dated_trace(0, 10**9), tmp_path)

    with can.ASCWriter(tmp_path / "can.asc") as writer:
        for message in can.BLFReader(str(tmp_path / "can.blf")):
            writer(message)

    text = (tmp_path / "can.asc").read_text(encoding="utf-8")
    assert "1970" not in text
    assert f"{BEGUN.astimezone():%b %d}" in text
    assert "2026" in text


def test_frames_without_a_date_are_what_they_were() -> None:
    reader = can.BLFReader(io.BytesIO(frames_to_blf(some_frames(5))))

    assert [message.timestamp for message in reader] == [pytest.approx(5e-9)]


def test_a_wall_clock_knows_the_date_of_its_instants() -> None:
    clock = WallClock()
    before = datetime.now(UTC).timestamp()

    found = clock.date_ns(clock.now_ns() - 3_600 * 10**9) / 1e9

    assert before - 3_601 < found <= datetime.now(UTC).timestamp() - 3_599


def test_a_stepped_clocks_time_begins_on_a_day_that_is_stated(esp32_bench: Bench) -> None:
    clock = esp32_bench.clock

    assert isinstance(clock, SteppedClock)
    assert clock.date_ns(77) == begun_ns(STEPPED)


def test_a_stepped_trace_is_dated_on_the_same_day_whenever_it_runs(esp32_bench: Bench) -> None:
    case = complete(
        replace(ORIGIN, id="a case", steps=(Hold(duration_s=0.1),)), esp32_bench.profile
    )

    first, again = drive_case(case, esp32_bench), drive_case(case, esp32_bench)

    assert first.begun_utc_ns == again.begun_utc_ns == begun_ns(STEPPED)


@pytest.fixture
def esp32_bench() -> Iterator[Bench]:
    """Connect the virtual bench of the reference BMS."""
    profile = load_profile(find_described("esp32-4s", "duts", "profile.yaml"))
    with connect(load_bench("virtual-esp32-4s"), profile, seed=1) as bench:
        yield bench
