"""Causes that the rig itself made, and what its clock adds to a time."""

from __future__ import annotations

import numpy as np
import pytest

from rig.judge.rules import NoEvidence
from rig.judge.timing import At, elapsed, find_instant, search_start_ns
from rig.judging import observed
from rig.steps.hold import Hold
from rig.steps.send import Send
from rig.steps.start_periodic import StartPeriodic
from rig.time_reference import Crossing, Mark
from rig.trace.model import Frames
from tests.judge.synthetic import (
    S,
    a_case,
    a_channel,
    a_trace,
    a_waveform,
    some_frames,
    step,
)

SEND = Send(message="HostAlive", count=2, period_s=0.2, mark="sent")
SENT = {"sent": (0.9, 1.2)}  # begin and end of the step
OWN, OTHERS = 8, 0


def frames_at(times_s: list[float], flags: list[int], time_u_s: float = 3e-4) -> Frames:
    frames = some_frames(np.array(times_s), np.zeros((len(times_s), 8), np.uint8))
    return Frames(
        time_ns=frames.time_ns,
        can_id=frames.can_id,
        length=frames.length,
        data=frames.data,
        flags=np.array(flags, np.uint8),
        time_u_s=time_u_s,
    )


def the_instant(frames: Frames) -> At:
    return find_instant(
        observed(a_case(steps=(SEND,)), a_trace(frames=frames, marks=SENT)), Mark(mark="sent")
    )


def test_silence_counts_from_the_end_of_the_last_frame_that_was_sent() -> None:
    frames = frames_at([0.95, 0.99, 1.1994, 1.1997, 1.3], [OTHERS, OWN, OWN, OTHERS, OWN])

    at = the_instant(frames)

    assert at.time_ns == pytest.approx(1.1994 * S)
    assert {row.name: row.standard for row in at.rows} == {"CAN adapter clock (cause)": 3e-4}


def test_an_effect_is_looked_for_from_the_frame_that_the_bms_heard() -> None:
    case, mark = a_case(steps=(SEND,)), Mark(mark="sent")
    heard = a_trace(frames=frames_at([0.95, 1.1994, 1.1997], [OTHERS, OWN, OTHERS]), marks=SENT)
    unheard = a_trace(frames=frames_at([0.95, 1.1997], [OTHERS, OTHERS]), marks=SENT)

    assert search_start_ns(observed(case, heard), mark) == round(1.1994 * S)
    assert search_start_ns(observed(case, unheard), mark) == 1.2 * S


def test_traffic_acts_from_its_begin_on() -> None:
    case = a_case(steps=(StartPeriodic(message="HostAlive", period_s=0.1, mark="sent"),))

    assert search_start_ns(observed(case, a_trace(marks=SENT)), Mark(mark="sent")) == 0.9 * S


def test_where_no_own_frame_was_heard_silence_counts_from_the_steps_end() -> None:
    at = the_instant(frames_at([0.95, 1.1], [OTHERS, OTHERS]))

    assert at.time_ns == 1.2 * S


@pytest.mark.parametrize(
    ("effect_in_record", "span_s"),
    [
        pytest.param(True, 0.4, id="from the record's start to a command"),
        pytest.param(False, 2.0, id="between two stamps of the rig"),
    ],
)
def test_the_rigs_own_rate_counts_for_as_long_as_its_clock_is_used(
    *, effect_in_record: bool, span_s: float
) -> None:
    waveform = a_waveform(start_ns=S // 10) if effect_in_record else None
    effect, cause = At(time_ns=2.5 * S, waveform=waveform), At(time_ns=0.5 * S)

    _, budget = elapsed(effect, cause)

    (row,) = (row for row in budget.rows if row.name == "rig clock rate")
    assert row.reach == pytest.approx(50e-6 * span_s)


def test_a_records_start_is_bounded_by_its_two_stamps() -> None:
    waveform = a_waveform(start_u_s=5e-3 / 3**0.5)  # between stamps 10 ms apart

    _, budget = elapsed(At(time_ns=1.0 * S, waveform=waveform), At(time_ns=0.0))

    assert 0.95 * 5e-3 < budget.expanded < 5e-3


@pytest.mark.parametrize(("apart", "is_seen"), [(25e-6, True), (0.0, False)])
def test_a_crossing_is_found_though_the_record_shows_it_before_its_mark(
    *, apart: float, is_seen: bool
) -> None:
    cell = a_channel("cell 3", step(60_100, 59_997, 3.3, 3.7))  # 3 ms before the mark
    waveform = a_waveform(cell, interval_s=1e-3, rate_tolerance=apart)
    since = Crossing(quantity="cell 3", level=3.65, rising=True, after="waited")
    case = a_case(steps=(Hold(duration_s=60.0, mark="waited"),))
    trace = a_trace(waveform, end_s=60.1, marks={"waited": (0.0, 60.0)})

    if is_seen:
        assert find_instant(observed(case, trace), since).time_ns == pytest.approx(
            59.997 * S, abs=1e6
        )
    else:
        with pytest.raises(NoEvidence):
            find_instant(observed(case, trace), since)
