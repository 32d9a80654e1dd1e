"""The virtual bench's ground truth, which only tests may ask."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from rig.bench import connect as connecting
from rig.bench.bench import Bench
from rig.bench.connect import connect
from rig.bench.description import BenchFile
from rig.bench.launch import BenchProcess
from rig.dut.profile import Profile


class ServedTruth:
    """The kernel's ground truth."""

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self._socket = socket.create_connection((host, int(port)))
        self._answers = self._socket.makefile("rb")

    def value(self, net: str) -> float:
        return float(self._ask({"do": "value", "net": net})["value"])

    def crossing_ns(self, net: str, level: float, *, rising: bool, since_ns: int) -> int:
        """When it was, by the rig's clock."""
        return self.crossing(net, level, rising=rising, since_ns=since_ns)[0]

    def crossing(self, net: str, level: float, *, rising: bool, since_ns: int) -> tuple[int, int]:
        """When it was, by the rig's clock and by the kernel's."""
        request = {"do": "crossings", "net": net, "level": level}
        answer = self._ask({**request, "rising": rising, "since_ns": since_ns})
        return int(answer["times_ns"][0]), int(answer["exact"][0])

    def close(self) -> None:
        self._answers.close()
        self._socket.close()

    def _ask(self, request: dict[str, Any]) -> Any:
        self._socket.sendall(json.dumps(request).encode() + b"\n")
        return json.loads(self._answers.readline())


@contextmanager
def witnessed(
    description: BenchFile, profile: Profile, *, seed: int
) -> Iterator[tuple[Bench, ServedTruth]]:
    """Connect a virtual bench, and its truth port beside it."""
    kept: list[BenchProcess] = []

    class Kept(BenchProcess):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            kept.append(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connecting, "BenchProcess", Kept)  # to learn the truth port's address
        with connect(description, profile, seed=seed) as bench:
            truth = ServedTruth(kept[0].endpoints["truth"])
            yield bench, truth
            truth.close()
