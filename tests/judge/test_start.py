"""The start of a case against its claims, and what the BMS keeps a case from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rig.case import Case
from rig.clock import Lag
from rig.expectations.recovers import Recovers
from rig.expectations.stays import Stays
from rig.expectations.threshold import ThresholdIs
from rig.expectations.trips import Trips
from rig.facts import DutFacts, Output, StartClaims
from rig.judge.verdict import Judgement, counted_as
from rig.judging import judge
from rig.time_reference import Crossing, Mark
from rig.trace.model import Line, Reading, Start, Trace
from tests.judge.synthetic import (
    MS,
    S,
    a_case,
    a_channel,
    a_command,
    a_reading,
    a_trace,
    a_waveform,
)

GATE = Output(closed_above=6.0)
MAIN, PRECHARGE = "main contactor", "precharge contactor"
CLAIMED = StartClaims(
    ready="bms: ready",
    ready_within_s=1.0,
    closes=("charge path", MAIN),
    closed_within_s=1.5,
    outputs={"charge path": GATE, MAIN: GATE, PRECHARGE: GATE},
    only_asked=(MAIN, PRECHARGE),
    overlap_s=0.07,
    supply_v=12.0,
    cells_v=3.3,
)


def ready_at(at_s: float) -> Line:
    return Line(time_ns=round(at_s * S), late_ns=MS, text="I bms: ready")


def look(
    at_s: float, *, path: bool, main: bool, precharge: bool, took_s: float = 0.01
) -> list[Reading]:
    """What one look of the meter at the outputs gives."""
    closed = {"charge path": path, MAIN: main, PRECHARGE: precharge}
    return [
        replace(
            a_reading(output, 12.0 if is_closed else 0.0, at_s),
            before_ns=round(at_s * S),
            after_ns=round((at_s + took_s) * S),
        )
        for output, is_closed in closed.items()
    ]


def looks(*given: tuple[float, bool, bool, bool]) -> tuple[Reading, ...]:
    return tuple(
        reading
        for at_s, path, main, precharge in given
        for reading in look(at_s, path=path, main=main, precharge=precharge)
    )


GOOD = Start(
    begun_ns=0,
    heard=20,
    ready=ready_at(0.6),
    asked_ns=round(1.0 * S),
    readings=looks(
        (0.7, True, False, False),
        (1.02, True, False, True),
        (1.60, True, False, True),
        (1.63, True, True, True),
    ),
    told_closed=("charge path", MAIN, PRECHARGE),
)


def judged(start: Start, *, error: str | None = None, unready: bool = False) -> Judgement:
    case = replace(a_case(Stays(output="charge path", is_open=False)), dut=DutFacts(start=CLAIMED))
    return judge(case, replace(a_trace(error=error), start=start, unready=unready))


def start_findings(start: Start) -> list[tuple[str, str]]:
    """Verdict and sentence of all that the judge says of a start."""
    return [(f.verdict, f.sentence) for f in judged(start).findings[1:]]


NEVER_READY = replace(GOOD, ready=None, asked_ns=None, readings=(a_reading("supply", 12.0, 2.0),))
NEVER_CLOSED = looks(
    (0.7, False, False, False), (1.3, False, False, True), (3.5, False, True, True)
)


def test_a_start_that_keeps_its_promises_is_not_spoken_of() -> None:
    assert start_findings(GOOD) == []


@pytest.mark.parametrize(
    ("start", "said"),
    [
        pytest.param(
            replace(GOOD, ready=ready_at(1.2)), "was ready 1.199 s after", id="ready too late"
        ),
        pytest.param(
            replace(GOOD, readings=NEVER_CLOSED, told_closed=(MAIN, PRECHARGE)),
            "charge path did not close: open",
            id="a path that stays open",
        ),
        pytest.param(
            replace(GOOD, readings=(*looks((0.9, True, True, True)), *GOOD.readings)),
            "main contactor was closed (12.000 V) at the start, and nobody had asked",
            id="closed unasked",
        ),
        pytest.param(
            replace(
                GOOD,
                readings=looks((1.60, True, False, False), (1.63, True, True, False)),
                told_closed=(MAIN,),
            ),
            "precharge contactor was open",
            id="main before precharge",
        ),
    ],
)
def test_a_breach_of_the_start_fails_whatever_case_it_happens_in(start: Start, said: str) -> None:
    verdict, sentence = start_findings(start)[0]

    assert verdict == "fail"
    assert said in sentence
    assert judged(start).verdict == "fail"


def test_a_bms_that_never_gets_ready_fails_the_case_that_it_kept_from_its_steps() -> None:
    judgement = judged(NEVER_READY, error="start of the case: …", unready=True)

    assert judgement.verdict == "fail"
    assert "did not say 'bms: ready'" in judgement.sentence
    assert [f.expectation for f in judgement.findings] == [
        "console says /bms: ready/ at most 1.000 s after it is started"
    ]


@pytest.mark.parametrize(
    ("start", "why"),
    [
        pytest.param(replace(NEVER_READY, heard=0), "nothing at all came", id="no console"),
        pytest.param(
            replace(NEVER_READY, readings=(a_reading("supply", 0.1, 2.0),)),
            "supply reads",
            id="no supply",
        ),
        pytest.param(
            replace(GOOD, readings=(*NEVER_CLOSED, a_reading("cell 2", 0.1, 4.0)), told_closed=()),
            "its cell 2 reads 0.100 V",
            id="a cell that is not there",
        ),
        pytest.param(
            replace(GOOD, readings=NEVER_CLOSED, told_closed=("charge path",)),
            "the tap may be broken",
            id="a tap that reads open where the BMS says closed",
        ),
    ],
)
def test_what_a_dead_wire_of_the_bench_would_show_as_well_is_an_error(
    start: Start, why: str
) -> None:
    judgement = judged(start, error="start of the case: …", unready=True)

    assert judgement.verdict == "error"
    assert why in judgement.sentence


def test_looks_too_far_apart_say_nothing_of_the_order() -> None:
    apart = looks((1.02, True, False, False), (1.63, True, True, False))

    assert start_findings(replace(GOOD, readings=apart)) == []


def test_a_bench_that_failed_is_no_breach_of_the_start() -> None:
    judgement = judged(GOOD, error="emulator: no answer")

    assert judgement.verdict == "error"


FED = (a_reading("supply", 12.0, 1.7), a_reading("cell 1", 3.3, 1.7), a_reading("cell 2", 3.3, 1.7))
STARVED = (a_reading("supply", 9.0, 1.7), a_reading("cell 1", 3.3, 1.7))
LATE = replace(GOOD, ready=ready_at(1.6))
CLOSED_LATE = replace(GOOD, readings=looks((3.5, False, True, True), (3.6, True, True, True)))
ASKED_BY_NOBODY = replace(GOOD, readings=(*looks((0.9, True, True, True)), *GOOD.readings))
NO_ANSWER = "emulator: no answer"


@pytest.mark.parametrize("start", [LATE, CLOSED_LATE], ids=["ready late", "closed late"])
def test_a_late_start_is_the_benchs_where_the_bench_failed_and_nothing_shows_it_was_well(
    start: Start,
) -> None:
    assert judged(start).verdict == "fail"

    judgement = judged(start, error=NO_ANSWER)

    assert (judgement.verdict, judgement.sentence) == ("error", NO_ANSWER)


@pytest.mark.parametrize("start", [LATE, CLOSED_LATE], ids=["ready late", "closed late"])
def test_a_late_start_that_was_seen_while_the_bench_was_well_stays_a_fail(start: Start) -> None:
    judgement = judged(replace(start, readings=(*start.readings, *FED)), error=NO_ANSWER)

    assert judgement.verdict == "fail"


@pytest.mark.parametrize("error", [None, NO_ANSWER])
@pytest.mark.parametrize("start", [LATE, CLOSED_LATE], ids=["ready late", "closed late"])
def test_a_late_start_of_a_bms_that_was_not_fed_is_the_benchs(
    start: Start, error: str | None
) -> None:
    starved = replace(start, readings=(*start.readings, *STARVED))

    assert judged(starved, error=error).verdict == "error"


def test_a_breach_that_no_failing_bench_could_show_stays_a_fail() -> None:
    assert judged(ASKED_BY_NOBODY, error=NO_ANSWER).verdict == "fail"


def test_a_start_is_no_breach_where_the_bench_fell_behind_and_then_failed() -> None:
    start = replace(ASKED_BY_NOBODY, ready=ready_at(1.6), readings=(*GOOD.readings, *FED))
    case = replace(a_case(Stays(output="charge path", is_open=False)), dut=DutFacts(start=CLAIMED))
    lag = Lag(who="bench", worst_ns=900 * MS, late=2, allowed_ns=20 * MS)
    trace = replace(a_trace(error=NO_ANSWER), start=start, lags=(lag,))

    judgement = judge(case, trace)

    assert (judgement.verdict, judgement.sentence) == ("error", NO_ANSWER)


def test_evidence_without_a_start_is_judged_as_before() -> None:
    case = replace(a_case(Stays(output="charge path", is_open=False)), dut=DutFacts(start=CLAIMED))

    judgement = judge(case, a_trace(error="the BMS did not get ready"))

    assert judgement.verdict == "error"


# ---- not reached --------------------------------------------------------------------------------
def not_reached(case: Case, trace: Trace) -> str:
    judgement = judge(case, trace)
    assert judgement.verdict == "inconclusive"
    assert judgement.sentence.startswith("not reached: ")
    assert counted_as(judgement) == "not reached"
    return judgement.sentence


def test_an_output_that_was_so_already_kept_the_case_from_its_stimulus() -> None:
    closed = [a_reading("charge path", 12.0, at_s) for at_s in (0.5, 1.5, 2.5)]
    trace = a_trace(readings=closed, marks={"let go": (1.0, 1.0)})
    closes = Recovers(output="charge path", since=Mark(mark="let go"), low_s=0.0, high_s=1.0)

    assert "closed already before 'let go'" in not_reached(a_case(closes), trace)


def test_an_output_that_is_open_when_its_ramp_begins_kept_it_from_its_threshold() -> None:
    wanted = ThresholdIs(
        quantity="cell 3",
        output="charge path",
        is_open=True,
        level=3.65,
        tolerance=0.01,
        unit="V",
        delay_s=1.0,
    )
    levels = [a_command("cell 3", 3.6 + 0.01 * i, 0.5 * i) for i in range(5)]
    opened = [a_reading("charge path", 0.0, 0.25 * i) for i in range(1, 10)]
    cells = [a_reading("cell 3", 3.6 + 0.01 * i, 0.5 * i + 0.1) for i in range(5)]
    trace = a_trace(commands=levels, readings=[*opened, *cells])
    proven = replace(trace, start=GOOD)  # its tap showed it closed

    assert "was not closed when the ramp began" in not_reached(a_case(wanted), proven)
    assert judge(a_case(wanted), trace).verdict == "error"


def test_a_current_that_an_open_path_kept_from_flowing_was_not_reached() -> None:
    gate = np.full(3_000, 12.0)
    gate[500:] = 0.0  # the BMS opened it, long before the load is switched on
    current = a_channel("current", np.zeros(3_000))
    waveform = a_waveform(current, a_channel("charge path", gate), interval_s=1e-3)
    flows = Crossing(quantity="current", level=30.0, rising=True, after="load")
    trips = Trips(output="charge path", since=flows, low_s=0.1, high_s=0.2)
    trace = a_trace(waveform, marks={"load": (1.0, 1.0)})

    assert "charge path was open, so that no current could flow" in not_reached(
        a_case(trips), trace
    )
    kept = replace(waveform, channels={**waveform.channels, "charge path": _CLOSED})
    assert judge(a_case(trips), replace(trace, waveforms=(kept,))).verdict == "error"


_CLOSED = a_channel("charge path", np.full(3_000, 12.0))
