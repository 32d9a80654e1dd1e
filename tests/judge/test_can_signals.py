"""What the BMS said on CAN, judged on frames whose truth is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.can_address import MessageAddress, SignalAddress
from rig.expectations import Expectation
from rig.expectations.message_comes import MessageComes
from rig.expectations.message_sound import MessageSound
from rig.expectations.message_timing import MessageTiming
from rig.expectations.signal_becomes import SignalBecomes
from rig.expectations.signal_ordered import SignalOrdered
from rig.expectations.signal_stays import SignalStays
from rig.expectations.signal_steady import SignalSteady
from rig.expectations.signal_within import SignalWithin
from rig.facts import DutFacts
from rig.judge.verdict import Finding
from rig.judging import judge
from rig.steps.hold import Hold
from rig.steps.send import Send
from rig.time_reference import Mark
from rig.trace.model import Frames, Trace
from tests.judge.synthetic import (
    CELL_RISES,
    Bytes,
    a_case,
    a_channel,
    a_link,
    a_trace,
    a_waveform,
    some_frames,
    step,
)

BECOMES = SignalBecomes(signal=SignalAddress("m.b3"), value=1.0, since=Mark(mark="go"), high_s=0.5)
STAYS = SignalStays(signal=SignalAddress("m.b3"), value=0.0, begin="go", end="stop")
TIMING = MessageTiming(message=MessageAddress("m"), period_s=0.1, tolerance_s=0.005, length=8)
MARKS = {"go": (1.0, 1.0), "stop": (2.0, 2.0)}
EVERY_100_MS = np.arange(1, 30) / 10.0


def the_finding(expectation: Expectation, trace: Trace) -> Finding:
    return judge(
        a_case(expectation, steps=(Hold(duration_s=1, mark="go"),)), trace, Bytes()
    ).findings[0]


def flagged(since_s: float, until_s: float = 9.0, **changes: float) -> Frames:
    """Return a frame every 100 ms whose byte 3 is 1 from one instant until another."""
    data = np.zeros((EVERY_100_MS.size, 8), np.uint8)
    data[(since_s - 1e-9 <= EVERY_100_MS) & (until_s > EVERY_100_MS), 3] = 1
    return some_frames(EVERY_100_MS, data, **changes)  # type: ignore[arg-type]


def can_trace(frames: Frames, **changes: object) -> Trace:
    trace = a_trace(frames=frames, links=[a_link()], marks=MARKS)
    return replace(trace, **changes)  # type: ignore[arg-type]


# ---- becomes ---------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("since_s", "verdict", "value_s"),
    [
        pytest.param(1.1, "pass", 0.1, id="with the first frame"),
        pytest.param(1.5, "inconclusive", 0.5, id="at the limit, by a clock that is not perfect"),
        pytest.param(1.6, "fail", 0.6, id="late"),
    ],
)
def test_a_flag_is_judged_by_the_end_of_its_first_frame(
    since_s: float, verdict: str, value_s: float
) -> None:
    found = the_finding(BECOMES, can_trace(flagged(since_s)))

    assert found.verdict == verdict
    assert found.measurement is not None
    assert found.measurement.value == pytest.approx(value_s)
    assert found.sentence.startswith("m.b3 became 1 (")
    assert found.expectation == "m.b3 becomes 1 at most 0.500 s after 'go'"
    assert found.marks[0].time_s == pytest.approx(since_s)


def test_a_flag_set_before_its_cause_and_still_set_came_too_early() -> None:
    case = a_case(replace(BECOMES, since=CELL_RISES))
    cell = a_channel("cell 3", step(30_000, 10_000, 3.3, 3.7))

    found = judge(case, can_trace(flagged(0.7), waveforms=(a_waveform(cell),)), Bytes()).findings[0]

    assert found.verdict == "fail"
    assert "before cell 3 rose above 3.650 V" in found.sentence


def test_a_flag_that_came_and_went_before_its_cause_is_not_its_effect() -> None:
    case = a_case(replace(BECOMES, since=CELL_RISES))
    cell = a_channel("cell 3", step(30_000, 10_000, 3.3, 3.7))
    frames = flagged(0.3, 0.6)
    frames.data[EVERY_100_MS >= 1.3, 3] = 1

    found = judge(case, can_trace(frames, waveforms=(a_waveform(cell),)), Bytes()).findings[0]

    assert found.measurement is not None
    assert found.measurement.value == pytest.approx(0.3, abs=1e-4)


def test_a_flag_that_is_stuck_since_before_its_mark_shows_no_effect() -> None:
    found = the_finding(BECOMES, can_trace(flagged(0.3)))

    assert found.verdict == "inconclusive"
    assert "m.b3 was 1 already before 'go'" in found.sentence
    late = replace(BECOMES, low_s=0.3)
    assert the_finding(late, can_trace(flagged(0.3))).verdict == "fail"  # before its time


def test_an_answer_may_come_before_the_rig_hears_its_own_frame() -> None:
    times = np.array([0.8, 0.9, 0.9985, 0.9990, 1.1])
    data = np.zeros((times.size, 8), np.uint8)
    data[3:, 3] = 1
    frames = some_frames(times, data)
    frames.can_id[2], frames.flags[2] = 0x200, 8  # the rig's own
    case = a_case(BECOMES, steps=(Send(message="asks", mark="go"),))
    trace = can_trace(frames, markers=a_trace(marks={"go": (0.99, 1.0)}).markers)

    found = judge(case, trace, Bytes()).findings[0]

    assert found.verdict == "pass"
    assert found.measurement is not None
    assert found.measurement.value == pytest.approx(0.5e-3)


def test_what_was_told_before_a_silence_says_nothing_of_a_new_start() -> None:
    marks = a_trace(marks={"go": (1.0, 1.0)}).markers
    times = np.array([0.1, 0.2, 0.3, 1.4, 1.5, 1.6])
    data = np.zeros((times.size, 8), np.uint8)
    data[:, 3] = 1

    found = the_finding(BECOMES, can_trace(some_frames(times, data), markers=marks))

    assert found.verdict == "pass"


def test_both_clocks_are_in_the_budget() -> None:
    case = a_case(replace(BECOMES, since=CELL_RISES))
    cell = a_channel("cell 3", step(30_000, 10_000, 3.3, 3.7))
    waveform = a_waveform(cell, start_ns=100_000_000, start_u_s=1e-3, rate_tolerance=1e-3)
    trace = can_trace(flagged(1.2, time_u_s=2e-3), waveforms=(waveform,))

    rows = {row.name: row.standard for row in judge(case, trace, Bytes()).findings[0].budget}

    assert rows == pytest.approx(
        {
            "CAN adapter clock": 2e-3,
            "record start (cause)": 1e-3,
            "time base (cause)": 1e-3 / 3**0.5,  # 1000 ppm over the second since it began
            "sampling at stimulus": 1e-4 / 12**0.5,
            "rig clock rate": 50e-6 * 1.1 / 3**0.5,  # since the record began
        },
        rel=1e-3,
    )


def test_a_flag_that_never_came_fails_with_what_did_come() -> None:
    found = the_finding(BECOMES, can_trace(flagged(9.0)))

    assert found.verdict == "fail"
    assert found.sentence == (
        "m.b3 did not become 1: 19 frames in 2.000 s after 'go', the last with 0;"
        " allowed at most 0.500 s"
    )


def test_a_case_that_ended_before_the_limit_proves_nothing() -> None:
    found = the_finding(replace(BECOMES, high_s=2.5), can_trace(flagged(9.0)))

    assert found.verdict == "inconclusive"


def test_a_case_without_a_frame_that_ended_before_the_limit_proves_nothing_either() -> None:
    others = some_frames(EVERY_100_MS, can_id=0x200)

    found = the_finding(replace(BECOMES, high_s=2.5), can_trace(others))

    assert found.verdict == "inconclusive"
    assert found.sentence == (
        "no m in 2.000 s; the bus was alive (19 other frames, none dropped);"
        " the case ended before the latest time allowed"
    )
    dead = can_trace(Frames.none())
    assert the_finding(replace(BECOMES, high_s=2.5), dead).verdict == "error"


def test_a_message_that_never_came_is_the_bms_s_fault_only_on_a_live_bus() -> None:
    others = some_frames(EVERY_100_MS, can_id=0x200)

    assert the_finding(BECOMES, can_trace(others)).sentence == (
        "no m in 2.000 s; the bus was alive (19 other frames, none dropped)"
    )
    assert the_finding(BECOMES, can_trace(others)).verdict == "fail"
    silent = the_finding(BECOMES, can_trace(Frames.none()))
    assert silent.verdict == "error"
    assert "no proof that the bus was connected" in silent.sentence
    own = replace(others, flags=np.full(others.flags.size, 8, np.uint8))
    assert the_finding(BECOMES, can_trace(own)).verdict == "error"


def test_another_bus_neither_answers_for_the_bms_nor_proves_that_its_bus_was_heard() -> None:
    same_name = replace(flagged(1.2), buses=("charger",))
    both = Frames.merged([Frames.none(), same_name])

    assert the_finding(BECOMES, can_trace(flagged(1.2))).verdict == "pass"
    found = the_finding(BECOMES, can_trace(both))

    assert found.verdict == "error"
    assert "no proof that the bus was connected" in found.sentence


def test_frames_that_nobody_acknowledged_prove_that_the_bms_left_the_bus() -> None:
    link = replace(a_link(), unanswered=7)
    trace = replace(can_trace(Frames.none()), links={"can": link})

    found = the_finding(BECOMES, trace)

    assert found.verdict == "fail"
    assert "nobody acknowledged 7 of the rig's frames" in found.sentence


@pytest.mark.parametrize(
    ("link", "reason"),
    [
        (a_link(alive=False), "the can receiver died"),
        (a_link(dropped=3), "the can receiver dropped 3"),
        (a_link("console"), "no can link"),
    ],
)
@pytest.mark.parametrize("expectation", [BECOMES, STAYS, TIMING])
def test_without_proof_of_listening_nothing_can_be_said(
    expectation: Expectation, link: object, reason: str
) -> None:
    trace = can_trace(flagged(1.2), links={link.name: link})  # type: ignore[attr-defined]

    found = the_finding(expectation, trace)

    assert found.verdict == "error"
    assert reason in found.sentence


# ---- stays -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("since_s", "until_s", "verdict"),
    [
        pytest.param(0.5, 0.9, "pass", id="before the span"),
        pytest.param(2.1, 9.0, "pass", id="after the span"),
        pytest.param(1.5, 1.55, "fail", id="in one frame"),
        pytest.param(0.5, 1.05, "fail", id="at its very begin"),
    ],
)
def test_a_signal_stays_in_every_frame_of_its_span(
    since_s: float, until_s: float, verdict: str
) -> None:
    assert the_finding(STAYS, can_trace(flagged(since_s, until_s))).verdict == verdict


def test_a_wrong_value_says_when() -> None:
    found = the_finding(STAYS, can_trace(flagged(1.5)))

    assert found.sentence == "m.b3 was 1 0.500 s after the span began"
    assert found.marks[0].time_s == pytest.approx(1.5)


def test_a_message_that_falls_silent_does_not_stay() -> None:
    times = EVERY_100_MS[(EVERY_100_MS < 1.3) | (EVERY_100_MS > 1.8)]
    quiet = some_frames(times)
    alive = some_frames(np.sort([*times, 1.5]))
    alive.can_id[np.searchsorted(alive.time_ns, 1_500_000_000)] = 0x200

    assert the_finding(STAYS, can_trace(quiet)).verdict == "error"
    found = the_finding(STAYS, can_trace(alive))
    assert found.verdict == "fail"
    assert found.sentence == "no m in 0.700 s; the bus was alive (1 other frames, none dropped)"


@pytest.mark.parametrize("span", [("go", None), (None, "stop")])
def test_old_values_next_to_an_end_of_the_span_decide_nothing(
    span: tuple[str | None, str | None],
) -> None:
    """A mark 100 µs to either side of a frame, by a clock that is good to 1 ms."""
    wanted = replace(STAYS, begin=span[0], end=span[1])
    marks = a_trace(marks={"go": (1.0999, 1.0999), "stop": (1.9001, 1.9001)}).markers
    old = {("go", None): (0.0, 1.15), (None, "stop"): (1.85, 9.0)}[span]

    found = the_finding(wanted, can_trace(flagged(*old, time_u_s=1e-3), markers=marks))
    sure = the_finding(wanted, can_trace(flagged(*old, time_u_s=1e-5), markers=marks))

    assert (found.verdict, sure.verdict) == ("inconclusive", "fail")
    assert "needs U <= 100 µs" in found.sentence
    longer = can_trace(flagged(old[0], 1.25, time_u_s=1e-3), markers=marks)
    if span[0]:
        assert the_finding(wanted, longer).verdict == "fail"  # the next frame is wrong too


def test_one_frame_in_the_whole_case_proves_nothing_of_the_rest() -> None:
    trace = can_trace(some_frames([1.5]))

    found = the_finding(STAYS, trace)

    assert found.verdict == "error"
    assert "one m came in the whole case" in found.sentence


@pytest.mark.parametrize(("promised_s", "verdict"), [(0.1, "error"), (1.0, "pass")])
def test_a_gap_is_held_against_the_promised_period(promised_s: float, verdict: str) -> None:
    """Two frames far apart make a long usual period of their own."""
    case = replace(a_case(STAYS), dut=DutFacts(periods={"m": promised_s}))

    found = judge(case, can_trace(some_frames([1.2, 1.8])), Bytes()).findings[0]

    assert found.verdict == verdict


def test_no_frame_in_the_span_proves_nothing() -> None:
    assert the_finding(STAYS, can_trace(some_frames([0.5, 2.5]))).verdict == "error"
    assert the_finding(STAYS, can_trace(Frames.none())).verdict == "error"


def between_frames(span_s: float, period_s: float) -> Trace:
    """Return a message of a long period, kept to, and a span that begins just after a frame."""
    slow = np.arange(0.95, 12.0, period_s)
    others = np.arange(0.1, 12.0, 0.1)
    times = np.concatenate([slow, others])
    order = np.argsort(times, kind="stable")
    frames = some_frames(times[order])
    frames.can_id[:] = np.concatenate([np.full(slow.size, 0x100), np.full(others.size, 0x200)])[
        order
    ]
    marks = {"go": (1.0, 1.0), "stop": (1.0 + span_s, 1.0 + span_s)}
    return a_trace(frames=frames, links=[a_link()], marks=marks, end_s=12.0)


@pytest.mark.parametrize(
    "wanted",
    [
        STAYS,
        SignalWithin(signal=SignalAddress("m.b3"), low=0.0, high=1.0, begin="go", end="stop"),
        SignalOrdered(signal=SignalAddress("m.b3"), rising=True, slack=0.0, begin="go", end="stop"),
        SignalSteady(signal=SignalAddress("m.b3"), most_step=1.0, begin="go", end="stop"),
        MessageSound(message=MessageAddress("m"), length=8, begin="go", end="stop"),
    ],
)
def test_a_span_shorter_than_the_promised_period_blames_nobody(wanted: Expectation) -> None:
    case = replace(a_case(wanted), dut=DutFacts(periods={"m": 1.0}))

    short = judge(case, between_frames(0.5, 1.0), Bytes()).findings[0]
    gone = judge(case, between_frames(4.0, 20.0), Bytes()).findings[0]

    assert short.verdict == "error"
    assert "no m in 0.500 s proves nothing" in short.sentence
    assert "look for longer than 3.000 s" in short.sentence
    assert gone.verdict == "fail"


@pytest.mark.parametrize(
    ("span_s", "verdict"),
    [
        pytest.param(0.5, "error", id="no frame is due"),
        pytest.param(1.1, "error", id="one frame is due"),
        pytest.param(2.1, "pass", id="two frames are due"),
    ],
)
def test_a_span_too_short_for_two_frames_has_no_interval_to_judge(
    span_s: float, verdict: str
) -> None:
    wanted = replace(TIMING, period_s=1.0, tolerance_s=0.01, begin="go", end="stop")

    found = the_finding(wanted, between_frames(span_s, 1.0))

    assert found.verdict == verdict
    if verdict == "error":
        assert "look for longer than 2.020 s" in found.sentence


@given(period_s=st.floats(0.05, 2.0), span_s=st.floats(0.01, 9.0), late_s=st.floats(0.0, 0.9))
def test_a_message_that_keeps_its_period_never_fails(
    period_s: float, span_s: float, late_s: float
) -> None:
    trace = between_frames(span_s, period_s)
    later = {
        name: replace(m, time_ns=m.time_ns + round(late_s * 1e9))
        for name, m in trace.markers.items()
    }
    timing = replace(TIMING, period_s=period_s, tolerance_s=0.01, begin="go", end="stop")
    for wanted in (STAYS, replace(SOUND, begin="go", end="stop"), timing):
        case = replace(a_case(wanted), dut=DutFacts(periods={"m": period_s}))

        found = judge(case, replace(trace, markers=later), Bytes()).findings[0]

        assert found.verdict in {"pass", "error"}


# ---- timing ----------------------------------------------------------------------------------
def paced(intervals_s: list[float], **changes: float) -> Trace:
    times = 0.05 + np.concatenate([[0.0], np.cumsum(intervals_s)])
    frames = some_frames(times, **changes)  # type: ignore[arg-type]
    return a_trace(frames=frames, links=[a_link()], end_s=float(times[-1]) + 0.05)


@pytest.mark.parametrize(
    ("odd_s", "u_s", "verdict"),
    [
        (0.100, 0.0, "pass"),
        (0.105, 0.0, "pass"),
        (0.095, 0.0, "pass"),
        (0.1051, 0.0, "fail"),
        (0.0949, 0.0, "fail"),
        (0.104, 0.001, "inconclusive"),
        (0.106, 0.001, "inconclusive"),
        (0.109, 0.001, "fail"),
        (0.200, 0.0, "fail"),
    ],
)
def test_every_single_interval_counts(odd_s: float, u_s: float, verdict: str) -> None:
    found = the_finding(TIMING, paced([0.1, 0.1, odd_s, 0.1], time_u_s=u_s))

    assert found.verdict == verdict
    assert found.measurement is not None
    assert found.measurement.value == pytest.approx(odd_s)
    assert found.measurement.expanded == pytest.approx(2.0 * 2**0.5 * u_s)
    if verdict == "inconclusive":
        assert "needs U <= 1.0 ms; stamp of the earlier frame dominates" in found.sentence


def test_the_sentence_gives_the_spread() -> None:
    found = the_finding(TIMING, paced([0.099, 0.101, 0.1], time_u_s=1e-4))

    assert found.sentence == (
        "4 frames, 99.0 ms to 101.0 ms apart (± 283 µs, mean 100.0 ms); allowed 95.0 ms to 105.0 ms"
    )
    assert found.expectation == "m comes every 95.0 ms to 105.0 ms, with the right 8 bytes"


@pytest.mark.parametrize("span", [("begin", 0.0), ("end", 5.0)])
def test_a_message_that_starts_late_or_stops_early_fails(span: tuple[str, float]) -> None:
    trace = paced([0.1] * 10)
    late = replace(trace, begin_ns=-100_000_000) if span[0] == "begin" else replace(
        trace, end_ns=5_000_000_000
    )  # fmt: skip

    assert the_finding(TIMING, trace).verdict == "pass"
    assert the_finding(TIMING, late).verdict == "fail"


def test_one_frame_has_no_interval() -> None:
    frames = some_frames([0.1])

    once = the_finding(TIMING, a_trace(frames=frames, links=[a_link()]))
    assert (once.verdict, once.sentence) == ("fail", "only one m in 3.000 s")
    assert the_finding(TIMING, a_trace(links=[a_link()])).verdict == "error"


def test_only_the_span_counts() -> None:
    times = [0.1, 0.5, *np.arange(1.05, 2.0, 0.1), 2.5, 2.51]
    trace = can_trace(some_frames(times))

    assert the_finding(TIMING, trace).verdict == "fail"
    assert the_finding(replace(TIMING, begin="go", end="stop"), trace).verdict == "pass"


def test_a_wrong_length_fails() -> None:
    found = the_finding(TIMING, paced([0.1, 0.1], length=7))

    assert found.verdict == "fail"
    assert found.sentence.startswith("3 frames of 7 bytes, not 8; 3 frames, ")


def counted(counter: list[int]) -> Trace:
    trace = paced([0.1] * (len(counter) - 1))
    trace.frames.data[:, 1] = counter
    return trace


@pytest.mark.parametrize(
    ("counter", "fault"),
    [
        ([12, 13, 14, 0, 1], None),
        ([14, 15, 0, 1], "counter b1 went from 14 to 15 at 150.0 ms (2 times out of order)"),
        ([3, 3, 4], "counter b1 went from 3 to 3 at 150.0 ms (1 times out of order)"),
        ([3, 5, 6], "counter b1 went from 3 to 5 at 150.0 ms (1 times out of order)"),
        ([3, 2, 3], "counter b1 went from 3 to 2 at 150.0 ms (1 times out of order)"),
    ],
)
def test_a_counter_goes_up_by_one_and_over_after_its_last(
    counter: list[int], fault: str | None
) -> None:
    found = the_finding(replace(TIMING, counter="b1"), counted(counter))

    assert found.verdict == ("fail" if fault else "pass")
    assert found.sentence.startswith(fault or "")
    assert the_finding(TIMING, counted(counter)).verdict == "pass"


@given(
    start=st.integers(0, 14),
    steps=st.lists(st.integers(0, 3), min_size=1, max_size=8),
)
def test_a_counter_sequence_against_a_plain_loop(start: int, steps: list[int]) -> None:
    counter = [start]
    for by in steps:
        counter.append((counter[-1] + by) % 15)

    found = the_finding(replace(TIMING, counter="b1"), counted(counter))

    assert (found.verdict == "pass") == all(by == 1 for by in steps)


def test_wrong_checksums_are_counted() -> None:
    trace = paced([0.1, 0.1, 0.1])
    trace.frames.data[:, 0] = [0xCC, 1, 0xCC, 2]
    wanted = replace(TIMING, crc="b0", crc_data_id=0x100)

    found = the_finding(wanted, trace)

    assert found.verdict == "fail"
    assert found.sentence.startswith("2 wrong checksums, the first at 150.0 ms; 4 frames")
    trace.frames.data[:, 0] = 0xCC
    assert the_finding(wanted, trace).verdict == "pass"
    assert the_finding(wanted, trace).expectation.endswith("right 8 bytes, checksum")


def test_a_checksum_outside_the_span_does_not_count() -> None:
    trace = can_trace(some_frames(np.arange(0.95, 2.1, 0.1)))
    trace.frames.data[:, 0] = 0xCC
    trace.frames.data[0, 0] = 0

    wanted = replace(TIMING, crc="b0", begin="go", end="stop")

    assert the_finding(wanted, trace).verdict == "pass"
    assert the_finding(replace(wanted, begin=None, end=None), trace).verdict == "fail"


# ---- within a range --------------------------------------------------------------------------
WITHIN = SignalWithin(
    signal=SignalAddress("m.b3"), low=0.0, high=0.5, unit="V", begin="go", end="stop"
)


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(0.0, 0.5, "fail"), (0.0, 1.0, "pass"), (1.0, 1.0, "fail")],
)
def test_every_frame_of_the_span_lies_within_the_range(
    low: float, high: float, verdict: str
) -> None:
    wanted = replace(WITHIN, low=low, high=high)

    found = the_finding(wanted, can_trace(flagged(1.5, 1.6)))

    assert found.verdict == verdict


def test_the_first_value_outside_is_named_with_its_unit_and_time() -> None:
    found = the_finding(WITHIN, can_trace(flagged(1.5, 1.6)))

    assert found.sentence == "m.b3 was 1 V 0.500 s after the span began"
    assert found.expectation == "m.b3 stays within 0 to 0.5 V from 'go' to 'stop'"


def test_a_message_that_stops_within_the_span_is_no_pass() -> None:
    kept = EVERY_100_MS < 1.3
    frames = some_frames(EVERY_100_MS[kept], np.zeros((int(kept.sum()), 8), np.uint8))

    assert the_finding(WITHIN, can_trace(frames)).verdict == "error"


# ---- a message comes -------------------------------------------------------------------------
COMES = MessageComes(
    message=MessageAddress("m"),
    where={"b3": 1.0},
    since=Mark(mark="go"),
    high_s=0.55,
    at_least=1,
    at_most=1,
)


@pytest.mark.parametrize(
    ("since_s", "until_s", "verdict"),
    [
        pytest.param(1.2, 1.3, "pass", id="once"),
        pytest.param(1.2, 1.4, "fail", id="twice"),
        pytest.param(1.7, 1.8, "fail", id="too late"),
        pytest.param(0.5, 0.6, "fail", id="before the cause"),
    ],
)
def test_a_message_is_counted_in_its_time(since_s: float, until_s: float, verdict: str) -> None:
    found = the_finding(COMES, can_trace(flagged(since_s, until_s)))

    assert found.verdict == verdict
    assert found.expectation == "m (b3 1) comes just once at most 0.550 s after 'go'"


def test_a_frame_at_the_limit_decides_nothing() -> None:
    wanted = replace(COMES, high_s=0.5)

    assert the_finding(wanted, can_trace(flagged(1.5, 1.6))).verdict == "inconclusive"


def test_a_message_that_must_never_come_needs_a_living_bus() -> None:
    never = replace(COMES, at_least=0, at_most=0)

    assert the_finding(never, can_trace(flagged(5.0))).verdict == "pass"
    assert the_finding(never, can_trace(some_frames([]))).verdict == "error"


@pytest.mark.parametrize(
    ("at_least", "at_most", "until_s", "verdict"),
    [
        pytest.param(0, 0, 1.0, "inconclusive", id="never so far"),
        pytest.param(1, 1, 1.3, "inconclusive", id="once so far"),
        pytest.param(1, None, 1.3, "pass", id="often enough already"),
        pytest.param(0, 0, 1.3, "fail", id="too often already"),
        pytest.param(3, None, 1.3, "inconclusive", id="too rarely so far"),
    ],
)
def test_a_case_that_ends_before_the_window_proves_no_absence(
    at_least: int, at_most: int | None, until_s: float, verdict: str
) -> None:
    wanted = replace(COMES, high_s=49.0, at_least=at_least, at_most=at_most)

    found = the_finding(wanted, can_trace(flagged(1.2, until_s)))

    assert found.verdict == verdict
    early = "the case ended 47.000 s before the latest time allowed" in found.sentence
    assert early == (verdict == "inconclusive")


@given(st.lists(st.floats(0.02, 0.98), max_size=5, unique=True))
def test_as_many_are_counted_as_came(after_s: list[float]) -> None:
    times = np.sort(1.0 + np.array(after_s))
    data = np.zeros((times.size, 8), np.uint8)
    data[:, 3] = 1
    alive = np.arange(0.5, 2.9, 0.01)
    order = np.argsort(np.concatenate([alive, times]), kind="stable")
    frames = some_frames(
        np.concatenate([alive, times])[order],
        np.concatenate([np.zeros((alive.size, 8), np.uint8), data])[order],
    )
    wanted = replace(COMES, high_s=1.0, at_least=times.size, at_most=times.size)

    assert the_finding(wanted, can_trace(frames)).verdict == "pass"


# ---- what a frame holds ------------------------------------------------------------------------
SOUND = MessageSound(message=MessageAddress("m"), length=8, spare_zero=True)


def test_a_message_of_one_frame_is_sound() -> None:
    found = the_finding(SOUND, can_trace(some_frames([1.5])))

    assert (found.verdict, found.sentence) == ("pass", "all 1 frames of m were right")


def test_a_bit_that_no_signal_has_is_a_failure() -> None:
    data = np.zeros((EVERY_100_MS.size, 8), np.uint8)
    data[3:, 7] = 1

    for wanted in (SOUND, replace(TIMING, spare_zero=True)):
        found = the_finding(wanted, can_trace(some_frames(EVERY_100_MS, data)))
        assert found.verdict == "fail"
        assert "26 frames with spare bits set, the first at 400" in found.sentence
    assert the_finding(TIMING, can_trace(some_frames(EVERY_100_MS, data))).verdict == "pass"


def test_a_short_frame_is_not_sound() -> None:
    found = the_finding(SOUND, can_trace(some_frames(EVERY_100_MS, length=7)))

    assert found.verdict == "fail"
    assert "29 frames of 7 bytes, not 8" in found.sentence


def test_a_message_that_never_came_is_not_sound() -> None:
    found = the_finding(SOUND, can_trace(some_frames(EVERY_100_MS, can_id=0x200)))

    assert found.verdict == "fail"


def test_an_own_frame_that_left_shows_that_the_bus_was_alive() -> None:
    """Somebody acknowledged it: a BMS that says nothing is not taken for a dead bus."""
    own = some_frames(EVERY_100_MS, can_id=0x200)
    own = replace(own, flags=np.full(own.flags.size, 8, np.uint8))
    comes = MessageComes(message=MessageAddress("m"), since=Mark(mark="go"), high_s=0.5)

    assert the_finding(comes, can_trace(own)).verdict == "fail"
