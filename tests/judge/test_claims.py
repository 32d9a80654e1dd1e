"""A finding bears the claims of its expectation, their requirements, and what it was judged by."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from rig.expectations.console_says import ConsoleSays
from rig.expectations.stays import Stays
from rig.expectations.trips import Trips
from rig.judge.verdict import JUDGEMENT_JSON, Finding
from rig.judging import judge
from rig.time_reference import Mark
from rig.trace.model import Command, Reading
from tests.judge.synthetic import CELL_RISES, a_case, a_channel, a_trace, a_waveform

OF = "protections/cell overvoltage"
OPENS = Trips(
    output="charge path",
    since=CELL_RISES,
    low_s=0.1,
    high_s=1.0,
    claims=(f"{OF}/delay@cell 3", f"{OF}/opens/charge path@cell 3"),
)
KEEPS = Stays(output="led", is_open=False, claims=(f"{OF}/keeps/led",))


def found(*expectations: object, whole: tuple[str, ...] = ("timers/wrap",)) -> tuple[Finding, ...]:
    rises = np.linspace(3.5, 3.8, 10_000)
    opens = np.where(np.arange(10_000) < 8_000, 12.0, 0.0)
    waveform = a_waveform(
        a_channel("cell 3", rises),
        a_channel("charge path", opens, instrument="digitizer 2"),
        a_channel("current", rises, instrument="shunt"),
    )
    trace = replace(
        a_trace(waveform),
        commands=(_command("cell 3", "simulator"), _command("current", "supply")),
        readings=(_reading("cell 3", "meter"),),
    )
    case = replace(
        a_case(*expectations),  # type: ignore[arg-type]
        claims=whole,
        traces_to=("SRS-9",),
        requirements={f"{OF}/delay": ("SRS-1", "SRS-2"), f"{OF}/opens/charge path": ("SRS-2",)},
    )
    return judge(case, trace).findings


def _command(quantity: str, instrument: str) -> Command:
    return Command(
        quantity=quantity, value=0.0, before_ns=0, after_ns=0, settle_s=0.0, instrument=instrument
    )


def _reading(quantity: str, instrument: str) -> Reading:
    return Reading(
        quantity=quantity,
        value=3.6,
        unit="V",
        accuracy=0.0,
        before_ns=0,
        after_ns=0,
        instrument=instrument,
    )


def test_a_finding_bears_its_own_claims_and_those_of_the_whole_case() -> None:
    opens, keeps = found(OPENS, KEEPS)

    assert opens.claims == (*OPENS.claims, "timers/wrap")
    assert keeps.claims == (f"{OF}/keeps/led", "timers/wrap")
    assert opens.requirements == ("SRS-1", "SRS-2")
    assert keeps.requirements == ()


def test_a_finding_names_instruments_and_records_that_it_was_judged_by() -> None:
    (opens,) = found(OPENS)

    assert opens.records == (
        "signals.parquet: charge path",
        "signals.parquet: cell 3",
        "trace.json: commands, cell 3",
    )
    assert opens.instruments == ("digitizer 2", "digitizer 1", "simulator")


def test_what_was_told_on_a_link_names_the_links_record() -> None:
    (says,) = found(ConsoleSays(pattern="x", since=Mark(mark="m"), high_s=1.0))

    assert says.records == ("console.txt",)
    assert says.instruments == ("console",)


def test_what_is_not_there_names_no_record_and_still_its_claim() -> None:
    (keeps,) = found(KEEPS)

    assert keeps.records == keeps.instruments == ()
    assert keeps.claims[0] == f"{OF}/keeps/led"


def test_a_judgement_of_before_claims_is_read_and_names_none() -> None:
    (opens,) = found(OPENS)
    judgement = judge(a_case(), a_trace())
    stored = JUDGEMENT_JSON.dump_python(replace(judgement, findings=(opens,)), mode="json")
    for name in ("claims", "requirements", "instruments", "records"):
        assert stored["findings"][0].pop(name)

    assert JUDGEMENT_JSON.validate_python(stored).findings[0].claims == ()


def test_what_answers_no_claim_bears_the_requirements_of_its_case() -> None:
    (opens,) = found(replace(OPENS, claims=()), whole=())

    assert opens.claims == ()
    assert opens.requirements == ("SRS-9",)
