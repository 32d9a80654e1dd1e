"""One case on the virtual bench, from the first step to the trace."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from rig.bench.bench import Bench
from rig.bench.connect import connect
from rig.bench.description import load_bench
from rig.can_address import SignalAddress
from rig.case import Case
from rig.drive.drive import drive_case
from rig.dut.profile import Profile
from rig.errors import LimitError
from rig.expectations.stays import Stays
from rig.plan.complete import complete
from rig.steps import Step
from rig.steps.conditions import ConsoleLine, OutputState, SignalValue
from rig.steps.fault import Fault
from rig.steps.hold import Hold
from rig.steps.power import Power
from rig.steps.ramp import Ramp
from rig.steps.random_phase import RandomPhase
from rig.steps.read import Read
from rig.steps.send import Send
from rig.steps.sequence import PlaySequence
from rig.steps.set import Set
from rig.steps.start_periodic import StartPeriodic
from rig.steps.stop_periodic import StopPeriodic
from rig.steps.type_line import Type
from rig.steps.wait_for import WaitFor
from rig.trace.model import Trace
from tests.plan.test_families import ORIGIN

OWN = 8
RECORDED = (Stays(output="charge path", is_open=False),)


@pytest.fixture(scope="module")
def bench(esp32: Profile) -> Iterator[Bench]:
    """The virtual bench, connected as a run connects it."""
    with connect(load_bench("virtual-esp32-4s"), esp32, seed=1) as connected:
        yield connected


def a_case(profile: Profile, *steps: Step, seed: int = 1, recorded: bool = False) -> Case:
    case = replace(ORIGIN, id="a case", steps=steps, seed=seed)
    return complete(replace(case, expectations=RECORDED if recorded else ()), profile)


def driven(bench: Bench, *steps: Step, seed: int = 1, recorded: bool = False) -> Trace:
    return drive_case(a_case(bench.profile, *steps, seed=seed, recorded=recorded), bench)


def test_a_trace_begins_at_zero_and_its_record_covers_it_all(bench: Bench) -> None:
    trace = driven(bench, Hold(duration_s=0.5, mark="held"), recorded=True)

    assert trace.error is None
    assert trace.begin_ns == 0
    assert 500_000_000 <= trace.markers["held"].time_ns <= trace.end_ns
    (wave,) = trace.waveforms
    samples = wave.channels["charge path"].values.size
    assert wave.start_ns <= 1e9 * wave.start_u_s * 4
    assert wave.start_ns + samples * wave.interval_s * 1e9 >= 500_000_000


def test_the_word_ready_is_heard_in_colour(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, esp32: Profile
) -> None:
    console, link = esp32.console, bench.console
    assert console is not None
    assert link is not None
    heard = link.lines
    monkeypatch.setattr(
        link,
        "lines",
        lambda since=0: [replace(x, text=f"\x1b[0;32m{x.text}\x1b[0m") for x in heard(since)],
    )
    whole_line = console.model_copy(update={"ready": f"{console.ready}$"})
    monkeypatch.setattr(bench, "profile", esp32.model_copy(update={"console": whole_line}))

    start = driven(bench).start

    assert start is not None
    assert start.ready is not None


@pytest.mark.parametrize(
    ("claimed", "fed"),
    [({}, False), ({"ready_within_s": 0.1}, True), ({"closed_within_s": 0.0}, True)],
    ids=["in time", "ready late", "closed late"],
)
def test_of_a_start_that_is_late_it_is_recorded_what_the_bms_was_fed_with(
    bench: Bench,
    monkeypatch: pytest.MonkeyPatch,
    esp32: Profile,
    claimed: dict[str, float],
    fed: bool,  # noqa: FBT001
) -> None:
    start = esp32.start.model_copy(update=claimed)
    monkeypatch.setattr(bench, "profile", esp32.model_copy(update={"start": start}))

    seen = driven(bench).start

    assert seen is not None
    quantities = {reading.quantity for reading in seen.readings}
    assert ({"supply", "cell 1", "cell 4"} <= quantities) is fed


def test_every_case_starts_at_home_whatever_the_last_one_left(bench: Bench) -> None:
    driven(bench, Set(values={"cell 2": 3.75, "temperature 1": 50.0}), Hold(duration_s=3.0))

    trace = driven(bench, Read(quantities=("cell 2", "charge path", "discharge path")))

    cell, *paths = (reading.value for reading in trace.readings)
    assert cell == pytest.approx(3.30, abs=0.005)
    assert min(paths) > 6.0


def test_commands_and_marks_are_in_order_and_inside_the_trace(bench: Bench) -> None:
    trace = driven(
        bench,
        Set(values={"cell 1": 3.4, "cell 3": 3.2}, mark="first"),
        Hold(duration_s=0.1),
        Set(values={"temperature 2": 30.0}, mark="second"),
    )

    assert [c.quantity for c in trace.commands] == ["cell 1", "cell 3", "temperature 2"]
    first, second = trace.markers["first"], trace.markers["second"]
    assert 0 <= first.begin_ns <= first.time_ns <= second.begin_ns - 100_000_000
    assert second.begin_ns <= second.time_ns <= trace.end_ns
    for command in trace.commands:
        assert 0 <= command.before_ns <= command.after_ns <= trace.end_ns


def test_both_links_were_listening(bench: Bench) -> None:
    trace = driven(bench, Hold(duration_s=3.0))

    assert trace.links["can"].alive
    assert trace.links["console"].alive
    assert trace.links["can"].received == trace.frames.time_ns.size > 80
    assert trace.links["console"].received == len(trace.lines) >= 2
    assert np.all(np.diff(trace.frames.time_ns) > 0)


def test_an_awaited_line_ends_the_wait_when_it_comes(bench: Bench) -> None:
    trace = driven(
        bench,
        Type(line="version"),
        WaitFor(until=ConsoleLine(pattern="^esp32-4s "), within_s=5.0, mark="told"),
    )

    (line,) = (line for line in trace.lines if line.text.startswith("esp32-4s "))
    assert trace.markers["told"].time_ns == line.time_ns
    assert line.time_ns < 100_000_000


@pytest.mark.parametrize(
    "until",
    [
        pytest.param(OutputState(output="charge path", is_open=True), id="output"),
        pytest.param(SignalValue(signal=SignalAddress("BMS_Status.OV"), value=1), id="signal"),
        pytest.param(ConsoleLine(pattern="prot: OVP cell 1"), id="console"),
    ],
)
def test_a_trip_is_seen_by_each_means(
    bench: Bench, until: OutputState | SignalValue | ConsoleLine
) -> None:
    trace = driven(
        bench,
        Set(values={"cell 1": 3.70}, mark="over"),
        WaitFor(until=until, within_s=5.0, mark="seen"),
    )

    took_s = (trace.markers["seen"].time_ns - trace.markers["over"].begin_ns) * 1e-9
    assert 0.9 < took_s < 1.5


def test_a_wait_in_vain_goes_on_when_its_time_is_up(bench: Bench) -> None:
    never = OutputState(output="charge path", is_open=True)

    trace = driven(bench, WaitFor(until=never, within_s=0.4, mark="over"), Hold(duration_s=0.1))

    waited = trace.markers["over"]
    assert 0.4 <= (waited.time_ns - waited.begin_ns) * 1e-9 < 0.6
    assert trace.error is None


def test_messages_go_out_at_their_period(bench: Bench) -> None:
    trace = driven(bench, Send(message="HostAlive", count=4, period_s=0.2, mark="sent"))

    own = trace.frames.time_ns[trace.frames.flags & OWN != 0]
    assert np.diff(own) * 1e-9 == pytest.approx([0.2, 0.2, 0.2], abs=0.002)


def test_a_dither_is_the_cases_own_and_the_same_each_time(bench: Bench) -> None:
    def length_ns(seed: int) -> int:
        mark = driven(bench, RandomPhase(span_s=0.5, mark="dithered"), seed=seed).markers[
            "dithered"
        ]
        return mark.time_ns - mark.begin_ns

    first, again, other = length_ns(1), length_ns(1), length_ns(2)

    assert first == again != other
    assert 0 <= first < 500_000_000


def test_a_bench_that_fails_gives_a_trace_of_what_there_was_and_is_safe(bench: Bench) -> None:
    trace = driven(
        bench,
        Hold(duration_s=1.2, mark="held"),
        Fault(fault="short", target="cell 1"),  # no bench can
        Hold(duration_s=9.0, mark="never"),
    )

    assert trace.error is not None
    assert "short cell 1" in trace.error
    assert set(trace.markers) == {"held"}
    assert trace.frames.time_ns.size > 0
    assert max(reading.value for reading in bench.read(("charge path",))) < 6.0
    assert driven(bench, Hold(duration_s=0.1)).error is None  # and the next case runs


def test_a_command_beyond_the_limits_is_never_sent(bench: Bench) -> None:
    with pytest.raises(LimitError):
        driven(bench, Set(values={"cell 1": 5.0}))


def _host_alive(trace: Trace) -> tuple[np.ndarray, np.ndarray]:
    """Times in s and counters of the rig's own HostAlive."""
    own = (trace.frames.can_id == 0x305) & (trace.frames.flags & OWN != 0)
    return trace.frames.time_ns[own] * 1e-9, trace.frames.data[own, 1] & 0xF


def test_traffic_goes_on_in_the_background_until_it_is_quiet(bench: Bench) -> None:
    trace = driven(
        bench,
        StartPeriodic(message="HostAlive", period_s=0.1),
        Hold(duration_s=2.0),
        Set(values={"cell 1": 3.35}),
        Hold(duration_s=1.0),
        StopPeriodic(message="HostAlive", mark="quiet"),
        Hold(duration_s=1.0),
    )

    times, counts = _host_alive(trace)
    intervals = np.diff(times)
    assert trace.error is None
    assert np.all(np.diff(counts.astype(int)) % 15 == 1)
    assert np.abs(intervals[times[1:] < 1.9] - 0.1).max() < 1e-3
    assert intervals.max() < 0.2  # late by an instrument's command at most
    assert times[-1] <= trace.markers["quiet"].time_ns * 1e-9
    assert times.size == pytest.approx(31, abs=1)


def test_jitter_is_seeded_and_late_only(bench: Bench) -> None:
    steps = (
        StartPeriodic(message="HostAlive", period_s=0.1, jitter_s=0.08, mark="begun"),
        Hold(duration_s=3.0),
    )
    first, again, other = (_host_alive(driven(bench, *steps, seed=n))[0] for n in (1, 1, 2))

    late = first - np.arange(first.size) * 0.1
    # Not to the last digit: now and then one waits for another frame to leave the wire.
    assert np.allclose(first, again, rtol=0.0, atol=5e-4)
    assert not np.array_equal(np.round(first, 2), np.round(other, 2))
    assert late.min() > -1e-3
    assert 0.04 < late.max() < 0.0825


def test_traffic_of_a_message_takes_the_place_of_what_ran_before(bench: Bench) -> None:
    trace = driven(
        bench,
        StartPeriodic(message="HostAlive", period_s=0.05),
        Hold(duration_s=1.0, mark="slower"),
        StartPeriodic(message="HostAlive", period_s=0.5),
        Hold(duration_s=2.2),
    )

    times, counts = _host_alive(trace)
    assert np.all(np.diff(counts.astype(int)) % 15 == 1)  # the counter goes on
    assert np.diff(times[times > 1.05]) == pytest.approx(0.5, abs=1e-3)


def test_no_traffic_is_left_for_the_next_case(bench: Bench) -> None:
    driven(bench, StartPeriodic(message="HostAlive", period_s=0.05), Hold(duration_s=0.5))

    trace = driven(bench, Hold(duration_s=1.0))

    assert not np.any(trace.frames.can_id == 0x305)


def test_a_list_of_values_is_played_on_time_with_noise_from_the_seed(bench: Bench) -> None:
    play = PlaySequence(quantity="cell 3", values=(3.40, 3.45), interval_s=0.1, times=5, noise=0.01)
    traces = [driven(bench, play) for _ in range(2)]

    commands = [c for c in traces[0].commands if c.quantity == "cell 3"]
    starts_s = [(c.before_ns - commands[0].before_ns) * 1e-9 for c in commands]
    assert starts_s == pytest.approx([0.1 * i for i in range(10)], abs=1e-3)
    off = [c.value - wanted for c, wanted in zip(commands, (3.40, 3.45) * 5, strict=True)]
    assert max(map(abs, off)) <= 0.01
    assert len(set(off)) == 10
    assert [c.value for c in traces[1].commands] == [c.value for c in traces[0].commands]


def test_what_nobody_acknowledged_is_told_and_does_not_reach_the_next_case(bench: Bench) -> None:
    cut = driven(
        bench,
        Fault(fault="open", target="can bus"),
        StartPeriodic(message="HostAlive", period_s=0.1),
        Hold(duration_s=1.0),
    )

    trace = driven(bench, Hold(duration_s=2.0), recorded=True)

    assert cut.links["can"].unanswered >= 9
    assert trace.links["can"].unanswered == 0
    assert not np.any(trace.frames.can_id == 0x305)
    assert not any("CTO" in line.text for line in trace.lines)


def test_the_bus_shorted_and_mended_the_bms_is_heard_again(bench: Bench) -> None:
    trace = driven(
        bench,
        Fault(fault="short", target="can bus", mark="shorted"),
        Hold(duration_s=1.0),
        Fault(fault="short", target="can bus", present=False, mark="mended"),
        Hold(duration_s=1.0),
    )

    status_ns = trace.frames.time_ns[trace.frames.can_id == 0x100]
    shorted_ns, mended_ns = (trace.markers[name].time_ns for name in ("shorted", "mended"))
    assert trace.error is None
    assert not np.any((status_ns > shorted_ns) & (status_ns < mended_ns - 50_000_000))
    assert np.any((status_ns > mended_ns) & (status_ns < mended_ns + 500_000_000))


# ---- settings of the BMS ------------------------------------------------------------------------
def shown(bench: Bench, *before: Step) -> str:
    asked = driven(bench, *before, Type(line="get ovp.trip"), Hold(duration_s=0.1))
    return next(line.text for line in asked.lines if "ovp.trip=" in line.text)


def test_a_case_finds_factory_settings_whatever_the_one_before_it_left(bench: Bench) -> None:
    saved = WaitFor(until=ConsoleLine(pattern="OK saved"), within_s=0.5)
    left = (Type(line="set ovp.trip 3.600"), Hold(duration_s=0.05), Type(line="save"), saved)

    assert shown(bench, *left) == "ovp.trip=3.600 V"
    assert shown(bench) == "ovp.trip=3.650 V"


def test_a_case_that_ends_without_supply_and_settings_spoilt_poisons_no_other(
    bench: Bench,
) -> None:
    driven(bench, Type(line="test storage"), Hold(duration_s=0.05), Power(on=False))

    assert shown(bench) == "ovp.trip=3.650 V"
    assert not any("copy" in line.text and "bad" in line.text for line in driven(bench).lines)


@pytest.mark.parametrize(("start", "stop", "step"), [(3.4, 3.6, 0.3), (3.2, 3.0, -0.5)])
def test_a_ramp_never_commands_more_than_its_stop(
    bench: Bench, start: float, stop: float, step: float
) -> None:
    never = ConsoleLine(pattern="^never$")
    stairs = Ramp(quantity="cell 3", start=start, stop=stop, step=step, dwell_s=0.1, until=never)

    trace = driven(bench, stairs)

    assert [c.value for c in trace.commands] == [start, stop]
