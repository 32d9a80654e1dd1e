"""A virtual bench that outlives the runs which use it: its ground truth says what they left on."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from io import BufferedRWPair
from pathlib import Path
from typing import Any

DUT = "esp32-4s"
_ON_V, _ON_A = 1.0, 0.5
_FALLS_WITHIN_S = 0.5
# What a run is told of the bench that is served already: it tells the addresses and waits.
_RELAY = "import sys; print(open(sys.argv[1]).read(), flush=True); sys.stdin.read()"


class Served:
    """A virtual bench that no run owns."""

    def __init__(self, folder: Path, pace: str, seed: int) -> None:
        command = [sys.executable, "-m", "rig.virtual", "--dut", DUT, "--time", pace]
        self._process = subprocess.Popen(
            [*command, "--seed", str(seed)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None  # noqa: S101 -- asked for above
        line = self._process.stdout.readline().decode()
        self._process.stdout.close()
        self.addresses = json.loads(line)
        self._pace = pace
        self._links = ExitStack()
        self._truth, self._clock = (self._open(port) for port in ("truth", "clock"))
        nets = self._ask(self._truth, {"do": "nets"})
        feeds = [n for n in nets if n in {"aux", "current"} or n.startswith("cell ")]
        self._feeds = {n: _ON_A if nets[n] == "A" else _ON_V for n in feeds}
        (folder / "addresses.json").write_text(line.strip(), encoding="utf-8")
        self.bench = folder / "bench.yaml"
        self.bench.write_text(_bench_file(folder, pace), encoding="utf-8")

    def end(self) -> None:
        """End it."""
        self._links.close()
        self._process.kill()
        self._process.wait()

    def is_on(self) -> bool:
        """Whether anything feeds the BMS, by the ground truth; asked in no time."""
        return any(abs(self._value(net)) > least for net, least in self._feeds.items())

    def settle(self) -> None:
        """Let what was switched off fall."""
        if self._pace == "real":
            time.sleep(_FALLS_WITHIN_S)
            return
        until_ns = self._ask(self._clock, {"do": "now"})["now_ns"] + round(_FALLS_WITHIN_S * 1e9)
        self._ask(self._clock, {"do": "advance", "until_ns": until_ns})

    def _value(self, net: str) -> float:
        return float(self._ask(self._truth, {"do": "value", "net": net})["value"])

    def _open(self, port: str) -> BufferedRWPair:
        host, _, number = self.addresses[port].rpartition(":")
        link = socket.create_connection((host, int(number)), 60.0)
        return self._links.enter_context(self._links.enter_context(link).makefile("rwb"))

    def _ask(self, link: BufferedRWPair, request: dict[str, object]) -> dict[str, Any]:
        link.write(json.dumps(request).encode() + b"\n")
        link.flush()
        answer: dict[str, Any] = json.loads(link.readline())
        return answer


def _bench_file(folder: Path, pace: str) -> str:
    """The virtual bench's description, with a relay in place of its process."""
    text = (Path(__file__).parents[2] / f"fixtures/benches/virtual-{DUT}.yaml").read_text("utf-8")
    relay = ["python", "-c", _RELAY, str(folder / "addresses.json")]
    text = text.replace(
        f"command: [python, -m, rig.virtual, --dut, {DUT}]", f"command: {json.dumps(relay)}"
    )
    return text.replace("clock: stepped", "clock: wall") if pace == "real" else text


@contextmanager
def served(folder: Path, pace: str, seed: int) -> Iterator[Served]:
    """Serve a bench for one try."""
    folder.mkdir()
    bench = Served(folder, pace, seed)
    try:
        yield bench
    finally:
        bench.end()
