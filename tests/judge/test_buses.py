"""What comes on other buses than the BMS's own, and of one of several modules there."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from rig.can_address import OWN_BUS, MessageAddress, SignalAddress
from rig.dut.can_messages import Messages
from rig.expectations import Expectation
from rig.expectations.message_comes import MessageComes
from rig.expectations.signal_becomes import SignalBecomes
from rig.expectations.signal_stays import SignalStays
from rig.facts import DutFacts
from rig.judge.decoder import ByBus
from rig.judge.observed import Observed
from rig.judge.verdict import Finding
from rig.judging import judge
from rig.steps.send import Send
from rig.time_reference import Mark
from rig.trace.model import SENT, Frames, Trace
from tests.judge.synthetic import MS, S, a_case, a_link, a_trace

DBC = """\
VERSION ""
BS_:
BU_: BMS
BO_ 512 Cells: 8 BMS
 SG_ Voltage1 : 0|16@1+ (0.001,0) [0|65.535] "V" BMS
"""
EVERY_S = np.arange(0.1, 2.0, 0.1)
STEP = 16  # from the identifiers of a module to the next one's
STACK = "stack"


@pytest.fixture(scope="module")
def decode(tmp_path_factory: pytest.TempPathFactory) -> ByBus:
    path = tmp_path_factory.mktemp("dbc") / "module.dbc"
    path.write_text(DBC)
    return ByBus({OWN_BUS: Messages(path), STACK: Messages(path, STEP)})


def cells(can_id: int, millivolts: np.ndarray, bus: str, **changes: float) -> Frames:
    """One frame of cells every 100 ms."""
    count = EVERY_S.size
    data = np.zeros((count, 8), np.uint8)
    data[:, :2] = np.asarray(millivolts, "<u2").reshape(-1, 1).view(np.uint8)
    return Frames(
        time_ns=np.round(EVERY_S * S).astype(np.int64) + can_id * 1000,
        can_id=np.full(count, can_id, np.uint32),
        length=np.full(count, 8, np.uint8),
        data=data,
        flags=np.full(count, changes.get("flags", 0), np.uint8),
        time_u_s=changes.get("time_u_s", 1e-4),
        buses=(bus,),
    )


def steady(volts: float) -> np.ndarray:
    return np.full(EVERY_S.size, round(1000 * volts))


RISING = np.where(EVERY_S > 1.0, 3700, 3300)


def together(frames: list[Frames], bus: str) -> Frames:
    """Frames of one bus, in order of time."""
    merged = Frames.merged(frames)
    return Frames(
        **{n: getattr(merged, n) for n in ("time_ns", "can_id", "length", "data", "flags")},
        time_u_s=merged.time_u_s,
        buses=(bus,),
    )


@pytest.fixture
def trace() -> Trace:
    """On both buses 0x200; on the stack's that is module 1, whose third rises after 1 s."""
    modules = [steady(3.1), steady(3.2), RISING]
    stack = [cells(0x200 + STEP * k, volts, STACK) for k, volts in enumerate(modules)]
    frames = Frames.merged([cells(0x200, steady(4.0), OWN_BUS), together(stack, STACK)])
    marks = {"go": (0.95, 1.0), "end": (1.9, 1.9)}
    return a_trace(frames=frames, links=[a_link(), a_link(STACK)], marks=marks)


def found(decode: ByBus, trace: Trace, *wanted: Expectation, **of_case: object) -> list[Finding]:
    return list(judge(a_case(*wanted, **of_case), trace, decode).findings)  # type: ignore[arg-type]


def stays(address: str, value: float) -> SignalStays:
    return SignalStays(signal=SignalAddress(address), value=value, end="end")


def test_each_module_and_bus_is_seen_by_its_own_frames_alone(decode: ByBus, trace: Trace) -> None:
    volts: Mapping[str, float] = {
        "Cells.Voltage1": 4.0,
        "Cells.Voltage1 on stack": 3.1,
        "Cells.Voltage1 of module 1 on stack": 3.1,
        "Cells.Voltage1 of module 2 on stack": 3.2,
    }

    right = found(decode, trace, *(stays(name, value) for name, value in volts.items()))
    wrong = found(decode, trace, *(stays(name, 3.3) for name in volts))

    assert [f.verdict.value for f in right] == ["pass"] * 4
    assert [f.verdict.value for f in wrong] == ["fail"] * 4
    assert right[3].sentence.startswith("Cells.Voltage1 of module 2 on stack was 3.2 in all 18")
    assert [f.instruments for f in right] == [("can",), ("stack",), ("stack",), ("stack",)]


def test_a_change_on_another_bus_counts_from_what_the_rig_sent_on_the_bms_own(
    decode: ByBus, trace: Trace
) -> None:
    signal = SignalAddress("Cells.Voltage1 of module 3 on stack")
    wanted = SignalBecomes(signal=signal, value=3.7, since=Mark(mark="go"), high_s=0.2)
    sent = cells(0x300, steady(0.0), OWN_BUS, flags=SENT)
    both = Frames.merged([together([trace.frames.on(OWN_BUS), sent], OWN_BUS),
                          trace.frames.on(STACK)])  # fmt: skip
    spoken = a_trace(frames=both, links=trace.links.values(), marks={"go": (0.95, 1.001)})

    [by_mark] = found(decode, trace, wanted)
    [by_frame] = found(decode, spoken, wanted, steps=(Send(message="Ask", mark="go"),))

    assert by_mark.verdict.value == by_frame.verdict.value == "pass"
    assert by_mark.measurement is not None
    assert by_frame.measurement is not None
    assert by_frame.measurement.value == pytest.approx(0.1, abs=2 * MS / S)
    assert "CAN adapter clock (cause)" in {row.name for row in by_frame.budget}
    assert "CAN adapter clock (cause)" not in {row.name for row in by_mark.budget}


def test_a_module_that_says_nothing_is_missed_on_its_own_bus(decode: ByBus, trace: Trace) -> None:
    message = MessageAddress("Cells of module 4 on stack")
    comes = MessageComes(message=message, since=Mark(mark="go"), high_s=0.5)

    [never, silent] = found(decode, trace, comes, stays("Cells.Voltage1 of module 4 on stack", 1.0))

    assert (never.verdict.value, silent.verdict.value) == ("fail", "fail")
    assert "Cells of module 4 on stack" in never.sentence
    assert "54 other frames, none dropped" in silent.sentence


def test_a_bus_that_nobody_listened_to_answers_nothing(decode: ByBus, trace: Trace) -> None:
    deaf = a_trace(frames=trace.frames, links=[a_link()], marks={"end": (1.9, 1.9)})

    own, other = found(
        decode, deaf, stays("Cells.Voltage1", 4.0), stays("Cells.Voltage1 on stack", 1)
    )

    assert own.verdict.value == "pass"
    assert other.verdict.value == "error"
    assert "no stack link" in other.sentence


def test_a_bus_on_which_nothing_comes_proves_nothing_whatever_the_others_say(
    decode: ByBus, trace: Trace
) -> None:
    silent = a_trace(
        frames=Frames.merged([trace.frames.on(OWN_BUS), Frames.none(STACK)]),
        links=trace.links.values(), marks={"go": (0.95, 1.0), "end": (1.9, 1.9)},
    )  # fmt: skip
    message = MessageAddress("Cells on stack")
    never = MessageComes(message=message, since=Mark(mark="go"), at_least=0, at_most=0, high_s=0.5)

    own, *others = found(
        decode, silent, stays("Cells.Voltage1", 4.0), stays("Cells.Voltage1 on stack", 3.1), never
    )

    assert own.verdict.value == "pass"
    assert [f.verdict.value for f in others] == ["error"] * 2
    assert all("nothing at all came on stack" in f.sentence for f in others)


def test_each_bus_is_as_uncertain_as_its_own_adapter(decode: ByBus) -> None:
    own = together([cells(0x200, steady(4.0), OWN_BUS),
                    cells(0x300, steady(0.0), OWN_BUS, flags=SENT)], OWN_BUS)  # fmt: skip
    stack = cells(0x200, RISING, STACK, time_u_s=3e-3)
    trace = a_trace(
        frames=Frames.merged([own, stack]),
        links=[a_link(), a_link(STACK)], marks={"go": (0.95, 1.001)},
    )  # fmt: skip
    signal = SignalAddress("Cells.Voltage1 on stack")
    wanted = SignalBecomes(signal=signal, value=3.7, since=Mark(mark="go"), high_s=0.2)

    [finding] = found(decode, trace, wanted, steps=(Send(message="Ask", mark="go"),))

    clocks = {r.name: r.standard for r in finding.budget if r.name.startswith("CAN adapter clock")}
    assert clocks == {"CAN adapter clock": 3e-3, "CAN adapter clock (cause)": 1e-4}


def test_what_is_promised_of_a_message_is_promised_of_each_modules(trace: Trace) -> None:
    periods = {"Cells on stack": 0.1}
    message = MessageAddress("Cells of module 3 on stack")
    seen = Observed(trace=trace, dut=DutFacts(periods=periods))

    assert seen.period_s(message) == 0.1
    assert seen.period_s(MessageAddress("Cells of module 3")) is None
