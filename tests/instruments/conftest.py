"""One virtual bench for a module, and its instruments' drivers."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from rig.bench.launch import BenchProcess
from rig.clock import SteppedClock
from rig.instruments.registry import DRIVERS
from rig.instruments.session import Session, Transcript

ROLES = {
    "ngi-n83624": "emulator",
    "tdk-genesys-plus": "charger",
    "itech-it8500-plus": "load",
    "keysight-e36312a": "aux",
    "iet-prs": "thermistors",
    "rigol-dho": "digitizer",
    "keysight-daq970a": "dmm",
}


class VirtualBench:
    """The process, its clock and its ground truth; drivers are made and prepared once."""

    def __init__(self, process: BenchProcess) -> None:
        self.endpoints = process.endpoints
        self.clock = SteppedClock(process.endpoints["clock"])
        host, _, port = process.endpoints["truth"].rpartition(":")
        self._truth = socket.create_connection((host, int(port)))
        self._answers = self._truth.makefile("rb")
        self._sessions: list[Session] = []
        self._drivers: dict[str, Any] = {}

    def driver(self, name: str) -> Any:
        if name not in self._drivers:
            info = DRIVERS[name]
            transcript = Transcript(on_traffic=self.clock.touched)
            session = Session(ROLES[name], self.endpoints[ROLES[name]], info.framing, transcript)
            session.open()
            self._sessions.append(session)
            self._drivers[name] = info.create(session, self.clock)
            self._drivers[name].prepare()
        return self._drivers[name]

    def value(self, net: str) -> float:
        return float(self.ask({"do": "value", "net": net})["value"])

    def sleep_s(self, seconds: float) -> None:
        self.clock.sleep_until(self.clock.now_ns() + round(seconds * 1e9))

    def ask(self, request: dict[str, Any]) -> Any:
        self._truth.sendall(json.dumps(request).encode() + b"\n")
        return json.loads(self._answers.readline())

    def close(self) -> None:
        for session in self._sessions:
            session.close()
        self._answers.close()
        self._truth.close()
        self.clock.close()


@pytest.fixture(scope="module")
def virtual() -> Iterator[VirtualBench]:
    command = ["python", "-m", "rig.virtual", "--dut", "esp32-4s", "--seed", "11"]
    with BenchProcess(command) as process:
        bench = VirtualBench(process)
        yield bench
        bench.close()
