"""A trace comes back from its files equal to the bit, and other tools can read them."""

from __future__ import annotations

import io
import json
import math
import time
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import can
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rig.clock import Lag
from rig.errors import EvidenceError
from rig.trace import files
from rig.trace.blf import frames_from_blf, frames_to_blf, start_ns
from rig.trace.model import (
    Channel,
    Command,
    Frames,
    Line,
    Link,
    Marker,
    Reading,
    Start,
    Trace,
    Waveform,
)


def assert_same(a: object, b: object) -> None:
    """Compare values, arrays inside included: equal to the bit, same dtype."""
    assert type(a) is type(b)
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        assert a.tobytes() == b.tobytes()
    elif is_dataclass(a):
        for field in fields(a):
            assert_same(getattr(a, field.name), getattr(b, field.name))
    elif isinstance(a, dict) and isinstance(b, dict):
        assert list(a) == list(b)
        for key in a:
            assert_same(a[key], b[key])
    elif isinstance(a, tuple) and isinstance(b, tuple):
        assert len(a) == len(b)
        for one, other in zip(a, b, strict=True):
            assert_same(one, other)
    else:
        assert a == b


NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
WORDS = st.text(st.characters(), max_size=12)  # lone surrogates of a noisy console included
NUMBERS = st.floats(allow_nan=False)
INSTANTS = st.integers(-(2**40), 2**62)


LENGTHS = (*range(9), 12, 16, 20, 24, 32, 48, 64)  # that a CAN FD frame can have
FD = 16


@st.composite
def frames_of(draw: st.DrawFn, n: int, earliest_ns: int = 0) -> Frames:
    """Frames of up to three buses, classic ones, FD and error frames among each other."""
    buses = draw(st.sampled_from([("can",), ("pack", "charger"), ("a", "b", "c")]))
    flags = draw(arrays(np.uint8, n, elements=st.integers(0, 15)))
    length = draw(arrays(np.uint8, n, elements=st.integers(0, 8)))
    is_fd = draw(arrays(np.bool_, n)) & draw(st.booleans()) & (flags & 6 == 0)
    flags[is_fd] |= FD | draw(arrays(np.uint8, n, elements=st.sampled_from([0, 32, 64, 96])))[is_fd]
    length[is_fd] = draw(arrays(np.uint8, n, elements=st.sampled_from(LENGTHS)))[is_fd]
    data = draw(arrays(np.uint8, (n, 64 if is_fd.any() else 8)))
    data[~is_fd, 8:] = 0
    return Frames(
        time_ns=draw(arrays(np.int64, n, elements=st.integers(earliest_ns, 2**62))),
        can_id=draw(arrays(np.uint32, n, elements=st.integers(0, 2**29 - 1))),
        length=length,
        data=data,
        flags=flags,
        time_u_s=draw(st.floats(0, 1)),
        buses=buses,
        each_u_s=draw(st.sampled_from([(), (1e-4, 2e-4, 3e-4)[: len(buses)]])),
        bus=draw(arrays(np.uint8, n, elements=st.integers(0, len(buses) - 1))),
    )


SAMPLES = st.one_of(
    arrays(np.float64, 6, elements=st.floats(width=64)),
    arrays(np.float64, 6, elements=st.floats(width=32, allow_nan=False)),
    arrays(np.int64, 6, elements=st.integers(-40_000, 40_000)).map(lambda codes: codes * 0.0003),
    arrays(np.int64, 6, elements=st.integers(-300, 300)).map(lambda codes: codes * 0.5 + 0.123),
)


@st.composite
def waveforms(draw: st.DrawFn) -> Waveform:
    names = draw(st.lists(NAMES, unique=True, max_size=3))
    channels = {
        name: Channel(
            name=draw(NAMES),
            unit=draw(NAMES),
            values=draw(SAMPLES),
            accuracy=draw(NUMBERS),
            noise=draw(NUMBERS),
            resolution=draw(st.sampled_from([0.0, 0.0003, 0.5, 1e-300])),
            instrument=draw(NAMES),
        )
        for name in names
    }
    return Waveform(
        start_ns=draw(INSTANTS),
        start_u_s=draw(NUMBERS),
        interval_s=draw(NUMBERS),
        rate_tolerance=draw(NUMBERS),
        skew_s=draw(NUMBERS),
        channels=channels,
    )


def many(kind: type, **parts: st.SearchStrategy[object]) -> st.SearchStrategy[tuple[object, ...]]:
    return st.lists(st.builds(kind, **parts), max_size=2).map(tuple)


TRACES = st.builds(
    Trace,
    begin_ns=INSTANTS,
    end_ns=INSTANTS,
    waveforms=st.lists(waveforms(), max_size=2).map(tuple),
    commands=many(
        Command,
        quantity=NAMES,
        value=NUMBERS,
        before_ns=INSTANTS,
        after_ns=INSTANTS,
        settle_s=NUMBERS,
        instrument=NAMES,
    ),
    readings=many(
        Reading,
        quantity=NAMES,
        value=NUMBERS,
        unit=NAMES,
        accuracy=NUMBERS,
        before_ns=INSTANTS,
        after_ns=INSTANTS,
        instrument=NAMES,
    ),
    frames=st.integers(0, 4).flatmap(frames_of),
    lines=many(Line, time_ns=INSTANTS, late_ns=st.integers(0, 2**40), text=WORDS),
    links=st.dictionaries(
        NAMES,
        st.builds(
            Link,
            name=NAMES,
            alive=st.booleans(),
            received=st.integers(0, 2**40),
            dropped=st.integers(0, 9),
            note=NAMES,
        ),
        max_size=2,
    ),
    markers=st.dictionaries(
        NAMES, st.builds(Marker, name=NAMES, time_ns=INSTANTS, begin_ns=INSTANTS), max_size=2
    ),
    error=st.none() | NAMES,
    lags=st.lists(
        st.builds(
            Lag,
            who=st.sampled_from(["rig", "bench"]),
            worst_ns=st.integers(0, 2**40),
            late=st.integers(0, 1000),
            allowed_ns=st.just(20_000_000),
        ),
        max_size=2,
    ).map(tuple),
    transcript=st.lists(WORDS, max_size=3).map(tuple),
)


@settings(max_examples=60, deadline=None)
@given(trace=TRACES)
def test_a_trace_comes_back_as_it_was(trace: Trace) -> None:
    with TemporaryDirectory() as folder:
        files.save(trace, Path(folder) / "case")

        again = files.load(Path(folder) / "case")

    assert_same(again, trace)


def an_empty_trace(**changes: object) -> Trace:
    trace = Trace(
        begin_ns=0,
        end_ns=1,
        waveforms=(),
        commands=(),
        readings=(),
        frames=Frames.none(),
        lines=(),
        links={},
        markers={},
    )
    return replace(trace, **changes)  # type: ignore[arg-type]


def a_wave(values: np.ndarray, resolution: float) -> Waveform:
    channel = Channel(
        name="cell 1",
        unit="V",
        values=values,
        accuracy=0.001,
        noise=0.0,
        resolution=resolution,
        instrument="digitizer 1",
    )
    return Waveform(
        start_ns=0,
        start_u_s=0.0,
        interval_s=1e-3,
        rate_tolerance=0.0,
        skew_s=0.0,
        channels={"cell 1": channel},
    )


@pytest.mark.parametrize(
    ("values", "resolution", "kind"),
    [
        pytest.param(np.arange(5) * 0.0003, 0.0003, pa.int16(), id="codes of 16 bit"),
        pytest.param(np.arange(5) * 30_000 * 0.0003, 0.0003, pa.int32(), id="of 32 bit"),
        pytest.param(np.array([32_767.0]), 1.0, pa.int16(), id="the largest of 16 bit"),
        pytest.param(np.array([-32_768.0]), 1.0, pa.int32(), id="beyond it, below"),
        pytest.param(np.array([0.0, 32_768.0]), 1.0, pa.int32(), id="beyond it"),
        pytest.param(0.123 + np.arange(5) * 0.5, 0.5, pa.int16(), id="a grid with an offset"),
        pytest.param(np.array([0.5, 0.25]), 0.0, pa.float32(), id="exact in 32 bit"),
        pytest.param(np.array([0.1, 0.2]), 0.0, pa.float64(), id="no grid"),
        pytest.param(np.array([0.1, 0.25]), 0.2, pa.float64(), id="off its grid"),
        pytest.param(np.array([-0.0, 1.0]), 1.0, pa.float64(), id="a negative zero"),
        pytest.param(np.array([np.nan, 1.0]), 1.0, pa.float64(), id="a sample that is no number"),
        pytest.param(np.array([np.inf, 1.0]), 1.0, pa.float32(), id="an infinite sample"),
        pytest.param(np.array([1e300, 1.0]), 1.0, pa.float64(), id="a huge sample"),
    ],
)
def test_samples_are_stored_as_small_as_they_come_back_exactly(
    tmp_path: Path, values: np.ndarray, resolution: float, kind: pa.DataType
) -> None:
    trace = an_empty_trace(waveforms=(a_wave(values.astype(np.float64), resolution),))

    files.save(trace, tmp_path)

    assert pq.read_schema(tmp_path / "signals.parquet").field("cell 1").type == kind
    assert_same(files.load(tmp_path), trace)


def test_another_tool_finds_scale_and_unit(tmp_path: Path) -> None:
    files.save(an_empty_trace(waveforms=(a_wave(np.arange(5) * 0.0003, 0.0003),)), tmp_path)

    table = pq.read_table(tmp_path / "signals.parquet")

    about = json.loads(table.schema.field("cell 1").metadata[b"rig"])
    assert (about["unit"], about["scale"], about["offset"]) == ("V", 0.0003, 0.0)
    assert table.column("cell 1").to_pylist() == [0, 1, 2, 3, 4]
    assert json.loads(table.schema.metadata[b"rig"])["interval_s"] == 1e-3


def test_the_text_files_read_well(tmp_path: Path) -> None:
    lines = (
        Line(time_ns=1_234_567_891, late_ns=120_000, text="I (1) bms: ready"),
        Line(time_ns=-5, late_ns=0, text="a\\b\nc"),
    )

    files.save(an_empty_trace(lines=lines, transcript=("> *IDN?", "< µ\r")), tmp_path)

    assert (tmp_path / "console.txt").read_text(encoding="utf-8") == (
        "1.234567891\t-120000ns\tI (1) bms: ready\n-0.000000005\t-0ns\ta\\\\b\\nc\n"
    )
    assert (tmp_path / "scpi.txt").read_text(encoding="utf-8") == "> *IDN?\n< µ\\r\n"
    assert files.load(tmp_path).lines == lines


# ---- BLF -------------------------------------------------------------------------------------
def read_by_python_can(content: bytes) -> list[can.Message]:
    return list(can.BLFReader(io.BytesIO(content)))


@given(frames=st.integers(0, 5).flatmap(lambda n: frames_of(n, -(10**6))))
def test_frames_come_back_as_they_were(frames: Frames) -> None:
    content = frames_to_blf(frames)

    read = frames_from_blf(content, frames.time_u_s, "x", start_ns(frames), frames.buses)
    assert_same(replace(read, each_u_s=frames.each_u_s), frames)


@given(frames=st.integers(1, 5).flatmap(frames_of))
@example(
    frames=Frames(
        time_ns=np.array([1_500_000_001], np.int64),
        can_id=np.array([0x100], np.uint32),
        length=np.array([8], np.uint8),
        data=np.arange(8, dtype=np.uint8).reshape(1, 8),
        flags=np.array([4], np.uint8),
        time_u_s=0.0,
    )
)
def test_python_can_reads_the_same_frames(frames: Frames) -> None:
    messages = read_by_python_can(frames_to_blf(frames))

    assert len(messages) == frames.time_ns.size
    for i, message in enumerate(messages):
        flags, length = int(frames.flags[i]), int(frames.length[i])
        seconds = float(frames.time_ns[i]) * 1e-9  # a float, as python-can's stamp
        assert message.timestamp == pytest.approx(seconds, rel=1e-15, abs=2e-9)
        assert message.arbitration_id == frames.can_id[i]
        assert message.is_extended_id == bool(flags & 1)
        assert message.is_error_frame == bool(flags & 4)
        assert message.dlc == length
        assert message.channel == frames.bus[i]
        if not flags & 4:
            assert message.is_remote_frame == bool(flags & 2)
            assert message.is_rx == (not flags & 8)
            assert message.is_fd == bool(flags & FD)
            assert message.bitrate_switch == bool(flags & 32)
            assert message.error_state_indicator == bool(flags & 64)
        if not flags & 2:
            assert bytes(message.data) == frames.data[i, :length].tobytes()


@pytest.mark.parametrize("error_every", [0, 7], ids=["data frames", "error frames among them"])
def test_many_frames_fill_many_containers(error_every: int) -> None:
    n = 10_000
    flags = np.zeros(n, np.uint8)
    if error_every:
        flags[::error_every] = 4
    frames = Frames(
        time_ns=np.arange(n, dtype=np.int64) * 1_000,
        can_id=np.full(n, 0x100, np.uint32),
        length=np.full(n, 8, np.uint8),
        data=np.random.default_rng(1).integers(0, 256, (n, 8), np.uint8),
        flags=flags,
        time_u_s=0.0,
    )

    content = frames_to_blf(frames)

    assert_same(frames_from_blf(content, 0.0, "x"), frames)
    messages = read_by_python_can(content)
    assert len(messages) == n
    assert bytes(messages[-1].data) == frames.data[-1].tobytes()


def some_frames(n: int, bus: str, *, fd: bool = False, at_us: int = 0) -> Frames:
    """A frame a millisecond, each filled with its own number."""
    length = 64 if fd else 8
    return Frames(
        time_ns=(np.arange(n, dtype=np.int64) * 1_000 + at_us) * 1_000,
        can_id=np.full(n, 0x100, np.uint32),
        length=np.full(n, length, np.uint8),
        data=np.repeat(np.arange(n, dtype=np.uint8)[:, None], length, axis=1),
        flags=np.full(n, FD if fd else 0, np.uint8),
        time_u_s=2e-4 if fd else 1e-4,
        buses=(bus,),
    )


def test_frames_of_two_buses_are_one_record_in_order_of_time() -> None:
    slow, fast = some_frames(3, "pack"), some_frames(3, "charger", fd=True, at_us=500)

    both = Frames.merged([slow, fast])

    assert [both.buses[i] for i in both.bus] == ["pack", "charger"] * 3
    assert np.all(np.diff(both.time_ns) > 0)
    assert both.data[:, 7].tolist() == [0, 0, 1, 1, 2, 2]
    assert both.data[:, 63].tolist() == [0, 0, 0, 1, 0, 2]
    assert (both.time_u_s, both.length.tolist()) == (2e-4, [8, 64] * 3)
    assert [both.on(bus).time_u_s for bus in both.buses] == [1e-4, 2e-4]
    read = frames_from_blf(frames_to_blf(both), 2e-4, "x", 0, both.buses)
    assert_same(replace(read, each_u_s=both.each_u_s), both)


def test_a_single_bus_is_its_own_record() -> None:
    frames = some_frames(3, "pack")

    assert Frames.merged([frames]) is frames


def test_data_that_looks_like_an_object_is_data() -> None:
    frames = Frames.merged([some_frames(3, "a", fd=True), some_frames(3, "b")])
    frames.data[0, :60] = np.frombuffer(b"LOBJ" * 15, np.uint8)

    read = frames_from_blf(frames_to_blf(frames), 2e-4, "x", 0, ("a", "b"))
    assert_same(replace(read, each_u_s=frames.each_u_s), frames)


def test_a_channel_that_is_no_bus_is_damage() -> None:
    content = frames_to_blf(Frames.merged([some_frames(1, "a"), some_frames(1, "b")]))

    with pytest.raises(EvidenceError, match="channel 2"):
        frames_from_blf(content, 0.0, "x", 0, ("a",))


# ---- damage ----------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["can.blf", "console.txt", "scpi.txt", "trace.json"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    files.save(an_empty_trace(), tmp_path)
    (tmp_path / name).unlink()

    with pytest.raises(EvidenceError, match=name.replace(".", r"\.")):
        files.load(tmp_path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("can.blf", b"nothing"),
        ("can.blf", b"LOGG" + bytes(140) + b"damaged container, surely so"),
        ("console.txt", b"no time\n"),
        ("trace.json", b"{}"),
        ("signals.parquet", b"PAR1"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, name: str, content: bytes) -> None:
    files.save(an_empty_trace(waveforms=(a_wave(np.zeros(3), 1.0),)), tmp_path)
    (tmp_path / name).write_bytes(content)

    with pytest.raises(EvidenceError, match=name.replace(".", r"\.")):
        files.load(tmp_path)


def test_a_trace_of_a_later_rig_is_refused(tmp_path: Path) -> None:
    files.save(an_empty_trace(), tmp_path)
    path = tmp_path / "trace.json"
    path.write_text(path.read_text(encoding="utf-8").replace("trace/4", "trace/5"))

    with pytest.raises(EvidenceError, match=r"newer rig.*version 5, and this rig reads up to 4"):
        files.load(tmp_path)


def test_a_long_case_is_saved_in_little_time(tmp_path: Path) -> None:
    n = 100_000
    random = np.random.default_rng(1)
    wave = a_wave(np.zeros(n), 0.0003)
    channels = {
        f"cell {i}": replace(
            wave.channels["cell 1"],
            name=f"cell {i}",
            values=np.rint((3.3 + random.normal(0, 5e-4, n)) / 0.0003) * 0.0003,
        )
        for i in range(4)
    }
    trace = an_empty_trace(waveforms=(replace(wave, channels=channels),))

    took_s = []
    for _ in range(4):
        began = time.perf_counter()
        files.save(trace, tmp_path)
        took_s.append(time.perf_counter() - began)

    assert min(took_s) < 0.1  # 15 ms on the machine that this was written on
    assert (tmp_path / "signals.parquet").stat().st_size < 500_000
    assert_same(files.load(tmp_path), trace)


def test_how_the_bms_came_up_comes_back(tmp_path: Path) -> None:
    reading = Reading(
        quantity="charge path",
        value=math.nan,
        unit="V",
        accuracy=0.001,
        before_ns=-20,
        after_ns=-10,
        instrument="meter 3",
    )
    start = Start(
        begun_ns=-900,
        heard=20,
        ready=Line(time_ns=-300, late_ns=1, text="bms: ready"),
        asked_ns=None,
        readings=(reading,),
        told_closed=("charge path",),
    )

    files.save(an_empty_trace(start=start), tmp_path)

    assert repr(files.load(tmp_path).start) == repr(start)  # a NaN equals nothing
