"""What a bench file says, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from rig.bench.description import BenchFile, Terminal, load_bench
from rig.description import BrokenDescriptionError
from rig.errors import DescriptionError

ROOT = Path(__file__).parents[2]
VIRTUAL = ROOT / "fixtures" / "benches" / "virtual-esp32-4s.yaml"


@pytest.fixture(autouse=True)
def _from_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def changed(tmp_path: Path, old: str, new: str) -> Path:
    text = VIRTUAL.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "bench.yaml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


def test_wires_name_an_instrument_and_its_channel() -> None:
    bench = load_bench("virtual-esp32-4s")

    assert bench.wiring["cell 3"].source == Terminal(instrument="emulator", channel=3)
    assert bench.wiring["current"].charge == Terminal(instrument="charger", channel=0)
    assert bench.wiring["current"].scale == pytest.approx(0.01)


def test_what_the_started_process_says_fills_the_addresses() -> None:
    bench = load_bench("virtual-esp32-4s")
    said = {"emulator": "TCPIP::127.0.0.1::5000::SOCKET", "can": "c", "console": "rfc2217://x"}

    filled = bench.filled(said)

    assert filled.instruments["emulator"].resource == said["emulator"]
    assert filled.instruments["load"].resource == "${load}"  # what was not said stays
    assert filled.buses["can"].address == "c"
    assert filled.consoles["console"].url == "rfc2217://x"
    assert bench.instruments["emulator"].resource == "${emulator}"


def test_an_address_that_nothing_fills_is_refused_before_it_is_opened() -> None:
    filled = load_bench("virtual-esp32-4s").filled({"emulator": "TCPIP::127.0.0.1::5000::SOCKET"})

    with pytest.raises(DescriptionError, match=r"nothing fills \$\{charger\}"):
        filled.refuse_unfilled({"emulator": "x"})


def test_the_lab_bench_differs_in_addresses_clock_and_start_alone() -> None:
    lab, virtual = load_bench("example-lab"), load_bench("virtual-esp32-4s")

    assert lab.wiring == virtual.wiring
    assert lab.limits == virtual.limits
    assert {n: e.driver for n, e in lab.instruments.items()} == {
        n: e.driver for n, e in virtual.instruments.items()
    }
    assert (lab.clock, lab.start) == ("wall", None)


def test_a_certificate_has_a_date() -> None:
    entry = load_bench("example-lab").instruments["dmm"]

    assert entry.calibration is not None
    assert entry.calibration.due.isoformat() == "2027-03-31"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("from: emulator 1", "from: emulator 25", "no channel 25; its channels: 1 to 24"),
        ("meter: dmm 101", "meter: dmm 121", "its channels: 101 to 120, 201 to 220, 301 to 320"),
        ("from: emulator 2", "from: emulator 1", "emulator 1 is wired to cell 1 already"),
        ("charge: charger", "charge: load", "load is a Load .*; wire this to a Supply"),
        ("from: emulator 1", "from: 7", "is no instrument and channel"),
        ("driver: rigol-dho", "driver: rigol", 'did you mean "rigol-dho"'),
        ("clock: stepped", "clock: stepwise", 'did you mean "stepped"'),
        ("voltage: 5 V", "voltage: 5", '"5" has no unit'),
        ("scale: 10 mV/A", "scale: 10 mV", "a scale in volts per ampere is wanted"),
    ],
)
def test_a_wrong_bench_says_what_would_be_right(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    path = changed(tmp_path, old, new)

    with pytest.raises(BrokenDescriptionError, match=message):
        load_bench(path)


def test_a_stepped_clock_needs_a_process_to_step(tmp_path: Path) -> None:
    text = VIRTUAL.read_text(encoding="utf-8")
    begin, end = text.index("start:"), text.index("instruments:")
    path = tmp_path / "bench.yaml"
    path.write_text(text[:begin] + text[end:], encoding="utf-8")

    with pytest.raises(BrokenDescriptionError, match="must be started"):
        load_bench(path)


def test_a_bench_can_not_be_changed_once_read() -> None:
    bench = load_bench("virtual-esp32-4s")

    with pytest.raises(ValueError, match="frozen"):
        bench.clock = "wall"  # type: ignore[misc]

    assert isinstance(bench, BenchFile)
