"""CAN frames as can-utils' log: what python-can reads of it, and what comes back."""

from __future__ import annotations

from pathlib import Path

import can
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.trace import candump
from rig.trace.log import Log, Rows, rows_of, whole_lines
from rig.trace.model import ERROR, EXTENDED, FD, PASSIVE, REMOTE, SENT, SWITCHED, Command
from rig.trace.texts import StoredLines, of_text, unescaped

LENGTHS = (*range(9), 12, 16, 20, 24, 32, 48, 64)


@st.composite
def messages(draw: st.DrawFn) -> can.Message:
    is_extended, is_fd = draw(st.booleans()), draw(st.booleans())
    is_remote = not is_fd and draw(st.booleans())
    length = draw(st.sampled_from(LENGTHS if is_fd else LENGTHS[:9]))
    return can.Message(
        timestamp=draw(st.integers(0, 2 * 10**15)) / 1e6,
        arbitration_id=draw(st.integers(0, 0x1FFF_FFFF if is_extended else 0x7FF)),
        is_extended_id=is_extended,
        is_remote_frame=is_remote,
        is_error_frame=not is_fd and not is_remote and draw(st.booleans()),
        is_fd=is_fd,
        bitrate_switch=is_fd and draw(st.booleans()),
        error_state_indicator=is_fd and draw(st.booleans()),
        is_rx=draw(st.booleans()),
        dlc=length,
        data=None if is_remote else draw(st.binary(min_size=length, max_size=length)),
    )


@given(st.lists(messages(), min_size=1, max_size=20))
def test_frames_come_back(heard: list[can.Message]) -> None:
    text = "".join(candump.of_message("can", frame) for frame in heard).encode()

    frames = candump.parsed(text)

    assert frames.time_ns.tolist() == [round(f.timestamp * 1e6) * 1000 for f in heard]
    assert frames.can_id.tolist() == [f.arbitration_id for f in heard]
    assert frames.length.tolist() == [f.dlc for f in heard]
    assert [bytes(row).rstrip(b"\0") for row in frames.data] == [
        bytes(f.data).rstrip(b"\0") for f in heard
    ]
    for bit, name in (
        (EXTENDED, "is_extended_id"),
        (REMOTE, "is_remote_frame"),
        (ERROR, "is_error_frame"),
        (FD, "is_fd"),
        (SWITCHED, "bitrate_switch"),
        (PASSIVE, "error_state_indicator"),
    ):
        assert (frames.flags & bit != 0).tolist() == [getattr(f, name) for f in heard], name
    assert (frames.flags & SENT == 0).tolist() == [f.is_rx for f in heard]


@pytest.mark.parametrize("is_extended", [False, True])
def test_python_can_reads_it(tmp_path: Path, *, is_extended: bool) -> None:
    sent = can.Message(
        timestamp=12.345678, arbitration_id=0x123, is_extended_id=is_extended, data=b"\x01\xff"
    )
    path = tmp_path / "can.log"
    path.write_text(candump.of_message("can", sent), encoding="ascii")

    with can.LogReader(path) as reader:
        (read,) = reader

    assert read.equals(sent, check_channel=False, timestamp_delta=1e-9)


def test_a_torn_line_is_left_out_and_what_is_before_it_is_read(tmp_path: Path) -> None:
    frame = can.Message(timestamp=1.0, arbitration_id=0x123, data=b"\x01", is_extended_id=False)
    line = candump.of_message("can", frame)
    path = tmp_path / "can.log"
    path.write_text(2 * line + line[:-3], encoding="ascii")

    (text,) = whole_lines(path)

    assert candump.parsed(text).can_id.tolist() == [0x123, 0x123]
    assert len(StoredLines(path, unescaped)) == 2


def test_a_log_keeps_the_newest_in_memory_and_all_in_its_file(tmp_path: Path) -> None:
    log: Log[str] = Log("said.txt", of_text, unescaped)
    said = [f"a line \\ with \n an end, {n}" for n in range(2_500)]
    for n, text in enumerate(said):
        log.append(text)
        if n % 700 == 0:
            log.write(tmp_path)

    log.write(tmp_path)

    assert len(log) == 2_500
    assert log.newest == said[-1_000:]
    assert log.since(2_498) == said[2_498:]
    assert tuple(log.all()) == tuple(said)
    assert log.all()[7] == said[7]
    log.close()


def test_rows_of_a_stream_that_broke_off_are_read_up_to_there(tmp_path: Path) -> None:
    rows: Rows[Command] = Rows("commands.arrow", Command)
    commands = [
        Command(
            quantity=f"cell {n}",
            value=n / 3,
            before_ns=n,
            after_ns=n + 1,
            settle_s=0.0,
            instrument="source",
        )
        for n in range(3)
    ]
    for command in commands:
        rows.all.append(command)
        rows.write(tmp_path)
    path = tmp_path / rows.name

    whole = path.read_bytes()
    assert rows_of(path, Command) == tuple(commands)  # no end of the stream was written
    path.write_bytes(whole[:-10])
    assert rows_of(path, Command) == tuple(commands[:2])
    rows.close()
