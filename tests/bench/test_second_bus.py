"""A second CAN bus, of CAN FD, costs a bench a line of its file; trace and evidence hold both."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import can
import numpy as np
import pytest

from rig.bench.connect import connect
from rig.bench.description import BenchFile, load_bench
from rig.drive.drive import drive_case
from rig.dut.profile import Profile, load_profile
from rig.judge.decoder import ByBus
from rig.judging import judge
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
    precondition: off
    steps: [{power: on}, {hold: 1 s, as: up}, {hold: 500 ms}]
    expect: [{BMS_Status.OV: {stays: 0, from: up}}, {Offer.Last on charger: stays 63}]
"""
OF_CHARGER = "\nbuses:\n  charger: {dbc: charger.dbc}\n"
DBC = """\
VERSION ""
BS_:
BU_: CHARGER
BO_ 256 Offer: 64 CHARGER
 SG_ Last : 504|8@1+ (1,0) [0|255] "" Vector__XXX
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
def profile(tmp_path: Path) -> Profile:
    folder = tmp_path / "esp32-4s"
    shutil.copytree("fixtures/duts/esp32-4s", folder)
    (folder / "charger.dbc").write_text(DBC)
    with (folder / "profile.yaml").open("a", encoding="utf-8") as file:
        file.write(OF_CHARGER)
    return load_profile(folder)


@pytest.fixture
def _charger() -> Iterator[None]:
    with can.Bus(interface="virtual", channel="of a charger") as bus:
        bus.send_periodic(OF_A_CHARGER, 0.02)
        yield
        bus.stop_all_periodic_tasks()


@pytest.mark.usefixtures("_charger")
def test_both_buses_are_recorded_and_judged_each_by_its_name(
    two_buses: BenchFile, profile: Profile, tmp_path: Path
) -> None:
    [case] = expand(parse_plan(PLAN, "own.yaml"), profile, 1)

    with connect(two_buses, profile) as bench:
        bench.settings = "factory"  # so it is not asked for them, which takes some seconds
        trace = drive_case(case, bench)
        judgement = judge(case, trace, ByBus(bench.messages))

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

    sentences = [f.sentence for f in judgement.findings]
    assert judgement.verdict == "pass", sentences
    assert sentences[1].startswith("Offer.Last on charger was 63 in all")

    files.save(trace, tmp_path / "case")

    kept = files.load(tmp_path / "case").frames
    assert kept.buses == trace.frames.buses
    assert np.array_equal(kept.bus, trace.frames.bus)
    seen = {(m.channel, m.is_fd) for m in can.BLFReader(str(tmp_path / "case" / "can.blf"))}
    assert seen == {(0, False), (1, True)}
