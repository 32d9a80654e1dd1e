"""The peer of `case_overhead.py`: one trip test, written by hand as short as can be.

    python benchmarks/by_hand.py COUNT

Same stimulus and same judgement as the family `trip` for the overvoltage of cell 1: a fresh start
of the BMS, a digitizer record over the whole case, trip time at the gate from the crossing at the
terminal, flag on CAN in time. No limits, no uncertainty, no evidence, no report, no second bench.
"""

from __future__ import annotations

import json
import random
import socket
import subprocess
import sys
from typing import Any

import can
import cantools
import numpy as np
import pyvisa

START = [sys.executable, "-m", "rig.virtual", "--dut", "esp32-4s", "--time", "stepped"]
ENDS = {"read_termination": "\n", "write_termination": "\n", "chunk_size": 1 << 20}


class Steps:
    """The bench's time: it goes on only when told to."""

    def __init__(self, address: str) -> None:
        host, port = address.split(":")
        self.socket = socket.create_connection((host, int(port)))
        self.answers = self.socket.makefile("rb")

    def ask(self, **request: Any) -> Any:
        """Ask the control port."""
        self.socket.sendall(json.dumps(request).encode() + b"\n")
        return json.loads(self.answers.readline())

    def sleep(self, seconds: float) -> None:
        """Let the bench run."""
        until_ns = self.ask(do="now")["now_ns"] + round(seconds * 1e9)
        self.ask(do="advance", until_ns=until_ns, wake=[], sent={})


def drain(bus: can.BusABC) -> list[can.Message]:
    """Take in all frames that have arrived."""
    frames = []
    while (frame := bus.recv(0)) is not None:
        frames.append(frame)
    return frames


def channel_of(scope: Any, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Times and volts of one channel."""
    scope.write(f":WAV:SOUR CHAN{number}")
    pre = [float(x) for x in scope.query(":WAV:PRE?").split(",")]
    codes = scope.query_binary_values(":WAV:DATA?", datatype="H", container=np.array)
    volts = (codes.astype(float) - pre[8] - pre[9]) * pre[7]
    return np.arange(len(codes)) * pre[4] + pre[5], volts


def one_case(time: Steps, bus: can.BusABC, db: Any, instruments: tuple[Any, Any, Any]) -> bool:
    """Drive and judge one case."""
    scope, emulator, aux = instruments
    emulator.write("SOUR:VOLT 3.3000(@1,2,3,4)")
    emulator.query("SOUR:VOLT?(@1)")
    aux.query("VOLT 0,(@2);*OPC?")
    time.sleep(0.3)
    aux.query("VOLT 12,(@2);*OPC?")
    time.sleep(1.2)  # long enough for its start
    time.sleep(random.uniform(0.0, 0.5))  # noqa: S311 -- a random phase
    drain(bus)
    for command in (":RUN", ":TIM:MAIN:SCAL 0.5", ":TIM:MAIN:OFFS 2.5", ":ACQ:MDEP 100000"):
        scope.write(command)
    scope.write(":SING")
    scope.write(":TFOR")
    scope.query("*OPC?")
    emulator.write("SOUR:VOLT 3.7000(@1)")
    emulator.query("SOUR:VOLT?(@1)")
    time.sleep(1.6)
    scope.write(":STOP")
    for command in (":WAV:MODE RAW", ":WAV:FORM WORD"):
        scope.write(command)
    seconds, cell = channel_of(scope, 1)
    _, gate = channel_of(scope, 5)
    _, other = channel_of(scope, 6)
    channel_of(scope, 7)
    crossed = seconds[np.flatnonzero(cell > 3.65)[0]]
    opened = seconds[np.flatnonzero(gate < 6.0)[0]]
    frames = [f for f in drain(bus) if f.arbitration_id == 0x100]
    flags = [(f.timestamp, db.decode_message(0x100, f.data)["OV"]) for f in frames]
    flagged = next(stamp for stamp, flag in flags if flag) - frames[0].timestamp
    return bool(0.9 <= opened - crossed <= 1.1 and other.min() > 6.0 and flagged < 2.0)


def main() -> int:
    """Run the case COUNT times."""
    bench = subprocess.Popen(START, stdout=subprocess.PIPE, text=True)
    assert bench.stdout is not None  # noqa: S101 -- asked for above
    at = json.loads(bench.stdout.readline())
    time = Steps(at["clock"])
    visa = pyvisa.ResourceManager("@py")
    scope, emulator, aux = (
        visa.open_resource(at[name], **ENDS) for name in ("digitizer", "emulator", "aux")
    )
    for session in (scope, emulator, aux):
        visa.visalib.sessions[session.session].interface.setsockopt(
            socket.IPPROTO_TCP, socket.TCP_NODELAY, 1
        )
    host, port = at["can"].removeprefix("socketcand://").split("/")[0].split(":")
    bus = can.Bus(interface="socketcand", host=host, port=int(port), channel="can0")
    db = cantools.database.load_file("fixtures/duts/esp32-4s/bms.dbc")
    emulator.write("OUTP:ONOFF 1(@1,2,3,4)")
    aux.query("CURR 1,(@2);*OPC?")
    aux.query("OUTP ON,(@2);*OPC?")
    for number, scale in ((1, 0.625), (5, 1.875), (6, 1.875), (7, 0.25)):
        scope.write(f":CHAN{number}:DISP 1")
        scope.write(f":CHAN{number}:SCAL {scale}")
        scope.write(f":CHAN{number}:OFFS {-4 * scale if number != 7 else 0}")
    for number in (2, 3, 4, 8):
        scope.write(f":CHAN{number}:DISP 0")
    instruments = (scope, emulator, aux)
    passed = sum(one_case(time, bus, db, instruments) for _ in range(int(sys.argv[1])))
    print(f"{passed} of {sys.argv[1]} passed")
    bus.shutdown()
    bench.terminate()  # a served bench lives until a signal
    bench.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
