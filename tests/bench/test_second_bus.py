"""A second CAN bus, of CAN FD, costs a bench a line of its file; trace and evidence hold both."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import can
import numpy as np
import pytest

from rig.bench.connect import connect
from rig.bench.description import BenchFile, load_bench
from rig.drive.drive import drive_case
from rig.dut.profile import load_profile
from rig.plan.expand import expand
from rig.plan.model import parse_plan
from rig.trace import files
from rig.trace.model import FD, SWITCHED

VIRTUAL = Path("fixtures/benches/virtual-esp32-4s.yaml")
ONE_BUS = 'can: {interface: socketcand, address: "${can}", clock drift: 100 ppm}\n'
TWO_BUSES = """\
can:
  charger: {interface: virtual, address: of a charger, bitrate: 500 kbit/s, fd: true}
  can: {interface: socketcand, address: "${can}", clock drift: 100 ppm}
"""
PLAN = """\
plan: own
cases:
  - name: it starts
    begins: off
    steps: [{power: on}, {hold: 1 s}]
    expect: [{charge path: stays open}]
"""
OF_A_CHARGER = can.Message(  # an identifier that the BMS has too
    arbitration_id=0x100, is_extended_id=False, is_fd=True, bitrate_switch=True, data=range(64)
)


@pytest.fixture
def two_buses(tmp_path: Path) -> BenchFile:
    text = VIRTUAL.read_text(encoding="utf-8").replace(ONE_BUS, TWO_BUSES)
    text = text.replace("clock: stepped", "clock: wall").replace(
        "esp32-4s]\n  r", "esp32-4s, --time, real]\n  r"
    )
    path = tmp_path / "two-buses.yaml"
    path.write_text(text, encoding="utf-8")
    return load_bench(path)


@pytest.fixture
def _charger() -> Iterator[None]:
    with can.Bus(interface="virtual", channel="of a charger") as bus:
        bus.send_periodic(OF_A_CHARGER, 0.02)
        yield
        bus.stop_all_periodic_tasks()


@pytest.mark.usefixtures("_charger")
def test_both_buses_are_recorded_each_by_its_name(two_buses: BenchFile, tmp_path: Path) -> None:
    profile = load_profile("esp32-4s")
    [case] = expand(parse_plan(PLAN, "own.yaml"), profile, 1)

    with connect(two_buses, profile) as bench:
        bench.settings = "factory"  # so it is not asked for them, which takes some seconds
        trace = drive_case(case, bench)

    assert trace.error is None
    assert trace.frames.buses == ("can", "charger")
    assert np.all(np.diff(trace.frames.time_ns) >= 0)
    assert {name: link.alive for name, link in trace.links.items()} == dict.fromkeys(
        ("can", "charger", "console"), True
    )
    own, others = trace.frames.on("can"), trace.frames.on("charger")
    assert own.time_ns.size > 10
    assert not np.any(own.flags & FD)
    assert np.all(others.flags == FD | SWITCHED)
    assert np.all(others.data == np.arange(64))
    assert np.median(np.diff(others.time_ns)) * 1e-9 == pytest.approx(0.02, abs=0.01)

    files.save(trace, tmp_path / "case")

    kept = files.load(tmp_path / "case").frames
    assert kept.buses == trace.frames.buses
    assert np.array_equal(kept.bus, trace.frames.bus)
    seen = {(m.channel, m.is_fd) for m in can.BLFReader(str(tmp_path / "case" / "can.blf"))}
    assert seen == {(0, False), (1, True)}
