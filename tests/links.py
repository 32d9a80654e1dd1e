"""The virtual bench as a process, with the rig's own clock and links connected to it."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import can

from rig.bench.launch import BenchProcess
from rig.clock import SteppedClock
from rig.dut.can_link import CanLink
from rig.dut.console_link import ConsoleLink

LATENCY_S = 0.002  # of CAN adapter and console, as a bench file would state them


class VirtualBench:
    """The virtual bench with the reference BMS in its socket, in stepped time."""

    def __init__(self, stack: ExitStack, seed: int) -> None:
        command = ["python", "-m", "rig.virtual", "--dut", "esp32-4s", "--seed", str(seed)]
        self.process = BenchProcess(command)
        self._is_running = True
        stack.callback(self.end)
        self.addresses = self.process.endpoints
        self._stack = stack
        self._lines: dict[str, Any] = {}

    def end(self) -> None:
        """End the process, once."""
        if self._is_running:
            self._is_running = False
            self.process.close()

    def truth(self, **request: object) -> Any:
        """Ask the kernel's ground truth, which the rig itself must never do."""
        return json.loads(self._say("truth", json.dumps(request)))

    def tell(self, instrument: str, command: str) -> str:
        """Say one line of SCPI and return its answer."""
        return self._say(instrument, command).strip()

    def supply(self, volts: float) -> None:
        """Switch the BMS's own supply."""
        if volts:
            self.tell("aux", f"VOLT {volts:g},(@2);*OPC?")
            self.tell("aux", "CURR 1,(@2);*OPC?")
        self.tell("aux", f"OUTP {int(volts > 0.0)},(@2);*OPC?")

    def open_bus(self) -> can.BusABC:
        """Open a connection to the CAN bus."""
        host, _, rest = self.addresses["can"].removeprefix("socketcand://").partition(":")
        port = int(rest.split("/")[0])
        return can.Bus(interface="socketcand", host=host, port=port, channel="can0")

    def _say(self, port: str, line: str) -> str:
        if port not in self._lines:
            host, number = self.addresses[port].removeprefix("TCPIP::").split(":", 1)
            number = number.strip(":").removesuffix("::SOCKET")
            link = self._stack.enter_context(socket.create_connection((host, int(number)), 20.0))
            self._lines[port] = link, self._stack.enter_context(link.makefile("rb"))
        link, answers = self._lines[port]
        link.sendall(line.encode() + b"\n")
        answer: bytes = answers.readline()
        return answer.decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """A virtual bench with the rig's own clock and links connected to it."""

    bench: VirtualBench
    clock: SteppedClock
    can: CanLink
    console: ConsoleLink

    def pass_s(self, seconds: float) -> None:
        """Let time pass, listening as a drive does."""

        def listen() -> bool:
            self.console.poll(prompt=True)
            return False

        self.console.poll()
        self.clock.wait(listen, self.clock.now_ns() + round(seconds * 1e9))

    def restart(self) -> None:
        """Power the BMS off and on."""
        self.bench.supply(0.0)
        self.clock.touched()
        self.pass_s(0.3)
        self.bench.supply(12.0)
        self.clock.touched()


@contextmanager
def connected(seed: int = 1) -> Iterator[Links]:
    """A virtual bench of one's own, its BMS powered and running."""
    with ExitStack() as stack:
        bench = VirtualBench(stack, seed)
        clock = SteppedClock(bench.addresses["clock"])
        stack.callback(clock.close)
        bus = CanLink(clock, bench.open_bus, LATENCY_S)
        stack.callback(bus.close)
        console = ConsoleLink(clock, bench.addresses["console"], 115200, LATENCY_S)
        stack.callback(console.close)
        links = Links(bench=bench, clock=clock, can=bus, console=console)
        bench.supply(12.0)
        clock.touched()
        links.pass_s(2.0)
        yield links
