"""The ground-truth study: its witness, and one bench of it; the figures are `make benchmarks`'s."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from rig.bench.launch import BenchProcess
from rig.dut.profile import load_profile
from tests.benchmarks.scripts import BENCHMARKS, script

witness, study = script("witness"), script("ground_truth")


def asked(address: str, **request: object) -> Any:
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=10.0) as link:
        link.sendall(json.dumps(request).encode() + b"\n")
        return json.loads(link.makefile("rb").readline())


@pytest.mark.parametrize("seed", [1, 2])
def test_every_delay_of_a_spread_build_is_its_own_within_the_spread(seed: int) -> None:
    good = witness.esp32_4s.RELEASED.image

    image = witness.spread_build(seed, 0.10).image

    pairs = [
        (image.host_timeout_ms, good.host_timeout_ms),
        (image.watchdog_ns, good.watchdog_ns),
        (image.front_end.hard_delay_ms, good.front_end.hard_delay_ms),
        (image.front_end.fresh_ms, good.front_end.fresh_ms),
        *((a.ticks, b.ticks) for a, b in zip(image.rules, good.rules, strict=True)),
    ]
    assert all(abs(drawn - released) <= 0.10 * released + 1 for drawn, released in pairs)
    assert sum(drawn != released for drawn, released in pairs) > len(pairs) // 2


def test_the_witness_tells_what_its_specimen_makes_of_each_quantity(tmp_path: Path) -> None:
    reported = tmp_path / "addresses.json"
    command = ["python", str(BENCHMARKS / "witness.py"), "--addresses", str(reported)]

    with BenchProcess([*command, "--dut", "esp32-4s", "--seed", "3"]):
        truth = json.loads(reported.read_text(encoding="utf-8"))["truth"]
        events = asked(truth, do="events")

    [errors] = [event["detail"]["errors"] for event in events if event["name"] == "specimen"]
    cells = {f"cell {n}" for n in range(1, 5)}
    assert set(errors) == cells | {"current", "temperature 1", "temperature 2"}
    assert all(abs(gain - 1.0) < 0.02 for gain, _ in errors.values())


def test_the_ramps_of_the_study_are_those_that_find_a_level(tmp_path: Path) -> None:
    stairs = study._stairs(tmp_path, load_profile("esp32-4s"), 3)

    assert len(stairs) == 14
    assert "threshold[OVP-cell1]" in {case.id for case in stairs}
