"""What holds whatever is done to a BMS: any order of steps, commands and resets."""

from __future__ import annotations

import math
from itertools import pairwise

from hypothesis import example, given, settings
from hypothesis import strategies as st

from rig.virtual.guests.reference.console import LONGEST, LineReader
from rig.virtual.guests.reference.protections import BIT, HostWatch
from tests.virtual.guests.desk import MS, Desk, a_reference, an_educational
from tests.virtual.guests.host import HOST_ALIVE, host_alive

CELLS = st.sampled_from(["cell 1", "cell 2", "cell 3", "cell 4"])
VOLTS = st.sampled_from([0.0, 2.0, 2.5, 3.0, 3.3, 3.42, 3.5, 3.65, 3.7, 4.4])
OHMS = st.sampled_from([0.0, 0.05, 1450.0, 2800.0, 4700.0, 1e4, 3e4, 9e4, 1e9, math.inf])
AMPS = st.sampled_from([-200.0, -85.0, -55.0, -31.0, -1.0, 0.0, 0.5, 5.0, 23.0, 31.0])
COMMANDS = st.sampled_from(["clear faults", "test hang", "status", "version", "\x00ÿ", ""])
STEPS = st.one_of(
    st.tuples(CELLS, VOLTS),
    st.tuples(st.sampled_from(["ntc 1", "ntc 2"]), OHMS),
    st.tuples(st.just("current"), AMPS),
    st.tuples(st.just("aux"), st.sampled_from([0.0, 4.0, 12.0])),
    st.tuples(st.sampled_from(["break", "mend"]), CELLS),
    st.tuples(st.just("say"), COMMANDS),
    st.tuples(st.just("host"), st.tuples(st.integers(0, 15), st.integers(0, 8))),
    st.tuples(st.just("enable"), st.booleans()),
)
PAUSES_S = st.sampled_from([0.05, 0.3, 1.2, 2.5])
STORIES = st.lists(st.tuples(STEPS, PAUSES_S), min_size=6, max_size=25)


def do(desk: Desk, what: str, value: object) -> None:
    match what, value:
        case (("break" | "mend"), str(cell)):
            desk.board.break_wire(cell, is_open=what == "break")
        case "say", str(command):
            desk.say(command)
        case "host", (int(counter), int(length)):
            data = host_alive(counter, length=length)
            desk.pins.on_can(HOST_ALIVE, data, False)  # noqa: FBT003
        case "enable", bool(low):
            desk.pins.set_enable(low)
        case _, float(level):
            desk.board.nets[what].jump(level)
        case _:
            raise AssertionError(what, value)


BLOCKS_CHARGE = sum(BIT[f] for f in ("OV", "OCC", "OTC", "UTC", "CommTimeout"))
BLOCKS_DISCHARGE = sum(BIT[f] for f in ("UV", "OCD", "SCD", "OTD", "UTD"))
BLOCKS_BOTH = sum(BIT[f] for f in ("OpenWire", "SensorOpen", "SensorShort", "AfeLost"))


def check_reset(desk: Desk) -> None:
    """Nothing is driven without a running program and a supply."""
    if desk.chip.program is None or not desk.pins.powered:
        driven = ("charge gate", "discharge gate", *(f"bleed {n}" for n in range(1, 5)))
        assert all(desk.value(name) == 0.0 for name in driven)


def check_frames(desk: Desk) -> None:
    """Each status frame tells the gates as they are, and no path is closed against its flag."""
    nets = desk.board.nets
    for frame in (frame for frame in desk.pins.frames if frame.can_id == 0x100):
        paths = frame.data[4]
        flags = int.from_bytes(frame.data[2:4], "little") | frame.data[5] << 16
        settled_ns = frame.time_ns - 1 * MS  # gate edges and the comparator need 0.5 ms
        for bit, name, blocks in (
            (1, "charge gate", BLOCKS_CHARGE),
            (2, "discharge gate", BLOCKS_DISCHARGE),
        ):
            assert not (paths & bit and flags & (blocks | BLOCKS_BOTH))
            if not paths & bit and nets[name].value_at(settled_ns) > 6.0:
                assert nets[name].value_at(frame.time_ns + MS) == 0.0
        if flags & BIT["AnyFault"]:
            assert paths >> 4 == 0
        assert bool(flags & BIT["AnyFault"]) == bool(
            flags & (BLOCKS_CHARGE | BLOCKS_DISCHARGE | BLOCKS_BOTH)
        )


# A stack too low for its front end, which is lost.
@example(story=[(("cell 1", 0.0), 0.3), (("cell 3", 0.0), 0.3)] * 3, seed=0)
@settings(max_examples=40, deadline=None)
@given(story=STORIES, seed=st.integers(0, 9))
def test_no_path_is_closed_against_a_flag_nor_anything_driven_in_reset(
    story: list[tuple[tuple[str, object], float]], seed: int
) -> None:
    desk = a_reference(seed, ready=False)

    for (what, value), pause_s in story:
        do(desk, what, value)
        desk.run(0.01)  # past gate edges and one run of the main task
        check_reset(desk)
        desk.run(pause_s)
    check_frames(desk)


@settings(max_examples=15, deadline=None)
@given(story=STORIES)
def test_after_whatever_happened_healthy_values_and_a_power_cycle_mend_it(
    story: list[tuple[tuple[str, object], float]],
) -> None:
    desk = a_reference()
    for (what, value), pause_s in story:
        do(desk, what, value)
        desk.run(pause_s)

    for n in range(1, 5):
        desk.board.break_wire(f"cell {n}", is_open=False)
    desk.set(cell_1=3.3, cell_2=3.3, cell_3=3.3, cell_4=3.3, ntc_1=1e4, ntc_2=1e4, current=0.0)
    desk.pins.set_enable(False)
    desk.set(aux=0.0)
    desk.run(0.1)
    desk.set(aux=12.0)
    desk.run(1.5)

    assert (desk.value("charge gate"), desk.value("discharge gate")) == (12.0, 12.0)


@settings(max_examples=25, deadline=None)
@given(pieces=st.lists(st.binary(max_size=40), max_size=8))
def test_no_bytes_on_its_console_stop_the_educational_bms(pieces: list[bytes]) -> None:
    desk = an_educational()
    desk.run(1.0)

    for piece in pieces:
        desk.pins.on_uart(piece)
        desk.run(0.05)
    desk.run(3.5)

    since = [t for t, data in desk.pins.uart if len(data) > 2000]
    assert desk.kernel.now_ns - since[-1] < 2500 * MS


@given(data=st.binary(max_size=200), cuts=st.lists(st.integers(0, 200), max_size=6))
def test_lines_do_not_depend_on_how_the_bytes_arrive(data: bytes, cuts: list[int]) -> None:
    whole, pieces = LineReader(), LineReader()
    edges = sorted({0, len(data), *(min(cut, len(data)) for cut in cuts)})

    lines = [line for a, b in pairwise(edges) for line in pieces.take(data[a:b])]

    assert lines == whole.take(data)


def test_an_endless_line_is_thrown_away() -> None:
    reader = LineReader()

    assert reader.take(b"x" * (LONGEST + 1)) == []
    assert reader.take(b"x" * LONGEST + b"reboot\nversion\n") == ["version"]


@given(gaps=st.lists(st.integers(1, 1500), max_size=12))
def test_the_host_is_lost_exactly_while_its_last_frame_is_too_old(gaps: list[int]) -> None:
    watch = HostWatch(timeout_ms=990, frames_to_return=3)
    now, last, lost, back = 0, None, False, 0

    for gap in gaps:
        for _ in range(gap):
            now += 1
            # A plain rendering of the rule, one nanosecond at a time.
            if last is not None and now - last > 990:
                lost, back = True, 0
            elif lost and back >= 3:
                lost = False
            assert watch.look(now) == lost
        back = back + 1 if last is not None and now - last <= 990 else 1
        last = now
        watch.hear(now)
