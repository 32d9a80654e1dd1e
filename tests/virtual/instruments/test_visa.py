"""Real pyvisa sessions against instruments on real ports, in stepped time."""

from collections.abc import Callable
from typing import cast

import numpy as np
import pytest
import pyvisa
from pyvisa.resources import MessageBasedResource

from rig.virtual.instruments import CellEmulator, Charger, Digitizer, ScpiInstrument
from rig.virtual.kernel import Kernel
from tests.virtual.instruments.desk import Desk

Serve = Callable[[Kernel, ScpiInstrument], str]


def connect(resource: str, end: str = "\n") -> MessageBasedResource:
    manager = pyvisa.ResourceManager("@py")
    session = cast(MessageBasedResource, manager.open_resource(resource))
    session.read_termination, session.write_termination = end, "\n"
    session.timeout = 2000
    return session


@pytest.fixture
def emulator(desk: Desk) -> CellEmulator:
    cells = {n: desk.net(f"cell {n}") for n in (1, 2)}
    return CellEmulator(desk.kernel, desk.clock, desk.rng(), channels=cells)


def test_a_stock_session_sets_and_reads_a_cell(
    desk: Desk, serve: Serve, emulator: CellEmulator
) -> None:
    session = connect(serve(desk.kernel, emulator))

    session.write("SOUR:VOLT 3.3(@1,2)")
    session.write("OUTP:ONOFF 1(@1,2)")
    session.query("*OPC?")
    for _ in range(5):  # each query lets some milliseconds pass
        session.query("MEAS:VOLT?(@1,2)")
    read = [float(v) for v in session.query("MEAS:VOLT?(@1,2)").split(",")]

    assert session.query("*IDN?") == "NGI,N83624,0,V1.00"
    assert read == pytest.approx([3.3, 3.3], abs=3e-3)
    session.close()


def test_a_query_that_it_does_not_know_times_out(
    desk: Desk, serve: Serve, emulator: CellEmulator
) -> None:
    session = connect(serve(desk.kernel, emulator))
    session.timeout = 100

    with pytest.raises(pyvisa.VisaIOError):
        session.query("SYST:ERR?")

    assert session.query("*IDN?").startswith("NGI")
    session.close()


def test_a_waveform_block_arrives_whole(desk: Desk, serve: Serve) -> None:
    net = desk.net("cell", 3.0)
    scope = Digitizer(desk.kernel, desk.clock, desk.rng(), channels={1: net})
    session = connect(serve(desk.kernel, scope))
    session.write(":CHAN1:SCAL 0.5")
    session.write(":TIM:MAIN:SCAL 0.001")
    session.write(":ACQ:MDEP 100k")
    session.write(":SING")
    session.write(":TFOR")
    while session.query(":TRIG:STAT?") != "STOP":
        pass

    session.write(":WAV:MODE RAW;FORM WORD")
    codes = np.array(session.query_binary_values(":WAV:DATA?", datatype="H"))

    np.testing.assert_array_equal(codes, scope.codes(1))
    assert codes.size == 100_000
    assert session.query(":SYST:ERR?") == '0,"No error"'
    session.close()


def test_a_genesys_takes_one_client(desk: Desk, serve: Serve) -> None:
    charger = Charger(
        desk.kernel,
        desk.clock,
        desk.rng(),
        apply=lambda _on, _volts, _amps: None,
        measure=lambda: (0.0, 0.0),
    )
    resource = serve(desk.kernel, charger)
    first = connect(resource, "\r\n")
    assert first.query("OUTP:STAT?") == "0"
    second = connect(resource, "\r\n")
    second.timeout = 100

    with pytest.raises((pyvisa.VisaIOError, OSError)):
        second.query("*IDN?")

    second.close()
    assert first.query("VOLT 5;VOLT?") == "5.000"
    first.close()
