"""A second console costs a bench a line of its file; plans type there and listen by its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from rig.bench.connect import connect
from rig.bench.description import load_bench
from rig.check.own_case import checked_case
from rig.description import BrokenDescriptionError
from rig.drive.drive import drive_case
from rig.dut.profile import load_profile
from rig.judging import judge
from rig.plan.expand import expand
from rig.plan.model import parse_plan
from rig.trace import files

VIRTUAL = Path("fixtures/benches/virtual-esp32-4s.yaml")
PROFILE = Path("fixtures/duts/esp32-4s/profile.yaml")
GATEWAY = "console of the gateway"  # says whatever is typed there
TWO_CONSOLES = """\
console:
  console of the gateway: {url: "loop://", baud: 115200, newline: CR LF}
  console: {url: "${console}"}
"""
PLAN = """\
plan: own
cases:
  - name: the gateway reboots
    steps:
      - type on: {console of the gateway: reboot}
        as: typed
      - wait for: {console of the gateway: ^reboot$, within: 1 s}
      - type: version
      - hold: 1.5 s
    expect:
      - console of the gateway: {says: ^reboot$, within: 50 ms, after: typed}
      - console of the gateway: {never says: version}
      - console: {never says: reboot}
"""


@pytest.fixture
def two_consoles(tmp_path: Path) -> Path:
    text = VIRTUAL.read_text(encoding="utf-8").replace(
        'console: {url: "${console}"}\n', TWO_CONSOLES
    )
    path = tmp_path / "two-consoles.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_each_console_is_typed_on_and_heard_by_its_name(two_consoles: Path, tmp_path: Path) -> None:
    profile = load_profile("esp32-4s")
    [case] = expand(parse_plan(PLAN, "own.yaml"), profile, 1)

    with connect(load_bench(two_consoles), profile) as bench:
        trace = drive_case(case, bench)

    assert trace.error is None
    assert tuple(trace.links) == ("can", "console", GATEWAY)
    [line] = trace.said_on(GATEWAY)
    assert line.text == "reboot"
    own = trace.said_on("console")
    assert len(own) == len(trace.lines) - 1 > 0
    found = judge(case, trace).findings
    assert [f.verdict for f in found] == ["pass", "pass", "pass"]
    assert found[0].expectation.startswith("console of the gateway says /^reboot$/")

    files.save(trace, tmp_path / "case")

    assert files.load(tmp_path / "case").lines == trace.lines


def test_a_console_that_the_bench_has_not_is_a_mistake(two_consoles: Path) -> None:
    [case] = expand(parse_plan(PLAN, "own.yaml"), load_profile("esp32-4s"), 1)

    assert checked_case(case, profile=PROFILE, bench=two_consoles).steps
    with pytest.raises(BrokenDescriptionError, match='has no "console of the gateway"'):
        checked_case(case, profile=PROFILE, bench=VIRTUAL)
