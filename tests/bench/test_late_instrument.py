"""A bench in real time, one of whose instruments answers late: the partner's frames go on."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, suppress

import numpy as np
import pytest

from rig.bench.bench import Bench
from rig.bench.connect import connect
from rig.bench.description import load_bench
from rig.bench.launch import BenchProcess
from rig.dut.profile import load_profile
from rig.steps.start_periodic import StartPeriodic

LATE_S, PERIOD_S = 0.5, 0.05
MOST_S = 0.2  # of silence: HostAlive's own period by the profile, a fifth of its time-out


class LateAnswers:
    """Stands before an instrument; from when it is told to, each answer comes late."""

    def __init__(self, resource: str) -> None:
        _, host, port, _ = resource.split("::")
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.resource = f"TCPIP::127.0.0.1::{self._listener.getsockname()[1]}::SOCKET"
        self.is_late, self._ended = threading.Event(), threading.Event()
        self._far = (host, int(port))
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._ended.set()
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                near = self._listener.accept()[0]
                far = socket.create_connection(self._far)
                for one, other, late in ((near, far, False), (far, near, True)):
                    args = (one, other, late)
                    threading.Thread(target=self._carry, args=args, daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket, late: bool) -> None:  # noqa: FBT001
        with suppress(OSError), one, other:
            while data := one.recv(65_536):
                if late and self.is_late.is_set():
                    self._ended.wait(LATE_S)
                other.sendall(data)


@pytest.fixture
def late_meter() -> Iterator[tuple[Bench, LateAnswers]]:
    command = ["python", "-m", "rig.virtual", "--dut", "esp32-4s", "--time", "real"]
    described = load_bench("virtual-esp32-4s").model_copy(update={"clock": "wall"})
    with (
        BenchProcess(command) as process,
        closing(LateAnswers(process.endpoints["dmm"])) as meter,
    ):
        endpoints = {**process.endpoints, "dmm": meter.resource}
        lab = described.filled(endpoints).model_copy(update={"start": None})
        with connect(lab, load_profile("esp32-4s")) as bench:
            yield bench, meter
            meter.is_late.clear()


def test_a_meter_that_answers_late_does_not_silence_the_partner(
    late_meter: tuple[Bench, LateAnswers],
) -> None:
    bench, meter = late_meter
    assert bench.can is not None
    assert bench.rest_bus is not None
    bench.nominal()
    bench.can.begin()
    bench.rest_bus.begin(StartPeriodic(message="HostAlive", period_s=PERIOD_S))

    meter.is_late.set()
    [reading] = bench.read(("pack",))

    bench.rest_bus.reset()
    frames, _ = bench.can.end()
    sent = frames.time_ns[frames.can_id == 0x305]
    assert (reading.after_ns - reading.before_ns) / 1e9 >= LATE_S
    assert sent.size > LATE_S / MOST_S
    assert np.diff(sent).max() / 1e9 < MOST_S
