"""`rig check` refuses figures that can't be meant: impossible ones, and ones that gainsay others.

Each row changes one text of a shipped description, or stands as steps or expectations in a plan.
"""

from __future__ import annotations

import re
import shutil
import time
from pathlib import Path

import pytest

from rig.check import Report, check

ROOT = Path(__file__).parents[1]
DUT = ROOT / "fixtures/duts/esp32-4s"
BENCH = ROOT / "fixtures/benches/virtual-esp32-4s.yaml"
LAB_BENCH = ROOT / "fixtures/benches/example-lab.yaml"


@pytest.fixture(autouse=True)
def _from_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def _changed(source: Path, old: str, new: str, target: Path) -> Path:
    text = source.read_text(encoding="utf-8")
    assert old in text
    target.write_text(text.replace(old, new, 1), encoding="utf-8")
    return target


def _profile(old: str, new: str, folder: Path) -> Report:
    shutil.copy(DUT / "bms.dbc", folder)
    return check([_changed(DUT / "profile.yaml", old, new, folder / "profile.yaml")])


def _refused(report: Report, *messages: str) -> None:
    text = report.text()
    assert not report.ok
    for message in messages:
        assert message in text
    for mistake in report.mistakes:
        assert mistake.line >= 1
        assert mistake.mend


PROFILE = [
    # times
    ("delay: 1.0 s ± 100 ms", "delay: 1.0 s ± 100 s", "no time is negative"),
    ("delay: 1.0 s ± 100 ms", "delay: -1.0 s ± 100 ms", "no time is negative"),
    ("delay: 1.0 s ± 100 ms", "delay: 100 h ± 1 h", "at most 3600 s"),
    ("delay: at most 2.0 s", "delay: at most -2.0 s", "below zero"),
    ("after: 2 s ± 200 ms", "after: 2 s ± 20 s", "no time is negative"),
    ("ready within: 1.0 s", "ready within: -1.0 s", "no time is negative"),
    ("ready within: 1.0 s", "ready within: 0 s", "more than 0"),
    ("ready within: 1.0 s", "ready within: 1e9 h", "start.ready within"),
    ("closed within: 500 ms", "closed within: -500 ms", "no time is negative"),
    ("back within: 1 s", "back within: -1 s", "no time is negative"),
    ("speaks within: 1.5 s", "speaks within: 0 s", "more than 0"),
    ("prints every: 1 s", "prints every: 0 s", "can't be meant"),
    ("prints every: 1 s", "prints every: 1e9 s", "console.prints every"),
    ("answers within: 200 ms", "answers within: -200 ms", "no time is negative"),
    ("settles within: 1.2 s", "settles within: 1e6 s", "settles within"),
    ("flags within: 2 s", "flags within: -2 s", "no time is negative"),
    ("console within: 1 s", "console within: 1e6 s", "console within"),
    ("period: 100 ms ± 5 ms", "period: 0 ms ± 5 s", "no time is negative"),
    ("period: 100 ms ± 5 ms", "period: 0 ms ± 0 ms", "period"),
    ("period: 100 ms ± 5 ms", "period: 100 ms ± 99 ms", "half"),
    ("period: 100 ms ± 5 ms", "period: 100 ms ± 0 ms", "tolerance of 0"),
    ("      period: 200 ms", "      period: 0 s", "can't be meant"),
    ("wrap after: 20 s", "wrap after: 1e12 s", "timers.wrap after"),
    # what a report claims
    ("accuracy: 5 mV", "accuracy: 5 V", "at most 500 mV"),
    ("accuracy: 30 mV", "accuracy: 30 V", "telemetry.pack voltage.accuracy"),
    ("accuracy: 150 mA", "accuracy: 150 A", "telemetry.current.accuracy"),
    ("accuracy: 1.5 K", "accuracy: 150 K", "telemetry.temperature.accuracy"),
    ("relative: 0.2 %", "relative: -0.2 %", "telemetry.current.relative"),
    ("relative: 0.2 %", "relative: 200 %", "telemetry.current.relative"),
    ("factor: 0.01", "factor: 0", "telemetry.soc.factor"),
    ("invalid: 65.535 V", "invalid: 70 V", "beyond what the DBC"),
    ("range: 2.0 V to 4.3 V", "range: 2.0 V to 1e9 V", "telemetry.cell voltage.range"),
    ("range: 2.0 V to 4.3 V", "range: 6.0 V to 5.9 V", "swap"),
    # what there is
    ("count: 4, chemistry", "count: 1000000000, chemistry", "cells.count"),
    ("temperatures: {count: 2", "temperatures: {count: 1000000000", "temperatures.count"),
    ("capacity: 20 Ah", "capacity: -20 Ah", "cells.capacity"),
    ("nominal voltage: 3.2 V", "nominal voltage: 320 V", "cells.nominal voltage"),
    ("beta: 3435 K", "beta: 0 K", "temperatures.beta"),
    ("beta: 3435 K", "beta: -3435 K", "temperatures.beta"),
    ("r25: 10 kΩ", "r25: 0 Ω", "temperatures.r25"),
    ("r25: 10 kΩ", "r25: -10 kΩ", "temperatures.r25"),
    ("beta: 3435 K", "table: [{at: 0 °C, is: 32 kΩ}]", "two points"),
    ("beta: 3435 K", "table: [{at: 0 °C, is: 3 kΩ}, {at: 9 °C, is: 0 Ω}]", "table[2].is"),
    ("supply: {voltage: 12 V}", "supply: {voltage: 1e9 V}", "supply.voltage"),
    ("supply: {voltage: 12 V}", "supply: {voltage: -12 V}", "supply.voltage"),
    ("cell voltage: 0 V to 4.5 V", "cell voltage: 0 V to 1e9 V", "limits.cell voltage"),
    ("cell voltage: 0 V to 4.5 V", "cell voltage: 0 V to 45 V", "limits.cell voltage"),
    ("temperature: -40 °C to 90 °C", "temperature: -300 °C to 90 °C", "limits.temperature"),
    ("temperature: -40 °C to 90 °C", "temperature: -40 °C to 900 °C", "limits.temperature"),
    ("charge current: 45 A", "charge current: 1e9 A", "limits.charge current"),
    ("bitrate: 500 kbit/s", "bitrate: 0 bit/s", "can.bitrate"),
    ("bitrate: 500 kbit/s", "bitrate: 500 Mbit/s", "can.bitrate"),
    ("baud: 115200", "baud: 1", "console.baud"),
    ("baud: 115200", "baud: 1000000000000", "console.baud"),
    ("nominal: {cells: 3.30 V", "nominal: {cells: 3.70 V", "beyond the threshold of cell overvol"),
    ("nominal: {cells: 3.30 V", "nominal: {cells: 2.40 V", "beyond the threshold of cell underv"),
    ("nominal: {cells: 3.30 V", "nominal: {cells: 3.645 V", "cell overvoltage"),
    ("temperatures: 25 °C, cur", "temperatures: 50 °C, cur", "charge overtemperature"),
    ("current: 0 A}", "current: 25 A}", "charge overcurrent 1"),
    ("threshold: 3.65 V ± 10 mV", "threshold: 3.65 V ± 10 nV", "finer than"),
    ("delay: 1.0 s ± 100 ms", "delay: 1.0 s ± 100 ns", "finer than"),
    (
        "period: 500 ms ± 5 ms",
        "period: 500 s ± 5 ms",
        "the DBC sends BMS_Temperatures every 500 ms",
    ),
    ("      period: 200 ms", "      period: 2 s", "the DBC sends HostAlive every 200 ms"),
    # outputs and protections
    ("closed above: 6 V", "closed above: -6 V", "outputs.charge path.closed above"),
    ("closed above: 6 V", "closed above: 0 V", "outputs.charge path.closed above"),
    ("closed above: 6 V", "closed above: 6 kV", "outputs.charge path.closed above"),
    ("    opens: charge path\n", "    opens: []\n", "keeps: [charge path, discharge path]"),
    ("    opens: charge path\n", "", "keeps: [charge path, discharge path]"),
    ("    opens: charge path\n", "    opens: discharge path\n", "opens and keeps"),
    ("threshold: 3.65 V ± 10 mV", "threshold: 3.65 V ± 5 V", "cell overvoltage"),
    ("threshold: 3.65 V ± 10 mV", "threshold: 3.65 V ± 0 mV", "tolerance of 0"),
    ("threshold: 22 A ± 0.5 A", "threshold: -22 A ± 0.5 A", "charge overcurrent 1"),
    ("threshold: 300 mV ± 15 mV", "threshold: -300 mV ± 15 mV", "cell imbalance"),
    ("{below: 3.50 V ± 10 mV", "{below: -3.50 V ± 10 mV", "limits"),
    ("{below: 3.50 V ± 10 mV", "{below: 3.50 V ± 200 mV", "overlap"),
    ("current below: 1 A", "current below: -1 A", "current below"),
    ("flags: {BMS_Status.OV: 1}", "flags: {BMS_Status.OV: 5}", "BMS_Status.OV holds 0 to 1"),
    ("flags: {BMS_Status.OV: 1}", "flags: {BMS_Status.OV: -1}", "BMS_Status.OV holds 0 to 1"),
    ("OVP: 1\n", "OVP: 100000\n", "events.codes.OVP"),
    ("counter last: 14", "counter last: 100", "counter last"),
    ("crc data id: 0x100", "crc data id: 0x10000", "crc data id"),
    ("lsb: {V: 0.001", "lsb: {V: 0", "events.lsb.V"),
    ("lsb: {V: 0.001", "lsb: {V: -0.001", "events.lsb.V"),
    # console
    ("clear faults: clear faults", 'clear faults: ""', "an empty command"),
    ("clear faults: clear faults", 'clear faults: "a\\nb"', "two lines"),
    ('ready: "bms: ready"', 'ready: ".*"', "matches every line"),
    ("longest line: 256", "longest line: 1000000000000", "console.longest line"),
    # balancing, energy, settings, resets
    ("  above: 3.40 V", "  above: 340 V", "balancing.above"),
    ("stops below: 3.38 V", "stops below: 3.48 V", "balancing.stops below"),
    ("until above lowest: 8 mV", "until above lowest: 80 mV", "balancing.until above lowest"),
    ("  accuracy: 5 mV\n  current: 100 mA", "  accuracy: 5 V\n  current: 100 mA", "balancing.acc"),
    ("current: 100 mA", "current: -100 mA", "balancing.current"),
    ("at rest for: 2 s", "at rest for: -2 s", "no time is negative"),
    ("dips to: 5 V", "dips to: 50 V", "resets.causes.brown-out.dips to"),
    ("works above: 8 V", "works above: 80 V", "resets.works above"),
    ("at: 2.833 V", "at: -2.833 V", "energy"),
    ("ordered from: 2 mV", "ordered from: -2 mV", "energy.state of charge.ordered from"),
    ("cells above: 3.50 V", "cells above: 350 V", "energy.full.cells above"),
    ("dips to: 0.5 V", "dips to: -0.5 V", "front end.dips to"),
    ("{3.45 V: 20 A, 3.60 V: 2 A, 3.65 V: 0 A}", "{3.45 V: -20 A, 3.60 V: 2 A}", "by cell volt"),
    ("name: esp32-4s", 'name: ""', "name"),
]


@pytest.mark.parametrize(("old", "new", "message"), PROFILE, ids=lambda t: t.strip()[:40])
def test_a_profile_that_can_not_be_meant(old: str, new: str, message: str, tmp_path: Path) -> None:
    _refused(_profile(old, new, tmp_path), message)


BENCHES = [
    ("limits: {voltage: 5 V, current: 1 A}", "limits: {voltage: 5 kV}", "emulator.limits.voltage"),
    ("limits: {voltage: 5 V, current: 1 A}", "limits: {voltage: 50 V}", "sets 6.000 V at most"),
    ("limits: {current: 110 A}", "limits: {current: 11 kA}", "load.limits.current"),
    ("limits: {voltage: 13 V, current", "limits: {voltage: 130 V, current", "aux.limits.voltage"),
    ("TCPIP::192.168.0.42::30000", "TCPIP::192.168.0.41::8003", "charger answers there"),
    ("TCPIP::192.168.0.42::30000", "tcpip0::192.168.0.41::8003", "charger answers there"),
    ("TCPIP::192.168.0.42::30000", "TCPIP::192.168.0.42::300000", "port 300000"),
    ("resource: TCPIP::192.168.0.123::7000::SOCKET", "resource: ${nope}", "nothing fills ${nope}"),
    ("resource: TCPIP::192.168.0.123::7000::SOCKET", "resource: ''", "an empty address"),
    ("resource: TCPIP::192.168.0.123::7000::SOCKET", "resource: emulator", "no VISA resource"),
    ("url: /dev/ttyUSB0", 'url: "${console}"', "nothing fills ${console}"),
    ("url: /dev/ttyUSB0", 'url: ""', "an empty address"),
    ("address: can0", "address: '${can'", "nothing fills ${can"),
    ("scale: 10 mV/A", "scale: 0 V/A", "wiring.current.scale"),
    ("scale: 10 mV/A", "scale: -10 mV/A", "wiring.current.scale"),
    ("span: 5 V}", "span: 5 V, divider: 0 V/V}", "wiring.cell 1.divider"),
    ("span: 5 V}", "span: 5 V, divider: -1 V/V}", "wiring.cell 1.divider"),
    ("span: 5 V}", "span: 1e9 V}", "wiring.cell 1.span"),
    ("span: 5 V}", "span: 5 mV}", "wiring.cell 1.span"),
    ("span: 5 V}", "span: 4 V}", "up to 4.500 V"),
    ("span: 5 V}", "span: 1000 V}", "wiring.cell 1.span"),
    ("meter: dmm 106, span: 15 V", "meter: dmm 106, span: 1000 V", "wiring.charge path.span"),
    ("meter: dmm 106, span: 15 V", "meter: dmm 106, span: 5 V", "closed above"),
    ("clock drift: 100 ppm", "clock drift: -100 ppm", "can.clock drift"),
    ("clock drift: 100 ppm", "clock drift: 50 %", "can.clock drift"),
    ("tolerance: 0.05 %", "tolerance: 500 %", "shunt.tolerance"),
    ("cell voltage: 4.5 V", "cell voltage: 1e9 V", "limits.cell voltage"),
    ("  current: 100 A", "  current: -100 A", "limits.current"),
    ("temperature: -40 °C to 90 °C", "temperature: -300 °C to 90 °C", "limits.temperature"),
    ("supply: 12.5 V", "supply: 12.5 kV", "limits.supply"),
    ("certificate: CAL-0001, due: 2027-03-31", "certificate: CAL-0001, due: 20270331", "a date"),
    ("bench: example-lab", 'bench: ""', "bench"),
    ("bench: example-lab", 'bench: "../x"', "bench"),
]


@pytest.mark.parametrize(("old", "new", "message"), BENCHES, ids=lambda t: t.strip()[:40])
def test_a_bench_that_can_not_be_meant(old: str, new: str, message: str, tmp_path: Path) -> None:
    _refused(check([_changed(LAB_BENCH, old, new, tmp_path / "bench.yaml")]), message)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[python, -m, rig.virtual, --dut, esp32-4s]", "[]", "an empty command"),
        ("[python, -m, rig.virtual, --dut, esp32-4s]", '[""]', "an empty command"),
        ("ready: json line", "within: -1 s", "no time is negative"),
        ("ready: json line", "within: 1e9 s", "start.within"),
        ("resource: ${load}", "resource: ${charger}", "charger answers there"),
        ("resource: ${load}", "resource: $load", "no VISA resource"),
    ],
)
def test_a_virtual_bench_that_can_not_be_meant(
    old: str, new: str, message: str, tmp_path: Path
) -> None:
    _refused(check([_changed(BENCH, old, new, tmp_path / "bench.yaml")]), message)


STAYS = "{charge path: stays closed}"
RAMP = (
    "ramp: {quantity: cell 3, from: 3.3 V, to: 3.7 V, step: 10 mV, dwell: 1.3 s,"
    " until: {charge path: open}}"
)
PLANS = [
    ("hold: 1e9 h", STAYS, "cases[1].steps[1].hold"),
    ("hold: -1 s", STAYS, "no time is negative"),
    ("random phase: 1e9 s", STAYS, "random phase"),
    ("set: {cell 3: 1e9 V}", STAYS, "set.cell 3"),
    ("set: {temperature 1: -300 °C}", STAYS, "set.temperature 1"),
    ("wait for: {charge path: open, within: -2 s}", STAYS, "no time is negative"),
    ("wait for: {charge path: open, within: 0 s}", STAYS, "more than 0"),
    ("wait for: {charge path: open, within: 1e9 h}", STAYS, "wait for.within"),
    (RAMP.replace("10 mV", "1 nV"), STAYS, "finer than"),
    (RAMP.replace("10 mV", "-10 mV"), STAYS, "without its sign"),
    (RAMP.replace("10 mV", "0 mV"), STAYS, "no height"),
    (RAMP.replace("10 mV", "3 V"), STAYS, "longer than the way"),
    (RAMP.replace("10 mV", "20 µV"), STAYS, "levels"),
    (RAMP.replace("1.3 s", "1.3 h"), STAYS, "ramp.dwell"),
    (RAMP.replace("to: 3.7 V", "to: 4.7 V"), STAYS, "4.700 V"),
    ("sequence: {quantity: cell 1, values: [3.3 V], every: 1 ns}", STAYS, "sequence.every"),
    (
        "sequence: {quantity: cell 1, values: [3.3 V], every: 1 h, times: 10000}",
        STAYS,
        "longer than 168 h",
    ),
    ("sequence: {quantity: cell 1, values: [3.3 V], every: 1 s, noise: 99 V}", STAYS, "cell 1"),
    ("send: {HostAlive: {}, times: 1000000000}", STAYS, "send.times"),
    ("send: {HostAlive: {}, every: -1 s}", STAYS, "no time is negative"),
    ("send: {HostAlive: {Alive: 99}}", STAYS, "HostAlive.Alive holds 0 to 15"),
    ("send: {HostAlive: {Alive: 0.5}}", STAYS, "HostAlive.Alive"),
    ("send: {HostAlive: {Alife: 1}}", STAYS, 'did you mean "Alive"'),
    ("start periodic: {HostAlive: {}, every: 0 s}", STAYS, "can't be meant"),
    ("start periodic: {HostAlive: {}, every: 100 ms, jitter: 1 s}", STAYS, "jitter"),
    ("bus load: {share: 50 %, burst: 1 s, times: 1000000000, from: 1, to: 2}", STAYS, "times"),
    ('type: ""', STAYS, "an empty line"),
    ('type: "a\\nb"', STAYS, "two lines"),
    ("hold: 1 s", "{BMS_Status.OV: stays 7}", "BMS_Status.OV holds 0 to 1"),
    ("hold: 1 s", "{BMS_Status.OV: {becomes: 2, within: 1 s, after: x}}", "holds 0 to 1"),
    ("hold: 1 s", "{charge path: {opens within: 1 s ± 5 s, after: x}}", "no time is negative"),
    ("hold: 1 s", "{charge path: {opens within: 1e9 s ± 1 s, after: x}}", "opens within"),
    ("hold: 1 s", "{BMS_Status: {every: 0 ms ± 5 ms}}", "every"),
    ("hold: 1 s", "{BMS_Status: {every: 100 ms ± 90 ms}}", "half"),
    ("hold: 1 s", "{BMS_Pack.SoC: {steps at most: -1}}", "steps at most"),
]


def _plan(step: str, expect: str, folder: Path) -> Path:
    plan = folder / "plan.yaml"
    plan.write_text(
        "plan: p\nfor: esp32-4s\ncases:\n  - name: n\n"
        f"    steps:\n      - {step}\n        as: x\n    expect:\n      - {expect}\n",
        encoding="utf-8",
    )
    return plan


@pytest.mark.parametrize(("step", "expect", "message"), PLANS, ids=lambda t: t.strip()[:60])
def test_a_plan_that_can_not_be_meant(step: str, expect: str, message: str, tmp_path: Path) -> None:
    _refused(check([_plan(step, expect, tmp_path)]), message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("plan: p\nfor: esp32-4s\ncases: [{family: trip, repeats: 10000}]\n", "more than 20,000"),
        ("plan: ''\nfor: esp32-4s\ncases: [{family: power up}]\n", "plan"),
        (
            "plan: p\nfor: esp32-4s\ncases: [{name: '!?', steps: [{hold: 1 s}],"
            " expect: [{charge path: stays closed}]}]\n",
            "no letter",
        ),
        (
            "plan: p\nfor: esp32-4s\ncases: [{name: n, steps: [{hold: 6 d}],"
            " expect: [{charge path: stays closed}]}]\n",
            "hold",
        ),
    ],
)
def test_a_whole_plan_that_can_not_be_meant(text: str, message: str, tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    plan.write_text(text, encoding="utf-8")

    _refused(check([plan]), message)


def test_a_case_of_more_than_a_week_is_refused(tmp_path: Path) -> None:
    plan = tmp_path / "plan.yaml"
    steps = "".join("      - hold: 24 h\n" for _ in range(8))
    plan.write_text(
        f"plan: p\nfor: esp32-4s\ncases:\n  - name: n\n    steps:\n{steps}    expect: [{STAYS}]\n",
        encoding="utf-8",
    )

    _refused(check([plan]), "longer than 168 h")


def test_a_folder_is_checked_with_all_of_its_files(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "fixtures/lab", tmp_path / "lab")
    _changed(
        ROOT / "fixtures/lab/benches/virtual-my-bms.yaml",
        "cell voltage: 4.5 V",
        "cell voltage: 4.5",
        tmp_path / "lab/benches/virtual-my-bms.yaml",
    )
    (tmp_path / "lab/out/runs/x-0001/inputs").mkdir(parents=True)
    (tmp_path / "lab/out/runs/x-0001/inputs/plan.yaml").write_text("no: plan\n")

    text = check([tmp_path / "lab"], dut=tmp_path / "lab/duts/my-bms").text()

    assert "virtual-my-bms.yaml" in text
    assert '"4.5" has no unit' in text
    assert "inputs" not in text


def test_a_folder_of_descriptions_that_are_well_lists_each() -> None:
    lines = check(["fixtures/benches", "fixtures/duts"]).text().splitlines()

    assert len(lines) == 9


def test_a_folder_without_descriptions_is_a_mistake(tmp_path: Path) -> None:
    assert "no description in this folder" in check([tmp_path]).text()


def test_missing_wires_are_listed_in_order_of_their_numbers(tmp_path: Path) -> None:
    bench = _changed(
        ROOT / "fixtures/benches/virtual-esp32-16s.yaml", "for:", "for:", tmp_path / "b.yaml"
    )
    text = bench.read_text(encoding="utf-8")
    gone = re.compile(r"  (cell|temperature) \d+:")
    kept = [line for line in text.splitlines() if not gone.match(line)]
    bench.write_text("\n".join(kept) + "\n", encoding="utf-8")

    lines = check([bench]).text().splitlines()

    named = [line.partition("nothing drives ")[2].split(" of ")[0] for line in lines]
    assert [n for n in named if n] == [
        *(f"cell {n}" for n in range(1, 17)),
        *(f"temperature {n}" for n in range(1, 5)),
    ]


def test_a_hint_names_all_that_is_known(tmp_path: Path) -> None:
    bench = _changed(
        ROOT / "fixtures/benches/virtual-esp32-16s.yaml",
        "wiring:",
        "wiring:\n  spark plug: {meter: dmm 320}",
        tmp_path / "b.yaml",
    )

    text = check([bench]).text()

    assert "cell 1 to 16, temperature 1 to 4, current, supply" in text
    assert "…" not in text.partition("spark plug")[2].splitlines()[0]


def test_a_wrong_number_of_cells_is_told_before_a_plan_is_expanded(tmp_path: Path) -> None:
    shutil.copy(DUT / "bms.dbc", tmp_path)
    _changed(DUT / "profile.yaml", "count: 4, chem", "count: 9000, chem", tmp_path / "profile.yaml")
    begin = time.perf_counter()

    report = check([ROOT / "testplans/smoke.yaml"], dut=tmp_path)

    _refused(report, 'no signal "Cell5_V"', "more mistakes in")
    assert len(report.text().splitlines()) <= 102
    assert time.perf_counter() - begin < 60.0
