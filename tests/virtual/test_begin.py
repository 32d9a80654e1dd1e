"""A case begins on a stepped bench: all behind its open sockets is new, what was set up holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.virtual.test_assembly import Process, running

DUTS = ("esp32-4s", "esp32-16s", "pbmslsuite-o")


@pytest.fixture
def bench() -> Iterator[Process]:
    with running("--dut", "esp32-4s", "--seed", "1") as process:
        yield process


def begin(bench: Process, seed: int, **more: object) -> Any:
    return bench.ask("clock", {"do": "begin", "seed": seed, **more})


def said(bench: Process, name: str, *commands: str) -> list[str]:
    instrument = bench.instrument(name)
    return [instrument.query(f"{c};*OPC?" if "?" not in c else c).strip() for c in commands]


def test_time_begins_anew_and_so_does_everything_that_it_moved(bench: Process) -> None:
    first = begin(bench, 7)
    bench.power(12.0)
    bench.advance(2.0)
    events = len(bench.ask("truth", {"do": "events"}))

    second = begin(bench, 7)

    assert second == first
    assert bench.now_ns() == first["now_ns"]
    assert events > 0
    assert bench.ask("truth", {"do": "events"}) == []
    for net in ("cell 1", "aux", "charge gate", "current"):
        assert bench.ask("truth", {"do": "value", "net": net})["value"] == 0.0


def moment(bench: Process) -> list[str]:
    """Readings that differ by noise, the boot log with its times, and how long all that took."""
    readings = said(bench, "dmm", *("MEAS:VOLT:DC? 10,(@101)",) * 3)
    bench.power(12.0)
    woken = [bench.advance(2.0, "console")["now_ns"] for _ in range(40)]
    return [*readings, *map(str, woken)]


@pytest.mark.parametrize("dut", DUTS)
def test_a_seed_gives_its_moment_again_whatever_came_before(dut: str) -> None:
    with running("--dut", dut, "--seed", "1") as bench:
        bench.console()  # what nobody hears wakes nobody
        begin(bench, 7)
        first = moment(bench)
        begin(bench, 8)
        other = moment(bench)
        begin(bench, 7)
        again = moment(bench)

    assert again == first
    assert other != first


def test_what_was_set_before_the_first_begin_holds_and_what_came_after_is_gone(
    bench: Process,
) -> None:
    said(bench, "load", "CURR:PROT 33", "CURR:PROT:STAT 1")
    said(bench, "emulator", "PRO3:VOLT 4.2")
    said(bench, "digitizer", ":RUN", ":CHAN2:DISP 1", ":CHAN2:SCAL 0.5", ":TIM:MAIN:SCAL 0.02")
    said(bench, "digitizer", ":ACQ:MDEP 100000", ":SING", ":STOP")
    begin(bench, 1)
    assert said(bench, "load", "*ESR?") == ["0"]  # it did not restart
    said(bench, "load", "CURR:PROT 44", "CURR 5", "INP 1")
    said(bench, "emulator", "PRO3:VOLT 5.1", "SOUR3:VOLT 3", "OUTP3:ONOFF 1", "FAUL2:SIMU 1")
    said(bench, "digitizer", ":RUN", ":ACQ:MDEP 1000000", ":CHAN2:SCAL 5")

    begin(bench, 2)

    assert said(bench, "load", "CURR:PROT?", "CURR?", "INP?") == ["33.000", "0.000", "0"]
    reported = said(bench, "emulator", "PRO3:VOLT?", "SOUR3:VOLT?", "OUTP3:ONOFF?", "FAUL2:SIMU?")
    assert reported == ["4.2000", "0.0000", "0", "0"]
    reported = said(bench, "digitizer", ":ACQ:MDEP?", ":CHAN2:SCAL?", ":TRIG:STAT?")
    assert reported == ["1.0000E+05", "5.000000E-01", "STOP"]


def test_an_output_that_was_on_is_off_with_its_level_kept(bench: Process) -> None:
    """What lights up at a begin would feed a BMS that nobody asked to be fed."""
    said(bench, "emulator", "SOUR1:VOLT 3.3", "OUTP1:ONOFF 1")
    bench.advance(0.1)
    said(bench, "emulator", "OUTP1:ONOFF 0")

    begin(bench, 1)
    bench.advance(0.1)

    assert said(bench, "emulator", "SOUR1:VOLT?", "OUTP1:ONOFF?") == ["3.3000", "0"]
    assert bench.ask("truth", {"do": "value", "net": "cell 1"})["value"] == 0.0


def test_specimen_and_instruments_stay_those_of_the_run(bench: Process) -> None:
    clocks, errors = [], []
    for seed in (1, 2):
        begin(bench, seed)
        clocks.append(bench.ask("truth", {"do": "clocks"}))
        said(bench, "emulator", "SOUR1:VOLT 3.3", "OUTP1:ONOFF 1")
        bench.advance(0.1)
        errors.append(bench.ask("truth", {"do": "value", "net": "cell 1"})["value"])
    with running("--dut", "esp32-4s", "--seed", "2") as other:
        begin(other, 1)
        other_clocks = other.ask("truth", {"do": "clocks"})

    assert clocks[0] == clocks[1] != other_clocks
    assert errors[0] == errors[1] != 3.3


def test_links_stay_open_and_count_on(bench: Process) -> None:
    console, bus = bench.console(), bench.bus()
    bench.power(12.0)
    before = bench.advance(2.0)["handed"]

    at_begin = begin(bench, 1)["handed"]
    bench.power(12.0)
    after = bench.advance(2.0)["handed"]

    assert at_begin == before
    assert min(after[link] - before[link] for link in before) > 10
    assert len(console.read_to(after["console"])) == after["console"]
    frames = [bus.recv(20.0) for _ in range(after["can"])]
    stamps = [frame.timestamp for frame in frames if frame is not None]
    assert len(stamps) == after["can"]
    assert stamps[before["can"]] < stamps[before["can"] - 1]  # the adapter's time began anew too


def test_what_was_typed_before_it_is_not_heard_after_it(bench: Process) -> None:
    console = bench.console()
    bench.power(12.0)
    console.read_to(bench.advance(2.0)["handed"]["console"])
    console.type("set ovp.trip 3.8")

    begin(bench, 1, sent={"console": len("set ovp.trip 3.8\n")})
    bench.power(12.0)
    handed = bench.advance(2.0)["handed"]["console"]

    assert "OK" not in console.read_to(handed).rpartition("rst:0x1")[2]


@pytest.mark.parametrize("seed", [None, "7", 1.5, True])
def test_a_begin_without_a_seed_is_refused(bench: Process, seed: object) -> None:
    assert "seed" in bench.ask("clock", {"do": "begin", "seed": seed})["error"]


def test_real_time_does_not_begin_anew() -> None:
    with running("--dut", "pbmslsuite-o", "--time", "real") as bench:
        assert "stepped" in begin(bench, 1)["error"]
