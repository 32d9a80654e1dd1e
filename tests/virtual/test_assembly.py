"""Whole benches as processes, through the libraries that drive a lab."""

import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Any
from urllib.parse import urlsplit

import can
import pytest
import pyvisa
import serial

STATUS, PACK = 0x100, 0x120
OV_BIT = 0x01


class Process:
    """`python -m rig.virtual`, with whatever a test opens to it."""

    def __init__(self, *arguments: str) -> None:
        self.child = subprocess.Popen(
            [sys.executable, "-m", "rig.virtual", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "RIG_ENDS_WITH_INPUT": "1"},
        )
        assert self.child.stdin
        assert self.child.stdout
        self.addresses: dict[str, str] = json.loads(self.child.stdout.readline())
        self._open = ExitStack()
        self._ports = dict[str, Any]()

    def close(self) -> int:
        """Close everything, standard input first."""
        self._open.close()
        assert self.child.stdin
        self.child.stdin.close()
        code = self.child.wait(5.0)
        assert self.child.stdout
        assert self.child.stderr
        rest, errors = self.child.stdout.read(), self.child.stderr.read()
        self.child.stdout.close()
        self.child.stderr.close()
        assert (rest, errors) == ("", "")
        return code

    def ask(self, port: str, request: dict[str, Any]) -> Any:
        if port not in self._ports:
            host, _, number = self.addresses[port].rpartition(":")
            link = self._open.enter_context(socket.create_connection((host, int(number)), 20.0))
            self._ports[port] = link, self._open.enter_context(link.makefile("rb"))
        link, lines = self._ports[port]
        link.sendall(json.dumps(request).encode() + b"\n")
        return json.loads(lines.readline())

    def now_ns(self) -> int:
        return int(self.ask("clock", {"do": "now"})["now_ns"])

    def advance(self, seconds: float, *wake: str) -> Any:
        until_ns = self.now_ns() + round(seconds * 1e9)
        return self.ask("clock", {"do": "advance", "until_ns": until_ns, "wake": wake})

    def crossings(self, net: str, level: float, *, rising: bool, since_ns: int = 0) -> list[int]:
        request = {"do": "crossings", "net": net, "level": level, "rising": rising}
        times = self.ask("truth", {**request, "since_ns": since_ns})["times_ns"]
        return [int(time_ns) for time_ns in times]

    def instrument(self, name: str) -> Any:
        if name not in self._ports:
            manager = self._open.enter_context(closing(pyvisa.ResourceManager("@py")))
            resource: Any = manager.open_resource(self.addresses[name])
            resource.read_termination = resource.write_termination = "\n"
            self._ports[name] = self._open.enter_context(closing(resource))
        return self._ports[name]

    def console(self) -> "ReadPort":
        return self._open.enter_context(closing(ReadPort(self.addresses["console"])))

    def bus(self) -> can.BusABC:
        url = urlsplit(self.addresses["can"])
        return self._open.enter_context(
            can.Bus(
                interface="socketcand",
                host=url.hostname,
                port=url.port,
                channel=url.path.strip("/"),
            )
        )

    def power(self, volts: float) -> None:
        """Cells at rest, then the BMS's supply."""
        emulator, aux = self.instrument("emulator"), self.instrument("aux")
        for channel in range(1, 5):
            emulator.write(f"SOUR{channel}:VOLT 3.3")
            emulator.write(f"OUTP{channel}:ONOFF 1")
            assert emulator.query("*OPC?").strip() == "1"
        for command in ("INST:NSEL 2", f"VOLT {volts:g}", "CURR 1", "OUTP ON"):
            aux.write(command)
        assert aux.query("*OPC?").strip() == "1"


class ReadPort:
    """A pyserial port that is read until so many bytes are here."""

    def __init__(self, url: str) -> None:
        self._port = serial.serial_for_url(url, do_not_open=True, baudrate=115_200, timeout=20.0)
        self._port.dtr = self._port.rts = False
        self._port.open()
        self.text = ""

    def read_to(self, total: int) -> str:
        self.text += self._port.read(total - len(self.text)).decode()
        return self.text

    def read_until(self, text: str) -> str:
        while text not in self.text:
            self.text += self._port.readline().decode()
        return self.text

    def type(self, line: str) -> None:
        self._port.write(line.encode() + b"\n")

    def close(self) -> None:
        self._port.close()


@contextmanager
def running(*arguments: str) -> Iterator[Process]:
    process = Process(*arguments)
    try:
        yield process
    except BaseException:
        process.child.kill()
        process.child.communicate()
        process._open.close()
        raise
    assert process.close() == 0


@pytest.fixture
def bench() -> Iterator[Process]:
    with running("--dut", "esp32-4s", "--seed", "1") as process:
        yield process


def take(bus: can.BusABC, count: int) -> list[can.Message]:
    """Take so many frames as the bench says it handed over."""
    frames = [bus.recv(20.0) for _ in range(count)]
    return [frame for frame in frames if frame is not None]


def test_every_instrument_names_itself_and_time_is_what_it_took(bench: Process) -> None:
    names = [name for name, address in bench.addresses.items() if address.startswith("TCPIP")]
    assert names == ["emulator", "charger", "aux", "load", "thermistors", "digitizer", "dmm"]
    before_ns = bench.now_ns()
    makers = [bench.instrument(name).query("*IDN?").split(",")[0] for name in names]
    assert len(set(makers)) == 6  # two are Keysight's
    assert 1e6 * len(names) < bench.now_ns() - before_ns < 1e9


def test_an_overvoltage_opens_the_charge_path_and_is_told_on_can_and_console(
    bench: Process,
) -> None:
    console, bus = bench.console(), bench.bus()
    bench.power(12.0)
    bench.advance(3.0)
    set_ns = bench.now_ns()
    emulator = bench.instrument("emulator")
    emulator.write("SOUR3:VOLT 3.75")
    assert emulator.query("*OPC?").strip() == "1"
    handed = bench.advance(2.0)["handed"]

    (cell_ns,) = bench.crossings("cell 3", 3.65, rising=True, since_ns=set_ns)
    (gate_ns,) = bench.crossings("charge gate", 6.0, rising=False, since_ns=set_ns)
    assert 0.9e9 <= gate_ns - cell_ns <= 1.1e9
    assert not bench.crossings("discharge gate", 6.0, rising=False, since_ns=set_ns)

    status = [frame for frame in take(bus, handed["can"]) if frame.arbitration_id == STATUS]
    assert [bool(frame.data[2] & OV_BIT) for frame in status[-3:]] == [True] * 3
    assert not status[0].data[2] & OV_BIT
    assert "OVP cell 3" in console.read_to(handed["console"])
    assert "trip" in {event["name"] for event in bench.ask("truth", {"do": "events"})}


def test_a_broken_sense_wire_is_noticed(bench: Process) -> None:
    bench.power(12.0)
    bench.advance(3.0)
    emulator = bench.instrument("emulator")
    since_ns = bench.now_ns()
    # This model's fault relays move only without voltage: off, wait, open, on.
    for command in ("OUTP2:ONOFF 0", "FAUL2:SIMU 1", "OUTP2:ONOFF 1"):
        emulator.write(command)
        assert emulator.query("*OPC?").strip() == "1"
        bench.advance(0.1)
    assert int(emulator.query("FAUL2:SIMU?")) == 1
    bench.advance(2.5)
    assert bench.crossings("charge gate", 6.0, rising=False, since_ns=since_ns)
    assert bench.crossings("discharge gate", 6.0, rising=False, since_ns=since_ns)


def test_charger_and_load_move_the_pack_current_that_the_bms_reports(bench: Process) -> None:
    bus = bench.bus()
    bench.power(12.0)
    bench.advance(3.0)
    charger = bench.instrument("charger")
    for command in ("VOLT 14.4", "CURR 10", "OUTP 1"):
        charger.write(command)
    assert charger.query("*OPC?").strip() == "1"
    frames = take(bus, bench.advance(1.0)["handed"]["can"])
    newest = [frame for frame in frames if frame.arbitration_id == PACK][-1]
    reported_a = int.from_bytes(newest.data[2:4], "little", signed=True) * 0.01
    true_a = bench.ask("truth", {"do": "value", "net": "current"})["value"]
    assert true_a == pytest.approx(10.0, abs=0.2)
    assert reported_a == pytest.approx(true_a, abs=0.3)


def test_a_pulse_on_rts_restarts_the_bms(bench: Process) -> None:
    console = bench.console()
    bench.power(12.0)
    handed = bench.advance(3.0)["handed"]["console"]
    console.read_to(handed)
    console._port.rts = True
    bench.advance(0.05)
    console._port.rts = False
    text = console.read_to(bench.advance(2.0)["handed"]["console"])[handed:]
    assert "rst:0x1 (POWERON_RESET)" in text
    assert "bms: ready" in text


def test_garbage_on_any_port_ends_nothing(bench: Process) -> None:
    bench.power(12.0)
    noise = random.Random(1)  # noqa: S311 (not a secret)
    alphabet = [b"\xff", b"\n", b"\r", b"\0", b"<", b">", b"{", b"}", b"(@", b"?", b";", b":", b"1"]
    alphabet += [
        b"*",
        b"\xfa\x2c\x05",
        b"\xff\xf0",
        b"SOUR",
        b"send",
        b"open can0",
        b'"do"',
        b"1e999",
    ]
    for address in bench.addresses.values():
        port = int(next(part for part in re.split(r"[:/]+", address) if part.isdecimal()))
        for _ in range(12):
            with socket.create_connection(("127.0.0.1", port)) as link:
                link.sendall(b"".join(noise.choices([*alphabet, noise.randbytes(3)], k=200)))
        bench.advance(0.05)
    bench.advance(2.0)
    assert bench.instrument("emulator").query("*IDN?").startswith("NGI")


def test_the_educational_bms_has_a_console_and_no_can() -> None:
    with running("--dut", "pbmslsuite-o", "--variant", "divider") as bench:
        assert {"can", "charger", "load"}.isdisjoint(bench.addresses)
        console = bench.console()
        bench.power(5.0)
        assert console.read_to(bench.advance(3.0)["handed"]["console"])
        assert bench.crossings("led", 1.65, rising=True)


def _story(bench: Process) -> tuple[list[str], list[Any], str]:
    """Do a bit of everything and keep every byte that came back."""
    console, bus = bench.console(), bench.bus()
    bench.power(12.0)
    replies = [json.dumps(bench.advance(1.5))]
    emulator, dmm = bench.instrument("emulator"), bench.instrument("dmm")
    for volts in (3.7, 2.4, 3.3):
        emulator.write(f"SOUR1:VOLT {volts}")
        replies.append(emulator.query("*OPC?"))
        replies += [json.dumps(bench.advance(0.3, "can")) for _ in range(5)]
        replies.append(dmm.query("MEAS:VOLT:DC? (@101,105)"))
        replies.append(emulator.query("MEAS1:VOLT?"))
        replies.append(json.dumps(bench.advance(1.0)))
    console.type("status")
    sent = {"console": len("status\n")}
    until_ns = bench.now_ns() + 10**9
    last = bench.ask("clock", {"do": "advance", "until_ns": until_ns, "wake": [], "sent": sent})
    frames = [
        (frame.timestamp, frame.arbitration_id, bytes(frame.data))
        for frame in take(bus, last["handed"]["can"])
    ]
    return replies, frames, console.read_to(last["handed"]["console"])


def test_one_seed_gives_the_same_bytes() -> None:
    stories = list[tuple[list[str], list[Any], str]]()
    for _ in range(2):
        with running("--dut", "esp32-4s", "--seed", "7") as bench:
            stories.append(_story(bench))
    assert stories[0] == stories[1]


def test_another_seed_gives_other_clocks(bench: Process) -> None:
    ours = bench.ask("truth", {"do": "clocks"})
    with running("--dut", "esp32-4s", "--seed", "8") as other:
        theirs = other.ask("truth", {"do": "clocks"})
    assert ours.keys() == theirs.keys()
    assert all(ours[name] != theirs[name] for name in ours)
    assert len({clock["offset_ns"] for clock in ours.values()}) == len(ours)


def test_in_real_time_the_bms_starts_by_itself_at_its_own_pace() -> None:
    with running("--dut", "esp32-4s", "--time", "real") as bench:
        console, bus = bench.console(), bench.bus()
        bench.power(12.0)
        began = time.perf_counter()
        console.read_until("bms: ready")
        assert (first := bus.recv(5.0)) is not None
        assert first.arbitration_id < 0x200
        assert time.perf_counter() - began < 10.0


@pytest.mark.parametrize(("number", "pace"), [(signal.SIGTERM, "stepped"), (signal.SIGINT, "real")])
def test_a_signal_ends_it(number: signal.Signals, pace: str) -> None:
    process = Process("--dut", "pbmslsuite-o", "--time", pace)
    process.child.send_signal(number)
    assert process.child.wait(5.0) == 0
    process.close()


def test_ports_follow_from_the_base() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        base = probe.getsockname()[1]
    # Some port of the row may be taken; then the bench says so, which is tested too.
    free = [_is_free(base + offset) for offset in range(8)]
    command = [
        sys.executable,
        "-m",
        "rig.virtual",
        "--dut",
        "pbmslsuite-o",
        "--port-base",
        str(base),
    ]
    if all(free):
        with running(*command[3:]) as bench:
            numbers = [
                int(address.split("::")[2]) for address in list(bench.addresses.values())[:5]
            ]
            assert numbers == [base + offset for offset in range(5)]
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        command[-1] = str(taken.getsockname()[1])
        ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    assert ended.returncode == 2
    assert "--port-base" in ended.stderr


def _is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def test_an_unknown_variant_is_refused_with_those_there_are() -> None:
    command = [sys.executable, "-m", "rig.virtual", "--dut", "esp32-4s", "--variant", "nonsense"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert "released" in ended.stderr
